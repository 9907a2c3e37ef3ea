//! Waiting that ends when the emulator is stopped, and requests that are held until a test lets them go.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Locks; a panic elsewhere does not make the state useless.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the emulator is stopped, for threads to wait on.
#[derive(Default)]
pub struct Stop {
    stopped: Mutex<bool>,
    bell: Condvar,
}

impl Stop {
    /// Stops: all that wait go on.
    pub fn stop(&self) {
        *lock(&self.stopped) = true;
        self.bell.notify_all();
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        *lock(&self.stopped)
    }

    /// Waits exactly so long, unless it is stopped.
    pub fn sleep(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let waiting = self
            .bell
            .wait_timeout_while(lock(&self.stopped), time, |stopped| !*stopped);
        drop(waiting);
    }
}

/// Where requests are held.
#[derive(Default)]
pub struct Gate {
    state: Mutex<Held>,
    bell: Condvar,
}

#[derive(Default)]
struct Held {
    now: usize,
    released: u64,
}

impl Gate {
    /// Holds the calling thread until the next release.
    pub fn hold(&self, stop: &Stop) {
        let mut state = lock(&self.state);
        let before = state.released;
        state.now += 1;
        self.bell.notify_all();
        while state.released == before && !stop.is_stopped() {
            let tick = Duration::from_millis(50);
            let waited = self.bell.wait_timeout(state, tick);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.now -= 1;
    }

    /// Lets everything go that is held now.
    pub fn release(&self) {
        lock(&self.state).released += 1;
        self.bell.notify_all();
    }

    /// Waits until something is held; false if nothing is after so long.
    pub fn wait_until_held(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = lock(&self.state);
        while state.now == 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.bell.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
