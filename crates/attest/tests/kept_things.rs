//! What people have kept, and what they took for it: what is found by it, and what is only told.

mod support;

use domain::{BallotTerms, Choices};
use scrutin_attest::{Evidence, FindingKind, KeptBy, KeptNote, ReceiptFate, Verification, verify};
use support::{check, honest, note};
use testkit::published_poll::PublishedPoll;

#[test]
fn ballots_of_another_poll_than_the_one_asked_for_are_no_answer() {
    let publication = honest();
    let asked = |poll: &str| Evidence { poll: Some(poll.parse().unwrap()), ..Evidence::default() };
    assert!(check(&publication, &asked("tea")).holds());
    let verification = check(&publication, &asked("lunch"));
    assert_eq!((verification.findings, verification.unchecked.len()), (vec![], 1));
}

#[test]
fn what_is_of_another_poll_or_a_lost_tree_is_told_and_no_finding() {
    let honest = honest();
    let mut other = honest.clone();
    other.round.round = 2;
    let evidence = Evidence { promises: note(other.promise(1)), ..Evidence::default() };
    let verification = check(&honest, &evidence);
    assert!(verification.findings.is_empty() && verification.unchecked.len() == 1);
    let mut begun_anew = honest.clone();
    begun_anew.generation = 1_790_000_000_001;
    let evidence = Evidence { proofs: note(honest.proof(1)), ..Evidence::default() };
    let verification = check(&begun_anew, &evidence);
    assert!(!verification.unchecked.is_empty());
    assert!(verification.unchecked[0].to_string().contains("after a loss"), "{}", verification.unchecked[0]);
    let evidence = Evidence { proofs: note("no proof".to_owned()), ..Evidence::default() };
    assert_eq!(check(&honest, &evidence).unchecked.len(), 1);
}

#[test]
fn a_file_that_is_cut_off_is_not_well_and_no_lie() {
    let file = honest().file();
    let evidence = Evidence { promises: note(honest().promise(1)), ..Evidence::default() };
    for end in [0, 10, file.len() / 2, file.len() - 4, file.len() - 1] {
        let verification = verify(&file.as_bytes()[..end], &evidence);
        assert!(verification.findings.is_empty(), "{:?}", verification.findings);
        assert_eq!(verification.unchecked.len(), 2, "the file and the promise: {:?}", verification.unchecked);
    }
    for more in ["\n", "end\n", "x"] {
        let verification = verify((file.clone() + more).as_bytes(), &evidence);
        assert_eq!(verification.findings[0].kind.word(), "malformed");
    }
}

#[test]
fn a_tree_that_was_begun_anew_contradicts_publishing_the_one_before() {
    let honest = honest();
    let begun_anew = PublishedPoll { generation: 1_790_000_000_001, ..honest.clone() };
    let found = |evidence: Evidence| {
        let Verification { findings, unchecked, .. } = check(&honest, &evidence);
        assert_eq!(unchecked, []);
        findings.iter().map(|finding| (finding.kind.word(), finding.kept)).collect::<Vec<_>>()
    };
    let evidence = Evidence { proofs: note(begun_anew.proof(1)), ..Evidence::default() };
    assert_eq!(found(evidence), [("later-tree", KeptBy::Proof)]);
    let evidence = Evidence { promises: note(begun_anew.promise(1)), ..Evidence::default() };
    assert_eq!(found(evidence), [("later-tree", KeptBy::Promise)]);
    let evidence = Evidence { checkpoints: note(begun_anew.checkpoint(1, 0)), ..Evidence::default() };
    assert_eq!(found(evidence), [("later-tree", KeptBy::Checkpoint)]);
}

#[test]
fn an_earlier_seal_is_affirmed_only_where_all_its_trees_fit() {
    let published = PublishedPoll { version: 5, ..PublishedPoll::of(1, [(1, "a"), (2, "b"), (3, "c")]) };
    let earlier = |change: fn(&mut PublishedPoll)| {
        let mut earlier = PublishedPoll { version: 3, ..published.clone() };
        change(&mut earlier);
        let verification = check(&published, &Evidence { seals: note(earlier.signed_seal()), ..Evidence::default() });
        let found: Vec<_> = verification.findings.iter().map(|finding| finding.kind.word()).collect();
        (verification.earlier_seals.len(), found, verification.unchecked.len())
    };
    assert_eq!(earlier(|seal| seal.trees[0].truncate(2)), (1, vec![], 0));
    assert_eq!(earlier(|seal| seal.trees[0].swap(0, 1)), (0, vec!["rewritten"], 0));
    assert_eq!(earlier(|seal| seal.cast(4, "a", 1)), (0, vec!["shrunk"], 0));
    let given_up = PublishedPoll { generation: 1_790_000_000_001, version: 5, ..published.clone() };
    let seals = note(PublishedPoll { version: 3, ..published.clone() }.signed_seal());
    let verification = check(&given_up, &Evidence { seals, ..Evidence::default() });
    assert_eq!((verification.earlier_seals.len(), verification.unchecked.len()), (0, 1), "nothing was compared");
}

