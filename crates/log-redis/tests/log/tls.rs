//! Redis with TLS, and certificates that are right, or wrong in one way each.

use testkit::{
    certificates::{CertificateAuthority, ServerCertificate},
    redis_sentinels::RedisSentinels,
};

use super::*;

struct TlsScene {
    redis: RedisServer,
    authority: CertificateAuthority,
    files: tempfile::TempDir,
}

impl TlsScene {
    async fn new(certificate: impl Fn(&CertificateAuthority) -> ServerCertificate, arguments: &[&str]) -> Self {
        let authority = CertificateAuthority::new();
        let redis = RedisServer::start_tls(&certificate(&authority), &authority, arguments).await;
        begun_on(&redis).await;
        Self { redis, authority, files: tempfile::tempdir().unwrap() }
    }

    async fn right() -> Self {
        Self::new(|authority| authority.certificate(&["localhost"]), &[]).await
    }

    fn trusting(&self, url: &str, authority: &CertificateAuthority) -> RedisAddresses {
        let file = authority.write(self.files.path());
        url.parse::<RedisAddresses>().unwrap().trusting(Some(&file)).unwrap()
    }

    /// Why nothing can be read there by somebody who trusts the right authority.
    async fn refusal(&self, url: &str) -> String {
        refusal_of(&self.trusting(url, &self.authority)).await
    }
}

/// Why nothing can be read there.
async fn refusal_of(addresses: &RedisAddresses) -> String {
    let answer = RedisLog::new(addresses, Partition::new(0)).accepted().await;
    let why = answer.unwrap_err();
    assert!(why.nothing_happened(), "{why:?}");
    assert!(!why.to_string().contains('\n'), "{why}");
    why.to_string()
}

#[tokio::test]
async fn ballots_are_cast_and_read_over_tls_with_user_and_password() {
    let scene = TlsScene::right().await;
    let mut connection = scene.redis.connection().await;
    let user = ["SETUSER", "vote", "on", ">s3cret", "~*", "&*", "+@all"];
    redis::cmd("ACL").arg(&user).exec_async(&mut connection).await.unwrap();
    let url = scene.redis.tls_url("localhost").replace("rediss://", "rediss://vote:s3cret@");
    let addresses = scene.trusting(&url, &scene.authority);
    let ballots = RedisBallotBox::on(&addresses, Partitions::ONE, Durability::Disk, key("aa"));
    eventually(|| ballots.cast(ballot("main", 1, "a"), FIRST_REVISION)).await;
    assert_eq!(RedisLog::new(&addresses, Partition::new(0)).accepted().await, Ok(1));

    let wrong = scene.trusting(&url.replace("s3cret", "hunter2"), &scene.authority);
    let why = refusal_of(&wrong).await;
    assert!(why.contains("WRONGPASS") && !why.contains("hunter2"), "{why}");
}

#[tokio::test]
async fn a_wrong_certificate_is_a_clear_word() {
    let scene = TlsScene::right().await;
    let url = scene.redis.tls_url("localhost");
    let why = refusal_of(&scene.trusting(&url, &CertificateAuthority::new())).await;
    assert!(why.contains("nobody whom we trust (REDIS_CA_FILE"), "{why}");
    let why = refusal(&url).await;
    assert!(why.contains("whom the system trusts"), "{why}");
    let why = scene.refusal(&scene.redis.tls_url("127.0.0.1")).await;
    assert!(why.contains("is for another host than 127.0.0.1"), "{why}");

    let expired = TlsScene::new(|authority| authority.expired_certificate(&["localhost"]), &[]).await;
    let why = expired.refusal(&expired.redis.tls_url("localhost")).await;
    assert!(why.contains("its certificate has expired"), "{why}");
}

#[tokio::test]
async fn tls_where_there_is_none_and_the_other_way_round_is_a_clear_word() {
    let scene = TlsScene::new(|authority| authority.certificate(&["localhost"]), &["--tls-auth-clients", "yes"]).await;
    let why = scene.refusal(&scene.redis.tls_url("localhost")).await;
    assert!(why.contains("tls-auth-clients"), "{why}");
    let why = refusal(&scene.redis.tls_url("localhost").replace("rediss", "redis")).await;
    assert!(why.contains("rediss://"), "{why}");
    let plain = scene.redis.url().replace("redis://127.0.0.1", "rediss://localhost");
    let why = scene.refusal(&plain).await;
    assert!(why.contains("localhost") && why.contains("TLS"), "{why}");
}

#[tokio::test]
async fn a_connection_is_made_again_with_tls() {
    let mut scene = TlsScene::right().await;
    let addresses = scene.trusting(&scene.redis.tls_url("localhost"), &scene.authority);
    let ballots = RedisBallotBox::on(&addresses, Partitions::ONE, Durability::Disk, key("aa"));
    eventually(|| ballots.cast(ballot("main", 1, "a"), FIRST_REVISION)).await;
    scene.redis.restart().await;
    let mut log = RedisLog::new(&addresses, Partition::new(0));
    eventually(async || log.claim("a leader", &LogState::default()).await).await;
    log.open().await.unwrap();
    eventually(|| ballots.cast(ballot("main", 2, "a"), FIRST_REVISION)).await;
}

#[tokio::test]
async fn sentinels_are_asked_over_tls_and_so_is_the_master_that_they_name() {
    let right = TlsScene::new(|authority| authority.certificate(&["localhost", "127.0.0.1"]), &[]).await;
    let sentinel = RedisSentinels::start_alone_with_tls(&right.redis).await;
    let addresses = right.trusting(&sentinel.tls_url("localhost"), &right.authority);
    assert_eq!(RedisLog::new(&addresses, Partition::new(0)).accepted().await, Ok(0));

    // Sentinels name the master by its address.
    let other = TlsScene::right().await;
    let sentinel = RedisSentinels::start_alone_with_tls(&other.redis).await;
    let why = other.refusal(&sentinel.tls_url("localhost")).await;
    assert!(why.contains("is for another host than 127.0.0.1 (the Sentinels say"), "{why}");
}
