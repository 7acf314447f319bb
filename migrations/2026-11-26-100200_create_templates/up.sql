CREATE TABLE templates (
    id uuid PRIMARY KEY,
    service_id uuid NOT NULL REFERENCES services,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    name text NOT NULL CHECK (name <> ''),
    lane text NOT NULL DEFAULT 'normal' CHECK (lane IN ('priority', 'normal', 'bulk')),
    archived boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at timestamptz NOT NULL DEFAULT carillon_now(),
    updated_at timestamptz
);
COMMENT ON TABLE templates IS 'Templates; their text is in template_versions.';
-- A service's templates are listed together.
CREATE INDEX templates_service ON templates (service_id);

CREATE TABLE template_versions (
    template_id uuid NOT NULL REFERENCES templates,
    version integer NOT NULL CHECK (version > 0),
    subject text,
    body text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT carillon_now(),
    PRIMARY KEY (template_id, version)
);
COMMENT ON TABLE template_versions IS 'Every edit appends a version; a version never changes.';
