//! `deploy/compose/is-ready`: what the image's health check says of a process.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

use carillon_test_support::free_port;

use super::root;

fn is_ready(port: u16) -> bool {
    let script = root().join("deploy/compose/is-ready");
    let output = Command::new(script).arg(port.to_string()).output();
    output.unwrap().status.success()
}

/// Whether the script takes a process for ready that answers like this.
fn is_ready_with(answer: &'static str) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let mut asked = String::new();
        // Whole, for closing on what is unread would take the answer away.
        while !asked.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut asked).unwrap() > 0, "{asked}");
        }
        connection.write_all(answer.as_bytes()).unwrap();
        asked
    });
    let is_ready = is_ready(port);
    let asked = server.join().unwrap();
    assert!(asked.starts_with("GET /readyz HTTP/1.0\r\n"), "{asked}");
    is_ready
}

#[test]
fn only_a_200_is_ready() {
    assert!(is_ready_with("HTTP/1.1 200 OK\r\n\r\n{\"ready\":true}"));
    assert!(!is_ready_with(
        "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false}"
    ));
    assert!(!is_ready_with(""));
    assert!(!is_ready(free_port()), "nobody listens");
}
