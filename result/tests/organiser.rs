//! What only the organiser may fetch: who is let in, what the exports hold, and that nobody else gets a hidden vote.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Choices, PollChange, PollId, PollSpec, Secret, VoterId, Wording};
use http::{StatusCode, header};
use reqwest::Response;
use scrutin_result::Config;
use serde_json::{Value, json};
use support::{App, ORGANISER_TOKEN, config, links, secret, spawn_app, spawn_app_with};
use testkit::wait;
use web::signed_link::{self, Purpose, VALID_MILLIS};

/// Everything that only the organiser may download, below `/api/polls/{poll}/`.
const EXPORTS: [&str; 4] = ["tally.csv", "tally.json", "ballots.csv", "ballots.json"];

/// More than one page of the ledger's, and no multiple of it.
const MANY: u64 = 12_345;

fn ticket(poll: &str, purpose: Purpose) -> String {
    signed_link::ticket(&links(), PollId::parse(poll).unwrap(), purpose, program::now_millis())
}

async fn as_organiser(app: &App, path: &str) -> Response {
    app.http.get(app.url(path)).bearer_auth(ORGANISER_TOKEN).send().await.unwrap()
}

async fn text(app: &App, path: &str) -> String {
    let answer = as_organiser(app, path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

async fn code(answer: Response) -> String {
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    answer.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned()
}

/// Casts `count` ballots of up to three choices, unevenly spread.
fn cast(app: &App, poll: &str, options: usize, count: u64) {
    for number in 0..count {
        let voter = VoterId::of_cookie(&secret(), PollId::parse(poll).unwrap(), &number.to_be_bytes());
        let chosen = [number * number, number / 7, number % 3].map(|option| 1 << (option % options as u64));
        let bits = u32::try_from(chosen.into_iter().fold(0_u64, |bits, bit| bits | bit)).unwrap();
        app.ledger.cast(poll, voter, Choices::from_bits(bits).unwrap());
    }
}

/// The rows of a file for spreadsheets, without its header.
fn rows(file: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let file = file.strip_prefix('\u{feff}').expect("a byte order mark, once");
    let mut rows = file.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let rows: Vec<_> = rows.collect();
    assert!(rows.iter().all(|row| row.len() == header.len()));
    (header, rows)
}

#[tokio::test]
async fn tables_have_commas_unless_the_query_asks_for_semicolons() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 3);
    app.ledger.vote_many("main", 1, 1);
    let tally = text(&app, "/api/polls/main/tally.csv?separator=semicolon").await;
    assert_eq!(tally, "\u{feff}option;text;votes;share;voters\na;Cats;3;0,7500;4\nb;Dogs;1;0,2500;4\n");
    assert!(text(&app, "/api/polls/main/tally.csv").await.contains("\na,Cats,3,0.7500,4\n"));
    assert!(text(&app, "/api/polls/main/tally.csv?separator=comma").await.contains("\na,Cats,3,0.7500,4\n"));
    cast(&app, "main", 2, 1);
    let ballots = text(&app, "/api/polls/main/ballots.csv?separator=semicolon").await;
    assert_eq!(ballots, "\u{feff}ballot;choices;a: Cats;b: Dogs\n1;a;1;0\n");
    let refused = as_organiser(&app, "/api/polls/main/tally.csv?separator=tab").await;
    assert_eq!((refused.status(), code(refused).await.as_str()), (StatusCode::BAD_REQUEST, "separator"));
}

