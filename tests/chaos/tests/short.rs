//! A short fault run in the suite: about 300 messages, five kills, servers of its own. The long ones
//! are `./dev chaos` and `./dev prove proof`.

use std::path::Path;

use carillon_chaos::{Options, Scope, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_short_run_keeps_every_promise() {
    let options = Options {
        seed: 7,
        messages: 300,
        kills: 5,
        scope: Scope::Short,
        out: Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos"),
        checkout: None,
    };
    let report = run(&options, |text| println!("{text}")).await;
    let report = report.unwrap_or_else(|error| panic!("{error:?}"));
    println!("{}", report.table());
    assert!(report.is_good(), "see {}", report.folder.display());
    assert!(!report.faults.is_empty());
}
