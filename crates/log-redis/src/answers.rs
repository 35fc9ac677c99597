//! Reading answers of Redis, and what an error says of whether something was done.

use domain::Unavailable;
use redis::Value;

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

/// The error for an answer of an unexpected form.
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
