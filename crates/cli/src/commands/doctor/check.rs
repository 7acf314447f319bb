//! One thing that was looked at, and what came of it.

use std::borrow::Cow;

use serde::Serialize;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Area {
    Settings,
    Postgres,
    Rabbitmq,
    Processes,
    Providers,
}

impl Area {
    /// Those that need settings.
    pub const BEYOND_SETTINGS: [Self; 4] = [
        Self::Postgres,
        Self::Rabbitmq,
        Self::Processes,
        Self::Providers,
    ];

    /// Its name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Postgres => "PostgreSQL",
            Self::Rabbitmq => "RabbitMQ",
            Self::Processes => "processes",
            Self::Providers => "providers",
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warning,
    /// Something does not work, or a message may be lost.
    Problem,
    /// It could not be looked at.
    Skipped,
}

/// A check. `todo` says what to do, and is there for warnings and problems alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    pub name: Cow<'static, str>,
    pub state: State,
    pub found: String,
    pub todo: Option<String>,
}

/// The checks of an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub area: Area,
    pub checks: Vec<Check>,
}

impl Check {
    pub fn ok(name: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self::new(name.into(), State::Ok, found.into(), None)
    }

    pub fn warning(
        name: impl Into<Cow<'static, str>>,
        found: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self::new(name.into(), State::Warning, found.into(), Some(todo.into()))
    }

    pub fn problem(
        name: impl Into<Cow<'static, str>>,
        found: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self::new(name.into(), State::Problem, found.into(), Some(todo.into()))
    }

    pub fn skipped(name: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        Self::new(name.into(), State::Skipped, why.into(), None)
    }

    fn new(name: Cow<'static, str>, state: State, found: String, todo: Option<String>) -> Self {
        Self {
            name,
            state,
            found,
            todo,
        }
    }
}
