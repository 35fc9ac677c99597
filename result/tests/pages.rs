//! Pages and the API: what people and programs read without a socket.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{Inclusion, PollChange, PollId, PollSpec, Position, Receipt, Unavailable, VoterId};
use http::{StatusCode, header};
use scrutin_result::Config;
use serde_json::json;
use support::{App, config, secret, spawn_app, spawn_app_with};
use testkit::wait;
use web::counterpart::Counterpart;

fn receipt_of(poll: PollId) -> String {
    let voter = VoterId::of_cookie(&secret(), poll, b"somebody");
    Receipt { position: Position::new(1_795_423_500_123, 4).unwrap(), voter }.encode(&secret(), poll)
}

async fn in_french(app: &App, path: &str) -> String {
    let request = app.http.get(app.url(path)).header(header::ACCEPT_LANGUAGE, "fr");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_page_shows_the_present_figures_without_any_script() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 1_234);
    app.ledger.vote_many("main", 1, 411);
    let page = app.page("/").await;
    for expected in ["Cats or Dogs?", "1,234", "75%", "411", "25%", "1,645 voters", "Voting is open", "instance-1"] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    // Not only for who has no scripts: a script may be too new for the browser, or not come.
    assert!(page.contains("<p class=\"again\" id=\"again\"><a href=\"/\">Look again</a></p>"), "{page}");
    assert!(!page.contains("<noscript>"), "{page}");
    let page = in_french(&app, "/p/main").await;
    for expected in ["lang=\"fr\"", "1\u{202f}234", "75\u{a0}%", "1\u{202f}645 votants"] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
}

#[tokio::test]
async fn texts_of_polls_have_their_own_direction_everywhere() {
    let app = spawn_app().await;
    let (question, option) = ("תה או קפה?", "شاي!");
    let spec = PollSpec { listed: true, ..PollSpec::simple(question, [option, "Coffee"]) };
    app.ledger.create("tea", spec);
    let receipt = format!("/p/tea/receipts/{}", receipt_of(PollId::parse("tea").unwrap()));
    for path in ["/p/tea", "/p/tea/embed", "/polls", &receipt] {
        let page = app.page(path).await;
        let mut seen = 0;
        for (at, text) in [question, option].iter().flat_map(|text| page.match_indices(text)) {
            seen += 1;
            let (before, behind) = (&page[..at], &page[at + text.len()..]);
            let tag = before.rsplit('<').next().unwrap();
            // In an element of its own, between marks, or alone in an attribute.
            let set_apart = tag.ends_with('>') && tag.contains("dir=\"auto\"");
            let is_marked = before.ends_with('\u{2068}') && behind.starts_with('\u{2069}');
            let alone = before.ends_with("content=\"") && behind.starts_with('"');
            assert!(set_apart || is_marked || alone, "{path}: <{tag}{text}");
        }
        assert!(seen > 0, "{path}: {page}");
    }
}

#[tokio::test]
async fn no_votes_look_like_no_votes() {
    let app = spawn_app().await;
    let page = app.page("/").await;
    assert!(page.contains("No votes yet"));
    assert_eq!(page.matches("x=\"-100.0%\"").count(), 3, "both bars, one with a pattern, are out of sight: {page}");
    assert!(!page.contains("50%"));
}

#[tokio::test]
async fn options_keep_their_order_whatever_the_votes() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 1, 100);
    let page = app.page("/").await;
    assert!(page.find("Cats</th>").unwrap() < page.find("Dogs</th>").unwrap());
}

#[tokio::test]
async fn a_hidden_result_shows_the_turnout_and_neither_votes_nor_bars() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 77);
    app.ledger.vote_many("main", 1, 11);
    app.ledger.change("main", &PollChange::Hide);
    let page = app.page("/").await;
    assert!(page.contains("88 voters") && page.contains("The organiser will reveal the result."));
    assert!(!page.contains("77") && !page.contains("<table") && !page.contains("data-key"), "{page}");
    let tally = app.json("/api/polls/main/tally").await;
    assert_eq!((&tally["votes"], &tally["voters"]), (&json!(null), &json!(88)));
}

