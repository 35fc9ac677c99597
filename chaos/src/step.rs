//! One step: a crowd votes, faults are injected and repaired, and the promise is checked.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use scrutin_chaos::{FaultySystem, RunSettings, StepResult, keep, recount, witness::ChaosWitness};
use serde_json::{Value, json};
use testkit::{
    programs::ORGANISER_TOKEN,
    tallies::{accepted, tally, votes},
    wait,
};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    fault::{Cluster, Injection},
    processes::{POLL, Processes},
};

const MOST_OPTIONS: usize = 26;
/// How long a step lasts; the promise is checked after each.
const STEP: Duration = Duration::from_secs(45);
/// Time limit for counting all ballots.
const SETTLE: Duration = Duration::from_secs(90);
/// How long no fault is injected at the beginning and at the end of a step.
const CALM: Duration = Duration::from_secs(4);
/// The shortest and the longest time between two faults, in milliseconds.
const BETWEEN_FAULTS_MS: std::ops::Range<u64> = 300..4_000;

/// The services of one run.
pub(crate) struct ServicesRun {
    processes: Processes,
    settings: RunSettings,
    witness: ChaosWitness,
    /// How often Redis was set back to older files.
    set_back: usize,
}

impl ServicesRun {
    /// Makes the poll.
    pub(crate) async fn begin(processes: Processes, settings: RunSettings) -> anyhow::Result<Self> {
        let poll = json!({"id": POLL, "question": "Cats or dogs?", "options": ["Cats", "Dogs"], "publish": true});
        processes.all_ready().await;
        organise(&processes, "", &poll).await?;
        let result = first(&processes, "result");
        wait::until("the poll at the result host", || tally(&result, POLL)).await;
        Ok(Self { processes, settings, witness: ChaosWitness::new()?, set_back: 0 })
    }

    /// Lets the crowd vote while faults are injected. With `set_back` Redis is set back to older files early on.
    async fn vote(&mut self, set_back: bool, random: &mut fastrand::Rng) -> anyhow::Result<StepResult> {
        let duration = STEP + if set_back { 4 * CALM } else { 2 * CALM };
        let (vote, result) = (self.processes.urls("vote"), self.processes.urls("result"));
        let mut crowd = self.settings.crowd(&vote, &result, duration, SETTLE, random.u64(..));
        POLL.clone_into(&mut crowd.poll);
        let processes = &mut self.processes;
        let injecting = async {
            if set_back {
                sleep(CALM / 2).await;
                let files = processes.redis_files();
                sleep(CALM / 2).await;
                println!("  Redis is set back by {} s, and its clock is behind", (CALM / 2).as_secs());
                processes.set_redis_back(&files).await;
            }
            let faults = inject_faults(processes, STEP, random).await;
            processes.all_ready().await;
            faults
        };
        let (report, faults) = tokio::join!(crowd::run(&crowd, CancellationToken::new()), injecting);
        Ok(StepResult { report: report.context("the crowd could not vote")?, faults })
    }
}

impl FaultySystem for ServicesRun {
    /// Empties the log before the second step, and before some later ones. Sets Redis back during the voting of the
    /// first step, and of some later ones.
    async fn step(&mut self, number: u32, mut random: fastrand::Rng) -> anyhow::Result<StepResult> {
        let (emptying, setting_back) = (random.bool(), number == 1 || random.bool());
        if number == 2 || number > 2 && emptying {
            empty_the_log(&self.processes).await?;
        }
        let result = self.vote(setting_back, &mut random).await?;
        self.set_back += usize::from(setting_back);
        println!("{}", result.report);
        // One in each partition for each time, because the worker can't know that nothing was lost then.
        let gaps = self.set_back * usize::from(self.processes.partitions);
        recount(self.processes.database_url(), gaps).await?;
        trimmed(&self.processes).await;
        self.witness.look(&first(&self.processes, "result"), POLL).await?;
        Ok(result)
    }

    /// Publishes the ballots, and holds what the witness has kept against them.
    async fn finish(&mut self) -> anyhow::Result<()> {
        self.processes.all_ready().await;
        for path in ["/close", "/publish"] {
            organise(&self.processes, &format!("/{POLL}{path}"), &json!({})).await?;
        }
        self.witness.verify(&first(&self.processes, "result"), POLL).await
    }

