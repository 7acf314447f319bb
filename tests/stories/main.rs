//! Whole-system stories: real processes, a private database and queue prefix each, spoken to over
//! HTTP, AMQP and the command line only.

mod bad_input;
mod crashes;
mod fell_out;
mod first_light;
mod management;
mod outages;
mod poison;
mod reading;
mod retries;
