//! Whole-system stories: real processes, a private database and queue prefix each, spoken to over
//! HTTP, AMQP and the command line only.

mod ambiguity;
mod aws;
mod bad_input;
mod bulk;
mod callbacks;
mod crashes;
mod doctor;
mod failover;
mod fairness;
mod fell_out;
mod first_light;
mod first_message;
mod idempotency;
mod jobs;
mod ledger;
mod limits;
mod management;
mod outages;
mod poison;
mod provider_callbacks;
mod providers;
mod reading;
mod retries;
mod suppression;
mod templates;
mod traces;
mod upgrade;
