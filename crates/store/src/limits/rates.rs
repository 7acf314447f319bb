//! Leasing blocks of requests from the budgets that all processes of the API share.

use carillon_core::api_key::KeyType;
use carillon_core::id::ServiceId;
use diesel::sql_types::{Array, Double, Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    LeaseRates = "lease_rates.sql" {
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        key_types: Vec<KeyType> => Array<Text>,
        limits: Vec<i32> => Array<Integer>,
        wanted: Vec<i32> => Array<Integer>,
    }
}

/// What a process asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateAsk {
    /// The tenant.
    pub service_id: ServiceId,
    /// The keys.
    pub key_type: KeyType,
    /// Requests in a minute.
    pub limit: u32,
    /// Requests that are asked for.
    pub wanted: u32,
}

/// What it is granted.
#[derive(Debug, Clone, Copy, PartialEq, diesel::QueryableByName)]
pub struct RateGrant {
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// The keys.
    #[diesel(sql_type = Text)]
    pub key_type: KeyType,
    /// Requests, at most as many as were asked for.
    #[diesel(sql_type = Integer)]
    pub granted: i32,
    /// What is left in the budget.
    #[diesel(sql_type = Double)]
    pub left: f64,
}

/// Leases for any number of budgets, each asked for once; the answers are in no particular order. A
/// budget is full when it is first asked, and fills up by the database's clock.
///
/// # Errors
/// When PostgreSQL is away; what it may have granted is lost then.
pub async fn lease_rates(store: &Store, asks: &[RateAsk]) -> Result<Vec<RateGrant>> {
    let n = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let lease = LeaseRates {
        service_ids: asks.iter().map(|ask| ask.service_id).collect(),
        key_types: asks.iter().map(|ask| ask.key_type).collect(),
        limits: asks.iter().map(|ask| n(ask.limit)).collect(),
        wanted: asks.iter().map(|ask| n(ask.wanted)).collect(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(lease.load(&mut conn)).await
}
