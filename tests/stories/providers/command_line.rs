//! Providers on the command line.

use serde_json::Value;

use super::SECRET;
use super::shell::{Shell, refused};

#[tokio::test(flavor = "multi_thread")]
async fn providers_change_places_on_the_command_line() {
    let shell = Shell::new().await;
    let add = "add smtp --host mail.example.org --only";
    let said = shell.provider(add).await.unwrap();
    assert!(
        said.contains("set provider \"sandbox-email\" inactive"),
        "{said}"
    );
    let active = |name: &str, is_so| (name.to_owned(), is_so);
    let expected = [
        active("sandbox-email", false),
        active("sandbox-sms", true),
        active("smtp", true),
    ];
    assert_eq!(shell.names().await, expected);

    let text = refused(shell.provider("remove smtp").await, 1);
    assert!(text.contains("last active provider of email"), "{text}");
    let text = refused(shell.provider("set smtp --region eu-west-1").await, 2);
    assert!(text.contains("region"), "{text}");
    let text = refused(shell.provider("set smtp --username ada").await, 2);
    assert!(text.contains("--password-file"), "{text}");
    shell
        .provider("set smtp --port 2525 --weight 40")
        .await
        .unwrap();
    let shown = shell.provider("show smtp").await.unwrap();
    assert!(
        shown.contains("port: 2525") && shown.contains("100 % of email"),
        "{shown}"
    );
    let history = shell.provider("history smtp").await.unwrap();
    assert!(
        history.contains("settings.port none → 2525") && history.contains("weight 100 → 40"),
        "{history}"
    );
    for line in ["set smtp --active false", "disable smtp", "drain smtp"] {
        let text = refused(shell.provider(line).await, 1);
        assert!(
            text.contains("last active provider of email") && text.contains("--force"),
            "{text}"
        );
    }
    let said = shell.provider("disable smtp --force").await.unwrap();
    assert!(said.contains("No active provider"), "{said}");
    shell.provider("remove smtp").await.unwrap();
    let text = refused(shell.provider("show smtp").await, 1);
    assert!(text.contains("does not exist"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_may_come_from_the_environment() {
    let mut shell = Shell::new().await;
    let add = "add smtp relay --host mail.example.org --username ada";
    let text = refused(shell.provider(add).await, 2);
    assert!(text.contains("CARILLON_PROVIDER_PASSWORD"), "{text}");
    shell
        .env
        .push(("CARILLON_PROVIDER_PASSWORD", SECRET.to_owned()));
    shell.provider(add).await.unwrap();
    shell.env.pop();
    let shown = shell.provider("show relay --format json").await.unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["has_credentials"], true);
    shell.provider("set relay --no-credentials").await.unwrap();
    let shown = shell.provider("show relay").await.unwrap();
    assert!(shown.contains("credentials: none"), "{shown}");
}
