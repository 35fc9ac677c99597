//! Tables for spreadsheets: CSV (RFC 4180) in UTF-8, in which no text is taken for a formula. Where the decimal sign is
//! a comma, spreadsheets split a line at semicolons instead: there is a dialect for them.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;

use crate::refusal::ResultRefusal;

/// Spreadsheets take a file for UTF-8 only if it begins with this mark; programs have the JSON exports.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A cell that begins with one of these may be run as a formula (OWASP, "CSV Injection"): also behind a tab or a line
/// end, and in the full-width forms that some spreadsheets read alike.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What separates the cells of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Separator {
    /// A comma, and decimal points.
    #[default]
    Comma,
    /// A semicolon, and decimal commas.
    Semicolon,
}

/// The separator in a query.
#[derive(Deserialize)]
struct SeparatorQuery {
    #[serde(default)]
    separator: Separator,
}

impl<S: Sync> FromRequestParts<S> for Separator {
    type Rejection = ResultRefusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ResultRefusal> {
        let asked = Query::<SeparatorQuery>::try_from_uri(&parts.uri).map(|Query(asked)| asked.separator);
        asked.map_err(|_| ResultRefusal::NoSuchSeparator)
    }
}

impl Separator {
    fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
        }
    }

    /// Where a spreadsheet that expects another separator splits a line, also within quotes. A cell begins after each.
    fn foreign(self) -> [char; 4] {
        match self {
            Self::Comma => [';', '\t', '\r', '\n'],
            Self::Semicolon => [',', '\t', '\r', '\n'],
        }
    }

    /// A decimal number that is written with a point, with this dialect's sign.
    pub(crate) fn decimal(self, number: &str) -> String {
        match self {
            Self::Comma => number.to_owned(),
            Self::Semicolon => number.replace('.', ","),
        }
    }
}

/// A part of a table, in memory.
pub(crate) struct Table {
    separator: Separator,
    writer: csv::Writer<Vec<u8>>,
}

impl Table {
    /// The beginning of a file.
    pub(crate) fn new(separator: Separator) -> Self {
        Self::behind(BYTE_ORDER_MARK.into(), separator)
    }

    /// Rows that follow others.
    pub(crate) fn continued(separator: Separator) -> Self {
        Self::behind(Vec::new(), separator)
    }

    fn behind(bytes: Vec<u8>, separator: Separator) -> Self {
        Self { separator, writer: csv::WriterBuilder::new().delimiter(separator.byte()).from_writer(bytes) }
    }

    /// Adds one row. Each must have as many cells as the others of its part.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cow<'a, str>>) {
        let cells = cells.into_iter().map(|cell| defused(cell, self.separator));
        self.writer.write_record(cells.map(Cow::into_owned)).expect("rows of one length, into memory");
    }

    /// What is written so far.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner().expect("writing into memory")
    }
}

/// The text, with an apostrophe before each part that a spreadsheet could run.
fn defused(cell: Cow<'_, str>, separator: Separator) -> Cow<'_, str> {
    // Spreadsheets differ on whether a quote within a line is a part of the text.
    let runs = |part: &str| part.trim_start_matches([' ', '"']).starts_with(FORMULA_STARTS);
    let parts = || cell.split_inclusive(separator.foreign());
    if parts().any(runs) {
        parts().flat_map(|part| [if runs(part) { "'" } else { "" }, part]).collect::<String>().into()
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula_and_every_text_stays_one_cell() {
        let mut table = Table::new(Separator::Comma);
        table.row(["key", "text"].map(Cow::from));
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "plain", "a=b", "a,\"b\"\nc", "é"] {
            table.row(["a".into(), text.into()]);
        }
        let bytes = table.into_bytes();
        let text = str::from_utf8(&bytes).unwrap().strip_prefix('\u{feff}').unwrap();
        let read: Vec<csv::StringRecord> = csv::Reader::from_reader(text.as_bytes()).records().flatten().collect();
        let cells: Vec<&str> = read.iter().map(|row| &row[1]).collect();
        let expected =
            ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t'=1", "'\r'=1", "'＝1", "plain", "a=b", "a,\"b\"\nc", "é"];
        assert_eq!(cells, expected);
    }

    #[test]
    fn no_part_is_a_formula_where_lines_are_cut_at_semicolons_or_tabs() {
        for (text, expected) in [
            ("x;=1+1", "x;'=1+1"),
            ("x; \"=1+1", "x;' \"=1+1"),
            ("x\t@SUM(A1)", "x\t'@SUM(A1)"),
            ("one\n-2", "one\n'-2"),
            ("soup; salad; cake", "soup; salad; cake"),
            ("well-known; 1 = 1", "well-known; 1 = 1"),
        ] {
            assert_eq!(defused(text.into(), Separator::Comma), expected);
        }
    }

    #[test]
    fn with_semicolons_a_text_stays_one_cell_and_no_part_is_a_formula() {
        let mut table = Table::continued(Separator::Semicolon);
        table.row(["soup; salad", "x,=1+1", "=1", "a, b"].map(Cow::from));
        let text = String::from_utf8(table.into_bytes()).unwrap();
        assert_eq!(text, "\"soup; salad\";x,'=1+1;'=1;a, b\n");
        assert_eq!(Separator::Semicolon.decimal("0.7532"), "0,7532");
    }
}
