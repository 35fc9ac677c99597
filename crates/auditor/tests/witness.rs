//! A witness at a server that is honest, that answers for less, and that lies.

use std::{fs, path::Path};

use attest::{TilePath, tiles_of};
use domain::{Choices, Digest};
use scrutin_auditor::{PollAddress, PollWitness, WitnessNews};
use testkit::{poll_server::PollServer, published_poll::PublishedPoll};

/// One partition of 700 voters.
fn poll() -> PublishedPoll {
    PublishedPoll::of(1, (0..700).map(|voter| (voter, if voter % 3 == 0 { "a" } else { "b" })))
}

fn witness(server: &PollServer, directory: &Path) -> PollWitness {
    let address = PollAddress::parse(&server.page()).expect("it is a poll's page");
    PollWitness::open(address, directory, None).expect("the server has a key")
}

/// What a look by a witness that has just been started shows, in short.
fn look(server: &PollServer, directory: &Path) -> Vec<String> {
    let short = |news: WitnessNews| match news {
        WitnessNews::Grew { from, to, .. } => format!("{from} to {to}"),
        WitnessNews::BegunAnew { given_up, .. } => format!("anew after {given_up}"),
        WitnessNews::Sealed { version, .. } => format!("seal {version}"),
        WitnessNews::Contradiction(contradiction) => {
            assert_ne!(read(&contradiction.kept), read(&contradiction.seen));
            format!("contradiction of {}", contradiction.of)
        }
        WitnessNews::NotChecked(error) => format!("not checked: {error}"),
    };
    witness(server, directory).look().into_iter().map(short).collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("it was kept")
}

