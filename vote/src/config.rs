//! The configuration of the service, as `main.rs` or the all-in-one gives it.

use domain::{Partitions, Secret};
use listener::TrustedProxies;
use program::settings::{Hidden, PublicUrl};
use web::{cookies::CookieScope, counterpart::Counterpart};

/// The configuration of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// The installation's secret: pseudonyms, cookies and receipts come from it.
    pub secret: Secret,
    /// How many partitions the log has: a page says in which one its voter's ballot is.
    pub partitions: Partitions,
    /// The organiser's token; without it nobody can manage polls.
    pub organiser_token: Option<Hidden>,
    /// Where browsers find the results.
    pub result: Counterpart,
    /// The public address of this service, if it is known, perhaps below a path. Posts from there are allowed whatever
    /// the `Host`, and cookies are `Secure` if it is https.
    pub vote_url: Option<PublicUrl>,
    /// Proxies whose `X-Forwarded-For` tells the client's address. Without them everybody behind a proxy shares one
    /// limit on wrong guesses.
    pub trusted_proxies: TrustedProxies,
    /// The name of this instance, for the pages' footer.
    pub instance: String,
}

impl Config {
    /// Over what this service's cookies are set and sent.
    pub(crate) fn cookie_scope(&self) -> CookieScope {
        CookieScope::of(self.vote_url.as_ref())
    }
}
