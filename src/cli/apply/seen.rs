//! Looking until something is seen: writes take a while to reach every server of the service.

use std::time::{Duration, Instant};

/// The pause before the second look; it doubles each time.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// No pause between two looks is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Looks until `is_it` says that it is seen, or the time is over; what was seen last.
pub(super) fn until<T>(
    most: Duration,
    mut look: impl FnMut() -> T,
    is_it: impl Fn(&T) -> bool,
) -> T {
    let end = Instant::now() + most;
    let mut pause = FIRST_LOOK;
    loop {
        let seen = look();
        let left = end.saturating_duration_since(Instant::now());
        if is_it(&seen) || left.is_zero() {
            return seen;
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
