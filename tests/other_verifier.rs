//! Another program, in another language, written from `docs/verification.md` alone, comes to the same: on files that
//! hold, on those of servers that lie, and on any that somebody has changed.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use domain::{BallotMark, BallotTerms, Choices, Secret};
use serde_json::Value;
use testkit::published_poll::PublishedPoll;

/// 600 voters in two partitions, of whom some change their votes, and some after a correction.
fn honest() -> PublishedPoll {
    let keys = |voter: u64| ["a", "b", "c", "ab", "bc"][usize::try_from(voter % 5).expect("small")];
    let mut poll = PublishedPoll::of(2, (0..700).map(|ballot| (ballot % 600, keys(ballot))));
    poll.wordings.push(BallotTerms { question: "Thé?\u{2028}“Now”".to_owned(), ..poll.wordings[0].clone() });
    poll.version = 5;
    (590..650).for_each(|voter| poll.cast(voter, keys(voter), 2));
    poll
}

/// A file, what somebody has kept, and what is to come of it.
struct Case {
    name: &'static str,
    file: String,
    kept: Vec<(&'static str, String)>,
    code: i32,
}

fn program(command: &mut Command) -> Output {
    command.output().expect("scripts/install-test-tools made the Python environment")
}

fn python() -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/python/bin/python"));
    command.args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verifier/verify.py")]);
    command
}

fn scrutin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scrutin"));
    command.args(["verify", "--json"]);
    command
}

/// The exit codes of both, and the votes that they have counted where they came so far.
fn both(directory: &Path, case: &Case) -> [(Option<i32>, Option<String>); 2] {
    let path = |name: String| directory.join(name).to_str().expect("a path of letters").to_owned();
    let mut arguments = vec![path("published".to_owned())];
    fs::write(&arguments[0], &case.file).expect("the directory takes files");
    for (index, (kind, text)) in case.kept.iter().enumerate() {
        let value = if *kind == "key" { text.clone() } else { path(format!("kept-{index}")) };
        if *kind != "key" {
            fs::write(&value, text).expect("the directory takes files");
        }
        arguments.extend([format!("--{kind}"), value]);
    }
    let theirs = program(python().args(&arguments));
    let ours = program(scrutin().args(&arguments));
    let printed = String::from_utf8_lossy(&theirs.stdout).into_owned();
    let their_votes = printed.lines().next().and_then(|line| line.strip_prefix("votes ")).map(str::to_owned);
    let json: Value = serde_json::from_slice(&ours.stdout).unwrap_or_default();
    let votes = json["poll"]["votes"].as_array().filter(|votes| !votes.is_empty());
    let our_votes = votes.map(|votes| votes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    [(theirs.status.code(), their_votes), (ours.status.code(), our_votes)]
}

fn case(name: &'static str, code: i32, poll: &PublishedPoll, kept: Vec<(&'static str, String)>) -> Case {
    Case { name, file: poll.file(), kept, code }
}

fn changed(poll: &PublishedPoll, change: impl FnOnce(&mut PublishedPoll)) -> PublishedPoll {
    let mut changed = poll.clone();
    change(&mut changed);
    changed
}

fn honest_cases(honest: &PublishedPoll) -> Vec<Case> {
    let key = honest.key().verifier().to_string();
    let checkpoints = [0, 1, 255, 256, 257].map(|size| ("checkpoint", honest.checkpoint(1, size)));
    let earlier = changed(honest, |earlier| {
        earlier.version = 3;
        earlier.trees.iter_mut().for_each(|tree| tree.truncate(256));
    });
    let begun_anew = changed(honest, |anew| anew.generation = 1_790_000_000_000);
    let rewritten = changed(honest, |poll| {
        poll.wordings.insert(0, BallotTerms { publish: false, max_choices: 1, ..poll.wordings[0].clone() });
        poll.trees.iter_mut().flatten().for_each(|ballot| ballot.wording += 1);
    });
    let other_round = changed(honest, |other| other.round.round = 2);
    vec![
        case("alone", 0, honest, vec![]),
        case("the key", 0, honest, vec![("key", key)]),
        case("a proof", 0, honest, vec![("proof", honest.proof(7)), ("proof", honest.proof(649))]),
        case("a promise", 0, honest, vec![("promise", honest.promise(8))]),
        case("checkpoints", 0, honest, checkpoints.into()),
        case("the seal", 0, honest, vec![("seal", honest.signed_seal())]),
        case("an earlier seal", 0, honest, vec![("seal", earlier.signed_seal())]),
        case("rewritten before the first ballot", 0, &rewritten, vec![]),
        case("no ballots", 0, &PublishedPoll::of(3, []), vec![]),
        case("one ballot", 0, &PublishedPoll::of(1, [(1, "a")]), vec![]),
        case("of a tree that was lost", 2, &begun_anew, vec![("proof", honest.proof(7))]),
        case("of another round", 2, honest, vec![("promise", other_round.promise(7))]),
        case("no proof", 2, honest, vec![("proof", "no proof".to_owned())]),
        case("a proof for a promise", 2, honest, vec![("promise", honest.proof(7))]),
        case("a proof for a checkpoint", 2, honest, vec![("checkpoint", honest.proof(7))]),
        case("a seal for a checkpoint", 2, honest, vec![("checkpoint", honest.signed_seal())]),
        case(
            "a promise behind a byte order mark",
            2,
            honest,
            vec![("promise", format!("\u{feff}{}", honest.promise(7)))],
        ),
    ]
}

