//! TLS of a private PostgreSQL: the files of its certificate, and when it has taken them.

use std::path::Path;

use tokio_postgres::Client;

use super::owner;
use crate::certificates::ServerCertificate;

/// The server reads both anew with each reload.
const TURN_ON: [&str; 3] = [
    "ALTER SYSTEM SET ssl = on",
    "ALTER SYSTEM SET ssl_cert_file = 'server.crt'",
    "ALTER SYSTEM SET ssl_key_file = 'server.key'",
];
/// Of the server process that made this connection.
const RELOADED: &str = "SELECT extract(epoch FROM pg_conf_load_time())::float8";

/// Lets the server whose files are in `directory` offer this certificate after its next reload.
pub(super) async fn turn_on(directory: &Path, certificate: &ServerCertificate, superuser: &Client) {
    owner::write(directory, "data/server.crt", &certificate.certificate);
    owner::write(directory, "data/server.key", &certificate.key);
    for setting in TURN_ON {
        superuser.batch_execute(setting).await.expect("a superuser may set it");
    }
}

/// When the server was reloaded last before this connection was made, in seconds.
pub(super) async fn reloaded(client: &Client) -> f64 {
    client.query_one(RELOADED, &[]).await.expect("the time of the last reload").get(0)
}
