//! What a broker says of itself before anybody logs in. The AMQP client keeps it to itself.

use std::time::Duration;

use lapin::protocol::connection::AMQPMethod;
use lapin::protocol::{AMQPClass, parse_class};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Error, Options};

/// The broker's name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// What it is, such as `RabbitMQ`.
    pub product: String,
    /// Its version, such as `3.12.1`.
    pub version: String,
}

/// A node greets within this time, or is passed over.
const GREETS_WITHIN: Duration = Duration::from_millis(1_500);
/// How a client of AMQP 0-9-1 begins.
const HELLO: &[u8] = b"AMQP\x00\x00\x09\x01";
/// Type, channel and size.
const FRAME_HEADER: usize = 7;
/// A greeting is a few hundred bytes; what claims to be longer is none.
const LONGEST: u32 = 64 * 1024;

/// Reads the greeting of the first node that gives one, over a connection of its own, without logging
/// in; none when the broker is reached by TLS.
///
/// # Errors
/// When the broker is away, or what listens there is none.
pub async fn greeting(options: &Options) -> Result<Option<Greeting>, Error> {
    let (mut failed, mut is_by_tls) = (no_broker(), false);
    for uri in options.uris()? {
        if uri.scheme == AMQPScheme::AMQPS {
            is_by_tls = true;
            continue;
        }
        match tokio::time::timeout(GREETS_WITHIN, greeting_of(&uri)).await {
            Ok(Ok(greeting)) => return Ok(Some(greeting)),
            Ok(Err(error)) => failed = error,
            // A node that is gone may answer nothing; the next may.
            Err(_) => failed = Error::Unavailable("no greeting in time".to_owned()),
        }
    }
    if is_by_tls { Ok(None) } else { Err(failed) }
}

async fn greeting_of(uri: &AMQPUri) -> Result<Greeting, Error> {
    let away = |error: std::io::Error| Error::Unavailable(error.to_string());
    // An IPv6 address stands in brackets in a URL, and without them here.
    let host = uri.authority.host.trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, uri.authority.port))
        .await
        .map_err(away)?;
    stream.write_all(HELLO).await.map_err(away)?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await.map_err(away)?;
    let [_, _, _, size @ ..] = header;
    let size = u32::from_be_bytes(size);
    if size > LONGEST {
        return Err(no_broker());
    }
    let mut payload = vec![0; size as usize];
    stream.read_exact(&mut payload).await.map_err(away)?;
    read(&payload)
}

fn read(payload: &[u8]) -> Result<Greeting, Error> {
    let Ok((_, AMQPClass::Connection(AMQPMethod::Start(start)))) = parse_class(payload) else {
        return Err(no_broker());
    };
    let said = |name| text(&start.server_properties, name);
    Ok(Greeting {
        product: said("product"),
        version: said("version"),
    })
}

fn text(properties: &FieldTable, name: &str) -> String {
    match properties.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::ShortString(text)) => text.to_string(),
        _ => String::new(),
    }
}

fn no_broker() -> Error {
    Error::Unavailable("what listens there does not speak AMQP 0-9-1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 10, method 10, version 0-9, a table of two strings, mechanisms, locales.
    fn start() -> Vec<u8> {
        let mut table = Vec::new();
        for (name, value) in [("product", "RabbitMQ"), ("version", "3.12.1")] {
            table.push(u8::try_from(name.len()).unwrap());
            table.extend(name.bytes());
            table.push(b'S');
            table.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            table.extend(value.bytes());
        }
        let mut payload = vec![0, 10, 0, 10, 0, 9];
        payload.extend(u32::try_from(table.len()).unwrap().to_be_bytes());
        payload.extend(table);
        payload.extend([0, 0, 0, 5]);
        payload.extend(b"PLAIN");
        payload.extend([0, 0, 0, 5]);
        payload.extend(b"en_US");
        payload
    }

    #[test]
    fn a_greeting_names_product_and_version() {
        let greeting = read(&start()).unwrap();
        assert_eq!(
            (&*greeting.product, &*greeting.version),
            ("RabbitMQ", "3.12.1")
        );
    }

    #[test]
    fn what_is_no_greeting_is_refused() {
        let whole = start();
        for bytes in [&b""[..], b"HTTP/1.1 400 Bad Request", &whole[..20]] {
            assert_eq!(read(bytes), Err(no_broker()));
        }
    }
}
