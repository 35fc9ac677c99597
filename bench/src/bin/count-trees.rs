//! What trees cost the count, and what the way of a receipt to its root costs: a leader counts the same ballots into a
//! ledger that belongs to an installation, and so grows trees, or to none. Prints one line of JSON: ballots counted a
//! second in each round of voting; with trees the median time of a proof in microseconds, without them how many
//! ballots a second become a tree afterwards.

#![expect(clippy::print_stdout, reason = "a script reads the figures")]

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bench::{ballot, per_second};
use clap::Parser;
use domain::{
    Ballot, Entry, Installation, InstallationId, Ledger, LedgerIdentity, Ledgers, Partition, Partitions, Poll,
    PollChange, PollId, PollSpec, Position, Receipt, Record, Scoreboard, TreeReader, root_of_path,
};
use ledger_postgres::{DatabaseAddresses, DatabaseUrl, PostgresLedgers, PostgresScoreboard};
use program::settings::parse;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as the worker takes from the log at most.
const BATCH_BALLOTS: u64 = 10_000;
/// About as many ballots as come in a millisecond.
const BALLOTS_EACH_MILLI: u64 = 100;
/// Of how many receipts the way to the root is asked for.
const PROOFS: u64 = 400;
const PARTITION: Partition = Partition::new(0);

#[derive(Parser)]
struct Settings {
    /// An empty database to work in
    #[arg(long)]
    database_url: String,
    /// How many voters vote, once in each round
    #[arg(long)]
    voters: u64,
    /// How many rounds: after the first, all of them have voted before
    #[arg(long, default_value_t = 2)]
    rounds: u64,
    /// Grow a tree, and ask for proofs
    #[arg(long)]
    trees: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings: Settings = parse();
    let addresses: DatabaseAddresses = settings.database_url.parse()?;
    let ledgers = PostgresLedgers::new(addresses);
    let mut ledger = ledgers.lead(PARTITION).await?.context("nobody else leads")?;
    if settings.trees {
        install(ledger.as_mut()).await?;
    }
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"]))?;
    ledger.apply(vec![entry(0, Record::Poll(Box::new(poll.clone())))?]).await?;
    let mut rates = Vec::new();
    for round in 0..settings.rounds {
        let took = count(ledger.as_mut(), settings.voters, round).await?;
        rates.push(per_second(settings.voters, took));
    }
    // A close ends the last block.
    let closed = poll.after(&PollChange::Close, 1)?;
    let end = 1 + settings.rounds * settings.voters;
    ledger.apply(vec![entry(end, Record::Poll(Box::new(closed)))?]).await?;
    let proof = if settings.trees { Some(proof_micros(&settings).await?) } else { None };
    let built = if settings.trees { None } else { Some(built_per_second(ledger.as_mut(), &settings).await?) };
    println!("{}", serde_json::json!({ "rates": rates, "proof_us": proof, "built": built }));
    Ok(())
}

/// From now on the ledger grows trees.
async fn install(ledger: &mut dyn Ledger) -> anyhow::Result<()> {
    let installation = Installation::new(InstallationId::new("bench"), Partitions::ONE);
    Ok(ledger.install(&LedgerIdentity::new(installation, "")).await?)
}

/// How many ballots a second become a tree where there was none, as at the first start after an earlier release.
async fn built_per_second(ledger: &mut dyn Ledger, settings: &Settings) -> anyhow::Result<u128> {
    install(ledger).await?;
    let start = Instant::now();
    ledger.grow_trees().await?;
    Ok(per_second(settings.voters * settings.rounds, start.elapsed()))
}

/// Counts one round of voting. Making the ballots is not part of the time.
async fn count(ledger: &mut dyn Ledger, voters: u64, round: u64) -> anyhow::Result<Duration> {
    let (mut took, mut first) = (Duration::ZERO, 0);
    while first < voters {
        let last = voters.min(first + BATCH_BALLOTS);
        let batch = (first..last).map(|number| cast(number, voters, round)).collect::<Result<Vec<_>, _>>()?;
        let start = Instant::now();
        let outcome = ledger.apply(batch).await?;
        took += start.elapsed();
        ensure!(outcome.ballots == last - first, "{} ballots of {} were counted", outcome.ballots, last - first);
        first = last;
    }
    Ok(took)
}

fn cast(number: u64, voters: u64, round: u64) -> anyhow::Result<Entry> {
    let (voter, choices) = ballot(number, round);
    entry(1 + round * voters + number, Record::Ballot(Ballot { poll: PollId::MAIN, voter, choices }))
}

fn entry(place: u64, record: Record) -> anyhow::Result<Entry> {
    Ok(Entry { position: position(place)?, record: Ok(record) })
}

fn position(place: u64) -> anyhow::Result<Position> {
    Position::new(1 + place / BALLOTS_EACH_MILLI, place % BALLOTS_EACH_MILLI).context("too many ballots")
}

/// The median time of a proof, of receipts from everywhere in the last round.
async fn proof_micros(settings: &Settings) -> anyhow::Result<f64> {
    let scoreboard = PostgresScoreboard::new(settings.database_url.parse::<DatabaseUrl>()?);
    scoreboard.ready().await?;
    let round = settings.rounds - 1;
    let mut times = Vec::new();
    for number in (0..PROOFS).map(|number| number * settings.voters / (PROOFS + 1)) {
        let receipt =
            Receipt { voter: ballot(number, round).0, position: position(1 + round * settings.voters + number)? };
        let start = Instant::now();
        let held = scoreboard.leaf(PARTITION, PollId::MAIN, &receipt).await?.context("it is counted")?;
        times.push(start.elapsed());
        let place = held.place.context("its block is complete")?;
        let root = root_of_path(held.leaf, place.index, place.size, &place.path);
        ensure!(root == Some(place.root), "the way does not lead to the root");
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}
