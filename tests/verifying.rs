//! `scrutin verify` and `scrutin witness`, at files and at a server: exit codes, and what they print.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use attest::words;
use domain::Choices;
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne, poll_server::PollServer, programs::ORGANISER_TOKEN, published_poll::PublishedPoll, wait,
};

/// Ten ballots in two partitions.
fn honest() -> PublishedPoll {
    let ballots = [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "ab"), (2, "a"), (6, "b"), (7, "b"), (8, "b"), (8, "c")];
    PublishedPoll::of(2, ballots)
}

/// The same with one ballot changed, and everything signed again.
fn lying() -> PublishedPoll {
    let mut lying = honest();
    let (partition, index) = lying.place(4);
    lying.trees[usize::from(partition)][index].choices = Choices::parse(["b"]).expect("it is a key");
    lying
}

fn scrutin(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scrutin")).args(arguments).output().expect("the program runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

fn keep(directory: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = directory.join(name);
    fs::write(&path, text).expect("the directory takes files");
    path.to_str().expect("a path of letters").to_owned()
}

#[test]
fn what_holds_is_told_in_a_table_and_with_exit_code_0() {
    let (poll, directory) = (honest(), tempfile::tempdir().expect("a directory"));
    let file = keep(directory.path(), "published", &poll.file());
    let proof = keep(directory.path(), "proof", &poll.proof(4));
    let key = keep(directory.path(), "key", &format!("{}\n", poll.key().verifier()));
    let output = scrutin(&["verify", &file, "--proof", &proof, "--key", &key]);
    let table = text(&output);
    assert_eq!(code(&output), 0, "{table}");
    let words = words(&poll.seal().digest()).join(" ");
    for part in ["Tea?\n", "ballots  10, of 8 voters\n", "  a 4  Yes\n", "it counts, for: Later", "as given", &words] {
        assert!(table.contains(part), "{part:?} in\n{table}");
    }
    assert!(table.ends_with("All holds that can be checked here.\n"), "{table}");
}

#[test]
fn what_does_not_hold_is_told_with_exit_code_1_and_who_had_kept_what() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = keep(directory.path(), "published", &lying().file());
    let proof = keep(directory.path(), "proof", &honest().proof(4));
    let output = scrutin(&["verify", &file, "--proof", &proof]);
    assert_eq!(code(&output), 1);
    let table = text(&output);
    assert!(table.contains("is not among the published ones. (ballot-missing: a voter had kept the proof"), "{table}");
    let json: Value = serde_json::from_str(&text(&scrutin(&["verify", "--json", &file, "--promise", &proof])))
        .expect("it prints JSON");
    assert_eq!(json["holds"], false);
    assert_eq!(json["findings"], json!([]), "a proof is no promise, and that accuses nobody");
    let words = words(&honest().seal().digest()).join(" ");
    let output = scrutin(&["verify", "--json", &file, "--words", &words]);
    assert_eq!(code(&output), 1);
    let json: Value = serde_json::from_str(&text(&output)).expect("it prints JSON");
    assert_eq!(json["findings"][0]["finding"], json!("other-words"));
    assert_eq!(json["findings"][0]["kept"], json!("words"));
    assert_eq!(json["poll"]["votes"], json!([4, 4, 1]));
    let output = scrutin(&["verify", &file]);
    assert_eq!(code(&output), 0, "nobody who has kept nothing finds it: {}", text(&output));
}

#[test]
fn a_published_file_does_not_steer_the_terminal() {
    let (mut poll, directory) = (honest(), tempfile::tempdir().expect("a directory"));
    poll.wordings[0].question = "Tea?\u{1b}[2J\u{9b}2J\r".to_owned();
    let file = keep(directory.path(), "published", &poll.file());
    let table = text(&scrutin(&["verify", &file]));
    assert!(table.starts_with("question Tea?\u{fffd}[2J\u{fffd}2J\u{fffd}\n"), "{table:?}");
    assert!(table.ends_with("All holds that can be checked here.\n"), "{table:?}");
}

#[test]
fn a_question_or_an_option_is_no_line_of_its_own() {
    let (mut poll, directory) = (honest(), tempfile::tempdir().expect("a directory"));
    poll.wordings[0].question = "Tea?\nkept: the ballot is there; it counts, for: Yes".to_owned();
    poll.wordings[0].options[1] = "No\nAll holds that can be checked here.\u{202e}".to_owned();
    poll.stated_votes = Some(vec![0, 0, 0]);
    let file = keep(directory.path(), "published", &poll.file());
    let table = text(&scrutin(&["verify", &file]));
    assert!(table.starts_with("question Tea? kept: the ballot is there; it counts, for: Yes\npoll "), "{table:?}");
    assert!(table.contains(" No All holds that can be checked here.\u{fffd}\n"), "{table:?}");
    assert!(table.ends_with("Something does not hold.\n"), "{table:?}");
}

