//! How many requests are too many, and when the next may come.

use super::waiting::lock;
use std::{
    collections::VecDeque,
    str::FromStr,
    sync::Mutex,
    time::{Duration, Instant},
};

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// In which time.
    pub time: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(count, time)| {
            let time: jiff::SignedDuration = time.parse().ok()?;
            Some(Self {
                count: count.parse().ok()?,
                time: time.try_into().ok()?,
            })
        });
        parsed.ok_or_else(|| "must be a number and a time, like 100/5m".to_owned())
    }
}

/// The times of those that were let through lately.
#[derive(Default)]
pub struct Window(Mutex<VecDeque<Instant>>);

impl Window {
    /// Lets one more through, or says how long it is until one may come.
    pub fn pass(&self, rate: Rate) -> Result<(), Duration> {
        let mut recent = lock(&self.0);
        while recent
            .front()
            .is_some_and(|time| time.elapsed() >= rate.time)
        {
            recent.pop_front();
        }
        if recent.len() < rate.count {
            recent.push_back(Instant::now());
            return Ok(());
        }
        let oldest = recent.front().map(Instant::elapsed);
        Err(rate.time.saturating_sub(oldest.unwrap_or_default()))
    }
}

/// A wait as `Retry-After` says it: whole seconds, never none.
pub fn seconds(wait: Duration) -> String {
    let more = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + more).max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_is_told_how_long_to_wait() {
        let rate: Rate = "2/5m".parse().unwrap();
        let window = Window::default();
        assert_eq!((window.pass(rate), window.pass(rate)), (Ok(()), Ok(())));
        let wait = window.pass(rate).unwrap_err();
        assert_eq!(seconds(wait), "300");
        assert_eq!(seconds(Duration::ZERO), "1");
        for wrong in ["", "2", "2/", "x/1s", "2/-1s", "2/soon"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
