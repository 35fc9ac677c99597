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

/// How many promises are fetched at the same time.
const PROMISES_AT_ONCE: usize = 32;
/// How often the published file is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// What voters and screens keep before the publication.
pub(crate) struct KeptEvidence {
    evidence: Evidence,
    asked: usize,
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
        let asked = receipts.len();
        let promises = stream::iter(receipts).map(|receipt| async move {
            let text = hosts.text_of_poll(&format!("receipts/{receipt}/promise"), deadline).await?;
            Some(KeptNote { name: format!("the promise of {receipt}"), text })
        });
        let promises = promises.buffer_unordered(PROMISES_AT_ONCE).filter_map(std::future::ready).collect().await;
        let key = hosts.text("/.well-known/scrutin-key", deadline).await;
        let key = key.and_then(|line| line.trim_end().parse::<VerifierKey>().ok());
        let mut checkpoints = Vec::new();
        for origin in hosts.tree_places(deadline).await.unwrap_or_default() {
            if let Some(text) = hosts.text_of_poll(&format!("log/{origin}/checkpoint"), deadline).await {
                checkpoints.push(KeptNote { name: format!("the checkpoint of {origin}"), text });
            }
        }
        Self { evidence: Evidence { key, promises, checkpoints, ..Evidence::default() }, asked }
    }

    /// Waits until the ballots are published, and checks them.
    pub(crate) async fn check(self, page: String, tally: &PollTally, deadline: Instant) -> Vec<Check> {
        let (promises, checkpoints) = (self.evidence.promises.len(), self.evidence.checkpoints.len());
        let given = promises == self.asked && self.evidence.key.is_some() && checkpoints > 0;
        let found = format!("{promises}, and {checkpoints} checkpoints");
        let mut checks = vec![Check::new("receipts that have a promise", self.asked, found, given)];
        let verification = match published(page, self.evidence, deadline).await {
            Ok(verification) => verification,
            Err(error) => {
                checks.push(Check::new("the ballots are published", "a file", error, false));
                return checks;
            }
        };
        let votes = verification.poll.as_ref().map(|poll| poll.votes.clone()).unwrap_or_default();
        let (expected, found) = (format!("{:?}", tally.votes), format!("{votes:?}"));
        checks.push(Check::new("the published ballots have the tally", expected, found, votes == tally.votes));
        let holds = verification.holds();
        checks.push(Check::new("the published ballots hold", "all that was kept", first_fault(&verification), holds));
        checks
    }
}

/// The verification of the published file, once there is one.
async fn published(page: String, evidence: Evidence, deadline: Instant) -> Result<Verification, SourceError> {
    loop {
        let address = page.clone();
        let opened = spawn_blocking(move || PublishedSource::open(&address)).await.expect("it does not panic");
        match opened {
            Ok(source) => {
                let reader = std::io::BufReader::new(source.reader);
                return Ok(spawn_blocking(move || verify(reader, &evidence)).await.expect("it does not panic"));
            }
            Err(SourceError::Fetch(FetchError::NotThere(_) | FetchError::Failed { .. }))
                if Instant::now() < deadline =>
            {
                sleep(ASK_EVERY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn first_fault(verification: &Verification) -> String {
    let finding = verification.findings.first().map(|finding| finding.kind.to_string());
    let unchecked = verification.unchecked.first().map(ToString::to_string);
    finding.or(unchecked).unwrap_or_else(|| format!("{} ballots of voters", verification.receipts.len()))
}
