//! The worker's side: reading on, raising, trimming.

use super::*;

#[tokio::test]
async fn entries_come_in_order_from_where_one_left_off() {
    let mut scene = Scene::begun().await;
    let mut places = Vec::new();
    for number in 0..5 {
        places.push(recorded(scene.ballots.cast(ballot("main", number, "a"), FIRST_REVISION).await));
    }
    let log = scene.look().await;
    assert_eq!(log.last, Some(places[4]));
    let page = scene.log.read(Position::ZERO, 10, Duration::ZERO).await.unwrap();
    assert!(page.attached);
    let positions = |entries: &[Entry]| entries.iter().map(|entry| entry.position).collect::<Vec<_>>();
    assert_eq!(positions(&page.entries), places[..1], "one entry, for nothing is known of how many ballots it holds");
    let page = scene.log.read(places[0], 2, Duration::ZERO).await.unwrap();
    assert_eq!(positions(&page.entries), places[1..3]);
    let page = scene.log.read(places[2], 10, Duration::from_mins(1)).await.unwrap();
    assert_eq!(positions(&page.entries), places[3..]);
    let page = scene.log.read(places[4], 10, Duration::from_millis(20)).await.unwrap();
    assert_eq!((page.entries.len(), page.attached), (0, true));
}

#[tokio::test]
async fn a_read_waits_for_the_next_entry() {
    let mut scene = Scene::begun().await;
    let ballots = Arc::clone(&scene.ballots);
    // Longer than any timeout of ours, and much longer than the wait that the ballot ends.
    let read = scene.log.read(Position::ZERO, 10, Duration::from_mins(10));
    let (page, place) =
        tokio::join!(read, async { recorded(ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await) });
    assert_eq!(page.unwrap().entries, [Entry { position: place, record: Ok(Record::Ballot(ballot("main", 1, "b"))) }]);
}

#[tokio::test]
async fn a_read_may_wait_longer_than_an_answer() {
    let mut scene = Scene::begun().await;
    let page = scene.log.read(Position::ZERO, 10, Duration::from_millis(2_500)).await;
    assert_eq!(page.unwrap().entries, []);
}

#[tokio::test]
async fn a_read_that_was_given_up_keeps_nobody_waiting() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await);
    let nothing_there = Position::from_i64(i64::MAX).unwrap();
    for _ in 0..3 {
        let read = scene.log.read(nothing_there, 10, Duration::from_mins(10));
        assert!(tokio::time::timeout(Duration::from_millis(100), read).await.is_err());
    }
    let read = scene.log.read(Position::ZERO, 10, Duration::from_mins(10));
    let page = tokio::time::timeout(PATIENCE, read).await.expect("the next read is not behind the one given up");
    assert_eq!(page.unwrap().entries.len(), 1);
    scene.look().await;
}

#[tokio::test]
async fn a_log_that_was_lost_or_claimed_by_another_is_noticed_with_the_page() {
    let mut scene = Scene::begun().await;
    let last = recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await);
    assert!(scene.log.read(Position::ZERO, 10, Duration::ZERO).await.unwrap().attached);
    let mut other = log_on(&scene.redis);

    // While a read waits, another leader claims the log and a ballot ends the wait.
    let waiting = scene.log.read(last, 10, Duration::from_mins(10));
    let (page, ()) = tokio::join!(waiting, async {
        other.claim("another leader", &LogState::default()).await.unwrap();
        other.open().await.unwrap();
        recorded(scene.ballots.cast(ballot("main", 2, "b"), FIRST_REVISION).await);
    });
    assert!(!page.unwrap().attached);
    assert!(other.read(last, 10, Duration::ZERO).await.unwrap().attached);
    scene.flush().await;
    assert!(!other.read(last, 10, Duration::ZERO).await.unwrap().attached);
}

#[tokio::test]
async fn a_page_has_about_as_many_ballots_as_were_asked_for() {
    let mut scene = Scene::begun().await;
    let together = 400;
    let value = |entry: u32| {
        let voters =
            (0..together).flat_map(|n| [voter(entry * together + n).as_bytes().as_slice(), &[0, 0, 0, 1]].concat());
        b"\x04main".iter().copied().chain(voters).collect::<Vec<u8>>()
    };
    let mut connection = scene.redis.connection().await;
    let mut add = async |id: &str, entry: u32| {
        let add = redis::cmd("XADD").arg("{scrutin:0}:log").arg(id).arg("b2").arg(value(entry)).to_owned();
        add.exec_async(&mut connection).await.unwrap();
    };
    for entry in 0..40 {
        add(&format!("100-{}", entry * together), entry).await;
    }
    let mut pages = Vec::new();
    let mut after = Position::ZERO;
    loop {
        let page = scene.log.read(after, 2_000, Duration::ZERO).await.unwrap();
        let Some(last) = page.entries.last() else { break };
        after = last.position;
        pages.push(page.entries.len());
    }
    assert_eq!(pages, [1_200, 2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 2_000, 800]);
    assert_eq!(after, position(100, 15_999));
}

#[tokio::test]
async fn ballots_that_an_older_release_wrote_are_read_among_those_of_this_one() {
    let mut scene = Scene::begun().await;
    let first = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let mut connection = scene.redis.connection().await;
    let value = [voter(2).as_bytes().as_slice(), b"\0\0\0\x02main"].concat();
    redis::cmd("XADD").arg("{scrutin:0}:log").arg("*").arg("b1").arg(value).exec_async(&mut connection).await.unwrap();
    let third = recorded(scene.ballots.cast(ballot("main", 3, "a"), FIRST_REVISION).await);
    let read = scene.ballots_in_log().await;
    assert_eq!(
        read.iter().map(|(_, ballot)| *ballot).collect::<Vec<_>>(),
        [ballot("main", 1, "a"), ballot("main", 2, "b"), ballot("main", 3, "a")]
    );
    assert!(first < read[1].0 && read[1].0 < third);
}

