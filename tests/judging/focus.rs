//! What has the focus is seen, and is marked.

use serde_json::json;
use testkit::browser::Browser;

/// What the tab key comes to, forwards and backwards, and is then wholly behind something else (WCAG 2.4.11) or not
/// marked (2.4.7). Where a label belongs to it, the label is what is seen and marked.
pub(crate) async fn unseen_focus(browser: &Browser) -> Vec<String> {
    // The mark is for the keyboard only, so the browser must have heard of one.
    for kind in ["rawKeyDown", "keyUp"] {
        let key = json!({"type": kind, "key": "Shift", "code": "ShiftLeft", "windowsVirtualKeyCode": 16});
        browser.devtools("Input.dispatchKeyEvent", key).await;
    }
    let script = "const before = document.activeElement, at = [scrollX, scrollY], found = new Set(); \
        const within = document.querySelector('[aria-modal=true]:not([hidden])') || document; \
        const all = [...within.querySelectorAll('a[href], button, input, select, textarea, summary, \
          [tabindex=\"0\"]')].filter(it => !it.disabled && it.type !== 'hidden' && it.getClientRects().length > 0 && \
            it.checkVisibility({visibilityProperty: true})); \
        const seen = (it) => { \
          const {left, top, right, bottom} = it.getBoundingClientRect(); \
          const xs = [left + 2, (left + right) / 2, right - 2], ys = [top + 2, (top + bottom) / 2, bottom - 2]; \
          return xs.some(x => ys.some(y => { \
            const front = document.elementFromPoint(x, y); \
            return front && (it.contains(front) || front.contains(it)); })); }; \
        const marked = (it) => [it, it.closest('label')].some(it => it && \
          getComputedStyle(it).outlineStyle !== 'none' && parseFloat(getComputedStyle(it).outlineWidth) > 1); \
        for (const order of [all, [...all].reverse()]) { \
          scrollTo(0, order === all ? 0 : document.documentElement.scrollHeight); \
          for (const it of order) { \
            document.activeElement.blur(); \
            it.focus(); \
            if (document.activeElement !== it) { found.add('not focused: ' + it.outerHTML.slice(0, 200)); continue; } \
            if (!seen(it.closest('label') || it)) found.add('behind something: ' + it.outerHTML.slice(0, 200)); \
            if (!marked(it)) found.add('not marked: ' + it.outerHTML.slice(0, 200)); } } \
        if (before && before !== document.body) before.focus(); else document.activeElement.blur(); \
        scrollTo(...at); \
        return all.length ? [...found] : ['nothing takes the focus'];";
    serde_json::from_value(browser.run(script).await).expect("texts")
}
