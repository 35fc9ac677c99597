//! The voting page under people's hands: keys, fingers, assistive technology, colours of the system, and their own way
//! to write dates and numbers.

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// Keys, as WebDriver names them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";
const SPACE: &str = " ";

async fn poll(services: &Services, spec: Value) {
    let url = format!("{}/api/polls", services.vote.url());
    let created = Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(&spec).send().await;
    assert_eq!(created.expect("vote answers").status(), 201, "{spec}");
}

/// Presses a key, wherever the focus is.
async fn press(browser: &Browser, key: &str) {
    let focused = browser.client().active_element().await.expect("something has the focus");
    focused.send_keys(key).await.expect("a key can be pressed");
}

/// What a script says of the element that has the focus.
async fn focused(browser: &Browser, what: &str) -> Value {
    browser.run(&format!("return document.activeElement.{what}")).await
}

/// Goes on with the tab key until this has the focus.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..12 {
        press(browser, TAB).await;
        if focused(browser, &format!("matches('{css}')")).await == true {
            let outline = browser.run(
                "const it = document.activeElement; const seen = it.closest('label') ?? it; \
                return getComputedStyle(seen).outlineStyle",
            );
            assert_eq!(outline.await, "solid", "it is seen where the focus is: {css}");
            return;
        }
    }
    panic!("the tab key does not come to {css}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_is_cast_and_changed_by_keyboard_and_is_announced() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    poll(&services, json!({"id": "talks", "question": "Which?", "options": ["Bees", "Bridges", "Weather"]})).await;
    poll(&services, json!({"id": "shelf", "question": "Which two?", "options": ["x", "y", "z"], "max_choices": 2}))
        .await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    let vote = services.vote.url();

    // Two options: two buttons.
    browser.goto(&vote).await;
    press(&browser, TAB).await;
    assert_eq!(focused(&browser, "className").await, "skip", "the first is the way past everything");
    tab_to(&browser, "button[value=b]").await;
    press(&browser, ENTER).await;
    browser.find("button[value=b].mine").await;
    assert_eq!(focused(&browser, "id").await, "news", "what happened has the focus");
    assert_eq!(focused(&browser, "getAttribute(\"role\")").await, "status", "and is read out");
    tab_to(&browser, "button[value=a]").await;
    press(&browser, ENTER).await;
    browser.find("button[value=a].mine").await;

    // More: one group, in which the arrows choose.
    browser.goto(&format!("{vote}/p/talks")).await;
    tab_to(&browser, "input[type=radio]").await;
    press(&browser, DOWN).await;
    assert_eq!(focused(&browser, "value").await, "b");
    tab_to(&browser, "form button").await;
    press(&browser, ENTER).await;
    browser.shows("You chose Bridges").await;
    // What changes by itself can be folded away.
    browser.find("section.live:not([hidden]) details[open]").await;
    tab_to(&browser, ".live summary").await;
    press(&browser, ENTER).await;
    browser.find(".live details:not([open])").await;

    // Several: the space bar ticks.
    browser.goto(&format!("{vote}/p/shelf")).await;
    tab_to(&browser, "input[value=a]").await;
    press(&browser, SPACE).await;
    tab_to(&browser, "input[value=c]").await;
    press(&browser, SPACE).await;
    browser.shows("2 of 2 chosen").await;
    press(&browser, ENTER).await;
    browser.shows("You chose x, z").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_there_is_one_column_of_targets_that_a_thumb_hits() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let options: Vec<String> = (1..=26).map(|number| format!("Option {number}")).collect();
    poll(&services, json!({"id": "many", "question": "Which?", "options": options})).await;
    poll(&services, json!({"id": "codes", "question": "Who?", "options": ["x", "y"], "access": "codes"})).await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup { size: PHONE, ..Setup::default() }).await;
    for (path, at_least) in [("/", 2), ("/p/many", 27), ("/p/codes", 4)] {
        browser.goto(&format!("{}{path}", services.vote.url())).await;
        // The labels are what is tapped; the smallest that the guides of both phone makers ask for is 44 to 48 pixels.
        let script = "return [...document \
            .querySelectorAll('form button, form label.choice, form input[type=text], #code')] \
            .map(it => it.getBoundingClientRect()).map(({left, width, height}) => [left, width, height])";
        let targets = browser.run(script).await;
        let targets: Vec<[f64; 3]> = serde_json::from_value(targets).expect("places and sizes");
        assert!(targets.len() >= at_least, "{path}: {targets:?}");
        for [left, width, height] in &targets {
            assert!(*height >= 48.0 && *width >= 300.0, "{path}: {width} × {height}");
            assert!((left - targets[0][0]).abs() < 1.0, "{path}: one below the other, not at {left}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_numbers_are_written_as_the_language_has_them() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let url = format!("{}/api/polls/main/ballots", services.vote.url());
    let cast = Client::new().post(url).json(&json!({"choices": ["a"]})).send().await.expect("vote answers");
    let cast: Value = cast.json().await.expect("JSON");
    let receipt = cast["receipt"].as_str().expect("a receipt");
    let driver = Driver::start().await;
    let shares = [("en", "100%"), ("de", "100\u{a0}%"), ("es", "100\u{a0}%"), ("fr", "100\u{a0}%"), ("it", "100%")];
    for (language, share) in shares {
        let browser = driver.open(Setup { size: PROJECTOR, language, ..Setup::default() }).await;
        browser.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": "Pacific/Kiritimati"})).await;
        browser.goto(&format!("{}/p/main/receipts/{receipt}", services.result.url())).await;
        // It is another day there than in UTC for most of the time.
        let script = "return new Intl.DateTimeFormat(document.documentElement.lang, \
            {dateStyle: 'long', timeStyle: 'medium'}).format(new Date(document.querySelector('time').dateTime))";
        let date = browser.run(script).await;
        browser.shows(date.as_str().expect("a date in words")).await;
        browser.goto(&services.result.url()).await;
        // WebDriver's own text has plain spaces for those that break no line.
        let shown = || async {
            browser.run("return document.body.textContent").await.as_str().is_some_and(|text| text.contains(share))
        };
        wait::until_true(&format!("{share:?} on the page in {language}"), shown).await;
    }
}

/// Role and name of everything that the browser gives to assistive technology, such as a screen reader.
async fn given(browser: &Browser) -> Vec<(String, String)> {
    let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().expect("a tree").iter().filter(|node| node["ignored"] == false);
    let text = |node: &Value, of: &str| node[of]["value"].as_str().unwrap_or_default().to_owned();
    nodes.map(|node| (text(node, "role"), text(node, "name"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn assistive_technology_is_given_the_ballot_and_the_result_in_words() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    poll(&services, json!({"id": "talks", "question": "Which?", "options": ["Bees", "Bridges", "Weather"]})).await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup::default()).await;
    let has = |tree: &[(String, String)], role: &str, name: &str| {
        assert!(
            tree.iter().any(|(its_role, its_name)| its_role == role && its_name == name),
            "{role} {name}: {tree:#?}"
        );
    };

    browser.goto(&format!("{}/p/talks", services.vote.url())).await;
    let ballot = given(&browser).await;
    for (role, name) in [
        ("heading", "Which?"),
        ("form", "Which?"),
        ("group", "Choose one option."),
        ("radio", "Bees"),
        ("radio", "Bridges"),
        ("button", "Vote"),
        ("navigation", "Language"),
    ] {
        has(&ballot, role, name);
    }

    browser.click("input[value=b]").await;
    browser.click("form button").await;
    browser.find("section.live:not([hidden]) .share:not(:empty)").await;
    let recorded = given(&browser).await;
    assert!(recorded.iter().any(|(role, _)| role == "status"), "{recorded:#?}");
    for (role, name) in [
        ("StaticText", "Your vote is recorded"),
        ("region", "The result so far"),
        ("rowheader", "Bridges"),
        ("columnheader", "Share"),
        ("cell", "100%"),
        ("radio", "Bridges ✓ Your vote"),
    ] {
        has(&recorded, role, name);
    }

    browser.goto(&format!("{}/p/talks", services.result.url())).await;
    browser.find("[data-kind=live]").await;
    let result = given(&browser).await;
    for (role, name) in [
        ("heading", "Which?"),
        ("table", "Votes by option"),
        ("columnheader", "Share of the voters"),
        ("rowheader", "Bridges"),
        ("cell", "100%"),
        ("image", "QR code of the voting page"),
    ] {
        has(&result, role, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_colours_of_the_system_controls_and_the_focus_are_seen() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    poll(&services, json!({"id": "talks", "question": "Which?", "options": ["Bees", "Bridges", "Weather"]})).await;
    let driver = Driver::start().await;
    let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    let forced = json!({"features": [{"name": "forced-colors", "value": "active"}]});
    browser.devtools("Emulation.setEmulatedMedia", forced).await;
    // What is seen of a control there: its border, or the browser's own look; never its colour.
    let seen = "return [matchMedia('(forced-colors: active)').matches, [...document.querySelectorAll('main button, \
        main input:not([type=hidden])')].every(it => { const {borderTopWidth, borderTopStyle, appearance} = \
          getComputedStyle(it); return appearance === 'auto' || borderTopWidth !== '0px' && borderTopStyle !== 'none'; \
        })]";
    for (path, first) in [("/", "button[value=a]"), ("/p/talks", "input[type=radio]")] {
        browser.goto(&format!("{}{path}", services.vote.url())).await;
        assert_eq!(browser.run(seen).await, json!([true, true]), "{path}");
        // It asserts that what has the focus is marked.
        tab_to(&browser, first).await;
    }
    let ticked = "const it = document.querySelector('input[type=radio]'); it.click(); \
        return getComputedStyle(it).appearance";
    assert_eq!(browser.run(ticked).await, "auto", "a tick that is drawn by a ground of ours would not be seen");
}
