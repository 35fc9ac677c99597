//! A server that lies, with the right key and everything else in order: what finds it is what somebody has kept, and
//! without that nothing is claimed.

mod support;

use domain::{BallotMark, BallotTerms, Choices, Digest, InstallationId, Secret};
use scrutin_attest::{
    Evidence, FindingKind, KeptBy, KeptNote, NoteKey, PollCount, PublishedHeader, ReceiptFate, ResultNote, RoundName,
    Seal, verify, words,
};
use support::{check, honest, note};
use testkit::published_poll::PublishedPoll;

/// What is found, and by what.
fn found(publication: &PublishedPoll, evidence: &Evidence) -> Vec<(&'static str, KeptBy)> {
    let verification = check(publication, evidence);
    assert_eq!(verification.unchecked, []);
    verification.findings.iter().map(|finding| (finding.kind.word(), finding.kept)).collect()
}

/// What is found by whoever has kept nothing.
fn found_by_anybody(publication: &PublishedPoll) -> Vec<&'static str> {
    let found = found(publication, &Evidence::default());
    assert!(found.iter().all(|(_, kept)| *kept == KeptBy::Nobody));
    found.into_iter().map(|(word, _)| word).collect()
}

/// Everything that people can keep of a publication.
fn all_of(publication: &PublishedPoll) -> Evidence {
    let checkpoints = |partition: u16| {
        let size = publication.trees[usize::from(partition)].len();
        (0..=size).map(move |size| publication.checkpoint(partition, size))
    };
    let named = |text| KeptNote { name: "kept".to_owned(), text };
    Evidence {
        poll: Some(publication.round.poll),
        key: Some(publication.key().verifier().clone()),
        proofs: (1..=6).map(|voter| named(publication.proof(voter))).collect(),
        promises: (1..=6).map(|voter| named(publication.promise(voter))).collect(),
        checkpoints: (0..publication.partitions()).flat_map(checkpoints).map(named).collect(),
        seals: note(publication.signed_seal()),
        words: Some(words(&publication.seal().digest())),
    }
}

#[test]
fn an_honest_publication_holds_with_all_that_was_kept() {
    let publication = honest();
    let verification = check(&publication, &all_of(&publication));
    assert!(verification.holds(), "{:?} {:?}", verification.findings, verification.unchecked);
    let poll = verification.poll.unwrap();
    assert!(poll.key_was_given);
    assert_eq!(poll.count, Some(PollCount { ballots: 7, voters: 6, votes: vec![4, 2, 1], wordings: vec![7] }));
    let chose = |key| ReceiptFate::Counts(Choices::parse([key]).unwrap());
    let fates: Vec<_> = verification.receipts.iter().take(4).map(|receipt| receipt.fate).collect();
    assert_eq!(fates, [chose("a"), chose("a"), chose("a"), chose("c")]);
    assert!(!check(&publication, &Evidence::default()).poll.unwrap().key_was_given);
}

#[test]
fn a_replaced_ballot_is_told_to_its_voter_and_stays_closed() {
    let before = PublishedPoll::of(1, [(1, "a"), (2, "b")]);
    let after = PublishedPoll::of(1, [(1, "a"), (2, "b"), (2, "a")]);
    let evidence = Evidence { promises: note(before.promise(2)), ..Evidence::default() };
    let verification = check(&after, &evidence);
    assert!(verification.holds(), "{:?}", verification.findings);
    assert_eq!(verification.receipts[0].fate, ReceiptFate::Replaced);
}

#[test]
fn a_ballot_dropped_after_counting_is_found_by_its_voter_or_a_screen() {
    let honest = honest();
    let mut lying = honest.clone();
    let (partition, index) = lying.place(4);
    lying.trees[usize::from(partition)].remove(index);
    assert_eq!(found_by_anybody(&lying), [""; 0]);

    let evidence = Evidence { promises: note(honest.promise(4)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("ballot-missing", KeptBy::Promise)]);
    let evidence = Evidence { proofs: note(honest.proof(4)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("shrunk", KeptBy::Proof), ("ballot-missing", KeptBy::Proof)]);
    let size = honest.trees[usize::from(partition)].len();
    let evidence = Evidence { checkpoints: note(honest.checkpoint(partition, size)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("shrunk", KeptBy::Checkpoint)]);
}

