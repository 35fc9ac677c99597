//! Reads replies of Redis, and decides from an error whether the command had any effect.

use domain::Unavailable;
use redis::{ServerError, Value};

/// Returns the reply unless it is an error.
pub(crate) fn checked(what: &'static str, answer: Value) -> Result<Value, Unavailable> {
    match answer {
        Value::ServerError(error) => Err(match refusal(error.code(), error.details().unwrap_or_default()) {
            Some("OOM") => Unavailable::Full,
            Some("MOVED") => Unavailable::not_done(what, elsewhere_in_cluster(&error)),
            Some(_) => Unavailable::not_done(what, error),
            None => Unavailable::failed(what, error),
        }),
        answer => Ok(answer),
    }
}

/// What a node of a cluster says of a slot that another one has. With a cluster's address that is so for a moment.
fn elsewhere_in_cluster(error: &ServerError) -> String {
    format!("{error} (another node of the Redis Cluster has it; REDIS_URL of a cluster begins with redis+cluster://)")
}

/// Error codes after which certainly nothing was done: Redis refuses a command before it runs it, and a script at its
/// first write. Errors in the middle of a script have other codes.
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

/// Whether the reply shows that nothing was done.
pub(crate) fn is_refusal(answer: &Value) -> bool {
    let Value::ServerError(error) = answer else { return false };
    refusal(error.code(), error.details().unwrap_or_default()).is_some()
}

/// The code, if this error shows that nothing was done.
fn refusal(code: &str, details: &str) -> Option<&'static str> {
    // A command that this user may not run may be the second one of a script: earlier writes remain.
    if code == "NOPERM" && details.contains("script") {
        return None;
    }
    let of = |code: &str| REFUSALS.into_iter().find(|&refusal| refusal == code);
    // Before Redis 7 the inner error follows the script's own error: "ERR Error running script (call to …):
    // @user_script:71: @user_script: 71: -OOM command not allowed …".
    let within = || details.rsplit_once(": -").and_then(|(_, error)| error.split(' ').next());
    of(code).or_else(|| within().filter(|inner| code == "ERR" && *inner != "NOPERM").and_then(of))
}

/// The error for a reply of unexpected form.
pub(crate) fn unexpected(what: &'static str) -> Unavailable {
    Unavailable::failed(what, "an answer of an unexpected form")
}

/// A reply that is one word.
pub(crate) fn word(what: &'static str, answer: Value) -> Result<String, Unavailable> {
    match answer {
        Value::BulkString(word) => String::from_utf8(word).map_err(|_| unexpected(what)),
        _ => Err(unexpected(what)),
    }
}

/// Whether a script that compares before it writes has written; `false` where something else was there.
pub(crate) fn written(what: &'static str, answer: Value) -> Result<bool, Unavailable> {
    match word(what, answer)?.as_str() {
        "done" => Ok(true),
        "differs" => Ok(false),
        "not attached" => Err(Unavailable::NotAttached),
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
