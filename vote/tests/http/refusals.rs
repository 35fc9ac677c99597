//! Refusals: each has a clear answer and records nothing.

use domain::PollSpec;
use http::StatusCode;

use crate::support::{answer, config, spawn_app, spawn_with};

#[tokio::test]
async fn choices_that_do_not_fit_are_named_and_the_form_is_offered_again() {
    let app = spawn_app().await;
    let mut spec = PollSpec::simple("Which?", ["x", "y", "z"]);
    spec.max_choices = 2;
    app.poll("two", spec);
    for (path, form, english, french) in [
        ("/", "", "Nothing was chosen.", "Rien n’a été choisi."),
        ("/", "other=a", "Nothing was chosen.", "Rien n’a été choisi."),
        ("/", "vote=c", "This poll has no option “c”.", "Ce scrutin n’a pas d’option «\u{a0}c\u{a0}»."),
        ("/", "vote=Cats", "An option is one letter from a to z.", "Une option est une lettre de a à z."),
        (
            "/",
            "vote=a&vote=b",
            "Only one option may be chosen, not 2.",
            "Une seule option peut être choisie, et non 2.",
        ),
        ("/p/two", "vote=a&vote=b&vote=c", "At most 2 options may be chosen, not 3.", "2 options au plus"),
        ("/p/two", "vote=a&vote=a", "Option “a” was chosen twice.", "a été choisie deux fois"),
    ] {
        for (language, words) in [("en", english), ("fr", french)] {
            let page = app.browser_in(language).post_form(path, form).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
            page.says(words);
            assert!(page.text.contains("<form"), "{form}: {}", page.text);
        }
    }
    let page = app.browser().post_form("/p/two", "vote=a&vote=b&vote=c").await;
    assert_eq!(page.text.matches(" checked").count(), 3, "what was chosen is kept: {}", page.text);
    assert_eq!(app.ballots.choices(), [""; 0]);
}

#[tokio::test]
async fn forms_that_can_not_be_read_are_refused() {
    let app = spawn_app().await;
    let ada = app.browser();
    let bytes = ada.form("/", "").body(b"vote=\xff".to_vec());
    for (request, words) in [
        (bytes, "The form is not UTF-8 text."),
        (ada.form("/", "vote=%ff"), "The form is not UTF-8 text."),
        (ada.form("/", "vote=%4"), "without two hexadecimal digits"),
    ] {
        let page = answer(request).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        page.says(words);
    }
    assert_eq!(app.ballots.choices(), [""; 0]);
}

#[tokio::test]
async fn only_forms_of_at_most_16_kib_are_taken() {
    let app = spawn_app().await;
    let ada = app.browser();
    for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/json", "", "é"] {
        let request = ada.request("POST", "/").header("content-type", content_type).body("vote=a");
        let page = answer(request).await;
        assert_eq!(page.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        page.says("The content type must be application/x-www-form-urlencoded.");
    }
    let long = |length: usize| format!("vote=a&x={}", "x".repeat(length - "vote=a&x=".len()));
    let page = ada.post_form("/", &long(16 * 1024 + 1)).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    page.says("At most 16,384 bytes are taken.");
    assert_eq!(app.ballots.choices(), [""; 0]);
    assert_eq!(ada.post_form("/", &long(16 * 1024)).await.status, StatusCode::SEE_OTHER);
    let with_charset =
        ada.request("POST", "/").header("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    assert_eq!(answer(with_charset.body("vote=a")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_body_without_a_length_is_limited_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = spawn_app().await;
    let mut stream = tokio::net::TcpStream::connect(app.addr).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_refused() {
    let app = spawn_app().await;
    let page = answer(app.browser().request("DELETE", "/")).await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
    page.says("does not take that method");
    answer(app.program().request("DELETE", "/api/polls/main")).await.is_problem(405, "method-not-allowed");
    answer(app.program().request("GET", "/api/nowhere")).await.is_problem(404, "no-such-page");
}

#[tokio::test]
async fn posts_pass_however_a_proxy_spells_the_host() {
    let app = spawn_app().await;
    let ada = app.browser();
    for (origin, host) in [
        ("http://vote.test", "vote.test:80"),
        ("http://vote.test", "Vote.Test"),
        ("http://vote.test", "vote.test."),
        ("https://vote.test", "vote.test:443"),
        ("http://[::1]:8080", "[0::1]:8080"),
        ("http://xn--bcher-kva.example", "XN--BCHER-KVA.example:80"),
    ] {
        let posted = answer(ada.form("/", "vote=a").header("origin", origin).header("host", host)).await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER, "{origin} at {host}");
    }
    let vote_url = Some("http://Vote.example.org:80/".parse().unwrap());
    let app = spawn_with(scrutin_vote::Config { vote_url, ..config() }).await;
    let posted = answer(app.browser().form("/", "vote=a").header("origin", "http://vote.example.org")).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn posts_from_pages_of_other_sites_are_refused() {
    let app = spawn_app().await;
    let ada = app.browser();
    let own = format!("http://{}", app.addr);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let page = answer(ada.form("/", "vote=a").header(name, value)).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{name}: {value}");
        page.says("Nothing was done: this came from a page of another site.");
        assert!(page.set_cookie("voter").is_none());
        let json = ada.request("POST", "/api/polls/main/ballots").header("content-type", "application/json");
        answer(json.header(name, value).body(r#"{"choices":["a"]}"#)).await.is_problem(403, "cross-site");
    }
    assert_eq!(app.ballots.choices(), [""; 0]);
    for (name, value) in
        [("origin", own.as_str()), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("x", "")]
    {
        let posted = answer(ada.form("/", "vote=a").header(name, value)).await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER, "{name}: {value}");
    }
}

#[tokio::test]
async fn the_page_of_a_refusal_never_leads_to_another_host() {
    let app = spawn_app().await;
    for path in ["//evil.example/x", "//evil.example/organise/x", "/\\evil.example"] {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n");
        let page = app.raw(&request).await;
        // A request without a valid path is refused before a page can be made.
        assert!(page.starts_with("HTTP/1.1 403") || page.starts_with("HTTP/1.1 400"), "{path}: {page}");
        assert!(!page.contains("href=\"//") && !page.contains("href=\"&#x2f;&#x2f;"), "{path}: {page}");
    }
    let page = app
        .raw("POST //evil.example/x HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n")
        .await;
    assert!(page.contains("<a class=\"button\" href=\"&#x2f;\">"), "{page}");
}

#[tokio::test]
async fn posts_from_the_public_address_pass_a_proxy_that_changes_the_host() {
    let app =
        spawn_with(scrutin_vote::Config { vote_url: Some("https://vote.example.org".parse().unwrap()), ..config() })
            .await;
    let post = |origin: &str| answer(app.program().form("/", "vote=a").header("origin", origin));
    assert_eq!(post("https://vote.example.org").await.status, StatusCode::SEE_OTHER);
    assert_eq!(post("https://vote.example.org.evil.example").await.status, StatusCode::FORBIDDEN);
    assert_eq!(post("http://vote.example.org").await.status, StatusCode::FORBIDDEN);
}
