//! Reading settings: once, from flags and the environment, with one clear line where a value is wrong.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    net::SocketAddr,
    process,
    str::FromStr,
    time::Duration,
};

use clap::{
    CommandFactory, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use domain::{Secret, SecretError};

pub use crate::public_url::{PublicUrl, PublicUrlError};

/// Exit code of a program that was called or configured wrongly.
pub const EXIT_USAGE: i32 = 2;

/// Reads the settings of this program. `--help` and `--version` print and exit with 0; a wrong value
/// prints one line that names its key and exits with [`EXIT_USAGE`].
///
/// An empty variable counts as not set: that is what a line `KEY=` in a file of settings means, and what Compose passes
/// for a variable that is not set. Byte order marks and line ends of files are no part of values ([`cleaned`]).
pub fn parse<T: Parser>() -> T {
    let command =
        with_cleaned_values(without_empty_variables(T::command(), |name| env::var_os(name)), |name| env::var_os(name));
    match command.try_get_matches().and_then(|matches| T::from_arg_matches(&matches)) {
        Ok(settings) => settings,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => fail(T::command().get_name(), &one_line::<T>(&error)),
    }
}

/// The command without the variables that are empty.
fn without_empty_variables(command: clap::Command, variable: impl Fn(&OsStr) -> Option<OsString>) -> clap::Command {
    command.mut_args(|argument| match argument.get_env().and_then(&variable) {
        Some(value) if value.to_str().is_some_and(|value| value.trim_matches(LINE_ENDS).is_empty()) => {
            argument.env(None::<&'static str>)
        }
        _ => argument,
    })
}

/// Line ends, and the byte order mark with which a file may begin.
const LINE_ENDS: [char; 3] = ['\r', '\n', '\u{feff}'];

/// The one setting that is not cleaned: an earlier release used every byte, and with another key every voter would be a
/// new one.
const EVERY_BYTE: &str = "SECRET_KEY";

/// The command with cleaned values of variables.
fn with_cleaned_values(command: clap::Command, variable: impl Fn(&OsStr) -> Option<OsString>) -> clap::Command {
    command.mut_args(|argument| {
        let value = argument.get_env().filter(|name| *name != EVERY_BYTE).and_then(&variable);
        let Some(value) = value.as_deref().and_then(OsStr::to_str) else { return argument };
        match cleaned(value) {
            // A blank text is a mistake, and reported as one.
            clean if clean == value || clean.is_empty() => argument,
            // clap takes defaults only as static texts; this leaks once, at the start.
            clean => {
                let clean: &'static str = Box::leak(clean.to_owned().into_boxed_str());
                argument.env(None::<&'static str>).default_value(clean).hide_default_value(true)
            }
        }
    })
}

/// A value without what editors and shells add: a byte order mark, line ends, white space.
pub fn cleaned(value: &str) -> &str {
    value.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace())
}

/// Logs that white space around `SECRET_KEY` is a part of it: a service that has it without has another key.
pub fn tell_of_white_space_around_key() {
    if env::var(EVERY_BYTE).is_ok_and(|key| cleaned(&key) != key) {
        tracing::warn!(
            event = "key.white_space",
            "SECRET_KEY begins or ends with white space or a line end, which is a part of the key: \
             all services must have it alike"
        );
    }
}

/// Ends the program because a setting is wrong, with one line on standard error.
#[expect(clippy::print_stderr, reason = "telemetry has not begun when settings are read")]
pub fn fail(program: &str, line: &str) -> ! {
    eprintln!("{program}: {line}");
    process::exit(EXIT_USAGE)
}

/// The error as `KEY: what is wrong`, where KEY is the environment's name of the setting.
fn one_line<T: CommandFactory>(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let key = text(ContextKind::InvalidArg).map(|arg| environment_name::<T>(&arg));
    match (error.kind(), key) {
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(key)) => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            let reason = std::error::Error::source(error).map(ToString::to_string);
            let allowed = text(ContextKind::ValidValue).map(|values| format!("one of {values}"));
            let reason = reason.or(allowed).unwrap_or_else(|| "a value is needed".into());
            if is_secret(&key) { format!("{key}: {reason}") } else { format!("{key}: {value:?}: {reason}") }
        }
        (ErrorKind::MissingRequiredArgument, Some(key)) => format!("{key}: must be set (see --help)"),
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            format!("{} (see --help)", line.trim_start_matches("error: "))
        }
    }
}

