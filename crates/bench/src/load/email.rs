//! The request of every scenario: one e-mail from a template with three values.

use std::net::SocketAddr;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use super::token::Tokens;

/// Whom to send to: where the API is, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The API, or a floor in its place.
    pub address: SocketAddr,
    /// The sending service.
    pub service_id: String,
    /// The secret of its key.
    pub secret: String,
    /// A template with `((name))`, `((reference))` and `((amount))`.
    pub template_id: String,
}

/// Prepared bytes of `POST /email`. Token and recipient are written into their places.
pub(crate) struct Email {
    bytes: Vec<u8>,
    tokens: Tokens,
    token_at: usize,
    number_at: usize,
}

/// Digits of a recipient's number.
const DIGITS: usize = 9;

/// The three values of a seed.
pub(crate) fn values(seed: u64) -> Map<String, Value> {
    let mut random = StdRng::seed_from_u64(seed);
    let name = ["Ada", "Grace", "Edsger", "Barbara"][random.random_range(0..4)];
    let reference = format!("{:08x}", random.random::<u32>());
    let amount = format!(
        "{}.{:02}",
        random.random_range(10..99),
        random.random_range(0..100)
    );
    let mut values = Map::new();
    values.insert("name".to_owned(), json!(name));
    values.insert("reference".to_owned(), json!(reference));
    values.insert("amount".to_owned(), json!(amount));
    values
}

/// The recipient with a number.
pub(crate) fn recipient(number: u64) -> String {
    format!("load.{number:0DIGITS$}@example.com")
}

impl Email {
    /// Prepares a connection's request.
    pub fn new(target: &Target, seed: u64) -> anyhow::Result<Self> {
        let mut tokens = Tokens::new(&target.service_id, &target.secret);
        let now = carillon_core::clock::now().timestamp();
        let token = tokens.renewed(now)?.unwrap_or_default().to_owned();
        let body = json!({
            "email_address": recipient(0),
            "template_id": target.template_id,
            "personalisation": values(seed),
        })
        .to_string();
        let head = format!(
            "POST /email HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nAuthorization: Bearer ",
            target.address,
            body.len()
        );
        let number_in_body = body.find("load.").unwrap_or_default() + "load.".len();
        let token_at = head.len();
        let body_at = token_at + token.len() + "\r\n\r\n".len();
        Ok(Self {
            bytes: format!("{head}{token}\r\n\r\n{body}").into_bytes(),
            tokens,
            token_at,
            number_at: body_at + number_in_body,
        })
    }

    /// The request to the recipient with this number, with a token of this second.
    pub fn to(&mut self, number: u64) -> anyhow::Result<&[u8]> {
        if let Some(token) = self
            .tokens
            .renewed(carillon_core::clock::now().timestamp())?
        {
            // As long as before: the only thing that changes is a time of ten digits.
            self.bytes[self.token_at..self.token_at + token.len()]
                .copy_from_slice(token.as_bytes());
        }
        let mut rest = number;
        for digit in self.bytes[self.number_at..self.number_at + DIGITS]
            .iter_mut()
            .rev()
        {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Ok(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipient_and_token_are_written_into_their_places() {
        let target = Target {
            address: ([127, 0, 0, 1], 80).into(),
            service_id: "s".to_owned(),
            secret: "x".to_owned(),
            template_id: "t".to_owned(),
        };
        let mut email = Email::new(&target, 1).unwrap();
        let text = String::from_utf8(email.to(1_234).unwrap().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["email_address"], "load.000001234@example.com");
        assert_eq!(body["email_address"], recipient(1_234));
        assert_eq!(body["personalisation"].as_object().unwrap().len(), 3);
        assert_eq!(head.lines().last().unwrap().split('.').count(), 3);
    }
}
