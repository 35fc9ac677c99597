//! TLS to the servers: whom we trust, and in words what is wrong with a certificate.
//!
//! The driver has TLS too. It reads the system's authorities anew for each connection, needs them even if others are
//! named, and its errors can't be told apart.

use std::{fmt, io, path::Path, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        AlertDescription, CertificateError, ClientConfig, Error, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::address::Node;

/// Connects with TLS, and checks that the server's certificate is for the host and signed by an authority that we
/// trust.
#[derive(Clone)]
pub(crate) struct TlsClient(TlsConnector);

/// Why a file of authorities can't be used; without its name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct AuthoritiesError(String);

impl TlsClient {
    /// Trusts the authorities that the system trusts.
    pub(crate) fn of_system() -> Self {
        let mut store = RootCertStore::empty();
        // What can't be read of the system's store is no obstacle, if anything can.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::trusting(store)
    }

    /// Trusts the authorities in this file of PEM, and no others. The file is read once.
    pub(crate) fn of_file(file: &Path) -> Result<Self, AuthoritiesError> {
        let unusable = |error: &dyn fmt::Display| AuthoritiesError(error.to_string());
        let text = std::fs::read(file).map_err(|error| unusable(&error))?;
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            store.add(certificate).map_err(|error| unusable(&error))?;
        }
        if store.is_empty() {
            return Err(unusable(&"it holds no certificate in PEM"));
        }
        Ok(Self::trusting(store))
    }

    fn trusting(store: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has all of TLS")
            .with_root_certificates(store)
            .with_no_client_auth();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Encrypts a connection to this host. An error is for [`words`].
    pub(crate) async fn encrypt(&self, host: &str, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.0.connect(name, socket).await
    }
}

/// What went wrong, for the operator.
pub(crate) fn words(node: &Node, error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(wrong)) => format!("its certificate {}", of_certificate(node, wrong)),
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => DEMANDS_OURS.to_owned(),
        Some(Error::InvalidMessage(_)) => {
            "it does not speak TLS: a port for redis:// and not for rediss://?".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Redis' default, where TLS is on.
pub(crate) const DEMANDS_OURS: &str =
    "it demands a certificate of its clients, and there is none: set tls-auth-clients to no";

fn of_certificate(node: &Node, wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is for another host than {}", node.host)
        }
        // The latter if the authority has the name of one that we trust.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is signed by nobody whom we trust (REDIS_CA_FILE; without it: whom the system trusts)".to_owned()
        }
        CertificateError::Revoked => "was revoked".to_owned(),
        other => format!("can't be used: {other}"),
    }
}