#[tokio::test]
async fn states_are_said() {
    let app = spawn_app().await;
    app.ledger.change("main", &PollChange::Close);
    assert!(app.page("/").await.contains("id=\"state\" role=\"status\">Voting is closed"));
}

#[tokio::test]
async fn markup_in_a_poll_is_shown_and_never_run() {
    let app = spawn_app().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}";
    app.ledger.create("evil", PollSpec::simple(evil, [evil, "</table>"]));
    for path in ["/p/evil", &format!("/p/evil/receipts/{}", receipt_of(PollId::parse("evil").unwrap()))] {
        let page = app.page(path).await;
        assert!(!page.contains("<script>") && !page.contains("<img") && page.matches("</table>").count() < 2, "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("{{ 7*7 }}"), "{page}");
    }
}

#[tokio::test]
async fn the_page_says_where_to_vote() {
    let app = spawn_app().await;
    app.ledger.create("lunch", PollSpec::simple("Lunch?", ["Yes", "No"]));
    let page = app.page("/p/lunch").await;
    assert!(page.contains("href=\"https://vote.example.org/p/lunch\">vote.example.org<wbr>/p/lunch</a>"), "{page}");
    assert!(page.contains("class=\"qr\""));
    assert!(app.page("/").await.contains("href=\"https://vote.example.org\">vote.example.org</a>"));
}

#[tokio::test]
async fn only_the_embed_page_may_be_framed_and_only_by_allowed_origins() {
    for (origins, ancestors) in [
        (vec!["https://Slides.example.com:443"], "; frame-ancestors https://slides.example.com"),
        (
            vec!["https://a.example", "http://b.example:8000"],
            "; frame-ancestors https://a.example http://b.example:8000",
        ),
        // No word of ancestors: `*` would keep out slides in a file.
        (vec!["https://a.example", "*"], "; base-uri 'none'"),
    ] {
        let embed_origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let app = spawn_app_with(Config { embed_origins, ..config() }).await;
        for path in ["/p/main/embed", "/p/nowhere/embed"] {
            let headers = app.get(path).await.headers().clone();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.ends_with(ancestors) && policy.starts_with("default-src 'none'"), "{path}: {policy}");
            assert!(!headers.contains_key(header::X_FRAME_OPTIONS), "{path}");
        }
        for path in ["/", "/p/main", "/polls", "/nothing"] {
            let policy = app.get(path).await.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        }
    }
}

