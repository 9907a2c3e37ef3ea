//! Mail by hour and connector: the one aggregate from which all indicators of mail are computed, whether it was
//! counted here from rows or by a service where the rows are.

mod cell;
mod collect;
mod hunted;
mod memory;
mod recipients;
mod routes;

pub use cell::Cell;
pub use collect::Collector;
pub use hunted::{ROW_SCHEMA, is_aggregate, read as read_hunted, schema as row_schema};
pub use recipients::{MAX_RECIPIENTS, Recipients};
pub use routes::{Approved, Route, Routes, address};

use std::collections::{BTreeMap, BTreeSet};

/// An hour since 1970, in UTC.
pub type Hour = i64;

/// Mail by hour and connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// For each route, in its order, the hours in which there was mail; last the outbound mail of no known connector.
    pub hours: Vec<BTreeMap<Hour, Cell>>,
    /// The first and the last hour for which there is any mail at all.
    pub window: Option<(Hour, Hour)>,
    /// The days on which there was any mail, or that were asked for as a whole.
    pub days: BTreeSet<i64>,
    /// How many rows were counted, of whatever mail.
    pub rows: u64,
    /// One of so many recipients was followed; 1 is each of them.
    pub recipients_followed: u64,
    /// Whether some rows said what the header's sender is.
    pub knows_headers: bool,
    /// Whether some rows named connectors that are known.
    pub names_connectors: bool,
    /// How many rows come from a trace that names connectors, whether it named one or none.
    pub told_connectors: u64,
    /// Whether some rows said what became of the mail.
    pub knows_fates: bool,
    /// Whether recipients that were never written to before can be told.
    pub knows_recipients: bool,
}

impl Traffic {
    /// The mail of a route; the one behind the last is the outbound mail of no known connector.
    pub fn of(&self, route: usize) -> Option<&BTreeMap<Hour, Cell>> {
        self.hours.get(route)
    }

    /// Whether mail can be told by the names of connectors: a few rows that have them say nothing of the others.
    pub fn knows_connectors(&self) -> bool {
        self.names_connectors && self.told_connectors >= self.rows.div_ceil(2)
    }

    /// How many days it covers.
    pub fn days(&self) -> i64 {
        i64::try_from(self.days.len()).unwrap_or(i64::MAX)
    }

    /// Notes that a time was asked for as a whole: it is covered, whether there was mail in it or not.
    pub fn cover(&mut self, (first, last): (Hour, Hour)) {
        let window = self.window.get_or_insert((first, last));
        *window = (window.0.min(first), window.1.max(last));
        self.days.extend(first.div_euclid(24)..=last.div_euclid(24));
    }

    /// Takes what another source counted of the same mail, where that is more: what one of them left out the other may have.
    pub fn widen(&mut self, other: Self) {
        if self.hours.len() < other.hours.len() {
            self.hours.resize(other.hours.len(), BTreeMap::new());
        }
        for (own, theirs) in self.hours.iter_mut().zip(&other.hours) {
            for (hour, cell) in theirs {
                let mine = own.entry(*hour).or_default();
                if cell.mails > mine.mails {
                    *mine = *cell;
                }
            }
        }
        let hours = vec![BTreeMap::new(); self.hours.len()];
        let rows = self.rows.max(other.rows);
        self.merge(Self { hours, ..other });
        self.rows = rows;
    }

    /// Adds the first contacts, once all mail was counted.
    pub fn contact(&mut self, recipients: &Recipients) {
        self.recipients_followed = recipients.one_of();
        for (hour, route) in recipients.firsts() {
            let hours = self.hours.get_mut(route);
            if let Some(cell) = hours.and_then(|hours| hours.get_mut(&hour)) {
                cell.first_contacts += self.recipients_followed;
            }
        }
    }

    /// Adds what another thread or file counted.
    pub fn merge(&mut self, other: Self) {
        if self.hours.len() < other.hours.len() {
            self.hours.resize(other.hours.len(), BTreeMap::new());
        }
        for (own, theirs) in self.hours.iter_mut().zip(other.hours) {
            for (hour, cell) in theirs {
                own.entry(hour).or_default().add(&cell);
            }
        }
        self.window = match (self.window, other.window) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (own, theirs) => own.or(theirs),
        };
        self.days.extend(other.days);
        self.rows = self.rows.saturating_add(other.rows);
        self.recipients_followed = self.recipients_followed.max(other.recipients_followed);
        self.knows_headers |= other.knows_headers;
        self.names_connectors |= other.names_connectors;
        self.told_connectors = self.told_connectors.saturating_add(other.told_connectors);
        self.knows_fates |= other.knows_fates;
        self.knows_recipients |= other.knows_recipients;
    }
}
