//! Times as traces and logs write them, one after another and mostly alike.

use crate::document::time::parse_service_time;
use jiff::civil;

/// Which of two numbers is the day, where a date is written with slashes or dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `4/16/2021`
    MonthFirst,
    /// `16/04/2021`
    DayFirst,
}

impl Order {
    /// Settles the order from a column's first dates: a number above 12 is a day. `None` where none is.
    pub fn of<'d>(dates: impl IntoIterator<Item = &'d [u8]>) -> Option<Self> {
        dates.into_iter().find_map(|date| {
            let (one, two, _) = numbers(date)?;
            match (one > 12, two > 12) {
                (false, true) => Some(Self::MonthFirst),
                (true, false) => Some(Self::DayFirst),
                _ => None,
            }
        })
    }
}

/// The three numbers of a date with slashes or dots, the year last.
fn numbers(text: &[u8]) -> Option<(i8, i8, i16)> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let date = text.split([' ', 'T', ',']).next()?;
    let separator = date.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
    let mut parts = date.split(separator);
    let numbers = (
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    (parts.next().is_none() && numbers.2 >= 1000).then_some(numbers)
}

/// 1990 to 2100, in Unix seconds.
const TIMES: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// Reads times of one column. The hour of the time before is remembered, as rows are mostly in order.
#[derive(Clone, Debug)]
pub struct Clock {
    order: Option<Order>,
    hour: [u8; 13],
    seconds: i64,
}

impl Clock {
    /// A clock for a column whose dates with slashes are written in this order; `None` where nobody knows.
    pub const fn new(order: Option<Order>) -> Self {
        Self {
            order,
            hour: [0; 13],
            seconds: 0,
        }
    }

    /// Unix seconds of a UTC time; `None` where it cannot be read for certain, or is of no time in which there was such
    /// a service.
    pub fn seconds(&mut self, text: &[u8]) -> Option<i64> {
        self.any(text).filter(|seconds| TIMES.contains(seconds))
    }

    fn any(&mut self, text: &[u8]) -> Option<i64> {
        self.iso(text)
            .or_else(|| {
                parse_service_time(std::str::from_utf8(text).ok()?).map(|time| time.as_second())
            })
            .or_else(|| self.written_out(text))
    }

    /// `2026-11-20T09:00:00`, with `T` or a blank, any fraction, and UTC or nothing as its zone.
    fn iso(&mut self, text: &[u8]) -> Option<i64> {
        let hour: [u8; 13] = text.get(..13)?.try_into().ok()?;
        let [b':', m1, m2, b':', s1, s2, rest @ ..] = text.get(13..)? else {
            return None;
        };
        let fraction = match rest {
            [b'.', digits @ ..] => {
                let end = digits.iter().position(|byte| !byte.is_ascii_digit());
                end.map_or(&[][..], |end| digits.get(end..).unwrap_or_default())
            }
            _ => rest,
        };
        if !matches!(fraction.trim_ascii(), b"" | b"Z" | b"z" | b"+00:00") {
            return None;
        }
        let two = |tens: u8, ones: u8| {
            let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        };
        let within = two(*m1, *m2).filter(|m| *m < 60)? * 60 + two(*s1, *s2).filter(|s| *s < 61)?;
        if hour != self.hour {
            self.seconds = start_of_hour(&hour)?;
            self.hour = hour;
        }
        Some(self.seconds + within)
    }

    /// `4/16/2021 12:08:47 PM`, `16.04.2021 12:08:47`
    fn written_out(&self, text: &[u8]) -> Option<i64> {
        let (one, two, year) = numbers(text)?;
        let (month, day) = match (self.order, one > 12, two > 12) {
            (Some(Order::MonthFirst), ..) | (_, false, true) => (one, two),
            (Some(Order::DayFirst), ..) | (_, true, false) => (two, one),
            _ => return None,
        };
        let text = std::str::from_utf8(text).ok()?.trim();
        let clock = text.split_once([' ', 'T'])?.1.trim();
        let (clock, half) = match clock.rsplit_once([' ', '\u{202f}', '\u{a0}']) {
            Some((clock, half)) => (clock, Some(half.to_ascii_uppercase())),
            None => (clock, None),
        };
        let mut parts = clock.split(':');
        let hour: i8 = parts.next()?.trim().parse().ok()?;
        let minute: i8 = parts.next()?.parse().ok()?;
        let second: i8 = parts.next().map_or(Some(0), |second| {
            second.split('.').next().unwrap_or(second).parse().ok()
        })?;
        let hour = match half.as_deref() {
            None => hour,
            Some("AM") if (1..=12).contains(&hour) => hour % 12,
            Some("PM") if (1..=12).contains(&hour) => hour % 12 + 12,
            Some(_) => return None,
        };
        seconds(civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?)
    }
}

fn start_of_hour(text: &[u8; 13]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (date, hour) = text.split_once(['T', ' '])?;
    let date: civil::Date = date.parse().ok()?;
    seconds(date.to_datetime(civil::Time::new(hour.parse().ok()?, 0, 0, 0).ok()?))
}

fn seconds(time: civil::DateTime) -> Option<i64> {
    let zoned = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    Some(zoned.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_in_every_spelling() {
        for text in [
            "2021-04-16T12:08:47",
            "2021-04-16T12:08:47Z",
            "2021-04-16T12:08:47.0480000Z",
            "2021-04-16 12:08:47.123",
            "2021-04-16T12:08:47.0000000Z ",
            "2021-04-16T14:08:47+02:00",
            "/Date(1618574927000)/",
            "4/16/2021 12:08:47 PM",
            "16/04/2021 12:08:47",
            "16.04.2021 12:08:47",
        ] {
            assert_eq!(
                Clock::new(None).seconds(text.as_bytes()),
                Some(1_618_574_927),
                "{text}"
            );
        }
    }

    #[test]
    fn a_date_that_can_be_read_two_ways_is_read_only_by_an_order() {
        let text = b"04/05/2021 00:30:00";
        assert_eq!(Clock::new(None).seconds(text), None);
        let first = Clock::new(Some(Order::MonthFirst)).seconds(text);
        let second = Clock::new(Some(Order::DayFirst)).seconds(text);
        assert!(first.is_some() && second.is_some() && first != second);
        assert_eq!(
            Order::of([&b"04/05/2021 1:00"[..], &b"04/13/2021 1:00"[..]]),
            Some(Order::MonthFirst)
        );
        assert_eq!(Order::of([&b"04/05/2021"[..]]), None);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2021-04-16",
            "2021-13-16T12:08:47Z",
            "2021-04-16T25:08:47Z",
            "2021-04-16T12:61:47Z",
            "13/13/2021 1:00:00",
            "4/16/2021 13:08:47 PM",
            "yesterday",
        ] {
            assert_eq!(Clock::new(None).seconds(text.as_bytes()), None, "{text}");
        }
    }
}