#[tokio::test]
async fn what_cannot_be_decoded_comes_with_its_place_and_the_rest_goes_on() {
    let mut scene = Scene::begun().await;
    recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await);
    scene.raw(&["XADD", "{scrutin:0}:log", "*", "vote", "b"]).await;
    scene.raw(&["XADD", "{scrutin:0}:log", "*", "b1", "short", "more", "fields"]).await;
    recorded(scene.ballots.cast(ballot("main", 2, "b"), FIRST_REVISION).await);

    let entries = scene.entries().await;
    assert!(entries.is_sorted_by(|earlier, later| earlier.position < later.position));
    let [
        Entry { record: Ok(_), .. },
        Entry { record: Err(first), .. },
        Entry { record: Err(second), .. },
        Entry { record: Ok(_), .. },
    ] = entries.as_slice()
    else {
        panic!("{entries:?}")
    };
    assert_eq!((first.reason.as_str(), first.entry.as_str()), ("unknown kind of entry", "vote b"));
    assert_eq!((second.reason.as_str(), second.entry.as_str()), ("a ballot cut short", "b1 short more fields"));
}

#[tokio::test]
async fn positions_go_on_above_where_the_log_was_raised_to() {
    let mut scene = Scene::begun().await;
    let before = recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await);
    let above = position(before.millis() + 1_000_000, 3);
    scene.log.raise(above).await.unwrap();
    assert_eq!(scene.look().await.last.unwrap(), above);
    assert_eq!(scene.entries().await.len(), 1, "raising adds nothing");
    scene.log.raise(before).await.unwrap();
    scene.log.raise(above).await.unwrap();
    assert_eq!(recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await), position(above.millis(), 4));
}

#[tokio::test]
async fn a_waiting_read_is_not_disturbed_when_the_log_is_raised() {
    let mut scene = Scene::begun().await;
    let mut reader = log_on(&scene.redis);
    let read = async {
        loop {
            let mut page = reader.read(Position::ZERO, 10, Duration::from_mins(1)).await.unwrap();
            if let Some(entry) = page.entries.pop() {
                return entry;
            }
        }
    };
    let (entry, place) = tokio::join!(read, async {
        scene.log.raise(position(4_000_000_000_000, 0)).await.unwrap();
        recorded(scene.ballots.cast(ballot("main", 1, "b"), FIRST_REVISION).await)
    });
    assert_eq!(entry.position, place);
}

#[tokio::test]
async fn of_ballots_cast_together_the_last_is_the_one_that_was_trimmed_last() {
    let mut scene = Scene::begun().await;
    let value = [b"\x04main".as_slice(), &[0; 3 * 20]].concat();
    let mut connection = scene.redis.connection().await;
    for (id, value) in
        [("100-0", &value[..]), ("200-5", &value), ("300-0", b""), ("300-1", b"\xffx"), ("400-0", b"\x04mainx")]
    {
        let mut add = redis::cmd("XADD");
        add.arg("{scrutin:0}:log").arg(id).arg("b2").arg(value).exec_async(&mut connection).await.unwrap();
    }
    for (counted, trimmed) in
        [("100-2", "100-2"), ("200-7", "200-7"), ("300-0", "300-0"), ("300-1", "300-1"), ("400-0", "400-0")]
    {
        let (millis, sequence) = counted.split_once('-').unwrap();
        scene.log.trim(position(millis.parse().unwrap(), sequence.parse().unwrap())).await.unwrap();
        assert_eq!(scene.look().await.trimmed.to_string(), trimmed);
    }
    assert_eq!(scene.entries().await, []);
}

#[tokio::test]
async fn what_is_trimmed_is_noted_and_nothing_beyond_it() {
    let mut scene = Scene::begun().await;
    let fields = ["b1", "x"];
    for id in ["100-0", "100-1", "200-0", "300-0"] {
        scene.raw(&["XADD", "{scrutin:0}:log", id, fields[0], fields[1]]).await;
    }
    let left = async |scene: &mut Scene| {
        let entries = scene.entries().await;
        let left: Vec<String> = entries.iter().map(|entry| entry.position.to_string()).collect();
        (left.join(" "), scene.look().await.trimmed.to_string())
    };
    let expect = |left: &str, trimmed: &str| (left.to_owned(), trimmed.to_owned());

    scene.log.trim(Position::ZERO).await.unwrap();
    assert_eq!(left(&mut scene).await, expect("100-0 100-1 200-0 300-0", "0-0"), "nothing is old enough");
    scene.log.trim(position(100, 0)).await.unwrap();
    assert_eq!(left(&mut scene).await, expect("100-1 200-0 300-0", "100-0"));
    scene.log.trim(position(250, 0)).await.unwrap();
    assert_eq!(left(&mut scene).await, expect("300-0", "200-0"), "trimmed names the last that is gone");
    scene.log.trim(position(250, 0)).await.unwrap();
    assert_eq!(left(&mut scene).await, expect("300-0", "200-0"), "where nothing is gone nothing is noted");
    scene.log.trim(position(300, 0)).await.unwrap();
    assert_eq!(left(&mut scene).await, expect("", "300-0"));
    assert_eq!(scene.look().await.last, Some(position(300, 0)));
}
