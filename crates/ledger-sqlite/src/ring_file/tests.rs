//! What a ring file keeps, and what it reports about lost slots.

use std::{fs::OpenOptions, path::PathBuf};

use super::*;

/// The path of a ring file in its own directory.
fn ring() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db.waiting");
    (directory, path)
}

fn open(path: &Path) -> Result<RingFile, StoreError> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).unwrap();
    RingFile::new(file, || Ok(()))
}

fn accepted(number: u64) -> Accepted {
    let (id, choices) = (format!("poll-{}", number % 3), u32::try_from(number % 7 + 1).unwrap());
    let ballot = Ballot {
        poll: PollId::parse(&id).unwrap(),
        voter: VoterId::from_bytes(u128::from(number).to_be_bytes()),
        choices: Choices::from_bits(choices).unwrap(),
    };
    (Position::new(1_700_000_000_000, number).unwrap(), ballot)
}

fn several(numbers: std::ops::Range<u64>) -> Vec<Accepted> {
    numbers.map(accepted).collect()
}

#[test]
fn what_is_appended_is_read_by_the_next_start_and_by_others() {
    let (_directory, path) = ring();
    assert_eq!(read(&path).unwrap().ballots, [], "without a file nothing waits");
    let mut file = open(&path).unwrap();
    assert_eq!(file.after(Position::ZERO).unwrap(), []);
    file.append(&several(0..3)).unwrap();
    file.append(&several(3..5)).unwrap();
    drop(file);
    assert_eq!(read(&path).unwrap().ballots, several(0..5));
    let file = open(&path).unwrap();
    assert_eq!(file.after(accepted(1).0).unwrap(), several(2..5));
    file.close().unwrap();
    assert_eq!(read(&path).unwrap().ballots, []);
    assert_eq!(open(&path).unwrap().after(Position::ZERO).unwrap(), []);
}

#[test]
fn as_many_as_there_are_slots_wait_wherever_the_ring_begins() {
    let (_directory, path) = ring();
    let mut file = open(&path).unwrap();
    file.append(&several(0..7_000)).unwrap();
    let all = 7_000 + CAPACITY as u64;
    file.append(&several(7_000..15_000)).unwrap();
    file.append(&several(15_000..all)).unwrap();
    assert_eq!(file.after(Position::ZERO).unwrap(), several(7_000..all));
    assert_eq!(path.metadata().unwrap().len(), FILE_BYTES as u64);
}

#[test]
fn a_ring_file_with_fewer_or_more_slots_keeps_its_ballots() {
    let (_directory, path) = ring();
    let header_and_slots = |ballots: &[Accepted]| {
        let mut bytes = HEADER.to_vec();
        for ballot in ballots {
            write_slot(ballot, &mut bytes);
        }
        bytes
    };
    for waiting in [several(0..10_000), several(0..CAPACITY as u64 + 10)] {
        std::fs::write(&path, header_and_slots(&waiting)).unwrap();
        let mut file = open(&path).unwrap();
        let last = waiting.last().unwrap().0;
        assert_eq!(file.after(Position::ZERO).unwrap(), waiting);
        assert!(path.metadata().unwrap().len() >= FILE_BYTES as u64);
        // It is counted, so the same number may be queued again.
        let more = several(CAPACITY as u64 + 10..2 * CAPACITY as u64 + 10);
        file.append(&more).unwrap();
        assert_eq!(file.after(last).unwrap(), more);
    }
}

#[test]
fn a_ring_file_that_lost_slots_does_not_pass_for_an_empty_one() {
    let (_directory, path) = ring();
    let mut file = open(&path).unwrap();
    file.append(&several(0..5)).unwrap();
    for left in [0, HEADER_BYTES, FILE_BYTES - 1] {
        file.file.set_len(left as u64).unwrap();
        assert!(file.after(Position::ZERO).is_err(), "{left} bytes");
    }
}

#[test]
fn a_torn_slot_takes_no_other_with_it() {
    let (_directory, path) = ring();
    let mut file = open(&path).unwrap();
    file.append(&several(0..5)).unwrap();
    for byte in 0..SLOT_BYTES {
        let at = (HEADER_BYTES + 2 * SLOT_BYTES + byte) as u64;
        let mut before = [0];
        file.file.read_exact_at(&mut before, at).unwrap();
        file.file.write_all_at(&[!before[0]], at).unwrap();
        let left = [several(0..2), several(3..5)].concat();
        assert_eq!(file.after(Position::ZERO).unwrap(), left, "byte {byte}");
        file.file.write_all_at(&before, at).unwrap();
    }
    assert_eq!(file.after(Position::ZERO).unwrap(), several(0..5));
}

