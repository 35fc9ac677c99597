//! Pictures of every page in every state, for people to look at: `scripts/screenshots`.

mod states;

use std::{env, fs, path::PathBuf, process::Command};

use serde_json::{Value, json};
use testkit::browser::{Browser, PHONE, PROJECTOR, Setup};

/// The sheet of voting codes, which is printed once.
const SHEET: &str = "organise-codes.phone.light.en";

/// Light and dark in English; and German once in each size, since its words are the longest.
fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for size in [PHONE, PROJECTOR] {
        for (dark, language) in [(false, "en"), (true, "en"), (size == PROJECTOR, "de")] {
            setups.push(Setup { size, dark, language, ..Setup::default() });
        }
    }
    setups
}

fn file_name(setup: &Setup, state: &str) -> String {
    let size = if setup.size == PHONE { "phone" } else { "wide" };
    let theme = if setup.dark { "dark" } else { "light" };
    format!("{state}.{size}.{theme}.{}", setup.language)
}

/// All of a page that is longer than the window, as PNG.
async fn whole(browser: &Browser, setup: &Setup) -> Option<Vec<u8>> {
    let height = browser.run("return document.documentElement.scrollHeight").await.as_u64()?;
    if height <= u64::from(setup.size.1) {
        return None;
    }
    let clip = json!({"x": 0, "y": 0, "width": setup.size.0, "height": height.min(6_000), "scale": 1});
    let parameters = json!({"captureBeyondViewport": true, "clip": clip});
    Some(decoded(&browser.devtools("Page.captureScreenshot", parameters).await))
}

/// What DevTools give as Base64.
fn decoded(answer: &Value) -> Vec<u8> {
    let data = answer["data"].as_str().expect("DevTools give a picture");
    base64::Engine::decode(&base64::prelude::BASE64_STANDARD, data).expect("DevTools write Base64")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at: scripts/screenshots"]
async fn every_state_in_pictures() {
    let directory = env::var("SCREENSHOTS").unwrap_or_else(|_| "target/screenshots".into());
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory);
    fs::create_dir_all(&directory).expect("the directory can be made");
    states::visit(&setups(), async |browser, setup, state| {
        let name = file_name(setup, state);
        // Where a bar is on its way, the picture is of where it goes.
        browser.run("for (const animation of document.getAnimations()) animation.finish()").await;
        let write = |ending: &str, bytes: &[u8]| {
            fs::write(directory.join(format!("{name}{ending}")), bytes).expect("a file can be written");
        };
        write(".png", &browser.screenshot().await);
        if let Some(picture) = whole(browser, setup).await {
            write(".whole.png", &picture);
        }
        // The sheet is made for paper.
        if name == SHEET {
            let paper = json!({"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": true});
            write(".print.pdf", &decoded(&browser.devtools("Page.printToPDF", paper).await));
        }
    })
    .await;
    // Poppler shows the pages as pictures, where it is installed.
    let pdf = directory.join(format!("{SHEET}.print.pdf"));
    let _ = Command::new("pdftoppm").args(["-png", "-r", "100"]).arg(&pdf).arg(pdf.with_extension("")).status();
}
