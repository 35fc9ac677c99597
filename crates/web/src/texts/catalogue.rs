//! Reads the files of all languages, once, and finds texts in them: those of one program, and those that all share.

use std::{collections::HashMap, sync::LazyLock};

use rust_embed::RustEmbed;

use super::{
    file::TextFile,
    format::{CsvSeparator, LanguageFormat},
    text::{self, PageText},
};
use crate::language::Language;

crate::text_keys! {
    /// The texts that all pages share and that code names.
    pub(crate) enum SharedText {
        NoNetwork = "reach.no-network",
        Inside = "reach.inside",
        LoopbackOnly = "reach.loopback-only",
        Elsewhere = "reach.elsewhere",
        NoOrganiser = "no-organiser",
        TokenNeeded = "token-needed",
        WrongToken = "wrong-token",
        TooManyTokens = "too-many-tokens",
    }
}

/// What is wrong with the files of texts: one line that names the file and the key.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {fault}")]
pub struct TextsError {
    file: String,
    fault: String,
}

/// The texts of one program, in all languages.
#[derive(Debug)]
pub struct Catalogue {
    /// In the order of [`Language::all`].
    languages: Vec<HashMap<String, PageText>>,
}

/// What all pages share.
struct Shared {
    formats: Vec<LanguageFormat>,
    catalogue: Catalogue,
}

#[derive(RustEmbed)]
#[folder = "texts"]
struct SharedFiles;

static SHARED: LazyLock<Result<Shared, TextsError>> = LazyLock::new(Shared::load);

fn shared() -> &'static Shared {
    checked(&SHARED)
}

/// What was read. A program checks its texts before it makes a page.
pub(super) fn checked<T>(read: &Result<T, TextsError>) -> &T {
    read.as_ref().unwrap_or_else(|error| panic!("programs check their texts first: {error}"))
}

/// A text that all pages share, with its values.
pub(crate) fn shared_text(language: Language, key: SharedText, values: &[(&str, &str)]) -> String {
    shared().catalogue.text(language, key.key(), values).expect("the keys that code names were checked")
}

impl Language {
    /// As the language calls itself.
    pub fn name(self) -> &'static str {
        &self.format().name
    }

    /// A whole number as people write it: `1,234` or `1 234` (with a narrow no-break space).
    pub fn number(self, value: u64) -> String {
        self.format().number(value)
    }

    /// A percentage as people write it, of a number in digits.
    pub fn percent(self, number: &str) -> String {
        self.format().percent(number)
    }

    /// A day and a time as people write them. Month 1 is January.
    pub fn date(self, day: u8, month: u8, year: i16, time: &str) -> String {
        self.format().date(day, month, year, time)
    }

    /// What spreadsheets of people who speak it expect between cells.
    pub fn csv_separator(self) -> CsvSeparator {
        self.format().csv_separator()
    }

    fn format(self) -> &'static LanguageFormat {
        &shared().formats[self.index()]
    }
}

impl Shared {
    fn load() -> Result<Self, TextsError> {
        let folder = "crates/web/texts";
        let files = read::<SharedFiles>(folder, SharedText::KEYS)?;
        let mut formats = Vec::with_capacity(files.len());
        let mut languages = Vec::with_capacity(files.len());
        for (language, file) in Language::all().zip(files) {
            let format = file.format.ok_or_else(|| fault(folder, language, "[format]: is missing"))?;
            formats.push(format);
            languages.push(file.texts);
        }
        Ok(Self { formats, catalogue: Catalogue { languages } })
    }
}

impl Catalogue {
    /// Reads the files of `F`, which stand in this folder of the repository, and checks them: each language has the
    /// same texts with the same values, and those whose keys code names.
    pub fn load<F: RustEmbed>(folder: &str, named: &[&str]) -> Result<Self, TextsError> {
        if let Err(TextsError { file, fault }) = SHARED.as_ref() {
            return Err(TextsError { file: file.clone(), fault: fault.clone() });
        }
        let files = read::<F>(folder, named)?;
        let languages: Vec<_> = files.into_iter().map(|file| file.texts).collect();
        let own = &languages[Language::default().index()];
        let twice = shared().catalogue.languages[0].keys().filter(|key| own.contains_key(*key)).min();
        if let Some(key) = twice {
            return Err(fault(folder, Language::default(), &format!("\"{key}\": is among the texts that all share")));
        }
        Ok(Self { languages })
    }

