//! Phones of 2018 vote, and a script that breaks leaves a page as good as one without scripts: in a real browser, from
//! which is taken what those phones lack, and then whatever the scripts name.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    all_in_one::AllInOne,
    browser::{Browser, Driver, PROJECTOR, Setup},
    tallies, wait,
};

const STATIC: [&str; 3] = ["vote/static", "result/static", "crates/web/static"];

/// What ECMAScript got after 2018, as far as a program can take it away; syntax is judged by a parser.
const NEWER_LANGUAGE: [&str; 20] = [
    "Array.prototype.flat",
    "Array.prototype.flatMap",
    "Array.prototype.at",
    "Array.prototype.findLast",
    "Array.prototype.toSorted",
    "Array.prototype.toReversed",
    "Array.prototype.with",
    "String.prototype.trimStart",
    "String.prototype.trimEnd",
    "String.prototype.matchAll",
    "String.prototype.replaceAll",
    "String.prototype.at",
    "Object.fromEntries",
    "Object.hasOwn",
    "Object.groupBy",
    "Promise.allSettled",
    "Promise.any",
    "Promise.withResolvers",
    "window.globalThis",
    "window.structuredClone",
];

/// The names of the language itself, in which nothing of the web is looked for.
const LANGUAGE: &str = "Object Function Array Number Boolean String Symbol Date Promise RegExp Error AggregateError \
    EvalError RangeError ReferenceError SyntaxError TypeError URIError ArrayBuffer SharedArrayBuffer DataView Map Set \
    WeakMap WeakSet WeakRef FinalizationRegistry Proxy Reflect Iterator BigInt Math JSON Atomics WebAssembly Int8Array \
    Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float16Array Float32Array Float64Array \
    BigInt64Array BigUint64Array Intl";

