//! The permissions of deploy/rabbitmq: a process works and cannot delete the only copy of a message.

use std::path::Path;

use carillon_amqp::inspect::{Found, inspect};
use carillon_amqp::{Error, Options, declare, topology};
use carillon_core::queue::{INBOXES, Queue};
use carillon_test_support::OwnRabbitmq;
use lapin::Connection;
use lapin::options::QueueDeleteOptions;

use crate::given::{Given, messages, next};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../deploy/rabbitmq/permissions.json"
);

/// The installation as a user sees it. The file names queues without a prefix.
fn as_user(broker: &OwnRabbitmq, user: &str) -> Given {
    let (_, host) = broker.url().split_once('@').expect("a user in the URL");
    Given {
        options: Options {
            url: format!("amqp://{user}:secret@{host}"),
            prefix: String::new(),
            connection_name: user.to_owned(),
        },
    }
}

async fn may_delete(given: &Given, queue: &str) -> bool {
    // A refusal closes the channel, so each question has its own.
    let (_connection, channel): (Connection, _) = given.channel().await;
    let options = QueueDeleteOptions::default();
    channel.queue_delete(queue.into(), options).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn under_its_permissions_a_process_works_and_cannot_delete_an_inbox() {
    let broker = OwnRabbitmq::new().await;
    let users = ["carillon-topology", "carillon-api", "carillon-worker"];
    for user in users {
        broker.ctl(&["add_user", user, "secret"]).await;
    }
    assert!(Path::new(FILE).exists());
    broker.ctl(&["import_definitions", FILE]).await;
    let [topology, api, worker] = users.map(|user| as_user(&broker, user));

    // Nobody has declared the inboxes, and a process may not.
    let refused = declare(&worker.options).await;
    let Err(Error::Unavailable(words)) = &refused else {
        panic!("{refused:?}");
    };
    assert!(words.contains("carillon queues declare"), "{words}");
    declare(&topology.options).await.unwrap();

    let (publisher, _publishing) = api.publisher().await;
    let all: Vec<_> = Queue::ALL.iter().flat_map(|q| messages(*q, 1)).collect();
    publisher.publish(&all).await.unwrap();
    for queue in [Queue::Database, Queue::SendEmail, Queue::SesCallbacks] {
        let (mut deliveries, consuming) = worker.consume(queue, 1);
        next(&mut deliveries).await.settle();
        consuming.stop().await;
    }
    let inspection = inspect(&worker.options).await.unwrap();
    for at in inspection.queues {
        let is_there = matches!(at.found, Found::There { .. });
        assert!(is_there, "{}: {:?}", at.name, at.found);
    }
    let only_copies = INBOXES
        .into_iter()
        .chain([Queue::SesCallbacks, Queue::SmsCallbacks]);
    for queue in only_copies {
        for name in [topology::name("", queue), topology::dead_name("", queue)] {
            for given in [&api, &worker] {
                let user = &given.options.connection_name;
                assert!(!may_delete(given, &name).await, "{user} deleted {name}");
            }
        }
    }
    // What can be rebuilt from PostgreSQL a process declares again, so it may delete it too.
    assert!(may_delete(&worker, "send-email").await);
    declare(&worker.options).await.unwrap();
    broker.destroy().await;
}
