//! What must be confirmed after each call before its answers count: that the server's own disk has it (`WAITAOF`), or
//! that replicas have it too (`WAIT`, then `WAITAOF`).
//!
//! `WAIT` alone counts a replica whose first rewrite after a full synchronisation has not ended: it has nothing if it
//! restarts then. `WAITAOF` alone takes a second, because a replica that answers before its fsync reports again only
//! once a second; after `WAIT`, it has reported. Both count up to the connection's **own last write**. An answer such
//! as "voted already" writes nothing, and rests on a write of another connection, which may have come no further than
//! this server. So each call ends with a small write of its own, which comes after everything that the call has seen.
//!
//! No I/O here.

use redis::{Pipeline, Value};

/// The time that a server has to confirm, in milliseconds. Two waits and the call fit into the time for an answer.
const FILE_WAIT_MS: u32 = 1_500;
const REPLICAS_WAIT_MS: u32 = 800;
/// Ten years.
const MARK_EXPIRES_SECONDS: u32 = 315_360_000;

/// What must be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// That the append-only file is on the server's disk.
    File,
    /// That so many replicas have it: on their disks and on the server's, or in memory where the server has no
    /// `WAITAOF`.
    Replicas {
        /// How many.
        count: u8,
        /// Whether on disks.
        on_disks: bool,
    },
}

impl Confirmation {
    /// Adds the commands that ask for it. `mark` is the key of the small write.
    pub(crate) fn ask(self, commands: &mut Pipeline, mark: &str) {
        match self {
            Self::File => {
                commands.cmd("WAITAOF").arg(1).arg(0).arg(FILE_WAIT_MS);
            }
            Self::Replicas { count, on_disks } => {
                commands.cmd("SET").arg(mark).arg("").arg("NX");
                // Needs no memory, so it is carried out in a full Redis too.
                commands.cmd("EXPIRE").arg(mark).arg(MARK_EXPIRES_SECONDS);
                commands.cmd("WAIT").arg(count).arg(REPLICAS_WAIT_MS);
                if on_disks {
                    commands.cmd("WAITAOF").arg(1).arg(count).arg(REPLICAS_WAIT_MS);
                }
            }
        }
    }

    /// How many commands these are.
    pub(crate) fn commands(self) -> usize {
        match self {
            Self::File => 1,
            Self::Replicas { on_disks, .. } => 3 + usize::from(on_disks),
        }
    }

    /// Whether the answers to them confirm it.
    pub(crate) fn is_given(self, answers: &[Value]) -> bool {
        let at_least = |answer: &Value, count: u8| matches!(answer, Value::Int(number) if *number >= i64::from(count));
        let on_disks = |answer: &Value, replicas: u8| match answer {
            Value::Array(synced) => {
                matches!(synced.as_slice(), [own, theirs] if at_least(own, 1) && at_least(theirs, replicas))
            }
            _ => false,
        };
        match (self, answers) {
            (Self::File, [synced]) => on_disks(synced, 0),
            (Self::Replicas { count, on_disks: true }, [_, marked, waited, synced]) => {
                at_least(marked, 1) && at_least(waited, count) && on_disks(synced, count)
            }
            (Self::Replicas { count, on_disks: false }, [_, marked, waited]) => {
                at_least(marked, 1) && at_least(waited, count)
            }
            _ => false,
        }
    }

    /// What was not confirmed, for people.
    pub(crate) fn words(self) -> String {
        match self {
            Self::File => "Redis does not say that what it writes is on its disk (WAITAOF)".to_owned(),
            Self::Replicas { count, on_disks: true } => {
                format!("Redis does not say that {count} replicas have what it writes on their disks (WAIT, WAITAOF)")
            }
            Self::Replicas { count, on_disks: false } => {
                format!("Redis does not say that {count} replicas have what it writes (WAIT)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Confirmation = Confirmation::Replicas { count: 2, on_disks: true };
    const MEMORY: Confirmation = Confirmation::Replicas { count: 2, on_disks: false };

    fn synced(own: i64, theirs: i64) -> Value {
        Value::Array(vec![Value::Int(own), Value::Int(theirs)])
    }

    fn replicas(marked: i64, waited: i64, disks: Value) -> bool {
        BOTH.is_given(&[Value::Okay, Value::Int(marked), Value::Int(waited), disks])
    }

    #[test]
    fn as_many_commands_are_asked_as_are_answered() {
        for confirmation in [Confirmation::File, BOTH, MEMORY] {
            let mut commands = redis::pipe();
            confirmation.ask(&mut commands, "mark");
            assert_eq!(commands.len(), confirmation.commands());
        }
    }

    #[test]
    fn every_part_must_be_confirmed() {
        assert!(Confirmation::File.is_given(&[synced(1, 0)]));
        assert!(!Confirmation::File.is_given(&[synced(0, 0)]));
        assert!(!Confirmation::File.is_given(&[Value::Nil]));
        assert!(replicas(1, 2, synced(1, 2)) && replicas(1, 3, synced(1, 3)));
        assert!(!replicas(0, 2, synced(1, 2)), "its own write was refused");
        assert!(!replicas(1, 1, synced(1, 2)), "a replica lacks it");
        assert!(!replicas(1, 2, synced(0, 2)), "not on the own disk");
        assert!(!replicas(1, 2, synced(1, 1)), "a replica's first rewrite runs");
        assert!(!replicas(1, 2, Value::Nil));
        assert!(MEMORY.is_given(&[Value::Okay, Value::Int(1), Value::Int(2)]));
        assert!(!MEMORY.is_given(&[Value::Okay, Value::Int(1), Value::Int(1)]));
        assert!(!MEMORY.is_given(&[]));
    }
}
