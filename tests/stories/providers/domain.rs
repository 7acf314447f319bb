//! Whether mail from a domain will be believed.

use std::net::UdpSocket;

use carillon_test_support::{Stack, StackOptions};

use super::shell::{Shell, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_dns_does_not_answer_for_is_not_called_fine() {
    let shell = Shell::new().await;
    // Bound and never read: a resolver that is silent.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = silent.local_addr().unwrap().to_string();
    let check = format!("check example.org --resolver {resolver}");
    let text = refused(shell.provider(&check).await, 1);
    assert!(text.contains("example.org: not fine yet"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_not_judged_by_half_of_the_providers() {
    let stack = Stack::start(StackOptions::default()).await;
    let newer = "UPDATE providers SET settings = '{\"newer\": 1}' WHERE name = 'sandbox-email'";
    stack.database.execute(newer).await;
    let check = "/api/sender-domains/example.org";
    let (status, problem) = stack.get(check, &stack.admin()).await;
    assert_eq!(status, 500, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("provider \"sandbox-email\""), "{problem}");
}
