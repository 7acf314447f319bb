//! The tables.

#![expect(
    missing_docs,
    reason = "each table is described by COMMENT ON in its migration"
)]

diesel::table! {
    services (id) {
        id -> Uuid,
        name -> Text,
        active -> Bool,
        restricted -> Bool,
        high_volume -> Bool,
        region -> Text,
        email_from -> Text,
        channels -> Array<Text>,
        created_at -> Timestamptz,
        one_click_unsubscribe -> Bool,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        service_id -> Uuid,
        name -> Text,
        key_type -> Text,
        sealed_secret -> Bytea,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    service_senders (id) {
        id -> Uuid,
        service_id -> Uuid,
        channel -> Text,
        value -> Text,
        is_default -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    service_safelist (service_id, channel, normalised_recipient) {
        service_id -> Uuid,
        channel -> Text,
        normalised_recipient -> Text,
    }
}

diesel::table! {
    templates (id) {
        id -> Uuid,
        service_id -> Uuid,
        channel -> Text,
        name -> Text,
        lane -> Text,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    template_versions (template_id, version) {
        template_id -> Uuid,
        version -> Int4,
        subject -> Nullable<Text>,
        body -> Text,
        created_by -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    providers (name) {
        name -> Text,
        kind -> Text,
        channel -> Text,
        active -> Bool,
        weight -> Int4,
        settings -> Jsonb,
        updated_at -> Timestamptz,
        sealed_credentials -> Nullable<Bytea>,
    }
}

diesel::table! {
    suppressions (service_id, channel, recipient, reason) {
        service_id -> Uuid,
        channel -> Text,
        recipient -> Text,
        reason -> Text,
        source_notification_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    service_callbacks (id) {
        id -> Uuid,
        service_id -> Uuid,
        kind -> Text,
        url -> Text,
        sealed_token -> Bytea,
        sealed_secrets -> Bytea,
        active -> Bool,
        disabled_reason -> Nullable<Text>,
        n_failures -> Int4,
        paused_until -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::joinable!(template_versions -> templates (template_id));
diesel::allow_tables_to_appear_in_same_query!(templates, template_versions);
