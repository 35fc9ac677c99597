//! A talk on a laptop works by the first line that the program prints: whatever it says is served, and the projector's
//! code leads to an address that phones reach, or the page says why there is none.

use listener::reach;
use reqwest::{Client, StatusCode};
use tempfile::TempDir;
use testkit::{
    browser::{Driver, Setup},
    programs::Program,
    wait,
};
use web::counterpart::host_of;

/// The addresses that the program printed for one of its pages.
fn printed(output: &str, name: &str) -> Vec<String> {
    let lines = output.lines().skip_while(|line| !line.trim_start().starts_with(name));
    let addresses = lines.map(|line| line.trim().trim_start_matches(name).trim().to_owned());
    let mut found: Vec<String> = Vec::new();
    for address in addresses {
        if !address.starts_with("http") || address.contains(' ') {
            break;
        }
        found.push(address);
    }
    found
}

async fn start(data: &TempDir, at: &str) -> (Program, Vec<String>, Vec<String>) {
    let own =
        [("VOTE_ADDR", at.to_owned()), ("RESULT_ADDR", at.to_owned()), ("DATA_DIR", data.path().display().to_string())];
    let program = Program::start("scrutin", &[], own);
    let output =
        wait::until("the greeting", || async { Some(program.output()).filter(|said| said.contains("Ctrl-C")) }).await;
    let (vote, result) = (printed(&output, "Vote"), printed(&output, "Results"));
    (program, vote, result)
}

/// The page without the entities that stand for slashes.
async fn page(url: &str) -> String {
    let answer = reqwest::get(url).await.expect("it is served");
    assert_eq!(answer.status(), StatusCode::OK, "{url}");
    answer.text().await.expect("a page").replace("&#x2f;", "/")
}

#[tokio::test]
async fn every_printed_address_is_served_and_the_code_leads_phones_there() {
    let data = TempDir::new().expect("a directory");
    let (_program, vote, result) = start(&data, "[::]:0").await;
    for url in vote.iter().chain(&result) {
        page(url).await;
    }
    let port: u16 = vote.last().and_then(|url| url.rsplit(':').next()?.parse().ok()).expect("a port");
    assert_eq!(vote.last(), Some(&format!("http://localhost:{port}")), "this machine's own name comes last");
    let networks = reach::addresses(port).unwrap_or_default();
    let expected: Vec<_> = networks.iter().map(|address| format!("http://{}:{port}", host_of(*address))).collect();
    assert_eq!(vote[..vote.len() - 1], expected, "all addresses, in their order");

    let result_port = result.last().and_then(|url| url.rsplit(':').next()).expect("a port");
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        // A system may have no IPv6.
        let url = format!("http://{host}:{result_port}");
        if Client::new().get(&url).send().await.is_err() && host == "[::1]" {
            continue;
        }
        let page = page(&url).await;
        match expected.first() {
            Some(address) => {
                assert!(page.contains("class=\"qr\""), "{url}: {page}");
                assert!(page.contains(&format!("<a href=\"{address}\">")), "{url}: {page}");
            }
            None => assert!(!page.contains("class=\"qr\"") && page.contains("is in no network"), "{url}: {page}"),
        }
    }
}

#[tokio::test]
async fn a_page_that_is_served_to_its_machine_alone_shows_no_code_and_says_so() {
    let data = TempDir::new().expect("a directory");
    let (program, vote, result) = start(&data, "127.0.0.1:0").await;
    assert!(program.output().contains("Only this computer is served (VOTE_ADDR)"), "{}", program.output());
    let page = page(&result[0]).await;
    assert!(!page.contains("class=\"qr\"") && page.contains("is served to this computer alone"), "{page}");
    assert!(page.contains(&format!("href=\"{}\"", vote[0])), "who sits there may still vote: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_who_came_by_an_address_of_ipv6_sees_the_live_result() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // This system has no IPv6.
        return;
    }
    let data = TempDir::new().expect("a directory");
    let (_program, vote, result) = start(&data, "[::1]:0").await;
    assert!(vote[0].starts_with("http://[::1]:"), "{vote:?}");
    let driver = Driver::start().await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&vote[0]).await;
    browser.click("button[value=a]").await;
    browser.find("section.live:not([hidden]) .share:not(:empty)").await;
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.goto(&result[0]).await;
    browser.find("[data-kind=live]").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
