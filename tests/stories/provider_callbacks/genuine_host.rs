//! What stands where SNS's own host is: a certificate, over TLS, under SNS's name. A process reaches
//! it as it reaches any host from behind a proxy.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use carillon_test_support::{SnsSigner, eventually, free_port};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

const HOST: &str = "sns.eu-west-1.amazonaws.com";

/// The host and the proxy. The host is killed when this is dropped.
pub struct GenuineHost {
    host: Child,
    proxy_port: u16,
    directory: TempDir,
}

impl GenuineHost {
    /// Serves the signer's certificate at the address that its messages name.
    pub async fn start(signer: &SnsSigner) -> Self {
        let directory = tempfile::tempdir().unwrap();
        make_identity(directory.path());
        let served = SnsSigner::CERTIFICATE_URL.rsplit_once('/').unwrap().1;
        std::fs::write(directory.path().join(served), &signer.certificate).unwrap();
        let port = free_port();
        let accept = format!("127.0.0.1:{port}");
        let host = Command::new("openssl")
            .args(["s_server", "-quiet", "-WWW", "-accept", &accept])
            .args(["-cert", "host.pem", "-key", "host.key"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the host listens", Duration::from_secs(30), async || {
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy_port = listener.local_addr().unwrap().port();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(proxy(listener, port));
        Self {
            host,
            proxy_port,
            directory,
        }
    }

    /// With these a process finds the host, and no other, and trusts it.
    pub fn env(&self) -> [(&'static str, String); 2] {
        let roots = self.directory.path().join("roots.pem");
        [
            (
                "HTTPS_PROXY",
                format!("http://127.0.0.1:{}", self.proxy_port),
            ),
            ("SSL_CERT_FILE", roots.display().to_string()),
        ]
    }
}

impl Drop for GenuineHost {
    fn drop(&mut self) {
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}

/// Connects whoever asks for the host, and turns everybody else away.
async fn proxy(listener: TcpListener, port: u16) {
    let wanted = format!("CONNECT {HOST}:443 ");
    while let Ok((mut client, _)) = listener.accept().await {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match client.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => break,
            }
        }
        if !request.starts_with(wanted.as_bytes()) {
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
            continue;
        }
        let Ok(mut host) = TcpStream::connect(("127.0.0.1", port)).await else {
            continue;
        };
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        // One after another: certificates are fetched once.
        let _ = copy_bidirectional(&mut client, &mut host).await;
    }
}

/// `roots.pem`, and `host.pem` and `host.key` for [`HOST`] that it has signed.
fn make_identity(directory: &Path) {
    let extensions = format!("subjectAltName=DNS:{HOST}\nbasicConstraints=CA:FALSE\n");
    std::fs::write(directory.join("extensions"), extensions).unwrap();
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=roots -keyout roots.key -out roots.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=host -keyout host.key -out host.csr",
        "x509 -req -in host.csr -CA roots.pem -CAkey roots.key -CAcreateserial -days 1 \
         -extfile extensions -out host.pem",
    ] {
        let made = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(directory)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl {arguments}: {errors}");
    }
}
