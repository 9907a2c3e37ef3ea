//! The emulator's clock, which may be wrong, and the forms in which Microsoft writes times.

use jiff::{SignedDuration, Timestamp};

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
}
