//! Voters' pages that follow an event, without browsers: each has a socket at `result`, hears which question is on,
//! waits as the page's script does, and fetches the page from `vote` over a connection of its own. Prints how long
//! after the organiser's "next" the pages had the question, in milliseconds: the p50, the p99 and the last.

#![expect(clippy::print_stdout, reason = "a script reads the figures")]

mod page;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use program::settings::parse;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, unbounded_channel},
    },
    time::{Instant, timeout},
};

use crate::page::{FollowedHosts, FollowingPage, PageNews};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many pages connect at the same time.
const CONNECTING_AT_ONCE: usize = 64;
/// How long all pages may take to connect, and then to show a question.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Parser)]
struct Settings {
    /// The voting service, as host:port
    #[arg(long)]
    vote: String,
    /// The result service, as host:port
    #[arg(long)]
    result: String,
    /// The organiser's token
    #[arg(long)]
    token: String,
    /// The id of the event to make; those of its polls begin with it
    #[arg(long, default_value = "following")]
    event: String,
    /// How many pages follow
    #[arg(long, default_value_t = 5_000)]
    pages: usize,
    /// How many questions are opened
    #[arg(long, default_value_t = 5)]
    questions: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Settings { vote, result, token, event, pages, questions } = parse();
    let organiser = Organiser { client: Client::new(), vote: vote.clone(), token, event: event.clone() };
    organiser.prepare(questions).await?;
    let mut news = open_pages(FollowedHosts { vote, result, event }, pages);
    all(&mut news, pages, |news| matches!(news, PageNews::Connected)).await?;

    let mut took = Vec::new();
    for question in 0..questions {
        let (pressed, poll) = (Instant::now(), organiser.poll_id(question));
        organiser.press_next().await?;
        let shown = all(&mut news, pages, |news| matches!(news, PageNews::Opened(shown) if *shown == poll)).await;
        took.extend(shown.with_context(|| poll.clone())?.into_iter().map(|at| at - pressed));
        organiser.press_next().await?;
    }
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    println!("{:.1} {:.1} {:.1}", at(50), at(99), at(100));
    Ok(())
}

/// Opens so many pages, which tell what happens to them and when.
fn open_pages(hosts: FollowedHosts, pages: usize) -> UnboundedReceiver<(PageNews, Instant)> {
    let (tell, news) = unbounded_channel();
    let (hosts, connecting) = (Arc::new(hosts), Arc::new(Semaphore::new(CONNECTING_AT_ONCE)));
    for _ in 0..pages {
        let page = FollowingPage::new(Arc::clone(&hosts), tell.clone());
        tokio::spawn(page.follow(Arc::clone(&connecting)));
    }
    news
}

/// Waits until all pages have told this, and returns when each did.
async fn all(
    news: &mut UnboundedReceiver<(PageNews, Instant)>,
    pages: usize,
    is_it: impl Fn(&PageNews) -> bool,
) -> anyhow::Result<Vec<Instant>> {
    let mut told = Vec::with_capacity(pages);
    while told.len() < pages {
        let next = timeout(PATIENCE, news.recv()).await;
        match next.with_context(|| format!("{} of {pages} pages did", told.len()))?.context("no page is left")? {
            (PageNews::Failed(error), _) => bail!("a page failed: {error:#}"),
            (one, at) if is_it(&one) => told.push(at),
            _ => {}
        }
    }
    Ok(told)
}

struct Organiser {
    client: Client,
    vote: String,
    token: String,
    event: String,
}

impl Organiser {
    fn poll_id(&self, question: usize) -> String {
        format!("{}-{question}", self.event)
    }

    async fn press_next(&self) -> anyhow::Result<()> {
        self.post(&format!("/events/{}/next", self.event), &json!({})).await
    }

    /// Makes an event of so many polls, which wait.
    async fn prepare(&self, questions: usize) -> anyhow::Result<()> {
        for question in 0..questions {
            let (id, options) = (self.poll_id(question), ["Yes", "No", "Perhaps"]);
            let asked = format!("Question {question}?");
            self.post("/polls", &json!({"id": id, "question": asked, "options": options, "state": "waiting"})).await?;
        }
        let polls: Vec<_> = (0..questions).map(|question| self.poll_id(question)).collect();
        self.post("/events", &json!({"id": self.event, "title": "Following", "polls": polls})).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.post(format!("http://{}/api{path}", self.vote)).bearer_auth(&self.token);
        let answer = request.json(body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path}: {status}: {}", answer.text().await?);
        Ok(())
    }
}
