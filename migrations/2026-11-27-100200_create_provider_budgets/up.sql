-- Small, and gone with its provider. Its rows are updated several times a second by every busy
-- worker; no index but the key, so these updates are HOT, and room is left for them.
CREATE TABLE provider_budgets (
    provider text PRIMARY KEY REFERENCES providers ON DELETE CASCADE,
    tokens double precision NOT NULL DEFAULT 0,
    refilled_at timestamptz NOT NULL DEFAULT carillon_now(),
    reported_per_second double precision CHECK (reported_per_second > 0),
    asked_at timestamptz
) WITH (fillfactor = 30);
COMMENT ON TABLE provider_budgets IS
    'How many calls a provider may get now, of all workers together: workers borrow from it.';
COMMENT ON COLUMN provider_budgets.reported_per_second IS
    'What the account may send in a second, as the provider itself says; in force where no rate is set.';
COMMENT ON COLUMN provider_budgets.asked_at IS
    'When a worker last took it upon itself to ask the provider for that.';
