//! The store against a real PostgreSQL: one file per theme, a database per test.

mod claim;
mod diagnosis;
mod given;
mod hot;
mod keys;
mod mark;
mod migrations;
mod outage;
mod plans;
mod providers;
mod reading;
mod receipts;
mod rescue;
mod save;
mod schedule;
mod services;
mod tables;
mod templates;
mod waiting;
