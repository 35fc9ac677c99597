//! The cookies: what they are set to be, and what forged ones are worth.

use crate::support::{answer, config, spawn_app, spawn_with};

const ATTRIBUTES: &str = "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax";

#[tokio::test]
async fn they_are_set_once_and_out_of_reach_of_scripts_and_other_sites() {
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
async fn they_go_over_tls_only_where_there_is_tls() {
    let app =
        spawn_with(scrutin_vote::Config { vote_url: Some("https://vote.example.org".parse().unwrap()), ..config() })
            .await;
    let posted = app.browser().post_form("/", "vote=a").await;
    for name in ["voter", "ballots"] {
        assert!(posted.set_cookie(name).unwrap().ends_with("; Secure"), "{:?}", posted.headers);
    }
}

#[tokio::test]
async fn a_forged_or_truncated_voter_is_a_new_voter() {
    let app = spawn_app().await;
    let genuine = app.browser().post_form("/", "vote=a").await.cookie("voter");
    let swapped = if genuine.starts_with('A') { "B" } else { "A" };
    let forged = format!("{swapped}{}", &genuine[1..]);
    for bad in [forged.as_str(), &genuine[..20], "", "x", "%00", &"A".repeat(43), &"A".repeat(4_000)] {
        let posted = answer(app.program().form("/", "vote=a").header("cookie", format!("voter={bad}"))).await;
        assert_eq!(posted.status.as_u16(), 303, "{bad}");
        assert_ne!(posted.cookie("voter"), genuine);
    }
    let mut voters = app.ballots.voters();
    voters.sort_unstable();
    voters.dedup();
    assert_eq!(voters.len(), 8, "each a voter of its own");

    let cookie = format!("voter={}; voter={genuine}", &genuine[..20]);
    let posted = answer(app.program().form("/", "vote=b").header("cookie", cookie)).await;
    assert!(posted.set_cookie("voter").is_none(), "a genuine one beside a broken one is found");
}

#[tokio::test]
async fn a_forged_memory_is_not_shown() {
    let app = spawn_app().await;
    let posted = app.browser().post_form("/", "vote=a").await;
    let (voter, ballots) = (posted.cookie("voter"), posted.cookie("ballots"));
    let page = |cookie: String| answer(app.program().request("GET", "/").header("cookie", cookie));
    page(format!("voter={voter}; ballots={ballots}")).await.says("You chose Cats");
    let last = if ballots.ends_with('A') { "B" } else { "A" };
    for bad in [format!("{}{last}", &ballots[..ballots.len() - 1]), ballots[..30].to_owned(), "A".repeat(10_000)] {
        page(format!("voter={voter}; ballots={bad}")).await.does_not_say("You chose");
    }
    page(format!("ballots={ballots}")).await.does_not_say("You chose");
}

#[tokio::test]
async fn another_installation_does_not_know_them() {
    let app = spawn_app().await;
    let secret = domain::Secret::parse(&"another".repeat(5)).unwrap();
    let other = spawn_with(scrutin_vote::Config { secret, ..config() }).await;
    let voter = app.browser().post_form("/", "vote=a").await.cookie("voter");
    let posted = answer(other.program().form("/", "vote=a").header("cookie", format!("voter={voter}"))).await;
    assert_ne!(posted.cookie("voter"), voter);
}
