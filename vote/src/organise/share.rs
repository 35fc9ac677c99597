//! The addresses that an organiser hands out.

use listener::reach::Unreachable;
use web::counterpart::{self, CameBy, Invitation};

use crate::app::App;

/// The public address of this service: as configured, else as this browser came, or the machine's address in its
/// network if only this machine knows the name. `None` if the browser sent no usable `Host`.
pub(crate) fn own_address(app: &App, came_by: &CameBy) -> Option<Invitation> {
    Invitation::here(app.config.vote_url.as_ref(), came_by)
}

/// The key of the text that says why phones don't reach an address.
pub(crate) fn why_unreachable(invitation: &Invitation) -> Option<&'static str> {
    let configured = invitation.url.origin().is_loopback().then_some(Unreachable::Elsewhere);
    invitation.unreachable.or(configured).map(counterpart::text_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_short_and_say_when_they_lead_nowhere_else() {
        let why = |url: &str| why_unreachable(&Invitation { url: url.parse().unwrap(), unreachable: None });
        assert_eq!(why("http://localhost:8080"), Some("reach.elsewhere"), "although somebody configured it");
        assert_eq!(why("http://192.168.1.7:8080"), None);
    }
}
