INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
SELECT n.id, e.seq, now(), e.event, e.reason, e.actor,
    CASE WHEN e.seq = 2 THEN jsonb_build_object(
            'provider', n.provider, 'attempt', 1, 'outcome', 'accepted', 'detail', NULL,
            'reference', n.provider_reference)
         WHEN e.seq = 3 THEN jsonb_build_object(
            'kind', 'delivered', 'detail', NULL, 'event_id', n.provider_reference || '-0') END
FROM notifications n,
    (VALUES (1, 'accepted', NULL, 'api'), (2, 'attempted', NULL, 'worker'),
        (3, 'receipt', 'delivered', 'sandbox-email')) AS e (seq, event, reason, actor)
WHERE n.status = 'delivered'
ON CONFLICT (notification_id, seq) DO NOTHING
