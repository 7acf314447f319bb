SELECT carillon_now() AS now
