//! What can be wrong with an address of a database, in words for the operator.

/// Why a text does not say where a database is. It never repeats what may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither a URL nor `key=value` pairs.
    #[error("not postgres://user:password@host:port/database: {0}")]
    Malformed(String),
    /// No server was named.
    #[error("no host is named")]
    NoHost,
    /// As many are needed as there are hosts.
    #[error("{1} values of {0} for {2} hosts")]
    Counts(&'static str, usize, usize),
    /// The value of `target_session_attrs`.
    #[error("target_session_attrs: only the primary is written and read, so it can be left out, or be read-write")]
    NotPrimary,
    /// The value of `sslmode`.
    #[error("sslmode is none of disable, prefer, require, verify-ca, verify-full")]
    NoSuchTlsMode,
    /// A certificate is to be checked, and nobody says against what.
    #[error("sslmode={0} needs sslrootcert=FILE with the certificates of authorities (PEM), or sslrootcert=system")]
    NoAuthorities(&'static str),
    /// Authorities are named, and certificates are not checked.
    #[error("with sslmode={0} no certificate is checked: set sslmode=verify-full (or verify-ca), or no sslrootcert")]
    UselessAuthorities(&'static str),
    /// Anybody gets a certificate of a public authority for some name.
    #[error("sslmode={0} takes any host of a public authority: with sslrootcert=system set sslmode=verify-full")]
    SystemWithoutName(&'static str),
    /// The value of `sslrootcert`.
    #[error("sslrootcert={file}: {reason}")]
    Authorities {
        /// The file, or `system`.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}
