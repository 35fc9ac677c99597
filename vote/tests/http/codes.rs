//! Voting codes: one code, one ballot. Used codes are not called wrong, and guessing is limited.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{PollId, Receipt, VoterId};
use http::StatusCode;
use serde_json::json;

use crate::support::{Answer, Browser, TestApp, answer, config, spawn_app, spawn_with};

const WRONG: &str = "0000-0000-0000";

async fn cast(who: &Browser, poll: &str, choice: &str, code: &str) -> Answer {
    let ballot = json!({"choices": [choice], "code": code});
    who.post_json(&format!("/api/polls/{poll}/ballots"), &ballot.to_string()).await
}

#[tokio::test]
async fn a_code_casts_one_ballot_however_and_wherever_it_is_typed() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 2).await;
    app.browser()
        .vote("/p/tea", &format!("vote=a&code={}", codes[0]))
        .await
        .says("Your vote is recorded You chose Yes");
    let typed = codes[0].to_lowercase().replace('-', "+");
    app.browser().vote("/p/tea", &format!("vote=b&code={typed}")).await.says("You chose No");
    app.browser().vote("/p/tea", &format!("vote=b&code={}", codes[1])).await;
    let voters = app.ballots.voters();
    assert_eq!(voters[0], voters[1], "the same code is the same voter, in any browser");
    assert_ne!(voters[0], voters[2]);
    let code = codes[0].replace('-', "");
    assert_eq!(voters[0], VoterId::of_code(&app.config.secret, PollId::parse("tea").unwrap(), code.as_bytes()));
}

#[tokio::test]
async fn a_code_that_was_pasted_with_its_link_is_taken() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 1).await;
    let link = format!("https://vote.example.org/p/tea?code={}", codes[0].replace('-', ""));
    let form = format!("vote=a&code={}", link.replace(':', "%3A").replace('=', "%3D").replace('?', "%3F"));
    app.browser().vote("/p/tea", &form).await.says("Your vote is recorded You chose Yes");
    let answer = cast(&app.browser(), "tea", "b", &format!(" {link}&utm=x ")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let page = app.browser().get("/p/tea").await;
    let field = page.text.split("id=\"code\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(field.contains("maxlength=\"1000\""), "a whole link fits into the field: {field}");
}

#[tokio::test]
async fn a_browser_remembers_the_code_so_that_the_vote_can_be_changed() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 1).await;
    let ada = app.browser();
    let page = ada.vote("/p/tea", &format!("vote=a&code={}", codes[0])).await;
    assert!(page.text.contains(&format!("value=\"{}\"", codes[0])), "{}", page.text);
    ada.vote("/p/tea", "vote=b").await.says("You chose No");
    assert_eq!(app.ballots.choices(), ["a", "b"]);
    assert_eq!(app.ballots.voters()[0], app.ballots.voters()[1]);

    app.organiser("POST", "/api/polls/tea/reset", None).await;
    ada.get("/p/tea").await.says("The poll has begun anew");
    ada.vote("/p/tea", "vote=a").await.says("You chose Yes");
    assert_eq!(app.ballots.voters()[2], app.ballots.voters()[0], "the code holds in the next round");
}

#[tokio::test]
async fn the_receipt_is_of_the_ballot_that_the_code_cast() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 1).await;
    let page = app.browser().vote("/p/tea", &format!("vote=a&code={}", codes[0])).await;
    let address = page.link_with("/receipts/");
    let receipt = address.rsplit('/').next().unwrap();
    let receipt = Receipt::decode(receipt, &app.config.secret, PollId::parse("tea").unwrap()).unwrap();
    assert_eq!((receipt.position, receipt.voter), (app.ballots.positions()[0], app.ballots.voters()[0]));
}

