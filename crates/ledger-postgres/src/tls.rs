//! TLS to the server: `sslmode` and `sslrootcert`, with libpq's meaning (`docs/operations.md` says where ours
//! differs).
//!
//! | `sslmode` | encrypted | the certificate |
//! |---|---|---|
//! | `disable` | never | |
//! | `prefer`, the default | if the server offers it | is not checked |
//! | `require` | always | is not checked; with `sslrootcert`: as in `verify-ca` |
//! | `verify-ca` | always | is signed by an authority of `sslrootcert`, and not expired |
//! | `verify-full` | always | the same, and it is for the host's name |

use std::{fmt, str::FromStr, sync::Arc};

use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    certificate_check::{AnyCertificate, AnyName},
    connection_text::OwnParameters,
    database_url_error::DatabaseUrlError,
};

/// The value of `sslrootcert` that means what the system trusts.
const SYSTEM: &str = "system";

/// How a connection is encrypted and the server's certificate checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl TlsMode {
    const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// What the driver must know of it.
    pub(crate) fn of_driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TlsMode {
    type Err = DatabaseUrlError;
    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(DatabaseUrlError::NoSuchTlsMode)
    }
}

/// TLS as an address asks for it.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    pub(crate) connector: MakeRustlsConnect,
}

impl Tls {
    /// Reads the parameters, and the file that they name: once, so new authorities need a restart.
    pub(crate) fn read(parameters: &OwnParameters) -> Result<Self, DatabaseUrlError> {
        let root = parameters.sslrootcert.as_deref();
        let mode = match (parameters.sslmode.as_deref(), root) {
            (Some(mode), _) => mode.parse()?,
            (None, Some(SYSTEM)) => TlsMode::VerifyFull,
            (None, _) => TlsMode::Prefer,
        };
        let provider = Arc::new(ring::default_provider());
        let config = match (mode, root) {
            (TlsMode::VerifyCa | TlsMode::Require, Some(SYSTEM)) => {
                return Err(DatabaseUrlError::SystemWithoutName(mode.as_str()));
            }
            (TlsMode::Disable | TlsMode::Prefer, Some(_)) => {
                return Err(DatabaseUrlError::UselessAuthorities(mode.as_str()));
            }
            (TlsMode::VerifyCa | TlsMode::VerifyFull, None) => {
                return Err(DatabaseUrlError::NoAuthorities(mode.as_str()));
            }
            (TlsMode::Disable | TlsMode::Prefer | TlsMode::Require, None) => unchecked(provider),
            (TlsMode::Require | TlsMode::VerifyCa, Some(file)) => of_any_name(provider, authorities(file)?),
            (TlsMode::VerifyFull, Some(file)) => {
                builder(provider).with_root_certificates(authorities(file)?).with_no_client_auth()
            }
        };
        Ok(Self { mode, connector: MakeRustlsConnect::new(config) })
    }
}

type Builder = tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier>;

fn builder(provider: Arc<CryptoProvider>) -> Builder {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("ring has all of TLS")
}

fn unchecked(provider: Arc<CryptoProvider>) -> ClientConfig {
    let check = Arc::new(AnyCertificate(Arc::clone(&provider)));
    builder(provider).dangerous().with_custom_certificate_verifier(check).with_no_client_auth()
}

fn of_any_name(provider: Arc<CryptoProvider>, authorities: RootCertStore) -> ClientConfig {
    let check = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider)).build();
    let check = Arc::new(AnyName(check.expect("there are authorities, and no revocation lists")));
    builder(provider).dangerous().with_custom_certificate_verifier(check).with_no_client_auth()
}

/// The authorities in a file of PEM, or those that the system trusts. At least one.
fn authorities(file: &str) -> Result<RootCertStore, DatabaseUrlError> {
    let unusable = |reason: String| DatabaseUrlError::Authorities { file: file.to_owned(), reason };
    let mut store = RootCertStore::empty();
    if file == SYSTEM {
        // What can't be read of a system's store is no obstacle, if anything can.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        let found = CertificateDer::pem_file_iter(file).map_err(|error| unusable(pem_words(&error)))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| unusable(pem_words(&error)))?;
            store.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
    }
    if store.is_empty() { Err(unusable("holds no certificate".into())) } else { Ok(store) }
}

fn pem_words(error: &tokio_rustls::rustls::pki_types::pem::Error) -> String {
    match error {
        tokio_rustls::rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        other => format!("no PEM: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use testkit::certificates::CertificateAuthority;

    use super::*;

    fn read(sslmode: Option<&str>, sslrootcert: Option<&str>) -> Result<TlsMode, String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let parameters =
            OwnParameters { sslmode: owned(sslmode), sslrootcert: owned(sslrootcert), ..OwnParameters::default() };
        Tls::read(&parameters).map(|tls| tls.mode).map_err(|error| error.to_string())
    }

    #[test]
    fn modes_and_authorities_fit_together_or_are_refused_with_what_helps() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = CertificateAuthority::new().write(directory.path());
        let file = file.to_str();
        assert_eq!(read(None, None), Ok(TlsMode::Prefer));
        for mode in [TlsMode::Disable, TlsMode::Prefer, TlsMode::Require] {
            assert_eq!(read(Some(mode.as_str()), None), Ok(mode));
        }
        for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
            assert_eq!(read(Some(mode.as_str()), file), Ok(mode));
        }
        for mode in ["verify-ca", "verify-full"] {
            let refused = read(Some(mode), None).unwrap_err();
            assert!(refused.contains(mode) && refused.contains("sslrootcert=FILE"), "{refused}");
        }
        for mode in [None, Some("disable"), Some("prefer")] {
            let refused = read(mode, file).unwrap_err();
            assert!(refused.contains(mode.unwrap_or("prefer")) && refused.contains("sslmode=verify-full"), "{refused}");
        }
        for mode in ["require", "verify-ca"] {
            let refused = read(Some(mode), Some("system")).unwrap_err();
            assert!(refused.contains(mode) && refused.contains("sslmode=verify-full"), "{refused}");
        }
        assert!(read(Some("allow"), None).unwrap_err().contains("verify-ca, verify-full"));
    }

    #[test]
    fn a_file_without_authorities_is_named_with_the_reason() {
        let directory = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let absent = directory.path().join("absent.pem").to_str().unwrap().to_owned();
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (file, reason) in [
            (absent, "No such file"),
            (write("empty.pem", ""), "no certificate"),
            (write("key.pem", "a key"), "no certificate"),
            (write("nonsense.pem", nonsense), "certificate"),
            (write("torn.pem", torn), "no PEM"),
        ] {
            let refused = read(Some("verify-full"), Some(&file)).unwrap_err();
            assert!(refused.contains(&file) && refused.contains(reason), "{refused}");
            assert_eq!(refused.lines().count(), 1, "{refused}");
        }
    }
}
