//! Ctrl-C and its kin: a run that only reads ends at once, one that writes after the write in hand.
//!
//! An interrupted run never ends with 0: 130 after Ctrl-C, 143 after the signal
//! by which schedulers end jobs.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// How many writes are in hand.
static IN_HAND: AtomicUsize = AtomicUsize::new(0);
/// The signal that came meanwhile.
static CAME: AtomicI32 = AtomicI32::new(0);

/// Begins to watch for signals. Where the system has none to watch for, they end the program as ever.
#[cfg(unix)]
pub(super) fn watch() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let again = CAME.swap(signal, Ordering::SeqCst) != 0;
            if again || IN_HAND.load(Ordering::SeqCst) == 0 {
                end(signal);
            }
        }
    });
}

/// Elsewhere a signal ends the program as ever, and what was in hand is found by the next run.
#[cfg(not(unix))]
pub(super) fn watch() {}

/// What a run that was interrupted ends with.
fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(130)
}

#[cfg(unix)]
#[expect(
    clippy::exit,
    reason = "nothing is in hand: what was read is not recorded, and nothing is half written"
)]
fn end(signal: i32) {
    std::process::exit(code(signal).into());
}

/// A write that is in hand: until it is dropped, one signal waits.
pub(super) struct Write;

impl Write {
    pub fn begin() -> Self {
        IN_HAND.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        IN_HAND.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the run is to end with, where a signal came while something was in hand.
pub(super) fn came() -> Option<u8> {
    match CAME.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(code(signal)),
    }
}