#[tokio::test]
async fn a_correction_is_noted_on_the_page_and_in_exports() {
    let app = spawn_app().await;
    app.ledger.vote_many("main", 0, 1);
    let wording = Wording {
        question: "Cats or dogs?".into(),
        options: vec!["Cats".into(), "Hounds".into()],
        at_millis: 1_795_423_500_000,
    };
    app.ledger.change("main", &PollChange::Correct(Box::new(wording)));
    let page = app.page("/").await;
    assert!(page.contains("Cats or dogs?") && page.contains("Wording corrected on 23 November 2026"), "{page}");
    let tally: Value = serde_json::from_str(&text(&app, "/api/polls/main/tally").await).unwrap();
    let note = json!({"at": 1_795_423_500_000_u64, "question": "Cats or Dogs?", "options": {"a": "Cats", "b": "Dogs"}});
    assert_eq!(tally["correction"], note);
    for export in ["tally.json", "ballots.json"] {
        let export: Value = serde_json::from_str(&text(&app, &format!("/api/polls/main/{export}")).await).unwrap();
        assert_eq!(export["correction"], note);
    }
    let table = text(&app, "/api/polls/main/tally.csv").await;
    assert!(table.contains("text_before,corrected_at\n") && table.contains(",Dogs,2026-11-23T"), "{table}");
    assert!(text(&app, "/api/polls/main/ballots.csv").await.contains(",a: Cats,b: Hounds ← Dogs\n"));
    app.ledger.change("main", &PollChange::Archive);
    assert!(app.page("/").await.contains("This poll has been archived"));
}

