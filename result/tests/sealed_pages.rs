//! What pages show of seals, promises and proofs, in a real browser.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use std::{fs, path::Path};

use domain::{PollChange, PollSpec};
use serde_json::json;
use support::three_partitions::ThreePartitions;
use testkit::{
    browser::{Browser, Driver, PHONE, PLAIN_HOST, PROJECTOR, Setup},
    wait,
};

fn spec() -> PollSpec {
    PollSpec { publish: true, ..PollSpec::simple("Tea?", ["Yes", "No"]) }
}

async fn until(browser: &Browser, what: &str, script: &str) {
    wait::until_true(what, || async { browser.run(&format!("return {script}")).await == json!(true) }).await;
}

/// All but that a page over `http://` can't be kept apart from its opener.
async fn complaints(browser: &Browser) -> Vec<String> {
    let complaints = browser.complaints().await.into_iter();
    complaints.filter(|line| !line.contains("Cross-Origin-Opener-Policy header has been ignored")).collect()
}

/// Where somebody wants to look at the page, a picture of it.
async fn picture(browser: &Browser, name: &str) {
    let Ok(folder) = std::env::var("SCRUTIN_PICTURES") else { return };
    fs::write(Path::new(&folder).join(format!("{name}.png")), browser.screenshot().await).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn open_screens_show_the_words_and_the_code_of_the_seal_once_it_is_there() {
    let (mut place, driver) = (ThreePartitions::with(spec()).await, Driver::start().await);
    (0..40).for_each(|number| drop(place.vote(number, if number % 3 == 0 { "a" } else { "b" })));
    place.count().await;
    let host = place.app.addr.port();
    let browser = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    browser.goto(&format!("http://{PLAIN_HOST}:{host}/p/tea")).await;
    browser.shows("Voting is open").await;
    assert!(!browser.has("#seal").await);
    place.change(&PollChange::Close).await;
    until(&browser, "the seal", "document.querySelector('#seal .qr') !== null").await;
    let seal = place.app.json("/api/polls/tea/tally").await["seal"].clone();
    let words: Vec<_> = seal["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    browser.shows(&words.join(" ")).await;
    let link = browser.run("return document.querySelector('#seal a').getAttribute('href')").await;
    assert_eq!(link, format!("/p/tea/check#{}", seal["hash"].as_str().unwrap()));
    let apart = "const of = (css) => document.querySelector(css).getBoundingClientRect(); \
                 return of('.bars').bottom <= of('#seal').top && of('#seal').bottom <= innerHeight";
    assert_eq!(browser.run(apart).await, true, "it is below the options, and on the screen");
    picture(&browser, "seal-projector").await;

    place.change(&PollChange::Open).await;
    until(&browser, "no seal", "document.querySelector('#seal') === null").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
    let phone = driver.open(Setup { size: PHONE, ..Setup::default() }).await;
    place.change(&PollChange::Close).await;
    phone.goto(&place.app.url("/p/tea")).await;
    until(&phone, "the seal", "document.querySelector('#seal') !== null").await;
    picture(&phone, "seal-phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipts_page_checks_its_proof_and_keeps_it() {
    let (mut place, driver) = (ThreePartitions::with(spec()).await, Driver::start().await);
    let receipt = place.vote(7, "a");
    (10..40).for_each(|number| drop(place.vote(number, "b")));
    place.count().await;
    let browser = driver.open(Setup { size: PHONE, ..Setup::default() }).await;
    let path = format!("/p/tea/receipts/{receipt}");
    browser.goto(&place.app.url(&path)).await;
    browser.shows("Checked in this browser: it holds.").await;
    browser.shows("Save the promise").await;
    place.change(&PollChange::Close).await;
    browser.goto(&place.app.url(&path)).await;
    browser.shows("Save the proof").await;
    browser.shows("Checked in this browser: it holds.").await;
    picture(&browser, "receipt").await;
    let kept = "return JSON.parse(localStorage.getItem('scrutin proofs tea'))";
    let proof = place.app.get(&format!("/api{}/proof", path.replace("/p/", "/polls/"))).await.text().await.unwrap();
    assert_eq!(browser.run(kept).await, json!([proof]), "the proof took the promise's place");
    let key = place.app.get("/.well-known/scrutin-key").await.text().await.unwrap();
    assert_eq!(browser.run("return JSON.parse(localStorage.getItem('scrutin key '))").await, json!([key.trim()]));

    // Another key than the first is said, and does not take its place.
    let first = key.replacen("7b1f", "7b1e", 1);
    browser.run(&format!("localStorage.setItem('scrutin key ', '{}')", json!([first.trim()]))).await;
    browser.goto(&place.app.url(&path)).await;
    browser.shows("This server signs with another key").await;
    browser.shows("This file does not hold.").await;
    assert_eq!(browser.run("return JSON.parse(localStorage.getItem('scrutin key '))").await, json!([first.trim()]));
    assert_eq!(complaints(&browser).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipts_page_over_http_checks_all_but_the_signature() {
    let (mut place, driver) = (ThreePartitions::with(spec()).await, Driver::start().await);
    let receipt = place.vote(7, "a");
    (10..300).for_each(|number| drop(place.vote(number, "b")));
    place.change(&PollChange::Close).await;
    let browser = driver.open(Setup { size: PHONE, ..Setup::default() }).await;
    browser.goto(&format!("http://{PLAIN_HOST}:{}/p/tea/receipts/{receipt}", place.app.addr.port())).await;
    browser.shows("Checked in this browser, but for the signature").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
}

#[tokio::test]
async fn without_scripts_a_receipt_has_its_file_as_a_link() {
    let mut place = ThreePartitions::with(spec()).await;
    let receipt = place.vote(7, "a");
    let path = format!("/p/tea/receipts/{receipt}");
    assert!(!place.app.page(&path).await.contains("/promise"), "it is not counted");
    place.count().await;
    let page = place.app.page(&path).await;
    assert!(page.contains(&format!("/api/polls/tea/receipts/{receipt}/promise")), "{page}");
    place.change(&PollChange::Close).await;
    let page = place.app.page(&path).await;
    assert!(page.contains(&format!("/api/polls/tea/receipts/{receipt}/proof")) && !page.contains("/promise"), "{page}");
}
