use super::*;

fn addresses(text: &str) -> RedisAddresses {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The passwords of these tests.
const PASSWORD: &str = "s3cret";

fn wrong(text: &str) -> String {
    match text.parse::<RedisAddresses>() {
        Ok(read) => panic!("{text} is read as {read}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_address_is_read_and_hides_its_password() {
    let read = addresses("redis://vote:s3cret@redis.example:6380/2");
    assert_eq!(format!("{read:?}"), "RedisAddresses(redis.example:6380/2)");
    let login = read.of(Partition::new(0)).address.login;
    assert_eq!((login.username(), login.password(), login.db()), (Some("vote"), Some(PASSWORD), 2));
    for (text, shown) in [
        ("redis://redis", "redis:6379/0"),
        (" redis://:s3cret@[::1]:7/ ", "::1:7/0"),
        ("redis://:p@ss%2Fword@10.0.0.1", "10.0.0.1:6379/0"),
    ] {
        assert_eq!(addresses(text).to_string(), shown, "{text}");
    }
    let login = addresses("redis://:p@ss%2Fword@10.0.0.1").of(Partition::new(0)).address.login;
    assert_eq!((login.username(), login.password()), (None, Some("p@ss/word")));
}

#[test]
fn partitions_take_turns_over_the_addresses() {
    let read = addresses("redis://a redis://b:7\n redis://c");
    assert_eq!(read.to_string(), "a:6379/0 b:7/0 c:6379/0");
    let of = |number| read.of(Partition::new(number)).address.to_string();
    assert_eq!([0, 1, 2, 3, 7].map(of), ["a:6379/0", "b:7/0", "c:6379/0", "a:6379/0", "b:7/0"]);
    assert_eq!(read.suit(Partitions::new(3).unwrap(), Durability::Disk), Ok(()));
    let why = read.suit(Partitions::new(2).unwrap(), Durability::Disk).unwrap_err().to_string();
    assert!(why.contains("3 addresses for 2 partitions"), "{why}");
}

#[test]
fn sentinels_and_nodes_of_a_cluster_are_read() {
    let of = |text: &str| addresses(text).of(Partition::new(0)).address;
    for (text, shown, has_tls) in [
        ("redis+sentinel://:s3cret@a,b:7/votes", "sentinel:a:26379,b:7/votes/0", false),
        ("rediss+sentinel://[::1],[::2]:7/votes/3/", "sentinel:::1:26379,::2:7/votes/3", true),
        ("redis+cluster://vote:s3cret@a,b:7", "cluster:a:6379,b:7", false),
        ("rediss+cluster://a/", "cluster:a:6379", true),
    ] {
        let read = of(text);
        assert_eq!((read.to_string().as_str(), read.has_tls), (shown, has_tls), "{text}");
    }
    for (query, user, password) in [
        ("", Some("vote"), Some(PASSWORD)),
        ("?sentinel_password=o%2Fther", None, Some("o/ther")),
        ("?sentinel_user=asking&sentinel_password=other", Some("asking"), Some("other")),
        ("?sentinel_password=", None, None),
    ] {
        let read = of(&format!("redis+sentinel://vote:s3cret@a/votes/3{query}"));
        assert_eq!((read.login.username(), read.login.password(), read.login.db()), (Some("vote"), Some(PASSWORD), 3));
        let login = &read.sentinel_login;
        assert_eq!((login.username(), login.password(), login.db()), (user, password, 0), "{query}");
    }
}

#[test]
fn what_may_fail_over_needs_replicas_that_confirm() {
    let replicas = Durability::Replicas(1.try_into().unwrap());
    for text in ["redis+sentinel://a/votes", "redis+cluster://a"] {
        let suit = |durability| addresses(text).suit(Partitions::ONE, durability);
        assert_eq!((suit(replicas), suit(Durability::Unchecked)), (Ok(()), Ok(())));
        let why = suit(Durability::Disk).unwrap_err().to_string();
        assert!(why.contains("replicas:N") && why.contains("unchecked"), "{why}");
    }
}

#[test]
fn what_is_wrong_with_an_address_is_one_line_without_its_password() {
    for (text, named) in [
        ("", "no address"),
        ("  ", "no address"),
        ("redis", "redis://host:6379"),
        ("s3cret", "redis://host:6379"),
        ("http://:s3cret@redis/", "`http`"),
        ("unix:///run/redis.sock", "`unix`"),
        ("redis://", "the host is missing"),
        ("redis://:s3cret@", "the host is missing"),
        ("redis://:s3cret@/0", "the host is missing"),
        ("redis://:s3cret@redis:0x1", "`redis:0x1`"),
        ("redis://:s3cret@redis:70000", "`redis:70000`"),
        ("redis://:s3cret@0.0.0.0", "`0.0.0.0`"),
        ("redis://:s3cret@a,b", "separated by spaces"),
        ("redis://:s3cret@redis/first", "`first` is no database"),
        ("redis://:s3cret@redis/-1", "`-1` is no database"),
        ("redis://:s3cret%ff@redis", "percent-encoding"),
        ("redis://:s3cret@redis?db=1", "`?`"),
        ("redis://:s3cret@redis#insecure", "`#`"),
        ("redis://a redis://:s3cret@b:x", "address 2 of 2"),
        ("redis+://:s3cret@a", "`redis+`"),
        ("redis+raft://:s3cret@a", "`redis+raft`"),
        ("sentinel://:s3cret@a/name", "`sentinel`"),
        ("redis+sentinel://:s3cret@a:26379", "name of the master is missing"),
        ("redis+sentinel://:s3cret@a//0", "name of the master is missing"),
        ("redis+sentinel://:s3cret@a,/name", "the host is missing"),
        ("redis+sentinel://:s3cret@a,b:x/name", "`b:x`"),
        ("redis+sentinel://a/name/first", "`first` is no database"),
        ("redis+sentinel://a/name?password=s3cret", "sentinel_user and sentinel_password"),
        ("redis+sentinel://a/name?sentinel_password=s3cret%ff", "percent-encoding"),
        ("redis+sentinel://a/name#s3cret", "`#`"),
        ("redis+cluster://:s3cret@a,b/0", "no databases"),
        ("redis+cluster://:s3cret@a?db=0", "`?`"),
        ("rediss+cluster://:s3cret@", "the host is missing"),
    ] {
        let why = wrong(text);
        assert!(why.contains(named) && !why.contains(PASSWORD) && !why.contains('\n'), "{text}: {why}");
    }
    assert!(wrong(&"redis://a ".repeat(1_025)).contains("1025 addresses"));
}

#[test]
fn authorities_are_for_addresses_with_tls_and_must_be_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let with_file = |text: &str| addresses(text).trusting(Some(&file)).map(|_| ());
    let why = with_file("redis://a redis://b").unwrap_err().to_string();
    assert!(why.contains("rediss://"), "{why}");
    for (content, named) in [(None, "No such file"), (Some("not PEM"), "no certificate"), (Some(BROKEN), "ca.pem")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let why = with_file("redis://a rediss://b").unwrap_err().to_string();
        assert!(why.contains(named) && why.contains("ca.pem") && !why.contains('\n'), "{why}");
    }
    testkit::certificates::CertificateAuthority::new().write(directory.path());
    assert_eq!(with_file("redis://a rediss://b"), Ok(()));

    let mixed = addresses("redis://a rediss://b");
    assert_eq!([0, 1].map(|number| mixed.of(Partition::new(number)).tls.is_some()), [false, true]);
}

/// Says of itself that it is a certificate.
const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
