//! Every page and state, judged by axe-core in a real browser: no violation of WCAG 2.2 AA, in both themes, and no
//! complaint in the browser's console (a script error, a violated Content-Security-Policy).

use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, Services},
    redis_server::RedisServer,
    wait,
};

/// The rules: all of WCAG up to 2.2, levels A and AA.
const RULES: &str = r#"["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]"#;

fn axe_core() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).expect("scripts/install-test-tools installed axe-core")
}

/// What the rules say against the page as it is now.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; \
         axe.run(document, {{runOnly: {{type: 'tag', values: {RULES}}}}}).then(result => done(result), error => done(String(error)));"
    );
    let result = browser.client().execute_async(&script, Vec::new()).await.expect("axe-core runs");
    let passed = result["passes"].as_array().map_or(0, Vec::len);
    assert!(passed > 5, "axe-core looked at the page: {result}");
    let violated = result["violations"].as_array().into_iter().flatten();
    violated.map(|rule| format!("{}: {}", rule["help"], rule["nodes"][0]["html"])).collect()
}

/// Creates a poll and waits until the result host knows it.
async fn poll(services: &Services, spec: Value) {
    let id = spec["id"].as_str().expect("a poll has an id").to_owned();
    let url = format!("{}/api/polls", services.vote.url());
    let created = reqwest::Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(&spec).send().await;
    assert_eq!(created.expect("vote answers").status(), 201, "{spec}");
    let result = services.result.url();
    wait::until(&format!("{id} at the result host"), || testkit::crowd::tally(&result, &id)).await;
}

async fn cast(services: &Services, poll: &str, keys: &[&str]) -> String {
    let url = format!("{}/api/polls/{poll}/ballots", services.vote.url());
    let cast = reqwest::Client::new().post(url).json(&json!({"choices": keys})).send().await.expect("vote answers");
    let cast: Value = cast.json().await.expect("JSON");
    cast["receipt"].as_str().expect("a receipt").to_owned()
}

fn many_options() -> Vec<String> {
    (1..=26).map(|number| format!("Option number {number}, with a text that is not short")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_in_no_state_violates_wcag_2_2_aa() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let long = "Which of these? ".repeat(31);
    for spec in [
        json!({"id": "three", "question": "Three?", "options": ["x", "y", "z"]}),
        json!({"id": "many", "question": long.trim(), "options": many_options(), "max_choices": 3, "listed": true}),
        json!({"id": "later", "question": "Later?", "options": ["x", "y"], "state": "waiting"}),
        json!({"id": "over", "question": "Over?", "options": ["x", "y"], "state": "closed"}),
        json!({"id": "secret", "question": "Secret?", "options": ["x", "y"], "results": "hidden"}),
        json!({"id": "codes", "question": "Codes?", "options": ["x", "y"], "access": "codes"}),
    ] {
        poll(&services, spec).await;
    }
    for key in ["a", "b", "b"] {
        cast(&services, "main", &[key]).await;
        cast(&services, "secret", &[key]).await;
    }
    let receipt = cast(&services, "many", &["a", "z"]).await;

    let (vote, result) = (services.vote.url(), services.result.url());
    let mut pages: Vec<String> = Vec::new();
    for path in ["/", "/p/three", "/p/many", "/p/later", "/p/over", "/p/secret", "/p/codes", "/p/nowhere", "/organise"]
    {
        pages.push(format!("{vote}{path}"));
    }
    for path in
        ["/", "/p/three", "/p/many", "/p/later", "/p/over", "/p/secret", "/p/nowhere", "/p/main/embed", "/polls"]
    {
        pages.push(format!("{result}{path}"));
    }
    pages.push(format!("{result}/p/many/receipts/{receipt}"));

    let axe = axe_core();
    let driver = Driver::start().await;
    let mut found = Vec::new();
    for (size, dark) in [(PHONE, false), (PROJECTOR, true)] {
        let browser = driver.open(Setup { size, dark, ..Setup::default() }).await;
        for page in &pages {
            browser.goto(page).await;
            found.extend(violations(&browser, &axe).await.into_iter().map(|violation| format!("{page}: {violation}")));
            // A page that is not there says so with its status, which the console notes; that is no fault.
            let complaints = browser.complaints().await.into_iter().filter(|line| !line.contains("/p/nowhere"));
            found.extend(complaints.map(|complaint| format!("{page}: console: {complaint}")));
        }
        // The page after voting is one that only a voter comes to.
        browser.goto(&format!("{vote}/p/three")).await;
        browser.click("input[value=b]").await;
        browser.click("main form button").await;
        browser.shows("recorded").await;
        found.extend(violations(&browser, &axe).await.into_iter().map(|violation| format!("recorded: {violation}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}
