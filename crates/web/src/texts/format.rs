//! How one language writes numbers, shares and times: the table `format` of a file that all pages share.

use serde::Deserialize;

/// The ways of one language to write.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LanguageFormat {
    /// As the language calls itself.
    pub(super) name: String,
    /// What stands between groups of three digits.
    thousands: String,
    /// The smallest number that is written in groups.
    grouped_from: u64,
    /// A percentage, of `{number}`.
    percent: String,
    /// The numbers that take the form `one` of a text.
    one: Vec<u64>,
    /// From January on.
    months: [String; 12],
    /// A day and a time, of `{day}`, `{month}`, `{year}` and `{time}`.
    date: String,
    /// What spreadsheets expect between cells.
    csv_separator: CsvSeparator,
}

/// What stands between the cells of a table for spreadsheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum CsvSeparator {
    /// A comma; decimal points.
    #[serde(rename = ",")]
    Comma,
    /// A semicolon; decimal commas.
    #[serde(rename = ";")]
    Semicolon,
}

impl CsvSeparator {
    /// As it stands in a line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Semicolon => ";",
        }
    }
}

impl LanguageFormat {
    pub(super) fn number(&self, value: u64) -> String {
        let digits = value.to_string();
        if value < self.grouped_from {
            return digits;
        }
        let mut text = String::with_capacity(digits.len() + digits.len() / 3 * self.thousands.len());
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push_str(&self.thousands);
            }
            text.push(digit);
        }
        text
    }

    pub(super) fn percent(&self, number: &str) -> String {
        self.percent.replace("{number}", number)
    }

    /// Month 1 is January.
    pub(super) fn date(&self, day: u8, month: u8, year: i16, time: &str) -> String {
        let month = &self.months[usize::from(month.clamp(1, 12) - 1)];
        let date = self.date.replace("{day}", &day.to_string()).replace("{month}", month);
        date.replace("{year}", &year.to_string()).replace("{time}", time)
    }

    pub(super) fn is_one(&self, number: u64) -> bool {
        self.one.contains(&number)
    }

    pub(super) fn csv_separator(&self) -> CsvSeparator {
        self.csv_separator
    }
}
