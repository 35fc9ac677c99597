//! The page that recounts, as its tests open it: a poll, the service that shows its votes, and what the page says.

use domain::{PollChange, PollId, PollSpec};
use serde_json::{Value, json};
use testkit::{browser::Browser, published_poll::PublishedPoll, wait};

use super::{App, spawn_app};

pub(crate) const GOOD: &str = "Everything that was checked holds.";
pub(crate) const BAD: &str = "Something does not hold. The list says what and where.";
pub(crate) const OPEN: &str = "What was checked holds, but not everything could be checked here.";

/// 300 voters in three partitions, of whom some changed their votes.
pub(crate) fn publication() -> PublishedPoll {
    let first = (0..300).map(|voter| (voter, ["a", "b", "ac"][usize::try_from(voter % 3).unwrap()]));
    PublishedPoll::of(3, first.chain((0..40).map(|voter| (voter, "c"))))
}

/// The service, which shows these votes of the poll `tea` as published.
pub(crate) async fn showing(publication: &PublishedPoll) -> App {
    let app = spawn_app().await;
    let spec = PollSpec { publish: true, ..PollSpec::simple("Tea?", ["Yes", "No", "Later"]) };
    app.ledger.create("tea", PollSpec { max_choices: 2, ..spec });
    for (option, votes) in publication.votes().into_iter().enumerate() {
        app.ledger.vote_many("tea", option, votes);
    }
    app.ledger.change("tea", &PollChange::Close);
    app.ledger.change("tea", &PollChange::Publish);
    app
}

pub(crate) async fn verdict(browser: &Browser, text: &str) {
    wait::until_true(&format!("the verdict {text:?}"), || async {
        let said = browser.run("return document.querySelector('#verdict p').textContent").await;
        let done = [GOOD, BAD, "What was checked holds"].iter().any(|end| said.as_str().unwrap_or("").starts_with(end));
        assert!(!done || said == text, "{said}: {:?}", browser.text().await);
        said == text
    })
    .await;
}

/// The names of the checks that have come out so.
pub(crate) async fn checks(browser: &Browser, kind: &str) -> Value {
    let script = "return [...document.querySelectorAll('[data-check]')] \
        .filter((item) => item.querySelector('strong.KIND')).map((item) => item.dataset.check)";
    browser.run(&script.replace("KIND", kind)).await
}

/// Hands over a proof or a promise, on the page that is open.
pub(crate) async fn look_for(browser: &Browser, given: &str) {
    browser.run(&format!("document.getElementById('proof').value = {}", json!(given))).await;
    browser.click("#find").await;
}

/// The same ballots, in another round.
pub(crate) fn next_round(poll: &PublishedPoll) -> PublishedPoll {
    let mut next = poll.clone();
    next.round.round += 1;
    next
}

/// The same ballots, in another poll.
pub(crate) fn of_another_poll(poll: &PublishedPoll) -> PublishedPoll {
    let mut other = poll.clone();
    other.round.poll = PollId::parse("lunch").unwrap();
    other
}
