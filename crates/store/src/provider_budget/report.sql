UPDATE provider_budgets SET reported_per_second = $1::float8 WHERE provider = $2
