//! The organiser's pages: each form, its refusals, and the links to hand out.

use domain::{PollId, PollSpec};
use http::StatusCode;
use scrutin_vote::Config;
use web::signed_link::{self, Purpose};

use crate::support::{Answer, Browser, Mishap, TOKEN, TestApp, answer, config, spawn_app, spawn_with};

async fn poll(app: &TestApp, id: &str) -> serde_json::Value {
    app.program().get(&format!("/api/polls/{id}")).await.json()
}

/// Presses a button and returns the page that follows.
async fn press(ada: &Browser, path: &str, form: &str) -> Answer {
    let posted = ada.post_form(path, form).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER, "{path}: {}", posted.text);
    ada.get(posted.header("location")).await
}

#[tokio::test]
async fn a_poll_is_created_with_a_form() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let form = "question=Lunch%3F&options=Pizza%0D%0A%0D%0A+Soup+%0D%0AFish&max_choices=2&access=codes&results=hidden\
                &state=waiting&listed=on&id=lunch";
    let page = press(&ada, "/organise", form).await;
    page.says("Lunch?").says("Not open yet").says("result hidden").says("up to 2 choices").says("votes are final");
    let lunch = poll(&app, "lunch").await;
    assert_eq!(lunch["options"], serde_json::json!(["Pizza", "Soup", "Fish"]));
    assert_eq!((&lunch["access"], &lunch["listed"], &lunch["changes"]), (&"codes".into(), &true.into(), &false.into()));
    ada.get("/organise").await.says("Lunch?").says("Cats or Dogs?");

    let page = press(&ada, "/organise", "question=Tea%3F&options=Yes%0ANo&max_choices=1&changes=on").await;
    page.says("Tea?").says("Open").says("votes can be changed").says("anyone with the link");
}

