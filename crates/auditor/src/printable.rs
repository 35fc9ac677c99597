//! Text of strangers, fit for one line of a terminal.

/// The text as a part of one line. A line break is a space there; what would steer a terminal, turn the order of the
/// characters around, or not be seen, is marked by U+FFFD: a question or an option must not look like a line of ours.
pub fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || is_unseen(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Characters of Unicode's category “format” that no text needs in a list: emoji and some scripts need joiners.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_stays_on_one_line_and_in_its_order() {
        assert_eq!(printable("Tea?\nAll holds.\u{2028}x"), "Tea? All holds. x");
        assert_eq!(printable("a\u{1b}[2J\u{9b}\r\t\u{7f}"), "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        for c in "\u{202e}\u{202a}\u{2066}\u{2069}\u{200f}\u{200b}\u{feff}\u{ad}".chars() {
            assert_eq!(printable(&c.to_string()), "\u{fffd}", "{c:?}");
        }
        for text in ["Thé ou café ?", "茶", "👩\u{200d}🚀", "می\u{200c}خواهم"] {
            assert_eq!(printable(text), text);
        }
    }
}
