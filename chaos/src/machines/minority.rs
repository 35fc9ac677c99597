//! Voters at a `vote` that is cut off with one primary: each must hear that nothing is certain, or that the ballot is
//! certainly not recorded, and none that it is.
//!
//! They vote in a poll of their own, since only the crowd may vote in the one that it checks.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use testkit::programs::ORGANISER_TOKEN;
use tokio::task::JoinSet;

use crate::patience::until_ok;

/// Enough that each of a few partitions has some of them.
const VOTERS: usize = 24;
/// How long one waits for an answer: longer than `vote` waits for its servers.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const POLL: &str = "cut-off";

/// Voters with their cookies, who have opened the page while all was well.
pub(crate) struct MinorityVoters {
    client: Client,
    vote: String,
    cookies: Vec<String>,
}

/// How many of them heard what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HeardAnswers {
    pub(crate) recorded: u32,
    pub(crate) unknown: u32,
    pub(crate) refused: u32,
}

/// Makes the poll in which they vote.
pub(crate) async fn make_poll(vote: &str) -> anyhow::Result<()> {
    let poll = json!({"id": POLL, "question": "Cut off?", "options": ["Yes", "No"]});
    let client = client()?;
    until_ok("the organiser's poll", async || {
        let request = client.post(format!("{vote}/api/polls")).bearer_auth(ORGANISER_TOKEN).json(&poll);
        let answer = request.send().await?;
        let status = answer.status();
        // It is there already if an earlier attempt got no answer.
        let done = status.is_success() || status == StatusCode::CONFLICT;
        ensure!(done, "{status}: {}", answer.text().await?);
        Ok(())
    })
    .await
}

impl MinorityVoters {
    /// They open the page of this `vote`, which answers.
    pub(crate) async fn arrive(vote: &str) -> anyhow::Result<Self> {
        let (client, mut arriving) = (client()?, JoinSet::new());
        for _ in 0..VOTERS {
            let page = client.get(format!("{vote}/p/{POLL}"));
            arriving.spawn(async move {
                let page = page.send().await?;
                let set = page.headers().get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
                let voter = set.filter_map(|line| line.split(';').next()).find(|pair| pair.starts_with("voter"));
                voter.map(ToOwned::to_owned).context("the page sets a cookie")
            });
        }
        let cookies = arriving.join_all().await.into_iter().collect::<anyhow::Result<_>>()?;
        Ok(Self { client, vote: vote.to_owned(), cookies })
    }

    /// All vote at once; what they hear.
    pub(crate) async fn vote(&self) -> anyhow::Result<HeardAnswers> {
        let mut voting = JoinSet::new();
        for cookie in &self.cookies {
            let request = self.client.post(format!("{}/api/polls/{POLL}/ballots", self.vote));
            let request = request.header(header::COOKIE, cookie).json(&json!({"choices": ["a"]}));
            voting.spawn(async move {
                let answer = request.send().await?;
                let status = answer.status();
                anyhow::Ok((status, answer.json::<Value>().await?))
            });
        }
        let mut heard = HeardAnswers::default();
        while let Some(answer) = voting.join_next().await {
            let (status, body) = answer?.context("a voter of the minority gets an answer")?;
            match (status, body["code"].as_str()) {
                (StatusCode::CREATED, _) => heard.recorded += 1,
                (StatusCode::SERVICE_UNAVAILABLE, Some("outcome-unknown")) => heard.unknown += 1,
                (StatusCode::SERVICE_UNAVAILABLE, Some("not-recorded")) => heard.refused += 1,
                _ => bail!("a voter of the minority hears {status}: {body}"),
            }
        }
        Ok(heard)
    }
}

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().timeout(ANSWER_LIMIT).build()?)
}