/// `SECRET_KEY` for `--secret-key <SECRET_KEY>`; the flag itself where it has no such name.
fn environment_name<T: CommandFactory>(arg: &str) -> String {
    let flag = arg.trim_start_matches("--").split([' ', '=']).next().unwrap_or_default();
    let command = T::command();
    let known = command.get_arguments().find(|known| known.get_long() == Some(flag));
    known.and_then(|known| known.get_env()).map_or_else(|| arg.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Values that must not be printed back: they may hold a password or a key.
fn is_secret(key: &str) -> bool {
    ["SECRET", "TOKEN", "_URL", "PASSWORD"].iter().any(|part| key.contains(part))
}

/// The settings of the operator's address and of the log.
#[derive(Clone, Debug, clap::Args)]
pub struct AdminSettings {
    /// Address of `/livez`, `/readyz` and `/metrics`
    #[arg(long, env = "ADMIN_ADDR", default_value = "[::]:9090")]
    pub admin_addr: SocketAddr,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,scrutin_vote=debug`
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,
}

/// A text that is needed to start and must not be shown: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hidden {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Reads `SECRET_KEY`; for `value_parser`.
pub fn secret(text: &str) -> Result<Secret, SecretError> {
    Secret::parse(text)
}

/// The organiser's token is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at least 16 characters are needed, not {0}")]
pub struct TokenError(usize);

/// Reads `ORGANISER_TOKEN`; for `value_parser`.
pub fn token(text: &str) -> Result<Hidden, TokenError> {
    let text = cleaned(text);
    match text.chars().count() {
        16.. => Ok(Hidden(text.to_owned())),
        chars => Err(TokenError(chars)),
    }
}

/// Not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration such as 500ms, 30s, 10m, 1h or 7d is needed")]
pub struct DurationError;

/// Reads a duration with its unit: `500ms`, `30s`, `10m`, `1h`, `7d`; for `value_parser`.
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError)?;
    let (number, unit) = text.split_at(digits);
    let millis_each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(DurationError),
    };
    let number: u64 = number.parse().map_err(|_| DurationError)?;
    number.checked_mul(millis_each).map(Duration::from_millis).ok_or(DurationError)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "vote")]
    struct Example {
        #[arg(long, env = "TEST_LISTEN_ADDR", default_value = "0.0.0.0:80")]
        listen_addr: SocketAddr,
        #[arg(long, env = "TEST_SECRET_KEY", value_parser = secret)]
        secret_key: Secret,
    }

    fn complaint(arguments: &[&str]) -> String {
        let arguments = std::iter::once("vote").chain(arguments.iter().copied());
        one_line::<Example>(&Example::try_parse_from(arguments).unwrap_err())
    }

    #[test]
    fn a_wrong_value_is_one_line_that_names_the_key() {
        let key = "x".repeat(32);
        assert_eq!(
            complaint(&["--secret-key", &key, "--listen-addr", "nowhere"]),
            "TEST_LISTEN_ADDR: \"nowhere\": invalid socket address syntax"
        );
        assert_eq!(complaint(&[]), "TEST_SECRET_KEY: must be set (see --help)");
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let asked = |value: &'static str| {
            without_empty_variables(Example::command(), move |name| (name == "TEST_LISTEN_ADDR").then(|| value.into()))
        };
        let listen_addr = |command: &clap::Command| {
            command
                .get_arguments()
                .find(|argument| argument.get_id() == "listen_addr")
                .and_then(clap::Arg::get_env)
                .map(OsStr::to_owned)
        };
        assert_eq!(listen_addr(&asked("")), None);
        assert_eq!(listen_addr(&asked("127.0.0.1:1")), Some("TEST_LISTEN_ADDR".into()));
        let key = "x".repeat(32);
        let read = asked("").try_get_matches_from(["vote", "--secret-key", &key]).unwrap();
        let read = Example::from_arg_matches(&read).unwrap();
        assert_eq!(read.listen_addr, "0.0.0.0:80".parse().unwrap(), "the default holds");
    }

    #[test]
    fn marks_and_line_ends_are_no_part_of_a_value() {
        let listen_addr = |value: &'static str| {
            let command =
                with_cleaned_values(Example::command(), move |name| (name == "TEST_LISTEN_ADDR").then(|| value.into()));
            let read = command.try_get_matches_from(["vote", "--secret-key", &"x".repeat(32)]).unwrap();
            Example::from_arg_matches(&read).unwrap().listen_addr.to_string()
        };
        for value in ["127.0.0.1:1\r", "127.0.0.1:1\r\n", "\u{feff}127.0.0.1:1", " 127.0.0.1:1\n"] {
            assert_eq!(listen_addr(value), "127.0.0.1:1", "{value:?}");
        }
        assert_eq!(token("\u{feff}0123456789abcdef\r\n").unwrap().reveal(), "0123456789abcdef");
        let key = |value: &str| domain::Fingerprint::of(&secret(value).unwrap());
        assert_ne!(key(&format!("{}\n", "x".repeat(32))), key(&"x".repeat(32)), "as an earlier release took it");
    }

    #[test]
    fn a_wrong_secret_is_not_printed() {
        assert_eq!(
            complaint(&["--secret-key", "hunter2"]),
            "TEST_SECRET_KEY: at least 32 bytes of randomness are needed, not 7"
        );
        assert_eq!(format!("{:?}", Hidden::from("hunter2".to_owned())), "…");
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h"), Ok(Duration::from_hours(1)));
        for bad in ["", "1", "h", "1 h", "-1s", "1w", "99999999999999999999d"] {
            assert_eq!(duration(bad), Err(DurationError), "{bad:?}");
        }
    }
}
