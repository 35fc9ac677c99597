//! The program `chaos`: a crowd votes on the real services, with a real Redis and a real PostgreSQL, while faults are
//! injected by a seed: kills, stops, cut connections, full disks. After each step the promise is checked.
//!
//! A killed process loses only what was in its own memory; the kernel keeps what it had written. So this says nothing
//! about a power cut. `appendfsync always` and `fsync` are for that, and have tests of their own.
//!
//! May import: `crowd`, `program`, `testkit`.

#![expect(clippy::print_stdout, reason = "a report to the operator")]

mod fault;
mod processes;
mod proxy;
mod step;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use processes::{Disks, Processes};
use program::settings::parse;
use scrutin_chaos::{RunSettings, run, seed};
use step::ServicesRun;

const NAME: &str = "chaos";

/// Injects faults while a crowd votes, and checks that every acknowledged ballot is counted exactly once.
/// Exit code 0: the promise was kept, 1: it was not.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Settings {
    #[command(flatten)]
    run: RunSettings,
    /// Number of partitions, over which the voters are spread
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    partitions: u16,
    /// A small disk for Redis, to be filled up; without it that fault is left out
    #[arg(long, requires = "postgres_disk")]
    redis_disk: Option<PathBuf>,
    /// A small disk for PostgreSQL, to be filled up
    #[arg(long, requires = "redis_disk")]
    postgres_disk: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    let seed = seed(NAME, &settings.run);
    let disks = settings.redis_disk.zip(settings.postgres_disk).map(|(redis, postgres)| Disks { redis, postgres });
    if disks.is_none() {
        println!("{NAME}: no small disks are given, so no disk is filled up");
    }
    let processes = Processes::start(settings.partitions, disks).await;
    let mut services = ServicesRun::begin(processes, settings.run.clone()).await?;
    run(NAME, &settings.run, seed, &mut services).await
}
