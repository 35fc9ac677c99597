//! The settings of the program `vote`: flags and environment, read once.

use std::net::SocketAddr;

use clap::{Parser, Subcommand};
use domain::Secret;
use listener::TrustedProxies;
use program::{
    connection_settings::ConnectionSettings,
    redis_settings::RedisSettings,
    settings::{AdminSettings, Hidden, PublicUrl, secret, token},
};
use web::counterpart::Counterpart;

/// The port of the result host where `RESULT_URL` is not set.
const RESULT_PORT: u16 = 8081;

/// Takes ballots over HTTP and puts them on the log, on Redis.
///
/// Any number of these may run side by side; none keeps anything.
#[derive(Clone, Debug, Parser)]
#[command(name = "vote", version = program::version(option_env!("SCRUTIN_COMMIT")))]
pub(crate) struct Settings {
    /// What to do; without a command: serve
    #[command(subcommand)]
    pub(crate) command: Option<VoteCommand>,
    /// Address of the voting pages and of the API
    #[arg(long, env = "LISTEN_ADDR", default_value = "[::]:8080")]
    pub(crate) listen_addr: SocketAddr,
    /// Secret of this installation, at least 32 bytes; the same for all services, and changed only by
    /// `worker rekey`
    #[arg(long, env = "SECRET_KEY", value_parser = secret, hide_env_values = true)]
    pub(crate) secret_key: Secret,
    /// What the organiser must know, at least 16 characters; without it nobody can manage polls
    #[arg(long, env = "ORGANISER_TOKEN", value_parser = token, hide_env_values = true)]
    pub(crate) organiser_token: Option<Hidden>,
    /// The log
    #[command(flatten)]
    pub(crate) redis: RedisSettings,
    /// Where browsers find this service, such as `https://vote.example.org` or `https://example.org/vote`; without it:
    /// wherever they come by
    #[arg(long, env = "VOTE_URL")]
    pub(crate) vote_url: Option<PublicUrl>,
    /// Where browsers find the results; without it: the same host, port 8081
    #[arg(long, env = "RESULT_URL")]
    pub(crate) result_url: Option<PublicUrl>,
    /// Who is believed about who asked
    #[command(flatten)]
    pub(crate) trusted: TrustedProxies,
    /// Connections
    #[command(flatten)]
    pub(crate) connections: ConnectionSettings,
    /// Health, metrics and log
    #[command(flatten)]
    pub(crate) admin: AdminSettings,
}

/// What else the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum VoteCommand {
    /// Ask the service on this machine whether it is ready: exit code 0 if it is, 1 if not
    Healthcheck,
}

impl Settings {
    /// The configuration of the service itself.
    pub(crate) fn config(&self) -> scrutin_vote::Config {
        scrutin_vote::Config {
            partitions: self.redis.partitions,
            secret: self.secret_key.clone(),
            organiser_token: self.organiser_token.clone(),
            result: self.result_url.clone().map_or(Counterpart::Port(RESULT_PORT), Counterpart::Fixed),
            vote_url: self.vote_url.clone(),
            trusted_proxies: self.trusted.clone(),
            instance: web::instance(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, clap::Error> {
        let key = "k".repeat(32);
        let always = ["vote", "--secret-key", &key];
        Settings::try_parse_from(always.iter().chain(arguments))
    }

    #[test]
    fn little_must_be_set_and_the_rest_has_defaults() {
        let read = settings(&[]).unwrap();
        assert_eq!(read.listen_addr.port(), 8080);
        assert_eq!(read.config().result, Counterpart::Port(RESULT_PORT));
        assert!(read.config().organiser_token.is_none());
        let read = settings(&["--result-url", "https://result.example.org", "healthcheck"]).unwrap();
        assert!(
            matches!(read.config().result, Counterpart::Fixed(url) if url.as_str() == "https://result.example.org")
        );
        assert_eq!(read.command, Some(VoteCommand::Healthcheck));
        let read = settings(&["--trusted-proxies", "10.0.0.0/8,192.168.1.7"]).unwrap();
        assert_eq!(read.config().trusted_proxies.trusted_proxies.len(), 2);
    }

    #[test]
    fn wrong_values_are_refused_and_secrets_are_not_shown() {
        for bad in [
            ["--organiser-token", "short"],
            ["--vote-url", "vote.example.org"],
            ["--partitions", "0"],
            ["--durability", "replicas"],
            ["--trusted-proxies", "proxy"],
        ] {
            assert!(settings(&bad).is_err(), "{bad:?}");
        }
        let read = settings(&["--redis-url", "redis://:hunter2@r", "--organiser-token", "hunter2-hunter2-hunter2"]);
        let shown = format!("{:?}", read.unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("kkkk"), "{shown}");
    }
}