#[tokio::test]
async fn a_link_fills_the_code_in() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 2).await;
    let ada = app.browser();
    let page = ada.get(&format!("/p/tea?code={}", codes[0].replace('-', ""))).await;
    assert!(page.text.contains(&format!("value=\"{}\"", codes[0].replace('-', ""))), "{}", page.text);
    assert!(page.link_with("/language/").contains("code%3D") || page.link_with("/language/").contains("code="));
    let odd = ada.get("/p/tea?code=%22%3E%3Cscript%3E").await;
    assert!(!odd.text.contains("<script>"), "{}", odd.text);

    ada.vote("/p/tea", &format!("vote=a&code={}", codes[0])).await.says("recorded");
    ada.get(&format!("/p/tea?code={}", codes[0])).await.says("recorded");
    ada.get(&format!("/p/tea?code={}", codes[1])).await.does_not_say("recorded");
    let blank = ada.get("/p/tea?code=").await;
    blank.does_not_say("recorded");
    assert!(!blank.text.contains(&codes[0]), "another person's turn: {}", blank.text);
    ada.vote("/p/tea", &format!("vote=b&code={}", codes[1])).await.says("You chose No");
    assert_ne!(app.ballots.voters()[0], app.ballots.voters()[1]);
}

#[tokio::test]
async fn enter_in_the_field_for_the_code_votes_for_nothing() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let page = app.browser().get("/p/tea").await;
    assert!(!page.text.contains("<button name=\"vote\""), "no button that votes is the form's first: {}", page.text);
    assert_eq!(page.text.matches("type=\"radio\"").count(), 2);
}

#[tokio::test]
async fn without_a_valid_code_nothing_is_recorded() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 1).await;
    let others = app.poll_with_codes("coffee", true, 1).await;
    let foreign =
        spawn_with(scrutin_vote::Config { secret: domain::Secret::parse(&"another".repeat(5)).unwrap(), ..config() });
    let foreign = foreign.await.poll_with_codes("tea", true, 1).await;
    for code in [WRONG, "x", &others[0], &foreign[0], &codes[0][1..], &format!("{}0", codes[0])] {
        cast(&app.program(), "tea", "a", code).await.is_problem(422, "wrong-code");
        let page = app.browser().post_form("/p/tea", &format!("vote=a&code={code}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.says("this is not a voting code of this poll");
        assert!(page.text.contains("aria-invalid=\"true\" aria-describedby=\"news\""), "{}", page.text);
        assert!(page.text.contains("value=\"a\" checked"), "what was chosen is not lost: {}", page.text);
    }
    cast(&app.program(), "tea", "a", " ").await.is_problem(403, "code-needed");
    let page = app.browser().post_form("/p/tea", "vote=a&code=").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.says("a voting code is needed");
    app.browser_in("fr").post_form("/p/tea", &format!("vote=a&code={WRONG}")).await.says("n’est pas un code de vote");
    assert_eq!(app.ballots.choices(), [""; 0]);
}

#[tokio::test]
async fn a_used_code_is_not_called_wrong_where_votes_are_final() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", false, 1).await;
    let form = format!("vote=a&code={}", codes[0]);
    app.browser().vote("/p/tea", &form).await.says("It can’t be changed");
    let again = app.browser().post_form("/p/tea", &form).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.says("This code has been used already").does_not_say("You chose");
    cast(&app.program(), "tea", "b", &codes[0]).await.is_problem(409, "already-voted");
    assert_eq!(app.ballots.choices(), ["a"]);
}

#[tokio::test]
async fn a_used_code_shows_its_ballot_only_to_the_browser_that_cast() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", false, 2).await;
    let (ada, organiser) = (app.browser(), app.organiser_browser().await);
    let form = format!("vote=a&code={}", codes[0]);
    ada.vote("/p/tea", &form).await.says("You chose Yes");
    organiser.vote("/p/tea", &format!("vote=b&code={}", codes[1])).await.says("You chose No");

    let typed = organiser.post_form("/p/tea", &form).await;
    typed.says("This code has been used already").does_not_say("Your vote is recorded");
    let over_the_api = cast(&organiser, "tea", "a", &codes[0]).await;
    over_the_api.is_problem(409, "already-voted");
    let program = cast(&app.program(), "tea", "a", &codes[0]).await;
    program.is_problem(409, "already-voted");
    let shown = organiser.get(&format!("/p/tea?code={}", codes[0])).await;
    shown.does_not_say("Your vote is recorded");
    let position = app.ballots.positions()[0].to_string();
    let receipt = Receipt { position: app.ballots.positions()[0], voter: app.ballots.voters()[0] };
    let receipt = receipt.encode(&app.config.secret, PollId::parse("tea").unwrap());
    for answer in [typed, over_the_api, program, shown] {
        assert!(!answer.text.contains(&receipt) && !answer.text.contains(&position), "{}", answer.text);
        // A browser may read its own cookies.
        for line in answer.headers.get_all("set-cookie") {
            assert!(!remembers(line.to_str().unwrap(), app.ballots.positions()[0]), "{line:?}");
        }
    }
    let again = ada.post_form("/p/tea", &form).await;
    again.says("This code has been used already").says("You chose Yes");
    assert!(again.link_with("/receipts/").contains(&receipt));
}

