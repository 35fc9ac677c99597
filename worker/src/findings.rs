//! What must be repaired before a log may accept ballots. Pure: compares what ledger and log report.

use std::cmp::Ordering;

use domain::{Attachment, LogState, Position};

use crate::account::MissingBallots;

/// What happened to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is not the one that the ledger counted.
    WholeLog,
    /// It ends before the ledger's position, or before a position that was seen: it was restored from an older file, or
    /// a replica was promoted, which lacks its end or may lack it.
    ItsEnd,
    /// All its entries are gone (deleted, evicted), and its last position with them.
    Stream,
    /// Entries are gone that it does not report as trimmed (removed by hand).
    Entries,
    /// It is trimmed beyond the ledger's position.
    Trimmed,
    /// Only its number of accepted ballots is wrong.
    Figures,
}

impl Loss {
    /// For an operator.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::WholeLog => "the whole log",
            Self::ItsEnd => "the end of the log",
            Self::Stream => "all entries of the log",
            Self::Entries => "entries of the log that were not counted",
            Self::Trimmed => "entries that the log kept for LOG_RETENTION",
            Self::Figures => "figures",
        }
    }
}

/// What the worker has seen of the log before, in addition to what the ledger holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PriorView {
    /// The last position that the log reported.
    pub(crate) last: Position,
    /// It has given out no later position, as far as is known.
    pub(crate) given_out: Position,
    /// The most accepted ballots that the log reported; `None` if it was not seen.
    pub(crate) accepted: Option<u64>,
    /// All of it was counted at the last look, and nothing was read since.
    pub(crate) quiet: bool,
    /// The log's server was a replica, and may lack the last that was acknowledged.
    pub(crate) may_lack: bool,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a step of its own")]
pub(crate) struct Findings {
    /// What happened; `None` if nothing did.
    pub(crate) loss: Option<Loss>,
    /// What is lost.
    pub(crate) gap: Option<MissingBallots>,
    /// The number of missing ballots is known only once the rest is counted.
    pub(crate) open: bool,
    /// The log's polls and voters are older than the ledger's.
    pub(crate) renew: bool,
    /// The log's numbers of accepted ballots must be rewritten.
    pub(crate) settle: bool,
    /// Ballots that the log once reported and does not report now. They are added to its number if ballots are unread.
    pub(crate) forgotten: u64,
    /// The log has no last position and needs one.
    pub(crate) raise: bool,
    /// The log's last position.
    pub(crate) last: Position,
    /// How many ballots the log has accepted.
    pub(crate) accepted: u64,
}

impl Findings {
    /// Compares a log with its ledger.
    pub(crate) fn of(state: &LogState, log: &Attachment, prior: PriorView) -> Self {
        let last = log.last.unwrap_or_default();
        let loss = loss(state, log, prior);
        let differs = !log.unread && log.accepted != state.accounted();
        let missing = if log.unread { 0 } else { log.accepted.saturating_sub(state.accounted()) };
        let forgotten = prior.accepted.map_or(0, |accepted| accepted.saturating_sub(log.accepted));
        let beyond = beyond(state, last.max(log.trimmed), log.now_millis, prior.given_out);
        let gap = |after, through, ballots| Some(MissingBallots { after, through, ballots });
        let gap = match loss {
            // The entries after it can be read.
            Some(Loss::Trimmed) => gap(state.position, log.trimmed, missing),
            Some(Loss::WholeLog) if log.unread => gap(state.position, log.trimmed.max(state.position), 0),
            // The unread entries come before it.
            Some(Loss::ItsEnd) if log.unread => gap(last, beyond, forgotten),
            Some(Loss::ItsEnd | Loss::WholeLog) => gap(state.position, beyond, missing.max(prior.lost(state))),
            Some(Loss::Entries) => gap(state.position, beyond, missing),
            // If the number is gone too, nothing is known.
            Some(Loss::Stream)
                if differs || prior.lost(state) > 0 || log.accepted == 0 || log.trimmed > state.position =>
            {
                gap(state.position, beyond, missing.max(prior.lost(state)))
            }
            Some(Loss::Stream | Loss::Figures) | None => None,
        };
        let renew = last < state.position && loss == Some(Loss::ItsEnd);
        let settle = differs || !log.unread && (gap.is_some() || renew);
        let open = log.unread && loss != Some(Loss::ItsEnd);
        let forgotten = if log.unread && loss == Some(Loss::ItsEnd) { forgotten } else { 0 };
        Self { loss, gap, open, renew, settle, forgotten, raise: log.last.is_none(), last, accepted: log.accepted }
    }

    /// The same for a log that was just begun.
    pub(crate) fn of_a_new_log(state: &LogState, now_millis: u64, prior: PriorView) -> Self {
        let loss = state.log.is_some().then_some(Loss::WholeLog);
        // Everything in the old log was counted.
        let empty = prior.quiet && prior.lost(state) == 0;
        let through = beyond(state, Position::ZERO, now_millis, prior.given_out);
        let missing = MissingBallots { after: state.position, through, ballots: prior.lost(state) };
        let gap = loss.filter(|_| !empty).map(|_| missing);
        let (last, accepted) = (state.position, state.ballots);
        Self { loss, gap, open: false, renew: false, settle: true, forgotten: 0, raise: false, last, accepted }
    }
}

impl PriorView {
    /// How many ballots were accepted, as far as is known, that the ledger does not account for.
    fn lost(self, state: &LogState) -> u64 {
        self.accepted.map_or(0, |accepted| accepted.saturating_sub(state.accounted()))
    }
}

fn loss(state: &LogState, log: &Attachment, prior: PriorView) -> Option<Loss> {
    let Some(last) = log.last else { return Some(Loss::Stream) };
    let same = state.log.as_ref().is_none_or(|known| *known == log.id);
    // If everything that it reported is counted, only its numbers are gone.
    let said_more = prior.lost(state) > 0 && prior.accepted.is_some_and(|accepted| accepted > log.accepted);
    let remembers_more = same && (last < prior.last || said_more);
    if last < state.position || remembers_more || same && prior.may_lack && !prior.quiet {
        return Some(Loss::ItsEnd);
    }
    if !same {
        return Some(Loss::WholeLog);
    }
    if state.position < log.trimmed {
        return Some(Loss::Trimmed);
    }
    match log.accepted.cmp(&state.accounted()) {
        _ if log.unread => None,
        Ordering::Equal => None,
        Ordering::Greater => Some(Loss::Entries),
        Ordering::Less => Some(Loss::Figures),
    }
}

/// A position after the ledger's and after every position that the log may have given out, as far as is known. A gap
/// ends here, and the log continues after it. A log whose clock is behind gives out consecutive positions within one
/// millisecond, so this is in the next one.
fn beyond(state: &LogState, last: Position, now_millis: u64, given_out: Position) -> Position {
    let now = Position::new(now_millis, 0).unwrap_or_default();
    let known = last.max(now).max(given_out).max(state.position);
    known.following(known.millis() + 1)
}
