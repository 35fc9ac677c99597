//! Cleans up text that people type or paste: tidies white space, removes invisible characters, and reports the first
//! character that no page can show.
//!
//! Keeps the invisible characters that change how the text looks: joiners in scripts whose letters join (Persian,
//! Hindi) and in emoji, variation selectors after characters with variants, and the tags of flags.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{
    BinaryProperty, CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, EnumeratedProperty,
    ExtendedPictographic, GeneralCategory, JoiningType, NoncharacterCodePoint, UnifiedIdeograph,
};

/// Keeps two letters from joining.
const NON_JOINER: char = '\u{200c}';
/// Gives a letter the form that it has next to another; combines several emoji into one.
const JOINER: char = '\u{200d}';
/// The combining character that turns a digit into a keycap.
const KEYCAP: char = '\u{20e3}';
/// The tags of a flag follow this emoji.
const BLACK_FLAG: char = '\u{1f3f4}';
/// Ends the tags of a flag.
const CANCEL_TAG: char = '\u{e007f}';
/// The flags that are written with tags (Unicode's RGI set), as the letters that the tags encode.
const TAGGED_FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];
/// A braille cell without dots, the space of braille.
const BRAILLE_BLANK: char = '\u{2800}';
/// Spaces that do not allow a line break; French puts them before these signs and after this one.
const NO_BREAK_SPACES: [char; 2] = ['\u{a0}', '\u{202f}'];
const BEHIND_NO_BREAK_SPACE: [char; 7] = ['?', '!', ':', ';', '»', '%', '€'];
const BEFORE_NO_BREAK_SPACE: char = '«';

/// Whether line breaks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A line break becomes a space.
    OneLine,
    /// Each line break is kept.
    Lines,
}

/// The text as it is stored: in normal form C, each run of white space as one space, without invisible characters that
/// have no effect, without white space at line ends. The error is the first character that no page can show.
pub(crate) fn tidied(text: &str, shape: Shape) -> Result<String, char> {
    if let Some(unshowable) = text.chars().find(|c| is_unshowable(*c)) {
        return Err(unshowable);
    }
    let kept = composed(&visible(&spaced(text, shape)));
    let lines: Vec<String> = kept.split('\n').map(single_spaced).collect();
    Ok(lines.join("\n").trim().to_owned())
}

/// Letters of different alphabets with the same shape: each Greek or Cyrillic letter, and the Latin letter after it.
///
/// Letters of the same alphabet are never treated as equal: different words of one language must stay different.
const LATIN_SHAPES: [(&str, &str); 4] = [
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
    ("νοϲϳ", "vocj"),
    ("АВЕЅІЈКМНОРСТҮХԁһԌԚԜ", "ABESIJKMHOPCTYXdhGQW"),
    ("аеіјорсѕухԛԝӏ", "aeijopcsyxqwl"),
];

/// What a reader sees of a tidied text: without invisible characters, and with one representative for letters, spaces
/// and signs that look alike. Readers cannot tell texts with the same look apart.
pub(crate) fn look(text: &str) -> String {
    let text: String = text.chars().map(spelled_out).collect();
    let text = DecomposingNormalizerBorrowed::new_nfd().normalize(&text);
    let seen = text.chars().filter(|c| *c != NON_JOINER && *c != JOINER && !is_selector(*c));
    seen.map(shape).collect()
}

/// Spells out a character that looks like several: a ligature, a Roman numeral, an ellipsis.
fn spelled_out(c: char) -> String {
    let looks_like_several = matches!(
        c,
        '\u{132}'..='\u{133}' | '\u{1c4}'..='\u{1cc}' | '\u{1f1}'..='\u{1f3}' | '\u{2024}'..='\u{2026}'
            | '\u{2160}'..='\u{217f}' | '\u{fb00}'..='\u{fb06}'
    );
    let text = c.to_string();
    if looks_like_several { DecomposingNormalizerBorrowed::new_nfkd().normalize(&text).into_owned() } else { text }
}

/// The representative of all characters that look like this one.
fn shape(c: char) -> char {
    match c {
        '\u{2010}' | '\u{2011}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        '\u{2212}' => '\u{2013}',
        'µ' => 'μ',
        c if c.is_whitespace() => ' ',
        c => latin_shape(c).unwrap_or(c),
    }
}

fn latin_shape(c: char) -> Option<char> {
    LATIN_SHAPES.iter().find_map(|(letters, latin)| {
        let index = letters.chars().position(|letter| letter == c)?;
        latin.chars().nth(index)
    })
}

fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Characters that are not text: control characters except white space, private-use code points, noncharacters, and
/// placeholders for something outside the text.
fn is_unshowable(c: char) -> bool {
    let is_control = c.is_control() && !c.is_whitespace();
    is_control
        || GeneralCategory::for_char(c) == GeneralCategory::PrivateUse
        || NoncharacterCodePoint::for_char(c)
        || ('\u{fff9}'..='\u{fffc}').contains(&c)
}