/// All files below a directory, by their paths in it.
fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("it is a directory").map(|entry| entry.expect("it is there").path()) {
            if entry.is_dir() {
                open.push(entry);
            } else {
                let below = entry.strip_prefix(directory).expect("it is below");
                found.push(below.to_str().expect("a path of letters").to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_witness_mirrors_a_tree_that_grows_over_restarts() {
    let poll = poll();
    let server = PollServer::start(poll.clone());
    let directory = tempfile::tempdir().unwrap();
    let tree = "api/polls/tea/log/1/0/0";
    for (size, news) in [(0, "0 to 0"), (100, "0 to 100"), (256, "100 to 256"), (600, "256 to 600")] {
        server.show(poll.clone(), Some(vec![size]));
        assert_eq!(look(&server, directory.path()), [news]);
        assert_eq!(look(&server, directory.path()), [""; 0], "nothing is new");
        for tile in tiles_of(size as u64) {
            let kept = fs::read(directory.path().join(format!("{tree}/tile/{tile}"))).unwrap();
            assert_eq!(Digest::list(&kept).unwrap(), poll.tile(0, tile), "{tile}");
        }
        let checkpoint = fs::read_to_string(directory.path().join(tree).join("checkpoint")).unwrap();
        assert_eq!(checkpoint, poll.checkpoint(0, size));
    }
    server.show(poll.clone(), None);
    assert_eq!(look(&server, directory.path()), ["600 to 700", "seal 3"]);
    assert_eq!(look(&server, directory.path()), [""; 0]);
    let tiles = tiles_of(700).map(|tile| format!("{tree}/tile/{tile}"));
    let others = [".well-known/scrutin-key", "api/polls/tea/log/index.json", "api/polls/tea/seal"].map(str::to_owned);
    let mut expected: Vec<_> = tiles.chain(others).chain([format!("{tree}/checkpoint")]).collect();
    expected.sort();
    assert_eq!(files(directory.path()), expected, "nothing else stays");
}

#[test]
fn a_tile_that_has_become_full_since_the_checkpoint_is_taken_for_it() {
    let poll = poll();
    let server = PollServer::start(poll.clone());
    let directory = tempfile::tempdir().unwrap();
    server.show_with_newer_tiles(poll.clone(), vec![500]);
    assert_eq!(look(&server, directory.path()), ["0 to 500"]);
    let tile = TilePath::in_tree(0, 1, 500).unwrap();
    let kept = read(&directory.path().join(format!("api/polls/tea/log/1/0/0/tile/{tile}")));
    assert_eq!(Digest::list(&kept).unwrap(), poll.tile(0, tile));
}

#[test]
fn a_tree_that_was_begun_anew_is_another_tree() {
    let poll = poll();
    let anew = PublishedPoll { generation: 1_790_000_000_000, ..poll.clone() };
    let server = PollServer::start(poll);
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(look(&server, directory.path()), ["0 to 700", "seal 3"]);
    server.show(anew, Some(vec![300]));
    assert_eq!(look(&server, directory.path()), ["anew after 700", "0 to 300"]);
    assert_eq!(look(&server, directory.path()), [""; 0], "it is told once");
}

#[test]
fn a_tree_that_is_not_listed_any_more_is_told() {
    let poll = PublishedPoll::of(1, [(1, "a"), (2, "b")]);
    let anew = PublishedPoll { generation: 1_790_000_000_000, ..poll.clone() };
    let server = PollServer::start(poll.clone());
    let directory = tempfile::tempdir().unwrap();
    let told = |origin: &str, ballots| {
        let why = format!("the server does not list this tree any more, of which {ballots} ballots were kept");
        [format!("not checked: {origin}: {why}")]
    };
    server.show(poll.clone(), Some(vec![2]));
    assert_eq!(look(&server, directory.path()), ["0 to 2"]);
    server.answer("/api/polls/tea/log", "{\"trees\": []}");
    for _each_look in 0..2 {
        assert_eq!(look(&server, directory.path()), told("scrutin/7b1f/tea/1/0/0", 2));
    }
    server.show(anew, Some(vec![1]));
    assert_eq!(look(&server, directory.path()), ["anew after 2", "0 to 1"]);
    server.show(poll, Some(vec![2]));
    assert_eq!(look(&server, directory.path()), told("scrutin/7b1f/tea/1/0/1790000000000", 1), "nor is an earlier one");
}

#[test]
fn what_is_of_another_tree_or_poll_is_not_taken() {
    let poll = PublishedPoll::of(2, [(1, "a"), (2, "b"), (3, "b"), (4, "b")]);
    let server = PollServer::start(poll.clone());
    let directory = tempfile::tempdir().unwrap();
    server.answer("/api/polls/tea/log/1/0/0/checkpoint", &poll.checkpoint(1, 0));
    let news = look(&server, directory.path());
    assert!(news[0].ends_with("it is of another tree"), "{news:?}");
    assert!(news[1].starts_with("0 to "), "{news:?}");

    let mut other = poll.clone();
    other.round.poll = "coffee".parse().unwrap();
    server.answer("/api/polls/tea/log/1/0/0/checkpoint", &other.checkpoint(0, 0));
    let list = format!("{{\"trees\": [{{\"origin\": \"{}\"}}]}}", other.origin(0));
    for list in [&list, "{}", "no list", "{\"trees\": [{\"origin\": \"../..\"}]}"] {
        server.answer("/api/polls/tea/log", list);
        let news = look(&server, directory.path());
        assert!(matches!(&news[..], [one] if one.starts_with("not checked: ")), "{list}: {news:?}");
    }
    assert!(files(directory.path()).iter().all(|name| !name.contains("coffee")));
}

#[test]
fn a_smaller_tree_that_is_the_beginning_is_no_contradiction() {
    let poll = poll();
    let server = PollServer::start(poll.clone());
    let directory = tempfile::tempdir().unwrap();
    for size in [600, 599, 300, 257, 256, 255, 1, 0, 600] {
        server.show(poll.clone(), Some(vec![size]));
        let news = look(&server, directory.path());
        assert!(news.is_empty() || news == ["0 to 600"], "{size}: {news:?}");
    }
}

#[test]
fn whatever_does_not_begin_as_it_was_is_a_contradiction() {
    let honest = poll();
    let with = |index: usize| {
        let mut lying = honest.clone();
        lying.trees[0][index].choices = Choices::parse(["c"]).unwrap();
        lying
    };
    let server = PollServer::start(honest.clone());
    // In a tile that was full, and in one that was not.
    let sizes = [(40, 41), (40, 200), (40, 300), (40, 513), (290, 300), (290, 301), (290, 512), (290, 700)];
    for (index, size) in sizes {
        let lying = with(index);
        let directory = tempfile::tempdir().unwrap();
        server.show(honest.clone(), Some(vec![300]));
        assert_eq!(look(&server, directory.path()), ["0 to 300"]);
        let kept = files(directory.path());
        server.show(lying, Some(vec![size]));
        let contradiction = ["contradiction of scrutin/7b1f/tea/1/0/0"];
        assert_eq!(look(&server, directory.path()), contradiction, "{index} {size}");
        assert_eq!(look(&server, directory.path()), contradiction, "again, since nothing of it was kept");
        let left = files(directory.path()).into_iter().filter(|name| !name.starts_with("contradictions/"));
        assert_eq!(left.collect::<Vec<_>>(), kept, "the mirror stays as it was");
        server.show(honest.clone(), Some(vec![310]));
        assert_eq!(look(&server, directory.path()), ["300 to 310"]);
    }
}

#[test]
fn two_seals_of_one_close_are_a_contradiction() {
    let honest = PublishedPoll::of(1, [(1, "a"), (2, "b")]);
    let server = PollServer::start(honest.clone());
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(look(&server, directory.path()), ["0 to 2", "seal 3"]);
    let mut lying = honest.clone();
    lying.cast(3, "b", 1);
    server.show(lying.clone(), None);
    let news = look(&server, directory.path());
    assert_eq!(news, ["2 to 3", "contradiction of scrutin/7b1f/tea/1"], "what is added only makes a tree grow");
    lying.version = 5;
    server.show(lying, None);
    assert_eq!(look(&server, directory.path()), ["seal 5"], "after another close that is no contradiction");
    server.show(honest, None);
    assert_eq!(look(&server, directory.path()), [""; 0], "neither is an instance that is behind");
}

#[test]
fn a_seal_whose_trees_are_not_those_that_were_shown_is_a_contradiction() {
    let honest = PublishedPoll::of(1, [(1, "a"), (2, "b"), (3, "b")]);
    let mut lying = honest.clone();
    lying.trees[0][1].choices = Choices::parse(["c"]).unwrap();
    let server = PollServer::start(honest.clone());
    let directory = tempfile::tempdir().unwrap();
    server.answer("/api/polls/tea/seal", &lying.signed_seal());
    let contradiction = "contradiction of scrutin/7b1f/tea/1/0/0";
    assert_eq!(look(&server, directory.path()), ["0 to 3", contradiction]);
    assert_eq!(look(&server, directory.path()), [contradiction], "again, since it was not kept");
    server.show(honest, None);
    assert_eq!(look(&server, directory.path()), ["seal 3"]);
}

#[test]
fn a_seal_of_trees_still_smaller_is_compared_once_they_have_grown() {
    let honest = poll();
    let mut lying = honest.clone();
    lying.trees[0][290].choices = Choices::parse(["c"]).unwrap();
    let later = PublishedPoll { version: 5, ..honest.clone() };
    let server = PollServer::start(honest.clone());
    let contradiction = "contradiction of scrutin/7b1f/tea/1/0/0";
    for (sealed, found) in [(&honest, &[][..]), (&lying, &[contradiction])] {
        // The seal stays, or one of another close takes its place.
        for next in [sealed, &later] {
            let directory = tempfile::tempdir().unwrap();
            let show = |size, seal: &PublishedPoll| {
                server.show(honest.clone(), Some(vec![size]));
                server.answer("/api/polls/tea/seal", &seal.signed_seal());
                look(&server, directory.path())
            };
            assert_eq!(show(300, sealed), ["0 to 300", "seal 3"]);
            let news = show(500, next);
            assert!(news == ["300 to 500"] || news == ["300 to 500", "seal 5"], "{news:?}");
            assert_eq!(show(700, next), [&["500 to 700"], found].concat());
            assert_eq!(show(700, next), found, "at each look");
        }
    }
}

#[test]
fn a_seal_without_a_partition_that_was_shown_is_a_contradiction() {
    let honest = PublishedPoll::of(3, [(1, "a"), (2, "b"), (3, "b"), (4, "b")]);
    let server = PollServer::start(honest.clone());
    let mut lying = honest.seal();
    lying.trees.pop();
    server.answer("/api/polls/tea/seal", &honest.key().sign(&lying));
    let directory = tempfile::tempdir().unwrap();
    let contradictions = ["contradiction of scrutin/7b1f/tea/1/2/0"];
    assert_eq!(look(&server, directory.path())[3..], contradictions);
    assert_eq!(look(&server, directory.path()), contradictions, "again, since it was not kept");
}

#[test]
fn another_seal_of_an_earlier_close_is_a_contradiction_too() {
    let first = PublishedPoll::of(1, [(1, "a"), (2, "b")]);
    let mut second = first.clone();
    second.version = 5;
    second.cast(3, "c", 1);
    let server = PollServer::start(first.clone());
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(look(&server, directory.path()), ["0 to 2", "seal 3"]);
    server.show(second.clone(), None);
    assert_eq!(look(&server, directory.path()), ["2 to 3", "seal 5"]);
    server.answer("/api/polls/tea/seal", &PublishedPoll { version: 3, ..second }.signed_seal());
    assert_eq!(look(&server, directory.path()), ["contradiction of scrutin/7b1f/tea/1"]);
}

#[test]
fn another_key_and_a_server_that_is_away_are_told() {
    let honest = PublishedPoll::of(1, [(1, "a"), (2, "b")]);
    let server = PollServer::start(honest.clone());
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(look(&server, directory.path()).len(), 2);
    let other_key = domain::Secret::parse(&"y".repeat(32)).unwrap();
    server.show(PublishedPoll { secret: other_key, ..honest.clone() }, None);
    let news = look(&server, directory.path());
    assert_eq!(news.len(), 2);
    assert!(news.iter().all(|news| news.contains("not signed with this key")), "{news:?}");
    let other = PublishedPoll::of(1, [(1, "a")]);
    let given = other.key().verifier().clone();
    let address = || PollAddress::parse(&server.page()).unwrap();
    assert!(PollWitness::open(address(), directory.path(), Some(&given)).is_ok(), "the same one");
    let key = PublishedPoll { secret: domain::Secret::parse(&"z".repeat(32)).unwrap(), ..honest }.key();
    assert!(PollWitness::open(address(), directory.path(), Some(key.verifier())).is_err());
    let nowhere = PollAddress::parse("http://127.0.0.1:9/p/tea").unwrap();
    let news = PollWitness::open(nowhere, directory.path(), None).unwrap().look();
    assert!(matches!(news[..], [WitnessNews::NotChecked(_)]), "{news:?}");
}

#[test]
fn tiles_that_are_not_those_of_the_checkpoint_are_not_kept() {
    let honest = poll();
    let server = PollServer::start(honest.clone());
    let directory = tempfile::tempdir().unwrap();
    server.show(honest.clone(), Some(vec![300]));
    assert_eq!(look(&server, directory.path()), ["0 to 300"]);
    let tile = TilePath::in_tree(0, 0, 300).unwrap();
    let file = directory.path().join(format!("api/polls/tea/log/1/0/0/tile/{tile}"));
    fs::write(&file, [7; 32 * 256]).unwrap();
    server.show(honest, Some(vec![400]));
    let news = look(&server, directory.path());
    assert!(news[0].contains("damaged"), "the witness's own disk is no lie of the server: {news:?}");
}
