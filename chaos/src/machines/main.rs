//! The program `chaos-machines`: a crowd votes on services, a Redis Cluster and a PostgreSQL with a standby, each on a
//! machine of its own, while machines are lost with their disks, cut off, slowed down and stopped, by a seed. After
//! each step the promise is checked.
//!
//! A machine is a network namespace with a directory as its disk. `scripts/chaos --machines` starts this program, as
//! root, in namespaces of its own, with which all machines end.

#![expect(clippy::print_stdout, reason = "a report to the operator")]

mod cluster_view;
mod command;
mod fault;
mod host;
mod machine;
mod minority;
mod patience;
mod postgres_pair;
mod programs;
mod redis_nodes;
mod services;
mod system;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use fault::{Card, Deck};
use machine::MachinePlaces;
use program::settings::parse;
use programs::Programs;
use scrutin_chaos::{FaultySystem, Pace, RunSettings, StepResult, in_turn, keep, recount, run, seed};
use system::{MachinesSystem, seconds};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const NAME: &str = "chaos-machines";
/// Time limit for counting all ballots.
const SETTLE: Duration = Duration::from_secs(90);
/// When faults are injected in a step; the promise is checked after each.
const ACT: Pace = Pace { length: Duration::from_secs(50), calm: Duration::from_secs(2), between_faults_ms: 500..3_000 };

/// Loses machines while a crowd votes, and checks that every acknowledged ballot is counted exactly once.
/// Exit code 0: the promise was kept, 1: it was not.
#[derive(Debug, Parser)]
#[command(name = NAME, version, args_override_self = true)]
struct Settings {
    #[command(flatten)]
    run: RunSettings,
    /// Number of partitions, over which the voters are spread
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    partitions: u16,
    /// What `vote` and `worker` wait for before they acknowledge; with `unchecked` the promise must be broken
    #[arg(long, default_value = "replicas:1")]
    durability: String,
    /// Only faults whose text, as it is printed, contains this
    #[arg(long, default_value = "")]
    only: String,
    /// An empty directory for the disks of the machines
    #[arg(long)]
    directory: PathBuf,
    /// The program `valkey-server`
    #[arg(long)]
    valkey: PathBuf,
    /// The directory of PostgreSQL's programs
    #[arg(long)]
    postgres: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    let seed = seed(NAME, &settings.run);
    let deck = Deck::new(fastrand::Rng::with_seed(seed), settings.partitions, &settings.only);
    if deck.is_empty() {
        bail!("no fault's text contains `{}`", settings.only);
    }
    let programs = Programs::find(&settings.valkey, &settings.postgres).await?;
    let places = MachinePlaces::below(&settings.directory)?;
    let begun = Instant::now();
    let system = MachinesSystem::start(&programs, &places, settings.partitions, &settings.durability).await?;
    println!("{NAME}: all machines run after {:.1} s", seconds(begun));
    run(NAME, &settings.run, seed, &mut MachinesRun { system, deck, settings: settings.run.clone() }).await
}

/// The machines of one run, and the faults that come next.
struct MachinesRun {
    system: MachinesSystem,
    deck: Deck,
    settings: RunSettings,
}

impl FaultySystem for MachinesRun {
    async fn step(&mut self, _: u32, mut random: fastrand::Rng) -> anyhow::Result<StepResult> {
        let (vote, result) = (self.system.urls("vote"), self.system.urls("result"));
        let crowd = self.settings.crowd(&vote, &result, ACT.length + 2 * ACT.calm, SETTLE, random.u64(..));
        let voting = async { crowd::run(&crowd, CancellationToken::new()).await.context("the crowd could not vote") };
        let (report, faults) = tokio::try_join!(voting, inject(&mut self.system, &mut self.deck, &mut random))?;
        println!("{report}");
        let wrong = self.system.take_wrong();
        if !wrong.is_empty() {
            bail!("{}", wrong.join("\n"));
        }
        if report.kept {
            recount(&self.system.database_url(), 0).await?;
        }
        Ok(StepResult { report, faults })
    }

    fn keep_outputs(&self, seed: u64) -> anyhow::Result<PathBuf> {
        keep(seed, self.system.outputs())
    }
}

/// Injects what the deck has, one card after the other. Before the next one everything is whole again. Returns the
/// number of faults.
async fn inject(system: &mut MachinesSystem, deck: &mut Deck, random: &mut fastrand::Rng) -> anyhow::Result<u32> {
    let mut faults = 0;
    in_turn(&ACT, random, async |since, _| {
        let card = deck.draw().context("the deck is never empty")?;
        println!("  {:5.1} s  {card}", since.as_secs_f64());
        play(system, &card).await.with_context(|| card.to_string())?;
        faults += u32::try_from(card.faults.len()).expect("one or two");
        Ok(true)
    })
    .await?;
    Ok(faults)
}

async fn play(system: &mut MachinesSystem, card: &Card) -> anyhow::Result<()> {
    let mut injected = Vec::new();
    for &fault in &card.faults {
        injected.push(system.inject(fault).await?);
    }
    sleep(card.lasts).await;
    let repair = Instant::now();
    for fault in injected {
        system.recover(fault).await?;
    }
    system.whole().await?;
    println!("           whole again {:.1} s after the repair began", seconds(repair));
    Ok(())
}
