//! Probes: voters who measure the time from sending a ballot until a screen shows it.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    voter::{LogPosition, VoteOutcome, Voter},
    voting_client::{Channel, VoteAttempt, VotingClient},
};

/// How long the screen is watched for a ballot.
const SCREEN_LIMIT: Duration = Duration::from_secs(30);
/// The shortest and the longest time between two ballots, in milliseconds. Irregular, because screens update regularly.
const PAUSE_MS: std::ops::Range<u64> = 200..500;

/// Votes and measures until `stop`, and returns the voter.
pub(crate) async fn run(
    voting_client: Arc<VotingClient>,
    mut shown: watch::Receiver<LogPosition>,
    options: u8,
    mut random: fastrand::Rng,
    stop: CancellationToken,
) -> Voter {
    let mut voter = Voter::default();
    let now = Instant::now();
    let first = VoteAttempt { due: now, page_due: now, option: random.u8(0..options), channel: Channel::Api };
    voting_client.receive(&mut voter, first, &mut random).await;
    while !stop.is_cancelled() && voter.is_satisfied() {
        let sent = Instant::now();
        let option = voter.other_choice(options).unwrap_or_default();
        let outcome = voting_client.cast(&mut voter, option, Channel::Api, random.usize(..)).await;
        if let VoteOutcome::Recorded(Some(recorded)) = &outcome {
            let seen = shown.wait_for(|position| *position >= recorded.position);
            if timeout(SCREEN_LIMIT, seen).await.is_err() {
                voting_client.measurements.never_on_screen.fetch_add(1, Relaxed);
            }
            // Also for a ballot that was never seen: it took at least this long.
            voting_client.measurements.to_screen.add(sent.elapsed());
        }
        sleep(Duration::from_millis(random.u64(PAUSE_MS))).await;
        if !matches!(outcome, VoteOutcome::Recorded(_)) {
            // Retries the same choice until it is acknowledged, so that the next one is not ambiguous.
            let now = Instant::now();
            voting_client
                .receive(
                    &mut voter,
                    VoteAttempt { due: now, page_due: now, option, channel: Channel::Api },
                    &mut random,
                )
                .await;
        }
    }
    voter
}
