//! How much mail is usual in which hour. Bursts are measured against this, so it is known exactly.

use super::clock::{DAY, HOUR};
use super::organization::Organization;
use super::rng::Rng;

/// The rhythm of an organization's working week.
#[derive(Clone)]
pub struct Rhythm {
    zone: i64,
    start: i64,
    weights: [f64; 24],
    weekend: f64,
    trend: f64,
}

impl Rhythm {
    /// A rhythm of this seed: busy from about 8 to 18 local time, quiet at night and at weekends, gently growing or shrinking.
    pub fn new(organization: &Organization, rng: &mut Rng) -> Self {
        let night = rng.range(0.01, 0.06);
        let lunch = rng.range(0.6, 0.95);
        let (opens, closes) = (rng.between(7, 9) as usize, rng.between(16, 19) as usize);
        let mut weights = [night; 24];
        for (hour, weight) in weights.iter_mut().enumerate() {
            if (opens..closes).contains(&hour) {
                *weight = if hour == 12 { lunch } else { 1.0 };
            } else if hour + 1 == opens || hour == closes {
                *weight = 0.4;
            }
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Rhythm {
            zone: organization.zone,
            start: organization.start,
            weights,
            weekend: rng.range(0.04, 0.2),
            trend: rng.range(-0.08, 0.12),
        }
    }

    /// How many mails this hour would usually bring of `daily` on a working day.
    pub fn expected(&self, daily: f64, hour: i64) -> f64 {
        let local = hour + self.zone * HOUR;
        let weekday = (local.div_euclid(DAY) + 4).rem_euclid(7);
        let weight = self.weights[(local.rem_euclid(DAY) / HOUR) as usize];
        let day = if weekday == 0 || weekday == 6 {
            self.weekend
        } else {
            1.0
        };
        let grown = 1.0 + self.trend * (hour - self.start) as f64 / (30 * DAY) as f64;
        daily * weight * day * grown
    }
}
