//! Where a server is, and how a connection to it is made: TCP, with TLS where the address is `https`.

use std::{io, pin::Pin, sync::Arc};

use http::Uri;
use program::settings::PublicUrl;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

/// A connection, encrypted or not.
pub(crate) type Stream = Pin<Box<dyn Duplex>>;

/// Both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// One server.
#[derive(Clone)]
pub(crate) struct Address {
    host: String,
    port: u16,
    /// What requests say in `Host`.
    pub(crate) authority: String,
    /// The path below which the service is.
    pub(crate) base: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Why an address can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Not a name that a certificate could be for.
    #[error("{0}: no host that TLS could check")]
    Host(String),
    /// The system's certificates can't be read.
    #[error("the system's root certificates can't be read: {0}")]
    Certificates(String),
    /// The TLS library refuses.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

impl Address {
    /// Reads the certificates of the system where the address is `https`.
    pub(crate) fn of(url: &PublicUrl) -> Result<Self, AddressError> {
        let uri: Uri = url.as_str().parse().expect("a public address is a URI");
        let authority = uri.authority().expect("a public address has a host").to_string();
        let host = uri.host().expect("a public address has a host").trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if url.is_https() { 443 } else { 80 });
        let tls = if url.is_https() { Some(tls(&host)?) } else { None };
        Ok(Self { host, port, authority, base: url.base().as_str().to_owned(), tls })
    }

    /// Opens a connection. Answers are small and waited for, so Nagle's algorithm is off.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::pin(stream)),
            Some((connector, name)) => Ok(Box::pin(connector.connect(name.clone(), stream).await?)),
        }
    }

    /// The address of a path here, for a WebSocket.
    pub(crate) fn websocket(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}{}{path}", self.authority, self.base)
    }
}

fn tls(host: &str) -> Result<(TlsConnector, ServerName<'static>), AddressError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| AddressError::Host(host.to_owned()))?;
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some certificates of a system may be unreadable; none at all is an error.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(AddressError::Certificates(reasons.join("; ")));
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(config)), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::of(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn ports_and_schemes_are_those_of_the_address() {
        assert_eq!((address("http://vote.example").port, address("http://[::1]:8080").port), (80, 8080));
        assert_eq!(address("http://[::1]:8080").host, "::1");
        assert_eq!(address("http://vote.example:81").websocket("/x"), "ws://vote.example:81/x");
        assert_eq!(address("http://example:81/result/").websocket("/x"), "ws://example:81/result/x");
    }
}
