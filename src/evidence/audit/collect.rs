//! Gathering records: each once, what matters whole, and of the rest how much there was on which day.

use super::wire::{self, Glance, plain};
use super::{AuditRecord, Topic, UserType};
use crate::caseless;
use crate::evidence::date::Clock;
use crate::finding::Location;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// So many records of people and applications are kept whole.
const MOST_KEPT: usize = 250_000;

/// So many organizations are told apart: one more than one is too many.
const MOST_ORGANIZATIONS: usize = 8;

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
    /// Records of whatever kind.
    pub rows: u64,
    /// How many records of Exchange's administration there are of each day, in days since 1970.
    pub days: BTreeMap<i64, u64>,
    /// The ids of the organizations that records are of, in lower case.
    pub organizations: BTreeSet<String>,
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
            return (Took::Rejected, None);
        };
        let Some(seconds) = clock.seconds(plain(glance.creation_time).as_bytes()) else {
            return (Took::Rejected, None);
        };
        self.log.rows += 1;
        // Only where what administrators of Exchange do is written down a change of a connector would be.
        if is_of_exchange(&glance) {
            *self.log.days.entry(seconds.div_euclid(86_400)).or_default() += 1;
        }
        let organization = plain(glance.organization_id);
        if !organization.is_empty() && self.log.organizations.len() < MOST_ORGANIZATIONS {
            self.log
                .organizations
                .insert(caseless::lower(&organization));
        }
        if !is_worth_keeping(&glance) {
            self.log.noise += 1;
            return (Took::Counted, Some(seconds));
        }
        match wire::read(data, clock, place()) {
            Some(record) => (self.keep(record), Some(seconds)),
            None => (Took::Rejected, Some(seconds)),
        }
    }

    /// Notes that the log was asked for a time as a whole.
    pub fn cover(&mut self, from: Timestamp, to: Timestamp) {
        for day in from.as_second().div_euclid(86_400)..=to.as_second().div_euclid(86_400) {
            self.log.days.entry(day).or_default();
        }
    }

    /// Notes a row that could not be read, with what of it names what was done; one about a connector may be the one
    /// that matters, and what its columns say is kept.
    pub fn reject(&mut self, said: &str, record: impl FnOnce() -> Option<AuditRecord>) {
        if said.to_ascii_lowercase().contains("inboundconnector") {
            self.log.unread_about_connectors += 1;
            if let Some(record) = record() {
                self.keep(record);
            }
        }
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
    let user_type = UserType::of(&plain(glance.user_type));
    let service = user_type == UserType::Service;
    let external = plain(glance.external_access).eq_ignore_ascii_case("true");
    match topic {
        Topic::Other | Topic::Organization => {
            let record_type = plain(glance.record_type).to_ascii_lowercase();
            // 8 AzureActiveDirectory
            let administration = is_of_exchange(glance)
                || matches!(record_type.as_str(), "8" | "azureactivedirectory");
            // Administrators of partners come from outside, too.
            administration && !service && (!external || user_type == UserType::Partner)
        }
        _ => true,
    }
}

/// Record type 1, ExchangeAdmin: what was done by a cmdlet.
fn is_of_exchange(glance: &Glance<'_>) -> bool {
    let record_type = plain(glance.record_type);
    record_type == "1" || record_type.eq_ignore_ascii_case("exchangeadmin")
}
