//! The texts of one program, which code names by an enumeration of keys.

use std::{marker::PhantomData, sync::LazyLock};

use super::catalogue::{Catalogue, TextsError, checked};
use crate::language::Language;

/// The keys of texts that code names; see [`text_keys!`](crate::text_keys).
pub trait TextKey: Copy {
    /// The key in the files.
    fn key(self) -> &'static str;
}

/// The texts of one program, read when they are first needed.
///
/// All methods but [`check`](Self::check) panic if the files are wrong: no page can be made then. So programs check
/// before anything else.
pub struct ProgramTexts<K> {
    read: LazyLock<Result<Catalogue, TextsError>>,
    keys: PhantomData<K>,
}

impl<K: TextKey> ProgramTexts<K> {
    /// The texts that `load` reads, which checks that all keys are there.
    pub const fn new(load: fn() -> Result<Catalogue, TextsError>) -> Self {
        Self { read: LazyLock::new(load), keys: PhantomData }
    }

    /// Whether the files are right.
    ///
    /// # Errors
    /// If they are not: which file is wrong, and why.
    pub fn check(&self) -> Result<(), &TextsError> {
        self.read.as_ref().map(drop)
    }

    /// All texts, for templates.
    pub fn catalogue(&self) -> &Catalogue {
        checked(&self.read)
    }

    /// A text with its values.
    pub fn text(&self, language: Language, key: K, values: &[(&str, &str)]) -> String {
        self.catalogue().text(language, key.key(), values).expect("the keys that code names were checked")
    }

    /// The form of a text for a number, which is the value `{count}`.
    pub fn counted(&self, language: Language, key: K, count: u64, values: &[(&str, &str)]) -> String {
        self.catalogue().counted(language, key.key(), count, values).expect("the keys that code names were checked")
    }
}
