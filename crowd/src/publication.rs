//! The end of a poll whose ballots are published: what voters and screens have kept is held against the published file.

use std::{sync::Arc, time::Duration};

use attest::{Evidence, KeptNote, Verification, VerifierKey, verify};
use auditor::{FetchError, PublishedSource, SourceError};
use futures_util::{StreamExt, stream};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    host::{Hosts, PollTally},
    report::Check,
    voter::Voter,
};

/// How many promises and proofs are fetched at the same time.
const NOTES_AT_ONCE: usize = 32;
/// How often the published file is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// What voters and screens keep before the publication.
pub(crate) struct KeptEvidence {
    evidence: Evidence,
    /// Whose promises were asked for, and whose proofs are.
    receipts: Vec<String>,
}

impl KeptEvidence {
    /// Fetches the installation's key, the checkpoints of all trees, and the promises of random receipts.
    pub(crate) async fn fetch(
        hosts: &Arc<Hosts>,
        voters: &[Voter],
        sample: usize,
        random: &mut fastrand::Rng,
        deadline: Instant,
    ) -> Self {
        let mut receipts: Vec<_> = voters.iter().flat_map(Voter::receipts).map(|(receipt, _)| receipt).collect();
        random.shuffle(&mut receipts);
        receipts.truncate(sample);
        let receipts: Vec<String> = receipts.into_iter().map(str::to_owned).collect();
        let promises = notes(hosts, &receipts, "promise", deadline).await;
        let key = hosts.text("/.well-known/scrutin-key", deadline).await;
        let key = key.and_then(|line| line.trim_end().parse::<VerifierKey>().ok());
        let mut checkpoints = Vec::new();
        for origin in hosts.tree_places(deadline).await.unwrap_or_default() {
            if let Some(text) = hosts.text_of_poll(&format!("log/{origin}/checkpoint"), deadline).await {
                checkpoints.push(KeptNote { name: format!("the checkpoint of {origin}"), text });
            }
        }
        Self { evidence: Evidence { key, promises, checkpoints, ..Evidence::default() }, receipts }
    }

    /// Waits until the ballots are published, fetches the proofs of the same receipts, and checks everything.
    pub(crate) async fn check(
        mut self,
        hosts: &Hosts,
        page: String,
        tally: &PollTally,
        deadline: Instant,
    ) -> Vec<Check> {
        let (promises, checkpoints) = (self.evidence.promises.len(), self.evidence.checkpoints.len());
        let asked = self.receipts.len();
        let given = promises == asked && self.evidence.key.is_some() && checkpoints > 0;
        let found = format!("{promises}, and {checkpoints} checkpoints");
        let mut checks = vec![Check::new("receipts that have a promise", asked, found, given)];
        if let Err(error) = published(&page, deadline).await {
            checks.push(Check::new("the ballots are published", "a file", error, false));
            return checks;
        }
        // The close has ended the last blocks.
        self.evidence.proofs = notes(hosts, &self.receipts, "proof", deadline).await;
        let proofs = self.evidence.proofs.len();
        checks.push(Check::new("receipts that have a proof", asked, proofs, proofs == asked));
        let verification = match verified(&page, self.evidence, deadline).await {
            Ok(verification) => verification,
            Err(error) => {
                checks.push(Check::new("the ballots are published", "a file", error, false));
                return checks;
            }
        };
        let votes = verification
            .poll
            .as_ref()
            .and_then(|poll| poll.count.as_ref())
            .map(|count| count.votes.clone())
            .unwrap_or_default();
        let (expected, found) = (format!("{:?}", tally.votes), format!("{votes:?}"));
        checks.push(Check::new("the published ballots have the tally", expected, found, votes == tally.votes));
        let holds = verification.holds();
        checks.push(Check::new("the published ballots hold", "all that was kept", first_fault(&verification), holds));
        checks
    }
}

/// The promises or the proofs of these receipts, as far as there are any.
async fn notes(hosts: &Hosts, receipts: &[String], kind: &str, deadline: Instant) -> Vec<KeptNote> {
    let notes = stream::iter(receipts).map(|receipt| async move {
        let text = hosts.text_of_poll(&format!("receipts/{receipt}/{kind}"), deadline).await?;
        Some(KeptNote { name: format!("the {kind} of {receipt}"), text })
    });
    notes.buffer_unordered(NOTES_AT_ONCE).filter_map(std::future::ready).collect().await
}

/// The verification of the published file.
async fn verified(page: &str, evidence: Evidence, deadline: Instant) -> Result<Verification, SourceError> {
    let PublishedSource { reader, poll, .. } = published(page, deadline).await?;
    let (reader, evidence) = (std::io::BufReader::new(reader), Evidence { poll, ..evidence });
    Ok(spawn_blocking(move || verify(reader, &evidence)).await.expect("it does not panic"))
}

/// The published file, once there is one.
async fn published(page: &str, deadline: Instant) -> Result<PublishedSource, SourceError> {
    loop {
        let address = page.to_owned();
        let opened = spawn_blocking(move || PublishedSource::open(&address)).await.expect("it does not panic");
        match opened {
            Err(SourceError::Fetch(
                FetchError::NotThere { .. } | FetchError::Busy { .. } | FetchError::Failed { .. },
            )) if Instant::now() < deadline => {
                sleep(ASK_EVERY).await;
            }
            opened => return opened,
        }
    }
}

fn first_fault(verification: &Verification) -> String {
    let finding = verification.findings.first().map(|finding| finding.kind.to_string());
    let unchecked = verification.unchecked.first().map(ToString::to_string);
    finding.or(unchecked).unwrap_or_else(|| format!("{} notes of voters", verification.receipts.len()))
}
