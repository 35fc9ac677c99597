//! The names of all keys that Scrutin has in Redis. No other file spells one.
//!
//! The braces make every key of a partition hash to one slot of a Redis Cluster, so a script may touch all
//! of them. Every script is given its keys; none makes up a name.

use domain::{Partition, PollId, SessionId};

/// The keys of one partition `p`.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// `{scrutin:p}:id`, a string: the random id of this incarnation of the log. Written last when a log
    /// begins; while it is not there, the log has not begun and every script answers so.
    pub(crate) id: String,
    /// `{scrutin:p}:log`, a stream: every ballot and every change of a poll, in order. See [`crate::wire`].
    pub(crate) log: String,
    /// `{scrutin:p}:polls`, a hash: poll id → the poll as it is now, as JSON.
    pub(crate) polls: String,
    /// `{scrutin:p}:accepted`, a hash: poll id → ballots accepted, over all rounds and all incarnations.
    pub(crate) accepted: String,
    /// `{scrutin:p}:trimmed`, a string: the stream id at and below which nothing can be read any more.
    pub(crate) trimmed: String,
    /// `{scrutin:p}:beginning`, a string that expires: who is setting up the log at present.
    pub(crate) beginning: String,
    /// `{scrutin:p}:installation`, a hash: which installation the log belongs to. See [`crate::installation`].
    pub(crate) installation: String,
    voters_prefix: String,
    ended_prefix: String,
}

impl Keys {
    /// The keys of this partition.
    pub(crate) fn new(partition: Partition) -> Self {
        let key = |name: &str| format!("{{scrutin:{partition}}}:{name}");
        Self {
            id: key("id"),
            log: key("log"),
            polls: key("polls"),
            accepted: key("accepted"),
            trimmed: key("trimmed"),
            beginning: key("beginning"),
            installation: key("installation"),
            voters_prefix: key("voters:"),
            ended_prefix: key("ended:"),
        }
    }

    /// `{scrutin:p}:voters:POLL`, a hash: voter (16 bytes) → stream id of their ballot. Kept only for polls
    /// that allow no change, and only for the present round.
    pub(crate) fn voters(&self, poll: PollId) -> String {
        format!("{}{poll}", self.voters_prefix)
    }
}

impl Keys {
    /// `{scrutin:p}:ended:SESSION`, a string that expires: a session of the organiser that was ended before its time. In
    /// the first partition only.
    pub(crate) fn ended(&self, session: SessionId) -> String {
        session.iter().fold(self.ended_prefix.clone(), |key, byte| key + &format!("{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_change_and_share_a_slot() {
        let keys = Keys::new(Partition::new(7));
        assert_eq!(
            [&keys.id, &keys.log, &keys.polls, &keys.accepted, &keys.trimmed, &keys.beginning],
            [
                "{scrutin:7}:id",
                "{scrutin:7}:log",
                "{scrutin:7}:polls",
                "{scrutin:7}:accepted",
                "{scrutin:7}:trimmed",
                "{scrutin:7}:beginning"
            ]
        );
        assert_eq!(keys.installation, "{scrutin:7}:installation");
        assert_eq!(keys.voters(PollId::MAIN), "{scrutin:7}:voters:main");
        assert_eq!(keys.ended([0x0a; 16]), format!("{{scrutin:7}}:ended:{}", "0a".repeat(16)));
    }
}