    /// The text with its values; `None` if there is none of this key, or one that depends on a number.
    pub fn text(&self, language: Language, key: &str, values: &[(&str, &str)]) -> Option<String> {
        let text = self.find(language, key).filter(|text| !text.has_forms())?;
        debug_assert!(takes(text, values), "{key} takes no such value");
        Some(text::filled(&text.other, values))
    }

    /// The form of a text for a number, which is the value `{count}`; `None` if there is no text with forms of this
    /// key.
    pub fn counted(&self, language: Language, key: &str, count: u64, values: &[(&str, &str)]) -> Option<String> {
        let form = self.form(language, key, count, values)?;
        Some(text::filled(&form, &[("count", &language.number(count))]))
    }

    /// The forms of a text for a script: for none, for one, and for all other numbers, which the script puts in for
    /// `{count}`. All languages so far treat 2 and more alike.
    pub fn forms(&self, language: Language, key: &str, values: &[(&str, &str)]) -> Option<[String; 3]> {
        let form = |count| self.form(language, key, count, values);
        Some([form(0)?, form(1)?, form(2)?])
    }

    fn form(&self, language: Language, key: &str, count: u64, values: &[(&str, &str)]) -> Option<String> {
        let text = self.find(language, key).filter(|text| text.has_forms())?;
        debug_assert!(takes(text, values), "{key} takes no such value");
        Some(text::filled(text.form(count, language.format().is_one(count)), values))
    }

    fn find(&self, language: Language, key: &str) -> Option<&PageText> {
        let own = self.languages[language.index()].get(key);
        own.or_else(|| shared().catalogue.languages[language.index()].get(key))
    }
}

fn takes(text: &PageText, values: &[(&str, &str)]) -> bool {
    values.iter().all(|(name, _)| text.values().contains(name))
}

/// The files of all languages, in their order, once they are checked.
fn read<F: RustEmbed>(folder: &str, named: &[&str]) -> Result<Vec<TextFile>, TextsError> {
    let files: Vec<_> = Language::all().map(|language| read_one::<F>(folder, language)).collect::<Result<_, _>>()?;
    for (language, file) in Language::all().zip(&files) {
        file.compare(&files[0]).map_err(|what| fault(folder, language, &what))?;
    }
    let missing = named.iter().find(|key| !files[0].texts.contains_key(**key));
    match missing {
        Some(key) => Err(fault(folder, Language::default(), &format!("\"{key}\": is missing"))),
        None => Ok(files),
    }
}

fn read_one<F: RustEmbed>(folder: &str, language: Language) -> Result<TextFile, TextsError> {
    let file = F::get(&format!("{}.toml", language.tag())).ok_or_else(|| fault(folder, language, "is missing"))?;
    let content = str::from_utf8(&file.data).map_err(|_| fault(folder, language, "is not UTF-8"))?;
    TextFile::read(content).map_err(|what| fault(folder, language, &what))
}

fn fault(folder: &str, language: Language, fault: &str) -> TextsError {
    TextsError { file: format!("{folder}/{}.toml", language.tag()), fault: fault.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(tag: &str) -> Language {
        Language::from_tag(tag).unwrap()
    }

    #[test]
    fn the_shared_files_are_right() {
        assert!(SHARED.is_ok(), "{:?}", SHARED.as_ref().err());
    }

    #[test]
    fn numbers_shares_and_dates_are_written_as_people_do() {
        for (tag, number, small, percent, date) in [
            ("en", "1,234,567", "1,234", "62%", "3 November 2026, 08:45:00 UTC"),
            ("de", "1.234.567", "1.234", "62\u{a0}%", "3. November 2026 um 08:45:00 UTC"),
            ("es", "1.234.567", "1234", "62\u{a0}%", "3 de noviembre de 2026 a las 08:45:00 UTC"),
            ("fr", "1\u{202f}234\u{202f}567", "1\u{202f}234", "62\u{a0}%", "3 novembre 2026 à 08:45:00 UTC"),
            ("it", "1.234.567", "1234", "62%", "3 novembre 2026 alle ore 08:45:00 UTC"),
        ] {
            let it = language(tag);
            assert_eq!((it.number(1_234_567).as_str(), it.number(1_234).as_str()), (number, small), "{tag}");
            assert_eq!((it.number(123).as_str(), it.percent("62").as_str()), ("123", percent), "{tag}");
            assert_eq!(it.date(3, 11, 2026, "08:45:00 UTC"), date, "{tag}");
        }
    }
}
