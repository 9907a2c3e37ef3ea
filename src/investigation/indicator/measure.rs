//! Robust statistics: a median and a median deviation are not moved by the very burst that they are to show.

use crate::evidence::traffic::{Cell, Hour};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The median; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or_default();
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = middle
        .checked_sub(1)
        .and_then(|below| values.get(below))
        .copied();
    lower.map_or(upper, |lower| f64::midpoint(lower, upper))
}

/// The standard deviation of a normal distribution with this median deviation.
pub const MAD: f64 = 1.4826;

/// The median absolute deviation, as a standard deviation.
pub fn deviation(values: &[f64], median_of: f64) -> f64 {
    let mut distances: Vec<f64> = values
        .iter()
        .map(|value| (value - median_of).abs())
        .collect();
    median(&mut distances) * MAD
}

/// A share of mail that is unusual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The mails that make it up, in the worst 24 hours.
    pub part: f64,
    /// All mails in them.
    pub whole: f64,
    /// The share that is usual.
    pub usual: f64,
    /// How many of the part are too many.
    pub excess: f64,
    /// By how many standard deviations of chance.
    pub deviations: f64,
    /// The first and the last of those hours.
    pub window: (Hour, Hour),
    /// The part and the whole of all mail.
    pub overall: (f64, f64),
}

/// A share is usual at this much even where nothing was seen: one in two hundred.
const LEAST_USUAL: f64 = 0.005;

/// A day counts for what is usual from so many mails on.
const LEAST_MAILS: f64 = 5.0;

/// The time that hours span, in words.
pub(super) fn when(hours: &[Hour]) -> String {
    let time = |hour: Hour| {
        Timestamp::from_second(hour * 3600)
            .map(|time| time.strftime("%Y-%m-%d %H:%M").to_string())
            .unwrap_or_default()
    };
    match (hours.iter().min(), hours.iter().max()) {
        (Some(first), Some(last)) => format!("from {} to {} UTC", time(*first), time(last + 1)),
        _ => String::new(),
    }
}

/// The 24 hours in which a share is most unusual, held against the median of all days. `None` without any mail.
pub fn worst_share(
    hours: &BTreeMap<Hour, Cell>,
    of: impl Fn(&Cell) -> (u64, u64),
) -> Option<Share> {
    let counted: Vec<(Hour, f64, f64)> = hours
        .iter()
        .map(|(hour, cell)| {
            let (part, whole) = of(cell);
            (*hour, to_f64(part), to_f64(whole))
        })
        .filter(|(_, _, whole)| *whole > 0.0)
        .collect();
    let mut days: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for (hour, part, whole) in &counted {
        let day = days.entry(hour.div_euclid(24)).or_default();
        *day = (day.0 + part, day.1 + whole);
    }
    let busy = days.values().filter(|(_, whole)| *whole >= LEAST_MAILS);
    let mut shares: Vec<f64> = busy.map(|(part, whole)| part / whole).collect();
    // Two days of burst are no custom: what is usual needs a week of days.
    let usual = if shares.len() >= 7 {
        median(&mut shares)
    } else {
        0.0
    };
    let usual = usual.clamp(LEAST_USUAL, 0.5);
    let overall = days
        .values()
        .fold((0.0, 0.0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
    let mut worst: Option<Share> = None;
    let (mut part_sum, mut whole_sum, mut from) = (0.0, 0.0, 0);
    for (hour, part, whole) in &counted {
        part_sum += part;
        whole_sum += whole;
        while let Some((_, gone, all)) = counted.get(from).filter(|(first, ..)| hour - first >= 24)
        {
            part_sum -= gone;
            whole_sum -= all;
            from += 1;
        }
        let excess = part_sum - usual * whole_sum;
        if worst.as_ref().is_none_or(|own| excess > own.excess) {
            let chance = (whole_sum * usual * (1.0 - usual)).sqrt().max(1.0);
            let start = counted.get(from).map_or(*hour, |(first, ..)| *first);
            worst = Some(Share {
                part: part_sum,
                whole: whole_sum,
                usual,
                excess,
                deviations: excess / chance,
                window: (start, *hour),
                overall,
            });
        }
    }
    worst
}

/// A count as a number; mails of one organization stay far below 2^53.
#[allow(
    clippy::cast_precision_loss,
    reason = "counts of mail stay far below 2^53"
)]
pub fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell(part: u64, whole: u64) -> Cell {
        Cell {
            mails: whole,
            filtered: part,
            ..Cell::default()
        }
    }

    fn of(cell: &Cell) -> (u64, u64) {
        (cell.filtered, cell.mails)
    }

    #[test]
    fn medians_are_medians() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(deviation(&[1.0, 1.0, 100.0], 1.0), 0.0);
    }

    #[test]
    fn a_burst_across_midnight_is_one_burst() {
        let mut hours: BTreeMap<Hour, Cell> =
            (0..30 * 24).map(|hour| (hour, cell(0, 10))).collect();
        for hour in 20 * 24 - 2..20 * 24 + 2 {
            hours.insert(hour, cell(20, 40));
        }
        let worst = worst_share(&hours, of).unwrap();
        assert_eq!(worst.part, 80.0);
        assert!(worst.deviations > 20.0, "{worst:?}");
        assert!(worst.window.0 <= 20 * 24 - 2 && worst.window.1 > 20 * 24);
    }

    #[test]
    fn what_has_always_been_is_usual() {
        let hours: BTreeMap<Hour, Cell> = (0..30 * 24).map(|hour| (hour, cell(2, 10))).collect();
        let share = worst_share(&hours, of).unwrap();
        assert!(share.deviations < 1.0, "{share:?}");
        assert_eq!(share.overall, (1440.0, 7200.0));
        assert!(worst_share(&BTreeMap::new(), of).is_none());
    }

    proptest! {
        #[test]
        fn one_day_never_moves_what_is_usual(spam in 0u64..5000, day in 0i64..30) {
            let mut hours: BTreeMap<Hour, Cell> = (0..30 * 24).map(|hour| (hour, cell(0, 10))).collect();
            hours.insert(day * 24 + 12, cell(spam, spam + 10));
            prop_assert!(worst_share(&hours, of).unwrap().usual <= LEAST_USUAL);
        }
    }
}