#[test]
fn an_incomplete_ring_file_is_made_again_and_a_foreign_one_is_refused() {
    let (_directory, path) = ring();
    for made in [0, 5, HEADER_BYTES, FILE_BYTES / 2, FILE_BYTES] {
        std::fs::write(&path, vec![0; made]).unwrap();
        let mut file = open(&path).unwrap();
        file.append(&several(0..2)).unwrap();
        assert_eq!(file.after(Position::ZERO).unwrap(), several(0..2), "{made} bytes");
    }
    std::fs::write(&path, vec![b'x'; FILE_BYTES]).unwrap();
    let refused = open(&path).err().unwrap().to_string();
    assert!(refused.contains("this release can't read"), "{refused}");
}

fn flip(file: &RingFile, slot: usize, byte: usize) {
    let at = (HEADER_BYTES + slot * SLOT_BYTES + byte) as u64;
    let mut before = [0];
    file.file.read_exact_at(&mut before, at).unwrap();
    file.file.write_all_at(&[before[0] ^ 0x40], at).unwrap();
}

#[test]
fn a_damaged_slot_has_both_neighbours_at_the_end_of_a_chunk_too() {
    let (_directory, path) = ring();
    let mut file = open(&path).unwrap();
    let (last, all) = (CHUNK_SLOTS - 1, CHUNK_SLOTS as u64 + 2);
    file.append(&several(0..all)).unwrap();
    flip(&file, last, SLOT_BYTES - 2);
    flip(&file, last + 1, 40);
    let content = read(&path).unwrap();
    assert_eq!(content.ballots, [several(0..last as u64), several(all - 1..all)].concat());
    let named = content.damaged.iter().map(ToString::to_string).collect::<Vec<_>>();
    let second = accepted(last as u64 + 1).0;
    // The neighbour of the first is damaged as well, so any later position would fit.
    let first = position_in_slot(&file, last);
    assert_eq!(named, [format!("position {first} in slot {last}"), format!("position {second} in slot {}", last + 1)]);
    // Repaired, the second shows that the position of the first can't be.
    flip(&file, last + 1, 40);
    assert_eq!(name_all(&read(&path).unwrap().damaged), format!("slot {last}"));
}

fn position_in_slot(file: &RingFile, slot: usize) -> Position {
    let mut bytes = [0; SLOT_BYTES];
    file.file.read_exact_at(&mut bytes, (HEADER_BYTES + slot * SLOT_BYTES) as u64).unwrap();
    position_in(&bytes).unwrap()
}

#[test]
fn a_file_of_zeros_without_a_header_becomes_an_empty_ring() {
    let (_directory, path) = ring();
    std::fs::write(&path, vec![0; FILE_BYTES / 2]).unwrap();
    let file = open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), FILE_BYTES as u64);
    assert_eq!(file.content().unwrap(), RingContent::default());
    assert!(std::fs::read(&path).unwrap().starts_with(HEADER));
}

#[test]
fn slots_that_were_damaged_are_told_by_their_positions_or_their_places() {
    let (_directory, path) = ring();
    let mut file = open(&path).unwrap();
    file.append(&several(0..9)).unwrap();
    // In the voter, in the checksum, and in the position itself; two of them next to each other.
    for (slot, byte) in [(1, 40), (4, 0), (5, 40), (7, SLOT_BYTES - 2), (0, 40)] {
        flip(&file, slot, byte);
    }
    let content = read(&path).unwrap();
    assert_eq!(content.ballots, [several(2..4), several(6..7), several(8..9)].concat());
    let position = |number| accepted(number).0;
    let told: Vec<_> = content.damaged.iter().map(ToString::to_string).collect();
    let expected = [
        format!("position {} in slot 0", position(0)),
        format!("position {} in slot 1", position(1)),
        format!("position {} in slot 4", position(4)),
        format!("position {} in slot 5", position(5)),
        "slot 7".to_owned(),
    ];
    assert_eq!(told, expected);
    assert_eq!(file.content().unwrap(), content);
}
