//! The colours of both themes, computed from the styles as WCAG 2.2 has it: text is at least 4.5:1 on its ground, bars
//! (their patterns too) at least 3:1 against what they lie on, and so are the borders of controls and the focus ring.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

use std::collections::BTreeMap;

const BASE: &str = include_str!("../../crates/web/static/base.css");
const RESULT: &str = include_str!("../static/result.css");
/// Both themes once more, for pages on the ground of another page.
const CLEAR: &str = include_str!("../static/clear.css");
/// The other pages that have bars.
const VOTE: [&str; 2] = [include_str!("../../vote/static/vote.css"), include_str!("../../vote/static/organise.css")];

type Colour = [f64; 3];

/// The colours among the custom properties of a style sheet: of the light theme, and what the dark one changes.
fn themes(css: &str) -> [BTreeMap<String, Colour>; 2] {
    let mut themes = [BTreeMap::new(), BTreeMap::new()];
    let dark = "@media (prefers-color-scheme: dark)";
    let mut is_dark = false;
    // What stands between comments.
    let css: String = css.split("*/").filter_map(|part| part.split("/*").next()).collect();
    for part in css.split_inclusive(['{', '}', ';']) {
        if part.contains('{') {
            is_dark = part.contains(dark) || (is_dark && part.trim() == ":root {");
        }
        let declared = part.split('{').next_back().unwrap().trim().trim_end_matches(['}', ';']).split_once(':');
        if let Some((name, value)) = declared
            && let (Some(name), Some(value)) = (name.trim().strip_prefix("--"), value.trim().strip_prefix('#'))
        {
            let channel = |at: usize| f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
            themes[usize::from(is_dark)].insert(name.to_owned(), [channel(0), channel(2), channel(4)]);
        }
    }
    themes
}

/// Both themes, whole.
fn palettes() -> [BTreeMap<String, Colour>; 2] {
    let [light, dark] = themes(BASE);
    for css in [RESULT, VOTE[0]] {
        assert_eq!(themes(css), [BTreeMap::new(), BTreeMap::new()], "colours are declared in one place");
    }
    assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>(), "each colour has both themes");
    [light, dark]
}

#[test]
fn the_themes_of_a_frame_are_those_of_all_pages() {
    let (light, dark) = CLEAR.split_once(".clear.dark {").unwrap();
    let [of_light, of_dark] = [light, dark].map(|part| themes(part)[0].clone());
    assert_eq!([of_light, of_dark], palettes());
}

fn luminance(colour: Colour) -> f64 {
    let linear = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    linear.iter().zip([0.2126, 0.7152, 0.0722]).map(|(channel, weight)| channel * weight).sum()
}

fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// `over` at `opacity` on `under`.
fn blend(over: Colour, under: Colour, opacity: f64) -> Colour {
    std::array::from_fn(|channel| over[channel] * opacity + under[channel] * (1.0 - opacity))
}

#[test]
fn the_formula_is_the_one_of_wcag() {
    let (black, white, grey) = ([0.0; 3], [1.0; 3], [f64::from(0x76) / 255.0; 3]);
    assert!((contrast(black, white) - 21.0).abs() < 1e-9);
    assert!((contrast(grey, white) - 4.54).abs() < 0.01, "the grey that everybody knows to pass just so");
}

#[test]
fn text_is_readable_in_both_themes() {
    for (palette, theme) in palettes().iter().zip(["light", "dark"]) {
        for text in ["ink", "quiet", "accent", "good", "bad"] {
            for ground in ["ground", "raised"] {
                let ratio = contrast(palette[text], palette[ground]);
                assert!(ratio >= 4.5, "{theme}: {text} on {ground} is {ratio:.2}");
            }
        }
        let ratio = contrast(palette["on-accent"], palette["accent"]);
        assert!(ratio >= 4.5, "{theme}: on-accent on accent is {ratio:.2}");
    }
}

/// What the bars of a style sheet lie on.
fn under_bars(css: &str) -> Vec<&str> {
    let rules = css.split('}').filter_map(|rule| rule.split_once('{'));
    let bars = rules.filter(|(selector, _)| matches!(selector.lines().last(), Some(".bar " | ".bars .bar ")));
    let grounds = bars.filter_map(|(_, rule)| rule.split_once("background: var(--"));
    grounds.map(|(_, rest)| rest.split(')').next().unwrap()).collect()
}

#[test]
fn bars_lie_on_the_track_on_every_page() {
    for css in [RESULT, VOTE[0], VOTE[1]] {
        assert_eq!(under_bars(css), ["track"]);
    }
}

#[test]
fn bars_and_controls_stand_out_in_both_themes() {
    assert!(RESULT.contains(".mark { fill: var(--ink);"), "what is blended below");
    let opacity = RESULT.split_once("fill-opacity: ").unwrap().1.split(';').next().unwrap();
    let opacity: f64 = opacity.trim_end_matches([' ', '}']).parse().unwrap();
    for (palette, theme) in palettes().iter().zip(["light", "dark"]) {
        let hues: Vec<_> = palette.iter().filter(|(name, _)| name.starts_with("hue-")).collect();
        assert_eq!(hues.len(), 6);
        for ground in ["ground", "track"] {
            for (name, hue) in hues.iter().map(|(name, hue)| (name, **hue)) {
                let ratio = contrast(hue, palette[ground]);
                assert!(ratio >= 3.0, "{theme}: {name} on {ground} is {ratio:.2}");
            }
        }
        for (name, hue) in hues.iter().map(|(name, hue)| (name, **hue)) {
            let ratio = contrast(blend(palette["ink"], hue, opacity), palette["track"]);
            assert!(ratio >= 3.0, "{theme}: the pattern on {name} is {ratio:.2}");
        }
        for (what, ground) in [("control", "ground"), ("control", "raised"), ("focus", "ground"), ("focus", "raised")] {
            let ratio = contrast(palette[what], palette[ground]);
            assert!(ratio >= 3.0, "{theme}: {what} on {ground} is {ratio:.2}");
        }
    }
}
