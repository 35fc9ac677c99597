//! Texts from right to left among ours from left to right.
//!
//! In the body of a page `dir="auto"` and `<bdi>` keep them apart. Titles, attributes and descriptions have no
//! elements: there a text that holds letters of the other direction goes between two marks that say so.

use std::borrow::Cow;

/// The marks around a text whose direction is that of its first letter (first strong isolate).
const ISOLATED: [char; 2] = ['\u{2068}', '\u{2069}'];

/// The text, between marks if its letters could change the order of the text beside it.
pub fn isolated(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_right_to_left) {
        return Cow::Borrowed(text);
    }
    let [begin, end] = ISOLATED;
    Cow::Owned(format!("{begin}{text}{end}"))
}

/// Whether a letter belongs to a script that is written from right to left, or a mark says so. The blocks are those
/// that Unicode keeps for such scripts.
fn is_right_to_left(letter: char) -> bool {
    matches!(letter,
        '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{202b}' | '\u{202e}' | '\u{2067}' | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_from_right_to_left_get_marks() {
        for plain in ["", "Tea?", "Thé ou café ?", "お茶?", "🍵"] {
            assert_eq!(isolated(plain), plain);
        }
        for other in ["תה או קפה?", "شاي أم قهوة؟", "Tea (תה)?"] {
            assert_eq!(isolated(other), format!("\u{2068}{other}\u{2069}"));
        }
    }
}
