//! A witness of the poll in which crowds vote: from step to step, its trees only grow.

use std::{fs, io::BufReader, sync::Arc};

use anyhow::{Context, bail};
use attest::{Evidence, KeptNote, verify};
use auditor::{PollAddress, PollWitness, PublishedSource, WitnessNews};
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{Duration, Instant, sleep},
};

/// How long everything may take to be looked at, once all faults are repaired.
const PATIENCE: Duration = Duration::from_mins(1);

/// Keeps checkpoints and tiles in files of its own.
#[derive(Debug)]
pub struct ChaosWitness {
    directory: TempDir,
}

impl ChaosWitness {
    /// Has seen nothing yet.
    ///
    /// # Errors
    /// If it can't have files.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { directory: tempfile::tempdir()? })
    }

    /// Looks at all trees of the poll at this result host, begun again from its files.
    ///
    /// # Errors
    /// If two signed statements contradict each other, or not all could be looked at in time.
    pub async fn look(&self, result_url: &str, poll: &str) -> anyhow::Result<()> {
        let address = PollAddress::parse(&format!("{}/p/{poll}", result_url.trim_end_matches('/')))?;
        let directory = self.directory.path().to_owned();
        let deadline = Instant::now() + PATIENCE;
        let witness = spawn_blocking(move || PollWitness::open(address, &directory, None)).await?;
        let witness = Arc::new(witness.context("the witness can't begin")?);
        let mut grown = 0;
        loop {
            let looking = Arc::clone(&witness);
            let (mut contradiction, mut failure) = (None, None);
            for news in spawn_blocking(move || looking.look()).await? {
                match news {
                    WitnessNews::Grew { from, to, .. } => grown += to - from,
                    WitnessNews::BegunAnew { .. } | WitnessNews::Sealed { .. } => {}
                    WitnessNews::Contradiction(found) => contradiction = Some(found),
                    WitnessNews::NotChecked(error) => failure = Some(error),
                }
            }
            if let Some(found) = contradiction {
                let kept = self.directory.path().display();
                bail!("the server contradicts itself in {}: see the copies of {kept}: {found:?}", found.of);
            }
            let Some(error) = failure else { break };
            if Instant::now() > deadline {
                return Err(error).context("the witness could not look at everything");
            }
            sleep(Duration::from_millis(500)).await;
        }
        println!("  witness: {grown} more ballots, and all trees begin as before");
        Ok(())
    }

    /// Holds the checkpoints that were kept against the published ballots. Trees that were begun anew after a loss have
    /// no part in them.
    ///
    /// # Errors
    /// If something does not hold, or nothing is published in time.
    pub async fn verify(&self, result_url: &str, poll: &str) -> anyhow::Result<()> {
        let page = format!("{}/p/{poll}", result_url.trim_end_matches('/'));
        let checkpoints = self.checkpoints(poll)?;
        let count = checkpoints.len();
        let deadline = Instant::now() + PATIENCE;
        let source = loop {
            let page = page.clone();
            match spawn_blocking(move || PublishedSource::open(&page)).await? {
                Ok(source) => break source,
                Err(error) if Instant::now() > deadline => return Err(error).context("nothing is published"),
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        };
        let evidence = Evidence { poll: source.poll, checkpoints, ..Evidence::default() };
        let verified = spawn_blocking(move || verify(BufReader::new(source.reader), &evidence)).await?;
        let count_of_ballots = verified.poll.and_then(|poll| poll.count).map(|count| count.ballots);
        let Some(ballots) = count_of_ballots.filter(|_| verified.findings.is_empty()) else {
            bail!("the published ballots do not hold: {:?} {:?}", verified.findings, verified.unchecked);
        };
        println!("  published: {ballots} ballots hold against {count} checkpoints");
        Ok(())
    }

    /// The newest checkpoint of each tree.
    fn checkpoints(&self, poll: &str) -> anyhow::Result<Vec<KeptNote>> {
        let mut open = vec![self.directory.path().join("api/polls").join(poll).join("log")];
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next)? {
                let path = entry?.path();
                if path.file_name().is_some_and(|name| name == "checkpoint") {
                    found.push(KeptNote { name: path.display().to_string(), text: fs::read_to_string(path)? });
                } else if path.is_dir() {
                    open.push(path);
                }
            }
        }
        Ok(found)
    }
}
