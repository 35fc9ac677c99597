//! A real browser: headless Chromium, driven over WebDriver.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    elements::Element,
    error::CmdError,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::wait;

/// The ChromeDriver of a test. It can open several browsers, each with its own cookies.
pub struct Driver {
    child: Child,
    url: String,
    home: TempDir,
}

/// The settings of a browser.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Whether pages may run scripts.
    pub javascript: bool,
    /// The value of `Accept-Language`.
    pub language: &'static str,
    /// Window width and height, in CSS pixels.
    pub size: (u32, u32),
    /// Whether it prefers dark pages.
    pub dark: bool,
}

/// A name that each browser takes for this machine. Unlike addresses of this machine, pages over `http://` from there
/// are not trusted: they have no SubtleCrypto, as in a room with a server of its own.
pub const PLAIN_HOST: &str = "hall.test";
/// A phone's window.
pub const PHONE: (u32, u32) = (390, 844);
/// A projector's window.
pub const PROJECTOR: (u32, u32) = (1920, 1080);

impl Default for Setup {
    fn default() -> Self {
        Self { javascript: true, language: "en", size: PHONE, dark: false }
    }
}

/// One browser.
pub struct Browser {
    client: Client,
}

impl Driver {
    /// Starts ChromeDriver.
    ///
    /// # Panics
    /// If Debian's packages chromium and chromium-driver are not installed.
    pub async fn start() -> Self {
        let home = TempDir::new().expect("a directory for the browsers");
        let log = home.path().join("chromedriver.log");
        let output = File::create(&log).expect("the log can be written");
        let child = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle on the log"))
            .stderr(output)
            .spawn()
            .expect("chromedriver starts (Debian packages: chromium, chromium-driver)");
        let port = wait::until("ChromeDriver to say its port", || async {
            let said = std::fs::read_to_string(&log).ok()?;
            let (_, rest) = said.split_once("started successfully on port ")?;
            rest.split_once('.').map(|(port, _)| port.to_owned())
        })
        .await;
        let url = format!("http://127.0.0.1:{port}");
        Self { child, url, home }
    }

    /// Opens a browser with an empty profile.
    ///
    /// # Panics
    /// If Chromium does not start.
    pub async fn open(&self, setup: Setup) -> Browser {
        let profile = tempfile::tempdir_in(self.home.path()).expect("a directory for the profile").keep();
        let (width, height) = setup.size;
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--no-first-run".into(),
            format!("--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"),
            "--hide-scrollbars".into(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.display()),
        ];
        let javascript = if setup.javascript { 1 } else { 2 };
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {
                    "intl.accept_languages": setup.language,
                    "profile.managed_default_content_settings.javascript": javascript,
                },
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is written as an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(Capabilities::from_iter(capabilities))
            .connect(&self.url)
            .await
            .expect("Chromium starts");
        let browser = Browser { client };
        browser
            .devtools(
                "Emulation.setDeviceMetricsOverride",
                json!({
                    "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
                }),
            )
            .await;
        let scheme = if setup.dark { "dark" } else { "light" };
        browser
            .devtools(
                "Emulation.setEmulatedMedia",
                json!({
                    "features": [{"name": "prefers-color-scheme", "value": scheme}],
                }),
            )
            .await;
        browser
    }
}

impl Browser {
    /// Opens a page and waits until it is loaded.
    ///
    /// # Panics
    /// If the browser fails. The other methods panic for the same reason.
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("the browser opens the page");
    }

    /// The first element that matches a CSS selector, as soon as there is one.
    ///
    /// # Panics
    /// If there is none after [`wait::DEADLINE`].
    pub async fn find(&self, css: &str) -> Element {
        wait::until(&format!("an element {css}"), || async { self.client.find(Locator::Css(css)).await.ok() }).await
    }

    /// Whether a CSS selector matches anything now.
    pub async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// Clicks the first element that matches a CSS selector, as soon as there is one.
    ///
    /// # Panics
    /// If it cannot be clicked before [`wait::DEADLINE`].
    pub async fn click(&self, css: &str) {
        wait::until(&format!("a click on {css}"), || async {
            let clicked = self.client.find(Locator::Css(css)).await.ok()?.click().await.ok();
            if clicked.is_none() {
                // It may be behind something that stays at the window's edge. A person scrolls then.
                self.run(&format!("document.querySelector({css:?})?.scrollIntoView({{block: 'center'}})")).await;
            }
            clicked
        })
        .await;
    }

    /// Clicks a form's button, and waits until the next page is loaded. Before that, a search could still find elements
    /// of the old page.
    ///
    /// # Panics
    /// If no other page has loaded before [`wait::DEADLINE`].
    pub async fn submit(&self, css: &str) {
        self.run("document.documentElement.dataset.submitted = ''").await;
        self.click(css).await;
        wait::until_true(&format!("another page after {css}"), || async {
            let loaded =
                "return document.readyState === 'complete' && !('submitted' in document.documentElement.dataset)";
            self.run(loaded).await == true
        })
        .await;
    }

    /// Types into the first element that matches a CSS selector.
    ///
    /// # Panics
    /// If it does not accept text.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.expect("the element takes text");
    }

    /// Waits until the visible text of the page contains `text`.
    ///
    /// # Panics
    /// If it does not before [`wait::DEADLINE`].
    pub async fn shows(&self, text: &str) {
        wait::until_true(&format!("{text:?} on the page"), || async { self.text().await.contains(text) }).await;
    }

    /// The visible text of the page; empty while the page loads.
    pub async fn text(&self) -> String {
        let Ok(body) = self.client.find(Locator::Css("body")).await else { return String::new() };
        body.text().await.unwrap_or_default()
    }

    /// Runs a script in the page and returns what it returns; `null` if it throws.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_default()
    }

    /// The browser's console messages of level `SEVERE` since the last call, including every violation of a
    /// Content-Security-Policy and every script error.
    ///
    /// # Panics
    /// If ChromeDriver does not return the log.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Endpoint { path: "se/log", body: json!({"type": "browser"}) }).await;
        let log = log.expect("ChromeDriver gives the console's log");
        let severe = log.as_array().into_iter().flatten().filter(|line| line["level"] == "SEVERE");
        severe.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A screenshot of the window, as PNG.
    ///
    /// # Panics
    /// If the browser fails.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("the browser takes a picture")
    }

    /// Sends a command of the DevTools protocol.
    ///
    /// # Panics
    /// If the browser refuses it.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        let answer = self.client.issue_cmd(Endpoint { path: "goog/cdp/execute", body }).await;
        answer.unwrap_or_else(|error: CmdError| panic!("{command}: {error}"))
    }

    /// The WebDriver client, for anything else.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // ChromeDriver ends most of its browsers when it stops. A remaining one would run for ever and slow down later
        // tests; its profile, in our directory, identifies it.
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        let _ = Command::new("pkill").args(["-KILL", "-f"]).arg(self.home.path()).status();
    }
}

/// A command specific to ChromeDriver, below the session.
#[derive(Debug)]
struct Endpoint {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Endpoint {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        let session = session_id.expect("a browser is open");
        base_url.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
