//! The keys for demonstrations in this repository. Everybody can read them, sign cookies with them, and organise.
//!
//! They work, so that `docker compose up` works. A service that runs with one says so at each start and on a metric. It
//! does not start if browsers reach it over TLS: that is no demonstration.

use domain::{Fingerprint, Secret};

use crate::settings::{Hidden, PublicUrl};

/// Values of `SECRET_KEY`: of `compose.yaml` and of the manifests for Kubernetes.
const PUBLIC_SECRETS: [&str; 2] =
    ["for-development-only-and-known-to-everybody", "replace-me-this-is-a-public-demonstration-key"];
/// Values of `ORGANISER_TOKEN`, of the same.
const PUBLIC_TOKENS: [&str; 2] = ["for-development-only", "replace-me-public-token"];

/// Logs which of the keys are public, if any is. The error is the line with which the program ends: browsers reach it
/// over `https`. Log and metrics must have started.
pub fn check(secret: &Secret, token: Option<&Hidden>, urls: &[Option<&PublicUrl>]) -> Result<(), String> {
    let public = public_keys(secret, token);
    metrics::gauge!("scrutin_public_keys").set(f64::from(u8::try_from(public.len()).unwrap_or(u8::MAX)));
    if public.is_empty() {
        return Ok(());
    }
    let keys = public.join(", ");
    if let Some(url) = urls.iter().flatten().find(|url| url.is_https()) {
        return Err(format!(
            "{keys}: a demonstration value that everybody can read, and browsers come by {url}; set one of your own \
             (openssl rand -hex 32)"
        ));
    }
    tracing::warn!(
        event = "keys.public",
        "{keys} is a demonstration value that everybody can read: anybody can vote as anybody here and \
         change polls; set one of your own before people vote (openssl rand -hex 32)"
    );
    Ok(())
}

fn public_keys(secret: &Secret, token: Option<&Hidden>) -> Vec<&'static str> {
    let fingerprint = Fingerprint::of(secret);
    let same = |text: &str| Secret::parse(text).is_ok_and(|public| Fingerprint::of(&public) == fingerprint);
    let mut public = Vec::new();
    if PUBLIC_SECRETS.iter().any(|text| same(text)) {
        public.push("SECRET_KEY");
    }
    if token.is_some_and(|token| PUBLIC_TOKENS.contains(&token.reveal())) {
        public.push("ORGANISER_TOKEN");
    }
    public
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secret: &str, token: &str) -> Vec<&'static str> {
        public_keys(&Secret::parse(secret).unwrap(), Some(&Hidden::from(token.to_owned())))
    }

    #[test]
    fn every_key_in_the_files_for_demonstrations_is_known() {
        let compose = include_str!("../../../compose.yaml");
        let manifests = include_str!("../../../k8s/base/11-secrets.yaml");
        let mut seen = 0;
        for line in compose.lines().chain(manifests.lines()).map(str::trim) {
            let plain = |key: &str| {
                let value = line.strip_prefix(key)?.trim();
                Some(value.split_once(":-").map_or(value, |(_, default)| default.trim_end_matches('}')).to_owned())
            };
            if let Some(secret) = plain("SECRET_KEY:") {
                assert_eq!(found(&secret, "another-organisers-token"), ["SECRET_KEY"], "{secret}");
                seen += 1;
            }
            if let Some(token) = plain("ORGANISER_TOKEN:") {
                assert_eq!(found(&"x".repeat(32), &token), ["ORGANISER_TOKEN"], "{token}");
                seen += 1;
            }
        }
        assert_eq!(seen, 4);
    }

    #[test]
    fn a_public_key_is_refused_where_browsers_come_over_tls() {
        let secret = Secret::parse(PUBLIC_SECRETS[0]).unwrap();
        let (plain, tls): (PublicUrl, PublicUrl) =
            ("http://vote.example.org".parse().unwrap(), "https://vote.example.org".parse().unwrap());
        assert_eq!(check(&secret, None, &[None, Some(&plain)]), Ok(()));
        let line = check(&secret, None, &[None, Some(&tls)]).unwrap_err();
        assert!(line.starts_with("SECRET_KEY: ") && line.contains("https://vote.example.org"), "{line}");
        assert_eq!(check(&Secret::parse(&"x".repeat(32)).unwrap(), None, &[Some(&tls)]), Ok(()));
    }
}
