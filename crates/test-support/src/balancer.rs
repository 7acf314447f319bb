//! What stands before processes that come and go, as a Service of Kubernetes does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::eventually;

/// How often is looked who is ready.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A process that is ready is seen to be within this time, on a busy machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

/// A process that does not say that it is ready within this time is not.
const SAYS_WITHIN: Duration = Duration::from_secs(1);

/// Passes each connection to the next of the processes that are ready, where it then stays until one
/// side ends it. Nothing is tried again: a connection that a process refuses is closed. Gone with all
/// connections when dropped.
#[derive(Debug)]
pub struct Balancer {
    targets: Arc<Targets>,
    /// Ends its tasks when dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Targets {
    all: Mutex<Vec<Target>>,
    n_turns: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Target {
    serves: SocketAddr,
    readyz: String,
    is_ready: bool,
}

impl Balancer {
    /// Listens, with nobody to pass anything to.
    ///
    /// # Panics
    /// When the address is taken.
    pub async fn start(listen: SocketAddr) -> Self {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.unwrap_or_else(|error| panic!("{listen}: {error}"));
        let targets = Arc::new(Targets::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(pass_on(listener, targets.clone()));
        tasks.spawn(look(targets.clone()));
        Self {
            targets,
            _tasks: tasks,
        }
    }

    /// One more process, where it serves and the URL of its `/readyz`; waits until that is seen. It is
    /// passed connections whenever it says that it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn add(&self, serves: SocketAddr, readyz: String) {
        self.targets.all().push(Target {
            serves,
            readyz,
            is_ready: false,
        });
        let what = format!("{serves} is ready");
        eventually(&what, NOTICED_WITHIN, async || {
            self.targets.ready().contains(&serves).then_some(())
        })
        .await;
    }
}

impl Targets {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Target>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> Vec<SocketAddr> {
        let all = self.all();
        let ready = all.iter().filter(|target| target.is_ready);
        ready.map(|target| target.serves).collect()
    }

    fn next(&self) -> Option<SocketAddr> {
        let ready = self.ready();
        let turn = self.n_turns.fetch_add(1, Ordering::Relaxed);
        let n = ready.len();
        (n > 0).then(|| ready[turn % n])
    }
}

async fn look(targets: Arc<Targets>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(SAYS_WITHIN)
        .pool_max_idle_per_host(0)
        .tls_certs_only([])
        .build()
        .expect("a client without TLS roots can be built");
    loop {
        let asked = targets.all().clone();
        for target in asked {
            let answer = client.get(&target.readyz).send().await;
            let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
            let mut all = targets.all();
            for same in all.iter_mut().filter(|t| t.serves == target.serves) {
                same.is_ready = is_ready;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn pass_on(listener: TcpListener, targets: Arc<Targets>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if let Some(target) = targets.next() {
            connections.spawn(join(client, target));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Until both sides have ended, or one has broken off.
async fn join(mut client: TcpStream, target: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        // Small requests and answers must not wait for each other's acknowledgements.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
