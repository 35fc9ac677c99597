//! The live page from the last row of the room: letters that are large enough, nothing covered, patterns beside
//! colours.

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    browser::{Driver, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

async fn poll(services: &Services, id: &str, question: &str, options: usize) {
    let options: Vec<String> = (1..=options).map(|number| format!("An answer, number {number}")).collect();
    let spec = json!({"id": id, "question": question, "options": options});
    let url = format!("{}/api/polls", services.vote.url());
    let created = Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(&spec).send().await;
    assert_eq!(created.expect("vote answers").status(), 201, "{spec}");
    let result = services.result.url();
    wait::until(&format!("{id} at the result host"), || testkit::tallies::tally(&result, id)).await;
}

/// The smallest letters of question, options, shares and join link, in parts of the screen's height; and what is not
/// wholly on the screen or covered by something else.
const MEASURED: &str = "\
    const seen = it => { const {left, top, bottom} = it.getBoundingClientRect(); \
        const over = document.elementFromPoint(left + 2, (top + bottom) / 2); \
        return top >= 0 && bottom <= innerHeight && (it.contains(over) || over?.contains(it)); }; \
    const all = [...document.querySelectorAll('.question, .bars tbody th, .bars .share, .join a, #turnout')]; \
    const sizes = all.map(it => parseFloat(getComputedStyle(it).fontSize) / innerHeight); \
    return {count: all.length, smallest: Math.min(...sizes), \
      hidden: all.filter(it => !seen(it)).map(it => it.textContent)};";

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_large_enough_for_the_last_row_and_nothing_is_covered() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    poll(&services, "two", "Which?", 2).await;
    poll(&services, "four", "Which of the four?", 4).await;
    poll(&services, "many", "Which of them all?", 26).await;
    poll(&services, "long", &"Why, and how much? ".repeat(26), 4).await;
    poll(&services, "largest", &"Why, and how much? ".repeat(26), 26).await;
    let driver = Driver::start().await;
    // A letter of 2.5 % of the height is read from eight times the screen's height away; with 26 options it is less.
    let polls = [("two", 0.025), ("four", 0.025), ("many", 0.019), ("long", 0.024), ("largest", 0.018)];
    for size in [PROJECTOR, (3840, 2160), (1280, 720)] {
        let browser = driver.open(Setup { size, ..Setup::default() }).await;
        for (id, at_least) in polls {
            browser.goto(&format!("{}/p/{id}", services.result.url())).await;
            let measured = browser.run(MEASURED).await;
            assert!(measured["count"].as_u64() >= Some(7), "{id}: {measured}");
            assert!(measured["smallest"].as_f64() >= Some(at_least), "{id} at {size:?}: {measured}");
            assert_eq!(measured["hidden"], json!([]), "{id} at {size:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_have_patterns_beside_colours_and_keep_their_order() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    poll(&services, "six", "Which?", 6).await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    browser.goto(&format!("{}/p/six", services.result.url())).await;
    browser.find("[data-kind=live]").await;
    let looks = "return [...document.querySelectorAll('tr[data-key]')].map(row => [...row.querySelectorAll('rect')] \
        .map(rect => getComputedStyle(rect).fill).join(' '))";
    let looks: Vec<String> = serde_json::from_value(browser.run(looks).await).expect("fills");
    let pattern = |look: &String| look.split_once("url(").map(|(_, name)| name.to_owned());
    let mut patterns: Vec<_> = looks.iter().map(pattern).collect();
    patterns.sort();
    patterns.dedup();
    assert_eq!(patterns.len(), 6, "each of six bars has its own pattern, one of them none: {looks:?}");

    let cast = Client::new().post(format!("{}/api/polls/six/ballots", services.vote.url()));
    let cast = cast.json(&json!({"choices": ["f"]})).send().await.expect("vote answers");
    assert_eq!(cast.status(), 201);
    browser.shows("100%").await;
    let order = "return [...document.querySelectorAll('tr[data-key]')].sort((one, other) => \
        one.getBoundingClientRect().top - other.getBoundingClientRect().top).map(row => row.dataset.key).join('')";
    assert_eq!(browser.run(order).await, Value::from("abcdef"), "the leader does not jump to the top");
}

/// What is cut off inside of its own box, and what is not wholly on the screen or lies under something else.
const CLIPPED: &str = "\
    const what = '.question, .bars tbody th, .bars .share, .bars .bar, #turnout, .join a'; \
    const all = [...document.querySelectorAll(what)]; \
    const cut = it => it.matches('th, .question') \
        && (it.scrollHeight > it.clientHeight + 1 || it.scrollWidth > it.clientWidth + 1); \
    const seen = it => { const {left, top, bottom} = it.getBoundingClientRect(); \
        const over = document.elementFromPoint(left + 2, (top + bottom) / 2); \
        return top >= 0 && bottom <= innerHeight && bottom > top && it.contains(over); }; \
    return {bars: document.querySelectorAll('.bars .bar').length, \
        scrolls: document.documentElement.scrollHeight > innerHeight, \
        cut: all.filter(cut).map(it => it.textContent), \
        hidden: all.filter(it => !seen(it)).map(it => it.textContent)};";

async fn poll_of(services: &Services, id: &str, question: &str, options: &[String]) {
    let spec = json!({"id": id, "question": question, "options": options});
    let url = format!("{}/api/polls", services.vote.url());
    let created = Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(&spec).send().await;
    assert_eq!(created.expect("vote answers").status(), 201, "{spec}");
    let result = services.result.url();
    wait::until(&format!("{id} at the result host"), || testkit::tallies::tally(&result, id)).await;
}

/// So many different texts of so many letters.
fn texts(count: usize, letters: usize, of: &str) -> Vec<String> {
    (1..=count).map(|number| format!("{number} {}", of.repeat(letters)).chars().take(letters).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_are_shrunk_to_fit_and_never_clipped() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let words = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz";
    for (id, options) in [
        ("three", texts(3, 200, "an answer that goes on and on, ")),
        ("six", texts(6, 120, "an answer that goes on and on, ")),
        ("twelve", texts(12, 80, "an answer that goes on and on, ")),
        ("words", texts(12, 70, words)),
        ("crowd", texts(26, 80, "an answer that goes on and on, ")),
    ] {
        poll_of(&services, id, "Which of these answers is the one that we all want?", &options).await;
    }
    let driver = Driver::start().await;
    for size in [(1280, 720), (1024, 768), PROJECTOR] {
        for language in ["en", "de"] {
            let browser = driver.open(Setup { size, language, ..Setup::default() }).await;
            for (id, bars) in [("three", 3), ("six", 6), ("twelve", 12), ("words", 12), ("crowd", 26)] {
                browser.goto(&format!("{}/p/{id}", services.result.url())).await;
                browser.find("[data-kind=live]").await;
                let clipped = browser.run(CLIPPED).await;
                let fits = json!({"bars": bars, "scrolls": false, "cut": [], "hidden": []});
                assert_eq!(clipped, fits, "{id} at {size:?} in {language}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_fit_is_scrolled_to_and_without_scripts_too() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let options = texts(26, 200, "an answer that goes on and on, ");
    poll_of(&services, "largest", &"Why, and how much? ".repeat(26), &options).await;
    let driver = Driver::start().await;
    for javascript in [true, false] {
        let browser = driver.open(Setup { size: (1280, 720), javascript, ..Setup::default() }).await;
        browser.goto(&format!("{}/p/largest", services.result.url())).await;
        // Scripts of WebDriver run all the same.
        let clipped = browser.run(CLIPPED).await;
        assert_eq!((&clipped["cut"], &clipped["scrolls"]), (&json!([]), &json!(true)), "{javascript}");
        browser.run("scrollTo(0, document.documentElement.scrollHeight)").await;
        let last = "const bars = [...document.querySelectorAll('.bars .bar')]; \
            const below = document.querySelector('.below').getBoundingClientRect().top; \
            return bars.every(bar => bar.getBoundingClientRect().bottom <= below)";
        assert_eq!(browser.run(last).await, true, "{javascript}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_covers_the_screen_on_a_click_or_a_key_and_goes_away() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup { size: (1280, 720), ..Setup::default() }).await;
    browser.goto(&services.result.url()).await;
    browser.find("[data-kind=live]").await;
    let open = "const large = document.getElementById('join-large'); \
        const {width, height} = large.querySelector('.qr')?.getBoundingClientRect() ?? {width: 0, height: 0}; \
        return !large.hidden && width >= 500 && width === height";
    let focused = "return document.activeElement.className || document.activeElement.localName";
    let press = async |key: &str| {
        let event = format!("dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))");
        browser.run(&format!("document.activeElement.{event}")).await;
    };

    browser.click(".enlarge").await;
    assert_eq!(browser.run(open).await, true, "by a click");
    assert_eq!(browser.run("return document.activeElement.closest('#join-large') !== null").await, true);
    let address = browser.run("return document.querySelector('#join-large .address').textContent").await;
    assert_eq!(address, json!(services.vote.url().trim_start_matches("http://")));
    press("Escape").await;
    assert_eq!(browser.run(open).await, false, "closed by Escape");
    assert_eq!(browser.run(focused).await, "enlarge", "the keyboard is back where it was");
    press("q").await;
    assert_eq!(browser.run(open).await, true, "by the key");
    browser.click("#join-large").await;
    assert_eq!(browser.run(open).await, false, "closed by a click");
    browser.click("#full-screen input").await;
    press("q").await;
    assert_eq!(browser.run(open).await, false, "the key can be switched off");
    assert_eq!(browser.complaints().await, [""; 0]);
}