#[tokio::test]
async fn a_form_at_fault_names_the_field_and_loses_nothing() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let long = "x".repeat(501);
    let ok = "options=Yes%0ANo&max_choices=1";
    for (form, field, words) in [
        (format!("question=+&{ok}"), "question", "Write a question."),
        (format!("question={long}&{ok}"), "question", "The question has 501 characters; 500 are allowed."),
        ("question=Tea&options=Yes&max_choices=1".into(), "options", "2 to 26 options are needed, not 1."),
        (
            format!("question=Tea&options=Yes%0A{}&max_choices=1", &long[..201]),
            "options",
            "Option 2 has 201 characters",
        ),
        ("question=Tea&options=a%0Ab%0Aa&max_choices=1".into(), "options", "Options 1 and 3 are the same."),
        ("question=Tea&options=Yes%0AYe%E2%80%8Bs&max_choices=1".into(), "options", "Options 1 and 2 are the same."),
        ("question=Tea&options=Yes%0A%E2%81%A0&max_choices=1".into(), "options", "Option 2 holds only characters that"),
        ("question=Tea&options=Yes%0AN%08o&max_choices=1".into(), "options", "Option 2 holds a character that"),
        (format!("question=%E3%85%A4&{ok}"), "question", "The question holds only characters that"),
        ("question=Tea&options=Yes%0ANo&max_choices=3".into(), "max_choices", "from 1 to the number of options"),
        ("question=Tea&options=Yes%0ANo&max_choices=".into(), "max_choices", "from 1 to the number of options"),
        (format!("question=Tea&{ok}&id=No+name"), "id", "The name must be"),
        (format!("question=Tea&{ok}&id=%21%21"), "id", "The name must be"),
        (format!("question=Tea&{ok}&id=sign-in"), "id", "The name must be"),
        (format!("question=Tea&{ok}&id=main"), "id", "There is a poll with this name already."),
    ] {
        let page = ada.post_form("/organise", &form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        page.says(words);
        assert!(page.text.contains(&format!("href=\"#{field}\"")), "the summary leads to the field: {}", page.text);
        let tag = page.text.split(&format!(" id=\"{field}\"")).nth(1).unwrap().split('>').next().unwrap();
        assert!(tag.contains("aria-invalid=\"true\" aria-describedby=\"fault"), "{field}: {tag}");
    }
    let page = ada.post_form("/organise", &format!("question=Tea+%3Cb%3E&{ok}&id=main&results=hidden")).await;
    assert!(page.text.contains("Tea &lt;b&gt;</textarea>"), "{}", page.text);
    assert!(page.text.contains("value=\"hidden\" checked"), "{}", page.text);
    assert_eq!(app.organiser("GET", "/api/polls", None).await.json()["polls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn texts_pasted_into_the_form_are_tidied() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let form = "id=+Pasted.&max_choices=1&question=%EF%BB%BFTea%C2%A0or%09coffee+%3F%0D%0A\
                &options=One%09cup%0D%0A%C2%A0Two%E2%80%A8cups%C2%A0%0D%0AThree%0Bcups%0D%0A+%09+%0D%0AFou%C2%ADr";
    press(&ada, "/organise", form).await;
    let pasted = poll(&app, "pasted").await;
    assert_eq!(pasted["question"], "Tea or coffee ?");
    assert_eq!(pasted["options"], serde_json::json!(["One cup", "Two cups", "Three cups", "Four"]));
}

#[tokio::test]
async fn the_largest_poll_is_created_with_the_form() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let cat = "%F0%9F%90%88";
    let options: Vec<_> = ('a'..='z').map(|last| format!("{}{last}", cat.repeat(199))).collect();
    let form = format!("question={}&options={}&max_choices=26", cat.repeat(500), options.join("%0D%0A"));
    assert_eq!(ada.post_form("/organise", &form).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn each_button_does_what_it_says_and_comes_back() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    for (button, field, value, words) in [
        ("close", "state", "closed", "Closed"),
        ("open", "state", "open", "Open"),
        ("hide", "results", "hidden", "Only you see these votes"),
        ("reveal", "results", "live", "result live"),
    ] {
        press(&ada, &format!("/organise/main/{button}"), "").await.says(words);
        assert_eq!(poll(&app, "main").await[field], value, "{button}");
    }
    for (button, listed) in [("list", true), ("unlist", false)] {
        press(&ada, &format!("/organise/main/{button}"), "").await;
        assert_eq!(poll(&app, "main").await["listed"], listed);
    }
    assert_eq!(ada.post_form("/organise/main/explode", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.post_form("/organise/nowhere/open", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.get("/organise/nowhere").await.status, StatusCode::NOT_FOUND);
    let address_of_a_button = ada.get("/organise/main/close").await;
    assert_eq!(address_of_a_button.header("location"), "/organise/main");
    assert_eq!(poll(&app, "main").await["state"], "open", "a link changes nothing");
}

#[tokio::test]
async fn a_reset_asks_first_and_says_what_happens_to_the_ballots() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    app.browser().vote("/", "vote=a").await;
    assert_eq!(ada.get("/organise/main").await.link_with("/reset"), "/organise/main/reset");
    ada.get("/organise/main/reset").await.says("Begin this poll anew?").says("they stay in the ledger as a past round");
    for form in ["", "sure=no"] {
        let asked = ada.post_form("/organise/main/reset", form).await;
        assert_eq!((asked.status, asked.header("location")), (StatusCode::SEE_OTHER, "/organise/main/reset"));
        assert_eq!(poll(&app, "main").await["round"], 1, "not before it was asked");
    }
    press(&ada, "/organise/main/reset", "sure=yes").await.says("round 2");
    assert_eq!(poll(&app, "main").await["round"], 2);
}

#[tokio::test]
async fn a_reset_that_is_sent_twice_begins_one_round() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let page = ada.get("/organise/main/reset").await;
    assert!(page.text.contains("name=\"round\" value=\"1\""), "{}", page.text);
    for _ in 0..2 {
        press(&ada, "/organise/main/reset", "sure=yes&round=1").await.says("round 2");
    }
    assert_eq!(poll(&app, "main").await["round"], 2);
    press(&ada, "/organise/main/reset", "sure=yes&round=2").await.says("round 3");
}

#[tokio::test]
async fn a_poll_is_rewritten_only_until_there_are_ballots() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    assert_eq!(ada.get("/organise/main").await.link_with("/edit"), "/organise/main/edit");
    let form = ada.get("/organise/main/edit").await;
    assert!(form.text.contains("Cats\nDogs</textarea>"), "{}", form.text);
    let fault = ada.post_form("/organise/main/edit", "question=&options=a%0Ab&max_choices=1").await;
    assert_eq!(fault.status, StatusCode::UNPROCESSABLE_ENTITY);
    fault.says("Write a question.");
    let new = "question=Birds%3F&options=Yes%0ANo%0AMaybe&max_choices=1&changes=on";
    press(&ada, "/organise/main/edit", new).await.says("Birds?").says("Maybe");

    app.browser().vote("/", "vote=c").await;
    let too_late = "can’t be changed any more: there are ballots";
    ada.get("/organise/main").await.says(too_late);
    ada.get("/organise/main/edit").await.says(too_late);
    let refused = ada.post_form("/organise/main/edit", new).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.says(too_late);
}

#[tokio::test]
async fn the_page_of_a_poll_has_link_qr_code_and_embed_code() {
    let app = spawn_app().await;
    app.poll("tea", PollSpec::simple("Tea?", ["Yes", "No"]));
    let ada = app.organiser_browser().await;
    app.browser().vote("/p/tea", "vote=a").await;
    let page = ada.get("/organise/tea").await;
    let plain = page.text.replace("&#x2f;", "/");
    assert!(plain.contains(&format!("href=\"http://{}/p/tea\"", app.addr)), "the link for voters: {plain}");
    assert!(!plain.contains("<svg class=\"qr\""), "a code that leads nowhere: {plain}");
    page.says("the voting page is served to this computer alone");
    assert!(plain.contains("href=\"http://127.0.0.1:8081/p/tea\""), "the projector page: {plain}");
    assert!(plain.contains("&lt;iframe src=&quot;http://127.0.0.1:8081/p/tea/embed&quot;"), "{plain}");
    page.says("only where whoever runs this site has allowed them (EMBED_ORIGINS)");
    assert!(plain.contains("id=\"accepted\">1<"), "{plain}");
    assert!(plain.contains("data-live=\"http://127.0.0.1:8081/api/polls/tea/tally\""), "{plain}");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("connect-src 'self' http://127.0.0.1:8081 ws://127.0.0.1:8081;"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    app.browser_in("fr").get("/organise/tea").await;
}

#[tokio::test]
async fn qr_codes_hold_an_address_that_phones_reach() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let by_name = answer(ada.request("GET", "/organise/main").header("host", "laptop.local:8080")).await;
    let plain = by_name.text.replace("&#x2f;", "/");
    assert!(plain.contains("href=\"http://laptop.local:8080\"") && plain.contains("<svg class=\"qr\""), "{plain}");

    let vote_url = Some("http://vote.example.org:80".parse().unwrap());
    let app = spawn_with(Config { vote_url, ..config() }).await;
    let plain = app.organiser_browser().await.get("/organise/main").await.text.replace("&#x2f;", "/");
    assert!(plain.contains("href=\"http://vote.example.org\"") && plain.contains("<svg class=\"qr\""), "{plain}");
}

#[tokio::test]
async fn links_to_the_result_host_are_for_this_poll_and_purpose() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let (secret, id) = (&app.config.secret.bound_to(TOKEN), PollId::MAIN);
    let now = program::now_millis();
    for file in ["tally.csv", "tally.json", "ballots.csv", "ballots.json"] {
        let led = ada.get(&format!("/organise/main/export/{file}")).await;
        assert_eq!(led.status, StatusCode::SEE_OTHER);
        let (address, ticket) = led.header("location").split_once("?ticket=").unwrap();
        assert_eq!(address, format!("http://127.0.0.1:8081/api/polls/main/{file}"));
        assert!(signed_link::is_valid(ticket, secret, id, Purpose::Export, now));
        assert!(!signed_link::is_valid(ticket, secret, id, Purpose::Figures, now));
        assert!(ada.get("/organise/main").await.text.replace("&#x2f;", "/").contains(&format!("/export/{file}\"")));
    }
    assert_eq!(ada.get("/organise/main/export/secrets.csv").await.status, StatusCode::NOT_FOUND);
    let led = ada.get("/organise/main/projector").await;
    let (address, ticket) = led.header("location").split_once("?ticket=").unwrap();
    assert_eq!((led.status, address), (StatusCode::SEE_OTHER, "http://127.0.0.1:8081/"));
    assert!(signed_link::is_valid(ticket, secret, id, Purpose::Projector, now));
    assert!(!signed_link::is_valid(ticket, secret, id, Purpose::Figures, now));

    let page = ada.get("/organise/main").await.text;
    let in_page = page.split("data-ticket=\"").nth(1).unwrap().split('"').next().unwrap();
    let fetched = ada.get("/organise/main/tickets").await;
    assert_eq!(fetched.header("cache-control"), "no-store");
    let fetched = fetched.json();
    assert_eq!(fetched["valid_ms"], signed_link::VALID_MILLIS);
    for ticket in [in_page, fetched["figures"].as_str().unwrap()] {
        assert!(signed_link::is_valid(ticket, secret, id, Purpose::Figures, now), "{ticket}");
        assert!(!signed_link::is_valid(ticket, secret, id, Purpose::Export, now), "{ticket}");
    }
}