    fn keep_outputs(&self, seed: u64) -> anyhow::Result<PathBuf> {
        keep(seed, self.processes.outputs())
    }
}

/// The address of the first of some programs.
fn first(processes: &Processes, of: &str) -> String {
    processes.urls(of).split(',').next().unwrap_or_default().to_owned()
}

/// What an organiser does over the API.
async fn organise(processes: &Processes, path: &str, body: &Value) -> anyhow::Result<()> {
    let address = format!("{}/api/polls{path}", first(processes, "vote"));
    let request = reqwest::Client::new().post(address).bearer_auth(ORGANISER_TOKEN).json(body);
    request.send().await?.error_for_status()?;
    Ok(())
}

/// Injects faults for this long, and repairs all of them. Returns their number.
async fn inject_faults(processes: &mut Processes, length: Duration, random: &mut fastrand::Rng) -> u32 {
    let start = Instant::now();
    let end = start + CALM + length;
    let mut next = start + CALM;
    let mut unrepaired: Vec<(Instant, Injection)> = Vec::new();
    let mut count = 0;
    loop {
        let recovery =
            unrepaired.iter().enumerate().min_by_key(|(_, (when, _))| *when).map(|(index, (when, _))| (index, *when));
        match recovery {
            Some((index, when)) if when <= next || next >= end => {
                sleep_until(when).await;
                let (_, injection) = unrepaired.swap_remove(index);
                processes.recover(injection).await;
            }
            _ if next >= end => return count,
            _ => {
                sleep_until(next).await;
                if let Some(injection) = inject(processes, &unrepaired, start, random).await {
                    unrepaired.push((Instant::now() + injection.lasts, injection));
                    count += 1;
                }
                next = Instant::now() + Duration::from_millis(random.u64(BETWEEN_FAULTS_MS));
            }
        }
    }
}

async fn inject(
    processes: &mut Processes,
    unrepaired: &[(Instant, Injection)],
    start: Instant,
    random: &mut fastrand::Rng,
) -> Option<Injection> {
    let leading = processes.leading().await;
    let hit: Vec<_> = unrepaired.iter().map(|(_, injection)| injection.target).collect();
    let cluster = Cluster { programs: &processes.names, leading: &leading, disks: processes.has_disks(), hit: &hit };
    let injection = cluster.draw(random)?;
    let leads = leading.first().map(|&leader| format!("; {} leads", processes.names[leader])).unwrap_or_default();
    println!(
        "  {:5.1} s  {} {} for {:.1} s{leads}",
        start.elapsed().as_secs_f64(),
        injection.fault,
        cluster.name(injection.target),
        injection.lasts.as_secs_f64(),
    );
    processes.inject(injection).await;
    Some(injection)
}

/// Empties the log between two steps, after all ballots are counted. So nothing may be missing afterwards.
pub(crate) async fn empty_the_log(processes: &Processes) -> anyhow::Result<()> {
    println!("  the log is emptied");
    let before = HostFigures::read(processes).await;
    processes.empty_the_log().await;
    let after = HostFigures::read(processes).await;
    if before != after || after.counted != Some(after.accepted) {
        bail!("the log was emptied when everything was counted, and {before:?} became {after:?}");
    }
    Ok(())
}

/// What both hosts answer about the poll.
#[derive(Debug, PartialEq, Eq)]
struct HostFigures {
    votes: Vec<u64>,
    voters: Option<u64>,
    counted: Option<u64>,
    accepted: u64,
}

impl HostFigures {
    async fn read(processes: &Processes) -> Self {
        let (vote, result) = (first(processes, "vote"), first(processes, "result"));
        let tally = wait::until("a tally", || tally(&result, POLL)).await;
        let accepted = wait::until("the log to say what it accepted", || accepted(&vote, POLL)).await;
        let (voters, counted) = (tally["voters"].as_u64(), tally["counted"].as_u64());
        Self { votes: votes(&tally, MOST_OPTIONS), voters, counted, accepted }
    }
}

/// Waits until the log is empty: all ballots are counted, and the workers have trimmed their entries.
pub(crate) async fn trimmed(processes: &Processes) {
    wait::until_true("the log to be trimmed", || async { processes.log_entries().await == 0 }).await;
    println!("  the log: all that was counted is removed");
}
