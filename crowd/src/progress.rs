//! The progress line during a run.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, interval};

use crate::{host::Hosts, voting_client::VotingClient};

/// How often it is updated.
const BEAT: Duration = Duration::from_millis(500);

/// Shows progress and asks for the lag, until it is dropped.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    task: tokio::task::JoinHandle<()>,
}

impl ProgressLine {
    /// Draws on standard error, if that is a terminal.
    pub(crate) fn start(voting_client: &Arc<VotingClient>, hosts: &Arc<Hosts>, duration: Duration) -> Self {
        let bar = ProgressBar::with_draw_target(Some(duration.as_secs().max(1)), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {msg}").expect("the template is right");
        bar.set_style(style);
        let (voting_client, hosts, moving) = (Arc::clone(voting_client), Arc::clone(hosts), bar.clone());
        let task = tokio::spawn(async move {
            let start = Instant::now();
            let mut beat = interval(BEAT);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut before = 0;
            loop {
                let last = beat.tick().await;
                if let Some(lag) = hosts.lag().await {
                    voting_client.measurements.lagging(lag);
                }
                moving.set_position(start.elapsed().as_secs());
                let acknowledged = voting_client.measurements.acknowledged.load(Relaxed);
                let seconds = last.elapsed().max(BEAT).as_secs_f64();
                moving.set_message(message(&voting_client, rate(acknowledged - before, seconds)));
                before = acknowledged;
            }
        });
        Self { bar, task }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

fn message(voting_client: &VotingClient, per_second: f64) -> String {
    let figures = &voting_client.measurements;
    let latency = figures.ballots.latency();
    let errors: Vec<_> = figures.errors().into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    format!(
        "{} ballots, {per_second:.0}/s, p50 {:.0} p99 {:.0} p99.9 {:.0} ms, lag {}, {} screens  {}",
        figures.acknowledged.load(Relaxed),
        latency.p50_ms,
        latency.p99_ms,
        latency.p999_ms,
        figures.lag.load(Relaxed),
        figures.connected.load(Relaxed),
        errors.join(", ")
    )
}

/// So many in so many seconds.
pub(crate) fn rate(count: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown to a few digits")]
    let count = count as f64;
    if seconds > 0.0 { count / seconds } else { 0.0 }
}