/// Whether the value of a cookie holds this position.
fn remembers(line: &str, position: domain::Position) -> bool {
    let value = line.split(';').next().unwrap().split_once('=').unwrap().1;
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap_or_default();
    bytes.windows(8).any(|window| window == position.as_i64().to_be_bytes())
}

#[tokio::test]
async fn a_code_is_ignored_where_anyone_may_vote() {
    let app = spawn_app().await;
    assert_eq!(cast(&app.program(), "main", "a", WRONG).await.status, StatusCode::CREATED);
    app.organiser("GET", "/api/polls/main/codes", None).await.is_problem(409, "open-to-anyone");
    let page = app.browser().get("/?code=ABCD").await;
    assert!(!page.text.contains("name=\"code\""), "{}", page.text);
}

#[tokio::test]
async fn right_codes_pass_beside_a_thousand_wrong_ones() {
    let app = spawn_app().await;
    let codes = app.poll_with_codes("tea", true, 100).await;
    let refused = guess_until_refused(&app).await;
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    refused.says("this is not a voting code of this poll").says("too many wrong codes came lately");
    for code in &codes {
        for _ in 0..10 {
            let status = cast(&app.program(), "tea", "a", WRONG).await.status;
            assert!(matches!(status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::TOO_MANY_REQUESTS), "{status}");
        }
        assert_eq!(cast(&app.program(), "tea", "a", code).await.status, StatusCode::CREATED);
    }
    app.browser().vote("/p/tea", &format!("vote=b&code={}", codes[0])).await.says("You chose No");
    assert_eq!(app.ballots.choices().len(), 101);
}

/// Sends wrong codes until one must wait, after more than a person can type. Returns its page.
async fn guess_until_refused(app: &TestApp) -> Answer {
    let program = app.program();
    for tries in 0..10_000 {
        let answer = cast(&program, "tea", "a", WRONG).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(tries >= 250, "only {tries} were let pass");
            answer.is_problem(429, "too-many-tries");
            // The next may pass again by then.
            let page = app.browser().post_form("/p/tea", &format!("vote=a&code={WRONG}")).await;
            if page.status == StatusCode::TOO_MANY_REQUESTS {
                return page;
            }
        } else {
            answer.is_problem(422, "wrong-code");
        }
    }
    panic!("guessing is not limited");
}

async fn cast_from(app: &TestApp, forwarded: &str, code: &str) -> Answer {
    let ballot = json!({"choices": ["a"], "code": code});
    let request = app.program().request("POST", "/api/polls/tea/ballots").json(&ballot);
    answer(request.header("x-forwarded-for", forwarded)).await
}

#[tokio::test]
async fn only_a_trusted_proxy_tells_the_address_of_guesses() {
    let trusted_proxies =
        listener::TrustedProxies { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], trusted_hops: 1 };
    let proxied = scrutin_vote::Config { trusted_proxies, ..config() };
    for (app, is_trusted) in [(spawn_with(proxied).await, true), (spawn_app().await, false)] {
        app.poll_with_codes("tea", true, 1).await;
        let mut others = Vec::new();
        for number in 0..10_000 {
            // The guesser writes any addresses before the one that the proxy adds, also trusted ones.
            let guess = cast_from(&app, &format!("127.0.0.{}, 192.0.2.1", number % 250), WRONG).await;
            if guess.status == StatusCode::TOO_MANY_REQUESTS {
                others.push(cast_from(&app, "192.0.2.2", WRONG).await.status);
                // The budget may allow one of them, but not all.
                if others.len() == 20 {
                    break;
                }
            }
        }
        let counted_together = others.contains(&StatusCode::TOO_MANY_REQUESTS);
        assert_eq!((others.len(), counted_together), (20, !is_trusted), "{others:?}");
    }
}
