//! Settings of each kind on the command line.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value};

/// Settings of a mail server.
#[derive(Args)]
pub(crate) struct SmtpSettings {
    /// The mail server's host name or address
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Its port; 587 for starttls, 465 for implicit, 25 for none if left out
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// How the connection is protected: starttls unless said otherwise
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(["starttls", "implicit", "none"]))]
    tls: Option<String>,
    /// File with certificate authorities (PEM) to trust instead of the system's
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// The most connections of one process, 1 to 100; 10 unless said otherwise
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    max_connections: Option<u32>,
}

/// What SES and SNS share.
#[derive(Args)]
pub(crate) struct AwsSettings {
    /// The AWS region; that of the environment if left out
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

/// Settings of Amazon SES alone.
#[derive(Args)]
pub(crate) struct SesSettings {
    /// The configuration set whose event destinations report what became of a message
    #[arg(long, value_name = "NAME")]
    configuration_set: Option<String>,
}

/// Settings of Amazon SNS alone.
#[derive(Args)]
pub(crate) struct SnsSettings {
    /// How AWS weighs reliability against price: transactional unless said otherwise
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(["transactional", "promotional"]))]
    sms_type: Option<String>,
    /// The most one text message may cost, in US dollars, such as 0.50
    #[arg(long, value_name = "PRICE")]
    max_price_usd: Option<String>,
}

/// Settings by the names that they have in `/api` and in the database.
#[derive(Default)]
pub(crate) struct Fields(pub Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    pub fn smtp(&mut self, given: SmtpSettings) -> anyhow::Result<()> {
        let pem = match given.ca_file {
            None => None,
            Some(path) => Some(
                fs::read_to_string(&path)
                    .with_context(|| format!("--ca-file {}", path.display()))?,
            ),
        };
        self.put("host", given.host);
        self.put("port", given.port);
        self.put("tls", given.tls);
        self.put("ca_pem", pem);
        self.put("max_connections", given.max_connections);
        Ok(())
    }

    pub fn aws(&mut self, given: AwsSettings) {
        self.put("region", given.region);
    }

    pub fn ses(&mut self, given: SesSettings) {
        self.put("configuration_set", given.configuration_set);
    }

    pub fn sns(&mut self, given: SnsSettings) {
        self.put("sms_type", given.sms_type);
        self.put("max_price_usd", given.max_price_usd);
    }
}
