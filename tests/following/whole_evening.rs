//! A whole evening in real browsers: an organiser on a phone and a second one on a laptop, the projector, and three
//! voters: one without JavaScript, one whose WebSockets are blocked, one whose phone sleeps and wakes.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    tallies, wait,
};

use crate::{NO_SOCKET, SLEEPY};

/// The questions: id, text, and what is ticked in the form.
const QUESTIONS: [(&str, &str, Option<&str>); 5] = [
    ("warm-up", "Are you well?", None),
    ("guess", "How many of us are here?", Some("input[name=results][value=hidden]")),
    ("motion", "Shall the motion be carried?", None),
    ("clock", "Who answers in time?", None),
    ("end", "Shall we meet again?", None),
];

/// The services, and all who are there.
struct Hall {
    services: Services,
    organiser: Browser,
    laptop: Browser,
    screen: Browser,
    plain: Browser,
    blocked: Browser,
    sleeper: Browser,
}

async fn sign_in(browser: &Browser, vote: &str, to: &str) {
    browser.goto(&format!("{vote}/organise/sign-in?token={ORGANISER_TOKEN}&to={to}")).await;
}

/// Makes the event with the organiser's pages.
async fn make_event(browser: &Browser, vote: &str) {
    sign_in(browser, vote, "/events").await;
    browser.type_into("#title", "The evening of all members").await;
    browser.type_into("#id", "evening").await;
    browser.submit("form[action='/events'] button").await;
    for (id, question, tick) in QUESTIONS {
        browser.click("details:has(#question) summary").await;
        browser.type_into("#question", question).await;
        browser.type_into("#options", "Yes\nNo\nPerhaps").await;
        browser.type_into("details[open] #id", id).await;
        if let Some(tick) = tick {
            browser.click(tick).await;
        }
        browser.submit("form[action$='/new-poll'] button").await;
        browser.shows(question).await;
    }
}

impl Hall {
    async fn open(services: Services, driver: &Driver) -> Self {
        let (vote, result) = (services.vote.url(), services.result.url());
        let organiser = driver.open(Setup { size: PHONE, ..Setup::default() }).await;
        make_event(&organiser, &vote).await;
        organiser.goto(&format!("{vote}/events/evening/run")).await;
        let laptop = driver.open(Setup { size: (1280, 800), dark: true, ..Setup::default() }).await;
        sign_in(&laptop, &vote, "/events/evening/run").await;
        let screen = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
        screen.goto(&format!("{result}/e/evening")).await;
        let plain = driver.open(Setup { javascript: false, language: "fr", ..Setup::default() }).await;
        let (blocked, sleeper) = (driver.open(Setup::default()).await, driver.open(Setup::default()).await);
        for (browser, source) in [(&blocked, NO_SOCKET), (&sleeper, SLEEPY)] {
            browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
        }
        for browser in [&plain, &blocked, &sleeper] {
            browser.goto(&format!("{vote}/e/evening")).await;
        }
        Self { services, organiser, laptop, screen, plain, blocked, sleeper }
    }

    /// Presses the large button on the phone, and waits until both run pages say what it does next.
    async fn press(&self, next: &str) {
        self.organiser.click("#go").await;
        self.next_is(next).await;
    }

    async fn next_is(&self, next: &str) {
        for browser in [&self.organiser, &self.laptop] {
            let says = "const go = document.querySelector('#go span'); \
                return go ? go.textContent : document.querySelector('#run').textContent";
            wait::until_true(&format!("a button that says {next}"), || async {
                let idle = "return document.getElementById('run').getAttribute('aria-busy') !== 'true'";
                let text = browser.run(says).await;
                text.as_str().is_some_and(|text| text.contains(next)) && browser.run(idle).await == true
            })
            .await;
        }
    }

    /// Waits until the projector and the voters have this question; who has no JavaScript looks again.
    async fn all_see(&self, question: &str) {
        for browser in [&self.screen, &self.blocked, &self.sleeper] {
            browser.shows(question).await;
        }
        self.plain.click("#again a").await;
        self.plain.shows(question).await;
    }

    async fn vote(&self, choices: [&str; 3]) {
        for (browser, choice) in [&self.plain, &self.blocked, &self.sleeper].into_iter().zip(choices) {
            browser.click(&format!("input[value={choice}]")).await;
            browser.click("main form button").await;
            browser.find(".recorded").await;
        }
    }

    /// Waits until the run page has these voters, all of them counted.
    async fn turnout(&self, voters: &str) {
        let script = "return ['voters', 'lag'].map(id => document.getElementById(id).textContent.trim()).join()";
        wait::until_true(&format!("{voters} voters and no lag on the run page"), || async {
            self.organiser.run(script).await.as_str() == Some(&format!("{voters},0"))
        })
        .await;
    }

    async fn event(&self) -> Value {
        let url = format!("{}/api/events/evening", self.services.vote.url());
        let answer = reqwest::Client::new().get(url).bearer_auth(ORGANISER_TOKEN).send().await.expect("vote answers");
        answer.json().await.expect("JSON")
    }
}

