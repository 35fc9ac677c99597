use domain::{Poll, PollChange, PollSpec};

use super::*;

const HOME: Partition = Partition::new(0);
const OTHER: Partition = Partition::new(1);

fn two() -> Partitions {
    Partitions::new(2).unwrap()
}

/// A poll whose home is the first of two partitions.
fn poll() -> Poll {
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    assert_eq!(two().home(poll.id()), HOME);
    poll
}

fn changed(poll: &Poll, change: &PollChange) -> Poll {
    poll.after(change, 1).unwrap()
}

fn pulled(partition: Partition, own: &[&Poll], others: &[&Poll]) -> Vec<Poll> {
    let copies = |polls: &[&Poll]| polls.iter().copied().cloned().map(PollCopy::of).collect::<Vec<_>>();
    let newer = newer_copies(partition, two(), &copies(own), copies(others));
    newer.into_iter().map(|copy| copy.poll).collect()
}

#[test]
fn a_partition_takes_the_newest_copy_and_nothing_older() {
    let first = poll();
    let closed = changed(&first, &PollChange::Close);
    let hidden = changed(&closed, &PollChange::Hide);
    assert_eq!(pulled(OTHER, &[&first], &[&closed, &hidden]), vec![hidden.clone()]);
    assert_eq!(pulled(OTHER, &[], &[&closed]), vec![closed.clone()]);
    assert_eq!(pulled(OTHER, &[&hidden], &[&closed]), []);
    assert_eq!(pulled(OTHER, &[&closed], &[&closed]), []);
}

#[test]
fn a_home_that_fell_back_takes_what_others_have_under_a_higher_version() {
    let first = poll();
    let closed = changed(&first, &PollChange::Close);
    let [taken] = pulled(HOME, &[&first], &[&closed]).try_into().unwrap();
    assert_eq!((taken.state(), taken.version()), (closed.state(), 3));
    // The home decided something else after it had fallen back, which nobody has been told.
    let hidden = changed(&first, &PollChange::Hide);
    let [taken] = pulled(HOME, &[&hidden], &[&closed]).try_into().unwrap();
    assert_eq!((taken.state(), taken.is_hidden(), taken.version()), (closed.state(), false, 3));
    let [taken] = pulled(HOME, &[], &[&closed]).try_into().unwrap();
    assert_eq!((taken.state(), taken.version()), (closed.state(), 3));
    assert_eq!(pulled(HOME, &[&closed], &[&closed]), []);
}
