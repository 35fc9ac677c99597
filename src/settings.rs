//! The settings of the all-in-one, read once.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use domain::Secret;
use listener::TrustedProxies;
use program::{
    connection_settings::ConnectionSettings,
    first_poll::FirstPollSettings,
    settings::{Hidden, PublicUrl, secret, token},
};
use result::{AllowedOrigin, EmbedOrigin};

use crate::{verify::VerifySettings, witness::WitnessSettings};

/// Live voting, all in one: people vote on one page, everybody watches the result move on another.
///
/// Everything is kept in the data directory. `scrutin backup` copies the ledger, with all ballots so far. Each setting
/// is a flag or an environment variable.
#[derive(Debug, Parser)]
#[command(name = "scrutin", version = program::version(option_env!("SCRUTIN_COMMIT")))]
pub(crate) struct Settings {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Directory of the ledger (`scrutin.db`), the secret and the organiser's token; made if it is not there
    #[arg(long, env = "DATA_DIR", default_value = "data", global = true)]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) serving: Serving,
}

/// What the all-in-one can do besides serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count all ballots again, compare with the tallies, and print both, and what waits; exit code 1 on a difference
    Recount,
    /// Write a ledger with everything that was voted so far to a file; the program may run meanwhile
    Backup {
        /// The file, which must not be there yet; put in the place of `scrutin.db` it is the ledger again
        file: PathBuf,
    },
    /// Write everything that the ledger holds to a file, for `worker import` of the services on Redis and PostgreSQL,
    /// or for `import` into another data directory
    Export {
        /// The file, which must not be there yet; `-` is standard output
        file: PathBuf,
    },
    /// Count a file that `export` or `worker export` wrote into a new data directory, before the first start: exit
    /// code 0 if the ledger then holds what the file says
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
    },
    /// Give the data directory the key in `SECRET_KEY`, or in its file `secret-key`: all cookies, receipts, voting
    /// codes and sessions of the old one end
    Rekey {
        /// Also while polls are open: whoever has voted in them can vote once more
        #[arg(long)]
        force: bool,
    },
    /// Ask the running program at `ADMIN_ADDR` whether it is ready: exit code 0 if it is
    Healthcheck,
    /// Check published ballots, alone and against what you have kept: exit code 0 if all holds, 1 if something does
    /// not, 2 if not everything could be checked
    Verify(VerifySettings),
    /// Keep the checkpoints and tiles of a poll, and check that its trees only grow: exit code 1 on a contradiction
    Witness(WitnessSettings),
}

/// How it serves.
#[derive(Debug, Args)]
pub(crate) struct Serving {
    /// Address of the voting page
    #[arg(long, env = "VOTE_ADDR", default_value = "[::]:8080")]
    pub(crate) vote_addr: SocketAddr,
    /// Address of the result page
    #[arg(long, env = "RESULT_ADDR", default_value = "[::]:8081")]
    pub(crate) result_addr: SocketAddr,
    /// Address of `/livez`, `/readyz` and `/metrics`; none unless set
    #[arg(long, env = "ADMIN_ADDR")]
    pub(crate) admin_addr: Option<SocketAddr>,
    /// Where browsers reach the voting page, if not at its own address: `https://vote.example.org`, or below a path
    #[arg(long, env = "VOTE_URL")]
    pub(crate) vote_url: Option<PublicUrl>,
    /// Where browsers reach the result page, if not at its own address
    #[arg(long, env = "RESULT_URL")]
    pub(crate) result_url: Option<PublicUrl>,
    /// Other origins whose pages may show the live result, comma separated; `null` for pages in files, and with them
    /// for every site
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',')]
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    /// Origins whose pages may show `/p/POLL/embed` and `/e/EVENT/embed` of the result page in a frame, comma
    /// separated, or `*`
    #[arg(long, env = "EMBED_ORIGINS", value_delimiter = ',')]
    pub(crate) embed_origins: Vec<EmbedOrigin>,
    /// Key of cookies, pseudonyms and receipts, at least 32 bytes; made and kept in the data directory unless set
    #[arg(long, env = "SECRET_KEY", value_parser = secret, hide_env_values = true)]
    pub(crate) secret_key: Option<Secret>,
    /// The organiser's token, at least 16 characters; made and kept in the data directory unless set
    #[arg(long, env = "ORGANISER_TOKEN", value_parser = token, hide_env_values = true)]
    pub(crate) organiser_token: Option<Hidden>,
    #[command(flatten)]
    pub(crate) trusted: TrustedProxies,
    #[command(flatten)]
    pub(crate) connections: ConnectionSettings,
    #[command(flatten)]
    pub(crate) first_poll: FirstPollSettings,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,scrutin_vote=debug`
    #[arg(long, env = "LOG", default_value = "warn,scrutin=info")]
    pub(crate) log: String,
}
