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
        email_retention_days -> Int4,
        sms_retention_days -> Int4,
        rate_limit -> Nullable<Int4>,
        email_daily_limit -> Nullable<Int4>,
        sms_daily_limit -> Nullable<Int4>,
        email_braked_at -> Nullable<Timestamptz>,
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
        when_answer_lost -> Text,
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
        resting_weight -> Int4,
        rate_per_second -> Nullable<Int4>,
    }
}

diesel::table! {
    provider_changes (id) {
        id -> Int8,
        provider -> Text,
        at -> Timestamptz,
        actor -> Text,
        reason -> Nullable<Text>,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
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
        version -> Int4,
        call_ms -> Int4,
    }
}

diesel::table! {
    jobs (id) {
        id -> Uuid,
        service_id -> Uuid,
        template_id -> Uuid,
        api_key_id -> Nullable<Uuid>,
        sender_id -> Nullable<Uuid>,
        retry_of -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        scheduled_for -> Nullable<Timestamptz>,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        checked_at -> Nullable<Timestamptz>,
        relayed_at -> Nullable<Timestamptz>,
        template_version -> Int4,
        n_rows -> Int4,
        n_invalid_rows -> Int4,
        status -> Text,
        status_reason -> Nullable<Text>,
        row_change -> Nullable<Text>,
        row_change_at -> Nullable<Timestamptz>,
        row_change_after -> Nullable<Uuid>,
        channel -> Text,
        lane -> Text,
        key_type -> Text,
        queue -> Text,
        name -> Text,
        sender -> Nullable<Text>,
        storage -> Text,
        trace_id -> Nullable<Uuid>,
        trace_span -> Nullable<Int8>,
    }
}

diesel::table! {
    job_payloads (job_id, chunk) {
        job_id -> Uuid,
        chunk -> Int4,
        payload -> Bytea,
    }
}

diesel::table! {
    idempotency_keys (service_id, key) {
        service_id -> Uuid,
        key -> Text,
        fingerprint -> Bytea,
        sealed_answer -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    service_brakes (service_id, braked_at) {
        service_id -> Uuid,
        braked_at -> Timestamptz,
        sent -> Int8,
        hard_bounced -> Int8,
        released_at -> Nullable<Timestamptz>,
        released_by -> Nullable<Text>,
        release_reason -> Nullable<Text>,
        rows_released_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(template_versions -> templates (template_id));
diesel::allow_tables_to_appear_in_same_query!(templates, template_versions);
