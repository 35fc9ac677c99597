//! Several of each service side by side, and the plain load that people know from the example app.

use std::process::Command;

use testkit::{
    postgres_server::TestDatabase,
    programs::{self, Services},
    redis_server::RedisServer,
    tallies, wait,
};

/// `ab -p` with `vote=a`, as example-voting-app's seed data does.
fn post_with_ab(url: &str, choice: &str, posts: u32) {
    let form = tempfile::NamedTempFile::new().expect("a file for the form");
    std::fs::write(form.path(), format!("vote={choice}")).expect("the form is written");
    let ab = Command::new("ab")
        .args(["-q", "-n", &posts.to_string(), "-c", "20", "-T", "application/x-www-form-urlencoded", "-p"])
        .arg(form.path())
        .arg(format!("{url}/"))
        .output()
        .expect("ab runs (Debian package apache2-utils)");
    let said = String::from_utf8_lossy(&ab.stdout).into_owned();
    assert!(ab.status.success() && said.contains("Failed requests:        0"), "{said}");
}

#[tokio::test]
async fn plain_form_posts_are_counted_on_every_replica_as_new_voters() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let second_vote = programs::vote(&redis.url(), None);
    let second_result = programs::result(&database.url(), None);
    second_vote.ready().await;
    second_result.ready().await;

    post_with_ab(&services.vote.url(), "a", 300);
    post_with_ab(&second_vote.url(), "b", 200);
    for result in [services.result.url(), second_result.url()] {
        let tally = wait::until(&format!("all 500 votes at {result}"), || async {
            tallies::tally(&result, "main").await.filter(|tally| tally["counted"] == 500)
        })
        .await;
        assert_eq!(tallies::votes(&tally, 2), [300, 200]);
        assert_eq!(tally["voters"], 500);
    }
}