/// The text with one kind of line break and one kind of space.
fn spaced(text: &str, shape: Shape) -> String {
    let text = text.replace("\r\n", "\n");
    let mut before = None;
    let mut chars = text.chars().peekable();
    let mut spaced = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let is_french = before == Some(BEFORE_NO_BREAK_SPACE)
            || chars.peek().is_some_and(|after| BEHIND_NO_BREAK_SPACE.contains(after));
        spaced.push(match c {
            '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' if shape == Shape::Lines => '\n',
            c if NO_BREAK_SPACES.contains(&c) && is_french => c,
            c if c.is_whitespace() || c == BRAILLE_BLANK => ' ',
            c => c,
        });
        before = Some(c);
    }
    spaced
}

/// One line with single spaces and none at either end.
fn single_spaced(line: &str) -> String {
    let mut single = String::with_capacity(line.len());
    for c in line.trim().chars() {
        if !c.is_whitespace() || !single.ends_with(char::is_whitespace) {
            single.push(c);
        }
    }
    single
}

/// The text without invisible characters that have no effect.
fn visible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let keep = match c {
            NON_JOINER | JOINER => joins(c, &kept, rest),
            c if is_selector(c) => selects(c, &kept, rest),
            c if is_tag(c) => is_of_a_flag(&kept, &text[at..]),
            c => !DefaultIgnorableCodePoint::for_char(c),
        };
        if keep {
            kept.push(c);
        }
    }
    kept
}

/// Whether a joiner changes how the letters or emoji on both sides look.
fn joins(joiner: char, before: &str, after: &str) -> bool {
    let (Some(last), Some(next)) = (before.chars().next_back(), after.chars().find(|c| !is_ignored(*c))) else {
        // At either end it can change only the form of the letter next to it.
        let beside = before.chars().rfind(|c| !is_transparent(*c)).or_else(|| after.chars().next());
        return joiner == JOINER && beside.is_some_and(|c| joins_forward(c) || joins_backward(c));
    };
    if is_virama(last) || is_virama(next) {
        return true;
    }
    if joiner == JOINER && ExtendedPictographic::for_char(next) {
        let emoji = before.chars().rfind(|c| !is_selector(*c) && !EmojiModifier::for_char(*c));
        return emoji.is_some_and(ExtendedPictographic::for_char);
    }
    let forward = before.chars().rfind(|c| !is_transparent(*c)).is_some_and(joins_forward);
    let backward = after.chars().find(|c| !is_transparent(*c)).is_some_and(joins_backward);
    if joiner == NON_JOINER { forward && backward } else { forward != backward }
}

/// Whether a variation selector has a variant to select: of an emoji or of a Chinese character.
fn selects(selector: char, before: &str, after: &str) -> bool {
    let Some(last) = before.chars().next_back() else { return false };
    match selector {
        '\u{fe0e}' | '\u{fe0f}' if last.is_ascii() => after.starts_with(KEYCAP),
        '\u{fe0e}' | '\u{fe0f}' => Emoji::for_char(last),
        _ => UnifiedIdeograph::for_char(last),
    }
}

/// Whether the tag at the start of `rest` belongs to a complete flag.
fn is_of_a_flag(before: &str, rest: &str) -> bool {
    let (flag, read) = match before.rsplit_once(BLACK_FLAG) {
        Some((_, read)) if read.chars().all(is_tag) => (read, rest),
        _ => return false,
    };
    let letters = |tags: &str| -> String {
        tags.chars().take_while(|c| is_tag(*c)).filter_map(|c| char::from_u32(u32::from(c) - 0xe0000)).collect()
    };
    let whole = letters(flag) + &letters(read);
    let (name, _) = whole.split_once('\u{7f}').unwrap_or_default();
    TAGGED_FLAGS.contains(&name) && !flag.ends_with(CANCEL_TAG)
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}
fn is_tag(c: char) -> bool {
    ('\u{e0020}'..=CANCEL_TAG).contains(&c)
}
/// Invisible characters, which a joiner passes over.
fn is_ignored(c: char) -> bool {
    DefaultIgnorableCodePoint::for_char(c)
}
fn is_virama(c: char) -> bool {
    CanonicalCombiningClass::for_char(c) == CanonicalCombiningClass::Virama
}
fn is_transparent(c: char) -> bool {
    c != JOINER && c != NON_JOINER && JoiningType::for_char(c) == JoiningType::Transparent
}
fn joins_forward(c: char) -> bool {
    matches!(JoiningType::for_char(c), JoiningType::DualJoining | JoiningType::LeftJoining)
}
fn joins_backward(c: char) -> bool {
    matches!(JoiningType::for_char(c), JoiningType::DualJoining | JoiningType::RightJoining)
}

#[cfg(test)]
mod tests;
