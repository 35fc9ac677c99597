//! Moving house: what the all-in-one counted is counted by the stack, and its voters stay who they are.

mod partitions;
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use support::{cast, counted, export, export_of_services, finished, import, import_at_home, organise, scrutin, text};
use testkit::{
    all_in_one::AllInOne,
    postgres_server::TestDatabase,
    programs::{self, ORGANISER_TOKEN, SECRET_KEY, Services},
    redis_server::RedisServer,
    steady_voters::SteadyVoters,
    tallies, wait,
};

/// What a voter has kept of the poll `board`, as files, and the key that the host had.
struct Kept {
    promise: PathBuf,
    proof: PathBuf,
    key: String,
}

impl Kept {
    async fn fetch(result_url: &str, directory: &Path, receipt: &str) -> Self {
        let (promise, proof) = (directory.join("promise"), directory.join("proof"));
        for (kind, file) in [("promise", &promise), ("proof", &proof)] {
            let note = fetched(&format!("{result_url}/api/polls/board/receipts/{receipt}/{kind}")).await;
            fs::write(file, note).expect("the directory takes files");
        }
        Self { promise, proof, key: fetched(&format!("{result_url}/.well-known/scrutin-key")).await }
    }

    /// The trees have the name of the installation in which they began, and their key is the same.
    async fn holds_at(&self, result_url: &str, directory: &Path) {
        let page = format!("{result_url}/p/board");
        let now = fetched(&format!("{result_url}/.well-known/scrutin-key")).await;
        assert_ne!(now, self.key, "it is another installation");
        for key in [&self.key, &now] {
            let mut verify = Command::new(programs::path("scrutin"));
            verify.args(["verify", &page, "--key", key.trim()]);
            verify.arg("--promise").arg(&self.promise).arg("--proof").arg(&self.proof);
            let verified = verify.output().expect("scrutin verify runs");
            assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
        }
        let mut witness = Command::new(programs::path("scrutin"));
        witness.args(["witness", &page, "--once", "--directory"]).arg(directory.join("mirror"));
        let witnessed = witness.output().expect("scrutin witness runs");
        assert!(witnessed.status.success(), "{}{}", text(&witnessed.stdout), text(&witnessed.stderr));
    }
}

async fn fetched(address: &str) -> String {
    wait::until(address, || async {
        let answer = reqwest::get(address).await.ok()?.error_for_status().ok()?;
        answer.text().await.ok()
    })
    .await
}

/// The lines of trees in a file, one of a closed poll.
fn tree_lines(file: &Path) -> Vec<String> {
    let file = fs::read_to_string(file).expect("an exported file");
    let lines: Vec<String> = file.lines().filter(|line| line.starts_with("{\"tree\"")).map(str::to_owned).collect();
    assert!(lines.iter().any(|line| line.contains("\"root\"")), "{lines:?}");
    lines
}

