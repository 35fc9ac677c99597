//! One text of a page: its forms, and the values in it.

use std::{collections::BTreeSet, fmt::Write};

/// A text in one language. Where it depends on a number, it has forms; the number itself is the value `{count}`.
#[derive(Debug, Default)]
pub(super) struct PageText {
    /// For no things at all, if that is said in words of its own.
    pub(super) zero: Option<String>,
    /// For the numbers that the language treats as one.
    pub(super) one: Option<String>,
    /// For all others, or the whole text.
    pub(super) other: String,
}

impl PageText {
    pub(super) fn has_forms(&self) -> bool {
        self.zero.is_some() || self.one.is_some()
    }

    /// The form for a number; `is_one` says whether the language treats it as one.
    pub(super) fn form(&self, number: u64, is_one: bool) -> &str {
        let zero = self.zero.as_deref().filter(|_| number == 0);
        zero.or(self.one.as_deref().filter(|_| is_one)).unwrap_or(&self.other)
    }

    /// The names of its values.
    pub(super) fn values(&self) -> BTreeSet<&str> {
        values(&self.other).collect()
    }
}

/// The names between braces.
pub(super) fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The text with its values put in. A value that is not given stays as `{name}`, for a script to put in.
pub(super) fn filled(text: &str, given: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { break };
        match given.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => write!(filled, "{{{name}}}").expect("writing to a String"),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_and_never_interpreted() {
        assert_eq!(filled("Bonjour {name} !", &[("name", "{name}")]), "Bonjour {name} !");
        assert_eq!(filled("{a}{b}{a}", &[("a", "1"), ("b", "2")]), "121");
        assert_eq!(filled("{count} of {max}", &[("max", "3")]), "{count} of 3");
    }
}
