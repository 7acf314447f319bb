-- The messages between two ids that a provider has and has not reported the end of.
SELECT count(*) AS n
FROM notifications n
WHERE n.id >= $1 AND n.id < $2
  AND n.status = ANY ($3)
  AND n.provider = $4
