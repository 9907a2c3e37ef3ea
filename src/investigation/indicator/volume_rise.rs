//! A sudden rise of mail: the first of the runbook's signs.
//!
//! What is normal is the median of the same hour on other days of the same
//! kind, and of the same weekday; an hour earlier and later count too, as
//! people and jobs are not punctual. The hour that is judged is never part of
//! its own normal.

use super::measure::{MAD, deviation, median, to_f64, when};
use super::{Case, Indicator, Sign, Strength};
use crate::evidence::traffic::{Cell, Hour};
use crate::policy::threshold::{Threshold, Thresholds};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "volume-rise",
    title: "A sudden rise of mail through the connector",
    why: "A sudden rise of outbound mail is the first of the runbook's signs. A newsletter rises too: by itself it is no reason to act where everything else about that mail is as usual.",
    of_mail: true,
    judge,
};

/// What is normal for an hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The hour.
    pub hour: Hour,
    /// The mails that there were.
    pub mails: f64,
    /// The mails that are normal.
    pub normal: f64,
    /// The most mails that are still normal.
    pub upper: f64,
}

impl Band {
    /// Whether there were more than is normal.
    pub fn is_unusual(&self) -> bool {
        self.mails > self.upper
    }
}

/// What is normal for each hour of a window.
pub fn band(
    hours: &BTreeMap<Hour, Cell>,
    days: &BTreeSet<i64>,
    thresholds: &Thresholds,
) -> Vec<Band> {
    let mails = |hour: Hour| to_f64(hours.get(&hour).map_or(0, |cell| cell.mails));
    // Only days on which there was any mail: one row with a wrong date is no year of silence.
    let all = || {
        days.iter()
            .flat_map(|day| (0..24).map(move |clock| day * 24 + clock))
    };
    let rhythm = Rhythm::new(all(), &mails);
    all()
        .map(|hour| {
            let (normal, spread) = rhythm.of(hour);
            let times = thresholds.get(Threshold::RiseTimes) * normal;
            let deviations = normal + thresholds.get(Threshold::RiseDeviations) * spread;
            Band {
                hour,
                mails: mails(hour),
                normal,
                upper: times.max(deviations),
            }
        })
        .collect()
}

/// Mails by hour of the day, on workdays and on days off, and by weekday.
struct Rhythm {
    kinds: BTreeMap<(bool, i64), Vec<(i64, f64)>>,
    weekdays: BTreeMap<(i64, i64), Vec<(i64, f64)>>,
}

/// Days since Thursday, 1 January 1970.
const fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

const fn is_workday(day: i64) -> bool {
    weekday(day) < 5
}

impl Rhythm {
    fn new(all: impl Iterator<Item = Hour>, mails: &impl Fn(Hour) -> f64) -> Self {
        let mut rhythm = Self {
            kinds: BTreeMap::new(),
            weekdays: BTreeMap::new(),
        };
        for hour in all {
            let (day, clock) = (hour.div_euclid(24), hour.rem_euclid(24));
            let seen = (day, mails(hour));
            rhythm
                .kinds
                .entry((is_workday(day), clock))
                .or_default()
                .push(seen);
            rhythm
                .weekdays
                .entry((weekday(day), clock))
                .or_default()
                .push(seen);
        }
        rhythm
    }

    /// The normal of an hour, and its spread as a standard deviation.
    fn of(&self, hour: Hour) -> (f64, f64) {
        let day = hour.div_euclid(24);
        let mut normal: (f64, f64) = (0.0, 0.0);
        for near in [hour - 1, hour, hour + 1] {
            let (own, clock) = (near.div_euclid(24), near.rem_euclid(24));
            let kind = self.kinds.get(&(is_workday(own), clock));
            let same = self.weekdays.get(&(weekday(own), clock));
            for (seen, least) in [(kind, 3), (same, 3)] {
                let others = seen
                    .into_iter()
                    .flatten()
                    .filter(|(other, _)| *other != day);
                let mut values: Vec<f64> = others.map(|(_, mails)| *mails).collect();
                if values.len() < least {
                    continue;
                }
                let middle = median(&mut values);
                // Mail comes by chance: of m mails the square root of m is no news.
                let spread = deviation(&values, middle).max(middle.sqrt()).max(1.0);
                if middle > normal.0 || normal.1 == 0.0 {
                    normal = (middle, spread.max(normal.1));
                }
            }
        }
        (normal.0, normal.1.max(1.0))
    }
}

