//! `scrutin verify` and `scrutin witness`, at files and at a server: exit codes, and what they print.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use attest::words;
use domain::Choices;
use serde_json::{Value, json};
use testkit::{poll_server::PollServer, published_poll::PublishedPoll};

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
    assert_eq!(json["findings"][0]["finding"], json!("kept-not-signed"), "a proof is no promise");
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
    assert!(table.starts_with("Tea?\u{fffd}[2J\u{fffd}2J\u{fffd}\n"), "{table:?}");
    assert!(table.ends_with("All holds that can be checked here.\n"), "{table:?}");
}

#[test]
fn what_could_not_be_checked_is_told_with_exit_code_2() {
    let directory = tempfile::tempdir().expect("a directory");
    let whole = honest().file();
    let file = keep(directory.path(), "published", &whole[..whole.len() - 10]);
    let output = scrutin(&["verify", &file]);
    assert_eq!(code(&output), 2);
    assert!(text(&output).contains("NOT CHECKED    The published file could not be read"), "{}", text(&output));
    let nowhere = directory.path().join("nowhere");
    let nowhere = nowhere.to_str().expect("a path of letters");
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