#[tokio::test]
async fn a_page_in_a_file_may_read_where_null_is_allowed() {
    let with_null = Config { allowed_origins: vec!["null".parse().unwrap()], ..config() };
    for (app, allowed) in [(spawn_app_with(with_null).await, Some("null")), (spawn_app().await, None)] {
        let request = app.http.get(app.url("/api/polls/main/tally")).header(header::ORIGIN, "null");
        let headers = request.send().await.unwrap().headers().clone();
        let said = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
        assert_eq!(said, allowed);
        for origin in ["null", "file://"] {
            let request = app.http.get(app.url("/socket.io/?EIO=4&transport=polling")).header(header::ORIGIN, origin);
            let expected = if allowed.is_some() { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(request.send().await.unwrap().status(), expected, "{origin}");
        }
    }
}

#[tokio::test]
async fn default_ports_and_spellings_of_the_voting_page_let_it_read() {
    for vote in ["http://vote.test:80", "http://VOTE.test.", "http://vote.test/vote"] {
        let app = spawn_app_with(Config { vote: Counterpart::Fixed(vote.parse().unwrap()), ..config() }).await;
        let request = app.http.get(app.url("/api/polls/main/tally")).header(header::ORIGIN, "http://vote.test");
        let headers = request.send().await.unwrap().headers().clone();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://vote.test", "{vote}");
    }
    let app = spawn_app_with(Config { vote: Counterpart::Port(80), ..config() }).await;
    let request = app.http.get(app.url("/api/polls/main/tally")).header(header::ORIGIN, "http://result.test");
    let headers = request.header(header::HOST, "result.test:80").send().await.unwrap().headers().clone();
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://result.test");
}

#[tokio::test]
async fn the_code_has_its_own_page_which_says_if_phones_can_not_use_it() {
    let app = spawn_app().await;
    let page = app.page("/p/main/join").await;
    assert!(page.contains("class=\"qr\"") && page.contains("href=\"https://vote.example.org\""), "{page}");
    assert!(app.page("/").await.contains("class=\"enlarge\" href=\"/p/main/join\""));
    assert_eq!(app.get("/p/nowhere/join").await.status(), StatusCode::NOT_FOUND);

    // Opened at this machine's own address, without a word of where the voting page is.
    let app = spawn_app_with(Config { vote: Counterpart::Port(8080), ..config() }).await;
    for path in ["/", "/p/main/join"] {
        let page = app.page(path).await;
        let address = listener::reach::addresses(8080);
        match &address {
            Ok(addresses) => {
                let url = format!("http://{}:8080", web::counterpart::host_of(addresses[0]));
                assert!(page.contains("class=\"qr\"") && page.contains(&format!("href=\"{url}\"")), "{page}");
            }
            Err(_) => assert!(!page.contains("class=\"qr\"") && page.contains("is in no network"), "{page}"),
        }
    }
}

#[tokio::test]
async fn below_a_path_every_address_of_a_page_begins_with_it() {
    let below = Config { result_url: Some("http://example.org/result".parse().unwrap()), ..config() };
    let app = spawn_app_with(below).await;
    for prefix in ["", "/result"] {
        for path in ["/", "/p/main", "/p/main/embed", "/p/main/join", "/polls", "/p/nowhere", "/nowhere"] {
            let page = app.page(&format!("{prefix}{path}")).await;
            for written in ["href=\"/", "src=\"/", "action=\"/"] {
                for address in page.split(written).skip(1) {
                    assert!(address.starts_with("result/"), "{prefix}{path}: {written}{address}");
                }
            }
        }
    }
    let switched = app.get("/result/language/fr?back=/p/main").await;
    assert_eq!(switched.headers()[header::LOCATION], "/result/p/main");
    assert_eq!(app.get("/result/socket.io/?EIO=4&transport=polling").await.status(), StatusCode::OK);
    assert_eq!(app.get("/results/").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_frame_shows_the_score_alone() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 3);
    let page = app.page("/p/main/embed").await;
    for expected in ["Cats or Dogs?", "<table", "100%", "3 voters", "result.js", "noindex"] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    for unexpected in ["vote.example.org", "class=\"qr\"", "/language/", "instance-1", "full-screen"] {
        assert!(!page.contains(unexpected), "{unexpected} in {page}");
    }
}

#[tokio::test]
async fn a_link_is_previewed_with_the_question() {
    let result_url = Some("https://result.example.org".parse().unwrap());
    let app = spawn_app_with(Config { result_url, ..config() }).await;
    app.ledger.create("lunch", PollSpec::simple("Soup & \"bread\"?", ["Yes", "No"]));
    let page = app.page("/p/lunch").await;
    for expected in [
        "<title>Soup &amp; &quot;bread&quot;? · Live result</title>",
        "<meta name=\"description\" content=\"The result of this vote, as it comes in.\">",
        "<meta property=\"og:title\" content=\"Soup &amp; &quot;bread&quot;?\">",
        "<meta property=\"og:description\" content=\"The result of this vote, as it comes in.\">",
        "<meta property=\"og:url\" content=\"https://result.example.org/p/lunch\">",
        "<meta property=\"og:locale\" content=\"en_GB\">",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    app.ledger.change("lunch", &PollChange::Hide);
    let page = app.page("/p/lunch").await;
    assert!(page.contains("<meta property=\"og:description\" content=\"The organiser will reveal the result.\">"));
}

#[tokio::test]
async fn the_public_list_shows_only_open_polls_that_were_put_there() {
    let app = spawn_app().await;
    let page = app.page("/polls").await;
    assert!(page.contains("No poll is open to everybody at present.") && !page.contains("Cats"), "{page}");
    assert!(!app.page("/").await.contains("/polls"), "nothing links to it");

    let app = spawn_app().await;
    let listed = |question: &str| PollSpec { listed: true, ..PollSpec::simple(question, ["Yes", "No"]) };
    app.ledger.create("lunch", listed("Lunch?"));
    app.ledger.create("over", listed("Over?"));
    app.ledger.change("over", &PollChange::Close);
    app.ledger.create("later", PollSpec { state: domain::PollState::Waiting, ..listed("Later?") });
    app.ledger.vote_many("lunch", 0, 1_234);
    let page = app.page("/polls").await;
    for expected in
        ["href=\"/p/lunch\" dir=\"auto\">Lunch?</a>", "1,234 voters", "href=\"https://vote.example.org/p/lunch\""]
    {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    for unexpected in ["Cats", "Over?", "Later?"] {
        assert!(!page.contains(unexpected), "{unexpected} in {page}");
    }
}

#[tokio::test]
async fn a_long_public_list_is_read_page_by_page() {
    let app = spawn_app().await;
    for number in 0..120 {
        let question = format!("Question {number:03}?");
        let spec = PollSpec { listed: true, ..PollSpec::simple(question, ["Yes", "No"]) };
        app.ledger.create(&format!("poll-{number:03}"), spec);
    }
    let (mut path, mut questions) = ("/polls".to_owned(), Vec::new());
    for pages in 1.. {
        let page = app.page(&path).await;
        questions.extend(page.split(">Question ").skip(1).map(|rest| rest[..3].parse::<u32>().unwrap()));
        let Some((_, next)) = page.split_once("href=\"/polls?after=") else {
            assert_eq!(pages, 3);
            break;
        };
        path = format!("/polls?after={}", next.split('"').next().unwrap());
    }
    assert_eq!(questions, (0..120).collect::<Vec<_>>());
    let reads = app.ledger.reads();
    assert!(reads <= 2, "read once for all who ask at the same time, not {reads} times");
    app.ledger.set_down(true);
    wait::until_true("a page that says so", async || {
        app.get("/polls").await.status() == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
}

#[tokio::test]
async fn an_address_typed_a_little_differently_leads_to_the_poll() {
    let app = spawn_app().await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (path, page) in [
        ("/p/Main", "/p/main"),
        ("/p/main/", "/p/main"),
        ("/P/main.", "/p/main"),
        ("/p/MAIN/embed/", "/p/main/embed"),
        ("/Polls/?after=x", "/polls?after=x"),
    ] {
        let answer = http.get(app.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "{path}");
        assert_eq!(answer.headers()[header::LOCATION], page, "{path}");
    }
    for path in ["/x/Main", "/p/nowhere", "/api/polls/Main/tally"] {
        assert_eq!(http.get(app.url(path)).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn unknown_addresses_are_a_page_for_people_and_a_problem_for_programs() {
    let app = spawn_app().await;
    for path in ["/p/nowhere", "/p/NO%20ID", "/p/main/receipts/nonsense", "/nothing"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().contains("<h1>"), "{path}");
    }
    for (path, code) in [
        ("/api/polls/nowhere/tally", "unknown-poll"),
        ("/api/polls/NO%20ID/tally", "unknown-poll"),
        ("/api/polls/main/receipts/nonsense", "receipt-unknown"),
        ("/api/nothing", "not-found"),
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["code"], code);
    }
}

#[tokio::test]
async fn refusals_speak_the_language_of_the_request() {
    let app = spawn_app().await;
    for path in ["/p/nowhere", "/p/NO%20ID/embed", "/api/polls/nowhere/tally"] {
        let answer = app.http.get(app.url(path)).header(header::ACCEPT_LANGUAGE, "fr").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().contains("Ce scrutin n’existe pas"), "{path}");
    }
}

#[tokio::test]
async fn the_tally_is_what_the_ledger_holds() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 12);
    app.ledger.vote_many("main", 1, 3);
    let tally = app.json("/api/polls/main/tally").await;
    assert_eq!(tally["votes"], json!({"a": 12, "b": 3}));
    assert_eq!((&tally["poll"], &tally["question"]), (&json!("main"), &json!("Cats or Dogs?")));
    assert_eq!((&tally["voters"], &tally["counted"], &tally["open"]), (&json!(15), &json!(15), &json!(true)));
    assert_eq!(tally["position"], "1795423500123-2");
}

#[tokio::test]
async fn receipts_say_whether_a_ballot_is_counted() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 9);
    let receipt = receipt_of(PollId::MAIN);
    for (inclusion, status, headline) in [
        (Inclusion::Counted, "counted", "Your ballot is counted"),
        (Inclusion::Replaced, "replaced", "A later ballot replaced this one"),
        (Inclusion::PastRound, "past_round", "This ballot is of a past round"),
        (Inclusion::NotCountedYet, "waiting", "Your ballot waits to be counted"),
        (Inclusion::Missing, "missing", "This ballot is not in the ledger"),
    ] {
        *app.ledger.inclusion.lock().unwrap() = inclusion;
        let body = app.json(&format!("/api/polls/main/receipts/{receipt}")).await;
        let mut expected = json!({"status": status, "cast_at": "2026-11-23T08:45:00.123Z"});
        if inclusion == Inclusion::NotCountedYet {
            // How far behind the count is; the ledger of the tests stands just before.
            expected["counted_through"] = json!("2026-11-23T08:45:00.123Z");
        }
        let held = matches!(inclusion, Inclusion::Counted | Inclusion::Replaced | Inclusion::PastRound);
        if held {
            expected["counted_at"] = json!("2026-11-23T08:45:01Z");
        }
        assert_eq!(body, expected);
        let page = app.page(&format!("/p/main/receipts/{receipt}")).await;
        assert!(page.contains(headline) && page.contains("23 November 2026, 08:45:00 UTC"), "{page}");
        assert!(!page.contains("Cats</"), "never the choice: {page}");
        assert_eq!(page.contains("Look again"), inclusion == Inclusion::NotCountedYet);
        assert_eq!(page.contains("The count has come to"), inclusion == Inclusion::NotCountedYet);
        assert_eq!(page.contains("Counted on 23 November 2026, 08:45:01 UTC"), held, "{page}");
        let page = in_french(&app, &format!("/p/main/receipts/{receipt}")).await;
        assert!(page.contains("Déposé le 23 novembre 2026 à 08:45:00 UTC"), "{page}");
        assert_eq!(page.contains("Compté le 23 novembre 2026 à 08:45:01 UTC"), held, "{page}");
    }
}

#[tokio::test]
async fn the_receipt_of_a_queued_ballot_says_since_when_counting_stopped() {
    let app = spawn_app().await;
    *app.ledger.inclusion.lock().unwrap() = Inclusion::NotCountedYet;
    app.ledger.stop_counting("main", Some(60_000));
    let receipt = receipt_of(PollId::MAIN);
    let body = app.json(&format!("/api/polls/main/receipts/{receipt}")).await;
    assert!(body["stale_since"].as_str().is_some_and(|since| since.ends_with('Z')), "{body}");
    let page = app.page(&format!("/p/main/receipts/{receipt}")).await;
    assert!(page.contains("The count stands still since"), "{page}");
}

#[tokio::test]
async fn a_receipt_says_counted_even_if_the_time_is_unknown() {
    let app = spawn_app().await;
    let receipt = receipt_of(PollId::MAIN);
    for unknown in [Ok(None), Err(Unavailable::failed("reading", "the test made it unreadable"))] {
        *app.ledger.counted_at.lock().unwrap() = unknown;
        let body = app.json(&format!("/api/polls/main/receipts/{receipt}")).await;
        assert_eq!(body, json!({"status": "counted", "cast_at": "2026-11-23T08:45:00.123Z"}));
        let page = app.page(&format!("/p/main/receipts/{receipt}")).await;
        assert!(page.contains("Your ballot is counted") && !page.contains("Counted on"), "{page}");
    }
}

#[tokio::test]
async fn a_receipt_of_another_poll_or_installation_is_unknown() {
    let app = spawn_app().await;
    app.ledger.create("lunch", PollSpec::simple("Lunch?", ["Yes", "No"]));
    let elsewhere = domain::Secret::parse(&"z".repeat(32)).unwrap();
    let voter = VoterId::from_bytes([7; 16]);
    let forged = Receipt { position: Position::ZERO, voter }.encode(&elsewhere, PollId::MAIN);
    for path in [format!("/p/lunch/receipts/{}", receipt_of(PollId::MAIN)), format!("/p/main/receipts/{forged}")] {
        assert_eq!(app.get(&path).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.get(&path.replace("/p/", "/api/polls/")).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn while_nothing_can_be_read_pages_say_so_and_offer_to_look_again() {
    let app = spawn_app().await;
    app.ledger.set_down(true);
    for path in ["/".to_owned(), format!("/p/main/receipts/{}", receipt_of(PollId::MAIN))] {
        let answer = app.get(&path).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
        let page = answer.text().await.unwrap();
        assert!(page.contains("be read at present") && page.contains("Look again"), "{page}");
        let answer = app.get(&path.replace("/p/main/", "/api/polls/main/")).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(app.json("/api/polls/main/tally").await["code"], "unavailable");
}

#[tokio::test]
async fn every_page_has_the_security_headers() {
    let app = spawn_app().await;
    let receipt = format!("/p/main/receipts/{}", receipt_of(PollId::MAIN));
    for path in [
        "/",
        "/p/main",
        "/p/main/embed",
        "/p/nowhere",
        "/p/nowhere/embed",
        "/polls",
        &receipt,
        "/nothing",
        "/api/polls/main/tally",
        "/api/polls/main/ballots.csv",
        "/static/result.css",
    ] {
        let answer = app.get(path).await;
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.headers()[header::X_FRAME_OPTIONS], "DENY", "{path}");
        let body = answer.text().await.unwrap();
        assert!(
            path.starts_with("/static") || !body.contains(" style=") && !body.contains("<script>"),
            "{path}: {body}"
        );
        // WCAG 2.2.1: what is being read is not taken away after some seconds.
        assert!(!body.contains("http-equiv=\"refresh\""), "{path}: {body}");
    }
    let answer = app.get(&receipt).await;
    assert_eq!(answer.headers()[header::REFERRER_POLICY], "no-referrer");
}

#[tokio::test]
async fn scripts_and_styles_may_be_cached() {
    let app = spawn_app().await;
    let page = app.page("/").await;
    for file in ["result.js", "result.css", "base.css", "icon.svg"] {
        let address = page.split('"').find(|text| text.starts_with(&format!("/static/{file}?v="))).expect(file);
        let answer = app.get(address).await;
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"), "{address}");
    }
    // Each page is below 50 KB in all.
    let files = ["result.js", "language.js", "socket.js", "full-screen.js", "result.css", "base.css", "icon.svg"];
    let mut bytes = page.len();
    for file in files {
        bytes += app.page(&format!("/static/{file}")).await.len();
    }
    assert!(bytes < 50_000, "{bytes} bytes");
    let module = app.get("/static/socket.js").await;
    assert!(module.headers()[header::CONTENT_TYPE].to_str().unwrap().contains("javascript"));
}

#[tokio::test]
async fn the_api_is_described() {
    let app = spawn_app().await;
    let description = app.json("/api/openapi.json").await;
    for path in ["tally", "receipts/{receipt}", "tally.csv", "tally.json", "ballots.csv", "ballots.json"] {
        let operation = &description["paths"][format!("/api/polls/{{poll}}/{path}")]["get"];
        assert!(operation.is_object(), "{path}");
        let secured = operation["security"].as_array().map_or(0, Vec::len);
        assert_eq!(secured, if path.starts_with("receipts") { 0 } else { 2 + usize::from(path == "tally") }, "{path}");
    }
    let tree = "log/{round}/{partition}/{generation}";
    let of_tree = ["checkpoint", "tile/{tile}"].map(|rest| format!("{tree}/{rest}"));
    let notes = ["promise", "proof"].map(|kind| format!("receipts/{{receipt}}/{kind}"));
    let others = ["log", "seal", "result", "published"].map(str::to_owned);
    for path in of_tree.into_iter().chain(notes).chain(others) {
        let operation = &description["paths"][format!("/api/polls/{{poll}}/{path}")]["get"];
        assert!(operation["responses"]["200"].is_object() && operation["security"].is_null(), "{path}: {operation}");
    }
    assert!(description["paths"]["/.well-known/scrutin-key"]["get"].is_object());
    let tally = app.json("/api/polls/main/tally").await;
    let schema = description["components"]["schemas"]["TallyBody"].to_string();
    let standing = description["components"]["schemas"]["TallyFields"].to_string();
    for field in tally.as_object().unwrap().keys() {
        let quoted = format!("\"{field}\"");
        assert!(schema.contains(&quoted) || standing.contains(&quoted), "{field} is not described: {schema}");
    }
}
