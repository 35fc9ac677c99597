//! Whether a text is the organiser's token, with a limit on wrong ones. The API and the sign-in page share it.

use std::{net::IpAddr, time::Instant};

use subtle::ConstantTimeEq;

use crate::app::App;

/// Why a text does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefused {
    /// This installation has no organiser.
    NoOrganiser,
    /// It is another text.
    Wrong,
    /// Too many were wrong; so many seconds to wait. Whether this one was right was not looked at.
    TooMany(u32),
}

/// Compares what was sent from `address` with the organiser's token.
pub(crate) fn check(app: &App, sent: &str, address: IpAddr) -> Result<(), TokenRefused> {
    let token = app.config.organiser_token.as_ref().ok_or(TokenRefused::NoOrganiser)?;
    let now = Instant::now();
    app.token_attempts.admit((), address, now).map_err(|wait| TokenRefused::TooMany(wait.seconds()))?;
    // Compared as signatures, so that the time tells neither the token nor its length.
    let signed = |text: &str| app.config.secret.sign("organiser.token", &[text.as_bytes()]);
    if bool::from(signed(token.reveal()).ct_eq(&signed(sent))) {
        return Ok(());
    }
    app.token_attempts.wrong((), address, now);
    tracing::warn!("a wrong organiser's token was sent");
    Err(TokenRefused::Wrong)
}
