//! The emulator's clock, which may be wrong, and the forms in which Microsoft writes times.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use serde_json::Value;

/// A clock that goes ahead by so many seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(pub i64);

impl Clock {
    /// The time that this clock shows.
    pub fn now(self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(SignedDuration::from_secs(self.0))
            .unwrap_or(now)
    }

    /// The header `Date`.
    pub fn date(self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// With seven fractional digits, as the admin API writes it.
pub fn seven_digits(time: Timestamp, zone: &str) -> String {
    let ticks = time.subsec_nanosecond() / 100;
    format!("{}.{ticks:07}{zone}", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// A time in any form that an export has: RFC 3339, or milliseconds as Windows PowerShell writes them.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let inner = text.trim_matches('/').strip_prefix("Date(")?;
    let digits = inner.strip_suffix(')')?;
    // An offset after the milliseconds only says how to show them.
    let end = digits.rfind(['+', '-']).filter(|place| *place > 0);
    let digits = end.and_then(|end| digits.get(..end)).unwrap_or(digits);
    Timestamp::from_millisecond(digits.parse().ok()?).ok()
}

/// A time that is UTC where it names no zone, as in audit records and in what cmdlets are given.
pub fn parse_utc(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    parse(text).or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(civil).ok()
    })
}

/// To the 100 nanoseconds that .NET has, so that a time as shown is the time that is kept.
pub fn ticks(time: Timestamp) -> Timestamp {
    let excess = time.subsec_nanosecond() % 100;
    time.checked_sub(SignedDuration::from_nanos(excess.into()))
        .unwrap_or(time)
}

/// Turns a time like `-90m` into the time so long before `now`, for files that are not to grow old.
pub fn settle(value: &mut Value, now: Timestamp) {
    let ago = value.as_str().filter(|text| text.starts_with('-'));
    let ago: Option<SignedDuration> = ago.and_then(|text| text.parse().ok());
    if let Some(time) = ago.and_then(|ago| now.checked_add(ago).ok()) {
        *value = seven_digits(time, "Z").into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_exports_are_read_and_written_with_seven_digits() {
        for text in [
            "2026-03-03T01:15:12Z",
            "/Date(1772500512000)/",
            "Date(1772500512000)",
            "/Date(1772500512000+0100)/",
        ] {
            let time = parse(text).unwrap();
            assert_eq!(seven_digits(time, "Z"), "2026-03-03T01:15:12.0000000Z");
        }
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let time = parse("2026-03-03T01:15:12Z");
        assert_eq!(parse_utc("2026-03-03T01:15:12"), time);
        assert_eq!(parse_utc("2026-03-03 01:15:12"), time);
        assert_eq!(parse_utc("2026-03-03T02:15:12+01:00"), time);
        assert_eq!(parse_utc("2026-03-03"), parse("2026-03-03T00:00:00Z"));
        assert_eq!(parse_utc("-90m"), None);
    }

    #[test]
    fn times_before_the_start_are_settled_and_others_left() {
        let now = parse("2026-03-03T01:15:12Z").unwrap();
        for (before, after) in [
            ("-90m", "2026-03-02T23:45:12.0000000Z"),
            ("2026-03-03T01:15:12", "2026-03-03T01:15:12"),
            ("-", "-"),
        ] {
            let mut value = before.into();
            settle(&mut value, now);
            assert_eq!(value, after);
        }
        let exact: Timestamp = "2026-03-03T01:15:12.123456789Z".parse().unwrap();
        assert_eq!(ticks(exact), parse("2026-03-03T01:15:12.1234567Z").unwrap());
    }
}