fn lying_cases(honest: &PublishedPoll) -> Vec<Case> {
    let (partition, index) = honest.place(300);
    let tree = usize::from(partition);
    let dropped = changed(honest, |lying| {
        lying.trees[tree].remove(index);
    });
    let other_choice = Choices::parse(["c"]).expect("it is a key");
    let choosing = changed(honest, |lying| lying.trees[tree][index].choices = other_choice);
    let added = changed(honest, |lying| lying.cast(9999, "a", 2));
    let twice = changed(honest, |lying| {
        let ballot = lying.trees[tree][index];
        lying.trees[tree].push(ballot);
    });
    let all_count = changed(honest, |lying| lying.trees.iter_mut().flatten().for_each(|ballot| ballot.counts = true));
    let left_out = changed(honest, |lying| lying.trees[tree][index].counts = false);
    let circle = changed(honest, |lying| {
        let ballot = &mut lying.trees[tree][index];
        (ballot.counts, ballot.replaces) = (false, ballot.mark);
    });
    let quiet = changed(honest, |lying| {
        let ballots = lying.trees.iter_mut().flatten();
        ballots.for_each(|ballot| (ballot.replaces, ballot.counts) = (BallotMark::NONE, true));
    });
    let tally = changed(honest, |lying| lying.stated_votes = Some(vec![1, 2, 3]));
    let rewritten = changed(honest, |lying| lying.trees[1].swap(0, 1));
    let other_key = changed(honest, |lying| lying.secret = Secret::parse(&"y".repeat(32)).expect("long enough"));
    let fixed = changed(honest, |lying| lying.wordings.iter_mut().for_each(|terms| terms.changes = false));
    let one_choice = changed(honest, |lying| lying.wordings.iter_mut().for_each(|terms| terms.max_choices = 1));
    let private = changed(honest, |lying| lying.wordings.iter_mut().for_each(|terms| terms.publish = false));
    let rules = changed(honest, |lying| lying.wordings[1].max_choices = 3);
    let later = changed(honest, |later| later.version = 9);
    let one_tree = changed(honest, |lying| lying.trees.truncate(1));
    let of_second = honest.trees[1].iter().find(|ballot| ballot.counts).expect("somebody voted").voter;
    let no_trees = changed(honest, |earlier| {
        earlier.version = 2;
        earlier.trees.clear();
    });
    let begun_anew = changed(honest, |later| later.generation = 1_790_000_000_000);
    let key = honest.key().verifier().to_string();
    vec![
        case("dropped, and nothing kept", 0, &dropped, vec![]),
        case("dropped, and a proof", 1, &dropped, vec![("proof", honest.proof(300))]),
        case("dropped, and a promise", 1, &dropped, vec![("promise", honest.promise(300))]),
        case("changed, and a promise", 1, &choosing, vec![("promise", honest.promise(300))]),
        case("added, and the seal", 1, &added, vec![("seal", honest.signed_seal())]),
        case("added, and nothing kept", 0, &added, vec![]),
        case("counted twice", 1, &twice, vec![]),
        case("replaced ones count", 1, &all_count, vec![]),
        case("left out", 1, &left_out, vec![]),
        case("in a circle", 1, &circle, vec![]),
        case("a replacement kept quiet", 1, &quiet, vec![("proof", honest.proof(20))]),
        case("another tally", 1, &tally, vec![]),
        case("rewritten, and a checkpoint", 1, &rewritten, vec![("checkpoint", honest.checkpoint(1, 1))]),
        case(
            "shrunk, and a checkpoint",
            1,
            &dropped,
            vec![("checkpoint", honest.checkpoint(partition, honest.trees[tree].len()))],
        ),
        case("another key, and the right one", 1, &other_key, vec![("key", key)]),
        case("another key, and a promise", 1, &other_key, vec![("promise", honest.promise(300))]),
        case("changes that are not allowed", 1, &fixed, vec![]),
        case("more choices than are allowed", 1, &one_choice, vec![]),
        case("not for publication", 1, &private, vec![]),
        case("other rules", 1, &rules, vec![]),
        case("a later seal", 1, honest, vec![("seal", later.signed_seal())]),
        case("an earlier seal without trees", 1, honest, vec![("seal", no_trees.signed_seal())]),
        case("a partition left out, and its proof", 1, &one_tree, vec![("proof", honest.proof(of_second))]),
        case("a partition left out, and its promise", 1, &one_tree, vec![("promise", honest.promise(of_second))]),
        case("a partition left out, and its checkpoint", 1, &one_tree, vec![("checkpoint", honest.checkpoint(1, 3))]),
        case("a tree given up, and one of after", 1, honest, vec![("checkpoint", begun_anew.checkpoint(1, 3))]),
    ]
}

