//! What the programs of this crate share: steps of a crowd's voting during faults, by a seed, until the time is over.
//!
//! May import: `attest`, `auditor`, `crowd`, `testkit`.

#![expect(clippy::print_stdout, reason = "a report to the operator")]

pub mod disk;
pub mod witness;

use std::{
    fs,
    future::Future,
    ops::Range,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::{Args, Parser};
use crowd::Report;
use testkit::programs;
use tokio::{process::Command, time::sleep};

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

    /// Checks what can only be checked when all voting is over.
    fn finish(&mut self) -> impl Future<Output = anyhow::Result<()>> {
        async { Ok(()) }
    }

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
    if let Err(error) = system.finish().await {
        let outputs = system.keep_outputs(seed)?;
        println!("{name}: broken with seed {seed} at the end; see {}", outputs.display());
        return Err(error);
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

/// When faults are injected in a step.
pub struct Pace {
    /// No fault begins after this time.
    pub length: Duration,
    /// How long there is none at the beginning, and how much longer the crowd votes at the end.
    pub calm: Duration,
    /// The shortest and the longest time between two faults, in milliseconds.
    pub between_faults_ms: Range<u64>,
}

/// Injects faults one after the other for one step; returns their number. `inject` gets the time since the step began
/// and a generator of its own, so that the outcome of one fault does not change the following ones, and says whether it
/// did something.
///
/// # Errors
/// Those of `inject`.
pub async fn in_turn(
    pace: &Pace,
    random: &mut fastrand::Rng,
    mut inject: impl AsyncFnMut(Duration, fastrand::Rng) -> anyhow::Result<bool>,
) -> anyhow::Result<u32> {
    let begun = Instant::now();
    sleep(pace.calm).await;
    let mut faults = 0;
    while begun.elapsed() < pace.length {
        sleep(Duration::from_millis(random.u64(pace.between_faults_ms.clone()))).await;
        let random = random.fork();
        faults += u32::from(inject(begun.elapsed(), random).await?);
    }
    Ok(faults)
}

/// Recounts all ballots of the ledger. It must have no rejected entries, and exactly so many gaps.
///
/// # Errors
/// If the recount differs, and then with what it says.
pub async fn recount(database_url: &str, gaps: usize) -> anyhow::Result<()> {
    let mut command = Command::new(programs::path("worker"));
    let output = command.arg("recount").env("DATABASE_URL", database_url).output().await;
    let output = output.context("worker recount does not start")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let told = said.lines().filter(|line| line.starts_with("gap:")).count();
    if !output.status.success() || told != gaps || !said.contains("rejected entries: 0") {
        bail!(
            "worker recount differs, or does not tell of {gaps} gaps:\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    println!("  recount: {}", said.lines().last().unwrap_or_default());
    Ok(())
}

/// Keeps the outputs of programs, each with its name; returns the directory.
///
/// # Errors
/// If the files can't be written.
pub fn keep<'a>(seed: u64, outputs: impl Iterator<Item = (&'a str, String)>) -> anyhow::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("scrutin-chaos-{seed}"));
    fs::create_dir_all(&directory)?;
    for (name, output) in outputs {
        fs::write(directory.join(format!("{}.log", name.replace(' ', "-"))), output)?;
    }
    Ok(directory)
}
