//! Votes as parts of the turnout: percentages for people, and lengths of bars.
//!
//! The page's script computes the same when scores come in; `language.js` of the shared files and `result.js` must
//! agree with this file.

use web::language::Language;

/// A percentage of the voters as people write it. It says 0 % and 100 % only of none and all.
pub(crate) fn percent(language: Language, votes: u64, voters: u64) -> String {
    let (wide_votes, wide_voters) = (u128::from(votes), u128::from(voters));
    let rounded = if voters == 0 { 0 } else { (200 * wide_votes + wide_voters) / (2 * wide_voters) };
    let (sign, percent) = match rounded {
        0 if votes > 0 => ("<", 1),
        100.. if votes < voters => (">", 99),
        _ => ("", rounded),
    };
    sign.to_owned() + &language.percent(&percent.to_string())
}

/// The part of the voters as a decimal number from 0 to 1 with four places, for programs; `None` without voters.
pub(crate) fn fraction(votes: u64, voters: u64) -> Option<String> {
    let (votes, voters) = (u128::from(votes), u128::from(voters));
    let rounded = (20_000 * votes + voters).checked_div(2 * voters)?;
    Some(format!("{}.{:04}", rounded / 10_000, rounded % 10_000))
}

/// How far the full bar is shifted out of sight to the left, as SVG writes it: `-100%` for no votes, `-0.0%` for all.
pub(crate) fn shift(votes: u64, voters: u64) -> String {
    let out = 1_000 - per_thousand(votes, voters);
    format!("-{}.{}%", out / 10, out % 10)
}

fn per_thousand(votes: u64, voters: u64) -> u128 {
    if voters == 0 { 0 } else { (u128::from(votes) * 1_000 / u128::from(voters)).min(1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_and_never_claim_all_or_none() {
        let english = |votes, voters| percent(Language::default(), votes, voters);
        assert_eq!(english(0, 0), "0%");
        assert_eq!(english(0, 10), "0%");
        assert_eq!(english(10, 10), "100%");
        assert_eq!(english(1, 3), "33%");
        assert_eq!(english(2, 3), "67%");
        assert_eq!(english(1, 200), "1%");
        assert_eq!(english(1, 201), "<1%");
        assert_eq!(english(999, 1_000), ">99%");
        assert_eq!(english(199, 200), ">99%");
        assert_eq!(english(u64::MAX, u64::MAX), "100%");
        assert_eq!(percent(Language::from_tag("fr").unwrap(), 1, 3), "33\u{a0}%");
    }

    #[test]
    fn fractions_are_numbers_that_programs_read() {
        assert_eq!(fraction(0, 0), None);
        assert_eq!(fraction(0, 3).as_deref(), Some("0.0000"));
        assert_eq!(fraction(2, 3).as_deref(), Some("0.6667"));
        assert_eq!(fraction(3, 3).as_deref(), Some("1.0000"));
    }

    #[test]
    fn no_votes_are_no_bar() {
        assert_eq!(shift(0, 0), "-100.0%");
        assert_eq!(shift(0, 7), "-100.0%");
        assert_eq!(shift(7, 7), "-0.0%");
        assert_eq!(shift(1, 3), "-66.7%");
    }
}
