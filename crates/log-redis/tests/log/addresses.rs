//! Partitions on several servers.

use super::*;

/// Two partitions on two servers, both begun, with a poll in each partition.
struct TwoServers {
    redis: [RedisServer; 2],
    addresses: RedisAddresses,
    polls: [Poll; 2],
}

const TWO: u16 = 2;

fn two() -> Partitions {
    Partitions::new(TWO).unwrap()
}

impl TwoServers {
    async fn begun() -> Self {
        let redis = [RedisServer::start().await, RedisServer::start().await];
        let addresses: RedisAddresses = format!("{} {}", redis[0].url(), redis[1].url()).parse().unwrap();
        let polls = [0, 1].map(|number| poll(&name_in(number)));
        for partition in two().all() {
            let mut log = RedisLog::new(&addresses, partition);
            let new = Installation::new(InstallationId::new("one"), two());
            log.install(&Installation { addresses: log.addresses(), ..new }).await.unwrap();
            attach(&mut log, seed(Position::ZERO, polls.to_vec())).await;
        }
        Self { redis, addresses, polls }
    }

    /// A ballot whose poll and voter belong to this partition.
    fn ballot(&self, partition: u16) -> Ballot {
        let poll = self.polls[usize::from(partition)].id();
        let voters = (0..=u8::MAX).map(|byte| VoterId::from_bytes([byte; 16]));
        let voter = voters.into_iter().find(|voter| two().of_voter(*voter) == Partition::new(partition)).unwrap();
        Ballot { voter, ..ballot(poll.as_str(), 0, "a") }
    }
}

/// The name of a poll whose home is this partition.
fn name_in(partition: u16) -> String {
    let mut names = (0..).map(|number| format!("poll-{number}"));
    names.find(|name| two().home(id(name)) == Partition::new(partition)).unwrap()
}

#[tokio::test]
async fn each_partition_is_at_its_address_and_one_that_hangs_stops_no_other() {
    let at = TwoServers::begun().await;
    let ballots = RedisBallotBox::on(&at.addresses, two(), Durability::Disk, key("aa"));
    for partition in [0, 1] {
        eventually(|| ballots.cast(at.ballot(partition), FIRST_REVISION)).await;
        let mut connection = at.redis[usize::from(partition)].connection().await;
        let keys: Vec<String> = redis::cmd("KEYS").arg("{scrutin:*").query_async(&mut connection).await.unwrap();
        assert!(keys.iter().all(|key| key.starts_with(&format!("{{scrutin:{partition}}}"))), "{keys:?}");
        let mut log = RedisLog::new(&at.addresses, Partition::new(partition));
        assert_eq!(log.accepted().await, Ok(1), "{partition}");
    }
    at.redis[1].pause();
    let hanging = tokio::spawn({
        let (ballots, ballot) = (Arc::clone(&ballots), at.ballot(1));
        async move { ballots.cast(ballot, FIRST_REVISION).await }
    });
    while !hanging.is_finished() {
        recorded(ballots.cast(at.ballot(0), FIRST_REVISION).await);
    }
    assert!(hanging.await.unwrap().is_err());
    at.redis[1].resume();
    eventually(|| ballots.cast(at.ballot(1), FIRST_REVISION)).await;
}

#[tokio::test]
async fn another_number_or_order_of_addresses_is_refused() {
    let at = TwoServers::begun().await;
    let voting_at = |addresses: &str| {
        let addresses: RedisAddresses = addresses.parse().unwrap();
        RedisBallotBox::on(&addresses, two(), Durability::Disk, key("aa"))
    };
    let [first, second] = [0, 1].map(|index: usize| at.redis[index].url());
    let right = voting_at(&format!("{first} {second}"));
    eventually(|| right.cast(at.ballot(0), FIRST_REVISION)).await;
    let why = untrusted(voting_at(&first).cast(at.ballot(0), FIRST_REVISION).await);
    assert!(why.contains("REDIS_URL is 1,") && why.contains("it is 2:"), "{why}");
    let turned = voting_at(&format!("{second} {first}"));
    assert_eq!(turned.cast(at.ballot(0), FIRST_REVISION).await, Err(Unavailable::NotBegun));
}

fn untrusted(answer: Result<CastOutcome, Unavailable>) -> String {
    match answer {
        Err(Unavailable::Untrusted(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}
