//! The all-in-one as a separate process.

use std::{net::SocketAddr, path::Path};

use reqwest::StatusCode;

use crate::{address, programs::Program, wait};

/// A running all-in-one.
pub struct AllInOne {
    /// The process.
    pub program: Program,
    vote: SocketAddr,
    result: SocketAddr,
}

impl AllInOne {
    /// Starts it on a data directory, and waits until both pages are served.
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, []).await
    }

    /// The same with additional settings.
    pub async fn start_with<const N: usize>(data: &Path, settings: [(&str, &str); N]) -> Self {
        let (vote, result) = (address::free(), address::free());
        let own = [
            ("VOTE_ADDR", vote.to_string()),
            ("RESULT_ADDR", result.to_string()),
            ("DATA_DIR", data.display().to_string()),
        ];
        let environment = own.into_iter().chain(settings.map(|(key, value)| (key, value.to_owned())));
        let started = Self { program: Program::start("scrutin", &[], environment), vote, result };
        started.serves().await;
        started
    }

    /// Waits until both pages are served.
    pub async fn serves(&self) {
        wait::until_true("the all-in-one to serve", || async {
            let vote = reqwest::get(self.vote_url()).await.is_ok_and(|answer| answer.status() == StatusCode::OK);
            vote && reqwest::get(self.result_url()).await.is_ok_and(|answer| answer.status() == StatusCode::OK)
        })
        .await;
    }

    /// The URL of the voting host.
    pub fn vote_url(&self) -> String {
        format!("http://{}", self.vote)
    }

    /// The URL of the result host.
    pub fn result_url(&self) -> String {
        format!("http://{}", self.result)
    }
}