#[test]
fn ballots_for_other_words_than_those_of_the_close_are_told() {
    let (mut poll, directory) = (PublishedPoll::of(1, [(1, "a"), (2, "a"), (3, "b")]), tempfile::tempdir());
    let directory = directory.expect("a directory");
    let promise = keep(directory.path(), "promise", &poll.promise(1));
    let check = |poll: &PublishedPoll| {
        let file = keep(directory.path(), "published", &poll.file());
        let table = scrutin(&["verify", &file, "--promise", &promise]);
        assert_eq!(code(&table), 0, "{}", text(&table));
        let json = text(&scrutin(&["verify", "--json", &file, "--promise", &promise]));
        (text(&table), serde_json::from_str::<Value>(&json).expect("it prints JSON"))
    };
    let (table, json) = check(&poll);
    assert!(table.contains("it counts, for: Yes\n") && !table.contains("wording"), "{table}");
    assert_eq!(json["poll"]["wordings_used"], 1);
    let swapped = ["No", "Yes", "Later"].map(str::to_owned).into();
    poll.wordings.push(domain::BallotTerms { options: swapped, ..poll.wordings[0].clone() });
    poll.cast(4, "a", 2);
    let (table, json) = check(&poll);
    let lines = [
        "wordings 2 were used; a vote for a letter counts for it, whatever words it was cast for",
        "   1: 3 ballots  Tea?  a Yes, b No, c Later",
        "   2: 1 ballots  Tea?  a No, b Yes, c Later (the words of the close)",
        "it counts; it was cast for wording 1, “Tea?”, for: Yes; at the close that is: No",
    ];
    assert!(lines.iter().all(|line| table.contains(&format!("{line}\n"))), "{table}");
    assert_eq!(json["poll"]["wordings_used"], 2);
    assert_eq!(json["poll"]["wordings"][0]["ballots"], 3);
    assert_eq!(json["poll"]["wordings"][0]["words_differ"], true);
    let receipt = &json["receipts"][0];
    assert_eq!(
        (&receipt["wording"], &receipt["words_differ"], &receipt["chosen"]),
        (&json!(1), &json!(true), &json!(["Yes"]))
    );
}

#[test]
fn what_could_not_be_checked_is_told_with_exit_code_2() {
    let directory = tempfile::tempdir().expect("a directory");
    let whole = honest().file();
    let file = keep(directory.path(), "published", &whole[..whole.len() - 10]);
    let output = scrutin(&["verify", &file]);
    assert_eq!(code(&output), 2);
    let table = text(&output);
    assert!(table.contains("NOT CHECKED    The published file could not be read"), "{table}");
    assert!(table.contains("ballots  not counted: the file could not be read to its end\n"), "{table}");
    let json: Value = serde_json::from_str(&text(&scrutin(&["verify", "--json", &file]))).expect("it prints JSON");
    assert_eq!((&json["poll"]["ballots"], &json["poll"]["votes"]), (&Value::Null, &Value::Null), "nothing is counted");
    let nowhere = directory.path().join("nowhere");
    let nowhere = nowhere.to_str().expect("a path of letters");
    let page = keep(directory.path(), "page.html", "<!doctype html>\n<title>Tea?</title>\n");
    let output = scrutin(&["verify", &page]);
    assert_eq!(code(&output), 2);
    assert!(text(&output).contains("it is not a file of published ballots"), "{}", text(&output));
    for arguments in
        [&["verify", nowhere][..], &["verify", "http://127.0.0.1:9/p/tea"], &["verify", &file, "--key", "x"]]
    {
        let output = scrutin(arguments);
        assert_eq!((code(&output), output.stdout.len()), (2, 0), "{arguments:?}");
        assert!(output.stderr.starts_with(b"scrutin verify: "), "{arguments:?}");
    }
}

#[test]
fn the_address_of_the_page_and_of_the_file_are_enough() {
    let server = PollServer::start(honest());
    let page = server.page();
    let file = page.replace("/p/tea", "/api/polls/tea/published");
    for address in [page.clone(), format!("{page}/check#0a"), file] {
        let output = scrutin(&["verify", &address]);
        assert_eq!(code(&output), 0, "{address}: {}", text(&output));
    }
    server.show(honest(), Some(vec![0, 0]));
    assert_eq!(code(&scrutin(&["verify", &page])), 2, "it is not published");
}

