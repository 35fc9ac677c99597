//! A witness of the poll in which crowds vote: from step to step, its trees only grow.

use std::sync::Arc;

use anyhow::{Context, bail};
use auditor::{PollAddress, PollWitness, WitnessNews};
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
                    WitnessNews::Sealed { .. } => {}
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
}
