//! The one binary: starts with nothing, keeps every acknowledged ballot whatever happens to it, stops cleanly.

use std::{fs, path::Path, process::Command};

use testkit::{address, all_in_one::AllInOne, programs, steady_voters::SteadyVoters, tallies, wait};

#[tokio::test]
async fn it_starts_with_nothing_and_says_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("not/there/yet");
    let scrutin = AllInOne::start(&data).await;
    let page = reqwest::get(scrutin.vote_url()).await.unwrap().text().await.unwrap();
    assert!(page.contains("Cats") && page.contains("Dogs"), "{page}");
    let token = fs::read_to_string(data.join("organiser-token")).unwrap();
    let said = scrutin.program.output();
    for wanted in [scrutin.vote_url(), scrutin.result_url(), format!("/organise/sign-in?token={}", token.trim())] {
        assert!(said.contains(&wanted), "{wanted} is not in: {said}");
    }
}

#[tokio::test]
async fn the_organisers_token_is_printed_where_it_was_made_and_in_no_log() {
    let data = tempfile::tempdir().unwrap();
    let first = AllInOne::start(data.path()).await;
    let token = fs::read_to_string(data.path().join("organiser-token")).unwrap();
    assert!(first.program.output().contains(token.trim()));
    drop(first);
    let again = AllInOne::start(data.path()).await;
    let said = again.program.output();
    assert!(!said.contains(token.trim()) && said.contains("/organise (with the token in the file"), "{said}");
    drop(again);
    let set = "an-organisers-token-from-the-environment";
    let told = AllInOne::start_with(data.path(), [("ORGANISER_TOKEN", set)]).await;
    let said = told.program.output();
    assert!(!said.contains(set) && said.contains("/organise (with the token in ORGANISER_TOKEN)"), "{said}");
}

#[tokio::test]
async fn the_organisers_token_works_whatever_an_editor_left_around_it() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("organiser-token"), "\u{feff}the-organisers-token\r\n").unwrap();
    let scrutin = AllInOne::start(data.path()).await;
    let polls = reqwest::Client::new().get(format!("{}/api/polls", scrutin.vote_url()));
    assert_eq!(polls.bearer_auth("the-organisers-token").send().await.unwrap().status(), 200);
    let form = [("token", format!("\u{feff} {}/organise/sign-in?token=the-organisers-token ", scrutin.vote_url()))];
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let signed_in = http.post(format!("{}/organise/sign-in", scrutin.vote_url())).form(&form).send().await.unwrap();
    assert_eq!(signed_in.status(), 303, "pasted with its link");
}

#[tokio::test]
async fn settings_of_the_first_poll_that_come_too_late_are_told() {
    let data = tempfile::tempdir().unwrap();
    let first = AllInOne::start_with(data.path(), [("OPTION_A", "Tea")]).await;
    assert!(!first.program.output().contains("settings_not_applied"));
    drop(first);
    let again = AllInOne::start_with(data.path(), [("OPTION_A", "Coffee")]).await;
    let said = again.program.output();
    assert!(
        said.contains("poll.settings_not_applied") && said.contains("OPTION_A make") && said.contains("/organise/main"),
        "{said}"
    );
    let page = reqwest::get(again.vote_url()).await.unwrap().text().await.unwrap();
    assert!(page.contains("Tea") && !page.contains("Coffee"));
}

