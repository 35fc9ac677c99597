//! The bytes of what is signed and published, and what is read of them.

use ct_merkle::{HashableLeaf, mem_backed_tree::MemoryBackedTree};
use domain::{BallotMark, Blind, Choices, Digest, Secret, root};
use proptest::prelude::*;
use scrutin_attest::{
    BallotContent, Checkpoint, Consistency, Evidence, GrowingRoot, InclusionProof, NoteText, Promise, ProofError,
    PublishedBallot, PublishedHeader, PublishedTree, ResultNote, Seal, SignedNote, TilePath, consistency,
    root_from_tiles, tiles_of, verify, words,
};
use testkit::published_poll::PublishedPoll;

/// Two voters, of whom one changes his vote, in one partition.
fn small() -> PublishedPoll {
    PublishedPoll::of(1, [(1, "a"), (2, "bc"), (1, "b")])
}

#[test]
fn the_bytes_of_notes_and_of_the_published_file_stay_the_same() {
    let publication = small();
    let golden = concat!(include_str!("golden/header.json"), include_str!("golden/ballots.txt"));
    assert_eq!(publication.file(), golden);
    assert_eq!(publication.promise(1), include_str!("golden/promise.txt"));
    assert_eq!(publication.proof(1), include_str!("golden/proof.txt"));
    assert_eq!(publication.checkpoint(0, 3), include_str!("golden/checkpoint.txt"));
    assert_eq!(words(&publication.seal().digest()).join(" ") + "\n", include_str!("golden/words.txt"));
    assert!(verify(golden.as_bytes(), &Evidence::default()).holds());
}

/// Writes the golden files; what it writes is to be looked at.
#[test]
#[ignore = "writes files"]
fn write_golden_files() {
    let publication = small();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let write = |name: &str, text: String| std::fs::write(format!("{directory}/{name}"), text).unwrap();
    let file = publication.file();
    let (header, ballots) = file.split_once('\n').unwrap();
    write("header.json", header.to_owned() + "\n");
    write("ballots.txt", ballots.to_owned());
    write("promise.txt", publication.promise(1));
    write("proof.txt", publication.proof(1));
    write("checkpoint.txt", publication.checkpoint(0, 3));
    write("words.txt", words(&publication.seal().digest()).join(" ") + "\n");
}

#[test]
fn notes_are_read_as_they_are_written_and_not_otherwise() {
    fn reads_only_itself<T: NoteText + PartialEq + std::fmt::Debug>(signed: &str, publication: &PublishedPoll) {
        let note: T = publication.key().verifier().open(signed).unwrap();
        let text = SignedNote::parse(signed).unwrap().text().to_owned();
        assert_eq!(note.text(), text);
        assert_eq!(publication.key().sign(&note), signed);
        for index in (0..text.len()).filter(|index| text.is_char_boundary(*index)) {
            let added = format!("{}0{}", &text[..index], &text[index..]);
            assert!(T::parse(&added).is_none_or(|read| read.text() == added), "{added}");
            let spaced = format!("{} {}", &text[..index], &text[index..]);
            assert!(T::parse(&spaced).is_none(), "{spaced}");
        }
        assert!(T::parse(&format!("{text}\n")).is_none() && T::parse(text.trim_end()).is_none());
    }
    let publication = small();
    reads_only_itself::<Seal>(&publication.signed_seal(), &publication);
    reads_only_itself::<ResultNote>(&publication.signed_result(), &publication);
    reads_only_itself::<Promise>(&publication.promise(1), &publication);
    reads_only_itself::<Checkpoint>(&publication.checkpoint(0, 2), &publication);
}

#[test]
fn a_seal_names_each_partition_once_and_in_order() {
    let text = PublishedPoll::of(2, [(1, "a"), (2, "b"), (3, "c")]).seal().text();
    assert!(Seal::parse(&text).is_some());
    let (first, rest) = text.split_once("tree 0 ").unwrap();
    for bad in [format!("{first}tree 2 {rest}"), text.replace("tree 1 ", "tree 0 "), text.replace("tree 1 ", "tree 2 ")]
    {
        assert!(Seal::parse(&bad).is_none(), "{bad}");
    }
}

