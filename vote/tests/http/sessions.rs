//! The organiser's session: its start and end, and cookies that are no session.

use http::StatusCode;

use web::cookies::{CookieNames, CookieScope};

use crate::support::{Answer, Mishap, TOKEN, TestApp, answer, config, spawn_app, spawn_with};

/// All addresses of pages and forms for the organiser only.
const PAGES: [&str; 8] = [
    "/organise",
    "/organise/main",
    "/organise/main/edit",
    "/organise/main/reset",
    "/organise/main/codes",
    "/organise/main/codes.csv",
    "/organise/main/export/ballots.csv",
    "/organise/main/close",
];
const FORMS: [(&str, &str); 9] = [
    ("/organise", "question=New%3F&options=a%0Ab&max_choices=1"),
    ("/organise/main/close", ""),
    ("/organise/main/open", ""),
    ("/organise/main/hide", ""),
    ("/organise/main/reveal", ""),
    ("/organise/main/list", ""),
    ("/organise/main/unlist", ""),
    ("/organise/main/reset", "sure=yes"),
    ("/organise/main/edit", "question=New%3F&options=a%0Ab&max_choices=1"),
];

async fn sign_in(app: &TestApp, token: &str) -> Answer {
    app.browser().post_form("/organise/sign-in", &format!("token={token}")).await
}

async fn opens(app: &TestApp, cookie: &str) -> bool {
    let names = CookieNames::new(&app.config.secret, CookieScope::AnyTransport);
    let cookie = format!("{}={cookie}", names.of("organiser").as_str());
    let page = answer(app.program().request("GET", "/organise").header("cookie", cookie)).await;
    page.status == StatusCode::OK
}

