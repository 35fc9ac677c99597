//! The addresses of an event: on both hosts it is below `/e`.

use domain::EventId;
use program::settings::PublicUrl;

/// The path of an event's page: `/e/evening`.
pub fn path(event: EventId) -> String {
    format!("/e/{event}")
}

/// The address of an event's page at a public address: `https://vote.example.org/e/evening`.
pub fn url(at: &PublicUrl, event: EventId) -> String {
    format!("{at}{}", path(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_below_e_also_where_the_service_is_below_a_path() {
        let evening = EventId::parse("evening").unwrap();
        for (at, address) in [
            ("https://vote.example.org", "https://vote.example.org/e/evening"),
            ("https://example.org/vote/", "https://example.org/vote/e/evening"),
        ] {
            assert_eq!(url(&at.parse().unwrap(), evening), address);
        }
    }
}
