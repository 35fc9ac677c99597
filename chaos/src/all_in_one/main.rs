//! The program `chaos-all-in-one`: a crowd of voters on the all-in-one, while it is killed, its files are taken away
//! and replaced, its ledger is held, its disk is full, and a second program tries to have the same files; by a seed.
//! After each act the promise is checked.

#![expect(clippy::print_stdout, reason = "a report to whoever watches")]

mod blow;
#[path = "../disk.rs"]
mod disk;
mod installation;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use crowd::Report;
use installation::Installation;
use program::settings::parse;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::blow::Blow;

/// How long an act lasts; the promise is checked after each.
const ACT: Duration = Duration::from_secs(25);
/// How long nothing is broken at the beginning and at the end of an act.
const CALM: Duration = Duration::from_secs(2);
/// The shortest and the longest time between two blows, in milliseconds.
const BETWEEN_BLOWS_MS: std::ops::Range<u64> = 200..2_500;

/// Breaks everything around the all-in-one, and checks that every acknowledged ballot is counted exactly once.
/// Exit code 0: the promise was kept, 1: it was not.
#[derive(Debug, Parser)]
#[command(name = "chaos-all-in-one", version)]
struct Settings {
    /// How long it goes on, at least
    #[arg(long, default_value_t = 1)]
    minutes: u32,
    /// Draws the same blows, in the same order, as an earlier run [default: random, and printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Ballots a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How many people vote in each act
    #[arg(long, default_value_t = 3_000)]
    voters: u32,
    /// How many screens watch
    #[arg(long, default_value_t = 20)]
    viewers: u32,
    /// A small disk for the data directory, to be filled up; without it that blow is left out
    #[arg(long)]
    disk: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("chaos-all-in-one: seed {seed}");
    if settings.disk.is_none() {
        println!("chaos-all-in-one: no small disk is given, so no disk is filled up");
    }
    let time = Duration::from_secs(60 * u64::from(settings.minutes));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut installation = Installation::start(settings.disk.clone()).await?;
    let begun = Instant::now();
    let (mut acts, mut blows, mut acknowledged, mut unknown) = (0, 0, 0, 0);
    while begun.elapsed() < time {
        acts += 1;
        println!("act {acts}");
        // How many blows an act has depends on the machine; those of the next act don't depend on it.
        match one_act(&mut installation, &settings, random.fork()).await {
            Ok((report, struck)) if report.kept => {
                blows += struck;
                acknowledged += report.ballots.acknowledged;
                unknown += report.ballots.unknown;
            }
            broken => {
                let kept = std::env::temp_dir().join(format!("scrutin-chaos-{seed}.log"));
                std::fs::write(&kept, installation.output())?;
                println!("chaos-all-in-one: broken with seed {seed} in act {acts}; see {}", kept.display());
                broken?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    println!(
        "chaos-all-in-one: seed {seed}: {acts} acts, {blows} blows, {acknowledged} ballots acknowledged, \
         {unknown} of unknown outcome: the promise was kept"
    );
    Ok(ExitCode::SUCCESS)
}

/// One act, and what is checked after it.
async fn one_act(
    installation: &mut Installation,
    settings: &Settings,
    mut random: fastrand::Rng,
) -> anyhow::Result<(Report, u32)> {
    let crowd = crowd::Settings::parse_from(
        format!(
            "crowd --vote-url {} --result-url {} --rate {} --voters {} --viewers {} --seed {} --duration {}s \
             --timeout 5s --settle 60s --retries 95 --changes 40 --probes 3",
            installation.vote_url(),
            installation.result_url(),
            settings.rate,
            settings.voters,
            settings.viewers,
            random.u64(..),
            (ACT + 2 * CALM).as_secs(),
        )
        .split(' '),
    );
    let voting = async { crowd::run(&crowd, CancellationToken::new()).await.context("the crowd could not vote") };
    let (report, struck) = tokio::try_join!(voting, strike(installation, &mut random))?;
    println!("{report}");
    let recount = installation.recount()?;
    if !recount.status.success() {
        bail!("the recount differs: {recount:?}");
    }
    let said = String::from_utf8_lossy(&recount.stdout);
    if said.contains("gap:") || !said.contains("rejected entries: 0") {
        bail!("the recount tells of a loss:\n{said}");
    }
    println!("  recount: {}", said.lines().last().unwrap_or_default());
    Ok((report, struck))
}

/// Lets blows fall, one after the other, each until everything is well again; how many there were.
async fn strike(installation: &mut Installation, random: &mut fastrand::Rng) -> anyhow::Result<u32> {
    let begun = Instant::now();
    sleep(CALM).await;
    let mut blows = 0;
    while begun.elapsed() < ACT {
        sleep(Duration::from_millis(random.u64(BETWEEN_BLOWS_MS))).await;
        // Each has a generator of its own, so that what one met changes none of those after it.
        let mut random = random.fork();
        let Some(blow) = Blow::draw(&mut random, installation.has_disk()) else { continue };
        println!("  {:5.1} s  {blow:?}", begun.elapsed().as_secs_f64());
        installation.strike(blow).await.with_context(|| format!("{blow:?}"))?;
        blows += 1;
    }
    Ok(blows)
}
