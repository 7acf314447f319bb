-- Two looks at the watermarks, so far apart that nobody has in hand any more what was taken out
-- before the first of them.
WITH c AS MATERIALIZED (
    SELECT carillon_now() AS now, $1::bigint * interval '1 millisecond' AS held
), seen AS (
    SELECT i.lane, min(w.published_at) AS watermark
    FROM unnest($2::text[], $3::text[]) AS i (lane, queue)
    LEFT JOIN lane_watermarks w USING (queue)
    GROUP BY i.lane
    HAVING count(*) = count(w.queue)
)
INSERT INTO ledger_lanes AS l (lane, watermark, seen_at)
SELECT s.lane, s.watermark, c.now
FROM seen s, c
ON CONFLICT (lane) DO UPDATE
SET watermark = excluded.watermark,
    seen_at = excluded.seen_at,
    taken_out_until = l.watermark
WHERE l.seen_at <= excluded.seen_at - (SELECT held FROM c)
