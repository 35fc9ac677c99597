//! Tables for spreadsheets: CSV (RFC 4180) in UTF-8, in which no text is taken for a formula.

use std::borrow::Cow;

/// Spreadsheets take a file for UTF-8 only if it begins with this mark; programs have the JSON exports.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A cell that begins with one of these may be run as a formula (OWASP, "CSV Injection"): also behind a tab or a line
/// end, and in the full-width forms that some spreadsheets read alike.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A part of a table, in memory.
pub(crate) struct Table(csv::Writer<Vec<u8>>);

impl Table {
    /// The beginning of a file.
    pub(crate) fn new() -> Self {
        Self(csv::Writer::from_writer(BYTE_ORDER_MARK.into()))
    }

    /// Rows that follow others.
    pub(crate) fn continued() -> Self {
        Self(csv::Writer::from_writer(Vec::new()))
    }

    /// Adds one row. Each must have as many cells as the others of its part.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cow<'a, str>>) {
        let cells = cells.into_iter().map(defused);
        self.0.write_record(cells.map(Cow::into_owned)).expect("rows of one length, into memory");
    }

    /// What is written so far.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("writing into memory")
    }
}

/// Where the list separator of the system is not the comma (in French, German, Spanish …), spreadsheets cut a line here
/// instead, whatever we quote: what follows begins a cell.
const FOREIGN_SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];

/// The text with an apostrophe before each part that a spreadsheet could run.
fn defused(cell: Cow<'_, str>) -> Cow<'_, str> {
    // A quote that is not the first thing in a line may or may not be taken for a part of the text.
    let runs = |part: &str| part.trim_start_matches([' ', '"']).starts_with(FORMULA_STARTS);
    let parts = || cell.split_inclusive(FOREIGN_SEPARATORS);
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
        let mut table = Table::new();
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
            assert_eq!(defused(text.into()), expected);
        }
    }
}
