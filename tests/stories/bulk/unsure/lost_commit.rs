//! Stands between a process and PostgreSQL and loses the answer to the first commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The commit of a transaction, as a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// What becomes of later connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// They pass.
    GoOn,
    /// They are closed, and so are those that are open.
    Refuse,
}

/// The stand-in; gone with its connections when dropped.
pub struct LostCommit {
    /// The database's URL through it.
    pub url: String,
    state: Arc<State>,
    _listening: JoinSet<()>,
}

struct State {
    server: String,
    then: Then,
    has_lost_one: AtomicBool,
    refuses: AtomicBool,
}

impl LostCommit {
    pub async fn start(database_url: &str, then: Then) -> Self {
        let (scheme, rest) = database_url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let (user, server) = authority.rsplit_once('@').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            server: server.to_owned(),
            then,
            has_lost_one: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
        });
        let mut listening = JoinSet::new();
        listening.spawn(listen(listener, Arc::clone(&state)));
        Self {
            url: format!("{scheme}://{user}@{address}/{path}"),
            state,
            _listening: listening,
        }
    }

    pub fn has_lost_one(&self) -> bool {
        self.state.has_lost_one.load(Ordering::SeqCst)
    }

    /// Lets connections pass again.
    pub fn heal(&self) {
        self.state.refuses.store(false, Ordering::SeqCst);
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if !state.refuses.load(Ordering::SeqCst) {
            connections.spawn(pass(client, Arc::clone(&state)));
        }
    }
}

/// Passes bytes on until a side ends, or the commit is lost.
async fn pass(mut client: TcpStream, state: Arc<State>) -> Option<()> {
    let mut server = TcpStream::connect(&state.server).await.ok()?;
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            n = client.read(&mut asked) => {
                let bytes = &asked[..n.ok().filter(|n| *n > 0)?];
                let commits = bytes.windows(COMMIT.len()).any(|at| at == COMMIT);
                server.write_all(bytes).await.ok()?;
                if commits && !state.has_lost_one.swap(true, Ordering::SeqCst) {
                    // It has answered, so it has committed; nobody hears of it.
                    let _n_lost = server.read(&mut answered).await.ok()?;
                    state.refuses.store(state.then == Then::Refuse, Ordering::SeqCst);
                    return None;
                }
            }
            n = server.read(&mut answered) => {
                let bytes = &answered[..n.ok().filter(|n| *n > 0)?];
                client.write_all(bytes).await.ok()?;
            }
        }
        if state.refuses.load(Ordering::SeqCst) {
            return None;
        }
    }
}
