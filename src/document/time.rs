//! Times and durations as people and exports write them.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Reads an RFC 3339 time with offset, such as `2026-11-20T09:00:00Z`.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

/// Reads a duration such as `24h`, `90m` or `7d 12h`; a day is 24 hours.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    duration.is_positive().then_some(duration)
}

/// Says how long a duration is, in its two largest units: `2d 4h`, `35m`.
pub fn words(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let units = [
        ("d", seconds / 86_400),
        ("h", seconds / 3_600 % 24),
        ("m", seconds / 60 % 60),
        ("s", seconds % 60),
    ];
    let shown: Vec<String> = units
        .iter()
        .filter(|(_, amount)| *amount > 0)
        .take(2)
        .map(|(unit, amount)| format!("{amount}{unit}"))
        .collect();
    if shown.is_empty() {
        "0s".to_owned()
    } else {
        shown.join(" ")
    }
}

/// Reads a UTC date the way PowerShell and the REST service write them:
/// `/Date(ms)/` with or without slashes and offset, or ISO 8601 with any number
/// of fractional digits, with or without a zone. The offset in `/Date(ms+0200)/`
/// is the writer's zone and does not move the instant. The result is cut to
/// whole seconds: fractions differ between tools.
pub fn parse_service_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let seconds = match milliseconds(text) {
        Some(milliseconds) => milliseconds.div_euclid(1000),
        None => match text.parse::<Timestamp>() {
            Ok(time) => time.as_second(),
            Err(_) => format!("{text}Z").parse::<Timestamp>().ok()?.as_second(),
        },
    };
    Timestamp::from_second(seconds).ok()
}

fn milliseconds(text: &str) -> Option<i64> {
    let text = text
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
        .unwrap_or(text);
    let inner = text.strip_prefix("Date(")?.strip_suffix(')')?;
    // A sign inside, not the leading one, begins the offset.
    let end = inner
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'))
        .map_or(inner.len(), |(index, _)| index);
    inner.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_times_of_every_tool_are_one_instant() {
        for text in [
            "/Date(1772500512000)/",
            "Date(1772500512000)",
            "/Date(1772500512345+0200)/",
            "2026-03-03T01:15:12.0000000Z",
            "2026-03-03T01:15:12.0000000+00:00",
            "2026-03-03T01:15:12",
            "2026-03-03T02:15:12.9999999+01:00",
        ] {
            assert_eq!(
                parse_service_time(text)
                    .map(|time| time.to_string())
                    .as_deref(),
                Some("2026-03-03T01:15:12Z"),
                "{text}"
            );
        }
        for text in ["", "15.03.2019 02:31:53", "/Date()/", "Date(1", "yesterday"] {
            assert_eq!(parse_service_time(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_positive_and_days_have_24_hours() {
        assert_eq!(
            parse_duration("7d 12h"),
            Some(SignedDuration::from_hours(180))
        );
        assert_eq!(parse_duration("-1h"), None);
        assert_eq!(parse_duration("0h"), None);
        assert_eq!(words(SignedDuration::from_hours(180)), "7d 12h");
    }
}