#[test]
fn what_is_no_published_file_is_told_and_accuses_nobody() {
    let file = honest().file();
    let later = file.replace("published 1", "published 2");
    let with_mark = format!("\u{feff}{file}");
    let others = ["<!doctype html>", "<!doctype html>\n<title>\n", "{}\n", "\n", "\r\n", &later, &with_mark];
    let long = "x".repeat(5 << 20);
    for other in others.into_iter().chain([long.as_str()]).map(str::as_bytes).chain([&b"\x1f\x8b\x08\n"[..]]) {
        let verification = verify(other, &Evidence::default());
        assert_eq!(verification.findings, [], "{:?}", &other[..other.len().min(20)]);
        let told = verification.unchecked[0].to_string();
        assert_eq!(told, "The published file could not be read: it is not a file of published ballots.");
    }
    let unreadable = [&file.as_bytes()[..100], b"\xff", &file.as_bytes()[101..]].concat();
    assert_eq!(verify(&unreadable[..], &Evidence::default()).findings[0].kind.word(), "malformed");
}

#[test]
fn what_is_given_for_something_else_is_told_and_accuses_nobody() {
    let poll = honest();
    let (proof, promise, seal) = (poll.proof(1), poll.promise(1), poll.signed_seal());
    let checkpoint = poll.checkpoint(0, 1);
    let texts = [proof, promise, checkpoint, seal, poll.signed_result()];
    let given = |kind: usize, text: &str| {
        let mut evidence = Evidence::default();
        let kinds = [&mut evidence.proofs, &mut evidence.promises, &mut evidence.checkpoints, &mut evidence.seals];
        *kinds.into_iter().nth(kind).unwrap() = note(text.to_owned());
        check(&poll, &evidence)
    };
    for kind in 0..4 {
        for (of, text) in texts.iter().enumerate() {
            if kind == of {
                assert!(given(kind, text).holds());
                for spoilt in [format!("\u{feff}{text}"), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
                    let verification = given(kind, &spoilt);
                    let told = (verification.findings.len(), verification.unchecked.len());
                    assert_eq!(told, (0, 1), "{kind}: {spoilt:?}");
                }
            } else {
                let verification = given(kind, text);
                assert_eq!((verification.findings.len(), verification.unchecked.len()), (0, 1), "{kind}: {text}");
            }
        }
    }
}

#[test]
fn a_signature_by_nobodys_key_is_a_contradiction_of_the_file() {
    let poll = honest();
    let file = poll.file();
    let mut header = poll.header();
    header.seal = header.seal.replace("\nvoters 6\n", "\nvoters 5\n");
    let kept = Evidence { key: Some(poll.key().verifier().clone()), ..Evidence::default() };
    let findings = verify(poll.file_below(&header).as_bytes(), &kept).findings;
    assert!(matches!(findings[0].kind, FindingKind::SealNotSigned(_)), "{findings:?}");
    assert_eq!(findings[0].kept, KeptBy::Nobody);
    assert!(verify(file.as_bytes(), &kept).holds());
}

#[test]
fn a_kept_ballot_is_told_with_the_words_it_was_cast_for() {
    let mut poll = PublishedPoll::of(1, [(1, "a"), (2, "a"), (3, "b")]);
    let before = poll.promise(3);
    let swapped = vec!["No".to_owned(), "Yes".to_owned(), "Later".to_owned()];
    poll.wordings.push(BallotTerms { options: swapped, ..poll.wordings[0].clone() });
    poll.cast(2, "a", 2);
    poll.cast(3, "c", 2);
    let [first, second] = [poll.promise(1), poll.promise(2)].map(|text| KeptNote { name: "kept".to_owned(), text });
    let promises = [vec![first, second], note(before)].concat();
    let verification = check(&poll, &Evidence { promises, ..Evidence::default() });
    assert!(verification.holds(), "{:?}", verification.findings);
    let chose_a = ReceiptFate::Counts(Choices::parse(["a"]).unwrap());
    let told: Vec<_> = verification.receipts.iter().map(|receipt| (receipt.fate, receipt.wording)).collect();
    assert_eq!(told, [(chose_a, 0), (chose_a, 1), (ReceiptFate::Replaced, 0)]);
    let published = verification.poll.unwrap();
    assert_eq!(published.options, ["No", "Yes", "Later"]);
    assert_eq!(published.wordings[0].options, ["Yes", "No", "Later"]);
    assert_eq!([0, 1, 2].map(|wording| published.differs(wording)), [true, false, false]);
    assert_eq!(published.count.unwrap().wordings, [3, 2]);
}
