//! Every environment variable that an operator reads of or is given is one that the binaries know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use carillon_test_support::Process;

use super::root;

/// Read by the SDKs of OpenTelemetry and AWS, and by the images of PostgreSQL, RabbitMQ and Grafana.
const OF_OTHERS: [&str; 5] = ["OTEL_", "AWS_", "POSTGRES_", "RABBITMQ_DEFAULT_", "GF_"];

/// Words in capitals that are no variables of a process, and what they are instead.
const OTHER_WORDS: [(&str, &str); 20] = [
    ("CARILLON__SECTION__KEY", "how variables are named"),
    ("CARILLON_URL", "of `carillon send`, and of examples"),
    ("CARILLON_PROVIDER_PASSWORD", "of an example's shell"),
    (
        "CARILLON_PROVIDER_SECRET_ACCESS_KEY",
        "of an example's shell",
    ),
    ("API_KEY", "of an example's shell"),
    ("EMAIL_TEMPLATE_ID", "of an example's shell"),
    ("SANDBOX_URL", "of an example's shell"),
    ("DIR_A", "of an example's shell"),
    ("DIR_B", "of an example's shell"),
    ("ON_ERROR_STOP", "of psql"),
    ("SERVICE_ID", "to be filled in"),
    ("CALLBACK_ID", "to be filled in"),
    ("TEMPLATE_ID", "to be filled in"),
    ("KEY_ID", "to be filled in"),
    ("EVENT_ID", "to be filled in"),
    ("WEBHOOK_SECRET", "of a service's own program"),
    ("BEARER_TOKEN", "of a service's own program"),
    ("ACCESS_REFUSED", "what RabbitMQ says"),
    ("RENDERING_FAILURE", "an event of Amazon SES"),
    ("DELIVERY_DELAY", "an event of Amazon SES"),
];

/// Words in capitals of more than one part, as variables are.
fn words(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.chars().all(is_part) && word.starts_with(char::is_alphabetic))
        .filter(|word| word.trim_matches('_').contains('_'))
        .collect()
}

/// What Compose itself fills in: `${NAME}` and `${NAME:-…}`.
fn of_compose(compose: &str) -> BTreeSet<&str> {
    let named = compose.split("${").skip(1);
    named
        .filter_map(|rest| rest.split([':', '}']).next())
        .collect()
}

/// What operators are given to read or to apply.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![
        root().join("README.md"),
        root().join("docker-compose.yml"),
        root().join("deploy/rabbitmq/README.md"),
    ];
    let mut folders = vec![root().join("docs"), root().join("k8s")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                // Of custom resources, which are not ours.
                None if path.ends_with("k8s/schemas") => {}
                None if path.is_dir() => folders.push(path),
                Some("md" | "yaml" | "env" | "sql") => pages.push(path),
                _ => {}
            }
        }
    }
    pages
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

#[tokio::test]
async fn every_variable_of_compose_kubernetes_and_the_documentation_is_known() {
    let none: [(&str, &str); 0] = [];
    let printed = Process::run("carillon", none, &["config", "print", "--schema"]).await;
    let printed = printed.unwrap();
    let known: BTreeSet<&str> = printed.lines().collect();
    assert!(known.contains("DATABASE_URL_FILE"), "{known:?}");
    let compose = read(&root().join("docker-compose.yml"));
    let of_compose = of_compose(&compose);
    let other_words = BTreeMap::from(OTHER_WORDS);

    let (mut unknown, mut met) = (Vec::new(), BTreeSet::new());
    let pages = pages();
    for page in &pages {
        for word in words(&read(page)) {
            if other_words.contains_key(word) {
                met.insert(word.to_owned());
            } else if !known.contains(word)
                && !of_compose.contains(word)
                && !OF_OTHERS.iter().any(|prefix| word.starts_with(prefix))
            {
                unknown.push(format!("{}: {word}", page.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(pages.len() > 40, "only {} pages were read", pages.len());
    let unused: Vec<_> = other_words
        .keys()
        .filter(|word| !met.contains(**word))
        .collect();
    assert!(unused.is_empty(), "on no page: {unused:?}");
}

#[test]
fn a_variable_is_a_word_in_capitals_of_several_parts() {
    let text = "Set `AMQP_URL` (or AMQP_URL_FILE=/x) and CARILLON__API__LISTEN; HTTP, a_b, X_y.";
    let expected = ["AMQP_URL", "AMQP_URL_FILE", "CARILLON__API__LISTEN"];
    assert_eq!(words(text), expected.into());
    assert_eq!(of_compose("a: ${A_B:-x} ${C_D}"), ["A_B", "C_D"].into());
}
