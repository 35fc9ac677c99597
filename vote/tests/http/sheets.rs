//! Voting codes to hand out: the sheet, the CSV, the API.

use domain::PollSpec;
use http::StatusCode;
use serde_json::json;

use crate::support::{TestApp, answer, spawn_app};

/// Everything on a page that looks like a code.
fn codes_in(text: &str) -> Vec<String> {
    let looks = |word: &&str| word.len() == 14 && word.split('-').filter(|group| group.len() == 4).count() == 3;
    text.split(['<', '>', ',']).filter(looks).map(str::to_owned).collect()
}

async fn are_all_valid(app: &TestApp, poll: &str, codes: &[String]) {
    for code in codes {
        let ballot = json!({"choices": ["a"], "code": code}).to_string();
        let cast = app.program().post_json(&format!("/api/polls/{poll}/ballots"), &ballot).await;
        assert_eq!(cast.status, StatusCode::CREATED, "{code}: {}", cast.text);
    }
    let mut voters = app.ballots.voters();
    voters.sort_unstable();
    voters.dedup();
    assert_eq!(voters.len(), codes.len(), "each a voter of its own");
}

#[tokio::test]
async fn a_sheet_of_300_has_300_codes_that_are_right_each_with_its_qr_code() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let ada = app.organiser_browser().await;
    ada.get("/organise/tea").await.says("Voting codes").says("Sheet to print");
    let path = "/organise/tea/codes?from=1&count=300";
    let here = ada.get(path).await;
    here.says("Voting codes 1 to 300").says("the voting page is served to this computer alone");
    assert!(!here.text.contains("<svg class=\"qr\""), "codes that lead nowhere are not printed");
    let sheet = answer(ada.request("GET", path).header("host", "laptop.local:8080")).await;
    assert_eq!(sheet.status, StatusCode::OK);
    sheet.says("Voting codes 1 to 300").says("No. 300").does_not_say("No. 301");
    let key = app.program().get("/.well-known/scrutin-key").await.text;
    sheet.says("Key of this installation:").says(key.trim());
    let codes = codes_in(&sheet.text);
    assert_eq!(codes.len(), 300);
    assert_eq!(sheet.text.matches("<svg class=\"qr\"").count(), 300);
    are_all_valid(&app, "tea", &codes).await;
}

#[tokio::test]
async fn codes_of_an_event_are_printed_once_for_all_its_questions() {
    let app = spawn_app().await;
    for id in ["tea", "coffee"] {
        app.poll_with_codes(id, true, 1).await;
    }
    let ada = app.organiser_browser().await;
    ada.post_form("/events", "title=The+evening&id=evening&poll=tea&poll=coffee").await;
    ada.get("/events/evening").await.says("One code casts one ballot in each question").says("Sheet to print");
    let asked = ada.request("GET", "/events/evening/codes?from=11&count=30").header("host", "laptop.local:8080");
    let sheet = answer(asked).await;
    sheet.says("Voting codes 11 to 40").says("No. 40 · The evening").says("laptop.local:8080/e/evening");
    sheet.says("Back to the event");
    assert!(sheet.text.replace("&#x2f;", "/").contains("href=\"/events/evening\">"), "{}", sheet.text);
    let codes = codes_in(&sheet.text);
    assert_eq!((codes.len(), sheet.text.matches("<svg class=\"qr\"").count()), (30, 30));
    are_all_valid(&app, "tea", &codes).await;
    let csv = ada.get("/events/evening/codes.csv?from=11&count=30").await;
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"codes-evening.csv\"");
    assert_eq!(codes_in(&csv.text), codes);
    let link = format!("http://{}/e/evening?code={}", app.addr, codes[0].replace('-', ""));
    assert!(csv.text.lines().nth(1).unwrap().ends_with(&link), "{}", csv.text);
    let coffee = json!({"choices": ["a"], "code": codes[0]}).to_string();
    let cast = app.program().post_json("/api/polls/coffee/ballots", &coffee).await;
    assert_eq!(cast.status, StatusCode::CREATED, "the same code in another question: {}", cast.text);
    assert_eq!(ada.get("/events/evening/codes?count=0").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn csv_files_fit_the_spreadsheets_of_the_language() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let ada = app.organiser_browser().await;
    ada.get("/language/fr?back=/").await;
    let csv = ada.get("/organise/tea/codes.csv?count=1").await.text;
    assert!(csv.starts_with("number;code;link\r\n1;") && !csv.contains(','), "{csv}");
    let at = async |file: &str| ada.get(&format!("/organise/tea/export/{file}")).await.header("location").to_owned();
    assert!(at("tally.csv").await.ends_with("&separator=semicolon"));
    assert!(at("ballots.csv").await.ends_with("&separator=semicolon"));
    assert!(!at("tally.json").await.contains("separator"));
    ada.get("/language/en?back=/").await;
    assert!(!at("tally.csv").await.contains("separator"));
}