#[tokio::test]
async fn what_the_all_in_one_counted_goes_on_in_the_stack() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let settings = [("SECRET_KEY", SECRET_KEY), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
    let mut scrutin = AllInOne::start_with(&data, settings).await;
    let vote_url = scrutin.vote_url();

    // Voters who change their minds in one poll; another that was reset between two ballots, and closed.
    organise(&vote_url, "", json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad", "Both"]})).await;
    let voters = SteadyVoters::start(std::slice::from_ref(&vote_url), "main", 16, 2);
    voters.goes_on(300).await;
    let outcome = voters.stop(2).await;
    let early = cast(&vote_url, "lunch", "a", None).await;
    organise(&vote_url, "/lunch/reset", json!({})).await;
    let late = cast(&vote_url, "lunch", "c", None).await;
    organise(&vote_url, "/lunch/close", json!({})).await;
    let regular = cast(&vote_url, "main", "a", None).await;
    let mut tallies = Vec::new();
    for poll in ["main", "lunch"] {
        let accepted = tallies::accepted(&vote_url, poll).await.expect("what was accepted");
        wait::until_true("all ballots to be counted", || async {
            let tally = tallies::tally(&scrutin.result_url(), poll).await;
            // Its close is counted too.
            tally.is_some_and(|tally| tally["counted"] == accepted && tally["open"] == (poll == "main"))
        })
        .await;
        tallies.push(tallies::tally(&scrutin.result_url(), poll).await.expect("a tally"));
    }
    assert!(scrutin.program.terminate().await.success());
    let written = export(&data, &file);
    assert!(written.status.success(), "{}", text(&written.stderr));

    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let imported = import(&database.url(), "1", &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    assert!(text(&imported.stdout).contains("all that the file says is counted"), "{}", text(&imported.stdout));
    let again = import(&database.url(), "1", &file);
    assert!(again.status.success(), "a second time changes nothing: {}", text(&again.stdout));

    let services = Services::start(&redis.url(), &database.url()).await;
    let (vote_url, result_url) = (services.vote.url(), services.result.url());
    for (poll, before) in ["main", "lunch"].iter().zip(&tallies) {
        let now = tallies::tally(&result_url, poll).await.expect("a tally");
        for what in ["votes", "voters", "counted", "question", "open"] {
            assert_eq!(now[what], before[what], "{what} of {poll}");
        }
    }
    outcome_and_one_more(&tallies[0], &outcome.votes);
    for (voter, poll, state) in
        [(&early, "lunch", "past_round"), (&late, "lunch", "counted"), (&regular, "main", "counted")]
    {
        assert_eq!(support::state(&result_url, poll, &voter.receipt).await, state);
    }
    // The same browser is the same voter: its new ballot replaces the one of yesterday.
    cast(&vote_url, "main", "b", Some(&regular.cookie)).await;
    let votes = tallies::votes(&tallies[0], 2);
    wait::until_true("the changed vote to be counted", || async {
        let tally = tallies::tally(&result_url, "main").await;
        tally.is_some_and(|tally| {
            tallies::votes(&tally, 2) == [votes[0] - 1, votes[1] + 1] && tally["voters"] == tallies[0]["voters"]
        })
    })
    .await;

    let late = import(&database.url(), "1", &file);
    assert!(!late.status.success());
    let said = text(&late.stderr);
    assert!(said.contains("stop the workers first") || said.contains("a file goes into an empty one"), "{said}");
}

/// Those votes, and one for the first option.
fn outcome_and_one_more(tally: &Value, votes: &[u64]) {
    assert_eq!(tallies::votes(tally, 2), [votes[0] + 1, votes[1]]);
}

#[tokio::test]
async fn a_file_goes_into_several_partitions_too_and_a_broken_one_says_where() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let mut scrutin = AllInOne::start_with(&data, [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    for number in 0..6 {
        let poll = json!({"id": format!("poll-{number}"), "question": "Tea?", "options": ["Yes", "No"]});
        organise(&scrutin.vote_url(), "", poll).await;
        for _ in 0..=number {
            cast(&scrutin.vote_url(), &format!("poll-{number}"), "a", None).await;
        }
    }
    assert!(scrutin.program.terminate().await.success());
    assert!(export(&data, &file).status.success());
    let once_more = export(&data, &file);
    assert!(!once_more.status.success(), "a file that is there is never overwritten");

    let whole = fs::read_to_string(&file).unwrap();
    let cut_off = home.path().join("cut-off.log");
    fs::write(&cut_off, &whole[..whole.rfind("{\"end\"").unwrap()]).unwrap();
    let database = TestDatabase::create().await;
    let refused = import(&database.url(), "4", &cut_off);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("it was cut off"), "{}", text(&refused.stderr));

    // What was counted of it before the end was missed stays, and the whole file goes on from there.
    let imported = import(&database.url(), "4", &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    assert!(text(&imported.stdout).contains("7 polls agree"), "{}", text(&imported.stdout));

    let back = export_of_services(&database.url(), &home.path().join("back.log"));
    assert!(back.status.success(), "{}", text(&back.stderr));
    let elsewhere = home.path().join("elsewhere");
    let home_again = import_at_home(&elsewhere, &home.path().join("back.log"));
    assert!(text(&home_again.stdout).contains("7 polls agree"), "{}", text(&home_again.stdout));

    let forged = whole.replacen("\"votes\":[1,0]", "\"votes\":[2,0]", 1);
    assert_ne!(forged, whole);
    fs::write(&cut_off, forged).unwrap();
    let database = TestDatabase::create().await;
    let differs = import(&database.url(), "4", &cut_off);
    assert_eq!(differs.status.code(), Some(1));
    assert!(text(&differs.stdout).contains("does not hold what the file says of poll-0"), "{}", text(&differs.stdout));
}

#[tokio::test]
async fn what_one_all_in_one_counted_goes_on_in_another() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let settings = [("SECRET_KEY", SECRET_KEY), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
    let mut scrutin_before = AllInOne::start_with(&data, settings).await;
    let vote_url = scrutin_before.vote_url();
    organise(&vote_url, "", json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad"]})).await;
    let past = cast(&vote_url, "lunch", "a", None).await;
    organise(&vote_url, "/lunch/reset", json!({})).await;
    let mut voters = Vec::new();
    for choice in ["a", "b", "b"] {
        voters.push(cast(&vote_url, "lunch", choice, None).await);
    }
    organise(&vote_url, "/lunch/close", json!({})).await;
    let before = finished(&scrutin_before.result_url(), "lunch", 4).await;
    let board = json!({"id": "board", "question": "Who?", "options": ["Ada", "Grace"], "publish": true});
    organise(&vote_url, "", board).await;
    let voter = cast(&vote_url, "board", "a", None).await;
    organise(&vote_url, "/board/close", json!({})).await;
    let kept = Kept::fetch(&scrutin_before.result_url(), home.path(), &voter.receipt).await;
    assert!(scrutin_before.program.terminate().await.success());
    assert!(export(&data, &file).status.success());

    let elsewhere = home.path().join("elsewhere");
    let imported = import_at_home(&elsewhere, &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    assert!(text(&imported.stdout).contains("all that the file says is counted"), "{}", text(&imported.stdout));
    assert!(text(&imported.stdout).contains("3 trees are as they were"), "{}", text(&imported.stdout));
    assert!(import_at_home(&elsewhere, &file).status.success(), "a second time changes nothing");
    let back = home.path().join("back.log");
    assert!(export(&elsewhere, &back).status.success());
    assert_eq!(tree_lines(&back), tree_lines(&file), "also which installation they began in");
    let forged = fs::read_to_string(&file).unwrap().replacen("\"voters\":3}]", "\"voters\":2}]", 1);
    assert_ne!(forged, fs::read_to_string(&file).unwrap());
    fs::write(&back, forged).unwrap();
    let differs = import_at_home(&home.path().join("forged"), &back);
    assert!(!differs.status.success());
    assert!(text(&differs.stdout).contains("is not as the file says: its ballots make another"), "{differs:?}");
    let recount = scrutin(&elsewhere, &["recount".as_ref()]);
    assert!(recount.status.success(), "{}", text(&recount.stdout));

    let now = AllInOne::start_with(&elsewhere, settings).await;
    organise(&now.vote_url(), "/board/publish", json!({})).await;
    kept.holds_at(&now.result_url(), home.path()).await;
    let (vote_url, result_url) = (now.vote_url(), now.result_url());
    let after = counted(&result_url, "lunch", 4).await;
    for what in ["votes", "voters", "counted", "question", "open"] {
        assert_eq!(after[what], before[what], "{what}");
    }
    for (voter, state) in voters.iter().map(|voter| (voter, "counted")).chain([(&past, "past_round")]) {
        assert_eq!(support::state(&result_url, "lunch", &voter.receipt).await, state);
    }
    let page = reqwest::get(format!("{result_url}/p/lunch")).await.unwrap().text().await.unwrap();
    assert!(page.contains("Lunch?") && page.contains("3 voters"), "{page}");
    // The same browser is the same voter.
    organise(&vote_url, "/lunch/open", json!({})).await;
    cast(&vote_url, "lunch", "b", Some(&voters[0].cookie)).await;
    assert_eq!(counted(&result_url, "lunch", 5).await["voters"], before["voters"]);
}

#[tokio::test]
async fn what_the_stack_counted_goes_home_into_one_data_directory() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let vote_url = services.vote.url();
    organise(&vote_url, "", json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad"]})).await;
    let past = cast(&vote_url, "lunch", "a", None).await;
    organise(&vote_url, "/lunch/reset", json!({})).await;
    let first = cast(&vote_url, "lunch", "a", None).await;
    cast(&vote_url, "lunch", "b", Some(&first.cookie)).await;
    let second = cast(&vote_url, "lunch", "b", None).await;
    organise(&vote_url, "/lunch/close", json!({})).await;
    let before = finished(&services.result.url(), "lunch", 4).await;

    let written = export_of_services(&database.url(), &file);
    assert!(written.status.success(), "{}", text(&written.stderr));
    assert!(!export_of_services(&database.url(), &file).status.success(), "a file that is there is never overwritten");
    let imported = import_at_home(&data, &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));

    let now = AllInOne::start_with(&data, [("SECRET_KEY", SECRET_KEY), ("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    let after = counted(&now.result_url(), "lunch", 4).await;
    for what in ["votes", "voters", "counted", "question", "open"] {
        assert_eq!(after[what], before[what], "{what}");
    }
    for (voter, state) in [(&past, "past_round"), (&first, "replaced"), (&second, "counted")] {
        assert_eq!(support::state(&now.result_url(), "lunch", &voter.receipt).await, state);
    }
}

#[tokio::test]
async fn a_file_goes_into_no_data_directory_that_holds_something_else() {
    let home = tempfile::tempdir().unwrap();
    let (data, file, other) = (home.path().join("data"), home.path().join("one.log"), home.path().join("other.log"));
    for (data, file) in [(&data, &file), (&home.path().join("other"), &other)] {
        let mut scrutin = AllInOne::start_with(data, [("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
        cast(&scrutin.vote_url(), "main", "a", None).await;
        assert!(scrutin.program.terminate().await.success());
        assert!(export(data, file).status.success());
    }
    let served = import_at_home(&data, &other);
    assert!(!served.status.success());
    assert!(text(&served.stderr).contains("has been served already"), "{}", text(&served.stderr));

    // An import that was interrupted goes on with the same file, and with no other.
    let (elsewhere, cut_off) = (home.path().join("elsewhere"), home.path().join("cut-off.log"));
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&cut_off, &whole[..whole.rfind("{\"end\"").unwrap()]).unwrap();
    assert!(!import_at_home(&elsewhere, &cut_off).status.success(), "it was cut off");
    assert!(import_at_home(&elsewhere, &file).status.success());
    let refused = import_at_home(&elsewhere, &other);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("holds something else already"), "{}", text(&refused.stderr));

    let running = AllInOne::start(&elsewhere).await;
    let in_use = import_at_home(&elsewhere, &file);
    assert!(!in_use.status.success());
    assert!(text(&in_use.stderr).contains("is in use by another process"), "{}", text(&in_use.stderr));
    drop(running);
}
