//! The cookies: their attributes, forged ones, and foreign ones beside our own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Choices, KeyPurpose, PollId, Position, Secret, VoterId};

use crate::support::{Answer, TestApp, answer, config, spawn_app, spawn_with};

const ATTRIBUTES: &str = "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax";

async fn over_tls() -> TestApp {
    spawn_with(scrutin_vote::Config { vote_url: Some("https://vote.example.org".parse().unwrap()), ..config() }).await
}

/// Posts a ballot with these cookies.
async fn vote_with(app: &TestApp, form: &str, cookies: &str) -> Answer {
    answer(app.program().form("/", form).header("cookie", cookies)).await
}

/// The cookies of release 0.1.0 for a voter who had voted for `a` in `main`: `voter=…` and `ballots=…`.
fn of_0_1_0(secret: &Secret, token: &[u8; 16]) -> (String, String) {
    let position = Position::new(1_700_000_000_000, 7).unwrap().as_i64().to_be_bytes();
    let choices = Choices::from_bits(1).unwrap().bits().to_be_bytes();
    let ballots = [&[4][..], b"main", &1_u32.to_be_bytes(), &choices, &position, &[0, 0]].concat();
    let encoded = |signed: [u8; 32], parts: [&[u8]; 2]| match parts {
        [token, []] => URL_SAFE_NO_PAD.encode([token, &signed[..16]].concat()),
        [_, ballots] => URL_SAFE_NO_PAD.encode([&signed[..16], ballots].concat()),
    };
    let voter = encoded(secret.sign(KeyPurpose::FirstVoterCookie, &[token]), [token, &[]]);
    let memory = encoded(secret.sign(KeyPurpose::FirstBallotsCookie, &[token, &ballots]), [token, &ballots]);
    (format!("voter={voter}"), format!("ballots={memory}"))
}

#[tokio::test]
async fn cookies_are_set_once_and_neither_scripts_nor_other_sites_reach_them() {
    let app = spawn_app().await;
    let ada = app.browser();
    let first = ada.post_form("/", "vote=a").await;
    for name in ["voter", "ballots"] {
        assert!(first.set_cookie(name).unwrap().ends_with(ATTRIBUTES), "{:?}", first.headers);
    }
    let second = ada.post_form("/", "vote=b").await;
    assert!(second.set_cookie("voter").is_none(), "it is known already");
    assert!(second.set_cookie("ballots").is_some());
    let page = ada.get("/").await;
    assert!(page.set_cookie("voter").is_none() && page.set_cookie("ballots").is_none());
}

#[tokio::test]
async fn over_tls_no_other_host_can_set_a_cookie() {
    let app = over_tls().await;
    let signed_in = app.browser().post_form("/organise/sign-in", &format!("token={}", crate::support::TOKEN)).await;
    let answers = [
        app.browser().get("/").await,
        app.browser().post_form("/", "vote=a").await,
        app.program().get("/language/fr").await,
        signed_in,
    ];
    let lines: Vec<_> = answers.iter().flat_map(|answer| answer.headers.get_all("set-cookie")).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for line in lines {
        let line = line.to_str().unwrap();
        assert!(line.starts_with("__Host-") && line.contains("; Path=/;") && line.ends_with("; Secure"), "{line}");
        assert!(!line.contains("Domain"), "{line}");
    }
}

#[tokio::test]
async fn over_tls_a_cookie_without_the_prefix_does_not_count() {
    let app = over_tls().await;
    let attacker = app.browser().post_form("/", "vote=a").await.pair("voter");
    let tossed = attacker.strip_prefix("__Host-").unwrap();
    for victim in 0..20 {
        let with_both = if victim % 2 == 0 { tossed.to_owned() } else { format!("\u{2000}{attacker}; {tossed}") };
        assert!(vote_with(&app, "vote=b", &with_both).await.set_cookie("voter").is_some());
    }
    let mut voters = app.ballots.voters();
    voters.sort_unstable();
    voters.dedup();
    assert_eq!(voters.len(), 21, "each victim stays a voter of their own");
}

#[tokio::test]
async fn a_request_with_two_voter_cookies_is_refused() {
    let app = spawn_app().await;
    let attacker = app.browser().post_form("/", "vote=a").await.pair("voter");
    let own = app.browser().get("/").await.pair("voter");
    for cookies in [format!("{attacker}; {own}"), format!("{own}; x=y; {attacker}")] {
        let refused = vote_with(&app, "vote=b", &cookies).await;
        assert_eq!(refused.status.as_u16(), 400);
        refused.says("Nothing was recorded: your browser sent the cookies of two different voters");
        assert!(refused.headers.get("set-cookie").is_none());
        let page = answer(app.program().request("GET", "/").header("cookie", &cookies)).await;
        page.says("cookies of two different voters").does_not_say("Tap an answer");
        let ballot = serde_json::json!({"choices": ["b"]});
        let request = app.program().request("POST", "/api/polls/main/ballots").json(&ballot);
        answer(request.header("cookie", cookies)).await.is_problem(400, "two-voters");
    }
    assert_eq!(app.ballots.choices(), ["a"]);
    let twice = vote_with(&app, "vote=b", &format!("{own}; {own}")).await;
    assert_eq!(twice.status.as_u16(), 303, "the same one twice is one voter");
    assert!(twice.set_cookie("voter").is_none());
}

