UPDATE jobs SET relayed_at = NULL WHERE id = ANY ($1)
