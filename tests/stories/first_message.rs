//! A person's first message: `docs/first-message.md` does what it says, and `carillon send` tells
//! what becomes of a message.

use std::path::Path;
use std::process::Command;

use carillon_test_support::{
    Environment, MailServer, MailServerOptions, Process, Stack, StackOptions,
};
use serde_json::Value;

const GUIDE: &str = include_str!("../../docs/first-message.md");
/// 32 bytes; the shell of the guide has the key of the processes, as after `./dev env`.
const ENCRYPTION_KEY: &str = "Zmlyc3QtbWVzc2FnZS1zdG9yaWVzLTMyLWJ5dGVzISE=";

/// The guide's blocks of one language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    let blocks = GUIDE.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split_once("\n```").expect("the block ends").0)
        .collect()
}

async fn stack() -> Stack {
    let key = ("CARILLON__SECURITY__ENCRYPTION_KEY", ENCRYPTION_KEY.into());
    Stack::start(StackOptions {
        env: vec![key],
        ..StackOptions::default()
    })
    .await
}

/// What `./dev env` gives to a shell.
fn shell_env(stack: &Stack) -> Vec<(&'static str, String)> {
    vec![
        ("CARILLON_URL", stack.api_url.clone()),
        ("DATABASE_URL", stack.database.url.clone()),
        ("ADMIN_TOKEN", stack.admin_token.clone()),
        ("CARILLON__SECURITY__ENCRYPTION_KEY", ENCRYPTION_KEY.into()),
        ("SERVICE_ID", stack.demo("SERVICE_ID").into()),
        ("API_KEY", stack.demo("API_KEY").into()),
    ]
}

/// Runs commands in one shell, as a person pastes them, and returns what they print.
async fn paste(script: String, env: Vec<(&'static str, String)>) -> String {
    let bin_dir = Environment::get().bin_dir().display().to_string();
    let mut shell = Command::new("bash");
    shell
        .args(["-eu", "-c", &script])
        .env_clear()
        .env("PATH", format!("{bin_dir}:/usr/local/bin:/usr/bin:/bin"))
        .envs(env);
    let output = tokio::task::spawn_blocking(move || shell.output());
    let output = output.await.unwrap().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{stdout}\n{stderr}");
    stdout
}

/// Times differ from run to run.
fn without_digits(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_brings_an_email_into_a_mail_server() {
    let stack = stack().await;
    let mail = MailServer::start(MailServerOptions::default()).await;
    let commands = blocks("sh");
    let (provider, rest) = commands.split_first().unwrap();
    assert!(provider.contains("--port 2525"), "{provider}");
    let provider = provider.replace("--port 2525", &format!("--port {}", mail.port()));
    paste(provider, shell_env(&stack)).await;
    let printed = paste(rest.join("\n"), shell_env(&stack)).await;

    // The test of `provider add`, then the message.
    let messages = mail.messages();
    assert_eq!(messages.len(), 2, "{messages:?}\n{printed}");
    assert_eq!(messages[1]["to"], serde_json::json!(["you@example.org"]));
    let data = messages[1]["data"].as_str().unwrap();
    for part in [
        "Subject: Welcome, Ada",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "Dear Ada,",
        "Your account is ready",
    ] {
        assert!(data.contains(part), "{part} in {data}");
    }

    // The watch is the last that is printed, and ends as the guide shows.
    let shown: Vec<&str> = blocks("text")[0].lines().collect();
    let lines: Vec<&str> = printed.lines().collect();
    let watched = &lines[lines.len() - shown.len()..];
    assert_eq!(
        without_digits(watched.last().unwrap()),
        without_digits(shown.last().unwrap())
    );
    for (line, shown) in watched.iter().zip(&shown) {
        let event = |line: &str| {
            without_digits(line)
                .split_whitespace()
                .nth(1)
                .map(str::to_owned)
        };
        assert_eq!(event(line), event(shown), "{printed}");
    }
    stack.assert_settled().await;
}

#[test]
fn the_guide_names_files_that_exist() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let links: Vec<&str> = GUIDE
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.starts_with("https://"))
        .collect();
    assert!(links.len() > 2, "{links:?}");
    for link in links {
        assert!(docs.join(link).exists(), "{link}");
    }
}

/// Runs `carillon send`; an error begins with the exit code.
async fn send(env: &[(&'static str, String)], args: &str) -> Result<String, String> {
    let args: Vec<&str> = ["send"].into_iter().chain(args.split(' ')).collect();
    Process::run("carillon", env.iter().cloned(), &args).await
}

fn without(env: &[(&'static str, String)], names: &[&str]) -> Vec<(&'static str, String)> {
    let kept = env.iter().filter(|(name, _)| !names.contains(name));
    kept.cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_message_is_followed_wherever_its_life_can_be_read() {
    let stack = stack().await;
    let (template, env) = (stack.demo("EMAIL_TEMPLATE_ID"), shell_env(&stack));
    let line = format!("email --to a@example.org --template {template} --set name=Ada --watch");
    for (source, missing) in [
        ("database", vec!["ADMIN_TOKEN"]),
        ("administrator", vec!["DATABASE_URL"]),
        ("service", vec!["DATABASE_URL", "ADMIN_TOKEN"]),
    ] {
        let printed = send(&without(&env, &missing), &line).await.unwrap();
        assert!(printed.starts_with("accepted notification "), "{printed}");
        let last = printed.lines().last().unwrap();
        assert!(last.starts_with("delivered +"), "{source}: {printed}");
        let has_receipt = printed.contains("receipt-delivered: ");
        assert_eq!(has_receipt, source != "service", "{source}: {printed}");
    }

    let printed = send(&env, &format!("{line} --format json")).await.unwrap();
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["status"], "delivered");
    assert_eq!(document["events"][0]["event"], "accepted");
    stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_of_a_send_says_what_became_of_the_message() {
    let stack = stack().await;
    let (template, env) = (stack.demo("SMS_TEMPLATE_ID"), shell_env(&stack));
    let line = format!("sms --template {template} --set name=Ada");

    let printed = send(&env, &format!("{line} --to 07700900123"))
        .await
        .unwrap();
    assert!(printed.starts_with("accepted notification "), "{printed}");

    // A number of the sandbox that fails for good.
    let failed = send(&env, &format!("{line} --to 07700900002 --watch")).await;
    let failed = failed.unwrap_err();
    assert!(failed.starts_with("exit status: 1"), "{failed}");
    assert!(failed.contains("-failure"), "{failed}");

    let at = (carillon_core::clock::now() + chrono::Duration::hours(1)).to_rfc3339();
    let late = format!("{line} --to 07700900123 --scheduled-for {at} --watch --timeout 1");
    let late = send(&env, &late).await.unwrap_err();
    assert!(late.starts_with("exit status: 3"), "{late}");
    assert!(late.contains("is created after 1 s"), "{late}");

    // Every message of the API, and nothing accepted.
    let refused = format!("email --to nobody --template {template} --unsubscribe-url ftp://x");
    let refused = send(&env, &refused).await.unwrap_err();
    assert!(refused.starts_with("exit status: 1"), "{refused}");
    for message in [
        "400 email_address Not a valid email address; ",
        "one_click_unsubscribe_url is not a valid https url",
    ] {
        assert!(refused.contains(message), "{message}: {refused}");
    }
    let keyless = send(&without(&env, &["API_KEY"]), &format!("{line} --to 1")).await;
    assert!(keyless.unwrap_err().starts_with("exit status: 2"));
}
