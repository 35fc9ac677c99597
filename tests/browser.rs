//! A real browser against the real services: what people see and do.

use testkit::{
    all_in_one::AllInOne,
    browser::{Browser, Driver, PHONE, PROJECTOR, Setup},
    postgres_server::TestDatabase,
    programs::Services,
    redis_server::RedisServer,
    wait,
};

/// The share of the width that the bar of an option takes, as drawn.
async fn bar(browser: &Browser, key: &str) -> f64 {
    let script = format!(
        "const row = document.querySelector('tr[data-key=\"{key}\"]'); \
         const bar = row.querySelector('.bar').getBoundingClientRect(); \
         const fill = row.querySelector('.level').getBoundingClientRect(); \
         return (Math.min(fill.right, bar.right) - bar.left) / bar.width;"
    );
    browser.run(&script).await.as_f64().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_is_recorded_and_changed_and_the_other_windows_bars_move() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let screen = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    let phone = driver.open(Setup { size: PHONE, ..Setup::default() }).await;

    screen.goto(&services.result.url()).await;
    screen.shows("No votes yet").await;
    assert!(bar(&screen, "a").await < 0.01 && bar(&screen, "b").await < 0.01, "zero votes look like zero votes");

    phone.goto(&services.vote.url()).await;
    phone.click("button[value=a]").await;
    phone.shows("recorded").await;
    wait::until_true("the bar of a to fill", || async { bar(&screen, "a").await > 0.95 }).await;

    phone.click("button[value=b]").await;
    wait::until_true("the bar of b to fill", || async {
        bar(&screen, "b").await > 0.95 && bar(&screen, "a").await < 0.05
    })
    .await;
    // Coming back later, the page still knows what is recorded.
    phone.goto(&services.vote.url()).await;
    phone.shows("Dogs").await;
    phone.shows("recorded").await;

    for browser in [&screen, &phone] {
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "no script error, no violated policy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_people_vote_and_see_the_result() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let plain = driver.open(Setup { javascript: false, language: "fr", ..Setup::default() }).await;
    plain.goto(&services.vote.url()).await;
    plain.click("button[value=b]").await;
    plain.shows("enregistré").await;
    plain.goto(&services.result.url()).await;
    wait::until_true("the present result without scripts", || async {
        plain.click(".status .again a").await;
        plain.text().await.contains("100")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_says_when_it_is_cut_off_and_comes_back_by_itself() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = Services::start(&redis.url(), &database.url()).await;
    let driver = Driver::start().await;
    let screen = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    screen.goto(&services.result.url()).await;
    screen.find("[data-kind=live]").await;
    services.result.program.kill();
    screen.find("[data-kind=reconnecting]").await;
    let posted = reqwest::Client::new().post(services.vote.url()).form(&[("vote", "a")]).send().await;
    assert!(posted.unwrap().status().as_u16() < 500, "voting goes on without the result service");
    services.result.program.start_again();
    screen.find("[data-kind=live]").await;
    wait::until_true("the present scores", || async { bar(&screen, "a").await > 0.95 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_phones_cannot_vote_leaves_the_address_in_one_line() {
    let data = tempfile::tempdir().expect("a directory");
    let server = AllInOne::start(data.path()).await;
    let driver = Driver::start().await;
    for size in [(320, 640), PHONE, (700, 844), (1280, 844)] {
        let browser = driver.open(Setup { size, language: "de", ..Setup::default() }).await;
        browser.goto(&server.result_url()).await;
        browser.find(".join .unreachable").await;
        let lines = browser.run("return document.querySelector('.join p a').getClientRects().length").await;
        assert_eq!(lines, 1, "in a window of {size:?}");
    }
}
