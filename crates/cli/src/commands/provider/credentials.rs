//! Credentials on the command line. Secrets come from a file, stdin or the environment: an argument
//! would show in the list of processes and in the shell's history.

use std::path::{Path, PathBuf};

use carillon_runtime::settings;
use clap::Args;
use serde_json::{Value, json};

use crate::failure::bad_argument;
use crate::input;

const PASSWORD: &str = "CARILLON_PROVIDER_PASSWORD";
const SECRET_ACCESS_KEY: &str = "CARILLON_PROVIDER_SECRET_ACCESS_KEY";

/// A login at a mail server.
#[derive(Args)]
pub(crate) struct SmtpLogin {
    /// The user to log in as; the password comes from --password-file or CARILLON_PROVIDER_PASSWORD
    #[arg(long, value_name = "USER")]
    username: Option<String>,
    /// File with the password, or - for stdin; line ends at its end do not count
    #[arg(long, value_name = "PATH", requires = "username")]
    password_file: Option<PathBuf>,
}

/// An AWS access key, for an account that is not that of the process's own role.
#[derive(Args)]
pub(crate) struct AwsKeys {
    /// The key's id; its secret comes from --secret-access-key-file or
    /// CARILLON_PROVIDER_SECRET_ACCESS_KEY
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// File with the secret access key, or - for stdin; line ends at its end do not count
    #[arg(long, value_name = "PATH", requires = "access_key_id")]
    secret_access_key_file: Option<PathBuf>,
}

impl SmtpLogin {
    /// As `/api` takes it; none without a user.
    pub fn read(self) -> anyhow::Result<Option<Value>> {
        let Some(username) = self.username else {
            return Ok(None);
        };
        let password = secret("--password-file", self.password_file.as_deref(), PASSWORD)?;
        Ok(Some(json!({ "username": username, "password": password })))
    }
}

impl AwsKeys {
    /// As `/api` takes it; none without a key's id.
    pub fn read(self) -> anyhow::Result<Option<Value>> {
        let Some(id) = self.access_key_id else {
            return Ok(None);
        };
        let file = self.secret_access_key_file.as_deref();
        let secret = secret("--secret-access-key-file", file, SECRET_ACCESS_KEY)?;
        Ok(Some(
            json!({ "access_key_id": id, "secret_access_key": secret }),
        ))
    }
}

fn secret(argument: &str, file: Option<&Path>, variable: &str) -> anyhow::Result<String> {
    let text = match file {
        Some(path) => input::read(argument, path)?,
        None => settings::environment()
            .find(|(name, _)| name == variable)
            .map(|(_, value)| value)
            .unwrap_or_default(),
    };
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        let message = format!("is needed, or {variable}, and must not be empty");
        return Err(bad_argument(argument, message));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn login(username: Option<&str>, password_file: Option<PathBuf>) -> SmtpLogin {
        SmtpLogin {
            username: username.map(str::to_owned),
            password_file,
        }
    }

    #[test]
    fn a_password_is_read_from_its_file_without_the_line_end() {
        let path = std::env::temp_dir().join(format!("carillon-password-{}", std::process::id()));
        fs::write(&path, " pass word \r\n").expect("a file");
        let read = login(Some("ada"), Some(path.clone())).read();
        fs::write(&path, "\n").expect("a file");
        let empty = login(Some("ada"), Some(path.clone())).read();
        fs::remove_file(&path).expect("the file");
        assert_eq!(
            read.expect("a password"),
            Some(json!({ "username": "ada", "password": " pass word " }))
        );
        let text = format!("{:#}", empty.expect_err("an empty password"));
        assert!(text.contains("--password-file: is needed"), "{text}");
    }

    #[test]
    fn without_a_user_nothing_is_read() {
        let keys = AwsKeys {
            access_key_id: None,
            secret_access_key_file: None,
        };
        assert_eq!(keys.read().expect("nothing to read"), None);
        assert_eq!(login(None, None).read().expect("nothing to read"), None);
    }
}
