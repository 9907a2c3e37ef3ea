//! Gathering records: each once, what matters whole, and of the rest how much there was on which day.

use super::wire::{self, Glance, plain};
use super::{AuditRecord, Topic, UserType};
use crate::evidence::date::Clock;
use crate::finding::Location;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// So many records of people and applications are kept whole.
const MOST_KEPT: usize = 250_000;

/// What was read of a log.
#[derive(Clone, Debug, Default)]
pub struct AuditLog {
    /// What people and applications did, oldest first.
    pub records: Vec<AuditRecord>,
    /// Records that were there more than once.
    pub duplicates: u64,
    /// Records of the service's own work.
    pub noise: u64,
    /// Records that were too many to keep.
    pub dropped: u64,
    /// Records about connectors that could not be read: one of them may be the one that matters.
    pub unread_about_connectors: u64,
    /// How many records there are of each day, in days since 1970.
    pub days: BTreeMap<i64, u64>,
}

impl AuditLog {
    /// The first and the last day for which there is any record.
    pub fn window(&self) -> Option<(i64, i64)> {
        let (first, _) = self.days.first_key_value()?;
        let (last, _) = self.days.last_key_value()?;
        Some((*first, *last))
    }

    /// Days inside the window of which there is no record at all: the log may not cover them.
    pub fn silent_days(&self) -> Vec<i64> {
        let Some((first, last)) = self.window() else {
            return Vec::new();
        };
        (first..=last)
            .filter(|day| !self.days.contains_key(day))
            .collect()
    }

    /// The records about something.
    pub fn about(&self, topic: Topic) -> impl Iterator<Item = &AuditRecord> {
        self.records
            .iter()
            .filter(move |record| record.topic == topic)
    }
}

/// Gathers records of several files.
#[derive(Default)]
pub struct Collector {
    log: AuditLog,
    ids: BTreeSet<String>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// It is worth keeping.
    Kept,
    /// It was counted.
    Counted,
    /// It could not be read.
    Rejected,
}

impl Collector {
    /// Takes the `AuditData` of a row, and says what became of it, and when it was.
    pub fn add(
        &mut self,
        data: &str,
        clock: &mut Clock,
        place: impl FnOnce() -> Location,
    ) -> (Took, Option<i64>) {
        let Ok(glance) = serde_json::from_str::<Glance<'_>>(data) else {
            return (self.reject(data), None);
        };
        let Some(seconds) = clock.seconds(plain(glance.creation_time).as_bytes()) else {
            return (self.reject(data), None);
        };
        *self.log.days.entry(seconds.div_euclid(86_400)).or_default() += 1;
        if !is_worth_keeping(&glance) {
            self.log.noise += 1;
            return (Took::Counted, Some(seconds));
        }
        match wire::read(data, clock, place()) {
            Some(record) => (self.keep(record), Some(seconds)),
            None => (self.reject(data), Some(seconds)),
        }
    }

    /// Notes that the log was asked for a time as a whole.
    pub fn cover(&mut self, from: Timestamp, to: Timestamp) {
        for day in from.as_second().div_euclid(86_400)..=to.as_second().div_euclid(86_400) {
            self.log.days.entry(day).or_default();
        }
    }

    /// Takes a record of which only the columns beside its `AuditData` could be read.
    pub fn add_cut_off(&mut self, record: AuditRecord) {
        self.log.unread_about_connectors += 1;
        self.keep(record);
    }

    fn keep(&mut self, record: AuditRecord) -> Took {
        if !record.id.is_empty() && !self.ids.insert(record.id.clone()) {
            self.log.duplicates += 1;
            return Took::Counted;
        }
        if self.log.records.len() >= MOST_KEPT
            && matches!(record.topic, Topic::Other | Topic::SignIn)
        {
            self.log.dropped += 1;
            return Took::Counted;
        }
        self.log.records.push(record);
        Took::Kept
    }

    fn reject(&mut self, data: &str) -> Took {
        if data.to_ascii_lowercase().contains("inboundconnector") {
            self.log.unread_about_connectors += 1;
        }
        Took::Rejected
    }

    /// The log, in order.
    pub fn finish(mut self) -> AuditLog {
        self.log.records.sort_by(|one, other| {
            (one.time, &one.id, &one.operation, &one.place).cmp(&(
                other.time,
                &other.id,
                &other.operation,
                &other.place,
            ))
        });
        self.log
    }
}

/// Whether a record says what somebody did, or is the service's own noise and mailbox traffic.
fn is_worth_keeping(glance: &Glance<'_>) -> bool {
    let topic = Topic::of(&plain(glance.operation));
    let service = UserType::of(&plain(glance.user_type)) == UserType::Service;
    let external = plain(glance.external_access).eq_ignore_ascii_case("true");
    match topic {
        Topic::Other | Topic::Organization => {
            let record_type = plain(glance.record_type);
            // 1 ExchangeAdmin, 8 AzureActiveDirectory: what was administered.
            let administration = matches!(
                record_type.to_ascii_lowercase().as_str(),
                "1" | "8" | "exchangeadmin" | "azureactivedirectory"
            );
            administration && !service && !external
        }
        _ => true,
    }
}
