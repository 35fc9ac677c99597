//! The names of all keys that Scrutin has in Redis. No other file spells out a key.
//!
//! The braces put all keys of a partition into one slot of a Redis Cluster, so a script may use all of them. Scripts
//! receive their keys as arguments and never build names.

use domain::{Partition, PollId, SessionId};

/// A worker of 0.1.0 that finds no `id` would delete the log and begin another one. It does not if the key `beginning`
/// starts with 19 digits that are greater than its ledger's position. These are greater than any position.
pub(crate) const NO_OLD_BEGINNING: &str = "9999999999999999999 kept from releases without fencing";

/// The keys of one partition `p`.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// `{scrutin:p}:incarnation`, a string: the random id of this incarnation of the log. Written last when a log
    /// begins; without it the log has not begun.
    pub(crate) incarnation: String,
    /// `{scrutin:p}:attached`, a string: `master_replid/leader`, the server and the leader that opened it for ballots.
    /// Every script that `vote` runs compares it in the step that writes.
    pub(crate) attached: String,
    /// `{scrutin:p}:attaching`, a string: the same value while a leader attaches. Its scripts compare it.
    pub(crate) attaching: String,
    /// `{scrutin:p}:log`, a stream: every ballot and every change of a poll, in order. See [`crate::wire`].
    pub(crate) log: String,
    /// `{scrutin:p}:polls`, a hash: poll id → the current poll, as JSON.
    pub(crate) polls: String,
    /// `{scrutin:p}:events`, a hash: event id → the current event, as JSON. Only of events whose home this is.
    pub(crate) events: String,
    /// `{scrutin:p}:accepted`, a hash: poll id → ballots accepted, over all rounds and all incarnations. The field with
    /// the empty name holds accepted ballots that will never be counted: set aside, or recorded as missing.
    pub(crate) accepted: String,
    /// `{scrutin:p}:trimmed`, a string: the stream id up to which entries have been removed, inclusive.
    pub(crate) trimmed: String,
    /// `{scrutin:p}:installation`, a hash: which installation the log belongs to. See [`crate::installation`].
    pub(crate) installation: String,
    /// `{scrutin:p}:id`, a string: the name of `incarnation` up to 0.1.0. Without it the scripts of those releases
    /// accept nothing, so it is removed when a leader attaches.
    pub(crate) old_id: String,
    /// `{scrutin:p}:beginning`, a string: who was setting up the log, up to 0.1.0. It now holds [`NO_OLD_BEGINNING`].
    pub(crate) old_beginning: String,
    /// `{scrutin:p}:mark`, a string without content that expires: written where it must be confirmed that Redis gets a
    /// change onto its disk, or to its replicas. See [`crate::confirmation`].
    pub(crate) mark: String,
    voters_prefix: String,
    ended_prefix: String,
}

impl Keys {
    /// The keys of this partition.
    pub(crate) fn new(partition: Partition) -> Self {
        let key = |name: &str| format!("{{scrutin:{partition}}}:{name}");
        Self {
            incarnation: key("incarnation"),
            attached: key("attached"),
            attaching: key("attaching"),
            log: key("log"),
            polls: key("polls"),
            events: key("events"),
            accepted: key("accepted"),
            trimmed: key("trimmed"),
            installation: key("installation"),
            old_id: key("id"),
            old_beginning: key("beginning"),
            mark: key("mark"),
            voters_prefix: key("voters:"),
            ended_prefix: key("ended:"),
        }
    }

    /// `{scrutin:p}:voters:POLL`, a hash: voter (16 bytes) → stream id of their ballot. Kept only for polls that do not
    /// allow vote changes, and only for the current round.
    pub(crate) fn voters(&self, poll: PollId) -> String {
        format!("{}{poll}", self.voters_prefix)
    }
}

impl Keys {
    /// `{scrutin:p}:ended:SESSION`, a string that expires: an organiser's session that was ended early.
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
            [
                &keys.incarnation,
                &keys.attached,
                &keys.attaching,
                &keys.log,
                &keys.polls,
                &keys.accepted,
                &keys.trimmed,
                &keys.old_id,
                &keys.old_beginning
            ],
            [
                "{scrutin:7}:incarnation",
                "{scrutin:7}:attached",
                "{scrutin:7}:attaching",
                "{scrutin:7}:log",
                "{scrutin:7}:polls",
                "{scrutin:7}:accepted",
                "{scrutin:7}:trimmed",
                "{scrutin:7}:id",
                "{scrutin:7}:beginning"
            ]
        );
        assert_eq!(keys.events, "{scrutin:7}:events");
        assert_eq!(keys.installation, "{scrutin:7}:installation");
        assert_eq!(keys.mark, "{scrutin:7}:mark");
        assert_eq!(keys.voters(PollId::MAIN), "{scrutin:7}:voters:main");
        assert_eq!(keys.ended([0x0a; 16]), format!("{{scrutin:7}}:ended:{}", "0a".repeat(16)));
    }
}
