//! The program `chaos-all-in-one`: a crowd votes on the all-in-one while faults are injected by a seed. It is killed,
//! its files are moved and replaced, its ledger is locked, its disk is full, a second program opens the same files.
//! After each step the promise is checked.

#![expect(clippy::print_stdout, reason = "a report to the operator")]

mod fault;
mod instance;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Parser;
use instance::AllInOneInstance;
use program::settings::parse;
use scrutin_chaos::{FaultySystem, Pace, RunSettings, StepResult, in_turn, run, seed};
use tokio_util::sync::CancellationToken;

use crate::fault::AllInOneFault;

const NAME: &str = "chaos-all-in-one";
/// Time limit for counting all ballots.
const SETTLE: Duration = Duration::from_mins(1);
/// When faults are injected in a step; the promise is checked after each.
const PACE: Pace =
    Pace { length: Duration::from_secs(25), calm: Duration::from_secs(2), between_faults_ms: 200..2_500 };

/// Injects faults while a crowd votes, and checks that every acknowledged ballot is counted exactly once.
/// Exit code 0: the promise was kept, 1: it was not.
#[derive(Debug, Parser)]
#[command(name = NAME, version, args_override_self = true)]
struct Settings {
    #[command(flatten)]
    run: RunSettings,
    /// A small disk for the data directory, to be filled up; without it that fault is left out
    #[arg(long)]
    disk: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    let seed = seed(NAME, &settings.run);
    if settings.disk.is_none() {
        println!("{NAME}: no small disk is given, so no disk is filled up");
    }
    let instance = AllInOneInstance::start(settings.disk.clone()).await?;
    run(NAME, &settings.run, seed, &mut AllInOneRun { instance, settings: settings.run.clone() }).await
}

/// The all-in-one that one run tests.
struct AllInOneRun {
    instance: AllInOneInstance,
    settings: RunSettings,
}

impl FaultySystem for AllInOneRun {
    async fn step(&mut self, _: u32, mut random: fastrand::Rng) -> anyhow::Result<StepResult> {
        let (vote, result) = (self.instance.vote_url(), self.instance.result_url());
        let crowd = self.settings.crowd(&vote, &result, PACE.length + 2 * PACE.calm, SETTLE, random.u64(..));
        let voting = async { crowd::run(&crowd, CancellationToken::new()).await.context("the crowd could not vote") };
        let (report, faults) = tokio::try_join!(voting, inject(&mut self.instance, &mut random))?;
        println!("{report}");
        let recount = self.instance.recount()?;
        if !recount.status.success() {
            bail!("the recount differs: {recount:?}");
        }
        let output = String::from_utf8_lossy(&recount.stdout);
        if output.contains("gap:") || !output.contains("rejected entries: 0") {
            bail!("the recount reports a loss:\n{output}");
        }
        println!("  recount: {}", output.lines().last().unwrap_or_default());
        Ok(StepResult { report, faults })
    }

    fn keep_outputs(&self, seed: u64) -> anyhow::Result<PathBuf> {
        let path = std::env::temp_dir().join(format!("scrutin-chaos-{seed}.log"));
        std::fs::write(&path, self.instance.output())?;
        Ok(path)
    }
}

/// Injects faults one after the other. Before the next one the all-in-one is ready again. Returns their number.
async fn inject(instance: &mut AllInOneInstance, random: &mut fastrand::Rng) -> anyhow::Result<u32> {
    in_turn(&PACE, random, async |since, mut random| {
        let Some(fault) = AllInOneFault::draw(&mut random, instance.has_disk()) else { return Ok(false) };
        println!("  {:5.1} s  {fault:?}", since.as_secs_f64());
        instance.inject(fault).await.with_context(|| format!("{fault:?}"))?;
        Ok(true)
    })
    .await
}
