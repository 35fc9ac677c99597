//! What is kept of a text, and which texts look alike.

use super::*;

fn line(text: &str) -> String {
    tidied(text, Shape::OneLine).unwrap()
}

#[test]
fn white_space_of_every_kind_is_one_space() {
    for typed in [
        "Yes please",
        " Yes please ",
        "Yes\tplease",
        "Yes \u{a0}please\u{a0}",
        "Yes\u{b}please",
        "Yes\r\nplease",
        "Yes\rplease",
        "Yes\u{85}please",
        "Yes\u{2028}please",
        "Yes\u{2003}please",
        "Yes\u{3000}please",
        "Yes\u{202f}please",
        "\u{feff}Yes please\r\n",
        "Yes\u{2800}please",
        "Yes \u{200b} please",
        "\u{200b} Yes please",
    ] {
        assert_eq!(line(typed), "Yes please", "{typed:?}");
    }
    assert_eq!(tidied("One \r\n two\u{2028}three\t\rfour\n", Shape::Lines).unwrap(), "One\ntwo\nthree\nfour");
    assert_eq!(line("Quel repas\u{a0}? «\u{a0}Soupe\u{a0}»"), "Quel repas\u{a0}? «\u{a0}Soupe\u{a0}»");
}

#[test]
fn what_nobody_can_see_is_taken_out() {
    for invisible in [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2063}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0e}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{e0100}',
    ] {
        assert_eq!(line(&format!("Ye{invisible}s{invisible}")), "Yes", "{invisible:?}");
        assert_eq!(line(&format!("{invisible}")), "", "{invisible:?}");
        assert_eq!(line(&format!("1{invisible}{invisible}2")), "12", "{invisible:?}");
    }
    assert_eq!(line("e\u{301}t\u{e9}"), "\u{e9}t\u{e9}");
}

#[test]
fn what_changes_the_look_is_kept() {
    for text in [
        "👩‍💻",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🏴‍☠️",
        "❤️‍🔥",
        "👁️‍🗨️",
        "👩🏽‍🤝‍👨🏿",
        "1️⃣",
        "#️⃣",
        "☎️",
        "☎︎",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "🇫🇷",
        "می\u{200c}خواهم",
        "क्\u{200d}ष",
        "क्\u{200c}ष",
        "র\u{200d}্য",
        "ශ්\u{200d}රී",
        "ه\u{200d}",
        "葛\u{e0100}城",
        "naïve – “quoted”…",
        "ｙｅｓ",
        "Ⅳ",
        "①",
    ] {
        assert_eq!(line(text), text, "{text:?}");
    }
    for (typed, kept) in [
        ("خانه\u{200c}", "خانه"),
        ("\u{200c}خانه", "خانه"),
        ("می\u{200c}\u{200c}خواهم", "می\u{200c}خواهم"),
        ("😀\u{200d}", "😀"),
        ("🏴\u{e0067}\u{e0062}", "🏴"),
        ("🏴\u{e0068}\u{e0069}\u{e007f}", "🏴"),
        ("☎\u{fe0f}\u{fe0f}", "☎\u{fe0f}"),
    ] {
        assert_eq!(line(typed), kept, "{typed:?}");
    }
}

#[test]
fn a_tidied_text_is_tidied_for_good() {
    for text in
        ["می\u{200c}خواهم", "a \u{200b} \u{301}b", "👩\u{200d}\u{feff}💻", "ه\u{200d}\u{200d}", "र\u{200d}\u{34f}्य"]
    {
        let once = line(text);
        assert_eq!(line(&once), once, "{text:?}");
    }
}

#[test]
fn what_no_page_can_show_is_named() {
    for bad in ['\0', '\u{1b}', '\u{7f}', '\u{9f}', '\u{e000}', '\u{f8ff}', '\u{fffc}', '\u{fdd0}', '\u{10ffff}'] {
        assert_eq!(tidied(&format!("Yes{bad}"), Shape::Lines), Err(bad));
    }
}

#[test]
fn texts_that_nobody_can_tell_apart_have_one_look() {
    let look = |text: &str| look(&line(text));
    for (a, b) in [
        ("Yes", "Y\u{200b}es"),
        ("Caf\u{e9}", "Cafe\u{301}"),
        ("☎", "☎\u{fe0f}"),
        ("می\u{200c}خواهم", "میخواهم"),
        ("Well-known", "Well\u{2011}known"),
        ("Quoi ?", "Quoi\u{a0}?"),
        ("葛", "葛\u{e0100}"),
        ("क्ष", "क्\u{200d}ष"),
        ("Cocoa", "\u{421}\u{43e}\u{441}\u{43e}\u{430}"),
        ("Tea", "\u{3a4}e\u{430}"),
        ("No\u{eb}l", "No\u{451}l"),
        ("Wait...", "Wait\u{2026}"),
        ("Henry IV", "Henry \u{2163}"),
        ("file", "\u{fb01}le"),
        ("5 \u{b5}m", "5 \u{3bc}m"),
        ("Don't", "Don\u{2019}t"),
    ] {
        assert_eq!(look(a), look(b), "{a:?} {b:?}");
    }
    let flag = |tags: &str| format!("🏴{tags}\u{e007f}");
    let england = flag("\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}");
    let scotland = flag("\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}");
    assert_ne!(look(&england), look(&scotland));
    for (a, b) in [
        ("Yes", "yes"),
        ("хор", "хоp!"),
        ("modern", "modem"),
        ("sınır", "sinir"),
        ("على", "علي"),
        ("x2", "x\u{b2}"),
        ("1", "\u{2460}"),
        ("в", "b"),
    ] {
        assert_ne!(look(a), look(b), "{a} {b}");
    }
}

#[test]
fn no_two_letters_of_one_alphabet_have_one_shape() {
    for (letters, latin) in LATIN_SHAPES {
        assert_eq!(letters.chars().count(), latin.chars().count(), "{letters}");
        let mut shapes: Vec<char> = latin.chars().collect();
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), letters.chars().count(), "{letters}");
        assert!(letters.chars().all(|letter| !letter.is_ascii()) && latin.is_ascii(), "{letters}");
    }
}