#[tokio::test]
async fn public_keys_are_told_loudly_and_refused_behind_tls() {
    let data = tempfile::tempdir().unwrap();
    let public = ("SECRET_KEY", "for-development-only-and-known-to-everybody");
    let admin = address::free();
    let told = AllInOne::start_with(data.path(), [public, ("ADMIN_ADDR", &admin.to_string())]).await;
    let said = told.program.output();
    assert!(said.contains("keys.public") && said.contains("SECRET_KEY is a demonstration value"), "{said}");
    let metrics = reqwest::get(format!("http://{admin}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("scrutin_public_keys 1"), "{metrics}");
    drop(told);
    let refused = Command::new(programs::path("scrutin"))
        .args(["--secret-key", public.1, "--vote-url", "https://vote.example.org"])
        .args(["--vote-addr", "127.0.0.1:0", "--result-addr", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("SECRET_KEY: a demonstration value") && said.contains("https://vote.example.org"), "{said}");
}

#[tokio::test]
async fn a_refused_public_key_leaves_no_trace_in_a_new_directory() {
    let data = tempfile::tempdir().unwrap();
    let refused = Command::new(programs::path("scrutin"))
        .args(["--secret-key", "for-development-only-and-known-to-everybody"])
        .args(["--vote-url", "https://vote.example.org", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let own = "a-key-of-our-own-as-the-refusal-advises";
    let scrutin = AllInOne::start_with(data.path(), [("SECRET_KEY", own)]).await;
    assert!(reqwest::get(scrutin.vote_url()).await.unwrap().status().is_success());
}

#[tokio::test]
async fn killed_again_and_again_it_loses_no_acknowledged_ballot() {
    let data = tempfile::tempdir().unwrap();
    let mut scrutin = AllInOne::start(data.path()).await;
    let voters = SteadyVoters::start(&[scrutin.vote_url()], "main", 24, 2);
    for _ in 0..4 {
        voters.goes_on(200).await;
        scrutin.program.kill();
        voters.is_troubled(24).await;
        scrutin.program.start_again();
    }
    voters.goes_on(200).await;
    let outcome = voters.stop(2).await;
    outcome.is_counted(&scrutin.vote_url(), &scrutin.result_url(), "main").await;

    scrutin.program.signal("INT");
    assert!(scrutin.program.exit().await.success(), "Ctrl-C ends it well");
    let recount = recount(data.path());
    assert_eq!(recount.status.code(), Some(0), "{recount:?}");
}

#[tokio::test]
async fn a_poll_of_one_start_is_there_at_the_next() {
    let data = tempfile::tempdir().unwrap();
    let mut scrutin = AllInOne::start(data.path()).await;
    let client = reqwest::Client::new();
    let cast = client.post(scrutin.vote_url()).form(&[("vote", "b")]).send().await.unwrap();
    assert!(cast.status().is_success());
    assert!(scrutin.program.terminate().await.success(), "SIGTERM ends it well");
    scrutin.program.start_again_with("QUESTION", "Another?");
    scrutin.serves().await;
    let tally = tallies::tally(&scrutin.result_url(), "main").await.unwrap();
    assert_eq!(tallies::votes(&tally, 2), [0, 1]);
    assert_eq!(tally["question"], "Cats or Dogs?", "the first poll is made only once");
}

#[tokio::test]
async fn two_of_them_do_not_share_one_ledger() {
    let data = tempfile::tempdir().unwrap();
    let _first = AllInOne::start(data.path()).await;
    let second = Command::new(programs::path("scrutin"))
        .env_clear()
        .env("DATA_DIR", data.path())
        .env("VOTE_ADDR", address::free().to_string())
        .env("RESULT_ADDR", address::free().to_string())
        .output()
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("in use"), "{said}");
}

#[tokio::test]
async fn without_its_lock_file_and_its_ring_file_a_second_one_is_refused_still() {
    for removed in [&["scrutin.db.lock"][..], &["scrutin.db.lock", "scrutin.db.waiting"]] {
        let data = tempfile::tempdir().unwrap();
        let _first = AllInOne::start(data.path()).await;
        for name in removed {
            fs::remove_file(data.path().join(name)).unwrap();
        }
        let mut second = Command::new(programs::path("scrutin"));
        second.env_clear().env("DATA_DIR", data.path()).env("VOTE_ADDR", address::free().to_string());
        let second = second.env("RESULT_ADDR", address::free().to_string()).output().unwrap();
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(!second.status.success() && said.contains("in use"), "{removed:?}: {said}");
    }
}

#[tokio::test]
async fn told_to_outlive_its_terminal_it_does() {
    let data = tempfile::tempdir().unwrap();
    let (vote, result) = (address::free(), address::free());
    let mut child = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\""])
        .arg(programs::path("scrutin"))
        .env("DATA_DIR", data.path())
        .env("VOTE_ADDR", vote.to_string())
        .env("RESULT_ADDR", result.to_string())
        .spawn()
        .unwrap();
    let answers = || async { reqwest::get(format!("http://{vote}/")).await.is_ok() };
    wait::until_true("it to serve", answers).await;
    let signal = |name: &str| Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(signal("-HUP").success());
    // Had it been heeded, this one would come too late.
    assert!(answers().await);
    assert!(signal("-KILL").success());
    child.wait().unwrap();
}

#[tokio::test]
async fn a_recount_of_a_tampered_ledger_differs() {
    let data = tempfile::tempdir().unwrap();
    let mut scrutin = AllInOne::start(data.path()).await;
    reqwest::Client::new().post(scrutin.vote_url()).form(&[("vote", "a")]).send().await.unwrap();
    assert!(scrutin.program.terminate().await.success());
    assert_eq!(recount(data.path()).status.code(), Some(0));
    let ledger = rusqlite::Connection::open(data.path().join("scrutin.db")).unwrap();
    ledger.execute("UPDATE tallies SET votes = votes + 1", []).unwrap();
    drop(ledger);
    let tampered = recount(data.path());
    assert_eq!(tampered.status.code(), Some(1), "{tampered:?}");
    assert!(String::from_utf8_lossy(&tampered.stdout).contains("DIFFERS"), "{tampered:?}");
}

fn recount(data: &Path) -> std::process::Output {
    let mut command = Command::new(programs::path("scrutin"));
    command.arg("recount").env_clear().env("DATA_DIR", data).output().expect("scrutin recount runs")
}

#[tokio::test]
async fn a_poll_is_closed_when_its_countdown_has_ended_and_the_ledger_says_so() {
    let data = tempfile::tempdir().unwrap();
    let scrutin = AllInOne::start_with(data.path(), [("ORGANISER_TOKEN", "the-organisers-token")]).await;
    let open = reqwest::Client::new().post(format!("{}/api/polls/main/open", scrutin.vote_url()));
    let open = open.bearer_auth("the-organisers-token").json(&serde_json::json!({"seconds": 1}));
    let opened: serde_json::Value = open.send().await.unwrap().json().await.unwrap();
    assert!((1..=1_000).contains(&opened["closes_in_ms"].as_u64().unwrap()), "{opened}");
    wait::until_true("the ledger to say that the figures are final", || async {
        tallies::tally(&scrutin.result_url(), "main").await.is_some_and(|tally| tally["final"] == true)
    })
    .await;
    assert!(scrutin.program.output().contains("poll.closed_in_time"));
}
