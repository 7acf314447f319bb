-- The oldest and the newest live keys: sealed before and after a rotation, if there was one.
(SELECT id, sealed_secret FROM api_keys WHERE revoked_at IS NULL ORDER BY id LIMIT 50)
UNION
(SELECT id, sealed_secret FROM api_keys WHERE revoked_at IS NULL ORDER BY id DESC LIMIT 50)