#[tokio::test]
async fn the_exported_ballots_counted_again_are_the_tally() {
    let app = spawn_app().await;
    let spec = PollSpec { max_choices: 3, ..PollSpec::simple("Which?", ["A", "B", "C", "D", "E"]) };
    app.ledger.create("many", spec);
    cast(&app, "many", 5, MANY);
    let tally = app.json("/api/polls/many/tally").await;

    let (header, ballots) = rows(&text(&app, "/api/polls/many/ballots.csv").await);
    assert!(app.ledger.ballot_pages() > 2, "over several pages");
    assert_eq!(header, ["ballot", "choices", "a: A", "b: B", "c: C", "d: D", "e: E"]);
    let mut recount: BTreeMap<String, u64> = BTreeMap::new();
    for (row, number) in ballots.iter().zip(1_u64..) {
        assert_eq!(row[0], number.to_string());
        let marked: String =
            "abcde".chars().zip(&row[2..]).filter(|(_, mark)| *mark == "1").map(|(key, _)| key).collect();
        assert_eq!(row[1], marked, "both ways to read a ballot say the same");
        marked.chars().for_each(|key| *recount.entry(key.to_string()).or_default() += 1);
    }
    assert_eq!(ballots.len() as u64, MANY);
    assert_eq!(json!(recount), tally["votes"]);
    assert_eq!(json!(MANY), tally["voters"]);

    let exported: Value = serde_json::from_str(&text(&app, "/api/polls/many/ballots.json").await).unwrap();
    assert_eq!(
        (&exported["poll"], &exported["round"], &exported["options"]["e"]),
        (&json!("many"), &json!(1), &json!("E"))
    );
    let ballots_of_json = exported["ballots"].as_array().unwrap();
    assert_eq!(ballots_of_json.len() as u64, MANY);
    for (row, ballot) in ballots.iter().zip(ballots_of_json) {
        let keys: String = ballot["choices"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        assert_eq!((row[0].clone(), row[1].clone()), (ballot["ballot"].to_string(), keys));
    }
}

#[tokio::test]
async fn an_export_without_ballots_is_complete() {
    let app = spawn_app().await;
    assert_eq!(text(&app, "/api/polls/main/ballots.csv").await, "\u{feff}ballot,choices,a: Cats,b: Dogs\n");
    let exported: Value = serde_json::from_str(&text(&app, "/api/polls/main/ballots.json").await).unwrap();
    assert_eq!(exported["ballots"], json!([]));
    let (_, rows) = rows(&text(&app, "/api/polls/main/tally.csv").await);
    assert_eq!(rows, [["a", "Cats", "0", "", "0"], ["b", "Dogs", "0", "", "0"]]);
}

#[tokio::test]
async fn no_export_says_who_voted_or_when() {
    let app = spawn_app().await;
    let voter = VoterId::from_bytes([0xab; 16]);
    app.ledger.cast("main", voter, Choices::from_bits(2).unwrap());
    for export in ["ballots.csv", "ballots.json"] {
        let file = text(&app, &format!("/api/polls/main/{export}")).await;
        assert!(!file.to_lowercase().contains("abab") && !file.contains("1795423500123"), "{file}");
    }
    let exported: Value = serde_json::from_str(&text(&app, "/api/polls/main/ballots.json").await).unwrap();
    assert_eq!(exported["ballots"], json!([{"ballot": 1, "choices": ["b"]}]), "nothing else stands beside it");
}

#[tokio::test]
async fn the_tally_is_a_table_in_which_no_text_is_a_formula() {
    let app = spawn_app().await;
    let options = ["=HYPERLINK(\"http://x\")", "+1", "-2", "@SUM(A1)", "Plain, with \"quotes\"", "x;=1+1"];
    app.ledger.create("evil", PollSpec::simple("=1+1", options));
    app.ledger.vote_many("evil", 4, 2);
    app.ledger.vote_many("evil", 0, 1);
    let expected = "\u{feff}option,text,votes,share,voters\n\
        a,\"'=HYPERLINK(\"\"http://x\"\")\",1,0.3333,3\n\
        b,'+1,0,0.0000,3\n\
        c,'-2,0,0.0000,3\n\
        d,'@SUM(A1),0,0.0000,3\n\
        e,\"Plain, with \"\"quotes\"\"\",2,0.6667,3\n\
        f,x;'=1+1,0,0.0000,3\n";
    assert_eq!(text(&app, "/api/polls/evil/tally.csv").await, expected);
    let ballots = text(&app, "/api/polls/evil/ballots.csv").await;
    assert!(ballots.starts_with("\u{feff}ballot,choices,\"a: =HYPER"), "no cell begins with a formula: {ballots}");
}

#[tokio::test]
async fn exports_are_files_that_no_cache_stores() {
    let app = spawn_app().await;
    for (export, mime) in EXPORTS.iter().zip(["text/csv; charset=utf-8", "application/json"].into_iter().cycle()) {
        let answer = as_organiser(&app, &format!("/api/polls/main/{export}")).await;
        let headers = answer.headers();
        assert_eq!(headers[header::CONTENT_DISPOSITION], format!("attachment; filename=\"main-{export}\""));
        assert_eq!(
            (headers[header::CONTENT_TYPE].to_str().unwrap(), &headers[header::CACHE_CONTROL]),
            (mime, &"no-store".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn only_the_organiser_gets_hidden_votes() {
    let app = spawn_app().await;
    let hidden = PollSpec { listed: true, ..PollSpec::simple("Secret?", ["Yes", "No"]) };
    app.ledger.create("secret", hidden);
    app.ledger.vote_many("secret", 0, 7_531);
    app.ledger.vote_many("secret", 1, 2_468);
    app.ledger.change("secret", &PollChange::Hide);
    let mut public: Vec<String> = EXPORTS.iter().map(|export| format!("/api/polls/secret/{export}")).collect();
    public.extend(
        ["/p/secret", "/p/secret/embed", "/polls", "/api/polls/secret/tally", "/api/openapi.json"].map(Into::into),
    );
    for path in public {
        let body = app.page(&path).await;
        for vote in ["7531", "2468", "7,531", "2,468", "75%", "25%", "0.75"] {
            assert!(!body.contains(vote), "{vote} in {path}: {body}");
        }
    }
    for path in ["/p/secret", "/p/secret/embed"] {
        let page = app.page(path).await;
        assert!(page.contains("9,999 voters") && page.contains("The organiser will reveal"), "{page}");
    }
    let votes = json!({"a": 7_531, "b": 2_468});
    let tally: Value = serde_json::from_str(&text(&app, "/api/polls/secret/tally").await).unwrap();
    assert_eq!((&tally["votes"], &tally["results"]), (&votes, &json!("hidden")));
    for purpose in [Purpose::Figures, Purpose::Export] {
        let path = format!("/api/polls/secret/tally?ticket={}", ticket("secret", purpose));
        assert_eq!(app.json(&path).await["votes"], votes);
    }
    let exported: Value = serde_json::from_str(&text(&app, "/api/polls/secret/tally.json").await).unwrap();
    assert_eq!((&exported["votes"], &exported["options"]), (&votes, &json!({"a": "Yes", "b": "No"})));
    assert!(text(&app, "/api/polls/secret/tally.csv").await.contains("a,Yes,7531,0.7532,9999"));
}

#[tokio::test]
async fn a_ticket_opens_what_it_was_made_for() {
    let app = spawn_app().await;
    for export in EXPORTS {
        let path = format!("/api/polls/main/{export}?ticket={}", ticket("main", Purpose::Export));
        assert_eq!(app.get(&path).await.status(), StatusCode::OK, "{export}");
    }
}

#[tokio::test]
async fn a_ticket_for_something_else_is_refused() {
    let app = spawn_app().await;
    app.ledger.create("other", PollSpec::simple("Other?", ["Yes", "No"]));
    let long_ago = program::now_millis() - VALID_MILLIS - 1_000;
    let elsewhere = Secret::parse(&"z".repeat(32)).unwrap();
    let now = program::now_millis();
    let wrong = [
        ("another poll", ticket("other", Purpose::Export)),
        ("too old", signed_link::ticket(&links(), PollId::MAIN, Purpose::Export, long_ago)),
        (
            "another token",
            signed_link::ticket(&secret().bound_to("yesterdays-token"), PollId::MAIN, Purpose::Export, now),
        ),
        ("another installation", signed_link::ticket(&elsewhere, PollId::MAIN, Purpose::Export, now)),
        ("none", String::new()),
        ("no ticket", "x".repeat(32)),
        ("two of them", format!("{0}&ticket={0}", ticket("main", Purpose::Export))),
    ];
    for (what, ticket) in &wrong {
        for path in EXPORTS.iter().copied().chain(["tally"]) {
            let answer = app.get(&format!("/api/polls/main/{path}?ticket={ticket}")).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}: {what}");
            assert_eq!(code(answer).await, "ticket-refused", "{path}: {what}");
        }
    }
    for export in EXPORTS {
        let path = format!("/api/polls/main/{export}?ticket={}", ticket("main", Purpose::Figures));
        assert_eq!(app.get(&path).await.status(), StatusCode::FORBIDDEN, "figures are no export: {export}");
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_exported() {
    let app = spawn_app().await;
    for path in EXPORTS.map(|export| format!("/api/polls/main/{export}")) {
        let answer = app.get(&path).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.headers().contains_key(header::WWW_AUTHENTICATE));
        assert_eq!(code(answer).await, "not-organiser");
    }
    for token in ["", "x", &ORGANISER_TOKEN[1..], &format!("{ORGANISER_TOKEN}x")] {
        for path in ["ballots.csv", "tally"] {
            let request = app.http.get(app.url(&format!("/api/polls/main/{path}"))).bearer_auth(token);
            assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{token:?} for {path}");
        }
    }
    // A proxy's own password is not ours to judge.
    let request = app.http.get(app.url("/api/polls/main/tally")).basic_auth("somebody", Some("else"));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn without_an_organiser_no_token_is_right_and_tickets_still_work() {
    let app = spawn_app_with(Config { organiser_token: None, ..config() }).await;
    let answer = as_organiser(&app, "/api/polls/main/ballots.csv").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(answer).await, "no-organiser");
    let export = async |signed_by| {
        let ticket = signed_link::ticket(&signed_by, PollId::MAIN, Purpose::Export, program::now_millis());
        app.get(&format!("/api/polls/main/ballots.csv?ticket={ticket}")).await.status()
    };
    assert_eq!(export(secret()).await, StatusCode::OK);
    assert_eq!(export(links()).await, StatusCode::FORBIDDEN, "of an installation that has a token");
}

#[tokio::test]
async fn unknown_polls_and_an_outage_have_problems_of_their_own() {
    let app = spawn_app().await;
    for export in EXPORTS {
        let answer = as_organiser(&app, &format!("/api/polls/nowhere/{export}")).await;
        assert_eq!((answer.status(), code(answer).await.as_str()), (StatusCode::NOT_FOUND, "unknown-poll"));
    }
    app.ledger.set_down(true);
    for export in EXPORTS {
        let answer = as_organiser(&app, &format!("/api/polls/main/{export}")).await;
        assert_eq!((answer.status(), code(answer).await.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    }
}

#[tokio::test]
async fn a_reset_during_an_export_breaks_it_off() {
    let app = spawn_app().await;
    cast(&app, "main", 2, MANY);
    app.ledger.reset_after_ballot_page("main", 1);
    let request = app.http.get(app.url("/api/polls/main/ballots.csv")).bearer_auth(ORGANISER_TOKEN);
    let file = async { request.send().await?.text().await };
    assert!(file.await.is_err(), "nobody may take a part for the whole");
    let round = app.json("/api/polls/main/tally").await["round"].clone();
    assert_eq!(round, json!(2));
}

#[tokio::test]
async fn only_a_few_exports_run_at_once() {
    let app = spawn_app().await;
    app.ledger.hold_ballots(true);
    let (http, url) = (app.http.clone(), app.url("/api/polls/main/ballots.csv"));
    let running: Vec<_> = (0..4).map(|_| tokio::spawn(http.get(&url).bearer_auth(ORGANISER_TOKEN).send())).collect();
    wait::until_true("four exports", async || app.ledger.ballot_pages() == 4).await;
    let answer = as_organiser(&app, "/api/polls/main/ballots.csv").await;
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    assert_eq!((answer.status(), code(answer).await.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "busy"));
    app.ledger.hold_ballots(false);
    for export in running {
        assert_eq!(export.await.unwrap().unwrap().text().await.unwrap().lines().count(), 1);
    }
    assert_eq!(as_organiser(&app, "/api/polls/main/ballots.csv").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_vote_host_may_read_ticketed_figures_and_foreign_pages_may_not() {
    let app = spawn_app().await;
    let path = format!("/api/polls/main/tally?ticket={}", ticket("main", Purpose::Figures));
    let from = async |origin: &str| {
        let request = app.http.get(app.url(&path)).header(header::ORIGIN, origin);
        request.send().await.unwrap().headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    };
    assert_eq!(from("https://vote.example.org").await.unwrap(), "https://vote.example.org");
    assert_eq!(from("https://evil.example").await, None);
}

#[tokio::test]
async fn wrong_tokens_have_to_wait_and_the_right_one_passes() {
    let app = spawn_app().await;
    let guess = async |token: &str| app.http.get(app.url("/api/polls/main/tally.csv")).bearer_auth(token).send().await;
    for _ in 0..8 {
        assert_eq!(guess("not-the-organisers-token").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let refused = guess("not-the-organisers-token").await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(code(refused).await, "too-many-tries");
    assert_eq!(guess(ORGANISER_TOKEN).await.unwrap().status(), StatusCode::OK);
    let public = app.http.get(app.url("/api/polls/main/tally")).send().await.unwrap();
    assert_eq!(public.status(), StatusCode::OK, "what is public stays public");
}

/// The statuses that the description has for a path.
fn described(description: &Value, path: &str) -> BTreeSet<u16> {
    let responses = description["paths"][path]["get"]["responses"].as_object().unwrap();
    responses.keys().map(|status| status.parse().unwrap()).collect()
}

#[tokio::test]
async fn each_status_that_an_answer_can_have_is_described_and_no_other() {
    let without_organiser = spawn_app_with(Config { organiser_token: None, ..config() }).await;
    for name in EXPORTS.into_iter().chain(["tally"]) {
        let app = spawn_app().await;
        let path = format!("/api/polls/main/{name}");
        let mut seen = BTreeSet::new();
        let mut see = |answer: Response| seen.insert(answer.status().as_u16());
        see(as_organiser(&app, &path).await);
        see(as_organiser(&app, &format!("/api/polls/nowhere/{name}")).await);
        see(app.get(&format!("{path}?ticket=wrong")).await);
        see(as_organiser(&without_organiser, &path).await);
        app.ledger.set_down(true);
        // Of a poll that nobody looked at yet, so that there are no last known figures.
        see(as_organiser(&app, &format!("/api/polls/lunch/{name}")).await);
        for _ in 0..9 {
            see(app.http.get(app.url(&path)).bearer_auth("a-guess").send().await.unwrap());
        }
        let description = app.json("/api/openapi.json").await;
        assert_eq!(seen, described(&description, &format!("/api/polls/{{poll}}/{name}")), "{name}");
    }
}