fn files(extension: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in STATIC {
        for entry in std::fs::read_dir(root.join(folder)).expect("static files") {
            let path = entry.expect("a static file").path();
            if path.extension().is_some_and(|known| known == extension) {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                found.push((format!("{folder}/{name}"), std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(found.len() > 3, "{found:?}");
    found
}

/// The words of a script, its comments left out.
fn words(script: &str) -> BTreeSet<String> {
    let code = script.lines().map(|line| line.split_once("// ").map_or(line, |(code, _)| code));
    let mut words = BTreeSet::new();
    for line in code {
        let split = line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '$');
        words.extend(split.filter(|word| word.len() > 1).map(str::to_owned));
    }
    words
}

/// Calls `take(holder)` for everything that the web adds to the language: interfaces, their prototypes, the window
/// itself. `Intl` is of the language, and not all of it is old.
fn each_holder(take: &str) -> String {
    format!(
        "const language = new Set({LANGUAGE:?}.split(' ')); const take = {take}; \
         const old = new Set([...language].map((key) => window[key])); \
         for (const key of Object.getOwnPropertyNames(window)) {{ \
           if (language.has(key)) continue; \
           let it; try {{ it = window[key]; }} catch (error) {{ continue; }} \
           if (typeof it === 'function' && it.prototype && !old.has(it)) {{ take(it); take(it.prototype); }} }} \
         take(window); take(Intl);"
    )
}

/// Those of these names that a browser has of the web.
async fn of_the_web(browser: &Browser, names: &BTreeSet<String>) -> Vec<String> {
    let names = serde_json::to_string(names).expect("names");
    let holders = each_holder("(it) => { for (const name of Object.getOwnPropertyNames(it)) known.add(name); }");
    let script = format!(
        "const known = new Set(); {holders} return {names}.filter((name) => known.has(name) && !language.has(name));"
    );
    serde_json::from_value(browser.run(&script).await).expect("names")
}

/// A script that takes this name away.
fn without(name: &str) -> String {
    let holders = each_holder("(it) => { try { delete it[name]; } catch (error) { /* not to be taken away */ } }");
    format!("(() => {{ const name = {name:?}; {holders} }})()")
}

async fn before_each_page(browser: &Browser, script: &str) -> Value {
    let added = browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    added["identifier"].clone()
}

async fn tap(browser: &Browser, [x, y]: [f64; 2]) {
    for kind in ["mousePressed", "mouseReleased"] {
        let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
        browser.devtools("Input.dispatchMouseEvent", event).await;
    }
}

/// The middle of the first element that this finds.
async fn place(browser: &Browser, css: &str) -> [f64; 2] {
    let script = format!(
        "const it = document.querySelector({css:?}).getBoundingClientRect(); \
         return [it.x + it.width / 2, it.y + it.height / 2]"
    );
    serde_json::from_value(browser.run(&script).await).expect("a place on the page")
}

/// A browser, and an all-in-one for it. In the order in which they must end.
struct ServedBrowser {
    browser: Browser,
    _driver: Driver,
    server: AllInOne,
    _data: TempDir,
}

impl ServedBrowser {
    async fn open(setup: Setup) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let server = AllInOne::start(data.path()).await;
        let driver = Driver::start().await;
        Self { browser: driver.open(setup).await, _driver: driver, server, _data: data }
    }
}

/// Votes as somebody new, without a word to the page's scripts, and waits until the ballot is accepted.
async fn vote(browser: &Browser, server: &AllInOne, taps: &[[f64; 2]], ballots: &mut u64, what: &str) {
    browser.devtools("Network.clearBrowserCookies", json!({})).await;
    browser.goto(&server.vote_url()).await;
    for at in taps {
        tap(browser, *at).await;
    }
    *ballots += 1;
    let expected = Some(*ballots);
    wait::until_true(&format!("a ballot by a browser without {what}"), || async {
        tallies::accepted(&server.vote_url(), "main").await == expected
    })
    .await;
}

async fn all_for_the_second(server: &AllInOne, ballots: u64) {
    let tally = wait::until("all to be counted", || async {
        tallies::tally(&server.result_url(), "main").await.filter(|tally| tally["counted"] == ballots)
    })
    .await;
    assert_eq!(tallies::votes(&tally, 2), [0, ballots], "the tapped button's value, each time: {tally}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_are_written_in_the_language_of_2018() {
    let driver = Driver::start().await;
    let browser = driver.open(Setup::default()).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node/node_modules/acorn/dist/acorn.js");
    let acorn = std::fs::read_to_string(path).expect("scripts/install-test-tools installed acorn");
    let parse = |text: &str| {
        let text = serde_json::to_string(text).expect("text");
        format!(
            "{acorn}; \
             try {{ window.acorn.parse({text}, {{ecmaVersion: 2018, sourceType: 'module'}}); return 'parsed'; }} \
             catch (error) {{ return String(error); }}"
        )
    };
    for newer in ["a?.b", "a ?? b", "a ||= b", "class A { #b }", "1_000", "try {} catch {}", "await a"] {
        assert_ne!(browser.run(&parse(newer)).await, "parsed", "{newer}");
    }
    for (name, text) in files("js") {
        assert_eq!(browser.run(&parse(&text)).await, "parsed", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_web_lacks_of_what_a_script_names_a_vote_is_cast() {
    let ServedBrowser { browser, server, .. } = &ServedBrowser::open(Setup::default()).await;
    browser.goto(&server.vote_url()).await;
    let at = [place(browser, "button[value=b]").await];
    let scripts = files("js").into_iter().filter(|(name, _)| {
        let used = ["vote.js", "event.js", "live.js", "ask.js", "write.js", "language.js"];
        used.iter().any(|used| name.ends_with(used))
    });
    let named: BTreeSet<String> = scripts.flat_map(|(_, text)| words(&text)).collect();
    // What every phone has, and the newest: that both are found shows that names are.
    for known in ["FormData", "AbortController", "addEventListener", "isConnected"] {
        assert!(named.contains(known), "{known}");
    }
    let named = of_the_web(browser, &named).await;
    assert!(named.len() > 60, "{named:?}");
    let mut ballots = 0;
    for name in named {
        let id = before_each_page(browser, &without(&name)).await;
        vote(browser, server, &at, &mut ballots, &name).await;
        browser.devtools("Page.removeScriptToEvaluateOnNewDocument", json!({"identifier": id})).await;
    }
    all_for_the_second(server, ballots).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_2018_votes_and_sees_the_result_by_its_script() {
    let ServedBrowser { browser, server, .. } = &ServedBrowser::open(Setup::default()).await;
    browser.goto(&server.vote_url()).await;
    let at = place(browser, "button[value=b]").await;
    // Safari 12 has none of these. The second argument of FormData is passed over there; Chrome 67 and Firefox 60 send
    // and keep no cookies unless they are told to.
    let newer = "delete AbortSignal.timeout; delete AbortSignal.any; delete SubmitEvent.prototype.submitter; \
        delete URLSearchParams.prototype.size; delete Element.prototype.ariaBusy; \
        delete Element.prototype.replaceChildren; \
        delete window.ResizeObserver; delete window.BroadcastChannel; delete window.requestIdleCallback; \
        delete Crypto.prototype.randomUUID; delete Blob.prototype.text; \
        const Newer = window.FormData; window.FormData = function (form) { return new Newer(form); }; \
        const fetched = window.fetch; \
        window.fetch = (address, options) => fetched(address, Object.assign({credentials: 'omit'}, options));";
    let language = NEWER_LANGUAGE.map(|path| format!("delete {path};")).concat();
    before_each_page(browser, &format!("{newer}{language}")).await;
    browser.goto(&server.vote_url()).await;
    browser.run("document.documentElement.dataset.same = 'yes'").await;
    // By the mouse: what WebDriver runs in the page to click is newer than 2018.
    tap(browser, at).await;
    browser.find("button[value=b].mine").await;
    assert_eq!(browser.run("return document.documentElement.dataset.same").await, "yes", "without another page");
    browser.find("section.live:not([hidden]) .share:not(:empty)").await;
    browser.shows("One person has voted").await;
    browser.goto(&server.result_url()).await;
    browser.find("[data-kind=live]").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_throws_at_its_first_line_leaves_pages_that_work() {
    let ServedBrowser { browser, server, .. } = &ServedBrowser::open(Setup::default()).await;
    browser.goto(&server.vote_url()).await;
    let at = [place(browser, "button[value=b]").await];
    let mut ballots = 0;
    for (first_line, what) in [
        ("Document.prototype.addEventListener = () => { throw new Error('broken'); }", "its first line"),
        ("Object.defineProperty(document, 'documentElement', {get() { throw new Error('broken'); }})", "an import"),
        ("window.fetch = () => { throw new Error('broken'); }", "fetch, which throws"),
        ("window.FormData = function () { throw new Error('broken'); }", "a form that can be read"),
        ("DOMParser.prototype.parseFromString = () => { throw new Error('broken'); }", "a parser"),
    ] {
        let id = before_each_page(browser, first_line).await;
        vote(browser, server, &at, &mut ballots, what).await;
        browser.devtools("Page.removeScriptToEvaluateOnNewDocument", json!({"identifier": id})).await;
    }
    all_for_the_second(server, ballots).await;
}

/// Casts a ballot of somebody new, and waits until it is counted as one of so many.
async fn counted(server: &AllInOne, voters: u64) {
    let url = format!("{}/api/polls/main/ballots", server.vote_url());
    let cast = reqwest::Client::new().post(url).json(&json!({"choices": ["b"]})).send().await;
    assert_eq!(cast.expect("vote answers").status(), 201);
    wait::until("the ballot to be counted", || async {
        tallies::tally(&server.result_url(), "main").await.filter(|tally| tally["voters"] == voters)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_whose_script_breaks_keeps_its_link_to_look_again() {
    let setup = Setup { size: PROJECTOR, ..Setup::default() };
    let ServedBrowser { browser, server, .. } = &ServedBrowser::open(setup).await;
    // It comes late, so that it is not seen where it goes at once.
    let link = "const it = document.querySelector('.again'); \
        return it.getClientRects().length > 0 && getComputedStyle(it).visibility === 'visible'";
    counted(server, 1).await;
    for (voters, first_line) in [
        (2, "Document.prototype.getElementById = () => { throw new Error('broken'); }"),
        (3, "Intl = undefined"),
        (4, "URL = undefined; fetch = undefined;"),
    ] {
        let id = before_each_page(browser, first_line).await;
        browser.goto(&server.result_url()).await;
        counted(server, voters).await;
        wait::until_true("the link to look again", || async { browser.run(link).await == true }).await;
        tap(browser, place(browser, ".again a").await).await;
        browser.shows(&format!("{voters} voters")).await;
        browser.devtools("Page.removeScriptToEvaluateOnNewDocument", json!({"identifier": id})).await;
    }
    // Without a WebSocket it moves by asking, and then there is nothing to do by hand.
    before_each_page(browser, "delete window.WebSocket").await;
    browser.goto(&server.result_url()).await;
    browser.run("document.documentElement.dataset.same = 'yes'").await;
    counted(server, 5).await;
    browser.shows("5 voters").await;
    assert_eq!(browser.run("return document.documentElement.dataset.same").await, "yes", "without another page");
    assert_eq!(browser.run(link).await, false);
}

/// The rules of a style sheet that stand in no `@supports`: selectors, and declarations as property and value.
fn rules(css: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut text = String::new();
    for part in css.split("/*").enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once("*/").map_or("", |(_, behind)| behind),
    }) {
        text.push_str(part);
    }
    let mut found = Vec::new();
    // The conditions around the rule, and whether one of them asks what the browser knows.
    let mut around: Vec<bool> = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        let (head, behind) = (rest[..at].trim(), &rest[at + 1..]);
        if rest[at..].starts_with('}') {
            around.pop();
            rest = behind;
        } else if head.starts_with('@') && !head.starts_with("@font") {
            around.push(head.starts_with("@supports"));
            rest = behind;
        } else {
            let (body, behind) = behind.split_once('}').expect("a rule ends");
            let declarations = body.split(';').filter_map(|line| line.split_once(':'));
            let declarations = declarations.map(|(property, value)| (property.trim().into(), value.trim().into()));
            if !around.contains(&true) {
                found.push((head.to_owned(), declarations.collect()));
            }
            rest = behind;
        }
    }
    found
}

#[test]
fn what_styles_take_from_newer_browsers_has_something_to_fall_back_on() {
    let newer_values = ["clamp(", "color-mix(", "dvh", "svh", "min(", "max(", "oklch(", "anywhere"];
    let newer_selectors = [":has(", ":is(", ":where(", ":focus-visible"];
    let mut faults = Vec::new();
    let mut seen = 0;
    for (name, css) in files("css") {
        for (selector, declarations) in rules(&css) {
            seen += 1;
            let mixed = selector.contains(',') && newer_selectors.iter().any(|newer| selector.contains(newer));
            let is_flex = declarations.iter().any(|(property, value)| property == "display" && value == "flex");
            for (index, (property, value)) in declarations.iter().enumerate() {
                let is_newer = newer_values.iter().any(|newer| value.contains(newer)) && !value.contains("minmax(");
                let earlier = declarations[..index].iter().any(|(other, _)| other == property);
                // A value with a variable is taken for unset where it can't be read: nothing before it helps.
                let unset = value.contains("var(") || property.starts_with("--");
                let no_way_back = is_newer && (unset || !earlier);
                // Boxes of voters' pages keep their distance without it.
                let gap =
                    property == "gap" && is_flex && !["organise.css", "result.css"].iter().any(|it| name.ends_with(it));
                if no_way_back || gap || mixed || property == "inset" || property == "aspect-ratio" {
                    faults.push(format!("{name}: {selector} {{ {property}: {value} }}"));
                }
            }
        }
    }
    assert!(seen > 150, "only {seen} rules");
    assert!(faults.is_empty(), "{faults:#?}");
}
