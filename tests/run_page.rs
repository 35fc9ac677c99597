//! The page from which an event is run, in real browsers on the real services: keys and buttons, two organisers at
//! once, a `vote` that is killed during a press, and no JavaScript.

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Driver, PHONE, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// The keys, as the DevTools protocol names them: key, code, number, and the text that one types.
const SPACE: [&str; 4] = [" ", "Space", "32", " "];
const RIGHT: [&str; 4] = ["ArrowRight", "ArrowRight", "39", ""];
const LEFT: [&str; 4] = ["ArrowLeft", "ArrowLeft", "37", ""];
const PAGE_DOWN: [&str; 4] = ["PageDown", "PageDown", "34", ""];
const PAGE_UP: [&str; 4] = ["PageUp", "PageUp", "33", ""];
const ENTER: [&str; 4] = ["Enter", "Enter", "13", "\r"];
const F: [&str; 4] = ["f", "KeyF", "70", "f"];
const R: [&str; 4] = ["r", "KeyR", "82", "r"];

struct Evening {
    services: Services,
    driver: Driver,
    _redis: RedisServer,
    _database: TestDatabase,
}

/// The services, and an event of three questions, of which the second has hidden votes.
async fn evening() -> Evening {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    for (id, results) in [("q1", "live"), ("q2", "hidden"), ("q3", "live")] {
        let question = format!("Question {id}?");
        let poll = json!({"id": id, "question": question, "options": ["Yes", "No"], "state": "waiting",
            "results": results});
        ask(&services, "POST", "/api/polls", poll).await;
    }
    let event = json!({"id": "evening", "title": "An evening", "polls": ["q1", "q2", "q3"]});
    ask(&services, "POST", "/api/events", event).await;
    Evening { services, driver: Driver::start().await, _redis: redis, _database: database }
}

