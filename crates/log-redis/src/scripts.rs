//! The Lua scripts that Redis runs, and how they are called.
//!
//! A script is atomic: nothing else runs meanwhile, and after a crash Redis has either all of its effects
//! or none, since they go to the append-only file as one transaction. Two things follow for their authors:
//!
//! - **Out of memory**: Redis refuses a script's first write if it needs memory, and lets a script that has
//!   written run to its end. So in scripts that must fail whole, the first write is one that needs memory; and in
//!   scripts that must always pass, since they are the way out of a full Redis, it is one that needs none.
//! - **An error in the middle** does not undo what was written. So everything that can be refused is
//!   checked before the first write.
//!
//! A script is called by its hash. A Redis that does not know it (after a restart) answers `NOSCRIPT` and
//! has certainly done nothing, so it is taught the script and asked again.

use std::sync::LazyLock;

use domain::Unavailable;
use redis::{Cmd, Pipeline, Value};

use crate::link::{Deadline, Link, Transport};

/// One script.
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

macro_rules! script {
    ($(#[$doc:meta])* $name:ident = $($file:literal),+) => {
        $(#[$doc])*
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("scripts/", $file))),+)));
    };
}

script! {
    /// Casts ballots for one poll.
    CAST = "places.lua", "cast.lua"
}
script! {
    /// Creates a poll, or puts a changed one in the place of the one that was read.
    PUT_POLL = "places.lua", "put_poll.lua"
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
    TRIM = "places.lua", "trim.lua"
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    /// Its text, for a call of which the server need not know it.
    pub(crate) fn source(&self) -> &'static str {
        self.source
    }

    /// A call with these keys; arguments are added to the command, then [`run`] takes it.
    pub(crate) fn call(&'static self, keys: &[&str]) -> Call {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys);
        Call { script: self, command }
    }
}

/// A script with its keys and arguments.
pub(crate) struct Call {
    script: &'static Script,
    command: Cmd,
}

impl Call {
    /// Adds an argument.
    pub(crate) fn arg<T: redis::ToRedisArgs>(mut self, argument: T) -> Self {
        self.command.arg(argument);
        self
    }
}

/// Runs one script, within the usual deadline.
pub(crate) async fn run(link: &Link, what: &'static str, call: Call) -> Result<Value, Unavailable> {
    run_until(link, what, Deadline::usual(), call).await
}

/// Runs one script within a deadline that other calls share.
pub(crate) async fn run_until(
    link: &impl Transport,
    what: &'static str,
    deadline: Deadline,
    call: Call,
) -> Result<Value, Unavailable> {
    let mut answers = run_together(link, what, deadline, vec![call]).await?;
    answers.pop().expect("one answer for each call")
}

/// Runs several scripts in one go, independently of one another, and returns the answer to each, in order.
///
/// An outer error says that any of them may or may not have run, an inner one the same of that call; unless the error
/// says that nothing happened.
pub(crate) async fn run_together(
    link: &impl Transport,
    what: &'static str,
    deadline: Deadline,
    calls: Vec<Call>,
) -> Result<Vec<Result<Value, Unavailable>>, Unavailable> {
    let mut commands = Pipeline::with_capacity(calls.len());
    let mut scripts = Vec::with_capacity(calls.len());
    for Call { script, command } in calls {
        commands.add_command(command);
        scripts.push(script);
    }
    let answers = link.send(what, deadline, &commands).await?;
    let unknown: Vec<usize> = (0..answers.len()).filter(|&index| is_unknown_script(&answers[index])).collect();
    let mut answers: Vec<_> = answers.into_iter().map(|answer| checked(what, answer)).collect();
    if !unknown.is_empty() {
        let calls: Vec<_> = scripts.iter().zip(commands.cmd_iter()).collect();
        let again = unknown.iter().map(|&index| Call { script: calls[index].0, command: calls[index].1.clone() });
        match teach(link, what, deadline, again.collect()).await {
            Ok(taught) => {
                unknown.into_iter().zip(taught).for_each(|(index, answer)| answers[index] = checked(what, answer));
            }
            // The others have their answers.
            Err(error) => unknown.into_iter().for_each(|index| answers[index] = Err(error.clone())),
        }
    }
    Ok(answers)
}