#[test]
fn a_ballot_has_one_line() {
    let (mark, blind, hidden) = ("0a".repeat(16), "0b".repeat(16), "0c".repeat(32));
    let zeros = "0".repeat(32);
    for good in [
        format!("{mark},,ac,{blind}"),
        format!("{mark},{blind},a,{blind},2"),
        format!("{mark},,,{hidden}"),
        format!("{mark},{mark},,{hidden},10"),
    ] {
        assert!(PublishedBallot::parse(&good).is_some(), "{good}");
    }
    for bad in [
        format!("{mark},,ca,{blind}"),
        format!("{mark},,aa,{blind}"),
        format!("{mark},,A,{blind}"),
        format!("{mark},,a,{hidden}"),
        format!("{mark},,,{blind}"),
        format!("{zeros},,a,{blind}"),
        format!("{mark},{zeros},a,{blind}"),
        format!(",,a,{blind}"),
        format!("{mark},,a"),
        format!("{mark},,a,{blind},"),
        format!("{mark},,a,{blind},0"),
        format!("{mark},,a,{blind},1"),
        format!("{mark},,a,{blind},02"),
        format!("{mark},,a,{blind},+2"),
        format!("{mark},,a,{blind},2,"),
        format!("{mark},,a,{blind}").to_uppercase(),
    ] {
        assert!(PublishedBallot::parse(&bad).is_none(), "{bad}");
    }
}

#[test]
fn another_key_does_not_change_the_words() {
    let publication = small();
    let other = PublishedPoll { secret: Secret::parse(&"y".repeat(32)).unwrap(), ..publication.clone() };
    assert_ne!(publication.signed_seal(), other.signed_seal());
    assert_eq!(publication.seal().digest(), other.seal().digest());
}

#[test]
fn a_proof_leads_to_its_own_root_only() {
    let publication = PublishedPoll::of(1, (0..20).map(|voter| (voter, "a")));
    let key = publication.key().verifier().clone();
    for voter in 0..20 {
        let proof = InclusionProof::parse(&publication.proof(voter)).unwrap();
        assert_eq!(proof.check(&key).unwrap().size, 20);
        let other = InclusionProof { index: (proof.index + 1) % 20, ..proof.clone() };
        assert_eq!(other.check(&key), Err(ProofError::AnotherRoot));
        let other = InclusionProof { leaf: Digest::of(b"other"), ..proof.clone() };
        assert_eq!(other.check(&key), Err(ProofError::AnotherRoot));
        let text = proof.to_string();
        for bad in [text.replace("index ", "index 0"), text.replace("@v1", "@v2"), text.replace("extra", "Extra")] {
            assert_eq!(InclusionProof::parse(&bad), Err(ProofError::NotAProof), "{bad}");
        }
    }
}

#[derive(Clone)]
struct Leaf(Vec<u8>);

impl HashableLeaf for Leaf {
    fn hash<H: sha2::digest::Update>(&self, hasher: &mut H) {
        hasher.update(&self.0);
    }
}

#[test]
fn somebody_elses_tree_has_the_same_roots() {
    let mut theirs = MemoryBackedTree::<sha2::Sha256, Leaf>::new();
    let (mut growing, mut leaves) = (GrowingRoot::default(), Vec::new());
    for number in 0_u32..600 {
        let content = number.to_be_bytes().to_vec();
        let leaf = Digest::of(&[&[0], &content[..]].concat());
        theirs.push(Leaf(content));
        growing.push(leaf);
        leaves.push(leaf);
        assert_eq!(growing.root().as_bytes()[..], theirs.root().as_bytes()[..], "{number}");
        assert_eq!(growing.root(), root(&leaves));
    }
}

fn mark() -> impl Strategy<Value = BallotMark> {
    any::<[u8; 16]>().prop_filter("not none", |bytes| *bytes != [0; 16]).prop_map(BallotMark::from_bytes)
}

fn ballot() -> impl Strategy<Value = PublishedBallot> {
    let counts = (1_u32..1 << 26, any::<[u8; 16]>()).prop_map(|(bits, blind)| BallotContent::Counts {
        choices: Choices::from_bits(bits).expect("1 to 26 of them"),
        blind: Blind::from_bytes(blind),
    });
    let replaced = any::<[u8; 32]>().prop_map(|bytes| BallotContent::Replaced { hidden: Digest::from_bytes(bytes) });
    let replaces = prop_oneof![Just(BallotMark::NONE), mark()];
    (mark(), replaces, prop_oneof![counts, replaced], 1_u32..5)
        .prop_map(|(mark, replaces, content, wording)| PublishedBallot { mark, replaces, content, wording })
}