#[tokio::test]
async fn without_a_session_nothing_is_shown_or_done() {
    let app = spawn_app().await;
    for path in PAGES {
        let page = app.browser().get(path).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        assert!(page.header("location").starts_with("/organise/sign-in"), "{path}");
    }
    app.browser().get("/organise/main/tickets").await.is_problem(403, "sign-in-needed");
    let before = app.program().get("/api/polls/main").await.text;
    for (path, form) in FORMS {
        let refused = app.browser().post_form(path, form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        refused.says("Nothing was done: only the organiser may do this.");
    }
    assert_eq!(app.program().get("/api/polls/main").await.text, before);
    assert_eq!(app.organiser("GET", "/api/polls", None).await.json()["polls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_printed_link_signs_in_and_takes_the_token_out_of_the_address() {
    let app = spawn_app().await;
    let ada = app.browser();
    let link = ada.get(&format!("/organise/sign-in?token={TOKEN}")).await;
    assert_eq!((link.status, link.header("location")), (StatusCode::SEE_OTHER, "/organise"));
    let cookie = link.set_cookie("organiser").unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(TOKEN));
    assert_eq!(ada.get("/organise").await.status, StatusCode::OK);
    assert_eq!(ada.get("/organise/sign-in").await.status, StatusCode::SEE_OTHER, "signed in already");
}

#[tokio::test]
async fn the_form_signs_in_and_goes_on_to_the_requested_page() {
    let app = spawn_app().await;
    let ada = app.browser();
    let led = ada.get("/organise/main/codes").await;
    assert_eq!(led.header("location"), "/organise/sign-in?to=/organise/main/codes");
    let form = ada.get(led.header("location")).await;
    form.says("Sign in as the organiser");
    assert!(form.text.contains("value=\"&#x2f;organise&#x2f;main&#x2f;codes\""), "{}", form.text);
    let led = ada.get("/organise/main/codes?from=101&count=300").await;
    assert_eq!(led.header("location"), "/organise/sign-in?to=/organise/main/codes?from=101%26count=300");
    let form = ada.get(led.header("location")).await;
    let to = "/organise/main/codes?from=101&count=300";
    assert!(
        form.text.replace("&#x2f;", "/").contains(&format!("value=\"{}\"", to.replace('&', "&amp;"))),
        "{}",
        form.text
    );
    let posted =
        app.browser().post_form("/organise/sign-in", &format!("token={TOKEN}&to={}", to.replace('&', "%26"))).await;
    assert_eq!(posted.header("location"), to);
    let posted = ada.post_form("/organise/sign-in", &format!("token=%EF%BB%BF+{TOKEN}+%0D%0A&to=/organise/main")).await;
    assert_eq!((posted.status, posted.header("location")), (StatusCode::SEE_OTHER, "/organise/main"));
    for elsewhere in ["//evil.example", "https://evil.example", "/organise/../p/main"] {
        let posted = ada.post_form("/organise/sign-in", &format!("token={TOKEN}&to={elsewhere}")).await;
        assert_eq!(posted.header("location"), "/organise", "{elsewhere}");
    }
    app.browser_in("fr").get("/organise/sign-in").await.says("Se connecter comme organisateur");
}

#[tokio::test]
async fn signing_out_ends_every_copy_of_the_session_and_no_other_session() {
    let app = spawn_app().await;
    let (laptop, phone) = (sign_in(&app, TOKEN).await, app.organiser_browser().await);
    let cookie = laptop.pair("organiser");
    let with_copy =
        async |method: &str, path: &str| answer(app.program().request(method, path).header("cookie", &cookie)).await;
    assert_eq!(with_copy("GET", "/organise").await.status, StatusCode::OK);
    app.ballots.break_down(Mishap::NotBegun);
    let not_done = with_copy("POST", "/organise/sign-out").await;
    assert_eq!(not_done.status, StatusCode::SERVICE_UNAVAILABLE, "what can't be ended is not said to be");
    assert_eq!(not_done.set_cookie("organiser"), None);
    assert_eq!(with_copy("GET", "/organise").await.status, StatusCode::SERVICE_UNAVAILABLE, "nor believed");
    app.ballots.recover();

    assert_eq!(with_copy("POST", "/organise/sign-out").await.status, StatusCode::SEE_OTHER);
    assert_eq!(with_copy("GET", "/organise").await.header("location"), "/organise/sign-in");
    let form = app.program().request("POST", "/organise/main/close").header("cookie", &cookie);
    assert_eq!(answer(form).await.status, StatusCode::FORBIDDEN);
    with_copy("GET", "/organise/main/tickets").await.is_problem(403, "sign-in-needed");
    assert_eq!(phone.get("/organise").await.status, StatusCode::OK, "another browser's session goes on");
}

#[tokio::test]
async fn over_https_the_session_cookie_is_secure() {
    let url = Some("https://vote.example.org".parse().unwrap());
    let app = spawn_with(scrutin_vote::Config { vote_url: url, ..config() }).await;
    assert!(sign_in(&app, TOKEN).await.set_cookie("organiser").unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn a_wrong_token_signs_nobody_in_and_many_must_wait() {
    let app = spawn_app().await;
    for wrong in ["", "wrong", &TOKEN[1..], &format!("{TOKEN}x"), &TOKEN.to_uppercase()] {
        let refused = sign_in(&app, wrong).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{wrong}");
        refused.says("This is not the organiser’s token.");
        assert!(refused.set_cookie("organiser").is_none());
    }
    for _ in 0..3 {
        assert_eq!(app.browser().get("/organise/sign-in?token=wrong").await.status, StatusCode::FORBIDDEN);
    }
    let refused = sign_in(&app, "wrong").await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "10"));
    refused.says("try again in 10 s");
    assert!(refused.set_cookie("organiser").is_none());
    assert!(sign_in(&app, TOKEN).await.set_cookie("organiser").is_some(), "the right one passes at any time");
}

#[tokio::test]
async fn a_page_elsewhere_can_not_use_up_the_organisers_tries() {
    let app = spawn_app().await;
    let ask = async |destination: &str, mode: &str, token: &str| {
        let request = app.browser().request("GET", &format!("/organise/sign-in?token={token}"));
        answer(request.header("sec-fetch-dest", destination).header("sec-fetch-mode", mode)).await
    };
    for _ in 0..5 {
        for (destination, mode) in [("image", "no-cors"), ("iframe", "navigate"), ("empty", "cors")] {
            let refused = ask(destination, mode, "wrong").await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
            refused.says("open this address as a page of its own").does_not_say("not the organiser’s token");
            let right = ask(destination, mode, TOKEN).await;
            assert!(right.set_cookie("organiser").is_none(), "the token is not looked at");
        }
    }
    let link = ask("document", "navigate", TOKEN).await;
    assert_eq!((link.status, link.header("location")), (StatusCode::SEE_OTHER, "/organise"));
}

#[tokio::test]
async fn a_forged_session_is_not_signed_in() {
    let app = spawn_app().await;
    let genuine = sign_in(&app, TOKEN).await.cookie("organiser");
    assert!(opens(&app, &genuine).await);
    let last = if genuine.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{last}", &genuine[..genuine.len() - 1]);
    for bad in ["", "x", &forged, &genuine[1..], &format!("{genuine}A"), &"A".repeat(32), &"A".repeat(10_000)] {
        assert!(!opens(&app, bad).await, "{bad}");
    }
}

#[tokio::test]
async fn a_new_token_or_another_secret_ends_all_sessions() {
    let app = spawn_app().await;
    let cookie = sign_in(&app, TOKEN).await.cookie("organiser");
    let token = Some("another-organisers-token".to_owned().into());
    let secret = domain::Secret::parse(&"another".repeat(5)).unwrap();
    for config in
        [scrutin_vote::Config { organiser_token: token, ..config() }, scrutin_vote::Config { secret, ..config() }]
    {
        assert!(!opens(&spawn_with(config).await, &cookie).await);
    }
    assert!(opens(&spawn_app().await, &cookie).await, "another instance of the same installation");
}

#[tokio::test]
async fn signing_out_ends_the_session_in_this_browser() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let out = ada.post_form("/organise/sign-out", "").await;
    assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/organise/sign-in"));
    assert!(out.set_cookie("organiser").unwrap().contains("=; Path=/; Max-Age=0;"));
    assert_eq!(ada.get("/organise").await.status, StatusCode::SEE_OTHER);
    let ada = app.organiser_browser().await;
    ada.get("/organise/sign-out").await;
    assert_eq!(ada.get("/organise").await.status, StatusCode::OK, "a link can't sign anybody out");
}

#[tokio::test]
async fn posts_from_pages_of_other_sites_are_refused() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    for (path, form) in FORMS {
        for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let refused = answer(ada.form(path, form).header(name, value)).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path} {value}");
        }
    }
    let poll = app.program().get("/api/polls/main").await.json();
    assert_eq!((&poll["state"], &poll["round"], &poll["results"]), (&"open".into(), &1.into(), &"live".into()));
}

#[tokio::test]
async fn without_a_token_there_is_no_organiser_and_the_page_says_so() {
    let app = spawn_with(scrutin_vote::Config { organiser_token: None, ..config() }).await;
    let with_session = spawn_app().await;
    let cookie = sign_in(&with_session, TOKEN).await.pair("organiser");
    for path in ["/organise", "/organise/sign-in", "/organise/main", "/organise/sign-in?token="] {
        let page = answer(app.program().request("GET", path).header("cookie", &cookie)).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        page.says("There is no organiser here").says("ORGANISER_TOKEN");
    }
    assert_eq!(sign_in(&app, "").await.status, StatusCode::NOT_FOUND);
}