/// Presses the large button if it says this at that moment. A click by the driver comes some time after a look, when
/// the button may have become another.
async fn press_where_it_says(browser: &Browser, text: &str) {
    let script =
        format!("const go = document.querySelector('#go'); if (go && go.textContent.includes('{text}')) go.click();");
    browser.run(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_of_five_questions_from_the_first_to_the_print() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let mut hall = Hall::open(services, &driver).await;

    // Before the first question: the screen shows where to vote, the voters that they are right here.
    hall.screen.shows("/e/evening").await;
    hall.sleeper.shows("Look at the speaker").await;
    hall.plain.shows("Regardez devant vous").await;

    // 1. Opened by both organisers in the same moment: one step.
    hall.next_is("Open question 1").await;
    let pressed = "Open question 1";
    tokio::join!(press_where_it_says(&hall.organiser, pressed), press_where_it_says(&hall.laptop, pressed));
    hall.next_is("Close question 1").await;
    hall.all_see("Are you well?").await;
    hall.vote(["a", "a", "b"]).await;
    hall.turnout("3").await;
    hall.screen.shows("3 voters").await;
    hall.press("Next: open question 2").await;

    // 2. Hidden: the screen shows no bars until they are revealed.
    hall.press("Close question 2").await;
    hall.all_see("How many of us are here?").await;
    hall.vote(["a", "b", "c"]).await;
    hall.turnout("3").await;
    assert!(!hall.screen.has("tr[data-key]").await, "no bar while the result is hidden");
    hall.press("Reveal the result").await;
    hall.press("Next: open question 3").await;
    hall.screen.find("tr[data-key=c]").await;

    // 3. `vote` is killed during the press; the organiser presses again when it is back.
    hall.services.vote.program.kill();
    hall.organiser.click("#go").await;
    hall.organiser.find("#trouble:not([hidden])").await;
    hall.services.vote.program.start_again();
    hall.services.vote.ready().await;
    // However often the button is pressed until it says something else, it is one step.
    wait::until_true("question 3 to be open", || async {
        press_where_it_says(&hall.organiser, "open question 3").await;
        let event = hall.event().await;
        event["on"]["poll"] == "motion" && event["on"]["state"] == "open"
    })
    .await;
    hall.next_is("Close question 3").await;
    hall.all_see("Shall the motion be carried?").await;
    hall.vote(["b", "b", "b"]).await;
    // A ballot that is ticked and not sent is not lost without a word.
    hall.sleeper.click("input[value=c]").await;
    hall.press("Next: open question 4").await;
    hall.sleeper.shows("what you had chosen was not sent").await;

    // 4. With a countdown, which one voter misses in their sleep. It closes by itself, on every page.
    hall.sleeper.run("deafen()").await;
    hall.organiser.click("input[name=seconds][value='30']").await;
    hall.press("Close question 4").await;
    hall.screen.shows("Who answers in time?").await;
    for browser in [&hall.organiser, &hall.screen, &hall.blocked] {
        browser.find(".countdown:not([hidden])").await;
    }
    hall.blocked.shows("Who answers in time?").await;
    hall.blocked.click("input[value=a]").await;
    hall.blocked.click("main form button").await;
    hall.blocked.find(".recorded").await;
    hall.next_is("Next: open question 5").await;
    hall.sleeper.run("sleepFor(60000)").await;
    for browser in [&hall.blocked, &hall.sleeper] {
        browser.shows("This poll is closed").await;
    }
    hall.plain.click("#again a").await;
    hall.plain.shows("Ce scrutin est clos").await;

    // 5. And the end.
    hall.press("Close question 5").await;
    hall.all_see("Shall we meet again?").await;
    hall.vote(["a", "a", "a"]).await;
    hall.turnout("3").await;
    hall.press("End the event").await;
    hall.press("No question follows").await;
    for browser in [&hall.blocked, &hall.sleeper] {
        browser.shows("That was the last question").await;
    }
    after(&hall).await;
    for (name, browser) in [("organiser", &hall.organiser), ("screen", &hall.screen), ("sleeper", &hall.sleeper)] {
        let complaints = browser.complaints().await;
        let complaints: Vec<_> = complaints.iter().filter(|line| !line.contains("net::ERR_CONNECTION")).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
    }
}

/// What is left of the evening: each question with its votes.
async fn after(hall: &Hall) {
    for (poll, votes) in [("warm-up", 3), ("guess", 3), ("motion", 3), ("clock", 1), ("end", 3)] {
        let tally = tallies::tally(&hall.services.result.url(), poll).await.expect("a tally");
        assert_eq!((&tally["voters"], &tally["final"]), (&json!(votes), &json!(true)), "{poll}: {tally}");
    }
    let directory = tempfile::tempdir().expect("a directory for what is saved");
    hall.organiser.goto(&format!("{}/events/evening", hall.services.vote.url())).await;
    let csv = saved(&hall.organiser, directory.path(), "tallies.csv").await;
    assert_eq!(csv.lines().count(), 1 + 5 * 3, "{csv}");
    for (_, question, _) in QUESTIONS {
        assert!(csv.contains(question), "{question}: {csv}");
    }
}

/// Clicks the link to a file, and gives what the browser saved.
async fn saved(browser: &Browser, directory: &Path, file: &str) -> String {
    let behavior = json!({"behavior": "allow", "downloadPath": directory});
    browser.devtools("Browser.setDownloadBehavior", behavior).await;
    browser.click(&format!("a[href$='/export/{file}']")).await;
    wait::until(file, || async {
        let entry = std::fs::read_dir(directory)
            .ok()?
            .flatten()
            .find(|entry| entry.path().extension().is_some_and(|extension| extension == "csv"))?;
        std::fs::read_to_string(entry.path()).ok().filter(|text| !text.is_empty())
    })
    .await
}