#[test]
fn the_ballots_of_another_poll_are_not_those_that_were_asked_for() {
    let server = PollServer::start(honest());
    let page = server.page().replace("/p/tea", "/p/lunch");
    server.answer("/api/polls/lunch/published", &honest().file());
    let output = scrutin(&["verify", &page]);
    assert_eq!(code(&output), 2, "{}", text(&output));
    let table = text(&output);
    assert!(table.contains("NOT CHECKED    The ballots of the poll lunch were asked for"), "{table}");
    assert!(table.ends_with("Not everything could be checked.\n"), "{table}");
    let json: Value = serde_json::from_str(&text(&scrutin(&["verify", "--json", &page]))).expect("it prints JSON");
    assert_eq!(json["holds"], false);
}

#[test]
fn a_witness_keeps_what_verify_can_use_and_ends_at_a_contradiction() {
    let server = PollServer::start(honest());
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().to_str().expect("a path of letters");
    let witness = ["witness", &server.page(), "--directory", kept];
    let once = [&witness[..], &["--once"]].concat();
    let output = scrutin(&once);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("closed with version 3: "), "{}", text(&output));

    let (partition, _) = honest().place(4);
    let checkpoint = format!("{kept}/api/polls/tea/log/1/{partition}/0/checkpoint");
    let file = keep(directory.path(), "published", &lying().file());
    let output = scrutin(&["verify", &file, "--checkpoint", &checkpoint]);
    assert_eq!(code(&output), 1);
    assert!(text(&output).contains("a screen or a witness had kept a checkpoint"), "{}", text(&output));

    let running = Command::new(env!("CARGO_BIN_EXE_scrutin"))
        .args([&witness[..], &["--every", "100ms"]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    server.show(lying(), None);
    let output = running.wait_with_output().expect("it ends at the contradiction");
    assert_eq!(code(&output), 1);
    assert!(text(&output).starts_with("CONTRADICTION: "), "{}", text(&output));
}

/// Everything that a voter and somebody elsewhere can have of a real server.
#[tokio::test(flavor = "multi_thread")]
async fn the_all_in_one_is_checked_from_what_it_serves() {
    let data = tempfile::tempdir().expect("a directory");
    let server = AllInOne::start_with(data.path(), [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    let (vote, result, http) = (server.vote_url(), server.result_url(), reqwest::Client::new());
    let organise = async |path: &str, body: Value| {
        let request = http.post(format!("{vote}/api/polls{path}")).bearer_auth(ORGANISER_TOKEN).json(&body);
        assert!(request.send().await.expect("it answers").status().is_success(), "{path}");
    };
    organise("", json!({"id": "tea", "question": "Tea?", "options": ["Yes", "No"], "publish": true})).await;
    let mut receipt = String::new();
    for keys in [["a"], ["b"], ["b"]] {
        let cast = http.post(format!("{vote}/api/polls/tea/ballots")).json(&json!({"choices": keys}));
        let cast: Value = cast.send().await.expect("it answers").json().await.expect("JSON");
        receipt = cast["receipt"].as_str().expect("a receipt").to_owned();
    }
    organise("/tea/close", json!({})).await;
    let proof = wait::until("the proof", async || {
        let asked = http.get(format!("{result}/api/polls/tea/receipts/{receipt}/proof")).send().await.ok()?;
        if asked.status().is_success() { asked.text().await.ok() } else { None }
    });
    let proof = keep(data.path(), "proof", &proof.await);
    let seal = http.get(format!("{result}/api/polls/tea/seal")).send().await.expect("it answers");
    let seal = keep(data.path(), "seal", &seal.text().await.expect("a text"));
    let key = http.get(format!("{vote}/.well-known/scrutin-key")).send().await.expect("it answers");
    let key = keep(data.path(), "key", &key.text().await.expect("a text"));
    organise("/tea/publish", json!({})).await;
    let published = format!("{result}/api/polls/tea/published");
    wait::until_true("publication", async || {
        http.get(&published).send().await.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    let page = format!("{result}/p/tea");
    let arguments = ["verify", &page, "--proof", &proof, "--seal", &seal, "--key", &key].map(str::to_owned);
    let checked = tokio::task::spawn_blocking(move || scrutin(&arguments.each_ref().map(String::as_str)));
    let output = checked.await.expect("it ends");
    let table = text(&output);
    assert_eq!(code(&output), 0, "{table}");
    assert!(table.contains("ballots  3, of 3 voters") && table.contains("it counts, for: No"), "{table}");
}
