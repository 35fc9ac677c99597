//! Reads one file of texts.
//!
//! Tables group the texts by page, for those who translate; a key is unique in the whole file. A text is a string, or
//! a table with the forms `zero`, `one` and `other`.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::{Table, Value};

use super::{
    format::LanguageFormat,
    text::{self, PageText},
};

/// The table that holds no texts.
const FORMAT: &str = "format";
/// The forms that a text can have.
const FORMS: [&str; 3] = ["zero", "one", "other"];

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct TextFile {
    pub(super) format: Option<LanguageFormat>,
    pub(super) texts: HashMap<String, PageText>,
}

impl TextFile {
    /// Reads the content of a file. The error says in one line what is wrong, and with which key.
    pub(super) fn read(content: &str) -> Result<Self, String> {
        let mut groups: Table = toml::from_str(content).map_err(|error| syntax(content, &error))?;
        let format = groups.remove(FORMAT).map(LanguageFormat::deserialize).transpose();
        let format = format.map_err(|error| format!("[{FORMAT}]: {}", one_line(error.message())))?;
        let mut file = Self { format, texts: HashMap::new() };
        for (group, texts) in groups {
            let Value::Table(texts) = texts else { return Err(format!("\"{group}\": a text stands in a table")) };
            for (key, value) in texts {
                let text = read_text(value).map_err(|fault| format!("\"{key}\": {fault}"))?;
                if file.texts.insert(key.clone(), text).is_some() {
                    return Err(format!("\"{key}\": stands twice"));
                }
            }
        }
        Ok(file)
    }

    /// What differs from the file of the first language, which all others follow.
    pub(super) fn compare(&self, first: &Self) -> Result<(), String> {
        let ordered: BTreeMap<_, _> = first.texts.iter().collect();
        for (key, expected) in ordered {
            let text = self.texts.get(key).ok_or_else(|| format!("\"{key}\": is missing"))?;
            if (text.zero.is_some(), text.one.is_some()) != (expected.zero.is_some(), expected.one.is_some()) {
                return Err(format!("\"{key}\": has not the forms that it has in English"));
            }
            if text.values() != expected.values() {
                let names: Vec<_> = expected.values().into_iter().collect();
                return Err(format!("\"{key}\": has not the values that it has in English ({})", names.join(", ")));
            }
        }
        let superfluous = self.texts.keys().filter(|key| !first.texts.contains_key(*key)).min();
        superfluous.map_or(Ok(()), |key| Err(format!("\"{key}\": is not there in English")))
    }
}

fn read_text(value: Value) -> Result<PageText, String> {
    let text = match value {
        Value::String(other) => PageText { other, ..PageText::default() },
        Value::Table(forms) => with_forms(forms)?,
        _ => return Err("is no text".into()),
    };
    let values = text.values();
    for form in [text.zero.as_deref(), text.one.as_deref(), Some(&*text.other)].into_iter().flatten() {
        if form.is_empty() || form.matches('{').count() != form.matches('}').count() {
            return Err("is empty, or has a brace too many".into());
        }
        if let Some(name) = text::values(form).find(|name| !values.contains(name)) {
            return Err(format!("{{{name}}} is not in the form \"other\""));
        }
    }
    Ok(text)
}

fn with_forms(forms: Table) -> Result<PageText, String> {
    let mut text = PageText::default();
    for (name, form) in forms {
        let Value::String(form) = form else { return Err(format!("the form \"{name}\" is no text")) };
        match name.as_str() {
            "zero" => text.zero = Some(form),
            "one" => text.one = Some(form),
            "other" => text.other = form,
            _ => return Err(format!("\"{name}\" is none of the forms {}", FORMS.join(", "))),
        }
    }
    Ok(text)
}

fn syntax(content: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let line = content.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    format!("line {line}: {}", one_line(error.message()))
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = r#"
[page]
hello = "Hello {name}"
"hello.again" = "Again"
voters.zero = "None"
voters.one = "One"
voters.other = "{count} of {max}"
"#;

    /// What is wrong with the file once `old` is `new` in it, beside the file without that.
    fn fault(old: &str, new: &str) -> String {
        let first = TextFile::read(ENGLISH).unwrap();
        assert!(ENGLISH.contains(old));
        TextFile::read(&ENGLISH.replace(old, new)).and_then(|file| file.compare(&first)).unwrap_err()
    }

    #[test]
    fn each_fault_is_told_in_one_line_that_names_the_key() {
        for (old, new, line) in [
            ("hello =", "helo =", "\"hello\": is missing"),
            ("[page]", "[page]\nhelo = \"x\"", "\"helo\": is not there in English"),
            ("[page]", "[other]\nhello = \"x\"\n[page]", "\"hello\": stands twice"),
            ("[page]", "", "\"hello\": a text stands in a table"),
            ("{name}", "{nom}", "\"hello\": has not the values that it has in English (name)"),
            ("Hello {name}", "Hello {name", "\"hello\": is empty, or has a brace too many"),
            ("\"Again\"", "\"\"", "\"hello.again\": is empty, or has a brace too many"),
            ("\"Again\"", "1", "\"hello.again\": is no text"),
            ("voters.one = \"One\"", "", "\"voters\": has not the forms that it has in English"),
            ("voters.one", "voters.few", "\"voters\": \"few\" is none of the forms zero, one, other"),
            ("\"One\"", "\"One of {all}\"", "\"voters\": {all} is not in the form \"other\""),
            ("voters.other", "voters.one", "line 7: duplicate key"),
            ("[page]", "[format]\nname = \"x\"\n[page]", "[format]: missing field `thousands`"),
        ] {
            assert_eq!(fault(old, new), line, "{old:?} is {new:?}");
        }
    }

    #[test]
    fn a_number_chooses_the_form() {
        let file = TextFile::read(ENGLISH).unwrap();
        let form = |number, is_one| file.texts["voters"].form(number, is_one).to_owned();
        assert_eq!([form(0, true), form(1, true), form(2, false)], ["None", "One", "{count} of {max}"]);
    }
}