#[tokio::test]
async fn html_in_questions_and_options_is_shown_and_not_run() {
    let app = spawn_app().await;
    let evil = r#"<script>alert("x")</script>"#;
    let mut spec = PollSpec::simple(format!("{evil}\" autofocus"), [evil, "</textarea><b>"]);
    spec.access = domain::Access::Codes;
    app.poll("evil", spec);
    let ada = app.organiser_browser().await;
    for path in ["", "/evil", "/evil/edit", "/evil/reset", "/evil/codes?count=1"] {
        let page = ada.get(&format!("/organise{path}")).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.text.contains("&lt;script&gt;"), "{path}: {}", page.text);
        for raw in ["<script>alert", "</textarea><b>", "\" autofocus"] {
            assert!(!page.text.contains(raw), "{path}: {}", page.text);
        }
        assert!(!page.text.contains("style="), "{path}");
    }
    // The embed code is HTML within HTML: copied out of the page it is still escaped once.
    let page = ada.get("/organise/evil").await.text;
    let copied = page.split("aria-describedby=\"embed-hint\">").nth(1).unwrap().split("</textarea>").next().unwrap();
    assert!(copied.contains("title=&quot;&amp;lt;script&amp;gt;"), "{copied}");
    let posted = ada.post_form("/organise", "question=%3Cscript%3E&options=%3C%2Ftextarea%3E&max_choices=%22%3E").await;
    assert!(!posted.text.contains("<script>") && posted.text.matches("</textarea>").count() == 2, "{}", posted.text);
}

