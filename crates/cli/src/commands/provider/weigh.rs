//! `carillon provider weigh`, `drain`, `enable` and `disable`.

use carillon_core::provider::changes::Changes;
use clap::Args;

use super::carry_out::Change;
use crate::cx::Cx;

/// `--force`
#[derive(Args)]
pub(crate) struct Force {
    /// Do it although nobody would deliver its channel any more
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(crate) struct Weigh {
    #[command(flatten)]
    change: Change,
    /// Its share among the channel's active providers, 0 to 100
    #[arg(value_name = "N", value_parser = clap::value_parser!(i32).range(0..=100))]
    weight: i32,
    #[command(flatten)]
    force: Force,
}

impl Weigh {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            weight: Some(self.weight),
            ..Changes::default()
        };
        self.change.make(cx, changes, self.force.force).await
    }
}

#[derive(Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    force: Force,
}

impl Drain {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            weight: Some(0),
            ..Changes::default()
        };
        self.change.make(cx, changes, self.force.force).await
    }
}

#[derive(Args)]
pub(crate) struct Enable {
    #[command(flatten)]
    change: Change,
}

impl Enable {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            active: Some(true),
            ..Changes::default()
        };
        self.change.make(cx, changes, false).await
    }
}

#[derive(Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    force: Force,
}

impl Disable {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let changes = Changes {
            active: Some(false),
            ..Changes::default()
        };
        self.change.make(cx, changes, self.force.force).await
    }
}
