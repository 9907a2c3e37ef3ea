//! A regular source of mail, with what is usual for it.

use super::clock::{DAY, HOUR};
use super::organization::Organization;
use super::rhythm::Rhythm;
use super::rng::Rng;

/// What a source of mail is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Own servers that an OnPremises connector knows by address.
    Relay,
    /// Own Exchange servers that an OnPremises connector knows by certificate.
    Hybrid,
    /// A partner's servers.
    Partner,
    /// People who write from their mailboxes in the cloud.
    Cloud,
    /// Everybody else.
    Internet,
}

/// A regular source of mail.
#[derive(Clone)]
pub struct Stream {
    /// What it is.
    pub source: Source,
    /// The name of the connector that its sessions match.
    pub connector: Option<String>,
    /// The addresses of its servers.
    pub hosts: Vec<String>,
    /// The domain that a partner writes from.
    pub domain: String,
    /// Mails on a working day.
    pub daily: f64,
    /// The local hour of a nightly job, and how many mails it sends.
    pub batch: Option<(i64, f64)>,
}

impl Stream {
    /// How many mails are usual in this hour.
    pub fn expected(&self, rhythm: &Rhythm, organization: &Organization, hour: i64) -> f64 {
        let batch = match self.batch {
            Some((at, size)) if organization.hour(hour) == at => size,
            _ => 0.0,
        };
        rhythm.expected(self.daily, hour) + batch
    }
}

/// How many mails a burst brings in each of its hours.
///
/// Every hour has at least `times` its usual number; together they are at least `least` and about `most` at most. Hours
/// that would not fit any more are left out, but one always remains.
pub fn burst_volumes(
    usual: &[f64],
    times: (f64, f64),
    least: f64,
    most: f64,
    rng: &mut Rng,
) -> Vec<usize> {
    let floor = least / usual.len().max(1) as f64;
    let mut left = most;
    let mut volumes = Vec::new();
    for &usual in usual {
        let needed = (usual * times.0).max(floor) + 1.0;
        let volume = (usual * rng.range(times.0, times.1))
            .max(floor * rng.range(1.0, 1.7))
            .max(needed);
        if needed > left && !volumes.is_empty() {
            break;
        }
        // No single hour takes more than half, so that a burst lasts at least two hours wherever it can.
        let volume = volume.min((most / 2.0).min(left).max(needed)).ceil();
        left -= volume;
        volumes.push(volume as usize);
    }
    let short = (least.ceil() as usize).saturating_sub(volumes.iter().sum());
    if let Some(first) = volumes.first_mut() {
        *first += short;
    }
    volumes
}

/// All full hours of the evidence.
pub fn hours(organization: &Organization) -> impl Iterator<Item = i64> {
    let start = organization.start;
    (0..organization.days * (DAY / HOUR)).map(move |hour| start + hour * HOUR)
}

/// A moment within this hour.
pub fn within(hour: i64, rng: &mut Rng) -> i64 {
    hour + rng.between(0, HOUR - 1)
}