fn judge(case: &Case<'_>) -> Sign {
    let mail = match case.mail() {
        Ok(mail) => mail,
        Err(why) => return Sign::not_evaluated(INDICATOR.id, why),
    };
    let limits = [
        Threshold::RiseMails,
        Threshold::RiseTimes,
        Threshold::RiseDeviations,
        Threshold::RiseDays,
    ];
    let own_days: BTreeSet<i64> = mail.hours.keys().map(|hour| hour.div_euclid(24)).collect();
    let needed = case.thresholds.get(Threshold::RiseDays);
    // One that was made not long ago has no normal of its own yet.
    if !mail.stands_for && case.examined.is_new && to_f64(own_days.len() as u64) < needed {
        return new_connector(case, mail.hours);
    }
    let days = mail.traffic.days();
    #[allow(clippy::cast_precision_loss, reason = "days are few")]
    if (days as f64) < needed {
        return Sign::not_evaluated(
            INDICATOR.id,
            format!("cold start: the trace covers {days} days, and {needed:.0} are needed before anything is called normal"),
        )
        .limits(case.thresholds, &limits);
    }
    let bands = band(mail.hours, &mail.traffic.days, case.thresholds);
    let unusual: Vec<&Band> = bands.iter().filter(|band| band.is_unusual()).collect();
    let mut worst = (0.0, 0.0, 0.0, Vec::new());
    for (index, last) in unusual.iter().enumerate() {
        let within = unusual
            .iter()
            .take(index + 1)
            .filter(|own| last.hour - own.hour < 24);
        let within: Vec<&&Band> = within.collect();
        let excess: f64 = within.iter().map(|own| own.mails - own.normal).sum();
        if excess > worst.0 {
            let mails = within.iter().map(|own| own.mails).sum();
            let normal = within.iter().map(|own| own.normal).sum();
            worst = (
                excess,
                mails,
                normal,
                within.iter().map(|own| own.hour).collect(),
            );
        }
    }
    let (excess, mails, normal, hours) = worst;
    let limit = case.thresholds.get(Threshold::RiseMails);
    let strong = excess >= limit;
    let message = if strong {
        format!(
            "{mails:.0} mails in {} unusual hours {}, where {normal:.0} are normal",
            hours.len(),
            when(&hours)
        )
    } else {
        format!("no more mail than is normal for weekday and hour, over {days} days")
    };
    Sign::new(
        INDICATOR.id,
        match (strong, mail.stands_for) {
            (true, true) => Strength::Weak,
            (true, false) => Strength::Strong,
            (false, _) => Strength::Quiet,
        },
        format!("{message}{}", mail.aside()),
    )
    .scored(excess, limit)
    .number("mails in unusual hours", mails)
    .number("normal for them", normal)
    .number("too many", excess)
    .number(
        "days of mail",
        to_f64(u64::try_from(days).unwrap_or_default()),
    )
    .number("robust deviation of a median deviation of 1", MAD)
    .limits(case.thresholds, &limits)
    .at(if strong { hours } else { Vec::new() })
}

/// A connector that has no earlier mail has no normal: a fixed rate is held against it, and said to be one.
fn new_connector(case: &Case<'_>, hours: &BTreeMap<Hour, Cell>) -> Sign {
    let limit = case.thresholds.get(Threshold::NewRate);
    let busiest = hours
        .iter()
        .max_by_key(|(hour, cell)| (cell.mails, std::cmp::Reverse(**hour)));
    let most = busiest.map_or(0, |(_, cell)| cell.mails);
    let all: u64 = hours.values().map(|cell| cell.mails).sum();
    let strength = if to_f64(most) >= limit {
        Strength::Strong
    } else if all > 0 {
        Strength::Weak
    } else {
        Strength::Quiet
    };
    Sign::new(
        INDICATOR.id,
        strength,
        format!("{most} mails in its busiest hour, {all} in all {}; the connector is new and has no normal, so Microsoft's rate is held against it", when(&hours.keys().copied().collect::<Vec<_>>())),
    )
    .scored(to_f64(most), limit)
    .number("mails in the busiest hour", to_f64(most))
    .number("mails in all", to_f64(all))
    .limits(case.thresholds, &[Threshold::NewRate])
    .at(hours.keys().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(mails: impl Fn(i64, i64) -> u64) -> BTreeMap<Hour, Cell> {
        (0..28 * 24)
            .map(|hour| {
                let mails = mails(hour / 24, hour % 24);
                (
                    hour,
                    Cell {
                        mails,
                        ..Cell::default()
                    },
                )
            })
            .collect()
    }

    fn unusual(hours: &BTreeMap<Hour, Cell>) -> Vec<Hour> {
        let bands = band(hours, &(0..28).collect(), &Thresholds::default());
        bands
            .iter()
            .filter(|own| own.is_unusual())
            .map(|own| own.hour)
            .collect()
    }

    #[test]
    fn rhythm_is_no_rise_and_a_burst_is() {
        // Workdays are busy, each night at two there is a job, each Monday at three another one.
        let usual = |day: i64, clock: i64| match (weekday(day), clock) {
            (_, 2) => 500,
            (0, 3) => 900,
            (0..5, 8..18) => 40,
            _ => 1,
        };
        let mut hours = weeks(usual);
        assert_eq!(unusual(&hours), Vec::<Hour>::new());
        let night = 20 * 24 + 22;
        hours.insert(
            night,
            Cell {
                mails: 60,
                ..Cell::default()
            },
        );
        assert_eq!(unusual(&hours), [night]);
    }

    #[test]
    fn a_job_that_is_an_hour_late_is_no_rise() {
        let mut hours = weeks(|_, clock| if clock == 2 { 500 } else { 1 });
        hours.insert(10 * 24 + 2, Cell::default());
        hours.insert(
            10 * 24 + 3,
            Cell {
                mails: 500,
                ..Cell::default()
            },
        );
        assert_eq!(unusual(&hours), Vec::<Hour>::new());
    }
}