/// Loads the scripts of these calls and calls them again.
async fn teach(
    link: &impl Transport,
    what: &'static str,
    deadline: Deadline,
    calls: Vec<Call>,
) -> Result<Vec<Value>, Unavailable> {
    let mut commands = Pipeline::new();
    let mut taught: Vec<&str> = Vec::new();
    for Call { script, .. } in &calls {
        if !taught.contains(&script.hash.as_str()) {
            taught.push(&script.hash);
            commands.cmd("SCRIPT").arg("LOAD").arg(script.source);
        }
    }
    for Call { command, .. } in calls {
        commands.add_command(command);
    }
    let mut answers = link.send(what, deadline, &commands).await?;
    Ok(answers.split_off(taught.len()))
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

/// An answer that is no error.
pub(crate) fn checked(what: &'static str, answer: Value) -> Result<Value, Unavailable> {
    match answer {
        Value::ServerError(error) => Err(match refusal(error.code(), error.details().unwrap_or_default()) {
            Some("OOM") => Unavailable::Full,
            Some(_) => Unavailable::not_done(what, error),
            None => Unavailable::failed(what, error),
        }),
        answer => Ok(answer),
    }
}

/// What a server answers that certainly did nothing: it refuses a command before it runs it, and a script at its first
/// write. What goes wrong in the middle of a script has other codes.
const REFUSALS: [&str; 17] = [
    "OOM",
    "LOADING",
    "NOSCRIPT",
    "MISCONF",
    "READONLY",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "NOAUTH",
    "NOPERM",
    "MASTERDOWN",
    "NOREPLICAS",
    "MOVED",
    "ASK",
    "CROSSSLOT",
    "WRONGPASS",
    "DENIED",
];

/// Whether the answer says that nothing was done.
pub(crate) fn is_refusal(answer: &Value) -> bool {
    let Value::ServerError(error) = answer else { return false };
    refusal(error.code(), error.details().unwrap_or_default()).is_some()
}

/// The code of an error that says that nothing was done.
fn refusal(code: &str, details: &str) -> Option<&'static str> {
    // A command within a script that this user may not run may be its second: what came before it stays.
    if code == "NOPERM" && details.contains("script") {
        return None;
    }
    let of = |code: &str| REFUSALS.into_iter().find(|&refusal| refusal == code);
    // Before Redis 7 the error within a script stands behind the script's own: "ERR Error running script (call to …):
    // @user_script:71: @user_script: 71: -OOM command not allowed …".
    let within = || details.rsplit_once(": -").and_then(|(_, error)| error.split(' ').next());
    of(code).or_else(|| within().filter(|inner| code == "ERR" && *inner != "NOPERM").and_then(of))
}

/// The answer has none of the forms it can have.
pub(crate) fn unexpected(what: &'static str) -> Unavailable {
    Unavailable::failed(what, "an answer of an unexpected form")
}

/// An answer that is one word.
pub(crate) fn word(what: &'static str, answer: Value) -> Result<String, Unavailable> {
    match answer {
        Value::BulkString(word) => String::from_utf8(word).map_err(|_| unexpected(what)),
        _ => Err(unexpected(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_refused_is_certain_and_what_broke_within_a_script_is_not() {
        for (code, details, refused) in [
            ("OOM", "command not allowed when used memory > 'maxmemory'. script: 6e, on @user_script:71.", true),
            ("ERR", "Error running script (call to f_6e): @user_script:71: @user_script: 71: -OOM command not", true),
            ("ERR", "Error running script (call to f_6e): @user_script:1: @user_script: 1: -MISCONF Redis is", true),
            ("BUSY", "Redis is busy running a script. You can only call SCRIPT KILL", true),
            ("NOPERM", "User default has no permissions to run the 'evalsha' command", true),
            ("NOPERM", "ACL failure in script: User default has no permissions to run the 'hset' command", false),
            ("ERR", "user_script:70: Wrong number of args calling Redis command from script", false),
            ("WRONGTYPE", "Operation against a key holding the wrong kind of value script: 6e", false),
        ] {
            assert_eq!(refusal(code, details).is_some(), refused, "{code} {details}");
        }
    }
}
