//! How long the service is waited for.

use super::fault::{Fault, Kind};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::time::{Duration, Instant};

/// How often a request that only reads is sent, the first time included.
pub const ATTEMPTS: u32 = 4;

/// The pause before the second attempt; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How long the service is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// One request, from connecting to the last byte.
    pub request: Duration,
    /// Everything that one tenant needs, its pauses included.
    pub tenant: Duration,
}

impl Default for Patience {
    /// Clients of the service wait 30 to 120 seconds for a cmdlet.
    fn default() -> Self {
        Self {
            request: Duration::from_secs(60),
            tenant: Duration::from_secs(300),
        }
    }
}

/// What is left of the time for one tenant.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    end: Instant,
}

impl Budget {
    /// A budget that begins now.
    pub fn new(patience: &Patience) -> Self {
        Self::of(patience.tenant)
    }

    /// A budget of so much that begins now.
    pub fn of(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
        }
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Waits, where that does not use up the time.
    ///
    /// # Errors
    ///
    /// A fault where it would.
    pub fn wait(&self, pause: Duration, what: &str, why: &str) -> Result<(), Fault> {
        if pause >= self.left() {
            return Err(Fault::new(
                Kind::Budget,
                what,
                format!(
                    "{why}, and the time for this tenant is over: another attempt would begin in {}",
                    seconds(pause)
                ),
                "try again later, or give a tenant more time with --budget",
            ));
        }
        std::thread::sleep(pause);
        Ok(())
    }
}

/// A duration in seconds, in words.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f32())
}

/// The pause before an attempt: doubling, and another one for every process, so that
/// many who were turned away together do not come back together.
pub fn pause(attempt: u32) -> Duration {
    let doubled = FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(6));
    let mut byte = [128_u8];
    // Without randomness the pause is the middle one.
    let _ = SystemRandom::new().fill(&mut byte);
    let [spread] = byte;
    doubled.mul_f32(0.5 + f32::from(spread) / 255.0)
}
