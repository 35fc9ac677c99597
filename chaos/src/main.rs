//! The program `chaos`: a crowd of voters on the real services, on a real Redis and a real PostgreSQL, while
//! everything is killed, stopped, cut off and filled up, by a seed. After each act the promise is checked.
//!
//! A killed process loses what only it knew; what it had written, the kernel keeps. So this shows nothing
//! about a power cut: that is for `appendfsync always` and `fsync`, which tests of their own look at.

#![expect(clippy::print_stdout, reason = "a report to whoever watches")]

mod act;
mod blow;
mod cast;
mod disk;
mod proxy;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use act::{Crowd, Played, empty_the_log, keep_outputs, play, recount, trimmed};
use cast::{Cast, Disks};
use clap::Parser;
use program::settings::parse;

/// How long an act lasts; the promise is checked after each.
const ACT: Duration = Duration::from_secs(45);

/// Breaks everything around a crowd of voters, and checks that every acknowledged ballot is counted exactly once.
/// Exit code 0: the promise was kept, 1: it was not.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Settings {
    /// How long it goes on, at least
    #[arg(long, default_value_t = 2)]
    minutes: u32,
    /// Draws the same blows, in the same order, as an earlier run [default: random, and printed]. When they fall, and
    /// on what state, depends on the machine
    #[arg(long)]
    seed: Option<u64>,
    /// Ballots a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How many people vote in each act
    #[arg(long, default_value_t = 3_000)]
    voters: u32,
    /// How many screens watch
    #[arg(long, default_value_t = 50)]
    viewers: u32,
    /// A small disk for Redis, to be filled up; without it that blow is left out
    #[arg(long, requires = "postgres_disk")]
    redis_disk: Option<PathBuf>,
    /// A small disk for PostgreSQL, to be filled up
    #[arg(long, requires = "redis_disk")]
    postgres_disk: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("chaos: seed {seed}");
    let disks = settings.redis_disk.zip(settings.postgres_disk).map(|(redis, postgres)| Disks { redis, postgres });
    if disks.is_none() {
        println!("chaos: no small disks are given, so no disk is filled up");
    }
    let crowd = Crowd { rate: settings.rate, voters: settings.voters, viewers: settings.viewers };
    let time = Duration::from_secs(60 * u64::from(settings.minutes));

    let mut random = fastrand::Rng::with_seed(seed);
    let mut cast = Cast::gather(disks).await;
    let begun = Instant::now();
    let (mut acts, mut set_back, mut blows, mut acknowledged, mut unknown) = (0, 0, 0, 0, 0);
    while begun.elapsed() < time {
        acts += 1;
        println!("act {acts}");
        // How many blows an act has depends on the machine; those of the next act don't depend on it.
        let played = match one_act(&mut cast, acts, &mut set_back, crowd, random.fork()).await {
            Ok(played) if played.report.kept => played,
            broken => {
                let logs = keep_outputs(&cast, seed)?;
                println!("chaos: broken with seed {seed} in act {acts}; what was said is in {}", logs.display());
                broken?;
                return Ok(ExitCode::FAILURE);
            }
        };
        blows += played.blows;
        acknowledged += played.report.ballots.acknowledged;
        unknown += played.report.ballots.unknown;
    }
    println!(
        "chaos: seed {seed}: {acts} acts, {blows} blows, {acknowledged} ballots acknowledged, \
         {unknown} of unknown outcome: the promise was kept"
    );
    Ok(ExitCode::SUCCESS)
}

/// One act and what is checked after it. Before the second, and before some of those to come, the log is emptied; in
/// the first, and in some of those to come, it is set back while everybody votes.
async fn one_act(
    cast: &mut Cast,
    number: u32,
    set_back: &mut usize,
    crowd: Crowd,
    mut random: fastrand::Rng,
) -> anyhow::Result<Played> {
    let (emptying, setting_back) = (random.bool(), number == 1 || random.bool());
    if number == 2 || number > 2 && emptying {
        empty_the_log(cast).await?;
    }
    let played = play(cast, crowd, ACT, setting_back, &mut random).await?;
    *set_back += usize::from(setting_back);
    println!("{}", played.report);
    recount(cast, *set_back).await?;
    trimmed(cast).await;
    Ok(played)
}