#[tokio::test]
async fn whoever_voted_under_0_1_0_stays_the_same_voter_and_sees_their_vote() {
    let app = spawn_app().await;
    let (voter, ballots) = of_0_1_0(&app.config.secret, &[7; 16]);
    let request = app.program().request("GET", "/").header("cookie", format!("{voter}; {ballots}"));
    let page = answer(request).await;
    page.says("You chose Cats");
    let posted = vote_with(&app, "vote=b", &format!("{voter}; {ballots}; {}", page.pair("voter"))).await;
    assert!(posted.set_cookie("voter").is_none(), "it has ours by now");
    vote_with(&app, "vote=a", &voter).await;
    let known = VoterId::of_cookie(&app.config.secret, PollId::MAIN, &[7; 16]);
    assert_eq!(app.ballots.voters(), [known, known]);

    let (other, _) = of_0_1_0(&app.config.secret, &[8; 16]);
    assert_eq!(vote_with(&app, "vote=a", &format!("{voter}; {other}")).await.status.as_u16(), 400);
    let own = app.browser().get("/").await.pair("voter");
    assert_eq!(vote_with(&app, "vote=a", &format!("{other}; {own}")).await.status.as_u16(), 303, "ours counts");
    assert_ne!(app.ballots.voters()[2], VoterId::of_cookie(&app.config.secret, PollId::MAIN, &[8; 16]));
}

#[tokio::test]
async fn a_new_cookie_under_an_old_name_does_not_count() {
    let app = spawn_app().await;
    let value = app.browser().post_form("/", "vote=a").await.cookie("voter");
    assert!(vote_with(&app, "vote=b", &format!("voter={value}")).await.set_cookie("voter").is_some());
    let voters = app.ballots.voters();
    assert_ne!(voters[0], voters[1]);
}

#[tokio::test]
async fn other_cookies_do_not_change_the_voter() {
    let app = spawn_app().await;
    let own = app.browser().post_form("/", "vote=a").await.pair("voter");
    for beside in [&b"tracking=\xff\xfe; "[..], b"x; ", b"=; ", "caf\u{e9}=1; ".as_bytes()] {
        let cookies = http::HeaderValue::from_bytes(&[beside, own.as_bytes()].concat()).unwrap();
        let posted = answer(app.program().form("/", "vote=b").header("cookie", cookies)).await;
        assert!(posted.set_cookie("voter").is_none(), "{beside:?}");
    }
    assert!(app.ballots.voters().windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_forged_or_truncated_voter_is_a_new_voter() {
    let app = spawn_app().await;
    let pair = app.browser().post_form("/", "vote=a").await.pair("voter");
    let (name, genuine) = pair.split_once('=').unwrap();
    let swapped = if genuine.starts_with('A') { "B" } else { "A" };
    let forged = format!("{swapped}{}", &genuine[1..]);
    for bad in [forged.as_str(), &genuine[..20], "", "x", "%00", &"A".repeat(43), &"A".repeat(4_000)] {
        let posted = vote_with(&app, "vote=a", &format!("{name}={bad}")).await;
        assert_eq!(posted.status.as_u16(), 303, "{bad}");
        assert_ne!(posted.cookie("voter"), genuine);
    }
    let mut voters = app.ballots.voters();
    voters.sort_unstable();
    voters.dedup();
    assert_eq!(voters.len(), 8, "each a voter of its own");

    let posted = vote_with(&app, "vote=b", &format!("{name}={}; {name}={genuine}", &genuine[..20])).await;
    assert!(posted.set_cookie("voter").is_none(), "a genuine one beside a broken one is found");
}

#[tokio::test]
async fn a_forged_memory_is_not_shown() {
    let app = spawn_app().await;
    let posted = app.browser().post_form("/", "vote=a").await;
    let (voter, memory) = (posted.pair("voter"), posted.pair("ballots"));
    let (name, ballots) = memory.split_once('=').unwrap();
    let page = |cookie: String| answer(app.program().request("GET", "/").header("cookie", cookie));
    page(format!("{voter}; {memory}")).await.says("You chose Cats");
    let last = if ballots.ends_with('A') { "B" } else { "A" };
    for bad in [format!("{}{last}", &ballots[..ballots.len() - 1]), ballots[..30].to_owned(), "A".repeat(10_000)] {
        page(format!("{voter}; {name}={bad}")).await.does_not_say("You chose");
    }
    page(memory).await.does_not_say("You chose");
}

#[tokio::test]
async fn two_installations_on_one_host_do_not_take_each_others() {
    let app = spawn_app().await;
    let secret = Secret::parse(&"another".repeat(5)).unwrap();
    let other = spawn_with(scrutin_vote::Config { secret, ..config() }).await;
    let mine = app.browser().post_form("/", "vote=a").await;
    let theirs = vote_with(&other, "vote=a", &mine.pair("voter")).await;
    let name = |answer: &Answer, what| answer.pair(what).split('=').next().unwrap().to_owned();
    for what in ["voter", "ballots"] {
        assert_ne!(name(&mine, what), name(&theirs, what));
    }
    let both = format!("{}; {}; {}", mine.pair("voter"), mine.pair("ballots"), theirs.pair("voter"));
    let back = vote_with(&app, "vote=b", &both).await;
    assert!(back.set_cookie("voter").is_none(), "one voter here, whoever else was visited");
    assert_eq!(app.ballots.voters()[0], app.ballots.voters()[1]);
}
