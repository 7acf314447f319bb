//! Servers of a test's own, for outages: the shared ones never stop.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use uuid::Uuid;

use crate::{Environment, TestDatabase, eventually};

/// Closing the sockets of a process that has gone takes no longer.
const CLOSES_WITHIN: Duration = Duration::from_secs(10);

/// A PostgreSQL server for one test, with the template database. Destroyed when dropped.
#[derive(Debug)]
pub struct OwnPostgres {
    server: Server,
}

/// A RabbitMQ for one test. Destroyed when dropped.
#[derive(Debug)]
pub struct OwnRabbitmq {
    server: Server,
}

impl OwnPostgres {
    /// Makes and starts one.
    pub async fn new() -> Self {
        Self {
            server: Server::new(Environment::get().pg_ctl()).await,
        }
    }

    /// Its URL, of the database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Makes a database in it.
    pub async fn database(&self) -> TestDatabase {
        TestDatabase::create_on(self.url()).await
    }
}

impl OwnRabbitmq {
    /// Makes and starts one.
    pub async fn new() -> Self {
        Self {
            server: Server::new(Environment::get().rabbitmq_ctl()).await,
        }
    }

    /// Makes and starts one that is a further node of the cluster of another.
    pub async fn joining(first: &Self) -> Self {
        let mut server = Server::named(Environment::get().rabbitmq_ctl());
        server.url = server.ask("join", &[&first.server.name]).await;
        Self { server }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Deletes a queue with all that is in it; whether there was one.
    pub async fn delete_queue(&self, name: &str) -> bool {
        let deleted = self.server.try_ask("ctl", &["delete_queue", name]).await;
        match deleted {
            Ok(_) => true,
            Err(said) if said.contains("not found") => false,
            Err(said) => panic!("deleting {name}: {said}"),
        }
    }

    /// Runs `rabbitmqctl` on it and returns what it says.
    pub async fn ctl(&self, args: &[&str]) -> String {
        self.server.ask("ctl", args).await
    }
}

/// The verbs both kinds of server have; each returns when it is done.
macro_rules! outages {
    ($name:ident) => {
        impl $name {
            /// Stops it in order.
            pub async fn stop(&self) {
                self.server.ask("stop", &[]).await;
                self.server.until_closed().await;
            }

            /// Stops it as a crash would.
            pub async fn kill(&self) {
                self.server.ask("kill", &[]).await;
                self.server.until_closed().await;
            }

            /// Starts it again on its port, with its data; it answers afterwards.
            pub async fn start(&self) {
                self.server.ask("start", &[]).await;
                let url = self.server.ask("url", &[]).await;
                assert_eq!(self.server.url, url, "its port was taken meanwhile");
            }

            /// Freezes it: connections stay open, nothing answers.
            pub async fn pause(&self) {
                self.server.ask("pause", &[]).await;
            }

            /// Lets it go on.
            pub async fn resume(&self) {
                self.server.ask("resume", &[]).await;
            }

            /// Removes it.
            pub async fn destroy(self) {
                self.server.ask("destroy", &[]).await;
            }
        }
    };
}
outages!(OwnPostgres);
outages!(OwnRabbitmq);

#[derive(Debug)]
struct Server {
    ctl: &'static Path,
    name: String,
    url: String,
}

impl Server {
    async fn new(ctl: &'static Path) -> Self {
        let mut server = Self::named(ctl);
        server.url = server.ask("new", &[]).await;
        server
    }

    /// Before it is started, so that one that starts only halfway is destroyed too.
    fn named(ctl: &'static Path) -> Self {
        Self {
            ctl,
            name: format!("t{}", &Uuid::new_v4().simple().to_string()[..12]),
            url: String::new(),
        }
    }

    /// A killed process counts as gone a moment before the kernel closes its sockets, and whoever
    /// is started while its port seems taken goes elsewhere.
    async fn until_closed(&self) {
        let host = self
            .url
            .split('@')
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let host = host.expect("a URL of these servers names a user and a database or host");
        eventually("the server's port is closed", CLOSES_WITHIN, async || {
            TcpStream::connect(host).await.is_err().then_some(())
        })
        .await;
    }

    async fn ask(&self, verb: &str, args: &[&str]) -> String {
        let answer = self.try_ask(verb, args).await;
        answer.unwrap_or_else(|said| panic!("{} {verb}: {said}", self.ctl.display()))
    }

    async fn try_ask(&self, verb: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.ctl);
        command
            .args([verb, &self.name])
            .args(args)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("starting a process does not panic")
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", self.ctl.display()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is destroyed already says so, and that is all.
        let _ = Command::new(self.ctl)
            .args(["destroy", &self.name])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
