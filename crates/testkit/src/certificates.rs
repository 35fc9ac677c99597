//! Certificates for the servers of a test, made by the test: good ones, expired ones, and authorities that sign them.
//!
//! May import: nothing.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// An authority that signs certificates of servers.
pub struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate and its key, as PEM.
pub struct ServerCertificate {
    /// The certificate, without its authority's.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl CertificateAuthority {
    /// An authority of its own, which nobody trusts yet.
    pub fn new() -> Self {
        let mut parameters = named("Authority of a test", &[]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(parameters, key()).expect("an authority signs itself"))
    }

    /// Its certificate, as PEM: what a client must trust.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes its certificate to `ca.pem` in this directory, readable for everybody.
    pub fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join("ca.pem");
        fs::write(&path, self.pem()).expect("the directory takes a file");
        path
    }

    /// A certificate that is valid now, for hosts of these names and addresses.
    pub fn certificate(&self, hosts: &[&str]) -> ServerCertificate {
        self.sign(&named("Server of a test", hosts))
    }

    /// The same, but it has expired long ago.
    pub fn expired_certificate(&self, hosts: &[&str]) -> ServerCertificate {
        let mut parameters = named("Expired server of a test", hosts);
        (parameters.not_before, parameters.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.sign(&parameters)
    }

    /// Its own certificate, for a server that shows it as its own.
    pub fn own_certificate(&self) -> ServerCertificate {
        ServerCertificate { certificate: self.pem(), key: self.0.key().serialize_pem() }
    }

    fn sign(&self, parameters: &CertificateParams) -> ServerCertificate {
        let key = key();
        let certificate = parameters.signed_by(&key, &self.0).expect("an authority signs");
        ServerCertificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl ServerCertificate {
    /// Writes both to `server.pem` and `server.key` in this directory, and returns the two paths. The key is readable
    /// for its owner alone, as servers demand.
    pub fn write(&self, directory: &Path) -> [PathBuf; 2] {
        let (certificate, key) = (directory.join("server.pem"), directory.join("server.key"));
        fs::write(&certificate, &self.certificate).expect("the directory takes a file");
        fs::write(&key, &self.key).expect("the directory takes a file");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is our file");
        [certificate, key]
    }
}

impl Default for CertificateAuthority {
    fn default() -> Self {
        Self::new()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).expect("hosts are names and addresses");
    parameters.distinguished_name.push(DnType::CommonName, name);
    // Nodes of a cluster are clients of one another.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}
