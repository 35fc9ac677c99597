//! Who may watch when many want to: handshakes do not count, no address has all, the projector is admitted.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

mod support;

use domain::PollId;
use futures_util::{SinkExt, StreamExt, future::join_all};
use http::{StatusCode, header};
use listener::TrustedProxies;
use scrutin_result::Config;
use serde_json::Value;
use testkit::wait;
use tokio_tungstenite::{connect_async, tungstenite::Message};
use web::signed_link::{self, Purpose};

use support::{
    App, config, links, spawn_app_with,
    viewers::{PollingViewer, Viewer},
};

async fn spawn(max_viewers: usize) -> App {
    let trusted_proxies = TrustedProxies { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], trusted_hops: 1 };
    spawn_app_with(Config { max_viewers, trusted_proxies, ..config() }).await
}

/// A polling handshake from this address: its status.
async fn handshake(app: &App, address: &str) -> StatusCode {
    let request = app.http.get(app.url("/socket.io/?EIO=4&transport=polling")).header("x-forwarded-for", address);
    // What it claims to become changes nothing.
    request.header("connection", "upgrade").header("upgrade", "websocket").send().await.unwrap().status()
}

async fn viewer(app: &App, address: &str) -> Option<Viewer> {
    Viewer::connect(app.addr, "", &[("x-forwarded-for", address)]).await.ok()
}

#[tokio::test]
async fn handshakes_do_not_count_as_viewers() {
    let app = spawn(8).await;
    let statuses = join_all((0..60).map(|_| handshake(&app, "192.0.2.1"))).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    let mut viewers = Vec::new();
    for _ in 0..6 {
        viewers.push(viewer(&app, "192.0.2.1").await.expect("to be admitted"));
    }
}

#[tokio::test]
async fn handshakes_are_limited_and_websockets_still_connect() {
    let app = spawn(8).await;
    let statuses = join_all((0..200).map(|_| handshake(&app, "192.0.2.1"))).await;
    assert!(statuses.contains(&StatusCode::SERVICE_UNAVAILABLE), "200 of them");
    assert!(viewer(&app, "192.0.2.1").await.is_some());
    wait::until_true("the handshakes to be forgotten", async || handshake(&app, "192.0.2.1").await == StatusCode::OK)
        .await;
}

#[tokio::test]
async fn long_polling_leaves_room_for_websockets() {
    let app = spawn(40).await;
    let mut polling = Vec::new();
    for _ in 0..8 {
        polling.push(PollingViewer::connect(app.addr).await);
    }
    assert_eq!(handshake(&app, "127.0.0.1").await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(viewer(&app, "127.0.0.1").await.is_some());
}

#[tokio::test]
async fn long_polling_that_became_a_websocket_counts_as_one() {
    let app = spawn(40).await;
    let mut upgraded = Vec::new();
    for _ in 0..16 {
        let polling = PollingViewer::connect(app.addr).await;
        let url = polling.url().replace("http://", "ws://").replace("transport=polling", "transport=websocket");
        let (mut socket, _) = connect_async(url).await.unwrap();
        socket.send(Message::text("2probe")).await.unwrap();
        loop {
            if socket.next().await.unwrap().unwrap() == Message::text("3probe") {
                break;
            }
        }
        socket.send(Message::text("5")).await.unwrap();
        // The first packet that comes this way says that the upgrade is done.
        socket.send(Message::text("42[\"subscribe\",1]")).await.unwrap();
        while !matches!(socket.next().await.unwrap().unwrap(), Message::Text(text) if text.contains("To subscribe")) {}
        upgraded.push(socket);
    }
}

#[tokio::test]
async fn one_address_leaves_the_last_quarter_to_others() {
    let app = spawn(8).await;
    let mut viewers = Vec::new();
    for _ in 0..6 {
        viewers.push(viewer(&app, "192.0.2.1").await.expect("a hall may be alone"));
    }
    assert!(viewer(&app, "192.0.2.1").await.is_none());
    for _ in 0..2 {
        viewers.push(viewer(&app, "192.0.2.2").await.expect("a place for somebody else"));
    }
    assert!(viewer(&app, "192.0.2.3").await.is_none());
    viewers.remove(7);
    wait::until_true("a place to be free", async || viewer(&app, "192.0.2.3").await.is_some()).await;
}

#[tokio::test]
async fn the_organisers_projector_is_admitted_beyond_the_limit() {
    let app = spawn(1).await;
    let _first = viewer(&app, "192.0.2.1").await.unwrap();
    assert!(viewer(&app, "192.0.2.1").await.is_none());
    let now = program::now_millis();
    let ticket = signed_link::ticket(&links(), PollId::MAIN, Purpose::Projector, now);
    let welcome = app.get(&format!("/?ticket={ticket}")).await;
    assert_eq!(
        (welcome.status(), &welcome.headers()[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/".parse().unwrap())
    );
    let cookie = welcome.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let _projector = Viewer::connect(app.addr, "", &[("cookie", &cookie)]).await.expect("the projector's place");

    let other = signed_link::ticket(&links(), PollId::MAIN, Purpose::Figures, now);
    let old = signed_link::until(&links(), PollId::MAIN, Purpose::Projector, now - 1);
    for ticket in [other, old, "x".to_owned()] {
        let page = app.get(&format!("/?ticket={ticket}")).await;
        assert_eq!((page.status(), page.headers().get(header::SET_COOKIE)), (StatusCode::OK, None));
        assert!(Viewer::open(app.addr, "", &[("cookie", &format!("projector={ticket}"))]).await.is_err());
    }
}

#[tokio::test]
async fn an_image_on_a_foreign_page_is_refused() {
    let app = spawn(8).await;
    let from = async |site: &str| {
        let request = app.http.get(app.url("/socket.io/?EIO=4&transport=polling")).header("sec-fetch-site", site);
        request.send().await.unwrap()
    };
    let refused = from("cross-site").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "origin-not-allowed");
    for ours in ["same-origin", "same-site", "none"] {
        assert_eq!(from(ours).await.status(), StatusCode::OK, "{ours}");
    }
    let slides = app.http.get(app.url("/socket.io/?EIO=4&transport=polling"));
    let slides = slides.header("sec-fetch-site", "cross-site").header("origin", "https://slides.example.com");
    assert_eq!(slides.send().await.unwrap().status(), StatusCode::OK, "a page that the operator allows");
}