#[tokio::test]
async fn without_an_answer_of_the_log_a_page_claims_nothing() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let new = "question=Tea&options=Yes%0ANo&max_choices=1";
    for (mishap, words) in [(Mishap::NotBegun, "Nothing was changed."), (Mishap::AnswerLost, "could not make sure")] {
        app.ballots.break_down(mishap);
        for (path, form) in [("/organise/main/close", ""), ("/organise/main/reset", "sure=yes"), ("/organise", new)] {
            let refused = ada.post_form(path, form).await;
            assert_eq!(
                (refused.status, refused.header("retry-after")),
                (StatusCode::SERVICE_UNAVAILABLE, "2"),
                "{path}"
            );
            refused.says(words);
        }
    }
    app.ballots.break_down(Mishap::NotBegun);
    for path in ["/organise", "/organise/main", "/organise/main/edit", "/organise/main/reset"] {
        assert_eq!(ada.get(path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn the_pages_speak_french() {
    let app = spawn_app().await;
    let ada = app.organiser_browser().await;
    let french = async |path: &str| answer(ada.request("GET", path).header("accept-language", "fr")).await;
    french("/organise").await.says("Nouveau scrutin").says("Ouvrir tout de suite");
    french("/organise/main").await.says("Clore").says("Masquer le résultat").says("Bulletins acceptés");
    french("/organise/main/reset").await.says("Recommencer ce scrutin\u{a0}?");
    french("/organise/main/edit").await.says("Modifier le scrutin");
    let faulty = ada.form("/organise", "question=Th%C3%A9%3F&options=Oui&max_choices=1");
    answer(faulty.header("accept-language", "fr")).await.says("Il faut 2 à 26 options, et non 1.");
}

#[tokio::test]
async fn the_api_has_a_page_to_try_it() {
    let app = spawn_app().await;
    let page = app.browser().get("/api").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("The API of this site");
    assert!(page.link_with("openapi.json").ends_with("/api/openapi.json"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn after_voting_the_live_result_is_below_unless_it_is_hidden() {
    let app = spawn_app().await;
    let ada = app.browser();
    let before = ada.get("/").await;
    assert!(!before.text.contains("data-live"), "not before: {}", before.text);
    assert!(
        before
            .header("content-security-policy")
            .contains("connect-src 'self' http://127.0.0.1:8081 ws://127.0.0.1:8081;")
    );
    let after = ada.vote("/", "vote=a").await.text.replace("&#x2f;", "/");
    assert!(
        after.contains("data-live") && after.contains("data-tally=\"http://127.0.0.1:8081/api/polls/main/tally\""),
        "{after}"
    );
    app.organiser("POST", "/api/polls/main/hide", None).await;
    assert!(!ada.get("/").await.text.contains("data-live"));
    app.organiser("POST", "/api/polls/main/reveal", None).await;
    app.organiser("POST", "/api/polls/main/close", None).await;
    assert!(app.browser().get("/").await.text.contains("data-live"), "of a closed poll for everybody");
}
