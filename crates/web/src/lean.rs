//! Removes from scripts and styles what only people read: a quarter of them. It changes nothing else, so the code that
//! runs is the code in the file.

use std::{ffi::OsStr, path::Path};

/// A script or style without comments that have lines of their own, indentation and empty lines; anything else as it
/// is.
pub(crate) fn lean(path: &str, data: Vec<u8>) -> Vec<u8> {
    let lean: fn(&str) -> String = match Path::new(path).extension().and_then(OsStr::to_str) {
        Some("js") => script,
        Some("css") => style,
        _ => return data,
    };
    match String::from_utf8(data) {
        Ok(text) => lean(&text).into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

fn script(text: &str) -> String {
    let mut lean = String::with_capacity(text.len());
    // A text in backticks may go on over lines, and is kept to the letter.
    let mut in_template = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if !in_template && (trimmed.is_empty() || trimmed.starts_with("//")) {
            continue;
        }
        lean.push_str(if in_template { line } else { trimmed });
        lean.push('\n');
        in_template ^= line.matches('`').count() % 2 == 1;
    }
    lean
}

fn style(text: &str) -> String {
    let mut parts = text.split("/*");
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str(part.split_once("*/").map_or("", |(_, behind)| behind));
    }
    let lines = without.lines().map(str::trim_start).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> String {
        String::from_utf8(lean(path, text.into())).unwrap()
    }

    #[test]
    fn comments_and_indentation_are_not_sent() {
        let script = "// About this.\n\nfunction f() {\n  // Why.\n  return \"// kept\"; // kept too\n}\n";
        assert_eq!(of("a.js", script), "function f() {\nreturn \"// kept\"; // kept too\n}\n");
        let style = "/* About\n   this. */\n.a { color: red; }\n\n  .b { /* why */ color: blue; }\n";
        assert_eq!(of("a.css", style), ".a { color: red; }\n.b {  color: blue; }\n");
    }

    #[test]
    fn texts_over_several_lines_and_other_files_stay_as_they_are() {
        let script = "const text = `one\n  // two\n\n  three`;\n  f(`${text}`);\n";
        assert_eq!(of("a.js", script), "const text = `one\n  // two\n\n  three`;\nf(`${text}`);\n");
        assert_eq!(of("a.svg", "<svg>\n  <!-- // -->\n</svg>"), "<svg>\n  <!-- // -->\n</svg>");
        assert_eq!(lean("a.js", vec![0xff]), [0xff]);
    }
}
