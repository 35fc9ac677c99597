//! A voting service on a free port, with a log in memory, and what voters and organisers do.

#[expect(dead_code, reason = "unit tests use the rest")]
mod memory_ballot_box;

use std::{net::SocketAddr, sync::Arc};

use domain::{Partitions, Poll, PollId, PollSpec, Secret};
use http::{HeaderMap, StatusCode};
pub(crate) use memory_ballot_box::{MemoryBallotBox, Mishap};
use reqwest::{Client, RequestBuilder, redirect};
use scrutin_vote::Config;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use web::counterpart::Counterpart;

pub(crate) const TOKEN: &str = "the-organisers-token";

/// The configuration of most tests.
pub(crate) fn config() -> Config {
    Config {
        secret: Secret::parse("0123456789abcdef0123456789abcdef").unwrap(),
        partitions: Partitions::ONE,
        organiser_token: Some(TOKEN.to_owned().into()),
        result: Counterpart::Port(8081),
        vote_url: None,
        trusted_proxies: listener::TrustedProxies::default(),
        instance: "instance-7".into(),
    }
}

/// A running service. It ends with the test.
pub(crate) struct TestApp {
    pub(crate) addr: SocketAddr,
    pub(crate) ballots: Arc<MemoryBallotBox>,
    pub(crate) config: Config,
}

pub(crate) async fn spawn_app() -> TestApp {
    spawn_with(config()).await
}

/// Serves the default poll "Cats or Dogs?".
pub(crate) async fn spawn_with(config: Config) -> TestApp {
    let app = spawn_before(Arc::default(), config).await;
    app.poll("main", PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]));
    app
}

/// Serves what is in this ballot box; several services may.
pub(crate) async fn spawn_before(ballots: Arc<MemoryBallotBox>, config: Config) -> TestApp {
    let listener = listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = scrutin_vote::router(config.clone(), ballots.clone());
    let connections = listener::Connections::new(listener::Limits::default(), config.trusted_proxies.clone());
    let never = CancellationToken::new();
    tokio::spawn(async move { listener::serve(listener, router, &connections, never).await.unwrap() });
    TestApp { addr, ballots, config }
}

impl TestApp {
    /// Puts a poll into the ballot box.
    pub(crate) fn poll(&self, id: &str, spec: PollSpec) -> Poll {
        let poll = Poll::new(PollId::parse(id).unwrap(), spec).unwrap();
        self.ballots.put(poll.clone());
        poll
    }

    /// Sends these bytes, which no HTTP client would, and returns the answer.
    pub(crate) async fn raw(&self, request: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same, and then closes its side of the connection.
    pub(crate) async fn raw_to_the_end(&self, request: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A browser that speaks this language, keeps cookies and follows nothing by itself.
    pub(crate) fn browser_in(&self, language: &str) -> Browser {
        let mut headers = HeaderMap::new();
        headers.insert("accept", "text/html,application/xhtml+xml".parse().unwrap());
        headers.insert("accept-language", language.parse().unwrap());
        let client = Client::builder().cookie_store(true).redirect(redirect::Policy::none()).default_headers(headers);
        Browser { client: client.build().unwrap(), base: format!("http://{}", self.addr) }
    }

    pub(crate) fn browser(&self) -> Browser {
        self.browser_in("en")
    }

    /// A browser that keeps no cookies.
    pub(crate) fn forgetful_browser(&self) -> Browser {
        let mut headers = HeaderMap::new();
        headers.insert("accept", "text/html,application/xhtml+xml".parse().unwrap());
        let client = Client::builder().redirect(redirect::Policy::none()).default_headers(headers);
        Browser { client: client.build().unwrap(), base: format!("http://{}", self.addr) }
    }

    /// A program without cookies.
    pub(crate) fn program(&self) -> Browser {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Browser { client, base: format!("http://{}", self.addr) }
    }

    /// A browser in which the organiser is signed in.
    pub(crate) async fn organiser_browser(&self) -> Browser {
        let browser = self.browser();
        let signed_in = browser.post_form("/organise/sign-in", &format!("token={TOKEN}")).await;
        assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{}", signed_in.text);
        browser
    }

    /// A poll with voting codes, and its first `count` codes.
    pub(crate) async fn poll_with_codes(&self, id: &str, changes: bool, count: u16) -> Vec<String> {
        let mut spec = PollSpec::simple("Tea?", ["Yes", "No"]);
        spec.access = domain::Access::Codes;
        spec.votes_can_change = changes;
        self.poll(id, spec);
        let listed = self.organiser("GET", &format!("/api/polls/{id}/codes?count={count}"), None).await.json();
        let codes = listed["codes"].as_array().unwrap().iter();
        codes.map(|code| code["code"].as_str().unwrap().to_owned()).collect()
    }

    /// One request with the organiser's token.
    pub(crate) async fn organiser(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = self.program().request(method, path).bearer_auth(TOKEN);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        answer(request).await
    }
}

/// A client.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) client: Client,
    base: String,
}

impl Browser {
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    /// Posts a form, as a browser sends it from a page of this site.
    pub(crate) async fn post_form(&self, path: &str, form: &str) -> Answer {
        answer(self.form(path, form).header("origin", &self.base)).await
    }

    pub(crate) fn form(&self, path: &str, form: &str) -> RequestBuilder {
        let request = self.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned())
    }

    /// Votes with the form, follows the redirect, and returns that page.
    pub(crate) async fn vote(&self, path: &str, form: &str) -> Answer {
        let posted = self.post_form(path, form).await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER, "{}", posted.text);
        self.get(posted.header("location")).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Answer {
        answer(self.request("POST", path).header("content-type", "application/json").body(body.to_owned())).await
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.headers)).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The `Set-Cookie` line of the cookie with this purpose, whatever prefix and mark its name has.
    pub(crate) fn set_cookie(&self, what: &str) -> Option<&str> {
        let mut lines = self.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let begins = |line: &&str| line.strip_prefix("__Host-").unwrap_or(line).starts_with(&format!("{what}-"));
        lines.find(begins)
    }

    /// This cookie as it is sent back: name and value.
    pub(crate) fn pair(&self, what: &str) -> String {
        let line = self.set_cookie(what).unwrap_or_else(|| panic!("{what} is not set: {:?}", self.headers));
        line.split(';').next().unwrap().to_owned()
    }

    /// The value of this cookie, as it is set.
    pub(crate) fn cookie(&self, what: &str) -> String {
        self.pair(what).split_once('=').unwrap().1.to_owned()
    }

    /// Asserts that a page has this text, whatever white space and tags are between the words.
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.words().contains(words), "{words:?} is not in: {}", self.words());
        self
    }

    pub(crate) fn does_not_say(&self, words: &str) -> &Self {
        assert!(!self.words().contains(words), "{words:?} is in: {}", self.words());
        self
    }

    /// The text of the page without its tags.
    fn words(&self) -> String {
        let mut words = String::new();
        let mut in_tag = false;
        for letter in self.text.replace("&#x2f;", "/").chars() {
            match letter {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    words.push(' ');
                }
                letter if !in_tag => words.push(letter),
                _ => {}
            }
        }
        words.split([' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The address of the first link that holds this text.
    pub(crate) fn link_with(&self, part: &str) -> String {
        let page = self.text.replace("&#x2f;", "/");
        let mut links = page.split("<a href=\"").skip(1);
        let link = links.find(|link| link.split('>').next().is_some_and(|tag| tag.contains(part)));
        link.unwrap_or_else(|| panic!("no link with {part}: {page}")).split('"').next().unwrap().to_owned()
    }

    /// Asserts an RFC 9457 problem with this status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        self
    }
}
