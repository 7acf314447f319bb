//! What `./dev test` tells the tests, read once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The variables that `./dev test` exports. Asking for one that is missing fails the test.
#[derive(Debug)]
pub struct Environment {
    postgres: Option<String>,
    template: Option<String>,
    amqp: Option<String>,
    bin_dir: Option<PathBuf>,
    pg_ctl: Option<PathBuf>,
    rabbitmq_ctl: Option<PathBuf>,
    python: Option<PathBuf>,
    stand_ins: Option<PathBuf>,
}

impl Environment {
    /// The environment of this run.
    pub fn get() -> &'static Self {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(|| Self {
            postgres: read("CARILLON_TEST_POSTGRES"),
            template: read("CARILLON_TEST_TEMPLATE"),
            amqp: read("CARILLON_TEST_AMQP"),
            bin_dir: read("CARILLON_TEST_BIN_DIR").map(PathBuf::from),
            pg_ctl: read("CARILLON_TEST_PG_CTL").map(PathBuf::from),
            rabbitmq_ctl: read("CARILLON_TEST_RABBITMQ_CTL").map(PathBuf::from),
            python: read("CARILLON_TEST_PYTHON").map(PathBuf::from),
            stand_ins: read("CARILLON_TEST_STAND_INS").map(PathBuf::from),
        })
    }

    /// A URL of the PostgreSQL server, as a role that may create databases.
    pub fn postgres(&self) -> &str {
        needed("CARILLON_TEST_POSTGRES", self.postgres.as_deref())
    }

    /// The migrated database that tests copy.
    pub fn template(&self) -> &str {
        needed("CARILLON_TEST_TEMPLATE", self.template.as_deref())
    }

    /// The broker's URL.
    pub fn amqp(&self) -> &str {
        needed("CARILLON_TEST_AMQP", self.amqp.as_deref())
    }

    /// Where the binaries under test lie.
    pub fn bin_dir(&self) -> &Path {
        needed("CARILLON_TEST_BIN_DIR", self.bin_dir.as_deref())
    }

    /// The script that runs further PostgreSQL servers.
    pub fn pg_ctl(&self) -> &Path {
        needed("CARILLON_TEST_PG_CTL", self.pg_ctl.as_deref())
    }

    /// The script that runs further brokers.
    pub fn rabbitmq_ctl(&self) -> &Path {
        needed("CARILLON_TEST_RABBITMQ_CTL", self.rabbitmq_ctl.as_deref())
    }

    /// A Python with the packages of `deploy/dev/python-requirements.txt`.
    pub fn python(&self) -> &Path {
        needed("CARILLON_TEST_PYTHON", self.python.as_deref())
    }

    /// Where the scripts lie that stand in for the outside.
    pub fn stand_ins(&self) -> &Path {
        needed("CARILLON_TEST_STAND_INS", self.stand_ins.as_deref())
    }
}

fn read(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told where their servers are by the environment, here alone"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn needed<'a, T: ?Sized>(name: &str, value: Option<&'a T>) -> &'a T {
    value.unwrap_or_else(|| {
        panic!("{name} is not set: this test needs the servers of ./dev test; run ./dev test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_fails_with_what_to_do() {
        let failed =
            std::panic::catch_unwind(|| needed::<str>("CARILLON_TEST_NOTHING", None).len());
        let said = failed.unwrap_err();
        assert!(
            said.downcast_ref::<String>()
                .unwrap()
                .contains("run ./dev test")
        );
    }
}
