//! The pool of connections.

use std::sync::OnceLock;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use futures::FutureExt;
use tokio_postgres::config::SslMode;

use crate::seal::Sealer;
use crate::{Error, Result};

/// How to reach PostgreSQL.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user:password@host:port/database?sslmode=…`
    pub url: String,
    /// The most connections of this process.
    pub max_connections: usize,
    /// A statement that takes longer is cancelled by PostgreSQL.
    pub statement_timeout: Duration,
    /// How long to wait for a free or new connection.
    pub connect_timeout: Duration,
    /// The name shown in `pg_stat_activity`.
    pub application_name: String,
    /// Seals and opens secrets at rest.
    pub sealer: Sealer,
}

/// The store: every function of this crate takes it first. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool<AsyncPgConnection>,
    sealer: Sealer,
    answer_within: Duration,
}

impl Store {
    /// Builds the pool; connects at first use.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(options: &Options) -> Result<Self> {
        // Says at start what is wrong with the URL, rather than at the first statement.
        configure(&options.url, options)?;
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let owned = options.clone();
        config.custom_setup = Box::new(move |url| connect(url.to_owned(), owned.clone()).boxed());
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(
            &options.url,
            config,
        );
        let pool = Pool::builder(manager)
            .max_size(options.max_connections)
            .wait_timeout(Some(options.connect_timeout))
            .create_timeout(Some(options.connect_timeout))
            .runtime(deadpool::Runtime::Tokio1)
            // Those that are warm do the work: a statement is planned by each that it runs on.
            .queue_mode(deadpool::managed::QueueMode::Lifo)
            .build()
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self {
            pool,
            sealer: options.sealer.clone(),
            // The server's own limit ends a slow statement; this one ends the wait for a server
            // that has stopped answering at all.
            answer_within: options.statement_timeout + Duration::from_secs(1),
        })
    }

    /// A connection, from the pool or new.
    pub(crate) async fn connection(&self) -> Result<Object<AsyncPgConnection>> {
        Ok(self.pool.get().await?)
    }

    /// Runs one statement with a deadline, so that a stalled server cannot hold a caller.
    pub(crate) async fn within_deadline<T, E: Into<Error>>(
        &self,
        statement: impl Future<Output = std::result::Result<T, E>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.answer_within, statement).await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(Error::Unavailable("no answer in time".to_owned())),
        }
    }

    pub(crate) const fn sealer(&self) -> &Sealer {
        &self.sealer
    }
}

fn configure(url: &str, options: &Options) -> Result<tokio_postgres::Config> {
    let mut config: tokio_postgres::Config = url
        .parse()
        .map_err(|error: tokio_postgres::Error| Error::Unavailable(describe(&error)))?;
    config.application_name(&options.application_name);
    config.connect_timeout(options.connect_timeout);
    config.keepalives_idle(Duration::from_secs(15));
    // A server that vanished without a word is noticed by what it does not acknowledge.
    config.tcp_user_timeout(Duration::from_secs(15));
    // Statements take arrays of any size and bounds that prune partitions when they run. A plan for
    // the values at hand would gain nothing, is made anew at each call, and on a day that was never
    // analysed may choose to read it whole. What the planner expects of partitions that are pruned
    // later also makes it compile (jit) for a second what runs for milliseconds.
    config.options(format!(
        "{} -c statement_timeout={} -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000 \
         -c plan_cache_mode=force_generic_plan -c jit=off",
        config.get_options().unwrap_or_default(),
        options.statement_timeout.as_millis(),
    ));
    Ok(config)
}

fn describe(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

async fn connect(
    url: String,
    options: Options,
) -> std::result::Result<AsyncPgConnection, ConnectionError> {
    let bad = |text: String| ConnectionError::BadConnection(text);
    let config = configure(&url, &options).map_err(|error| bad(error.to_string()))?;
    if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config
            .connect(tokio_postgres::NoTls)
            .await
            .map_err(|e| bad(describe(&e)))?;
        return AsyncPgConnection::try_from_client_and_connection(client, connection).await;
    }
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls_config().map_err(bad)?);
    let (client, connection) = config.connect(tls).await.map_err(|e| bad(describe(&e)))?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// The platform's trust store, read once per process: reading it for every connection costs more
/// than the connection.
fn tls_config() -> std::result::Result<rustls::ClientConfig, String> {
    use rustls_platform_verifier::ConfigVerifierExt;

    static CONFIG: OnceLock<rustls::ClientConfig> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Fails only when another part of the process has installed it already, which is the aim.
    let _ = rustls::crypto::CryptoProvider::install_default(provider);
    let config =
        rustls::ClientConfig::with_platform_verifier().map_err(|error| error.to_string())?;
    Ok(CONFIG.get_or_init(|| config).clone())
}
