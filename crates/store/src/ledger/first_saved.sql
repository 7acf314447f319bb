SELECT n.id
FROM notifications n
WHERE n.id >= $1 AND n.id < $2
ORDER BY n.id
LIMIT 1
