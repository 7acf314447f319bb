//! Ports for processes that cannot tell which one they got.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// Ports this process has handed out.
static PROMISED: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A loopback port that nobody uses and that is not handed out twice.
///
/// Below the range the kernel takes for outgoing connections, so that none of those can have it
/// before the process that it is for, or while that process is down for a moment.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let mut promised = PROMISED.lock().unwrap_or_else(PoisonError::into_inner);
    let promised = promised.get_or_insert_with(HashSet::new);
    for _ in 0..500 {
        let port = 20_000 + (uuid::Uuid::new_v4().as_u128() % 12_000) as u16;
        if !promised.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            promised.insert(port);
            return port;
        }
    }
    panic!("no free port between 20000 and 32000");
}
