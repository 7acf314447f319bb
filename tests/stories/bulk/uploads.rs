//! Requests that are no JSON.

use std::io::Write;

use carillon_test_support::Stack;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A request for a job, by its headers and bytes.
pub struct Upload {
    pub query: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Upload {
    /// A file as the body.
    pub fn csv(stack: &Stack, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let template = stack.demo("EMAIL_TEMPLATE_ID");
        Self {
            query: format!("?template_id={template}&name=May"),
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into(),
        }
    }

    /// Parts: each one's name, more of its headers, and what is in it.
    pub fn multipart(parts: &[(&str, &str, &str)]) -> Self {
        let mut body = String::new();
        for (name, more, text) in parts {
            body += &format!(
                "--cut\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{text}\r\n"
            );
        }
        body += "--cut--\r\n";
        Self {
            query: String::new(),
            headers: vec![(
                "Content-Type",
                "multipart/form-data; boundary=cut".to_owned(),
            )],
            body: body.into_bytes(),
        }
    }

    pub fn skipping_bad_rows(mut self) -> Self {
        let mark = if self.query.is_empty() { '?' } else { '&' };
        self.query += &format!("{mark}on_invalid_rows=skip");
        self
    }

    /// Compresses the body.
    pub fn gzipped(mut self) -> Self {
        self.body = gzip(&self.body);
        self.headers.push(("Content-Encoding", "gzip".to_owned()));
        self
    }

    /// Posts it with the demo service's key.
    pub async fn post(self, stack: &Stack) -> (u16, Value) {
        self.post_as(stack, &stack.key()).await
    }

    pub async fn post_as(self, stack: &Stack, auth: &str) -> (u16, Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client
            .post(format!(
                "{}/v2/notifications/bulk{}",
                stack.api_url, self.query
            ))
            .header("Authorization", auth)
            .body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }
}

/// The rows that were left out of a job: the answer's headers and, behind the mark of UTF-8 that they
/// must begin with, its text.
pub async fn read_invalid_rows(stack: &Stack, job_id: &str) -> (HeaderMap, String) {
    let url = format!("{}/api/jobs/{job_id}/invalid-rows", stack.api_url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).header("Authorization", stack.admin());
    let answer = answer.send().await.unwrap();
    let headers = answer.headers().clone();
    let bytes = answer.bytes().await.unwrap();
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).expect("a mark");
    (headers, String::from_utf8(text.to_vec()).unwrap())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