#[tokio::test]
async fn the_csv_holds_the_same_codes_and_no_formula() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("=cmd|' /C calc'!A0", ["+1", "@x"]);
    spec.access = domain::Access::Codes;
    app.poll("tea", spec);
    let ada = app.organiser_browser().await;
    let csv = ada.get("/organise/tea/codes.csv?from=101&count=50").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"codes-tea.csv\"");
    let lines: Vec<_> = csv.text.split_terminator("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (51, "number,code,link"));
    for line in &lines {
        for field in line.split(',') {
            assert!(field.starts_with(|first: char| first.is_ascii_alphanumeric()), "{line}");
        }
    }
    let (first, code) = (lines[1], codes_in(&csv.text)[0].replace('-', ""));
    assert!(first.starts_with("101,") && first.ends_with(&format!("http://{}/p/tea?code={code}", app.addr)), "{first}");
    assert_eq!(codes_in(&csv.text), codes_in(&ada.get("/organise/tea/codes?from=101&count=50").await.text));
    let listed = app.organiser("GET", "/api/polls/tea/codes?from=101&count=50", None).await.json();
    assert_eq!(listed["codes"][0], json!({"number": 101, "code": codes_in(&csv.text)[0]}));
    are_all_valid(&app, "tea", &codes_in(&csv.text)).await;
}

#[tokio::test]
async fn the_link_in_a_qr_code_fills_the_code_in() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let ada = app.organiser_browser().await;
    let csv = ada.get("/organise/tea/codes.csv?count=1").await.text;
    let path = csv.rsplit(&format!("{}", app.addr)).next().unwrap().trim();
    let page = app.browser().get(path).await;
    assert!(page.text.contains(&format!("value=\"{}\"", path.rsplit('=').next().unwrap())), "{}", page.text);
}

#[tokio::test]
async fn codes_beyond_the_limits_are_refused() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let ada = app.organiser_browser().await;
    for query in ["count=0", "count=2001", "from=0", "from=65535&count=2", "count=x", "from=-1", "count=1e3"] {
        for file in ["codes", "codes.csv"] {
            let refused = ada.get(&format!("/organise/tea/{file}?{query}")).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
            refused.says("1 to 2,000 codes can be had at once");
        }
        app.organiser("GET", &format!("/api/polls/tea/codes?{query}"), None).await.is_problem(422, "code-range");
    }
    let last = ada.get("/organise/tea/codes.csv?from=65535&count=1").await;
    assert_eq!(codes_in(&last.text).len(), 1);
    let most = ada.get("/organise/tea/codes?count=2000").await;
    assert_eq!(codes_in(&most.text).len(), 2_000);
}

#[tokio::test]
async fn in_the_other_language_the_sheet_has_the_same_codes() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let ada = app.organiser_browser().await;
    let sheet = ada.get("/organise/tea/codes?from=101&count=3").await;
    let switched = ada.get(&sheet.link_with("/language/fr")).await;
    let french = ada.get(switched.header("location")).await;
    french.says("Codes de vote 101 à 103");
    assert_eq!(codes_in(&french.text), codes_in(&sheet.text));
}

#[tokio::test]
async fn a_poll_open_to_anyone_has_no_codes() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let refused = ada.get("/organise/main/codes").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.says("Anyone with the link may vote in this poll");
    refused.says("Back to the poll");
    assert!(refused.text.contains("class=\"button\" href=\"&#x2f;organise&#x2f;main\""), "{}", refused.text);
    ada.get("/organise/main").await.does_not_say("Sheet to print");
    assert_eq!(ada.get("/organise/nowhere/codes").await.status, StatusCode::NOT_FOUND);
}
