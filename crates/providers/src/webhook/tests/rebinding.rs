//! Names that have one address when they are looked at and another when they are called.

use carillon_test_support::{Step, WireFault};

use super::*;

const STRICT: EgressPolicy = EgressPolicy {
    allow_private: false,
};

/// The port of a server that answers `204` and closes the connection after each request.
async fn server() -> (WireFault, String) {
    let server = WireFault::start([Step::Answer {
        status: 204,
        headers: vec![("connection", "close".to_owned())],
        body: String::new(),
    }])
    .await;
    let url = server.url().replace("127.0.0.1", "hooks.example.com");
    (server, url)
}

async fn answer_of(policy: EgressPolicy, url: &str, answers: &Arc<Answers>) -> Answer {
    let webhooks = Webhooks::with_lookup(policy, PATIENCE, answers.clone()).unwrap();
    webhooks.call(&call(url, &[new_secret()])).await
}

#[tokio::test]
async fn a_name_that_turns_inside_after_it_was_saved_is_refused_at_the_connect() {
    let (server, url) = server().await;
    let url = url.replace("http:", "https:");
    assert!(vet_url(&url, STRICT).is_ok());
    for (address, why) in [
        ("127.0.0.1", "the host has a loopback address"),
        ("::1", "the host has a loopback address"),
        ("::ffff:127.0.0.1", "the host has a loopback address"),
        ("10.0.0.1", "the host has a private address"),
        ("64:ff9b::a00:1", "the host has a private address"),
        (
            "169.254.169.254",
            "the host has an address of a cloud's metadata service",
        ),
        ("0.0.0.0", "the host has an unspecified address"),
    ] {
        let answers = Answers::of(&[&[address]]);
        assert_eq!(answer_of(STRICT, &url, &answers).await, refused(why));
        // No search domain can be put after the name.
        assert_eq!(answers.asked(), ["hooks.example.com."]);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn one_forbidden_address_among_good_ones_refuses_the_call() {
    let (server, url) = server().await;
    let why = "the host has an address of a cloud's metadata service";
    for answer in [
        ["127.0.0.1", "169.254.169.254"],
        ["fd00:ec2::254", "127.0.0.1"],
    ] {
        let answers = Answers::of(&[&answer]);
        assert_eq!(answer_of(LENIENT, &url, &answers).await, refused(why));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_changes_between_two_connects_is_vetted_again() {
    let (server, url) = server().await;
    let answers = Answers::of(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let webhooks = Webhooks::with_lookup(LENIENT, PATIENCE, answers.clone()).unwrap();
    let secrets = [new_secret()];
    assert_eq!(webhooks.call(&call(&url, &secrets)).await, status(204));
    let why = "the host has an address of a cloud's metadata service";
    assert_eq!(webhooks.call(&call(&url, &secrets)).await, refused(why));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_address_that_was_vetted_is_the_one_that_is_connected_to() {
    let (server, url) = server().await;
    // Were it asked a second time for one connect, the connection would go nowhere.
    let answers = Answers::of(&[&["127.0.0.1"], &[]]);
    assert_eq!(answer_of(LENIENT, &url, &answers).await, status(204));
    assert_eq!(answers.asked(), ["hooks.example.com"]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_is_kept_is_used_whatever_the_name_says_now() {
    let server = WireFault::start([Step::answer(200, "text/plain", "thanks")]).await;
    let url = server.url().replace("127.0.0.1", "hooks.example.com");
    let answers = Answers::of(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let webhooks = Webhooks::with_lookup(LENIENT, PATIENCE, answers.clone()).unwrap();
    for _ in 0..3 {
        let answer = webhooks.call(&call(&url, &[new_secret()])).await;
        assert_eq!(answer, status(200));
    }
    assert_eq!(answers.asked().len(), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_unreachable() {
    let (_server, url) = server().await;
    let answers = Answers::of(&[&[]]);
    let answer = answer_of(LENIENT, &url, &answers).await;
    assert_eq!(answer, failed(CallFailure::Unreachable));
}

#[tokio::test]
async fn an_address_in_the_url_is_vetted_at_every_call() {
    let (server, _) = server().await;
    let why = "the host has a loopback address";
    let webhooks = Webhooks::new(STRICT, PATIENCE).unwrap();
    for url in [
        server.url().replace("http:", "https:"),
        server
            .url()
            .replace("http:", "https:")
            .replace("127.0.0.1", "2130706433"),
        server
            .url()
            .replace("http:", "https:")
            .replace("127.0.0.1", "[::ffff:7f00:1]"),
    ] {
        let answer = webhooks.call(&call(&url, &[new_secret()])).await;
        assert_eq!(answer, refused(why), "{url}");
    }
    // Saved while private networks were allowed.
    let answer = webhooks.call(&call(&server.url(), &[new_secret()])).await;
    assert_eq!(answer, refused("the URL must begin with https://"));
    assert!(server.requests().is_empty());
}
