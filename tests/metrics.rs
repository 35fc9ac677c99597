//! The list of metrics is what the code names, what the programs serve, and what the operator reads.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use program::metric_list::METRICS;
use testkit::{
    address,
    postgres_server::TestDatabase,
    programs::{self, Program, Services},
    redis_server::RedisServer,
    wait,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files of all programs and libraries, but for tests.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["target", "tests", "fuzz", "bench", ".git", "testkit"].contains(&name) {
                sources(&path, found);
            }
        } else if path.extension() == Some("rs".as_ref()) && name != "tests.rs" && name != "metric_list.rs" {
            found.push(path);
        }
    }
}

/// Texts in quotes.
fn texts(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').skip(1).step_by(2)
}

#[test]
fn every_metric_in_the_code_is_listed_and_every_listed_one_is_in_the_code() {
    let (mut files, mut named) = (Vec::new(), BTreeSet::new());
    sources(root(), &mut files);
    for file in files {
        let code = fs::read_to_string(&file).unwrap();
        for line in code.lines() {
            let name = |text: &str| {
                text.starts_with("scrutin_") && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            };
            named.extend(texts(line).filter(|text| name(text)).map(str::to_owned));
            for call in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
                for (at, _) in line.match_indices(call) {
                    assert!(line[at + call.len()..].starts_with("scrutin_"), "{}: {line}", file.display());
                }
            }
        }
    }
    // The channel of PostgreSQL's notifications.
    named.remove("scrutin_moved");
    let listed: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(named, listed);
    assert!(METRICS.is_sorted_by_key(|metric| metric.name), "by name");
}

#[test]
fn the_table_of_metrics_in_the_operations_page_is_the_list() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `scrutin_")).collect();
    let row = |metric: &program::metric_list::Metric| {
        let (name, kind, unit, help) = (metric.name, metric.kind.word(), metric.unit, metric.help);
        format!("| `{name}` | {kind} | {unit} | {help} |")
    };
    assert_eq!(rows, METRICS.iter().map(row).collect::<Vec<_>>());
}

/// The metrics at an operator's address, by name, with their type as it is served.
async fn served(admin: std::net::SocketAddr) -> BTreeMap<String, String> {
    let text = reqwest::get(format!("http://{admin}/metrics")).await.unwrap().text().await.unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: BTreeMap<_, _> = types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    for (name, kind) in &types {
        let buckets = format!("\n{name}_bucket{{");
        assert_eq!(kind == "histogram", text.contains(&buckets), "{name} is a {kind}");
    }
    types
}

fn assert_listed(served: &BTreeMap<String, String>) {
    for (name, kind) in served {
        let listed = METRICS.iter().find(|metric| metric.name == name);
        assert_eq!(listed.map(|metric| metric.kind.word()), Some(kind.as_str()), "{name}");
    }
}

async fn vote(url: &str) {
    let ballot = serde_json::json!({ "choices": ["a"] });
    let answer = reqwest::Client::new().post(format!("{url}/api/polls/main/ballots")).json(&ballot).send().await;
    assert_eq!(answer.unwrap().status(), 201);
}

#[tokio::test]
async fn what_the_services_serve_is_listed_with_its_type() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    vote(&services.vote.url()).await;
    wait::until_true("the ballot is counted", || async {
        services.worker.metric("scrutin_worker_ballots_total").await > 0.0
    })
    .await;
    reqwest::get(format!("{}/p/main", services.result.url())).await.unwrap();
    let mut all = BTreeMap::new();
    for service in [&services.vote, &services.worker, &services.result] {
        all.extend(served(service.admin).await);
    }
    assert_listed(&all);
    assert!(all.len() >= 20, "{all:?}");
}

#[tokio::test]
async fn what_the_all_in_one_serves_is_listed_with_its_type() {
    let data = tempfile::tempdir().unwrap();
    let (vote_addr, result_addr, admin) = (address::free(), address::free(), address::free());
    let environment = [
        ("DATA_DIR", data.path().display().to_string()),
        ("VOTE_ADDR", vote_addr.to_string()),
        ("RESULT_ADDR", result_addr.to_string()),
        ("ADMIN_ADDR", admin.to_string()),
    ];
    let _program = Program::start("scrutin", &[], environment);
    programs::ready(admin).await;
    vote(&format!("http://{vote_addr}")).await;
    let lag = "scrutin_ledger_lag_seconds".to_owned();
    wait::until_true("the ballot is counted", || async {
        let all = served(admin).await;
        all.contains_key("scrutin_ledger_ballots_total") && all.contains_key(&lag)
    })
    .await;
    assert_listed(&served(admin).await);
}
