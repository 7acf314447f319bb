//! Messages signed as Amazon SNS signs them, with a certificate made for the test.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A key and its certificate, valid for one day from now on.
pub struct SnsSigner {
    dir: TempDir,
    /// The certificate, in PEM.
    pub certificate: String,
}

impl SnsSigner {
    /// The address that [`message`](Self::message) gives for the certificate.
    pub const CERTIFICATE_URL: &str =
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";

    /// Makes a key with the `openssl` command.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn new() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let (key, certificate) = (dir.path().join("key.pem"), dir.path().join("cert.pem"));
        let mut command = Command::new("openssl");
        command
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
            ])
            .args(["-subj", "/CN=sns.amazonaws.com", "-keyout"])
            .arg(key)
            .arg("-out")
            .arg(&certificate);
        let made = command.output().expect("openssl is installed");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let certificate = std::fs::read_to_string(certificate).expect("a certificate");
        Self { dir, certificate }
    }

    /// A signed message of a kind (`Notification` or another); `more` adds fields or replaces them
    /// before it is signed. `SignatureVersion` is 2 unless `more` says otherwise.
    ///
    /// # Panics
    /// When `more` is no object or signing fails.
    #[must_use]
    pub fn message(&self, kind: &str, topic: &str, at: &str, more: &Value) -> Value {
        let mut message = json!({
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": topic,
            "Message": "{}",
            "Timestamp": at,
            "SignatureVersion": "2",
            "SigningCertURL": Self::CERTIFICATE_URL,
        });
        let fields = message.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("more is an object").clone());
        self.sign(&mut message);
        message
    }

    /// Signs a message as it is now.
    ///
    /// # Panics
    /// When signing fails.
    pub fn sign(&self, message: &mut Value) {
        let fields = if message["Type"] == "Notification" {
            [
                "Message",
                "MessageId",
                "Subject",
                "Timestamp",
                "",
                "TopicArn",
                "Type",
            ]
        } else {
            [
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ]
        };
        let text: String = fields
            .iter()
            .filter_map(|name| Some(format!("{name}\n{}\n", message[*name].as_str()?)))
            .collect();
        let digest = if message["SignatureVersion"] == "1" {
            "-sha1"
        } else {
            "-sha256"
        };
        message["Signature"] = json!(STANDARD.encode(self.signature(digest, &text)));
    }

    fn signature(&self, digest: &str, text: &str) -> Vec<u8> {
        let key: PathBuf = self.dir.path().join("key.pem");
        let mut openssl = Command::new("openssl")
            .args(["dgst", digest, "-sign"])
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        let mut stdin = openssl.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("openssl reads");
        drop(stdin);
        let output = openssl.wait_with_output().expect("openssl ends");
        assert!(output.status.success(), "openssl cannot sign");
        output.stdout
    }
}

impl Default for SnsSigner {
    fn default() -> Self {
        Self::new()
    }
}
