//! Table definitions, apart from the queries: checking a query after an edit then takes a second
//! instead of ten.
//!
//! Only tables that are queried through diesel's DSL stand here. The partitioned ones
//! (`notifications`, `notification_events`) are reached by the prepared statements of
//! `carillon-store` alone. A test in `carillon-store` compares this file with the migrated database.

mod tables;

pub use tables::*;
