//! How many requests each host is answering: no host gets more at a time, however many tenants are read.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many requests at a time go to one host.
const PER_HOST: usize = 48;

/// How many requests each host is answering.
#[derive(Default)]
pub(super) struct Hosts {
    busy: Mutex<BTreeMap<String, usize>>,
    left: Condvar,
}

impl Hosts {
    /// Waits for a place at a host; none where there was none in time.
    pub(super) fn enter(&self, host: &str, most: Duration) -> Option<Place<'_>> {
        let end = Instant::now() + most;
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while busy.get(host).is_some_and(|count| *count >= PER_HOST) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.left.wait_timeout(busy, left);
            busy = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *busy.entry(host.to_owned()).or_default() += 1;
        Some(Place {
            hosts: self,
            host: host.to_owned(),
        })
    }
}

/// A place at a host, given back when it is dropped.
pub(super) struct Place<'h> {
    hosts: &'h Hosts,
    host: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut busy = self
            .hosts
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.host) {
            *count = count.saturating_sub(1);
        }
        // Those who wait may wait for other hosts.
        self.hosts.left.notify_all();
    }
}
