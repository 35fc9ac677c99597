//! Every page in every state, brought about on the real services and looked at in a real browser. One list, in `list`,
//! `events`, `publication` and `outages`, serves the accessibility tests and the pictures of `scripts/screenshots`.

mod events;
mod list;
mod outages;
mod publication;
mod stage;

use testkit::browser::{Browser, Driver, Setup};

use outages::OUTAGES;
use stage::{Guessing, Stage};

/// What a person does, or waits for, on the way to a state.
enum Step {
    /// Opens an address.
    Goto(String),
    /// Clicks what a CSS selector finds.
    Click(&'static str),
    /// Clicks what a CSS selector finds, the button of a form, and waits for the page that answers.
    Submit(&'static str),
    /// Types into what a CSS selector finds.
    Type(&'static str, String),
    /// Waits until a CSS selector finds something.
    Find(&'static str),
    /// The organiser changes a poll meanwhile: `POST` to this address of the API.
    Organise(String),
    /// Runs a script in the page, which brings about what can't be waited for.
    Script(&'static str),
    /// Somebody at the same address begins to guess voting codes, and goes on until the state was looked at.
    Guess(String),
}

/// A page in a state.
struct State {
    name: &'static str,
    steps: Vec<Step>,
}

/// Takes the steps; what goes on beside the browser goes on until the answer is dropped.
async fn walk(browser: &Browser, steps: &[Step]) -> Vec<Guessing> {
    let mut guessing = Vec::new();
    for step in steps {
        match step {
            Step::Goto(url) => browser.goto(url).await,
            Step::Click(css) => browser.click(css).await,
            Step::Submit(css) => browser.submit(css).await,
            Step::Type(css, text) => {
                browser.find(css).await.clear().await.expect("a field can be emptied");
                browser.type_into(css, text).await;
            }
            Step::Find(css) => drop(browser.find(css).await),
            Step::Organise(url) => stage::organise(url, &serde_json::json!({})).await,
            Step::Script(script) => drop(browser.run(script).await),
            Step::Guess(url) => guessing.push(Guessing::begin(url).await),
        }
    }
    guessing
}

/// Brings every state about in a browser of each setup, and lets `look` look at it: the browser, how it is set up, and
/// the state's name.
pub(crate) async fn visit(setups: &[Setup], mut look: impl AsyncFnMut(&Browser, &Setup, &str)) {
    let mut stage = Stage::start().await;
    let driver = Driver::start().await;
    let mut browsers = Vec::new();
    for setup in setups {
        let browser = driver.open(*setup).await;
        for state in list::states(&stage) {
            walk(&browser, &state.steps).await;
            look(&browser, setup, state.name).await;
        }
        browsers.push(browser);
    }
    for outage in OUTAGES {
        // Whoever is on a page when something breaks down.
        for browser in &browsers {
            walk(browser, &outages::before(outage, &stage)).await;
        }
        stage.strike(outage).await;
        for (browser, setup) in browsers.iter().zip(setups) {
            for state in outages::after(outage, &stage) {
                walk(browser, &state.steps).await;
                look(browser, setup, state.name).await;
            }
        }
        stage.heal(outage).await;
    }
    for (browser, setup) in browsers.iter().zip(setups) {
        for state in list::last(&stage) {
            let _meanwhile = walk(browser, &state.steps).await;
            look(browser, setup, state.name).await;
        }
    }
}