#[test]
fn a_partition_left_out_is_found_by_whoever_has_kept_anything_of_it() {
    let honest = honest();
    let mut lying = honest.clone();
    lying.trees.pop();
    for ballot in &mut lying.trees[0] {
        (ballot.replaces, ballot.counts) = (BallotMark::NONE, true);
    }
    assert_eq!(found_by_anybody(&lying), [""; 0]);
    let voter = (1..=6).find(|voter| honest.place(*voter).0 == 1).unwrap();
    let evidence = Evidence { promises: note(honest.promise(voter)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("partition-missing", KeptBy::Promise)]);
    let evidence = Evidence { proofs: note(honest.proof(voter)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("partition-missing", KeptBy::Proof)]);
    let evidence = Evidence { checkpoints: note(honest.checkpoint(1, 0)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("partition-missing", KeptBy::Checkpoint)]);
    let evidence = Evidence { seals: note(honest.signed_seal()), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("two-seals", KeptBy::Seal)]);
    // Of a later close.
    lying.version += 1;
    assert_eq!(found(&lying, &evidence), [("other-partitions", KeptBy::Seal)]);
}

#[test]
fn a_changed_ballot_is_found_by_its_voter_or_a_screen() {
    let honest = honest();
    let mut lying = honest.clone();
    let (partition, index) = lying.place(4);
    lying.trees[usize::from(partition)][index].choices = Choices::parse(["b"]).unwrap();
    assert_eq!(found_by_anybody(&lying), [""; 0]);

    let evidence = Evidence { promises: note(honest.promise(4)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("ballot-missing", KeptBy::Promise)]);
    let size = honest.trees[usize::from(partition)].len();
    let evidence = Evidence { checkpoints: note(honest.checkpoint(partition, size)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("rewritten", KeptBy::Checkpoint)]);
}

#[test]
fn other_words_than_a_ballot_was_cast_for_are_found_by_its_voter() {
    let honest = honest();
    let mut lying = honest.clone();
    lying.wordings[0].options.swap(0, 1);
    assert_eq!(found_by_anybody(&lying), [""; 0]);
    let evidence = Evidence { promises: note(honest.promise(4)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("ballot-missing", KeptBy::Promise)]);
}

#[test]
fn a_ballot_changed_after_the_seal_was_signed_is_found_by_anybody() {
    let honest = honest();
    let (partition, index) = honest.place(4);
    let opened = honest.trees[usize::from(partition)][index].published().to_string();
    let file = honest.file().replace(&opened, &opened.replace(",c,", ",b,"));
    let verification = verify(file.as_bytes(), &Evidence::default());
    let words: Vec<_> = verification.findings.iter().map(|finding| finding.kind.word()).collect();
    assert_eq!(words, ["other-root", "votes-differ", "votes-differ"]);
}

#[test]
fn a_ballot_added_after_the_close_is_found_by_the_seal_or_its_words() {
    let honest = honest();
    let mut lying = honest.clone();
    lying.cast(99, "b", 1);
    lying.close();
    assert_eq!(found_by_anybody(&lying), [""; 0]);
    let evidence = Evidence { seals: note(honest.signed_seal()), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("two-seals", KeptBy::Seal)]);
    let evidence = Evidence { words: Some(words(&honest.seal().digest())), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("other-words", KeptBy::Words)]);
    // The voters' own ballots are all there, so they find nothing.
    let evidence = Evidence { promises: all_of(&honest).promises, ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), []);
}

#[test]
fn a_ballot_counted_twice_is_found_by_anybody() {
    let mut lying = honest();
    let (partition, index) = lying.place(4);
    let tree = &mut lying.trees[usize::from(partition)];
    tree.push(tree[index]);
    assert_eq!(found_by_anybody(&lying), ["mark-twice"]);

    // A ballot that was replaced, and counts all the same.
    let mut lying = honest();
    lying.trees.iter_mut().flatten().for_each(|ballot| ballot.counts = true);
    assert_eq!(found_by_anybody(&lying), ["replaced-counts", "voters-differ"]);
}

#[test]
fn a_replacement_that_is_kept_quiet_is_found_by_its_voter() {
    let honest = honest();
    let mut lying = honest.clone();
    for ballot in lying.trees.iter_mut().flatten() {
        (ballot.replaces, ballot.counts) = (BallotMark::NONE, true);
    }
    assert_eq!(found_by_anybody(&lying), [""; 0]);
    let evidence = Evidence { proofs: note(honest.proof(2)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("rewritten", KeptBy::Proof), ("ballot-missing", KeptBy::Proof)]);
}

#[test]
fn ballots_that_are_left_out_or_run_in_a_circle_are_found_by_anybody() {
    let mut lying = honest();
    let (partition, index) = lying.place(4);
    lying.trees[usize::from(partition)][index].counts = false;
    assert_eq!(found_by_anybody(&lying), ["left-out", "voters-differ"]);

    let mut lying = honest();
    let (partition, index) = lying.place(4);
    let ballot = &mut lying.trees[usize::from(partition)][index];
    (ballot.counts, ballot.replaces) = (false, ballot.mark);
    assert_eq!(found_by_anybody(&lying), ["circle"]);
}