async fn ask(services: &Services, method: &str, path: &str, body: Value) -> Value {
    let request = Client::new().request(method.parse().expect("a method"), format!("{}{path}", services.vote.url()));
    let answer = request.bearer_auth(ORGANISER_TOKEN).json(&body).send().await.expect("vote answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("JSON")
}

impl Evening {
    /// A browser on the run page, with the organiser signed in.
    async fn organiser(&self, setup: Setup) -> Organiser {
        let browser = self.driver.open(setup).await;
        let vote = self.services.vote.url();
        browser.goto(&format!("{vote}/organise/sign-in?token={ORGANISER_TOKEN}&to=/events/evening/run")).await;
        browser.find("#go").await;
        Organiser(browser)
    }

    async fn event(&self) -> Value {
        ask(&self.services, "GET", "/api/events/evening", json!({})).await
    }

    async fn version(&self) -> u64 {
        self.event().await["version"].as_u64().expect("a number")
    }

    async fn poll(&self, id: &str) -> Value {
        ask(&self.services, "GET", &format!("/api/polls/{id}"), json!({})).await
    }
}

struct Organiser(Browser);

impl Organiser {
    /// Waits until the large button says this, and can be pressed.
    async fn sees(&self, button: &str) {
        wait::until_true(&format!("the button {button:?}"), || async {
            self.button().await == json!([button, "false"])
        })
        .await;
    }

    /// What the large button says, and whether the page is busy.
    async fn button(&self) -> Value {
        let script = "const go = document.querySelector('#go span'); return go && \
            [go.textContent, document.getElementById('run').getAttribute('aria-busy') || 'false'];";
        self.0.run(script).await
    }

    /// Presses a key once.
    async fn key(&self, key: [&str; 4]) {
        self.down(key, false).await;
        self.up(key).await;
    }

    /// Holds a key down until the large button says this, and on, as long as it repeats.
    async fn hold(&self, key: [&str; 4], then: &str) {
        self.down(key, false).await;
        // The browser presses a button when Space comes up again.
        if key == SPACE && self.has_focus_on_the_button().await {
            self.down(key, true).await;
            self.up(key).await;
        }
        self.sees(then).await;
        for _ in 0..5 {
            self.down(key, true).await;
        }
        self.up(key).await;
    }

    async fn down(&self, [key, code, number, text]: [&str; 4], again: bool) {
        let number: u32 = number.parse().expect("a number");
        let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        let down = json!({"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text,
            "autoRepeat": again});
        self.0.devtools("Input.dispatchKeyEvent", down).await;
    }

    async fn up(&self, [key, code, number, _]: [&str; 4]) {
        let number: u32 = number.parse().expect("a number");
        let up = json!({"type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number});
        self.0.devtools("Input.dispatchKeyEvent", up).await;
    }

    /// Clicks the middle of what a CSS selector finds, as often as this within the time of a double click.
    async fn click(&self, css: &str, times: u32) {
        let script = format!(
            "const it = document.querySelector({css:?}); it.scrollIntoView({{block: 'center'}}); \
             const {{x, y, width, height}} = it.getBoundingClientRect(); return [x + width / 2, y + height / 2];"
        );
        let middle = self.0.run(&script).await;
        for count in 1..=times {
            for kind in ["mousePressed", "mouseReleased"] {
                let event = json!({"type": kind, "x": middle[0], "y": middle[1], "button": "left",
                    "clickCount": count});
                self.0.devtools("Input.dispatchMouseEvent", event).await;
            }
        }
    }

    async fn has_focus_on_the_button(&self) -> bool {
        self.0.run("return document.activeElement.id").await == "go"
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_of_a_clicker_takes_one_step_and_keeps_the_focus() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: (1280, 800), ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    assert!(ada.has_focus_on_the_button().await);
    let mut version = 1;
    for (key, focused, then) in [
        (SPACE, true, "Close question 1"),
        (RIGHT, true, "Next: open question 2"),
        (LEFT, true, "Close question 1"),
        (PAGE_DOWN, false, "Next: open question 2"),
        (SPACE, false, "Close question 2"),
        (PAGE_UP, false, "Next: open question 2"),
        (ENTER, true, "Close question 2"),
    ] {
        if !focused {
            ada.0.run("document.activeElement.blur()").await;
        }
        ada.hold(key, then).await;
        version += 1;
        assert_eq!((evening.version().await, then), (version, then));
        assert!(ada.has_focus_on_the_button().await, "{then}");
    }
    // F opens the projector's page in a tab of its own, and this one stays.
    ada.key(F).await;
    wait::until_true("the projector's tab", || async {
        ada.0.client().windows().await.is_ok_and(|windows| windows.len() == 2)
    })
    .await;
    ada.sees("Close question 2").await;
    // Space on another button presses that one, which keeps the focus.
    ada.0.run("document.querySelector('form[data-way=back] button').focus()").await;
    ada.key(SPACE).await;
    ada.sees("Next: open question 2").await;
    assert_eq!(evening.version().await, version + 1);
    assert_eq!(ada.0.run("return document.activeElement.closest('form').dataset.way").await, "back");
    assert_eq!(ada.0.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_nothing_where_they_belong_to_something_else_or_are_off() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: (1280, 800), ..Setup::default() }).await;
    // Space on a link scrolls, and a shortcut of the browser is its own.
    ada.0.run("document.getElementById('projector').focus()").await;
    ada.key(SPACE).await;
    let shortcut = json!({"type": "rawKeyDown", "key": "ArrowRight", "code": "ArrowRight", "modifiers": 1,
        "windowsVirtualKeyCode": 39});
    ada.0.devtools("Input.dispatchKeyEvent", shortcut).await;
    ada.click("#keys summary", 1).await;
    ada.click("#keys-on", 1).await;
    ada.0.run("document.activeElement.blur()").await;
    for key in [RIGHT, PAGE_DOWN, SPACE, R] {
        ada.key(key).await;
    }
    assert_eq!(ada.button().await, json!(["Open question 1", "false"]));
    assert_eq!(evening.version().await, 1);
    // The browser remembers it; switched on again they work.
    ada.0.goto(&format!("{}/events/evening/run", evening.services.vote.url())).await;
    assert_eq!(ada.0.run("return document.getElementById('keys-on').checked").await, false);
    ada.0.run("document.getElementById('keys-on').click(); document.activeElement.blur()").await;
    ada.key(RIGHT).await;
    ada.sees("Close question 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_one_step_and_r_shows_and_hides_votes() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: PHONE, ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    // However late its second half comes within the time of a double: here that time goes on until it is over.
    let slow = "const {setTimeout} = window; const waiting = []; \
        window.setTimeout = (then, ms, ...rest) => ms === 400 ? waiting.push(then) : setTimeout(then, ms, ...rest); \
        window.over = () => { window.setTimeout = setTimeout; waiting.forEach(then => then()); };";
    ada.0.run(slow).await;
    ada.click("#go", 1).await;
    wait::until_true("the step", || async { ada.button().await == json!(["Close question 1", "true"]) }).await;
    ada.click("#go", 2).await;
    ada.key(RIGHT).await;
    ada.0.run("over()").await;
    ada.sees("Close question 1").await;
    assert_eq!(evening.version().await, 2);
    ada.key(RIGHT).await;
    ada.sees("Next: open question 2").await;
    for (results, button) in [("hidden", "Reveal the result"), ("live", "Next: open question 2")] {
        ada.key(R).await;
        ada.sees(button).await;
        assert_eq!(evening.poll("q1").await["results"], results);
    }
    // Turnout and votes move, and what is accepted and not counted yet is told.
    ada.key(RIGHT).await;
    ada.sees("Close question 2").await;
    let ballots = format!("{}/api/polls/q2/ballots", evening.services.vote.url());
    for choice in ["a", "a", "b"] {
        let cast = Client::new().post(&ballots).json(&json!({"choices": [choice]})).send().await;
        assert_eq!(cast.expect("vote answers").status(), 201);
    }
    let numbers = "return ['voters', 'accepted', 'counted', 'lag'].map(id => document.getElementById(id).textContent)";
    wait::until_true("the numbers to move", || async { ada.0.run(numbers).await == json!(["3", "3", "3", "0"]) }).await;
    // The figures stay where only the state of the question changes.
    ada.0.run("document.getElementById('figures').sameAsBefore = true").await;
    ada.key(RIGHT).await;
    ada.sees("Reveal the result").await;
    assert_eq!(ada.0.run("return document.getElementById('figures').sameAsBefore").await, true);
    assert_eq!(ada.0.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_countdown_is_chosen_counts_down_and_closes_the_question() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: PHONE, ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    assert!(!ada.0.has(".countdown:not([hidden])").await);
    // Nobody waits for half a minute here.
    ada.0.run("document.querySelector('input[name=seconds][value=\"30\"]').value = 2").await;
    ada.click("input[name=seconds][value='2']", 1).await;
    assert!(ada.has_focus_on_the_button().await, "who chose with a pointer goes on with keys");
    ada.key(SPACE).await;
    ada.sees("Close question 1").await;
    ada.0.shows("Closes in 0:0").await;
    ada.sees("Next: open question 2").await;
    assert!(!ada.0.has(".countdown:not([hidden])").await);
    assert_eq!(evening.poll("q1").await["state"], "closed");
    // The choice of before stands there again, and is seen.
    ada.click("input[name=seconds][value='60']", 1).await;
    ada.key(PAGE_DOWN).await;
    ada.sees("Close question 2").await;
    ada.key(PAGE_DOWN).await;
    ada.sees("Reveal the result").await;
    ada.key(PAGE_DOWN).await;
    ada.sees("Next: open question 3").await;
    assert_eq!(ada.0.run("return document.querySelector('input[name=seconds]:checked').value").await, "60");
    assert_eq!(ada.0.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_run_pages_stay_in_step_and_a_press_on_both_is_one_step() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: (1280, 800), ..Setup::default() }).await;
    let ben = evening.organiser(Setup { size: PHONE, ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    ada.key(SPACE).await;
    ben.sees("Close question 1").await;
    assert!(ben.has_focus_on_the_button().await);
    ben.click("#go", 1).await;
    ada.sees("Next: open question 2").await;
    // What the organiser does elsewhere is seen too.
    ask(&evening.services, "POST", "/api/polls/q1/open", json!({})).await;
    ada.sees("Close question 1").await;
    ben.sees("Close question 1").await;

    // Ben presses just as his page changes: that was meant for what the button said before.
    let late = "new MutationObserver((_, seen) => { seen.disconnect(); document.getElementById('go').click(); }) \
        .observe(document.getElementById('run').parentNode, {childList: true});";
    ben.0.run(late).await;
    ada.key(SPACE).await;
    ada.sees("Next: open question 2").await;
    ben.sees("Next: open question 2").await;
    assert_eq!(evening.poll("q2").await["state"], "waiting");
    ask(&evening.services, "POST", "/api/polls/q1/open", json!({})).await;
    ada.sees("Close question 1").await;
    ben.sees("Close question 1").await;

    // Ben's page hears nothing of Ada's press, and he presses what it still shows.
    let deaf = "const {fetch} = window; window.fetch = (address, ...rest) => \
        String(address).endsWith('/now') ? new Promise(() => {}) : fetch(address, ...rest);";
    ben.0.run(deaf).await;
    ada.key(SPACE).await;
    ada.sees("Next: open question 2").await;
    let version = evening.version().await;
    assert_eq!(ben.button().await, json!(["Close question 1", "false"]));
    ben.click("#go", 1).await;
    ben.sees("Next: open question 2").await;
    assert_eq!((evening.version().await, &evening.poll("q2").await["state"]), (version, &json!("waiting")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_during_which_vote_is_killed_is_told_and_can_be_pressed_again() {
    let mut evening = evening().await;
    let ada = evening.organiser(Setup { size: PHONE, ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    evening.services.vote.program.signal("STOP");
    ada.key(SPACE).await;
    ada.0.find("#go[aria-disabled=true]").await;
    evening.services.vote.program.kill();
    ada.0.shows("Press again: it is taken only once.").await;
    assert!(ada.has_focus_on_the_button().await);
    evening.services.vote.program.start_again();
    evening.services.vote.ready().await;
    ada.sees("Open question 1").await;
    ada.key(SPACE).await;
    ada.sees("Close question 1").await;
    assert!(!ada.0.has("#trouble:not([hidden])").await);
    assert_eq!(evening.event().await["on"], json!({"poll": "q1", "state": "open", "results": "live"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_reaches_no_server_says_so_until_it_does_again() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: PHONE, ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    evening.services.vote.program.signal("STOP");
    ada.0.shows("This page can’t reach the server at the moment.").await;
    evening.services.vote.program.signal("CONT");
    wait::until_true("nothing to be wrong", || async { ada.0.has("#trouble[hidden]").await }).await;
    ada.key(SPACE).await;
    ada.sees("Close question 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_slept_is_right_once_it_wakes_and_tells_of_a_session_s_end() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: PHONE, ..Setup::default() }).await;
    ada.sees("Open question 1").await;
    // Waking alone makes it look; and a look that was under way when the machine fell asleep never ends.
    let no_timer = json!({"source": "window.setInterval = () => 0;"});
    ada.0.devtools("Page.addScriptToEvaluateOnNewDocument", no_timer).await;
    ada.0.goto(&format!("{}/events/evening/run", evening.services.vote.url())).await;
    ada.sees("Open question 1").await;
    let asleep = "const {fetch} = window; window.awake = () => { window.fetch = fetch; }; \
        window.fetch = () => new Promise(() => {});";
    ada.0.run(asleep).await;
    ask(&evening.services, "POST", "/api/events/evening/next", json!({})).await;
    ada.0.run("window.awake(); window.dispatchEvent(new Event('pageshow'))").await;
    ada.sees("Close question 1").await;

    ada.0.client().delete_all_cookies().await.expect("cookies can be deleted");
    ada.0.run("window.dispatchEvent(new Event('online'))").await;
    ada.0.shows("Your session has ended.").await;
    ada.key(SPACE).await;
    ada.sees("Close question 1").await;
    ada.0.shows("Your session has ended.").await;
    assert_eq!(evening.event().await["on"]["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_is_run_without_javascript() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { javascript: false, ..Setup::default() }).await;
    for then in ["Close question 1", "Next: open question 2", "Close question 2", "Reveal the result"] {
        ada.0.click("#go").await;
        ada.0.shows(then).await;
    }
    ada.0.shows("Without JavaScript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_event_leads_to_the_projector_and_to_what_it_came_to() {
    let evening = evening().await;
    let ada = evening.organiser(Setup { size: (1280, 800), ..Setup::default() }).await;
    ada.key(PAGE_DOWN).await;
    ada.sees("Close question 1").await;
    let (vote, result) = (evening.services.vote.url(), evening.services.result.url());
    for (path, lands) in [("projector", "/e/evening"), ("export/print", "/e/evening/print")] {
        // What was not counted yet is not there yet.
        wait::until_true(path, || async {
            ada.0.goto(&format!("{vote}/events/evening/{path}")).await;
            ada.0.text().await.contains("Question q1?")
        })
        .await;
        let at = ada.0.run("return location.origin + location.pathname").await;
        assert_eq!(at, json!(format!("{result}{lands}")), "{path}");
    }
    let cookie = ada.0.client().get_all_cookies().await.expect("cookies can be read");
    let cookie = cookie.iter().find(|cookie| cookie.name().contains("organiser")).expect("the session's");
    let files = Client::new().get(format!("{vote}/events/evening/export/tallies.json"));
    let saved = files.header("cookie", format!("{}={}", cookie.name(), cookie.value())).send().await;
    let saved: Value = saved.expect("an answer").json().await.expect("JSON");
    assert_eq!((&saved["title"], &saved["polls"][0]["question"]), (&json!("An evening"), &json!("Question q1?")));
}
