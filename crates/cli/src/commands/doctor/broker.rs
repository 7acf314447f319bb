//! RabbitMQ: asks for the facts, and judges the broker itself. Its queues are judged in `queues`.

use std::time::Duration;

use carillon_amqp::inspect::{self, Greeting, Inspection};
use carillon_connect as connect;
use carillon_runtime::Settings;
use secrecy::ExposeSecret;

use super::check::Check;
use super::spelled::span;
use super::{address, queues};

/// The oldest version whose quorum queues have all that is declared.
const OLDEST: (u32, u32) = (3, 10);

/// Every accepted message waits for one round trip.
const FAR: Duration = Duration::from_millis(50);

/// A broker that does not greet within this time is as good as away.
const GREETS_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn examine(settings: &Settings, checks: &mut Vec<Check>) {
    if settings.amqp.url.expose_secret().is_empty() {
        let found = "amqp.url is missing";
        return checks.push(Check::problem("broker", found, "set AMQP_URL"));
    }
    let options = match connect::broker(settings, "carillon-doctor") {
        Ok(options) => options,
        Err(error) => {
            let todo = "correct AMQP_URL: amqp://user:password@host:port/vhost";
            return checks.push(Check::problem("broker", format!("{error:#}"), todo));
        }
    };
    let addresses = options.urls().into_iter().map(|url| {
        let is_tls = url.starts_with("amqps:");
        address::of(&url.into(), if is_tls { 5671 } else { 5672 })
    });
    let address = addresses.collect::<Vec<_>>().join(", ");
    let greeting = tokio::time::timeout(GREETS_WITHIN, inspect::greeting(&options));
    let (greeting, inspection) = tokio::join!(greeting, inspect::inspect(&options));
    checks.push(match greeting {
        Ok(Ok(greeting)) => version(greeting.as_ref()),
        // Connecting fails for the same reason, and says it.
        Ok(Err(_)) | Err(_) => Check::skipped("version", "the broker does not greet"),
    });
    match inspection {
        Ok(inspection) => {
            checks.push(broker(&address, inspection.round_trip));
            checks.push(alarm(&inspection));
            checks.extend(queues::checks(&inspection.queues, &settings.amqp.prefix));
        }
        Err(error) => {
            checks.push(unreachable(&address, &error.to_string()));
            checks.push(Check::skipped("queues", "RabbitMQ cannot be asked"));
        }
    }
}

fn unreachable(address: &str, error: &str) -> Check {
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let todo = if says(&[
        "ACCESS_REFUSED",
        "ACCESS-REFUSED",
        "NOT_ALLOWED",
        "NOT-ALLOWED",
    ]) {
        "correct user, password and vhost in AMQP_URL: rabbitmqctl list_users, rabbitmqctl \
         list_permissions -p VHOST"
            .to_owned()
    } else {
        format!(
            "see whether RabbitMQ runs and whether this host reaches {address}: rabbitmq-diagnostics \
             check_port_connectivity"
        )
    };
    Check::problem("broker", format!("{address}: {error}"), todo)
}

fn broker(address: &str, round_trip: Duration) -> Check {
    const NAME: &str = "broker";
    let found = format!("{address}, {}", span(round_trip));
    if round_trip > FAR {
        let todo = "run the API in the same network as RabbitMQ: every accepted message waits for a \
                    round trip";
        return Check::warning(NAME, found, todo);
    }
    Check::ok(NAME, found)
}

fn version(greeting: Option<&Greeting>) -> Check {
    const NAME: &str = "version";
    let Some(Greeting { product, version }) = greeting else {
        return Check::skipped(NAME, "not asked over TLS: see rabbitmqctl version");
    };
    let found = format!("{product} {version}");
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let (major, minor) = (parts.next().flatten(), parts.next().flatten());
    match (major, minor) {
        _ if product != "RabbitMQ" => Check::warning(
            NAME,
            found,
            "use RabbitMQ 3.10 or later: no other broker is tested",
        ),
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Check::ok(NAME, found),
        _ => Check::problem(NAME, found, "upgrade to RabbitMQ 3.10 or later"),
    }
}

fn alarm(inspection: &Inspection) -> Check {
    const NAME: &str = "alarms";
    if inspection.blocked {
        return Check::problem(
            NAME,
            "the broker takes no messages: it is short of memory or disk",
            "see which with rabbitmq-diagnostics check_alarms, and give the broker room; meanwhile \
             accepted messages go to PostgreSQL",
        );
    }
    Check::skipped(
        NAME,
        "the broker tells only those that publish: see rabbitmq-diagnostics check_alarms",
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn the_version_must_have_what_is_declared() {
        let of = |product: &str, number: &str| {
            let greeting = Greeting {
                product: product.to_owned(),
                version: number.to_owned(),
            };
            version(Some(&greeting))
        };
        assert_eq!(
            of("RabbitMQ", "3.10.5"),
            Check::ok("version", "RabbitMQ 3.10.5")
        );
        assert_eq!(of("RabbitMQ", "4.1.0-rc.1").state, State::Ok);
        assert_eq!(of("RabbitMQ", "3.9.29").state, State::Problem);
        assert_eq!(of("LavinMQ", "2.0.0").state, State::Warning);
        assert_eq!(version(None).state, State::Skipped);
    }

    #[test]
    fn the_advice_for_a_broker_that_cannot_be_used_fits_why() {
        let refused = unreachable("mq:5672", "ACCESS_REFUSED - Login was refused");
        assert!(refused.todo.unwrap().contains("password"));
        let away = unreachable("mq:5672", "Connection refused (os error 111)");
        assert!(away.todo.unwrap().contains("reaches mq:5672"));
    }

    #[test]
    fn an_alarm_is_a_problem_and_its_absence_proves_nothing() {
        let inspection = |blocked| Inspection {
            round_trip: Duration::from_millis(1),
            blocked,
            queues: Vec::new(),
        };
        assert_eq!(alarm(&inspection(true)).state, State::Problem);
        assert_eq!(alarm(&inspection(false)).state, State::Skipped);
    }

    #[test]
    fn a_distant_broker_is_a_warning() {
        let found = broker("mq:5672", Duration::from_micros(700));
        assert_eq!(found, Check::ok("broker", "mq:5672, 0.7 ms"));
        assert_eq!(
            broker("mq:5672", Duration::from_millis(80)).state,
            State::Warning
        );
    }
}
