//! An event in slides: a frame in a page of a file, on the ground of the slide, which follows the event.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{PollSpec, PollState};
use scrutin_result::{Config, EmbedOrigin};
use serde_json::{Value, json};
use support::{App, config, spawn_app_with};
use testkit::{
    browser::{Browser, Driver, Setup},
    wait,
};

/// The ground of the slide.
const GREEN: [u8; 3] = [0, 128, 64];

async fn evening() -> App {
    let app = spawn_app_with(Config { embed_origins: vec![EmbedOrigin::Any], ..config() }).await;
    let spec = PollSpec { state: PollState::Waiting, ..PollSpec::simple("Tea?", ["Yes", "No"]) };
    app.ledger.create("tea", spec);
    app.ledger.create_event("evening", "The evening", &["tea"]);
    app
}

/// The colour of the window at a place.
async fn pixel(browser: &Browser, [x, y]: [u32; 2]) -> Value {
    let picture = padded_base64(&browser.screenshot().await);
    let script = format!(
        "const done = arguments[arguments.length - 1]; const image = new Image(); \
         image.onload = () => {{ const canvas = document.createElement('canvas'); \
           [canvas.width, canvas.height] = [image.width, image.height]; \
           const context = canvas.getContext('2d'); context.drawImage(image, 0, 0); \
           done([...context.getImageData({x}, {y}, 1, 1).data].slice(0, 3)); }}; \
         image.src = 'data:image/png;base64,{picture}';"
    );
    browser.client().execute_async(&script, Vec::new()).await.unwrap()
}

/// Base64 as data addresses have it, with padding.
fn padded_base64(bytes: &[u8]) -> String {
    let text = domain::encode_base64(&[bytes]).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

/// Opens a page in a file with a frame of this address; the browser is in the page.
async fn open_slide(driver: &Driver, address: &str, dark: bool) -> (tempfile::TempDir, Browser) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slide.html");
    let [red, green, blue] = GREEN;
    let slide = format!(
        "<!doctype html><title>Slide</title><body style=\"margin:0;background:rgb({red},{green},{blue})\">\
         <iframe src=\"{address}\" style=\"border:0;width:800px;height:600px\"></iframe>"
    );
    std::fs::write(&file, slide).unwrap();
    let browser = driver.open(Setup { size: (800, 600), dark, ..Setup::default() }).await;
    browser.goto(&format!("file://{}", file.display())).await;
    (directory, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slide_in_a_file_shows_the_event_on_its_own_ground_and_follows() {
    let (app, driver) = (evening().await, Driver::start().await);
    for (dark, theme) in [(false, ""), (true, ""), (false, "?theme=dark"), (true, "?theme=dark")] {
        let (_directory, browser) = open_slide(&driver, &app.url(&format!("/e/evening/embed{theme}")), dark).await;
        browser.find("iframe").await.enter_frame().await.unwrap();
        browser.find("[data-kind=live]").await;
        let ink = browser.run("return getComputedStyle(document.querySelector('h1')).color").await;
        let expected = if theme.is_empty() { "rgb(27, 31, 36)" } else { "rgb(238, 240, 242)" };
        assert_eq!(ink, expected, "the address names the theme, whatever the reader prefers");
        browser.client().clone().enter_parent_frame().await.unwrap();
        assert_eq!(pixel(&browser, [20, 300]).await, json!(GREEN), "dark: {dark}, {theme}");
    }
    let (_directory, browser) = open_slide(&driver, &app.url("/e/evening/embed"), false).await;
    browser.find("iframe").await.enter_frame().await.unwrap();
    browser.shows("The evening").await;
    app.ledger.press_next("evening");
    browser.shows("Tea?").await;
    app.ledger.vote("tea", 0);
    let voted = "return document.querySelector('[data-key=a] .count').textContent === '1'";
    wait::until_true("the vote", || async { browser.run(voted).await == json!(true) }).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
