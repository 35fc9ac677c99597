//! The Lua scripts that Redis runs, and how they are called.
//!
//! A script is atomic: nothing else runs at the same time, and after a crash Redis has either all of its effects
//! or none, since they go to the append-only file as one transaction. Two things follow for their authors:
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
    CAST = "positions.lua", "cast.lua"
}
script! {
    /// Creates a poll, or puts a changed one in the place of the one that was read.
    PUT_POLL = "positions.lua", "put_poll.lua"
}
script! {
    /// Reads one poll and how many ballots of it were accepted.
    READ_POLL = "read_poll.lua"
}
script! {
    /// Reads all values of a hash of the log.
    READ_ALL = "read_all.lua"
}
script! {
    /// The first step of attaching: the log is this leader's, and takes no ballots until the last.
    CLAIM = "state.lua", "claim.lua"
}
script! {
    /// The last step of attaching: from here on the log takes ballots.
    OPEN = "state.lua", "leader.lua", "open.lua"
}
script! {
    /// What there is of the log, for the leader that is attached.
    LOOK = "state.lua", "look.lua"
}
script! {
    /// The first step of beginning a log: clears what is left of an older one.
    BEGIN_FIRST = "leader.lua", "begin_first.lua"
}
script! {
    /// Writes some polls as the ledger has them; their voters are to follow.
    WRITE_POLLS = "leader.lua", "write_polls.lua"
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
    /// Moves the stream's last id up.
    RAISE = "leader.lua", "raise.lua"
}
script! {
    /// Repairs how much was accepted, where nothing waits to be counted.
    SETTLE = "settle.lua"
}
script! {
    /// Adds ballots that are lost to those that were accepted.
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
    /// Notes that a session of the organiser was ended.
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

    /// Its text.
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
