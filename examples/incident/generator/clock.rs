//! Times: milliseconds since 1970 in UTC, and every way in which Exchange and its tools write them.

/// One second in milliseconds.
pub const SECOND: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// One day in milliseconds.
pub const DAY: i64 = 24 * HOUR;

/// A moment taken apart into the calendar.
struct Calendar {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
}

/// Days since 1970 to year, month, day (the proleptic Gregorian calendar, counted in years that begin in March).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let moved = (5 * day_of_year + 2) / 153;
    let month = if moved < 10 { moved + 3 } else { moved - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * moved + 2) / 5 + 1)
}

fn calendar(at: i64) -> Calendar {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let rest = at.rem_euclid(DAY);
    Calendar {
        year,
        month,
        day,
        hour: rest / HOUR,
        minute: rest % HOUR / MINUTE,
        second: rest % MINUTE / SECOND,
        milli: rest % SECOND,
    }
}

/// The day of the week, Sunday 0.
pub fn weekday(at: i64) -> i64 {
    (at.div_euclid(DAY) + 4).rem_euclid(7)
}

/// `2026-03-02T08:15:22`: the unified audit log, without a zone.
pub fn iso_seconds(at: i64) -> String {
    let c = calendar(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    )
}

/// `2026-03-02T08:15:22.0480000Z`: seven fractional digits, as .NET writes them.
pub fn iso_seven(at: i64) -> String {
    format!("{}.{:03}0000Z", iso_seconds(at), calendar(at).milli)
}

/// `2026-03-02T08:15:22Z`.
pub fn iso_zulu(at: i64) -> String {
    format!("{}Z", iso_seconds(at))
}

/// `/Date(1772500512000)/`: Windows PowerShell 5.1.
pub fn date_ms(at: i64) -> String {
    format!("/Date({at})/")
}

/// `2026-03-02`, for file names.
pub fn day(at: i64) -> String {
    let c = calendar(at);
    format!("{:04}-{:02}-{:02}", c.year, c.month, c.day)
}

/// Whose culture a date is written in.
#[derive(Clone, Copy)]
pub enum Culture {
    /// `4/16/2026 1:08:47 PM`
    American,
    /// `16/04/2026 13:08:47`
    British,
    /// `16.04.2026 13:08:47`
    German,
}

/// A date as an exporter's culture shows it.
pub fn localised(at: i64, culture: Culture) -> String {
    let c = calendar(at);
    let time = format!("{:02}:{:02}:{:02}", c.hour, c.minute, c.second);
    match culture {
        Culture::American => {
            let half = if c.hour < 12 { "AM" } else { "PM" };
            let hour = (c.hour + 11) % 12 + 1;
            format!(
                "{}/{}/{} {}:{:02}:{:02} {half}",
                c.month, c.day, c.year, hour, c.minute, c.second
            )
        }
        Culture::British => format!("{:02}/{:02}/{:04} {time}", c.day, c.month, c.year),
        Culture::German => format!("{:02}.{:02}.{:04} {time}", c.day, c.month, c.year),
    }
}
