//! Screens keep the checkpoints of a poll's trees, and say when two of them can't both be true.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{PollChange, PollSpec};
use serde_json::{Value, json};
use support::{App, front::Front, spawn_app};
use testkit::{
    browser::{Browser, Driver, PROJECTOR, Setup},
    published_poll::PublishedPoll,
    wait,
};

const LOUD: &str = "Two signed statements of this server can’t both be true.";

fn tree(voters: u64, keys: &str) -> PublishedPoll {
    PublishedPoll::of(1, (0..voters).map(|voter| (voter, keys)))
}

/// A screen that looks as soon as it is opened.
struct Screen {
    browser: Browser,
    _driver: Driver,
    front: Front,
    app: App,
}

impl Screen {
    async fn open(poll: PublishedPoll, leaves: usize) -> Self {
        let app = spawn_app().await;
        app.ledger.create("tea", PollSpec::simple("Tea?", ["Yes", "No", "Later"]));
        let front = Front::start(&app, poll.clone()).await;
        front.server.show(poll, Some(vec![leaves]));
        let driver = Driver::start().await;
        let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
        let source = json!({"source": "Math.random = () => 0"});
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
        let screen = Self { browser, _driver: driver, front, app };
        screen.look().await;
        screen
    }

    /// Opens the page once more, and waits until it has looked.
    async fn look(&self) {
        let asked = self.front.asked().len();
        self.browser.goto(&self.front.url("/p/tea")).await;
        wait::until_true("a look at the tree", || async {
            self.front.asked()[asked..].iter().any(|request| request.ends_with("/checkpoint"))
        })
        .await;
    }

    /// Looks at a tree of which so many leaves are to be seen.
    async fn sees(&self, poll: &PublishedPoll, leaves: usize) {
        self.front.server.show(poll.clone(), Some(vec![leaves]));
        self.look().await;
    }

    async fn kept(&self) -> Value {
        self.browser.run("return JSON.parse(localStorage.getItem('scrutin checkpoints tea'))").await
    }

    async fn keeps(&self, checkpoint: &str) {
        wait::until_true("the checkpoint to be kept", || async { self.kept().await == json!([checkpoint]) }).await;
    }

    async fn is_silent(&self) {
        let hidden = "return document.getElementById('trees').children.length === 0";
        assert_eq!(self.browser.run(hidden).await, true);
        assert_eq!(self.browser.run("return localStorage.getItem('scrutin contradictions tea')").await, Value::Null);
    }

    async fn accuses(&self, statements: [&str; 2]) {
        self.browser.shows(LOUD).await;
        let shown = self.browser.run("return document.querySelector('#trees textarea').value").await;
        let shown = shown.as_str().unwrap();
        assert!(statements.iter().all(|statement| shown.contains(statement)), "{shown}");
        let file = "return decodeURIComponent(document.querySelector('#trees a').href)";
        assert!(self.browser.run(file).await.as_str().unwrap().ends_with(shown));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_only_grows_is_followed_in_silence() {
    let poll = tree(700, "a");
    let screen = Screen::open(poll.clone(), 256).await;
    screen.keeps(&poll.checkpoint(0, 256)).await;
    screen.sees(&poll, 512).await;
    screen.keeps(&poll.checkpoint(0, 512)).await;
    // Another instance, or a restored dump: smaller, and it fits. The larger one is kept.
    screen.sees(&poll, 256).await;
    screen.sees(&poll, 700).await;
    screen.keeps(&poll.checkpoint(0, 700)).await;
    screen.is_silent().await;
    assert!(screen.browser.complaints().await.iter().all(|line| line.contains("404")), "only tiles that are not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_root_of_the_same_size_is_told_loudly_and_for_good() {
    let (one, other) = (tree(300, "a"), tree(300, "b"));
    let screen = Screen::open(one.clone(), 256).await;
    let (before, now) = (one.checkpoint(0, 256), other.checkpoint(0, 256));
    screen.keeps(&before).await;
    screen.sees(&other, 256).await;
    screen.accuses([&before, &now]).await;
    // It stays, though the server goes back to what it said at first; and what was kept is still the first.
    screen.sees(&one, 256).await;
    screen.accuses([&before, &now]).await;
    screen.keeps(&before).await;
    screen.app.ledger.change("tea", &PollChange::Hide);
    screen.browser.shows("The organiser will reveal the result.").await;
    screen.accuses([&before, &now]).await;
    screen.browser.click("#trees button").await;
    let selected = "return String(document.getSelection()).length > 100";
    assert_eq!(screen.browser.run(selected).await, true, "to be copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_tree_that_does_not_begin_with_the_smaller_is_told() {
    let (one, other) = (tree(700, "a"), tree(700, "b"));
    let screen = Screen::open(one.clone(), 256).await;
    screen.keeps(&one.checkpoint(0, 256)).await;
    screen.sees(&other, 700).await;
    screen.accuses([&one.checkpoint(0, 256), &other.checkpoint(0, 700)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_closes_is_looked_at_at_once() {
    let poll = tree(300, "a");
    let screen = Screen::open(poll.clone(), 256).await;
    screen.keeps(&poll.checkpoint(0, 256)).await;
    screen.front.server.show(poll.clone(), Some(vec![300]));
    screen.browser.run("document.documentElement.dataset.same = 'yes'").await;
    screen.app.ledger.vote("tea", 0);
    screen.browser.shows("1 voter").await;
    screen.app.ledger.change("tea", &PollChange::Close);
    screen.keeps(&poll.checkpoint(0, 300)).await;
    assert_eq!(screen.browser.run("return document.documentElement.dataset.same").await, "yes", "the same page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_began_anew_is_told_and_accuses_nobody() {
    let poll = tree(300, "a");
    let screen = Screen::open(poll.clone(), 256).await;
    screen.keeps(&poll.checkpoint(0, 256)).await;
    let anew = PublishedPoll { generation: 1_790_000_000_000, ..tree(280, "a") };
    screen.sees(&anew, 256).await;
    screen.browser.shows("The tree of the ballots began anew after a loss on").await;
    assert_eq!(screen.browser.run("return document.querySelector('#trees aside')").await, Value::Null);
    // Both are followed from here on.
    let both = json!([poll.checkpoint(0, 256), anew.checkpoint(0, 256)]);
    wait::until_true("both to be kept", || async { screen.kept().await == both }).await;
}
