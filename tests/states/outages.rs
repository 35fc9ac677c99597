//! What people see when something is down.

use super::{
    State, Step,
    Step::{Click, Find, Goto},
    stage::Stage,
};

/// What is down.
#[derive(Clone, Copy)]
pub(super) enum Outage {
    /// The worker: nothing is counted.
    Counting,
    /// Redis: no ballot is taken.
    Log,
    /// PostgreSQL: the scores stand still.
    Ledger,
    /// The result host.
    Result,
}

pub(super) const OUTAGES: [Outage; 4] = [Outage::Counting, Outage::Log, Outage::Ledger, Outage::Result];

/// Where somebody is when it happens.
pub(super) fn before(outage: Outage, stage: &Stage) -> Vec<Step> {
    match outage {
        Outage::Counting => vec![],
        Outage::Log => vec![Goto(stage.vote("/p/zero")), Click("input[value=b]")],
        Outage::Ledger | Outage::Result => vec![Goto(stage.result("/p/talks")), Find("[data-kind=live]")],
    }
}

/// What they see then.
pub(super) fn after(outage: Outage, stage: &Stage) -> Vec<State> {
    let (vote, result) = (|path: &str| Goto(stage.vote(path)), |path: &str| Goto(stage.result(path)));
    let state = |name, steps| State { name, steps };
    match outage {
        Outage::Counting => {
            vec![state("receipt-waiting", vec![result(&format!("/p/talks/receipts/{}", stage.waiting)), Find("time")])]
        }
        Outage::Log => vec![
            state("vote-not-recorded", vec![Click("main form button"), Find(".note.bad, .failed:not(:empty)")]),
            state("vote-unavailable", vec![vote("/p/never-seen"), Find("h1")]),
            state("organise-unavailable", vec![vote("/organise"), Find("h1")]),
        ],
        Outage::Ledger => vec![
            state("result-stale", vec![Find("[data-kind=stale]")]),
            state("result-unavailable", vec![result("/p/never-seen"), Find("h1")]),
        ],
        Outage::Result => vec![
            state("result-disconnected", vec![Find("[data-kind=reconnecting]")]),
            state("organise-away", vec![vote("/organise/talks"), Find("#away:not(:empty)")]),
        ],
    }
}
