//! Both pages below paths of one host, behind a real nginx that takes the path away or passes it on: an evening works
//! as it does at the root.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    address,
    all_in_one::AllInOne,
    browser::{Browser, Driver, PROJECTOR, Setup},
    programs::ORGANISER_TOKEN,
    wait,
};

/// What the proxy does with the path that a service is below.
#[derive(Clone, Copy)]
enum Passing {
    TakenAway,
    PassedOn,
}

/// nginx on one address before two services.
struct Proxy {
    process: Child,
    _directory: TempDir,
}

impl Proxy {
    async fn start(listen: SocketAddr, vote: &str, result: &str, path: Passing) -> Self {
        let directory = TempDir::new().expect("a directory for nginx");
        let slash = if matches!(path, Passing::TakenAway) { "/" } else { "" };
        let at = directory.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
            .concat();
        let configuration = format!(
            "daemon off; pid {at}/pid; error_log {at}/error.log; events {{}}
             http {{ access_log off; {temporary} proxy_http_version 1.1; proxy_set_header Host $http_host;
               map $http_upgrade $connection_header {{ default upgrade; '' ''; }}
               proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_header;
               server {{ listen {listen};
                 location /vote/ {{ proxy_pass {vote}{slash}; }}
                 location /result/ {{ proxy_pass {result}{slash}; }} }} }}"
        );
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, configuration).expect("the configuration is written");
        let process = spawn(&file, &directory.path().join("error.log"));
        let proxy = Self { process, _directory: directory };
        let url = format!("http://{listen}/");
        wait::until_true("nginx to answer", || async { reqwest::get(&url).await.is_ok() }).await;
        proxy
    }
}

