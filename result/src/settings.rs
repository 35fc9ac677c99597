//! The settings of the program `result`: flags and environment, read once.

use std::net::SocketAddr;

use clap::{Parser, Subcommand};
use domain::Secret;
use listener::TrustedProxies;
use program::{
    connection_settings::ConnectionSettings,
    settings::{AdminSettings, Hidden, PublicUrl, secret, token},
};
use scrutin_result::{AllowedOrigin, Config, DEFAULT_MAX_VIEWERS, EmbedOrigin, Timing, max_viewers};
use web::counterpart::Counterpart;

/// The port of the voting pages where `VOTE_URL` is not set.
const VOTE_PORT: u16 = 8080;

/// Shows the tallies of the PostgreSQL ledger live, on pages and over Socket.IO.
///
/// Any number of these may run side by side; each reads the ledger for itself.
#[derive(Clone, Debug, Parser)]
#[command(name = "result", version = program::version(option_env!("SCRUTIN_COMMIT")))]
pub(crate) struct Settings {
    /// What to do; without a command: serve
    #[command(subcommand)]
    pub(crate) command: Option<ResultCommand>,
    /// Address of the pages, of Socket.IO and of the API
    #[arg(long, env = "LISTEN_ADDR", default_value = "[::]:8081")]
    pub(crate) listen_addr: SocketAddr,
    /// Secret of this installation, at least 32 bytes; the same for all services, and changed only by
    /// `worker rekey`
    #[arg(long, env = "SECRET_KEY", value_parser = secret, hide_env_values = true)]
    pub(crate) secret_key: Secret,
    /// What the organiser must know, at least 16 characters; without it nobody can fetch what is not public
    #[arg(long, env = "ORGANISER_TOKEN", value_parser = token, hide_env_values = true)]
    pub(crate) organiser_token: Option<Hidden>,
    /// The ledger: address of PostgreSQL, `postgres://user:password@host:port/database`; with TLS
    /// `postgres://host/database?sslmode=verify-full&sslrootcert=FILE`; with standbys, which are never read,
    /// `postgres://host1,host2/database`; or several addresses, separated by spaces, in the order of the worker's
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "postgres://postgres:postgres@127.0.0.1:5432/postgres",
        hide_env_values = true
    )]
    pub(crate) database_url: Hidden,
    /// Where browsers find the voting pages, such as `https://vote.example.org` or `https://example.org/vote`; without
    /// it: the same host, port 8080
    #[arg(long, env = "VOTE_URL")]
    pub(crate) vote_url: Option<PublicUrl>,
    /// Where browsers find this service, perhaps below a path; without it: wherever they come by
    #[arg(long, env = "RESULT_URL")]
    pub(crate) result_url: Option<PublicUrl>,
    /// Origins of further pages that may connect to the live scores, separated by commas; `null` for pages in files,
    /// and with them for every site
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',')]
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    /// Origins whose pages may show `/p/POLL/embed` and `/e/EVENT/embed` in a frame, separated by commas, or `*`;
    /// without it: none
    #[arg(long, env = "EMBED_ORIGINS", value_delimiter = ',')]
    pub(crate) embed_origins: Vec<EmbedOrigin>,
    /// Who is believed about who asked
    #[command(flatten)]
    pub(crate) trusted: TrustedProxies,
    /// Connections
    #[command(flatten)]
    pub(crate) connections: ConnectionSettings,
    /// Viewers of the live scores at once, at most; those beyond are told to come again later
    #[arg(long, env = "MAX_VIEWERS", default_value_t = DEFAULT_MAX_VIEWERS)]
    pub(crate) max_viewers: usize,
    /// Health, metrics and log
    #[command(flatten)]
    pub(crate) admin: AdminSettings,
}

/// What else the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ResultCommand {
    /// Ask the service on this machine whether it is ready: exit code 0 if it is, 1 if not
    Healthcheck,
}

impl Settings {
    /// The configuration of the service, where the process may hold so many connections.
    pub(crate) fn config(&self, connections: usize) -> Config {
        Config {
            secret: self.secret_key.clone(),
            organiser_token: self.organiser_token.clone(),
            trusted_proxies: self.trusted.clone(),
            vote: self.vote_url.clone().map_or(Counterpart::Port(VOTE_PORT), Counterpart::Fixed),
            result_url: self.result_url.clone(),
            allowed_origins: self.allowed_origins.clone(),
            embed_origins: self.embed_origins.clone(),
            instance: web::instance(),
            max_viewers: max_viewers(self.max_viewers, connections),
            timing: Timing::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, clap::Error> {
        let key = "k".repeat(32);
        let always = ["result", "--secret-key", &key];
        Settings::try_parse_from(always.iter().chain(arguments))
    }

    #[test]
    fn little_must_be_set_and_the_rest_has_defaults() {
        let read = settings(&[]).unwrap();
        assert_eq!(read.listen_addr.port(), 8081);
        assert_eq!(read.config(1_000).vote, Counterpart::Port(VOTE_PORT));
        assert!(read.config(1_000).allowed_origins.is_empty());
        let read = settings(&["--allowed-origins", "https://a.example,http://b.example:8000"]).unwrap();
        let of = |origin: &str| AllowedOrigin::Of(origin.parse().unwrap());
        assert_eq!(read.allowed_origins, [of("https://a.example"), of("http://b.example:8000")]);
        let read = settings(&["--allowed-origins", "null, https://a.example"]).unwrap();
        assert_eq!(read.allowed_origins, [AllowedOrigin::Null, of("https://a.example")]);
        let read = settings(&["--embed-origins", "https://a.example,*"]).unwrap();
        assert_eq!(read.embed_origins, [EmbedOrigin::Of("https://a.example".parse().unwrap()), EmbedOrigin::Any]);
    }

    #[test]
    fn wrong_values_are_refused_and_secrets_are_not_shown() {
        for bad in [
            ["--embed-origins", "example.org"],
            ["--organiser-token", "short"],
            ["--allowed-origins", "*"],
            ["--max-viewers", "-1"],
        ] {
            assert!(settings(&bad).is_err(), "{bad:?}");
        }
        let read =
            settings(&["--database-url", "postgres://u:hunter2@db", "--organiser-token", "hunter2-hunter2-hunter2"]);
        let shown = format!("{:?}", read.unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("kkkk"), "{shown}");
    }
}