#[test]
fn another_program_agrees_on_honest_and_on_lying_servers() {
    let (honest, directory) = (honest(), tempfile::tempdir().expect("a directory"));
    for case in honest_cases(&honest).into_iter().chain(lying_cases(&honest)) {
        let [theirs, ours] = both(directory.path(), &case);
        assert_eq!(theirs, ours, "{}: theirs and ours", case.name);
        assert_eq!(ours.0, Some(case.code), "{}", case.name);
    }
}

#[test]
fn another_program_agrees_on_what_is_written_as_the_format_says() {
    let (poll, directory) = (PublishedPoll::of(1, [(1, "a"), (2, "b")]), tempfile::tempdir().expect("a directory"));
    let file = poll.file();
    let ballot = file.lines().nth(2).expect("there are two");
    let with = |from: &str, to: &str| file.replacen(from, to, 1);
    let changed = |change: fn(&mut PublishedPoll)| changed(&poll, change).file();
    for (name, file, code) in [
        ("a mark of zeros", with(&ballot[..32], &"0".repeat(32)), 1),
        ("one more field", with("\"round\":1", "\"round\":1,\"more\":1"), 1),
        ("a flag that is a number", with("\"changes\":true", "\"changes\":1"), 1),
        ("a large number of choices", changed(|poll| poll.wordings[0].max_choices = 255), 0),
        ("a larger number of choices", with("\"max_choices\":2", "\"max_choices\":256"), 1),
        ("a large version", changed(|poll| poll.version = u64::MAX), 0),
        (
            "no option",
            changed(|poll| poll.wordings.push(BallotTerms { options: vec![], ..poll.wordings[0].clone() })),
            1,
        ),
        ("lines that end otherwise", file.replace('\n', "\r\n"), 1),
        ("an empty line behind the end", format!("{file}\n"), 1),
        ("text behind the end", format!("{file}x"), 1),
        ("no end", with("\nend\n", "\n"), 2),
        ("half an end", with("\nend\n", "\nend"), 2),
        ("a byte order mark", format!("\u{feff}{file}"), 2),
        ("another format", with("published 1", "published 2"), 2),
        ("a page", "<!doctype html>\n<p>Hello".to_owned(), 2),
        ("nothing", String::new(), 2),
    ] {
        let [(theirs, _), (ours, _)] = both(directory.path(), &Case { name, file, kept: vec![], code });
        assert_eq!((theirs, ours), (Some(code), Some(code)), "{name}: theirs and ours");
    }
}

#[test]
fn another_program_agrees_on_files_that_were_changed_or_cut() {
    let (poll, directory) = (PublishedPoll::of(2, (0..12).map(|ballot| (ballot % 9, "b"))), tempfile::tempdir());
    let (file, directory) = (poll.file(), directory.expect("a directory"));
    let whole = Case { name: "whole", file: file.clone(), kept: vec![], code: 0 };
    assert!(both(directory.path(), &whole).iter().all(|(code, _)| *code == Some(0)));
    let length = file.len();
    for step in 0..40 {
        let at = step * length / 40;
        let old = file.as_bytes()[at];
        let new = if old == b'0' { "1" } else { "0" };
        let with = |text: &str| [&file[..at], text, &file[at + 1..]].concat();
        for file in [with(new), with(""), file[..at].to_owned()] {
            let case = Case { name: "changed", file, kept: vec![], code: 0 };
            let [(theirs, _), (ours, _)] = both(directory.path(), &case);
            assert!(theirs != Some(0) && ours != Some(0), "byte {at} of {length}: {theirs:?} and {ours:?}");
        }
    }
}
