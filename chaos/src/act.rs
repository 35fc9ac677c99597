//! One act: a crowd votes, blows fall, everything is put right, and the promise is checked.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::Parser;
use crowd::{Report, Settings};
use testkit::{
    crowd::{accepted, tally, votes},
    programs, wait,
};
use tokio::{
    process::Command,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    blow::{Stage, Strike},
    cast::Cast,
};

/// The poll that everybody votes in.
const POLL: &str = "main";
const MOST_OPTIONS: usize = 26;
/// How long nothing is broken at the beginning and at the end of an act.
const CALM: Duration = Duration::from_secs(4);
/// The shortest and the longest time between two blows, in milliseconds.
const BETWEEN_BLOWS_MS: std::ops::Range<u64> = 300..4_000;

/// The crowd that votes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) rate: u32,
    pub(crate) voters: u32,
    pub(crate) viewers: u32,
}

/// What one act was.
pub(crate) struct Played {
    pub(crate) report: Report,
    pub(crate) blows: u32,
}

/// Plays one act of this length. `set_back`: at its beginning Redis comes back with older files.
pub(crate) async fn play(
    cast: &mut Cast,
    crowd: Crowd,
    length: Duration,
    set_back: bool,
    random: &mut fastrand::Rng,
) -> anyhow::Result<Played> {
    let settings = Settings::parse_from(
        format!(
            "crowd --vote-url {} --result-url {} --rate {} --voters {} --viewers {} --seed {} --duration {}s \
             --timeout 5s --settle 90s --retries 95 --changes 40 --probes 3",
            cast.urls("vote"),
            cast.urls("result"),
            crowd.rate,
            crowd.voters,
            crowd.viewers,
            random.u64(..),
            (length + if set_back { 4 * CALM } else { 2 * CALM }).as_secs(),
        )
        .split(' '),
    );
    let striking = async {
        if set_back {
            sleep(CALM / 2).await;
            let files = cast.redis_files();
            sleep(CALM / 2).await;
            println!("  Redis is set back by {} s, and its clock is behind", (CALM / 2).as_secs());
            cast.set_redis_back(&files).await;
        }
        let blows = blows(cast, length, random).await;
        cast.all_ready().await;
        blows
    };
    let (report, blows) = tokio::join!(crowd::run(&settings, CancellationToken::new()), striking);
    let report = report.context("the crowd could not vote")?;
    Ok(Played { report, blows })
}

/// Lets blows fall for so long, and puts everything right; how many there were.
async fn blows(cast: &mut Cast, length: Duration, random: &mut fastrand::Rng) -> u32 {
    let start = Instant::now();
    let end = start + CALM + length;
    let mut next = start + CALM;
    let mut standing: Vec<(Instant, Strike)> = Vec::new();
    let mut count = 0;
    loop {
        let recovery =
            standing.iter().enumerate().min_by_key(|(_, (when, _))| *when).map(|(index, (when, _))| (index, *when));
        match recovery {
            Some((index, when)) if when <= next || next >= end => {
                sleep_until(when).await;
                let (_, strike) = standing.swap_remove(index);
                cast.recover(strike).await;
            }
            _ if next >= end => return count,
            _ => {
                sleep_until(next).await;
                if let Some(strike) = strike(cast, &standing, start, random).await {
                    standing.push((Instant::now() + strike.lasts, strike));
                    count += 1;
                }
                next = Instant::now() + Duration::from_millis(random.u64(BETWEEN_BLOWS_MS));
            }
        }
    }
}

async fn strike(
    cast: &mut Cast,
    standing: &[(Instant, Strike)],
    start: Instant,
    random: &mut fastrand::Rng,
) -> Option<Strike> {
    let leading = cast.leading().await;
    let struck: Vec<_> = standing.iter().map(|(_, strike)| strike.target).collect();
    let stage = Stage { programs: &cast.names, leading: &leading, disks: cast.has_disks(), struck: &struck };
    let strike = stage.draw(random)?;
    let leads = leading.first().map(|&leader| format!("; {} leads", cast.names[leader])).unwrap_or_default();
    println!(
        "  {:5.1} s  {} {} for {:.1} s{leads}",
        start.elapsed().as_secs_f64(),
        strike.blow,
        stage.name(strike.target),
        strike.lasts.as_secs_f64(),
    );
    cast.strike(strike).await;
    Some(strike)
}

/// Empties the log while nobody votes and everything is counted: so nothing may be missing afterwards.
pub(crate) async fn empty_the_log(cast: &Cast) -> anyhow::Result<()> {
    println!("  the log is emptied");
    let before = Books::read(cast).await;
    cast.empty_the_log().await;
    let after = Books::read(cast).await;
    if before != after || after.counted != Some(after.accepted) {
        bail!("the log was emptied when everything was counted, and {before:?} became {after:?}");
    }
    Ok(())
}

/// What both hosts say of the poll.
#[derive(Debug, PartialEq, Eq)]
struct Books {
    votes: Vec<u64>,
    voters: Option<u64>,
    counted: Option<u64>,
    accepted: u64,
}

impl Books {
    async fn read(cast: &Cast) -> Self {
        let first = |of| cast.urls(of).split(',').next().unwrap_or_default().to_owned();
        let (vote, result) = (first("vote"), first("result"));
        let tally = wait::until("a tally", || tally(&result, POLL)).await;
        let accepted = wait::until("the log to say what it accepted", || accepted(&vote, POLL)).await;
        let (voters, counted) = (tally["voters"].as_u64(), tally["counted"].as_u64());
        Self { votes: votes(&tally, MOST_OPTIONS), voters, counted, accepted }
    }
}

/// Waits until the log has forgotten everything, since everything is counted.
pub(crate) async fn trimmed(cast: &Cast) {
    wait::until_true("the log to be trimmed", || async { cast.log_entries().await == 0 }).await;
    println!("  the log: all that was counted is removed");
}

/// Counts all ballots again, and holds the ledger to having nothing set aside, and a gap for each time that Redis was
/// set back: the worker can't know that nothing was in it.
pub(crate) async fn recount(cast: &Cast, set_back: usize) -> anyhow::Result<()> {
    let output = Command::new(programs::path("worker"))
        .arg("recount")
        .env("DATABASE_URL", cast.database_url())
        .output()
        .await
        .context("worker recount does not start")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let gaps = said.lines().filter(|line| line.starts_with("gap:")).count();
    if !output.status.success() || gaps != set_back || !said.contains("rejected entries: 0") {
        bail!(
            "worker recount differs, or does not tell of {set_back} gaps:\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let verdict = said.lines().last().unwrap_or_default();
    println!("  recount: {verdict}");
    Ok(())
}

/// Keeps what all programs have said, for whoever has to find out; where.
pub(crate) fn keep_outputs(cast: &Cast, seed: u64) -> anyhow::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("scrutin-chaos-{seed}"));
    fs::create_dir_all(&directory)?;
    for (name, output) in cast.outputs() {
        fs::write(directory.join(format!("{}.log", name.replace(' ', "-"))), output)?;
    }
    Ok(directory)
}
