//! Reaching a mail server: name, connection, TLS, login.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use carillon_core::provider::{SmtpLogin, SmtpSettings, SmtpTls};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::{ClientId, Extension};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Stage;
use super::ascii::Ascii;
use super::connection::Connection;
use super::fault::Fault;
use super::limits::Limits;
use super::tls::Tls;
use crate::provider::SetupError;

/// What it takes to open a connection.
pub(super) struct Dial {
    host: String,
    port: u16,
    protection: Protection,
    login: Option<Credentials>,
    hello: ClientId,
}

enum Protection {
    Starttls(TlsParameters),
    Implicit(TlsParameters),
    None,
}

impl Dial {
    pub(super) fn new(
        settings: &SmtpSettings,
        login: Option<&SmtpLogin>,
    ) -> Result<Self, SetupError> {
        let protection = match settings.tls {
            SmtpTls::Starttls => Protection::Starttls(tls(settings)?),
            SmtpTls::Implicit => Protection::Implicit(tls(settings)?),
            SmtpTls::None if login.is_some() => {
                let why = "a password is never sent in the clear";
                return Err(SetupError::Tls(why.to_owned()));
            }
            SmtpTls::None => Protection::None,
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port(),
            protection,
            login: login
                .map(|login| Credentials::new(login.username.clone(), login.password.clone())),
            hello: ClientId::default(),
        })
    }

    /// Opens a connection over which a message can be announced.
    pub(super) async fn connect(&self, limits: &Limits) -> Result<Connection, Fault> {
        let until = limits.reach();
        let addresses = self.addresses(until).await?;
        let stream = self.stream(&addresses, until).await?;
        let mut smtp = match &self.protection {
            Protection::None => self.hello(Stage::Hello, Ascii::new(stream), until).await?,
            Protection::Implicit(tls) => {
                let stream = step(Stage::Tls, until, Tls::begin(stream, tls.clone())).await?;
                self.hello(Stage::Hello, Ascii::new(stream), until).await?
            }
            Protection::Starttls(tls) => {
                let stream = self.ask_for_tls(stream, until).await?;
                let stream = step(Stage::Tls, until, Tls::begin(stream, tls.clone())).await?;
                let stream = Ascii::greeted(stream);
                self.hello(Stage::Tls, stream, until).await?
            }
        };
        if let Some(login) = &self.login {
            log_in(&mut smtp, login, until).await?;
        }
        Ok(Connection::new(smtp))
    }

    /// Reads the greeting, and EHLO's answer.
    async fn hello(
        &self,
        stage: Stage,
        stream: impl AsyncTokioStream + 'static,
        until: Instant,
    ) -> Result<AsyncSmtpConnection, Fault> {
        let hello = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
        step(stage, until, hello).await
    }

    /// Speaks in the clear up to the point where TLS begins. Whatever was read beyond it, such as
    /// what an attacker put there to be believed under TLS, is forgotten.
    async fn ask_for_tls(&self, stream: TcpStream, until: Instant) -> Result<TcpStream, Fault> {
        // The client does not give back what it reads from.
        let (stream, again) = twice(stream).map_err(|_| Fault::Lost(Stage::Tls))?;
        let mut smtp = self.hello(Stage::Hello, Ascii::new(stream), until).await?;
        if !smtp.server_info().supports_feature(Extension::StartTls) {
            return Err(Fault::NoTls);
        }
        let answer = step(Stage::Tls, until, smtp.command(Starttls)).await?;
        if answer.has_code(220) {
            Ok(again)
        } else {
            Err(Fault::Lost(Stage::Tls))
        }
    }

    async fn addresses(&self, until: Instant) -> Result<Vec<SocketAddr>, Fault> {
        let looked_up = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = match timeout_at(until, looked_up).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if found.is_empty() {
            return Err(Fault::Unresolved {
                host: self.host.clone(),
            });
        }
        Ok(found)
    }

    /// A connection to the first address that takes one.
    async fn stream(&self, addresses: &[SocketAddr], until: Instant) -> Result<TcpStream, Fault> {
        let share = share(addresses, until);
        for address in addresses {
            if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(address)).await {
                // A message is two writes; the second must not wait until the first has been
                // acknowledged. Where this fails, it is slower and nothing else.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
        let Self { host, port, .. } = self;
        Err(Fault::Unreached {
            place: format!("{host}:{port}"),
        })
    }
}

async fn log_in(
    smtp: &mut AsyncSmtpConnection,
    login: &Credentials,
    until: Instant,
) -> Result<(), Fault> {
    let mechanisms = [Mechanism::Plain, Mechanism::Login];
    if smtp.server_info().get_auth_mechanism(&mechanisms).is_none() {
        return Err(Fault::NoLogin);
    }
    let answer = step(Stage::Login, until, smtp.auth(&mechanisms, login)).await?;
    // Any other "yes" is an answer to something else.
    if answer.has_code(235) {
        Ok(())
    } else {
        Err(Fault::Lost(Stage::Login))
    }
}

async fn step<T>(
    stage: Stage,
    until: Instant,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match timeout_at(until, step).await {
        Ok(done) => done.map_err(|error| Fault::of(stage, &error)),
        Err(_) => Err(Fault::Late(stage)),
    }
}

/// Two handles of one connection.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    let stream = stream.into_std()?;
    let again = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, TcpStream::from_std(again)?))
}

/// The time each address has, so that one that swallows packets leaves some to the next.
fn share(addresses: &[SocketAddr], until: Instant) -> Duration {
    let left = until.saturating_duration_since(Instant::now());
    let n_addresses = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    left / n_addresses.max(1)
}

fn tls(settings: &SmtpSettings) -> Result<TlsParameters, SetupError> {
    let error = |error: Error| SetupError::Tls(error.to_string());
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca_pem {
        builder = builder.certificate_store(CertificateStore::None);
        for authority in authorities(pem)? {
            builder = builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(error)
}

fn authorities(pem: &str) -> Result<Vec<Certificate>, SetupError> {
    let unreadable = || SetupError::Tls("ca_pem holds no certificate that can be read".to_owned());
    let mut authorities = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let der = der.map_err(|_| unreadable())?;
        authorities.push(Certificate::from_der(der.to_vec()).map_err(|_| unreadable())?);
    }
    if authorities.is_empty() {
        return Err(unreadable());
    }
    Ok(authorities)
}
