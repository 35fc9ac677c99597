//! Puts ballots on the log as `vote` does, or into the SQLite ledger as the all-in-one does, through the same door, and
//! prints how many a second went through it.

#![expect(clippy::print_stdout, reason = "a script reads the figure")]

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use bench::{ballot, per_second};
use clap::Parser;
use domain::{Ballot, BallotBox, CastOutcome, FIRST_REVISION, Partitions, PollId};
use futures_util::{StreamExt, TryStreamExt, stream};
use ledger_sqlite::SqliteLedger;
use log_redis::{RedisAddresses, RedisBallotBox};
use program::settings::parse;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ballots under way at a time; fewer than the door's own queue holds.
const AT_ONCE: usize = 4_096;

#[derive(Parser)]
struct Settings {
    /// Address of Redis
    #[arg(long, required_unless_present = "ledger")]
    redis_url: Option<RedisAddresses>,
    /// SQLite file of an all-in-one that is not running
    #[arg(long, conflicts_with = "redis_url")]
    ledger: Option<PathBuf>,
    /// Poll to vote in
    #[arg(long, default_value = "main")]
    poll: String,
    /// How many voters vote, once each
    #[arg(long)]
    voters: u64,
    /// Number of the first voter
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// In each round every voter chooses another option than in the last
    #[arg(long, default_value_t = 0)]
    round: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings: Settings = parse();
    let poll = PollId::parse(&settings.poll).context("--poll")?;
    let ballot_box: Arc<dyn BallotBox> = match (&settings.redis_url, &settings.ledger) {
        (Some(url), _) => RedisBallotBox::new(url, Partitions::ONE),
        (None, Some(file)) => SqliteLedger::open(file)?,
        (None, None) => unreachable!("one of both is required"),
    };
    let start = Instant::now();
    let voters = settings.from..settings.from + settings.voters;
    stream::iter(voters)
        .map(|number| {
            let (voter, choices) = ballot(number, settings.round);
            let cast = ballot_box.cast(Ballot { poll, voter, choices }, FIRST_REVISION);
            async move {
                let cast = cast.await?;
                ensure!(matches!(cast, CastOutcome::Recorded(_)), "not recorded: {cast:?}");
                Ok(())
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    println!("{}", per_second(settings.voters, start.elapsed()));
    Ok(())
}
