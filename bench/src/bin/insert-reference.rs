//! The reference for counting: the rows of the same ballots, inserted plainly into a table with the same key, in
//! batches of the worker's size, and nothing else. Prints one rate for each round of voting.

#![expect(clippy::print_stdout, reason = "a script reads the figures")]

use std::time::Instant;

use anyhow::Context;
use bench::{ballot, per_second};
use clap::Parser;
use domain::Position;
use program::settings::parse;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of one transaction: as many as the worker takes from the log at most.
const BATCH_ROWS: u64 = 10_000;
/// About as many ballots as come in a millisecond.
const ROWS_EACH_MILLI: u64 = 100;

/// The worker's own table and key, in a schema of its own. Nothing stays.
const TABLE: &str = "
    DROP SCHEMA IF EXISTS reference CASCADE;
    CREATE SCHEMA reference;
    CREATE TABLE reference.ballots (
        position bigint NOT NULL, poll integer NOT NULL, choices integer NOT NULL, voter uuid NOT NULL,
        PRIMARY KEY (poll, voter, position)
    )";
const INSERT: &str = "
    INSERT INTO reference.ballots (position, poll, choices, voter)
    SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::uuid[])";

#[derive(Parser)]
struct Settings {
    /// A database to work in
    #[arg(long)]
    database_url: String,
    /// How many voters vote, once in each round
    #[arg(long)]
    voters: u64,
    /// How many rounds: after the first, all of them have voted before
    #[arg(long, default_value_t = 2)]
    rounds: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings: Settings = parse();
    let (client, connection) = tokio_postgres::connect(&settings.database_url, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(TABLE).await?;
    let insert = client.prepare(INSERT).await?;
    for round in 0..settings.rounds {
        let start = Instant::now();
        let mut first = 0;
        while first < settings.voters {
            let last = settings.voters.min(first + BATCH_ROWS);
            batch(&client, &insert, round * settings.voters, first..last, round).await?;
            first = last;
        }
        println!("{}", per_second(settings.voters, start.elapsed()));
    }
    client.batch_execute("DROP SCHEMA reference CASCADE").await?;
    Ok(())
}

async fn batch(
    client: &Client,
    insert: &Statement,
    earlier: u64,
    voters: std::ops::Range<u64>,
    round: u64,
) -> anyhow::Result<()> {
    let (mut positions, mut choices, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for number in voters {
        let (voter, chosen) = ballot(number, round);
        let place = earlier + number;
        let position = Position::new(place / ROWS_EACH_MILLI, place % ROWS_EACH_MILLI).context("too many rows")?;
        positions.push(position.as_i64());
        choices.push(chosen.bits().cast_signed());
        ids.push(Uuid::from_bytes(*voter.as_bytes()));
    }
    let polls = vec![1_i32; ids.len()];
    client.execute(insert, &[&positions, &polls, &choices, &ids]).await?;
    Ok(())
}
