//! Points in time, written for programs and for people.

use jiff::{Timestamp, tz::TimeZone};
use web::language::Language;

/// RFC 3339, in UTC: `2026-11-23T08:45:00.123Z`.
pub(crate) fn rfc3339(millis: u64) -> String {
    timestamp(millis).to_string()
}

/// `23 November 2026, 08:45:00 UTC`. The page's script replaces it by the reader's own time zone.
pub(crate) fn date_and_time(language: Language, millis: u64) -> String {
    let utc = timestamp(millis).to_zoned(TimeZone::UTC);
    language.date(utc.day().unsigned_abs(), utc.month().unsigned_abs(), utc.year(), &time_of_day(millis))
}

/// `08:45:00 UTC`.
pub(crate) fn time_of_day(millis: u64) -> String {
    let utc = timestamp(millis).to_zoned(TimeZone::UTC);
    format!("{:02}:{:02}:{:02} UTC", utc.hour(), utc.minute(), utc.second())
}

/// A time after the year 9999 becomes the latest that can be written.
fn timestamp(millis: u64) -> Timestamp {
    i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_programs_and_in_both_languages() {
        let millis = 1_795_423_500_123;
        assert_eq!(rfc3339(millis), "2026-11-23T08:45:00.123Z");
        assert_eq!(date_and_time(Language::default(), millis), "23 November 2026, 08:45:00 UTC");
        assert_eq!(date_and_time(Language::from_tag("fr").unwrap(), millis), "23 novembre 2026 à 08:45:00 UTC");
        assert!(rfc3339(u64::MAX).starts_with("9999-12-"));
    }
}
