//! Checks the promise against the server's final answers.

use std::{fmt::Display, sync::Arc};

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    host::{Hosts, Settled},
    promise::{Bounds, Expected, Outcomes},
    report::Check,
    voter::{ReceiptState, Voter},
};

/// How many receipts are read at the same time.
const LOOK_UPS_AT_ONCE: usize = 32;
/// The most voters whose ballots of unknown outcome are looked into by receipt.
const MAX_TELLING: usize = 100_000;
/// The status of a receipt without an answer.
const NO_ANSWER: &str = "no answer";

/// Compares the ballots that the log accepted with those that the voters know of.
pub(crate) fn accepted(before: &Settled, after: &Settled, acknowledged: u64, unknown: u64) -> Check {
    let found = after.accepted.cast_signed() - before.accepted.cast_signed();
    let bounds = Bounds { least: acknowledged, most: acknowledged + unknown };
    Check::new("every acknowledged ballot is in the log, none twice", shown(bounds), found, bounds.hold(found))
}

/// Whether the ledger has counted everything that the log accepted.
pub(crate) fn counted(after: &Settled) -> Check {
    let (accepted, counted) = (after.accepted, after.tally.counted);
    Check::new("everything accepted is counted", accepted, counted, accepted == counted)
}

/// Votes and turnout, option by option and all together.
pub(crate) fn tally(before: &Settled, after: &Settled, expected: &Expected) -> Vec<Check> {
    let counted = after.since(before);
    let mut checks: Vec<_> = (0_u8..)
        .zip(&counted.votes)
        .map(|(option, votes)| {
            let bounds = expected.option(option);
            let what = format!("votes for {}", char::from(b'a' + option));
            Check::new(what, shown(bounds), votes, bounds.hold(*votes))
        })
        .collect();
    let turnout = expected.turnout();
    checks.push(Check::new("turnout", shown(turnout), counted.voters, turnout.hold(counted.voters)));
    let unexplained = expected.unexplained(&counted);
    let what = match expected.uncertain() {
        0 => "voters whose vote is not explained".to_owned(),
        uncertain => format!("voters whose vote is not explained ({uncertain} may count for one of several)"),
    };
    checks.push(Check::new(what, 0, unexplained, unexplained == 0));
    if before.tally.round != after.tally.round {
        checks.push(Check::new("the poll was not reset during the run", before.tally.round, after.tally.round, false));
    }
    checks
}

/// The possible outcomes of each voter. If a ballot's outcome is unknown, the receipt of the acknowledged one decides
/// which of the two counts. Each such receipt must be found.
pub(crate) async fn expected(hosts: &Arc<Hosts>, voters: &[Voter], deadline: Instant) -> (Expected, Check) {
    let (telling, mut others): (Vec<_>, Vec<_>) = voters.iter().partition(|voter| voter.telling_receipt().is_some());
    let asked = telling.len().min(MAX_TELLING);
    others.extend(&telling[asked..]);
    let told: Vec<(Outcomes, Option<String>)> = stream::iter(&telling[..asked])
        .map(|voter| async move {
            let receipt = voter.telling_receipt().expect("these were chosen for their receipt");
            match hosts.receipt(receipt, deadline).await {
                Some(said) if said == "counted" => (voter.outcomes_knowing(true), None),
                Some(said) if said == "replaced" => (voter.outcomes_knowing(false), None),
                said => (voter.outcomes(), Some(said.unwrap_or_else(|| NO_ANSWER.to_owned()))),
            }
        })
        .buffer_unordered(LOOK_UPS_AT_ONCE)
        .collect()
        .await;
    let wrong: Vec<_> = told.iter().filter_map(|(_, wrong)| wrong.as_deref()).collect();
    let found = right_of(asked, wrong.len(), wrong.first());
    let check = Check::new("receipts that say which of two ballots counts", asked, found, wrong.is_empty());
    let told = told.iter().map(|(outcomes, _)| *outcomes);
    (others.into_iter().map(Voter::outcomes).chain(told).collect(), check)
}

/// Reads receipts of random voters: each must be found and agree with what its voter knows.
pub(crate) async fn receipts(
    hosts: &Arc<Hosts>,
    voters: &[Voter],
    sample: usize,
    mut random: fastrand::Rng,
    deadline: Instant,
) -> Check {
    let mut receipts: Vec<_> = voters.iter().flat_map(Voter::receipts).collect();
    random.shuffle(&mut receipts);
    receipts.truncate(sample);
    let asked = receipts.len();
    let wrong: Vec<String> = stream::iter(receipts)
        .map(|(receipt, state)| async move {
            let said = hosts.receipt(receipt, deadline).await.unwrap_or_else(|| NO_ANSWER.to_owned());
            let kept = match state {
                ReceiptState::Counted => said == "counted",
                ReceiptState::Replaced => said == "replaced",
                ReceiptState::Either => said == "counted" || said == "replaced",
            };
            (!kept).then(|| format!("{said} instead of {state:?}"))
        })
        .buffer_unordered(LOOK_UPS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let found = right_of(asked, wrong.len(), wrong.first());
    Check::new("receipts that say what their voter knows", asked, found, wrong.is_empty())
}

/// How many are right, with an example of a wrong one.
fn right_of(asked: usize, wrong: usize, example: Option<impl Display>) -> String {
    let example = example.map(|example| format!(" ({example})")).unwrap_or_default();
    format!("{}{example}", asked - wrong)
}

fn shown(Bounds { least, most }: Bounds) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}
