//! The settings: only what any visitor has, two addresses and a poll's name.

use std::time::Duration;

use clap::Parser;
use program::settings::{PublicUrl, duration};

/// The most voters: one 32-bit number and a few hundred bytes are kept for each.
const MAX_VOTERS: u32 = 10_000_000;

/// Simulated voters and viewers. They measure a server, and check its promise: a ballot that was acknowledged is
/// counted exactly once. Only the crowd may vote in the poll during the run. Exit code 1: the promise was broken, 2:
/// the run was not possible.
#[derive(Clone, Debug, Parser)]
#[command(name = "crowd", version = program::version(option_env!("SCRUTIN_COMMIT")))]
pub struct Settings {
    /// Where voters vote; several, separated by commas, are used in turn
    #[arg(long, env = "VOTE_URL", value_delimiter = ',', default_value = "http://localhost:8080")]
    pub vote_url: Vec<PublicUrl>,
    /// Where the results are shown; several, separated by commas, are used in turn
    #[arg(long, env = "RESULT_URL", value_delimiter = ',', default_value = "http://localhost:8081")]
    pub result_url: Vec<PublicUrl>,
    /// Poll to vote in: open, with live results and without voting codes
    #[arg(long, env = "POLL", default_value = "main")]
    pub poll: String,
    /// How many different people vote, each with a cookie of their own
    #[arg(long, env = "VOTERS", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_VOTERS)))]
    pub voters: u32,
    /// How many screens watch the results
    #[arg(long, env = "VIEWERS", default_value_t = 100)]
    pub viewers: u32,
    /// Ballots a second, on average, whether the server keeps up or not
    #[arg(long, env = "RATE", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// How long the voting goes on: 30s, 10m; Ctrl-C ends it earlier
    #[arg(long, env = "DURATION", default_value = "30s", value_parser = duration)]
    pub duration: Duration,
    /// Percent of the ballots that change an earlier one, while there are people who have not voted; afterwards all do
    #[arg(long, env = "CHANGES", default_value_t = 20, value_parser = percent())]
    pub changes: u8,
    /// Percent of the voters that try again when their ballot was not acknowledged, with the same cookie
    #[arg(long, env = "RETRIES", default_value_t = 90, value_parser = percent())]
    pub retries: u8,
    /// Percent of the ballots that come all at once, every five seconds
    #[arg(long, env = "BURST", default_value_t = 10, value_parser = percent())]
    pub burst: u8,
    /// Percent of the ballots cast over the API, which answers with a receipt, and not by the form
    #[arg(long, env = "API", default_value_t = 50, value_parser = percent())]
    pub api: u8,
    /// Voters that measure how long a ballot takes to the screen, each with a screen of its own; 0: none
    #[arg(long, env = "PROBES", default_value_t = 5)]
    pub probes: u32,
    /// How many receipts are looked up at the end
    #[arg(long, env = "RECEIPTS", default_value_t = 1_000)]
    pub receipts: usize,
    /// The most connections of voters at once
    #[arg(long, env = "CONNECTIONS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// How long an answer is waited for; after that the outcome of a ballot is unknown
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// How long the end is waited for: everything counted, and shown on every screen
    #[arg(long, env = "SETTLE", default_value = "60s", value_parser = duration)]
    pub settle: Duration,
    /// How long the end waits until the organiser has published the ballots, of a poll that allows it; then they are
    /// verified against promises, proofs and checkpoints that were kept. 0s: not at all
    #[arg(long, env = "PUBLISHED_WITHIN", default_value = "0s", value_parser = duration)]
    pub published_within: Duration,
    /// Repeats an earlier run's choices [default: random, and printed]
    #[arg(long, env = "SEED")]
    pub seed: Option<u64>,
    /// Prints the report as JSON
    #[arg(long)]
    pub json: bool,
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}
