-- A handful of rows: the checks are proved at once.
ALTER TABLE providers
    ADD COLUMN resting_weight integer NOT NULL DEFAULT 100 CHECK (resting_weight BETWEEN 0 AND 100),
    ADD COLUMN rate_per_second integer CHECK (rate_per_second BETWEEN 1 AND 100000);
UPDATE providers SET resting_weight = weight;
COMMENT ON COLUMN providers.weight IS
    'Its share now: balancing moves it away from slow providers and back.';
COMMENT ON COLUMN providers.resting_weight IS 'Its share as an operator set it, where weight comes to rest.';
COMMENT ON COLUMN providers.rate_per_second IS
    'The most calls per second of all processes together; null is no limit.';

CREATE TABLE provider_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    at timestamptz NOT NULL DEFAULT carillon_now(),
    actor text NOT NULL,
    reason text,
    before jsonb,
    after jsonb,
    CHECK (before IS NOT NULL OR after IS NOT NULL)
);
COMMENT ON TABLE provider_changes IS
    'Every change of a provider with its reason, written with it; no secrets. What was removed has no after.';
-- Read by `provider history`, newest first. It costs one entry for each change.
CREATE INDEX provider_changes_provider ON provider_changes (provider, id);

-- A constant default: nothing is rewritten, and the lock is held for an instant.
ALTER TABLE templates
    ADD COLUMN when_answer_lost text NOT NULL DEFAULT 'retry'
        CHECK (when_answer_lost IN ('retry', 'hold', 'give-up'));
COMMENT ON COLUMN templates.when_answer_lost IS
    'What follows when a provider may have a message and its answer was lost.';
