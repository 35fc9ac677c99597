//! Widths, spacing and zoom.

use serde_json::json;
use testkit::browser::{Browser, Setup};

/// The widths at which nothing may stick out, beside the one that the browser has. 320 pixels are a window of 1280 at a
/// zoom of 400 % (WCAG 1.4.10).
const WIDTHS: [u32; 2] = [320, 3840];
/// The zoom at which all text is at least twice as large as without: the largest that browsers have. The text of
/// projectors grows with the window too, so it is not 2.
const ZOOM: u32 = 5;

async fn resize(browser: &Browser, width: u32, height: u32, zoom: u32) {
    let metrics = json!({"width": width, "height": height, "deviceScaleFactor": zoom, "mobile": false});
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
}

async fn strings(browser: &Browser, script: &str) -> Vec<String> {
    serde_json::from_value(browser.run(script).await).expect("texts")
}

/// The first thing that is wider than the screen, if anything is.
async fn sticks_out(browser: &Browser) -> Option<String> {
    let script = "const {scrollWidth} = document.documentElement; if (scrollWidth <= innerWidth) return null; \
        const wide = [...document.querySelectorAll('main *')] \
          .find(it => it.getBoundingClientRect().right > innerWidth); \
        return scrollWidth + ' wide: ' + wide?.outerHTML.slice(0, 200);";
    browser.run(script).await.as_str().map(str::to_owned)
}

/// The widths at which something is wider than the screen, and what.
pub(crate) async fn too_wide(browser: &Browser, setup: &Setup) -> Vec<String> {
    let mut found = Vec::new();
    let (own, height) = setup.size;
    for width in [own, WIDTHS[0], WIDTHS[1]] {
        resize(browser, width, height, 1).await;
        found.extend(sticks_out(browser).await.map(|what| format!("at {width}: {what}")));
    }
    resize(browser, own, height, 1).await;
    found
}

/// The controls whose text is wider than they are.
pub(crate) async fn cut(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('button, .button, summary, label, .languages > *')] \
        .filter(it => it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1).map(it => it.textContent)";
    strings(browser, script).await
}

/// The texts that are lost, or stick out, once people space them as WCAG 1.4.12 has it. What is shortened by intent
/// ends with an ellipsis, and has its whole text elsewhere.
pub(crate) async fn spaced(browser: &Browser) -> Vec<String> {
    let script = "const hidden = () => [...document.querySelectorAll('body *')].filter(it => { \
          const {overflowX, overflowY, clipPath, textOverflow, webkitLineClamp} = getComputedStyle(it); \
          if (!it.clientWidth || !it.textContent.trim() || clipPath !== 'none' || it.closest('.visually-hidden') || \
            textOverflow === 'ellipsis' || webkitLineClamp !== 'none') return false; \
          return overflowX !== 'visible' && it.scrollWidth > it.clientWidth + 1 || \
            overflowY !== 'visible' && overflowY !== 'auto' && it.scrollHeight > it.clientHeight + 1; }); \
        const before = new Set(hidden()); \
        const spacing = new CSSStyleSheet(); \
        spacing.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; \
          word-spacing: 0.16em !important } p { margin-bottom: 2em !important }'); \
        const sheets = document.adoptedStyleSheets; \
        document.adoptedStyleSheets = [...sheets, spacing]; \
        const applied = Math.abs(parseFloat(getComputedStyle(document.body).letterSpacing) - \
          0.12 * parseFloat(getComputedStyle(document.body).fontSize)) < 0.01; \
        const lost = hidden().filter(it => !before.has(it)).map(it => it.outerHTML.slice(0, 200)); \
        const {scrollWidth} = document.documentElement; \
        const wide = [...document.querySelectorAll('body *')] \
          .filter(it => it.getBoundingClientRect().right > innerWidth).pop(); \
        if (scrollWidth > innerWidth) lost.push(scrollWidth + ' wide: ' + (wide && wide.outerHTML.slice(0, 200))); \
        document.adoptedStyleSheets = sheets; \
        return applied ? lost : ['the spacing was not applied'];";
    strings(browser, script).await
}

/// The texts that are not twice as large at the largest zoom (WCAG 1.4.4).
pub(crate) async fn too_small_when_zoomed(browser: &Browser, setup: &Setup) -> Vec<String> {
    let (width, height) = setup.size;
    let measure = "const texts = [...document.querySelectorAll('body *')].filter(it => it.clientWidth && \
          [...it.childNodes].some(node => node.nodeType === 3 && node.data.trim())); \
        for (const it of texts) { const size = parseFloat(getComputedStyle(it).fontSize);";
    browser.run(&format!("{measure} it.sizeBefore = size; }}")).await;
    resize(browser, width / ZOOM, height / ZOOM, ZOOM).await;
    let script = format!(
        "const small = []; {measure} \
           if (it.sizeBefore && size * {ZOOM} < 1.99 * it.sizeBefore) {{ \
             small.push(it.sizeBefore + ' and ' + size * {ZOOM} + ': ' + it.outerHTML.slice(0, 120)); }} }} \
         if (!texts.some(it => it.sizeBefore)) small.push('nothing was measured'); return small;"
    );
    let small = strings(browser, &script).await;
    let wide = sticks_out(browser).await;
    resize(browser, width, height, 1).await;
    small.into_iter().chain(wide).map(|what| format!("zoomed: {what}")).collect()
}
