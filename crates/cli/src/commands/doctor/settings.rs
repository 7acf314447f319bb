//! The settings: where they come from, whether they are whole, and what in them is unwise.

use std::path::PathBuf;

use carillon_runtime::Settings;
use carillon_runtime::settings::environment;
use clap::Parser;
use url::{Host, Url};

use super::check::Check;
use super::spelled::count;
use crate::arguments::Arguments;
use crate::cx::Cx;

/// The settings, if they can be read at all; servers may be missing from them.
pub(super) fn examine(cx: &Cx, checks: &mut Vec<Check>) -> Option<Settings> {
    let loaded = cx.settings();
    let complete = cx.complete_settings().map(drop);
    checks.push(match complete {
        Ok(()) => Check::ok("sources", sources(given_file(), &variables_set())),
        Err(error) => Check::problem(
            "sources",
            reason(&error),
            "correct that; `carillon config print --schema` lists every variable, and \
             `carillon config check` tells when all is well",
        ),
    });
    let settings = loaded.ok()?;
    checks.push(keys(
        settings.security.encryption_keys().map(|keys| keys.len()),
    ));
    let is_local = settings.api.listen.ip().is_loopback();
    checks.push(public_url(settings.api.public_url.as_deref(), is_local));
    checks.push(retry_scale(settings.retry.scale));
    Some(settings)
}

/// The file of `--config`, which commands are not told.
fn given_file() -> Option<PathBuf> {
    Arguments::try_parse().ok()?.config
}

/// The variables that are set and understood, by name.
fn variables_set() -> Vec<String> {
    let set: Vec<String> = environment()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, _)| name)
        .collect();
    let understood = Settings::variables();
    understood
        .into_iter()
        .filter(|name| set.contains(name))
        .collect()
}

fn sources(file: Option<PathBuf>, variables: &[String]) -> String {
    let file = match file {
        Some(path) => path.display().to_string(),
        None => "no file".to_owned(),
    };
    match variables {
        [] => format!("{file}, no variable"),
        names => format!(
            "{file}; {}: {}",
            count(names.len(), "variable"),
            names.join(", ")
        ),
    }
}

/// What went wrong, without the context that only says that settings did.
fn reason(error: &anyhow::Error) -> String {
    let causes: Vec<_> = error.chain().skip(1).map(ToString::to_string).collect();
    causes.join(": ")
}

fn keys(keys: Result<usize, impl ToString>) -> Check {
    const NAME: &str = "encryption keys";
    match keys {
        Ok(1) => Check::ok(NAME, "one of 32 bytes"),
        Ok(n) => Check::ok(NAME, format!("{n} of 32 bytes; the first seals, all open")),
        Err(error) => Check::problem(
            NAME,
            error.to_string(),
            "give every process the key that the secrets in the database were sealed with; for a \
             new installation: openssl rand -base64 32",
        ),
    }
}

fn public_url(url: Option<&str>, is_local: bool) -> Check {
    const NAME: &str = "public URL";
    const TODO: &str = "set api.public_url to the https address that clients use";
    let Some(url) = url else {
        return if is_local {
            Check::ok(NAME, "not set; the API listens for this host only")
        } else {
            Check::warning(NAME, "not set, and the API listens for other hosts", TODO)
        };
    };
    let parsed = Url::parse(url).ok();
    let Some(host) = parsed.as_ref().and_then(Url::host) else {
        return Check::problem(NAME, format!("{url:?} is no URL with a host"), TODO);
    };
    let is_loopback = match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    match parsed.as_ref().map(Url::scheme) {
        Some("https") => Check::ok(NAME, url),
        Some("http") if is_loopback => Check::ok(NAME, url),
        Some("http") => Check::warning(NAME, format!("{url}: keys travel in the clear"), TODO),
        _ => Check::problem(NAME, format!("{url} is neither http nor https"), TODO),
    }
}

fn retry_scale(scale: f64) -> Check {
    const NAME: &str = "retry.scale";
    if (scale - 1.0).abs() < f64::EPSILON {
        return Check::ok(NAME, "1: waits between attempts are as documented");
    }
    Check::warning(
        NAME,
        format!("{scale}: every wait between attempts is shortened"),
        "set retry.scale to 1, or remove it, outside development and tests",
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn sources_are_named_and_never_their_values() {
        let variables = ["AMQP_URL", "DATABASE_URL"].map(String::from);
        let file = Some(PathBuf::from("carillon.toml"));
        assert_eq!(
            sources(file, &variables),
            "carillon.toml; 2 variables: AMQP_URL, DATABASE_URL"
        );
        assert_eq!(sources(None, &[]), "no file, no variable");
    }

    #[test]
    fn keys_must_be_there() {
        assert_eq!(keys(Ok::<_, String>(2)).state, State::Ok);
        let missing = keys(Err("security.encryption_keys is missing"));
        assert_eq!(missing.state, State::Problem);
        assert!(missing.todo.unwrap().contains("openssl rand"));
    }

    #[test]
    fn a_public_url_is_https_unless_it_is_of_this_host() {
        for (url, is_local, state) in [
            (None, true, State::Ok),
            (None, false, State::Warning),
            (Some("https://notify.example.org"), false, State::Ok),
            (Some("http://127.0.0.1:6011"), true, State::Ok),
            (Some("http://[::1]:6011"), true, State::Ok),
            (Some("http://notify.example.org"), false, State::Warning),
            (Some("ftp://notify.example.org"), false, State::Problem),
            (Some("notify.example.org"), false, State::Problem),
        ] {
            assert_eq!(public_url(url, is_local).state, state, "{url:?}");
        }
    }

    #[test]
    fn a_scaled_retry_is_for_development() {
        assert_eq!(retry_scale(1.0).state, State::Ok);
        assert_eq!(retry_scale(0.02).state, State::Warning);
    }
}