/// How many leaves a tree has, and how many it had before.
fn sizes() -> impl Strategy<Value = (usize, usize)> {
    (1_usize..1500).prop_flat_map(|size| (Just(size), 0..=size))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_ballots_line_says_what_it_was_made_of(ballot in ballot()) {
        prop_assert_eq!(PublishedBallot::parse(&ballot.to_string()), Some(ballot));
    }

    #[test]
    fn what_is_read_is_what_would_be_written(
        ballot in ballot(), at in any::<prop::sample::Index>(), with in "[0-9a-f,+ A-F]{0,2}", cut in 0_usize..3
    ) {
        let mut line = ballot.to_string();
        let at = at.index(line.len());
        line.replace_range(at..(at + cut).min(line.len()), &with);
        if let Some(read) = PublishedBallot::parse(&line) {
            prop_assert_eq!(read.to_string(), line);
        }
    }

    #[test]
    fn trees_grow_by_their_tiles_and_rewritten_ones_are_found(
        (size, before) in sizes(), changed in any::<prop::sample::Index>()
    ) {
        let leaves: Vec<_> = (0..size).map(|number| Digest::of(&number.to_be_bytes())).collect();
        let origin = small().origin(0);
        let at = |leaves: &[Digest], size: usize| {
            Checkpoint { origin: origin.clone(), size: size as u64, root: root(&leaves[..size]) }
        };
        let (old, new) = (at(&leaves, before), at(&leaves, size));
        let mut asked = 0;
        let mut fetch = |tile: TilePath| {
            asked += 1;
            Ok::<_, std::convert::Infallible>(tile_of(&leaves, tile))
        };
        prop_assert_eq!(consistency(&old, &new, &mut fetch).unwrap(), Consistency::Grows);
        prop_assert_eq!(consistency(&new, &old, &mut fetch).unwrap(), Consistency::Grows);
        prop_assert_eq!(root_from_tiles(size as u64, &mut fetch).unwrap(), root(&leaves));
        if before > 0 {
            let mut rewritten = leaves.clone();
            rewritten[changed.index(before)] = Digest::of(b"another");
            let contradiction = consistency(&at(&rewritten, before), &new, &mut fetch).unwrap();
            prop_assert_eq!(contradiction, Consistency::Contradiction);
            let other_tiles = consistency(&old, &at(&rewritten, size), &mut fetch).unwrap();
            let expected = if before == size { Consistency::Contradiction } else { Consistency::OtherTiles };
            prop_assert_eq!(other_tiles, expected);
        }
        prop_assert!(asked < 200, "{} tiles", asked);
    }
}

/// A tile by its definition.
fn tile_of(leaves: &[Digest], tile: TilePath) -> Vec<Digest> {
    let below = 1_usize << (8 * tile.level);
    let number = |number: u64| usize::try_from(number).expect("it is small");
    let first = number(tile.index) * 256 * below;
    leaves[first..first + number(tile.width) * below].chunks(below).map(root).collect()
}

#[test]
fn the_helpers_tiles_are_those_of_the_definition() {
    let publication = PublishedPoll::of(1, (0..300).map(|voter| (voter, "a")));
    let leaves = publication.leaves(0);
    for tile in tiles_of(300) {
        assert_eq!(publication.tile(0, tile), tile_of(&leaves, tile));
    }
}

#[test]
fn header_and_tree_lines_are_read_as_they_are_written_and_not_otherwise() {
    let file = small().file();
    let mut lines = file.lines();
    let header = lines.next().unwrap();
    assert_eq!(PublishedHeader::parse(header).unwrap().to_string(), header);
    for (part, other) in [
        ("\"poll\":", "\"poll\": "),
        ("published 1", "published 2"),
        ("\"round\":1", "\"round\":01"),
        ("\"round\":1", "\"round\":1,\"more\":1"),
    ] {
        assert!(PublishedHeader::parse(&header.replace(part, other)).is_none(), "{other}");
    }
    let tree = lines.next().unwrap();
    assert_eq!(PublishedTree::parse(tree).unwrap().to_string(), tree);
    for bad in ["", "tree 0 1 0", "tree 0 1 0 +3", "tree 0 1 0 03", "tree 0 1 0 3 ", "trees 0 1 0 3"] {
        assert!(PublishedTree::parse(bad).is_none(), "{bad}");
    }
}
