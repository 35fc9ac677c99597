//! Fetches public things over HTTP.

use std::{
    io::{self, Read},
    sync::Arc,
    thread,
    time::Duration,
};

use serde::Deserialize;
use ureq::{
    Agent, Body,
    http::{HeaderMap, StatusCode, header},
    tls::{Certificate, RootCerts, TlsConfig},
};

/// How long a server may take until it answers.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a whole answer may take: a published file of ten million ballots has about a gigabyte.
const WHOLE: Duration = Duration::from_hours(1);

/// How often a server that is busy is asked in all.
const MAX_TRIES: usize = 6;

/// The longest pause that a server that is busy gets.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The longest problem that is read, in bytes.
const MAX_PROBLEM_BYTES: u64 = 16 * 1024;

/// Fetches what anybody may.
#[derive(Clone, Debug)]
pub struct PublicClient(Agent);

/// Why a thing was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not there.
    #[error("{address}: {why} (404)")]
    NotThere {
        /// Of what.
        address: String,
        /// Why, as the server says.
        why: String,
    },
    /// Not now: the server says when it may be asked again.
    #[error("{address}: {why}. Try again in {} s or later", pause.as_secs())]
    Busy {
        /// Of what.
        address: String,
        /// Why.
        why: String,
        /// For how long not.
        pause: Duration,
    },
    /// Another answer than the thing, or none.
    #[error("{address}: {why}")]
    Failed {
        /// Of what.
        address: String,
        /// Why.
        why: String,
    },
}

impl Default for PublicClient {
    fn default() -> Self {
        Self::new()
    }
}

impl PublicClient {
    /// A client that trusts the certificates that the system trusts.
    pub fn new() -> Self {
        let found = rustls_native_certs::load_native_certs().certs;
        let trusted: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(trusted))).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_connect(Some(ANSWER))
            .timeout_recv_response(Some(ANSWER))
            .timeout_global(Some(WHOLE))
            .user_agent(concat!("scrutin-auditor/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }

    /// A body to read, and how long it is if the server says so. A server that is busy, and says for how long, is asked
    /// some times more, after `busy` was told so.
    pub fn open_patiently(
        &self,
        address: &str,
        busy: &mut dyn FnMut(&FetchError),
    ) -> Result<(impl Read + Send + use<>, Option<u64>), FetchError> {
        let mut tries = 1;
        loop {
            match self.open(address) {
                Err(error @ FetchError::Busy { pause, .. }) if tries < MAX_TRIES && pause <= LONGEST_PAUSE => {
                    busy(&error);
                    thread::sleep(pause);
                    tries += 1;
                }
                opened => return opened,
            }
        }
    }

    /// A body to read, and how long it is if the server says so.
    pub fn open(&self, address: &str) -> Result<(impl Read + Send + use<>, Option<u64>), FetchError> {
        let failed = |why: String| FetchError::Failed { address: address.to_owned(), why };
        let response = self.0.get(address).call().map_err(|error| failed(error.to_string()))?;
        match response.status() {
            StatusCode::OK => {
                let body = response.into_body();
                let length = body.content_length();
                Ok((body.into_reader(), length))
            }
            StatusCode::NOT_FOUND => {
                let why = detail(response.into_body()).unwrap_or_else(|| "there is no such thing".to_owned());
                Err(FetchError::NotThere { address: address.to_owned(), why })
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                Err(failed("nothing can be read there (405). Is it an address of the result host?".to_owned()))
            }
            status => {
                let pause = pause(response.headers());
                let detail = detail(response.into_body()).map_or_else(String::new, |detail| format!(": {detail}"));
                let why = format!("the server answers {status}{detail}");
                let address = address.to_owned();
                Err(match pause {
                    Some(pause) => FetchError::Busy { address, why, pause },
                    None => FetchError::Failed { address, why },
                })
            }
        }
    }

    /// A whole body, of at most so many bytes.
    pub fn bytes(&self, address: &str, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let failed = |why: String| FetchError::Failed { address: address.to_owned(), why };
        let (body, _) = self.open(address)?;
        let mut bytes = Vec::new();
        let limit = max_bytes as u64 + 1;
        body.take(limit).read_to_end(&mut bytes).map_err(|error: io::Error| failed(error.to_string()))?;
        if bytes.len() > max_bytes { Err(failed(format!("it has more than {max_bytes} bytes"))) } else { Ok(bytes) }
    }

    /// A whole text, of at most so many bytes.
    pub fn text(&self, address: &str, max_bytes: usize) -> Result<String, FetchError> {
        let bytes = self.bytes(address, max_bytes)?;
        let failed = |_| FetchError::Failed { address: address.to_owned(), why: "it is not a text".to_owned() };
        String::from_utf8(bytes).map_err(failed)
    }
}

/// When a server may be asked again.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What a problem of the API says to people, if the body is one.
fn detail(body: Body) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let problem: Problem = serde_json::from_reader(body.into_reader().take(MAX_PROBLEM_BYTES)).ok()?;
    Some(problem.detail.trim_end_matches('.').to_owned()).filter(|detail| !detail.is_empty())
}
