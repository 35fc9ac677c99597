//! The texts of the pages: data files, one for each language and program, which are read once.
//!
//! A program has its files in `texts/`; those of this crate hold what all pages share. `docs/adr/0010` says why these
//! are files of our own, CONTRIBUTING.md how texts are written.
//!
//! May import: `language`.

mod catalogue;
mod file;
mod format;
mod program_texts;
mod text;

pub use catalogue::{Catalogue, TextsError};
pub use format::CsvSeparator;
pub use program_texts::{ProgramTexts, TextKey};

pub(crate) use catalogue::{SharedText, shared_text};

/// Declares an enumeration of the keys that code names, and implements [`TextKey`] for it. Templates name others.
/// [`Catalogue::load`] checks that each is there; a variant that is not used is a warning of the compiler.
#[macro_export]
macro_rules! text_keys {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($variant:ident = $key:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name { $(#[doc = $key] $variant,)* }

        impl $name {
            /// All keys.
            $visibility const KEYS: &'static [&'static str] = &[$($key),*];

            /// The key in the files.
            $visibility const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }
        }

        impl $crate::texts::TextKey for $name {
            fn key(self) -> &'static str {
                self.key()
            }
        }
    };
}
