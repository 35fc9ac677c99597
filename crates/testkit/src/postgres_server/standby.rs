//! A standby of a private PostgreSQL, which replicates it over the network as in production.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio_postgres::Client;

use super::connection::{PATIENCE, connect};
use crate::address;

/// A running standby. Dropping it stops the server; its files are removed with those of its primary.
pub struct StandbyServer {
    /// The directory of its primary.
    directory: PathBuf,
    address: SocketAddr,
}

impl StandbyServer {
    /// Copies the primary at this URL, whose files are in `directory`, and starts the copy.
    pub(super) async fn of(primary: &str, directory: &Path) -> Self {
        let standby = Self { directory: directory.to_owned(), address: address::free() };
        let data = standby.path("standby");
        let copy = ["--pgdata", &data, "--dbname", primary, "--write-recovery-conf", "--checkpoint=fast"];
        standby.run("pg_basebackup", &copy).await;
        let (log, options) = (standby.path("standby.log"), standby.options());
        standby.run("pg_ctl", &["start", "-s", "-w", "-D", &data, "-l", &log, "-o", &options]).await;
        standby
    }

    /// The URL of a superuser in the database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Its address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A separate connection for the test, which is read-only until the standby is promoted.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    /// Makes it a primary of its own, whatever its primary does, and waits until it takes writes.
    pub async fn promote(&self) {
        self.run("pg_ctl", &["promote", "-s", "-w", "-D", &self.path("standby")]).await;
    }

    fn options(&self) -> String {
        format!("-p {} -c listen_addresses={}", self.address.port(), self.address.ip())
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    async fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = tokio::process::Command::new(self.path("as-owner"));
        // An inherited output would stay open as long as the server runs.
        command.arg(program).args(arguments).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        let ended = tokio::time::timeout(PATIENCE, command.status()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{program} takes longer than {PATIENCE:?}"));
        let log = std::fs::read_to_string(self.path("standby.log")).unwrap_or_default();
        assert!(ended.is_ok_and(|status| status.success()), "{program} {arguments:?} failed:\n{log}");
    }
}

impl Drop for StandbyServer {
    fn drop(&mut self) {
        let stop = ["stop", "-s", "-m", "immediate", "-D", &self.path("standby")];
        let mut command = std::process::Command::new(self.path("as-owner"));
        let _ = command.arg("pg_ctl").args(stop).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
