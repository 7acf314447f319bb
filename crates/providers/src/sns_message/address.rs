//! Which addresses in a message are SNS's own.
//!
//! The text is compared as it is written, before any parser has made a default port, an upper-case
//! letter or a backslash into something else.

use reqwest::Url;

/// The address of a signing certificate, if it is genuine.
pub(super) fn of_certificate(text: &str) -> Option<Url> {
    let path = path_on_sns(text)?;
    let name = path.strip_prefix("SimpleNotificationService-")?;
    let name = name.strip_suffix(".pem")?;
    let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(is_hex);
    if fits { Url::parse(text).ok() } else { None }
}

/// The address that confirms a subscription of `topic`, if it is genuine and does nothing else.
pub(super) fn of_confirmation(text: &str, topic: &str) -> Option<Url> {
    let query = path_on_sns(text)?.strip_prefix('?')?;
    let plain = |c: u8| c.is_ascii_graphic() && !matches!(c, b'#' | b'\\');
    if !query.bytes().all(plain) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let only = |name: &str| {
        let mut values = url.query_pairs().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        value.filter(|_| values.next().is_none())
    };
    let is_ours = only("Action")? == "ConfirmSubscription" && only("TopicArn")? == topic;
    (is_ours && only("Token").is_some()).then_some(url)
}

/// What follows `https://sns.<region>.amazonaws.com/`, or its like in China.
fn path_on_sns(text: &str) -> Option<&str> {
    let (host, path) = text.strip_prefix("https://")?.split_once('/')?;
    let region = host.strip_prefix("sns.")?;
    let region = region
        .strip_suffix(".amazonaws.com")
        .or_else(|| region.strip_suffix(".amazonaws.com.cn"))?;
    let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let fits = (1..=32).contains(&region.len()) && region.bytes().all(letter);
    fits.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:ses-events";

    #[test]
    fn certificates_of_genuine_hosts_are_accepted() {
        for host in [
            "sns.eu-west-1.amazonaws.com",
            "sns.us-gov-west-1.amazonaws.com",
            "sns.cn-north-1.amazonaws.com.cn",
        ] {
            let text = format!("https://{host}/SimpleNotificationService-0123456789abcdef.pem");
            let url = of_certificate(&text);
            assert_eq!(url.as_ref().map(Url::as_str), Some(text.as_str()));
        }
    }

    #[test]
    fn certificates_of_any_other_address_are_not() {
        for text in [
            "https://sns.eu-west-1.amazonaws.com.evil.org/SimpleNotificationService-0a.pem",
            "https://sns-eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://xsns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns..amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.a.b.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://bucket.s3.amazonaws.com/SimpleNotificationService-0a.pem",
            "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com:443/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
            "https://me@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.org/SimpleNotificationService-0a.pem",
            r"https://evil.org\sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            r"https://sns.eu-west-1.amazonaws.com\@evil.org/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com./SimpleNotificationService-0a.pem",
            "https://SNS.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.xn--mazonaws-66a.com/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.аmazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem#x",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0g.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
            "https://sns.eu-west-1.amazonaws.com/x/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0a.pem",
            " https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://evil.org/?https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "",
        ] {
            assert_eq!(of_certificate(text), None, "{text}");
        }
    }

    #[test]
    fn a_confirmation_confirms_the_topic_and_does_nothing_else() {
        let good = format!(
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=0a"
        );
        assert!(of_confirmation(&good, TOPIC).is_some());
        for bad in [
            good.replace("https", "http"),
            good.replace("amazonaws.com", "amazonaws.com.evil.org"),
            good.replace("ConfirmSubscription", "Unsubscribe"),
            good.replace("ses-events", "other"),
            good.replace("&Token=0a", ""),
            format!("{good}&Action=Publish"),
            format!("{good}#x"),
            format!("{good}\n"),
            good.replace("/?", "/x?"),
            good.replace(".com/", ".com:443/"),
        ] {
            assert_eq!(of_confirmation(&bad, TOPIC), None, "{bad}");
        }
    }
}