#[test]
fn a_result_that_differs_from_the_ballots_is_found_by_anybody() {
    let mut lying = honest();
    lying.stated_votes = Some(vec![4, 3, 0]);
    let findings = check(&lying, &Evidence::default()).findings;
    let kinds: Vec<_> = findings.into_iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::VotesDiffer(1, 3, 2), FindingKind::VotesDiffer(2, 0, 1)]);
    lying.stated_votes = Some(vec![4, 2]);
    assert_eq!(found_by_anybody(&lying), ["options-differ"]);
}

#[test]
fn a_history_that_is_written_anew_is_found_by_a_checkpoint() {
    let honest = honest();
    let mut lying = honest.clone();
    let partition = lying.trees.iter().position(|tree| tree.len() > 2).unwrap();
    lying.trees[partition].swap(0, 1);
    assert_eq!(found_by_anybody(&lying), [""; 0]);
    let partition = u16::try_from(partition).unwrap();
    let evidence = Evidence { checkpoints: note(honest.checkpoint(partition, 1)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [("rewritten", KeptBy::Checkpoint)]);
    let evidence = Evidence { checkpoints: note(honest.checkpoint(partition, 0)), ..Evidence::default() };
    assert_eq!(found(&lying, &evidence), [], "an empty tree says nothing");
}

#[test]
fn two_results_for_two_audiences_are_found_by_words_or_seal() {
    let one = honest();
    let other = PublishedPoll::of(2, [(1, "b"), (2, "b"), (3, "b"), (4, "c"), (5, "ab"), (6, "b")]);
    assert_eq!(found_by_anybody(&one), [""; 0]);
    assert_eq!(found_by_anybody(&other), [""; 0]);
    let kept = Evidence { words: Some(words(&one.seal().digest())), ..Evidence::default() };
    assert_eq!(found(&one, &kept), []);
    assert_eq!(found(&other, &kept), [("other-words", KeptBy::Words)]);
    let kept = Evidence { seals: note(one.signed_seal()), ..Evidence::default() };
    assert_eq!(found(&other, &kept), [("two-seals", KeptBy::Seal)]);
}

#[test]
fn an_earlier_seal_is_no_fault_if_the_trees_begin_with_its_own() {
    let first = PublishedPoll::of(1, [(1, "a"), (2, "b")]);
    let mut second = first.clone();
    second.version = 5;
    second.cast(3, "c", 1); // behind the block that the first close has ended
    let kept = Evidence { seals: note(first.signed_seal()), ..Evidence::default() };
    let verification = check(&second, &kept);
    assert!(verification.holds(), "{:?}", verification.findings);
    assert_eq!(verification.earlier_seals, ["kept"]);
    let later = Evidence { seals: note(second.signed_seal()), ..Evidence::default() };
    assert_eq!(found(&first, &later), [("later-seal", KeptBy::Seal)]);
    second.trees[0].swap(0, 1);
    assert_eq!(found(&second, &kept), [("rewritten", KeptBy::Seal)]);
}

#[test]
fn another_key_is_found_by_who_has_kept_the_right_one() {
    let honest = honest();
    let lying = PublishedPoll { secret: Secret::parse(&"y".repeat(32)).unwrap(), ..honest.clone() };
    assert_eq!(found_by_anybody(&lying), [""; 0]);
    let kept = Evidence { key: Some(honest.key().verifier().clone()), ..Evidence::default() };
    let words = ["other-key", "seal-not-signed", "result-not-signed"];
    assert_eq!(found(&lying, &kept), words.map(|word| (word, KeptBy::Key)), "the file does not contradict itself");
    let kept = Evidence { promises: note(honest.promise(1)), ..Evidence::default() };
    assert_eq!(found(&lying, &kept), [("kept-not-signed", KeptBy::Promise)]);
}

#[test]
fn what_breaks_the_rules_of_the_poll_is_found_by_anybody() {
    let with = |change: fn(&mut PublishedPoll)| {
        let mut publication = honest();
        change(&mut publication);
        found_by_anybody(&publication)[0]
    };
    assert_eq!(with(|lying| lying.wordings[0].changes = false), "changed-though-final");
    assert_eq!(with(|lying| lying.wordings[0].max_choices = 1), "choices-unfit");
    assert_eq!(with(|lying| lying.wordings[0].options.truncate(2)), "choices-unfit");
    assert_eq!(with(|lying| lying.wordings[0].publish = false), "not-for-publication");
    let other_rules = |lying: &mut PublishedPoll| {
        lying.wordings.push(BallotTerms { max_choices: 3, ..lying.wordings[0].clone() });
    };
    assert_eq!(with(other_rules), "rules-differ");
}

#[test]
fn what_was_rewritten_before_the_first_ballot_may_have_had_other_rules() {
    let mut poll = PublishedPoll::of(1, [(1, "ab")]);
    let first = BallotTerms { max_choices: 1, changes: false, publish: false, ..poll.wordings[0].clone() };
    poll.wordings.insert(0, first);
    poll.trees[0][0].wording = 2;
    assert_eq!(found_by_anybody(&poll), [""; 0]);
}

#[test]
fn statements_that_do_not_belong_together_are_found_by_anybody() {
    let honest = honest();
    let key = honest.key();
    let with = |header: PublishedHeader| {
        let findings = verify(honest.file_below(&header).as_bytes(), &Evidence::default()).findings;
        findings.into_iter().map(|finding| finding.kind.word()).collect::<Vec<_>>()
    };
    // The result follows each seal, so that only the seal is wrong.
    let sealed = |change: fn(&mut Seal)| {
        let mut seal = honest.seal();
        change(&mut seal);
        let result = ResultNote { round: honest.round.clone(), seal: seal.digest(), votes: honest.votes() };
        with(PublishedHeader { seal: key.sign(&seal), result: key.sign(&result), ..honest.header() })
    };
    assert_eq!(sealed(|_| ()), [""; 0]);
    assert_eq!(sealed(|seal| seal.ballots += 1), ["ballots-differ"]);
    assert_eq!(sealed(|seal| seal.voters -= 1), ["voters-differ"]);
    assert_eq!(sealed(|seal| seal.round.round = 2), ["seal-of-another"]);
    assert_eq!(sealed(|seal| seal.wording = Digest::of(b"other")), ["wording-missing"]);
    assert_eq!(sealed(|seal| seal.trees[1].root = Digest::of(b"other")), ["other-root"]);
    assert_eq!(sealed(|seal| seal.trees[1].generation = 7), ["tree-of-another"]);

    let result = |round, seal| {
        let note = ResultNote { round, seal, votes: honest.votes() };
        with(PublishedHeader { result: key.sign(&note), ..honest.header() })
    };
    assert_eq!(result(honest.round.clone(), Digest::of(b"other")), ["result-of-another"]);
    assert_eq!(result(RoundName { round: 2, ..honest.round.clone() }, honest.seal().digest()), ["result-of-another"]);

    let other_name = NoteKey::new(&honest.secret, &InstallationId::new("other"));
    let renamed = PublishedHeader {
        key: other_name.verifier().clone(),
        seal: other_name.sign(&honest.seal()),
        result: other_name.sign(&ResultNote {
            round: honest.round.clone(),
            seal: honest.seal().digest(),
            votes: honest.votes(),
        }),
        ..honest.header()
    };
    assert_eq!(with(renamed), ["key-name", "seal-not-signed", "result-not-signed"]);
    let honest_result = ResultNote { round: honest.round.clone(), seal: honest.seal().digest(), votes: vec![] };
    let nothing_sealed = PublishedHeader { seal: key.sign(&honest_result), ..honest.header() };
    assert_eq!(with(nothing_sealed), ["seal-not-signed"]);

    for options in [0, 27] {
        let wordings = vec![BallotTerms { options: vec!["x".to_owned(); options], ..honest.wordings[0].clone() }];
        assert_eq!(with(PublishedHeader { wordings, ..honest.header() }), ["malformed"]);
    }

    let three = honest.file().replace("\ntree 1 2 ", "\ntree 1 3 ");
    let findings = verify(three.as_bytes(), &Evidence::default()).findings;
    assert_eq!(findings[0].kind.word(), "tree-of-another");
}

#[test]
fn ballots_are_checked_by_the_words_they_were_cast_for() {
    let mut publication = PublishedPoll::of(1, [(1, "a")]);
    publication.wordings.push(BallotTerms { question: "Tea now?".to_owned(), ..publication.wordings[0].clone() });
    publication.cast(2, "b", 2);
    let verification = check(&publication, &Evidence::default());
    assert!(verification.holds(), "{:?}", verification.findings);
    let poll = verification.poll.unwrap();
    assert_eq!((&*poll.question, poll.differs(0), poll.differs(1)), ("Tea now?", true, false));
    assert_eq!(poll.count.unwrap().wordings, [1, 1]);
    let file = publication.file();
    let second = publication.trees[0][1].published().to_string();
    let with = |line: &str| {
        let file = file.replace(&second, line);
        verify(file.as_bytes(), &Evidence::default()).findings[0].kind.word()
    };
    let without_number = second.strip_suffix(",2").unwrap();
    assert_eq!(with(without_number), "other-root");
    assert_eq!(with(&format!("{without_number},3")), "no-such-wording");
}
