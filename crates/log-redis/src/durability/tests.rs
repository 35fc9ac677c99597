use redis::Value;

use super::{FileHistory, Finding};

/// The replies of a server that keeps everything.
#[derive(Clone)]
struct Said {
    info: Vec<(&'static str, String)>,
    stats: String,
    sync: Option<[&'static str; 2]>,
    wait: bool,
    sentinels: i64,
}

fn good() -> Said {
    let info = [
        ("redis_mode", "standalone"),
        ("run_id", "one"),
        ("aof_enabled", "1"),
        ("aof_rewrite_in_progress", "0"),
        ("aof_rewrite_scheduled", "0"),
        ("aof_last_bgrewrite_status", "ok"),
        ("aof_last_write_status", "ok"),
        ("aof_base_size", "0"),
        ("maxmemory_policy", "noeviction"),
        ("connected_slaves", "0"),
    ];
    Said {
        info: info.map(|(field, value)| (field, value.to_owned())).into(),
        stats: "cmdstat_info:calls=3,usec=1\r\n".into(),
        sync: Some(["always", "no"]),
        wait: false,
        sentinels: 0,
    }
}

impl Said {
    fn with(mut self, field: &str, value: &str) -> Self {
        let known = self.info.iter_mut().find(|(known, _)| *known == field).expect("a known field");
        known.1 = value.to_owned();
        self
    }

    fn without(mut self, field: &str) -> Self {
        self.info.retain(|(known, _)| *known != field);
        self
    }

    fn after_settings(mut self, calls: u32) -> Self {
        self.stats = format!(
            "cmdstat_config|set:calls={calls},usec=9,usec_per_call=1.0\r\ncmdstat_config|get:calls=7,usec=2\r\n"
        );
        self
    }

    fn answers(&self) -> Vec<Value> {
        // Represents an error, which cannot be created outside the driver.
        let error = || Value::Nil;
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let info: Vec<String> = self.info.iter().map(|(field, value)| format!("{field}:{value}\r\n")).collect();
        let sync = self.sync.map_or_else(error, |[fsync, on_rewrite]| {
            Value::Map(vec![(text("appendfsync"), text(fsync)), (text("no-appendfsync-on-rewrite"), text(on_rewrite))])
        });
        let wait = if self.wait { Value::Array(vec![Value::Int(0), Value::Int(0)]) } else { error() };
        let sentinels = Value::Array(vec![text("__sentinel__:hello"), Value::Int(self.sentinels)]);
        vec![text(&format!("# Server\r\n{}", info.concat())), text(&self.stats), sync, wait, sentinels]
    }
}

fn finding(said: &Said) -> Finding {
    FileHistory::default().judge(None, &said.answers()).0
}

fn wrong(said: &Said) -> String {
    match finding(said) {
        Finding::Wrong(why) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_is_wrong_is_named_with_what_it_must_be() {
    assert_eq!(finding(&good()), Finding::Durable);
    for (field, value, said) in [
        ("aof_enabled", "0", "appendonly is no and must be yes"),
        ("maxmemory_policy", "allkeys-lru", "maxmemory-policy is allkeys-lru and must be noeviction"),
        ("aof_last_write_status", "err", "can't be written) is err and must be ok"),
        ("redis_mode", "sentinel", "Sentinel"),
    ] {
        assert!(wrong(&good().with(field, value)).contains(said), "{field}");
    }
    let everysec = Said { sync: Some(["everysec", "no"]), ..good() };
    assert_eq!(wrong(&everysec), "appendfsync is everysec and must be always");
    let not_on_rewrite = Said { sync: Some(["always", "yes"]), ..good() };
    assert_eq!(wrong(&not_on_rewrite), "no-appendfsync-on-rewrite is yes and must be no");
    assert!(wrong(&Said { sentinels: 1, ..good() }).contains("Sentinel"));
    let mut in_cluster = good();
    in_cluster.info.push(("cluster_enabled", "1".into()));
    assert!(wrong(&in_cluster).contains("Cluster"));
    let two = Said { sync: Some(["no", "no"]), ..good() }.with("aof_enabled", "0");
    assert_eq!(wrong(&two), "appendonly is no and must be yes; appendfsync is no and must be always");
}

#[test]
fn what_is_not_to_be_seen_is_said_unless_waitaof_serves() {
    let hidden = Said { sync: None, ..good() };
    assert!(matches!(finding(&hidden), Finding::Unseen(what) if what.contains("appendfsync")));
    assert_eq!(finding(&Said { wait: true, ..hidden.clone() }), Finding::WithWaitAof);
    let more = Said { wait: true, ..hidden.clone() }.without("maxmemory_policy");
    assert!(matches!(finding(&more), Finding::Unseen(what) if what.contains("maxmemory_policy")));
    assert!(wrong(&hidden.with("aof_enabled", "0")).contains("appendonly is no"));
    assert!(matches!(FileHistory::default().judge(None, &[]).0, Finding::Unseen(_)));
}

#[test]
fn a_first_rewrite_is_not_durable_and_an_ordinary_one_is() {
    let rewriting = |said: Said| said.with("aof_rewrite_in_progress", "1");
    // On from the start: no setting was changed.
    assert_eq!(finding(&rewriting(good())), Finding::Durable);
    assert_eq!(finding(&good().with("aof_last_bgrewrite_status", "err")), Finding::Durable);
    // Switched on at run time, with an empty server and with one that had a file before.
    assert!(wrong(&rewriting(good().after_settings(2))).contains("first rewrite"));
    assert!(wrong(&rewriting(good().after_settings(2)).with("aof_base_size", "124")).contains("first rewrite"));
    assert!(wrong(&good().after_settings(2).with("aof_last_bgrewrite_status", "err")).contains("first rewrite"));
    assert!(wrong(&good().after_settings(2).with("aof_rewrite_scheduled", "1")).contains("first rewrite"));
}

#[test]
fn a_file_seen_complete_stays_so_until_a_setting_changes() {
    let rewriting =
        |calls| good().after_settings(calls).with("aof_rewrite_in_progress", "1").with("aof_base_size", "9");
    let mut history = FileHistory::default();
    assert_eq!(history.judge(None, &good().after_settings(2).answers()).0, Finding::Durable);
    assert_eq!(history.judge(None, &rewriting(2).answers()).0, Finding::Durable);
    // Off and on again between two checks.
    assert!(matches!(history.judge(None, &rewriting(4).answers()).0, Finding::Wrong(_)));
    assert_eq!(history.judge(None, &good().after_settings(4).answers()).0, Finding::Durable);
    assert_eq!(history.judge(None, &rewriting(4).answers()).0, Finding::Durable);
    assert!(matches!(history.judge(None, &rewriting(4).with("run_id", "two").answers()).0, Finding::Wrong(_)));
}

#[test]
fn replicas_are_counted() {
    assert_eq!(FileHistory::default().judge(None, &good().with("connected_slaves", "2").answers()).1.replicas, 2);
}

fn with_replicas(connected: u64, online: u64) -> Said {
    let mut said = good().with("connected_slaves", &connected.to_string());
    for (nth, name) in (0..connected).zip(["slave0", "slave1", "slave2"]) {
        let state = if nth < online { "online" } else { "wait_bgsave" };
        said.info.push((name, format!("ip=10.0.0.{nth},port=6379,state={state},offset=1,lag=0")));
    }
    said
}

#[test]
fn as_many_replicas_as_are_waited_for_must_be_there_and_no_more() {
    let two = std::num::NonZeroU8::new(2).unwrap();
    let judged = |said: &Said| FileHistory::default().judge(Some(two), &said.answers()).0;
    assert_eq!(judged(&with_replicas(2, 2)), Finding::Replicated { count: two, on_disks: false });
    let with_waitaof = Said { wait: true, ..with_replicas(2, 2) };
    assert_eq!(judged(&with_waitaof), Finding::Replicated { count: two, on_disks: true });
    assert_eq!(judged(&with_replicas(2, 1)), Finding::TooFewReplicas { online: 1, wanted: two });
    assert_eq!(judged(&good()), Finding::TooFewReplicas { online: 0, wanted: two });
    assert!(matches!(judged(&with_replicas(3, 3)), Finding::Wrong(why) if why.contains("replicas:3")));
    // What may promote a replica is welcome, and the server must keep what it writes all the same.
    let mut in_cluster = Said { sentinels: 1, ..with_replicas(2, 2) };
    in_cluster.info.push(("cluster_enabled", "1".into()));
    assert_eq!(judged(&in_cluster), Finding::Replicated { count: two, on_disks: false });
    assert!(matches!(judged(&with_replicas(2, 2).with("aof_enabled", "0")), Finding::Wrong(_)));
}
