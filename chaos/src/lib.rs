//! What both programs of this crate share: steps of a crowd's voting during faults, by a seed, until the time is over.
//!
//! May import: `crowd`.

#![expect(clippy::print_stdout, reason = "a report to the operator")]

pub mod disk;

use std::{
    future::Future,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, Parser};
use crowd::Report;

/// How a run votes, and for how long.
#[derive(Clone, Debug, Args)]
pub struct RunSettings {
    /// How long it goes on, at least
    #[arg(long, default_value_t = 2)]
    pub minutes: u32,
    /// Draws the same faults, in the same order, as an earlier run [default: random, and printed]. When they happen,
    /// and in what state, depends on the machine
    #[arg(long)]
    pub seed: Option<u64>,
    /// Ballots a second
    #[arg(long, default_value_t = 200)]
    pub rate: u32,
    /// How many people vote in each step
    #[arg(long, default_value_t = 3_000)]
    pub voters: u32,
    /// How many screens watch
    #[arg(long, default_value_t = 50)]
    pub viewers: u32,
}

impl RunSettings {
    /// A crowd for one step, on these addresses.
    pub fn crowd(
        &self,
        vote_url: &str,
        result_url: &str,
        duration: Duration,
        settle: Duration,
        seed: u64,
    ) -> crowd::Settings {
        crowd::Settings::parse_from(
            format!(
                "crowd --vote-url {vote_url} --result-url {result_url} --rate {} --voters {} --viewers {} \
                 --seed {seed} --duration {}s --timeout 5s --settle {}s --retries 95 --changes 40 --probes 3",
                self.rate,
                self.voters,
                self.viewers,
                duration.as_secs(),
                settle.as_secs(),
            )
            .split(' '),
        )
    }
}

/// The result of one step.
pub struct StepResult {
    /// What the crowd saw.
    pub report: Report,
    /// How many faults were injected.
    pub faults: u32,
}

/// A system into which faults are injected.
pub trait FaultySystem {
    /// Lets a crowd vote while faults are injected, repairs all faults, and runs the checks specific to this system.
    fn step(&mut self, number: u32, random: fastrand::Rng) -> impl Future<Output = anyhow::Result<StepResult>>;

    /// Keeps the output of all its programs; returns where.
    ///
    /// # Errors
    /// If the files can't be written.
    fn keep_outputs(&self, seed: u64) -> anyhow::Result<PathBuf>;
}

/// Runs steps until the time is over or the promise is broken. `name` begins each line of the report.
///
/// # Errors
/// If a step could not be done.
pub async fn run(
    name: &str,
    settings: &RunSettings,
    seed: u64,
    system: &mut impl FaultySystem,
) -> anyhow::Result<ExitCode> {
    let time = Duration::from_secs(60 * u64::from(settings.minutes));
    let mut random = fastrand::Rng::with_seed(seed);
    let begun = Instant::now();
    let (mut steps, mut faults, mut acknowledged, mut unknown) = (0, 0, 0, 0);
    while begun.elapsed() < time {
        steps += 1;
        println!("step {steps}");
        // How many faults a step has depends on the machine; those of the next step don't depend on it.
        let result = match system.step(steps, random.fork()).await {
            Ok(result) if result.report.kept => result,
            broken => {
                let outputs = system.keep_outputs(seed)?;
                println!("{name}: broken with seed {seed} in step {steps}; see {}", outputs.display());
                broken?;
                return Ok(ExitCode::FAILURE);
            }
        };
        faults += result.faults;
        acknowledged += result.report.ballots.acknowledged;
        unknown += result.report.ballots.unknown;
    }
    println!(
        "{name}: seed {seed}: {steps} steps, {faults} faults, {acknowledged} ballots acknowledged, \
         {unknown} of unknown outcome: the promise was kept"
    );
    Ok(ExitCode::SUCCESS)
}

/// The seed of a run, which is printed.
pub fn seed(name: &str, settings: &RunSettings) -> u64 {
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("{name}: seed {seed}");
    seed
}
