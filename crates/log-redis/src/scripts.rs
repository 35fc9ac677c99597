//! The Lua scripts that Redis runs, and how they are called.
//!
//! A script is atomic: nothing else runs at the same time, and after a crash Redis has either all of its effects or
//! none, because they go to the append-only file as one transaction. Authors must know two things:
//!
//! - **Out of memory**: Redis refuses a script's first write if it needs memory, and lets a script that has written run
//!   to its end. So a script that must fail as a whole begins with a write that needs memory; and a script that must
//!   always succeed, because it frees memory, begins with one that needs none.
//! - **An error in the middle** does not undo what was written. So everything that can be refused is checked before the
//!   first write.

use std::sync::LazyLock;

use redis::Cmd;

/// One script.
pub(crate) struct LuaScript {
    source: &'static str,
    pub(crate) hash: String,
}

macro_rules! script {
    ($(#[$doc:meta])* $name:ident = $($file:literal),+) => {
        $(#[$doc])*
        pub(crate) static $name: LazyLock<LuaScript> =
            LazyLock::new(|| LuaScript::new(concat!($(include_str!(concat!("scripts/", $file))),+)));
    };
}

script! {
    /// Casts ballots for one poll.
    CAST = "positions.lua", "clock.lua", "cast.lua"
}
script! {
    /// Creates a poll, or replaces the one that was read.
    PUT_POLL = "positions.lua", "append_record.lua", "put_poll.lua"
}
script! {
    /// Takes over a poll from another partition, if it is newer.
    ADOPT = "positions.lua", "append_record.lua", "adopt.lua"
}
script! {
    /// Creates an event, or replaces the one that was read.
    PUT_EVENT = "positions.lua", "append_record.lua", "put_event.lua"
}
script! {
    /// Reads one event.
    READ_EVENT = "read_event.lua"
}
script! {
    /// Reads one poll and its number of accepted ballots.
    READ_POLL = "clock.lua", "read_poll.lua"
}
script! {
    /// Reads all polls.
    READ_POLLS = "clock.lua", "read_polls.lua"
}
script! {
    /// Reads all values of a hash of the log.
    READ_ALL = "read_all.lua"
}
script! {
    /// The first step of attaching: the leader owns the log, which accepts no ballots until the last step.
    CLAIM = "clock.lua", "state.lua", "claim.lua"
}
script! {
    /// The last step of attaching: the log accepts ballots again.
    OPEN = "clock.lua", "state.lua", "leader.lua", "open.lua"
}
script! {
    /// The state of the log, for the attached leader.
    LOOK = "clock.lua", "state.lua", "look.lua"
}
script! {
    /// The first step of beginning a log: deletes the remains of an older one.
    BEGIN_FIRST = "leader.lua", "begin_first.lua"
}
script! {
    /// Writes some polls as the ledger has them; their voters follow.
    WRITE_POLLS = "leader.lua", "write_polls.lua"
}
script! {
    /// Writes some events as the ledger has them, where the log has no newer version.
    WRITE_EVENTS = "leader.lua", "write_events.lua"
}
script! {
    /// Writes some voters of one poll.
    WRITE_VOTERS = "leader.lua", "write_voters.lua"
}
script! {
    /// The last step of beginning a log.
    BEGIN_LAST = "leader.lua", "begin_last.lua"
}
script! {
    /// Raises the stream's last id.
    RAISE = "leader.lua", "raise.lua"
}
script! {
    /// Repairs the numbers of accepted ballots, when no ballots wait to be counted.
    SETTLE = "settle.lua"
}
script! {
    /// Adds lost ballots to the number of accepted ones.
    ADD_LOST = "leader.lua", "add_lost.lua"
}
script! {
    /// Writes which installation the log belongs to.
    INSTALL = "install.lua"
}
script! {
    /// Writes the fingerprint of an installation's key.
    FINGERPRINT = "fingerprint.lua"
}
script! {
    /// Records that an organiser's session was ended.
    END_SESSION = "end_session.lua"
}
script! {
    /// Removes old entries.
    TRIM = "positions.lua", "trim.lua"
}

impl LuaScript {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    /// Its source text.
    pub(crate) fn source(&self) -> &'static str {
        self.source
    }

    /// A call with these keys; arguments are added to the call.
    pub(crate) fn call(&'static self, keys: &[&str]) -> Call {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys);
        Call { script: self, command }
    }
}

/// A script with its keys and arguments.
pub(crate) struct Call {
    pub(crate) script: &'static LuaScript,
    pub(crate) command: Cmd,
}

impl Call {
    /// Adds an argument.
    pub(crate) fn arg<T: redis::ToRedisArgs>(mut self, argument: T) -> Self {
        self.command.arg(argument);
        self
    }
}
