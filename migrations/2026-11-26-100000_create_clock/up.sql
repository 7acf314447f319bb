-- The one clock. Leases, due times and slots are written and compared with carillon_now(), so that
-- processes with differing host clocks agree, and tests can move time.
CREATE TABLE clock_offset (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    "offset" interval NOT NULL
);
COMMENT ON TABLE clock_offset IS 'Empty outside tests: moves carillon_now() for this database.';

CREATE FUNCTION carillon_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT clock_timestamp() + coalesce((SELECT "offset" FROM clock_offset), interval '0') $$;
COMMENT ON FUNCTION carillon_now() IS 'The time by which everything in this database is decided.';
