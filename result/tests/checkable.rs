//! What anyone can check of a poll, from the service on a ledger with trees of three partitions.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use std::collections::BTreeMap;

use attest::{
    Checkpoint, Evidence, InclusionProof, KeptNote, NoteKey, Promise, ResultNote, Seal, TilePath, VerifierKey,
    root_from_tiles, tiles_of, verify, words,
};
use domain::{Digest, InstallationId, PollChange, PollSpec, Secret, Visibility, mark_and_blind};
use http::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_DISPOSITION, ETAG, IF_NONE_MATCH};
use serde_json::Value;
use support::{
    App, secret,
    three_partitions::{POLL, ThreePartitions},
};
use testkit::wait;

const LOG: &str = "/api/polls/tea/log";

fn spec() -> PollSpec {
    PollSpec { publish: true, ..PollSpec::simple("Tea?", ["Yes", "No"]) }
}

fn hidden() -> PollSpec {
    PollSpec { results: Visibility::Hidden, ..spec() }
}

fn poll(rest: &str) -> String {
    format!("/api/polls/tea/{rest}")
}

async fn text(app: &App, path: &str) -> String {
    let response = app.get(path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

/// Waits until this is there.
async fn there(app: &App, path: &str) -> String {
    wait::until_true(path, async || app.get(path).await.status() == StatusCode::OK).await;
    text(app, path).await
}

/// Waits until this is not there any more, and says why.
async fn gone(app: &App, path: &str) -> Value {
    wait::until_true(path, async || app.get(path).await.status() == StatusCode::NOT_FOUND).await;
    app.json(path).await
}

async fn key(app: &App) -> VerifierKey {
    text(app, "/.well-known/scrutin-key").await.trim_end().parse().unwrap()
}

fn kept(text: String) -> Vec<KeptNote> {
    vec![KeptNote { name: "kept".to_owned(), text }]
}

/// All tiles of a tree, as a mirror gets them.
async fn mirrored(app: &App, tree: &str, size: u64) -> BTreeMap<TilePath, Vec<Digest>> {
    let mut tiles = BTreeMap::new();
    for tile in tiles_of(size) {
        let bytes = app.get(&format!("{tree}/tile/{tile}")).await.bytes().await.unwrap();
        tiles.insert(tile, Digest::list(&bytes).unwrap());
    }
    tiles
}

#[tokio::test]
async fn a_published_poll_can_be_checked_from_what_is_public() {
    let mut place = ThreePartitions::with(spec()).await;
    let receipts: Vec<_> = (0..900).map(|number| place.vote(number, if number % 3 == 0 { "a" } else { "b" })).collect();
    let second = place.vote(7, "a");
    place.count().await;
    let key = key(&place.app).await;
    assert_eq!(&key, NoteKey::new(&secret(), &InstallationId::new("7b1f")).verifier());
    let promise = there(&place.app, &poll(&format!("receipts/{}/promise", receipts[7]))).await;
    let export = place.app.http.get(place.app.url(&poll("tally.json"))).bearer_auth(support::ORGANISER_TOKEN);
    let export: Value = export.send().await.unwrap().json().await.unwrap();
    assert_eq!(export["key"], key.to_string());

    place.change(&PollChange::Close).await;
    let sealed = there(&place.app, &poll("seal")).await;
    let seal: Seal = key.open(&sealed).unwrap();
    // Pages of the voting host, and of others that the operator allows, may read it.
    let asked = place.app.http.get(place.app.url(&poll("seal"))).header("origin", "https://vote.example.org");
    assert_eq!(asked.send().await.unwrap().headers()["access-control-allow-origin"], "https://vote.example.org");
    assert_eq!((seal.version, seal.ballots, seal.voters), (place.poll.version(), 901, 900));
    assert_eq!((seal.wording, seal.closed_ms), (place.poll.terms().digest(), place.closed_ms));
    let response = app_get(&place.app, &poll("published"), StatusCode::NOT_FOUND).await;
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "not-published");

    place.change(&PollChange::Publish).await;
    let file = there(&place.app, &poll("published")).await;
    let result: ResultNote = key.open(&text(&place.app, &poll("result")).await).unwrap();
    assert_eq!((result.seal, result.votes), (seal.digest(), vec![301, 599]));
    assert_eq!(text(&place.app, &poll("seal")).await, sealed, "the seal is of the close");

    let list = place.app.json(LOG).await;
    let mut evidence = Evidence { key: Some(key.clone()), seals: kept(sealed), ..Evidence::default() };
    evidence.words = Some(words(&seal.digest()));
    assert_eq!(list["trees"].as_array().unwrap().len(), 3);
    for (tree, sealed) in list["trees"].as_array().unwrap().iter().zip(&seal.trees) {
        let address = tree["address"].as_str().unwrap();
        let note = text(&place.app, &format!("{address}/checkpoint")).await;
        let checkpoint: Checkpoint = key.open(&note).unwrap();
        assert_eq!(checkpoint.origin.to_string(), tree["origin"].as_str().unwrap());
        assert_eq!((checkpoint.size, checkpoint.root), (sealed.size, sealed.root));
        assert_eq!(tree["size"], checkpoint.size);
        let tiles = mirrored(&place.app, address, checkpoint.size).await;
        let root = root_from_tiles(checkpoint.size, &mut |tile| tiles.get(&tile).cloned().ok_or("no such tile"));
        assert_eq!(root.unwrap(), checkpoint.root);
        evidence.checkpoints.extend(kept(note));
    }
    for receipt in [&receipts[7], &receipts[899], &second] {
        let proof = text(&place.app, &poll(&format!("receipts/{receipt}/proof"))).await;
        InclusionProof::parse(&proof).unwrap().check(&key).unwrap();
        evidence.proofs.extend(kept(proof));
    }
    evidence.promises.extend(kept(promise));
    let verification = verify(file.as_bytes(), &evidence);
    assert!(verification.holds(), "{:?} {:?}", verification.findings, verification.unchecked);
    assert_eq!(verification.receipts.len(), 4);
}

async fn app_get(app: &App, path: &str, status: StatusCode) -> reqwest::Response {
    let response = app.get(path).await;
    assert_eq!(response.status(), status, "{path}");
    response
}

#[tokio::test]
async fn a_correction_between_two_closes_is_in_the_file() {
    let mut place = ThreePartitions::with(spec()).await;
    (0..40).for_each(|number| drop(place.vote(number, "a")));
    place.change(&PollChange::Close).await;
    let options = ["Yes!", "No!"].map(str::to_owned).to_vec();
    let wording = domain::Wording { question: "Tea!".to_owned(), options, at_millis: 1 };
    place.change(&PollChange::Correct(Box::new(wording))).await;
    place.change(&PollChange::Open).await;
    (30..60).for_each(|number| drop(place.vote(number, "b")));
    place.change(&PollChange::Close).await;
    place.change(&PollChange::Publish).await;
    let file = there(&place.app, &poll("published")).await;
    let verification = verify(file.as_bytes(), &Evidence { key: Some(key(&place.app).await), ..Evidence::default() });
    assert!(verification.holds(), "{:?} {:?}", verification.findings, verification.unchecked);
    let counted = verification.poll.unwrap();
    assert_eq!((counted.count.unwrap().votes, counted.question.as_str()), (vec![30, 30], "Tea!"));
    assert_eq!(file.lines().next().unwrap().matches("\"question\"").count(), 2);
}

#[tokio::test]
async fn drafts_that_nobody_voted_on_are_not_published() {
    let mut place = ThreePartitions::with(spec()).await;
    let words = |question: &str| PollSpec { question: question.to_owned(), ..spec() };
    for draft in ["Shall Bob go?", "Tea or Bob?", "Tea or coffee?"] {
        place.change(&PollChange::Rewrite(Box::new(words(draft)))).await;
    }
    (0..40).for_each(|number| drop(place.vote(number, "a")));
    let options = spec().options;
    let wording = domain::Wording { question: "Tea!".to_owned(), options, at_millis: 1 };
    place.change(&PollChange::Correct(Box::new(wording))).await;
    (30..60).for_each(|number| drop(place.vote(number, "b")));
    place.change(&PollChange::Close).await;
    place.change(&PollChange::Publish).await;
    let file = there(&place.app, &poll("published")).await;
    assert!(!file.contains("Bob"), "{}", file.lines().next().unwrap());
    let verification = verify(file.as_bytes(), &Evidence { key: Some(key(&place.app).await), ..Evidence::default() });
    assert!(verification.holds(), "{:?} {:?}", verification.findings, verification.unchecked);
    assert_eq!(file.lines().next().unwrap().matches("\"question\"").count(), 2);
}

#[tokio::test]
async fn a_seal_waits_for_every_partition_and_goes_when_the_poll_is_opened() {
    let mut place = ThreePartitions::with(hidden()).await;
    (0..20).for_each(|number| drop(place.vote(number, "a")));
    place.count().await;
    assert_eq!(gone(&place.app, &poll("seal")).await["code"], "not-sealed");
    let home = place.home();
    let others: Vec<_> = (0..3).filter(|partition| *partition != home).collect();
    place.decide(&PollChange::Close);
    place.tell(home).await;
    place.tell(others[0]).await;
    wait::until_true("the close", async || place.app.json(&poll("tally")).await["state"] == "closed").await;
    assert_eq!(gone(&place.app, &poll("seal")).await["code"], "not-sealed");
    assert!(place.app.json(&poll("tally")).await["seal"].is_null());
    place.tell(others[1]).await;
    let note = there(&place.app, &poll("seal")).await;
    let seal: Seal = key(&place.app).await.open(&note).unwrap();

    let told = wait::until("the words", async || {
        let seal = place.app.json(&poll("tally")).await["seal"].take();
        (!seal.is_null()).then_some(seal)
    });
    let told = told.await;
    assert_eq!(told["hash"], seal.digest().to_string());
    assert_eq!(told["words"], serde_json::json!(words(&seal.digest())));
    assert_eq!(
        app_get(&place.app, &poll("result"), StatusCode::NOT_FOUND).await.json::<Value>().await.unwrap()["code"],
        "no-result",
        "the votes are hidden"
    );
    place.change(&PollChange::Reveal).await;
    there(&place.app, &poll("result")).await;
    assert_eq!(text(&place.app, &poll("seal")).await, note, "it is of the close");

    place.change(&PollChange::Open).await;
    gone(&place.app, &poll("seal")).await;
    gone(&place.app, &poll("result")).await;
    place.change(&PollChange::Close).await;
    let again: Seal = key(&place.app).await.open(&there(&place.app, &poll("seal")).await).unwrap();
    assert_eq!((again.version, again.ballots), (place.poll.version(), seal.ballots));
}

#[tokio::test]
async fn the_trees_of_a_past_round_stay_and_the_next_has_its_own_seal() {
    let mut place = ThreePartitions::with(spec()).await;
    let before: Vec<_> = (0..30).map(|number| place.vote(number, "a")).collect();
    place.change(&PollChange::Close).await;
    there(&place.app, &poll("seal")).await;
    let proof = text(&place.app, &poll(&format!("receipts/{}/proof", before[3]))).await;
    place.change(&PollChange::Reset).await;
    // A closed poll stays closed.
    let of_next = async || {
        let note = place.app.get(&poll("seal")).await.text().await.unwrap();
        key(&place.app).await.open::<Seal>(&note).ok().filter(|seal| seal.round.round == 2)
    };
    let seal = wait::until("the seal of the next round", of_next).await;
    assert_eq!((seal.version, seal.ballots), (place.poll.version(), 0));
    assert_eq!(text(&place.app, &poll(&format!("receipts/{}/proof", before[3]))).await, proof);
    let trees = place.app.json(LOG).await;
    let rounds: Vec<_> =
        trees["trees"].as_array().unwrap().iter().map(|tree| tree["round"].as_u64().unwrap()).collect();
    assert_eq!(rounds, [1, 1, 1, 2, 2, 2]);
    let sizes = trees["trees"].as_array().unwrap().iter().map(|tree| tree["size"].as_u64().unwrap());
    assert_eq!(sizes.collect::<Vec<_>>()[..3].iter().sum::<u64>(), 30);
    for tree in trees["trees"].as_array().unwrap() {
        let checkpoint = text(&place.app, &format!("{}/checkpoint", tree["address"].as_str().unwrap())).await;
        let checkpoint: Checkpoint = key(&place.app).await.open(&checkpoint).unwrap();
        assert_eq!(checkpoint.size, tree["size"], "also of an empty tree");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_and_what_never_changes_may_be_kept() {
    let mut place = ThreePartitions::with(spec()).await;
    let receipt = place.vote(1, "a");
    let waiting = poll(&format!("receipts/{receipt}"));
    assert_eq!(gone(&place.app, &format!("{waiting}/promise")).await["code"], "not-counted");
    (2..1_000).for_each(|number| drop(place.vote(number, "a")));
    place.count().await;
    let last = place.vote(1, "b");
    place.count().await;
    let open = poll(&format!("receipts/{last}"));
    let promise = there(&place.app, &format!("{open}/promise")).await;
    assert_eq!(gone(&place.app, &format!("{open}/proof")).await["code"], "block-open");
    let promise: Promise = key(&place.app).await.open(&promise).unwrap();
    assert_eq!(promise.origin.round.poll, POLL.parse().unwrap());

    for (path, code) in [
        ("/api/polls/none/log", "unknown-poll"),
        ("/api/polls/none/seal", "unknown-poll"),
        ("/api/polls/none/log/1/0/0/checkpoint", "no-tree"),
        ("/api/polls/tea/log/2/0/0/checkpoint", "no-tree"),
        ("/api/polls/tea/log/01/0/0/checkpoint", "no-tree"),
        ("/api/polls/tea/log/1/0/0/tile/0/004", "no-tree"),
        ("/api/polls/tea/log/1/0/0/tile/0/0", "no-tree"),
        ("/api/polls/tea/log/1/0/0/tile/9/000", "no-tree"),
        ("/api/polls/tea/log/1/0/0/tile/0/000.p/256", "no-tree"),
        ("/api/polls/tea/receipts/none/promise", "receipt-unknown"),
    ] {
        let response = app_get(&place.app, path, StatusCode::NOT_FOUND).await;
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.json::<Value>().await.unwrap()["code"], code, "{path}");
    }

    let kept = async |path: &str| {
        let response = app_get(&place.app, path, StatusCode::OK).await;
        response.headers()[CACHE_CONTROL].to_str().unwrap().to_owned()
    };
    assert_eq!(kept("/api/polls/tea/log/1/0/0/tile/0/000").await, "public, max-age=31536000, immutable");
    assert_eq!(kept("/api/polls/tea/log/1/0/0/tile/0/000.p/17").await, "public, max-age=60");
    assert_eq!(kept("/api/polls/tea/log/1/0/0/checkpoint").await, "public, max-age=1");
    assert_eq!(kept(&format!("{open}/promise")).await, "no-store");
    let saved = app_get(&place.app, &format!("{open}/promise"), StatusCode::OK).await;
    assert_eq!(saved.headers()[CONTENT_DISPOSITION], "attachment; filename=\"scrutin-tea-promise.txt\"");

    place.change(&PollChange::Close).await;
    place.change(&PollChange::Publish).await;
    there(&place.app, &poll("published")).await;
    let tag = app_get(&place.app, &poll("published"), StatusCode::OK).await.headers()[ETAG].clone();
    let again = place.app.http.get(place.app.url(&poll("published"))).header(IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!((again.status(), &again.headers()[ETAG]), (StatusCode::NOT_MODIFIED, &tag));
    let head = place.app.http.head(place.app.url(&poll("published"))).send().await.unwrap();
    assert_eq!((head.status(), &head.headers()[ETAG]), (StatusCode::OK, &tag));
}

#[tokio::test]
async fn ballots_that_another_key_publishes_are_another_file() {
    let mut place = ThreePartitions::with(spec()).await;
    (0..9).for_each(|number| drop(place.vote(number, "a")));
    place.change(&PollChange::Close).await;
    place.change(&PollChange::Publish).await;
    let before = there(&place.app, &poll("published")).await;
    let tag = app_get(&place.app, &poll("published"), StatusCode::OK).await.headers()[ETAG].clone();
    let later = place.with_key(Secret::parse(&"z".repeat(32)).unwrap()).await;
    let after = there(&later, &poll("published")).await;
    let lines = |file: &str| file.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert!(before != after && lines(&before) == lines(&after), "the ballots are the same under another signature");
    let again = later.http.get(later.url(&poll("published"))).header(IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    assert_ne!(again.headers()[ETAG], tag);
}

/// A text without what hashes make of it.
fn without_hashes(text: &str) -> String {
    let words = text.split_inclusive(|c: char| c.is_whitespace() || c == '"');
    words.map(|word| if word.len() > 40 { "HASH\n" } else { word }).collect()
}

/// All that anybody can see of a poll while its votes are hidden, and what each voter gets.
async fn seen(place: &ThreePartitions, receipts: &[String]) -> Vec<String> {
    let app = &place.app;
    let mut seen = vec![there(app, &poll("seal")).await, text(app, LOG).await];
    for (path, code) in [("result", "no-result"), ("published", "not-published")] {
        assert_eq!(gone(app, &poll(path)).await["code"], code);
    }
    let mut tally = app.json(&poll("tally")).await;
    assert!(tally["votes"].is_null() && tally["seal"].take().is_object());
    tally["at"] = Value::Null;
    seen.push(tally.to_string());
    for tree in app.json(LOG).await["trees"].as_array().unwrap() {
        let address = tree["address"].as_str().unwrap();
        seen.push(text(app, &format!("{address}/checkpoint")).await);
        for (path, tile) in mirrored(app, address, tree["size"].as_u64().unwrap()).await {
            seen.push(format!("{path}: {} hashes", tile.len()));
        }
    }
    for receipt in receipts {
        let of = poll(&format!("receipts/{receipt}"));
        seen.push(text(app, &format!("{of}/promise")).await);
        // Where a leaf is follows from its hash, and so does the number of hashes on its way.
        let proof = text(app, &format!("{of}/proof")).await;
        seen.push(proof.lines().next().unwrap().to_owned());
    }
    seen.iter().map(|text| without_hashes(text)).collect()
}

#[tokio::test]
async fn before_the_reveal_all_that_is_public_is_the_same_for_other_votes() {
    let mut all = Vec::new();
    for keys in [["a", "b"], ["b", "a"]] {
        let mut place = ThreePartitions::with(hidden()).await;
        let receipts: Vec<_> = (0..300).map(|number| place.vote(number, keys[usize::from(number % 7 == 0)])).collect();
        place.change(&PollChange::Close).await;
        all.push(seen(&place, &receipts[..20]).await);
    }
    assert_eq!(all[0], all[1]);
    assert!(all[0][0].contains("voters 300"), "{}", all[0][0]);
}

#[tokio::test]
async fn nothing_that_a_voter_is_given_opens_the_choice() {
    let mut place = ThreePartitions::with(spec()).await;
    let receipt = place.vote(5, "b");
    let (voter, position) = place.last_ballot();
    place.change(&PollChange::Close).await;
    there(&place.app, &poll("seal")).await;
    let of = poll(&format!("receipts/{receipt}"));
    let promise = text(&place.app, &format!("{of}/promise")).await;
    let origin = key(&place.app).await.open::<Promise>(&promise).unwrap().origin;
    let (mark, blind) = mark_and_blind(&origin.tree(3).digest(), voter, position);
    let given = [
        text(&place.app, &of).await,
        promise,
        text(&place.app, &format!("{of}/proof")).await,
        place.app.page(&format!("/p/tea/receipts/{receipt}")).await,
    ];
    for secret in [mark.as_bytes(), blind.as_bytes()] {
        for written in written(secret) {
            assert!(given.iter().all(|text| !text.contains(&written)), "{written}");
        }
    }
    place.change(&PollChange::Publish).await;
    let file = there(&place.app, &poll("published")).await;
    assert!(file.contains(&format!("{mark},,b,{blind}")), "they are the ones that open it");
}

/// The ways in which bytes could be written: hexadecimal, and base64 from each of three places.
fn written(bytes: &[u8; 16]) -> Vec<String> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    let hex = domain::BallotMark::from_bytes(*bytes).to_string();
    let encoded = (0..3).map(|skipped| {
        let whole = &bytes[skipped..skipped + 12];
        STANDARD_NO_PAD.encode(whole)
    });
    encoded.flat_map(|text| [text.clone(), text.replace('+', "-").replace('/', "_")]).chain([hex]).collect()
}
