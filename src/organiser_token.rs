//! The organiser's token: from the settings, or kept in the data directory; and whether it may be printed.

use anyhow::{Result, ensure};
use listener::reach;
use program::{random_text, settings::cleaned};

use crate::{data_dir::DataDir, settings::Serving};

/// Where the organiser's token comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// It was set.
    Setting,
    /// It was made on an earlier start, and is in the data directory.
    File,
    /// It was made just now, and nobody knows it yet.
    MadeNow,
}

impl TokenPlace {
    /// For whoever looks for it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Setting => "with the token in ORGANISER_TOKEN",
            Self::File | Self::MadeNow if reach::in_container() => {
                "with the token that this prints: docker cp CONTAINER:/data/organiser-token - | tar -xO"
            }
            Self::File | Self::MadeNow => "with the token in the file organiser-token of the data directory",
        }
    }
}

/// The token that is set, or the one that is kept in the data directory.
pub(crate) fn organiser_token(data: &DataDir, settings: &Serving) -> Result<(String, TokenPlace)> {
    if let Some(token) = &settings.organiser_token {
        return Ok((token.reveal().to_owned(), TokenPlace::Setting));
    }
    let mut place = TokenPlace::File;
    let kept = data.secret("organiser-token", || {
        place = TokenPlace::MadeNow;
        random_text::<16>()
    })?;
    // An editor may have left its marks around it.
    let token = cleaned(&kept);
    ensure!(!token.is_empty(), "organiser-token is empty; remove it to have a new one made");
    Ok((token.to_owned(), place))
}
