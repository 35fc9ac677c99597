//! Every page and state, judged in a real browser: axe-core finds no violation of WCAG 2.2 AA, the console has no
//! complaint (a script error, a violated Content-Security-Policy), nothing is wider than the screen or lost by people's
//! own spacing, text grows with the zoom, what has the focus is seen, and no page weighs more than it may.
//! `docs/accessibility.md` says what follows from that, and what does not.

mod judging;
mod states;

use std::collections::BTreeSet;

use serde_json::json;
use testkit::browser::{Browser, PHONE, PROJECTOR, Setup};

use judging::{cut, spaced, too_small_when_zoomed, too_wide, unseen_focus};

/// The rules: all of WCAG up to 2.2, levels A and AA.
const RULES: &str = r#"["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]"#;
/// Rules on which `docs/accessibility.md` relies, and which must have found something to judge: some of axe-core's
/// rules are off unless they are asked for.
const JUDGED: [&str; 6] = ["color-contrast", "html-has-lang", "label", "link-name", "target-size", "valid-lang"];
/// HTML, styles and scripts of one page, uncompressed.
const MAX_PAGE_BYTES: u64 = 57_000;
/// The same of the page that counts a poll again, which nobody needs to vote or to watch.
const MAX_CHECK_BYTES: u64 = 72_000;

fn axe_core() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).expect("scripts/install-test-tools installed axe-core")
}

/// What the rules say against the page as it is now; and which rules found something to judge, into `judged`.
async fn violations(browser: &Browser, axe: &str, judged: &mut BTreeSet<String>) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; \
         axe.run(document, {{runOnly: {{type: 'tag', values: {RULES}}}}}) \
            .then(result => done(result), error => done(String(error)));"
    );
    let result = browser.client().execute_async(&script, Vec::new()).await.expect("axe-core runs");
    let passed: Vec<_> = result["passes"].as_array().into_iter().flatten().collect();
    assert!(passed.len() > 5, "axe-core looked at the page: {result}");
    judged.extend(passed.into_iter().filter_map(|rule| rule["id"].as_str()).map(str::to_owned));
    let violated = result["violations"].as_array().into_iter().flatten();
    violated.map(|rule| format!("{}: {}", rule["help"], rule["nodes"][0]["html"])).collect()
}

/// The page with all that it has loaded, uncompressed. A sheet of voting codes has as many QR codes as were asked for;
/// of that page, what all sheets share is weighed.
async fn weight(browser: &Browser) -> u64 {
    let script = "const cards = document.querySelector('ul.cards')?.outerHTML.length ?? 0; \
        const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')] \
            .filter(({name}) => !name.includes('/api/') && !name.includes('/socket.io/')); \
        return loaded.reduce((sum, {decodedBodySize}) => sum + decodedBodySize, 0) - cards;";
    let bytes = browser.run(script).await.as_u64().expect("the page was loaded");
    // The next page is weighed with all that it needs, too, and not without what this one has left in the cache.
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.setCacheDisabled", json!({"cacheDisabled": true})).await;
    bytes
}

/// Whether a line in the console only tells that a server refused or was away: what the states are about.
fn tells_of_the_state(complaint: &str) -> bool {
    let of_an_answer = ["the server responded with a status of", "net::ERR_", "WebSocket connection to"];
    of_an_answer.iter().any(|text| complaint.contains(text)) && !complaint.contains("Content Security Policy")
}

async fn no_fault_in_any_state(setup: Setup) {
    let axe = axe_core();
    let mut found = Vec::new();
    let mut seen = 0;
    let mut judged = BTreeSet::new();
    states::visit(&[setup], async |browser, setup, name| {
        seen += 1;
        let violated = violations(browser, &axe, &mut judged).await;
        found.extend(violated.into_iter().map(|violation| format!("{name}: {violation}")));
        let complaints = browser.complaints().await.into_iter().filter(|line| !tells_of_the_state(line));
        found.extend(complaints.map(|complaint| format!("{name}: console: {complaint}")));
        found.extend(too_wide(browser, setup).await.into_iter().map(|wide| format!("{name}: {wide}")));
        found.extend(cut(browser).await.into_iter().map(|text| format!("{name}: cut: {text}")));
        found.extend(spaced(browser).await.into_iter().map(|text| format!("{name}: spaced: {text}")));
        found.extend(unseen_focus(browser).await.into_iter().map(|what| format!("{name}: focus: {what}")));
        if setup.size == PROJECTOR {
            found.extend(too_small_when_zoomed(browser, setup).await.into_iter().map(|text| format!("{name}: {text}")));
        }
        let bytes = weight(browser).await;
        let most = if name.starts_with("check-") { MAX_CHECK_BYTES } else { MAX_PAGE_BYTES };
        if !(2_000..most).contains(&bytes) {
            found.push(format!("{name}: {bytes} bytes"));
        }
    })
    .await;
    assert!(seen > 100, "only {seen} states");
    for rule in JUDGED {
        assert!(judged.contains(rule), "{rule} judged nothing: {judged:?}");
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_in_any_state_violates_wcag_2_2_aa_on_a_phone_in_the_light() {
    no_fault_in_any_state(Setup { size: PHONE, ..Setup::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_in_any_state_violates_wcag_2_2_aa_on_a_projector_in_the_dark() {
    no_fault_in_any_state(Setup { size: PROJECTOR, dark: true, language: "fr", ..Setup::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_in_german_violates_wcag_2_2_aa_on_a_small_phone_in_the_dark() {
    no_fault_in_any_state(Setup { size: (360, 640), dark: true, language: "de", ..Setup::default() }).await;
}
