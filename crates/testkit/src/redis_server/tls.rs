//! What a server needs for TLS on a second port.

use tempfile::TempDir;

use crate::certificates::{CertificateAuthority, ServerCertificate};

/// A port for TLS, and the files of its certificate.
#[derive(Debug)]
pub(super) struct TlsPort {
    pub(super) port: u16,
    pub(super) arguments: Vec<String>,
    _files: TempDir,
}

impl TlsPort {
    pub(super) fn new(port: u16, certificate: &ServerCertificate, authority: &CertificateAuthority) -> Self {
        let files = TempDir::with_prefix("scrutin-redis-tls-").expect("a temporary directory");
        let [certificate, key] = certificate.write(files.path()).map(|path| path.display().to_string());
        let authority = authority.write(files.path()).display().to_string();
        let port_text = port.to_string();
        let of_server = ["--tls-port", &port_text, "--tls-cert-file", &certificate, "--tls-key-file", &key];
        let of_clients = ["--tls-ca-cert-file", &authority, "--tls-auth-clients", "no"];
        let arguments = of_server.into_iter().chain(of_clients).map(ToOwned::to_owned).collect();
        Self { port, arguments, _files: files }
    }

    /// The arguments as lines of a file of settings, with another port.
    pub(super) fn settings(&self, port: u16) -> String {
        let pairs = self.arguments.chunks(2).skip(1);
        let line = |pair: &[String]| format!("{} {}\n", pair[0].trim_start_matches('-'), pair[1]);
        format!("tls-port {port}\n") + &pairs.map(line).collect::<String>()
    }
}
