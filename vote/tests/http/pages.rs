//! Common to all pages: headers, escaping, previews, size.

use domain::PollSpec;
use http::StatusCode;
use scrutin_vote::Config;

use crate::support::{answer, config, spawn_app, spawn_with};

#[tokio::test]
async fn every_page_and_problem_has_the_security_headers() {
    let app = spawn_app().await;
    let ada = app.browser();
    let posted = ada.post_form("/", "vote=zz").await;
    let pages = [ada.get("/").await, ada.get("/nowhere").await, ada.get("/p/nowhere").await, posted];
    for page in &pages {
        let policy = page.header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(!page.text.contains("style=") && !page.text.contains("<style"), "{}", page.text);
    }
    assert_eq!(app.program().get("/api/polls/main").await.header("x-content-type-options"), "nosniff");
    assert_eq!(app.program().get("/api/nowhere").await.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_mistyped_address_redirects_to_the_poll() {
    let app = spawn_app().await;
    app.poll("lunch", PollSpec::simple("Lunch?", ["Soup", "Fish"]));
    let ada = app.browser();
    for path in ["/p/Lunch", "/P/lunch", "/p/lunch/", "/p/lunch.", "/p/lunch%20", "/p/LUNCH%C2%A0/", "//p/lunch"] {
        let answer = ada.get(path).await;
        assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT, "{path}");
        assert_eq!(answer.header("location"), "/p/lunch", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    assert_eq!(ada.get("/p/Lunch?code=K7QM").await.header("location"), "/p/lunch?code=K7QM");
    for path in ["/x/Lunch", "/p/", "/p/two%20words", "/p/nowhere", "/api/polls/Lunch", "/evil.example/p/x/y"] {
        assert_eq!(ada.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(ada.post_form("/p/Lunch", "vote=a").await.status, StatusCode::NOT_FOUND, "a post is not led on");
    let organiser = app.organiser_browser().await;
    assert_eq!(organiser.get("/organise/Lunch/").await.header("location"), "/organise/lunch");
}

#[tokio::test]
async fn below_a_path_every_address_of_a_page_begins_with_it() {
    let vote_url = Some("http://example.org/vote/".parse().unwrap());
    let app = spawn_with(Config { vote_url, ..config() }).await;
    app.poll_with_codes("tea", true, 1).await;
    let ada = app.organiser_browser().await;
    for prefix in ["", "/vote"] {
        for path in [
            "/",
            "/p/main",
            "/p/tea",
            "/p/nowhere",
            "/nowhere",
            "/api",
            "/organise",
            "/organise/main",
            "/organise/main/edit",
            "/organise/main/reset",
            "/organise/tea/codes",
            "/organise/nowhere",
        ] {
            let page = ada.get(&format!("{prefix}{path}")).await.text.replace("&#x2f;", "/");
            for address in page.split("=\"/").skip(1) {
                let ours = ["vote/", "vote\""].iter().any(|base| address.starts_with(base));
                assert!(ours, "{prefix}{path}: {address}");
            }
        }
    }
    for (path, form, to) in [
        ("/vote/p/main", "vote=a", "/vote/p/main"),
        ("/p/main", "vote=a", "/vote/p/main"),
        ("/vote/organise/main/close", "", "/vote/organise/main"),
        ("/vote/organise/sign-out", "", "/vote/organise/sign-in"),
    ] {
        assert_eq!(ada.post_form(path, form).await.header("location"), to, "{path}");
    }
    assert_eq!(
        app.browser().get("/organise/main").await.header("location"),
        "/vote/organise/sign-in?to=/organise/main"
    );
    assert_eq!(app.browser().get("/vote/language/fr?back=/p/tea").await.header("location"), "/vote/p/tea");
    assert_eq!(app.browser().get("/voter").await.status, StatusCode::NOT_FOUND);
    let described = app.program().get("/vote/api/openapi.json").await.json();
    assert_eq!(described["servers"][0]["url"], "http://example.org/vote");
}

#[tokio::test]
async fn no_answer_may_be_shown_in_a_frame() {
    let app = spawn_app().await;
    app.poll_with_codes("tea", true, 1).await;
    let (ada, organiser) = (app.browser(), app.organiser_browser().await);
    let mut answers = Vec::new();
    for path in [
        "/",
        "/p/tea",
        "/p/nowhere",
        "/nowhere",
        "/organise/sign-in",
        "/api",
        "/api/polls/main",
        "/api/nowhere",
        "/api/openapi.json",
        "/organise/main/tickets",
        "/organise",
        "/static/base.css",
    ] {
        answers.push((path, ada.get(path).await));
    }
    for path in [
        "/organise",
        "/organise/main",
        "/organise/main/edit",
        "/organise/main/reset",
        "/organise/tea/codes",
        "/organise/nowhere",
        "/organise/main/codes",
    ] {
        answers.push((path, organiser.get(path).await));
    }
    for (path, form) in [("/", "vote=zz"), ("/organise/sign-in", "token=wrong"), ("/organise/main/close", "")] {
        answers.push((path, ada.post_form(path, form).await));
    }
    answers.push(("without the token", answer(app.program().request("POST", "/api/polls")).await));
    for (path, answer) in answers {
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
    }
}

#[tokio::test]
async fn html_in_question_and_options_is_shown_and_not_run() {
    let app = spawn_app().await;
    let evil = r#"<script>alert("x")</script>"#;
    let quote = r#"" autofocus onfocus="alert(1)"#;
    app.poll("evil", PollSpec::simple(format!("{evil} {quote}"), [evil, quote, "<b>"]));
    let ada = app.browser();
    for page in
        [ada.get("/p/evil").await, ada.vote("/p/evil", "vote=b").await, ada.post_form("/p/evil", "vote=<b>").await]
    {
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
        assert!(!page.text.contains(r#"" autofocus"#), "{}", page.text);
        assert!(!page.text.contains("<b>"), "{}", page.text);
        assert!(page.text.contains("&lt;script&gt;"), "{}", page.text);
    }
}

#[tokio::test]
async fn paths_and_headers_of_a_request_are_escaped_too() {
    let app = spawn_app().await;
    let odd_host = answer(app.program().request("GET", "/").header("host", "x\"><script>")).await;
    assert!(!odd_host.text.contains("<script>"), "{}", odd_host.text);
    let odd_path = app.program().get("/%22%3E%3Cscript%3E").await;
    assert!(!odd_path.text.contains("<script>"), "{}", odd_path.text);
}

#[tokio::test]
async fn links_to_a_poll_have_a_preview() {
    let app = spawn_app().await;
    let page = app.browser().get("/").await;
    assert!(page.text.contains("<title>Cats or Dogs? · Scrutin</title>"), "{}", page.text);
    assert!(page.text.contains(r#"<meta name="description" content="Vote now: Cats · Dogs">"#), "{}", page.text);
    assert!(page.text.contains(r#"<meta property="og:title" content="Cats or Dogs?">"#), "{}", page.text);
}

/// The text before and after each occurrence of this text in a page.
fn places<'a>(page: &'a str, text: &str) -> Vec<(&'a str, &'a str)> {
    page.match_indices(text).map(|(at, found)| (&page[..at], &page[at + found.len()..])).collect()
}

#[tokio::test]
async fn texts_of_people_have_their_own_direction_everywhere() {
    let app = spawn_app().await;
    let (question, option) = ("תה או קפה?", "شاي!");
    let mut spec = PollSpec::simple(question, [option, "Coffee"]);
    spec.access = domain::Access::Codes;
    app.poll("tea", spec.clone());
    spec.access = domain::Access::Anyone;
    app.poll("open", spec);
    let (ada, organiser) = (app.browser(), app.organiser_browser().await);
    let mut pages = vec![("voted", ada.vote("/p/open", "vote=a").await), ("plain", ada.get("/p/tea").await)];
    for path in ["", "/tea", "/tea/codes", "/tea/edit", "/tea/reset", "/open"] {
        pages.push((path, organiser.get(&format!("/organise{path}")).await));
    }
    for (path, page) in pages {
        let mut seen = 0;
        for (before, behind) in [question, option].into_iter().flat_map(|text| places(&page.text, text)) {
            seen += 1;
            let tag = before.rsplit('<').next().unwrap();
            // In an element of its own, between marks, or alone in an attribute.
            let set_apart =
                (tag.ends_with('>') || tag.ends_with(">\n")) && tag.contains("dir=\"auto\"") || tag == "bdi>";
            let is_marked = before.ends_with('\u{2068}') && behind.starts_with('\u{2069}');
            let alone = before.ends_with("content=\"") && behind.starts_with('"');
            // The embed code is read from left to right, with the question alone in an attribute.
            let alone = alone || before.ends_with("title=&quot;") && tag.contains("dir=\"ltr\"");
            assert!(set_apart || is_marked || alone, "{path}: <{tag}{question}");
        }
        assert!(seen > 0, "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn the_footer_says_which_instance_answered() {
    let app = spawn_app().await;
    app.browser().get("/").await.says("Answered by instance-7");
    app.browser_in("fr").get("/nowhere").await.says("Réponse de instance-7");
}

#[tokio::test]
async fn pages_and_files_are_small_compressed_and_cached() {
    let app = spawn_app().await;
    app.poll("many", PollSpec::simple("é".repeat(500), ('a'..='z').map(|key| format!("{}{key}", "é".repeat(199)))));
    let ada = app.browser();
    let page = ada.get("/p/many").await;
    let mut bytes = page.text.len();
    for file in page.text.split(['"']).filter(|part| part.starts_with("&#x2f;static")) {
        let path = file.replace("&#x2f;", "/");
        let file = ada.get(&path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert!(file.header("cache-control").contains("immutable"), "{path}");
        bytes += file.text.len();
    }
    assert!((20_000..50_000).contains(&bytes), "{bytes} bytes even for the largest poll, uncompressed");
    let request = ada.request("GET", "/p/many").header("accept-encoding", "gzip");
    assert_eq!(answer(request).await.header("content-encoding"), "gzip");
}
