//! TLS of a private PostgreSQL.

use std::{io::Write, process::Stdio};

use tokio_postgres::Client;

use super::{PostgresServer, connection::connect};
use crate::{certificates::ServerCertificate, wait};

/// The server reads both anew with each reload.
const TURN_ON: [&str; 3] = [
    "ALTER SYSTEM SET ssl = on",
    "ALTER SYSTEM SET ssl_cert_file = 'server.crt'",
    "ALTER SYSTEM SET ssl_key_file = 'server.key'",
];
/// Of the server process that made this connection.
const RELOADED: &str = "SELECT extract(epoch FROM pg_conf_load_time())::float8";

impl PostgresServer {
    /// Offers TLS with this certificate on each new connection of this private server, beside connections without. May
    /// be called again with another certificate.
    pub async fn offer_tls(&self, certificate: &ServerCertificate) {
        self.own().write("data/server.crt", &certificate.certificate);
        self.own().write("data/server.key", &certificate.key);
        let client = connect(&self.url).await;
        for setting in TURN_ON {
            client.batch_execute(setting).await.expect("a superuser may set it");
        }
        let before = reloaded(&client).await;
        self.own().control(&["reload"]).await;
        let reload = async || reloaded(&connect(&self.url).await).await > before;
        wait::until_true("the server to take its certificate", reload).await;
    }
}

impl super::OwnCluster {
    /// Writes a file that only the server's user may read, below the cluster's directory.
    pub(super) fn write(&self, name: &str, text: &str) {
        let mut command = std::process::Command::new(self.directory.join("as-owner"));
        command.args(["sh", "-c", "umask 077 && cat >\"$1\"", "sh"]).arg(self.directory.join(name));
        let mut writing = command.current_dir("/").stdin(Stdio::piped()).spawn().expect("the cluster's owner writes");
        writing.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("the owner reads all of it");
        assert!(writing.wait().is_ok_and(|status| status.success()), "{name} can't be written");
    }
}

async fn reloaded(client: &Client) -> f64 {
    client.query_one(RELOADED, &[]).await.expect("the time of the last reload").get(0)
}
