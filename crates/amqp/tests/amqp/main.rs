//! Publishing and consuming against a real RabbitMQ: a queue prefix per test.

mod broken;
mod consume;
mod given;
mod inspect;
mod outage;
mod permissions;
mod publish;
mod topology;