fn spawn(file: &Path, log: &Path) -> Child {
    let mut command = Command::new("nginx");
    command.arg("-e").arg(log).arg("-c").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Debian has it where only root looks.
    let paths = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{paths}:/usr/sbin"));
    command.spawn().expect("nginx starts (Debian package: nginx-light)")
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // In order, so that its workers end with it.
        let _ = Command::new("kill").arg("-QUIT").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Every address on the page, and everything it has loaded or asked for, that is not below one of the two paths.
const STRAYED: &str = "\
    const written = [...document.querySelectorAll('[href], [src], form')] \
        .map(it => it.localName === 'form' ? it.action : it.href || it.src).filter(url => typeof url === 'string'); \
    const asked = performance.getEntriesByType('resource').map(({name}) => name); \
    const ours = ['/vote/', '/result/'].map(path => location.origin + path); \
    return [...new Set([...written, ...asked])].filter(url => !ours.some(base => url.startsWith(base)))";

async fn stays_below(browser: &Browser, what: &str) {
    assert_eq!(browser.run(STRAYED).await, json!([]), "{what}");
    assert_eq!(browser.complaints().await, [""; 0], "{what}");
}

async fn address(browser: &Browser) -> String {
    browser.run("return location.href").await.as_str().expect("a page is open").to_owned()
}

async fn evening(path: Passing) {
    let (data, listen) = (TempDir::new().expect("a directory"), address::free());
    let (vote, result) = (format!("http://{listen}/vote"), format!("http://{listen}/result"));
    let settings = [("VOTE_URL", vote.as_str()), ("RESULT_URL", &result), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
    let scrutin = AllInOne::start_with(data.path(), settings).await;
    let _proxy = Proxy::start(listen, &scrutin.vote_url(), &scrutin.result_url(), path).await;
    assert!(scrutin.program.output().contains(&format!("Vote      {vote}")), "the greeting leads there");
    let driver = Driver::start().await;

    let organiser = driver.open(Setup { size: (1280, 1000), ..Setup::default() }).await;
    organiser.goto(&format!("{vote}/organise/main")).await;
    organiser.find("#token").await;
    stays_below(&organiser, "the sign-in").await;
    organiser.type_into("#token", ORGANISER_TOKEN).await;
    organiser.submit("main form button").await;
    assert_eq!(address(&organiser).await, format!("{vote}/organise/main"), "it leads on");
    organiser.goto(&format!("{vote}/organise")).await;
    organiser.type_into("#question", "What is for lunch?").await;
    organiser.type_into("#options", "Soup\nSalad").await;
    organiser.type_into("#id", "lunch").await;
    organiser.submit("form.stack button").await;
    assert_eq!(address(&organiser).await, format!("{vote}/organise/lunch"));
    organiser.find("#voters:not(:empty)").await;
    organiser.find("#accepted:not(:empty)").await;
    stays_below(&organiser, "the organiser's page").await;
    let embed = organiser.run("return document.getElementById('embed-code').value").await;
    assert!(embed.as_str().is_some_and(|code| code.contains(&format!("\"{result}/p/lunch/embed\""))), "{embed}");

    let screen = driver.open(Setup { size: PROJECTOR, ..Setup::default() }).await;
    screen.goto(&format!("{result}/p/lunch")).await;
    screen.find("[data-kind=live]").await;
    let join = screen.run("return document.querySelector('.join p a').href").await;
    assert_eq!(join, json!(format!("{vote}/p/lunch")));
    screen.click(".enlarge").await;
    screen.find("#join-large:not([hidden]) .qr").await;
    stays_below(&screen, "the screen").await;

    let voter = driver.open(Setup::default()).await;
    voter.goto(join.as_str().expect("an address")).await;
    voter.click("button[value=b]").await;
    voter.find(".recorded").await;
    voter.find("section.live:not([hidden]) .share:not(:empty)").await;
    stays_below(&voter, "the voting page").await;
    screen.shows("100%").await;
    voter.click("footer a[hreflang=fr]").await;
    voter.shows("enregistré").await;
    assert_eq!(address(&voter).await, format!("{vote}/p/lunch"), "in the other language");
    voter.click(".recorded a").await;
    voter.find(".note.good, .note").await;
    assert!(address(&voter).await.starts_with(&format!("{result}/p/lunch/receipts/")));
    stays_below(&voter, "the receipt").await;

    organiser.submit("form[action$='/close'] button").await;
    screen.shows("Voting is closed").await;
    organiser.click("ul.links a[href$='tally.json']").await;
    runs_an_event(&organiser, &vote).await;
    organiser.goto(&format!("{vote}/api")).await;
    organiser.find("#operations summary").await;
    stays_below(&organiser, "the page of the API").await;
    for (host, path) in [(&vote, "/api/openapi.json"), (&result, "/api/openapi.json")] {
        let described: Value =
            reqwest::get(format!("{host}{path}")).await.expect("an answer").json().await.expect("JSON");
        assert_eq!(described["servers"][0]["url"], json!(host));
    }
    organiser.goto(&format!("{vote}/organise")).await;
    organiser.submit("form[action$='/sign-out'] button").await;
    assert_eq!(address(&organiser).await, format!("{vote}/organise/sign-in"));

    let without_scripts = driver.open(Setup { javascript: false, ..Setup::default() }).await;
    without_scripts.goto(&format!("{result}/p/lunch")).await;
    follow(&without_scripts, ".enlarge", &format!("{result}/p/lunch/join")).await;
}

/// Makes an event of the poll `lunch`, and opens it with the large button.
async fn runs_an_event(organiser: &Browser, vote: &str) {
    organiser.goto(&format!("{vote}/events")).await;
    organiser.type_into("#title", "The day").await;
    organiser.type_into("#id", "day").await;
    organiser.click("input[value=lunch]").await;
    organiser.submit("form[action$='/events'] button").await;
    assert_eq!(address(organiser).await, format!("{vote}/events/day"));
    stays_below(organiser, "the event").await;
    follow(organiser, ".actions a.button", &format!("{vote}/events/day/run")).await;
    organiser.click("#go").await;
    organiser.shows("Close question 1").await;
    organiser.find("#voters:not(:empty)").await;
    stays_below(organiser, "the run page").await;
}

/// Follows a link, and waits for the page behind it.
async fn follow(browser: &Browser, css: &str, url: &str) {
    browser.click(css).await;
    wait::until_true(&format!("the page {url}"), || async {
        browser.client().current_url().await.is_ok_and(|at| at.as_str() == url)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_works_below_paths_that_the_proxy_takes_away() {
    evening(Passing::TakenAway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_works_below_paths_that_the_proxy_passes_on() {
    evening(Passing::PassedOn).await;
}
