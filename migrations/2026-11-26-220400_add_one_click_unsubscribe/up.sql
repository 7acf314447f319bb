-- A constant default: nothing is rewritten, and the lock is held for an instant.
ALTER TABLE services ADD COLUMN one_click_unsubscribe boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN services.one_click_unsubscribe IS
    'Whether its e-mail gets our own unsubscribe link where a request names none.';
