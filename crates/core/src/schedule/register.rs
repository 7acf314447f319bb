//! The register: every task that runs by the clock. Spread over the hour, so that they do not meet.

use super::ScheduledTask;

/// Creates the partitions of the days ahead.
pub const KEEP_PARTITIONS_AHEAD: ScheduledTask = ScheduledTask {
    name: "keep-partitions-ahead",
    cron: "0 7 * * * *",
    purpose: "create the daily partitions of notifications and their timeline a week ahead",
};

/// Removes slots that nobody will ask for again.
pub const FORGET_OLD_SLOTS: ScheduledTask = ScheduledTask {
    name: "forget-old-slots",
    cron: "0 41 3 * * *",
    purpose: "remove schedule slots older than thirty days",
};

/// Ends what has been open for too long.
pub const TIME_OUT_SENDING: ScheduledTask = ScheduledTask {
    name: "time-out-sending",
    cron: "0 23 * * * *",
    purpose: "end messages that were never sent, or of which no receipt came, in [sending] give_up_after_h",
};

/// Removes references that no receipt will name any more.
pub const FORGET_PROVIDER_REFERENCES: ScheduledTask = ScheduledTask {
    name: "forget-provider-references",
    cron: "0 37 * * * *",
    purpose: "remove provider references older than four days",
};

/// Looks whether all rows of finished jobs are there.
pub const CHECK_FOR_MISSING_ROWS: ScheduledTask = ScheduledTask {
    name: "check-for-missing-rows",
    cron: "0 * * * * *",
    purpose: "count the rows of jobs that have finished since, and save again what is missing",
};

/// Removes jobs that are older than their service keeps them.
pub const REMOVE_OLD_JOBS: ScheduledTask = ScheduledTask {
    name: "remove-old-jobs",
    cron: "0 11 * * * *",
    purpose: "remove jobs and what they were to send, when their service's retention is over",
};

/// Removes idempotency keys that count no more.
pub const FORGET_IDEMPOTENCY_KEYS: ScheduledTask = ScheduledTask {
    name: "forget-idempotency-keys",
    cron: "0 53 * * * *",
    purpose: "remove idempotency keys, and the answers kept for them, after 24 hours",
};

/// Takes weight from slow providers.
pub const SWITCH_ON_SLOW_DELIVERY: ScheduledTask = ScheduledTask {
    name: "switch-on-slow-delivery",
    cron: "20 * * * * *",
    purpose: "move ten points of weight from providers that deliver slowly to others of their channel",
};

/// Gives weights back.
pub const TEND_PROVIDERS_BACK: ScheduledTask = ScheduledTask {
    name: "tend-providers-back",
    cron: "40 */5 * * * *",
    purpose: "move weights that nobody touched for 15 minutes back towards where an operator put them",
};

/// Counts bounces, and stops what bounces too much.
pub const WATCH_BOUNCES: ScheduledTask = ScheduledTask {
    name: "watch-bounces",
    cron: "30 * * * * *",
    purpose: "add up what was sent and what bounced, stop services that bounce too much, send on what was released",
};

/// Removes counts that nobody reads any more.
pub const FORGET_OLD_COUNTS: ScheduledTask = ScheduledTask {
    name: "forget-old-counts",
    cron: "0 57 3 * * *",
    purpose: "remove daily counts older than 35 days and hourly bounce counts older than two",
};

/// Counts what was accepted and what is there.
pub const CHECK_LEDGER: ScheduledTask = ScheduledTask {
    name: "check-ledger",
    cron: "15 * * * * *",
    purpose: "compare what was accepted in each minute with where it is, and say what is missing",
};

/// The list.
pub const ALL: &[ScheduledTask] = &[
    KEEP_PARTITIONS_AHEAD,
    FORGET_OLD_SLOTS,
    TIME_OUT_SENDING,
    FORGET_PROVIDER_REFERENCES,
    CHECK_FOR_MISSING_ROWS,
    REMOVE_OLD_JOBS,
    FORGET_IDEMPOTENCY_KEYS,
    SWITCH_ON_SLOW_DELIVERY,
    TEND_PROVIDERS_BACK,
    WATCH_BOUNCES,
    FORGET_OLD_COUNTS,
    CHECK_LEDGER,
];
