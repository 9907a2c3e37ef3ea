//! What of the runbook has been done, and in which order it may be.

use crate::canonical;
use crate::investigation::runbook::{ItemState, Runbook};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An item that was ticked off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// When.
    pub at: Timestamp,
    /// What whoever did it says.
    pub note: String,
}

/// An item of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub title: String,
    /// The step it belongs to, from 1.
    pub step: usize,
    /// Whether the newest investigation demands it.
    pub demanded: bool,
    /// When it was done.
    pub done: Option<Tick>,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// By their names.
    pub items: BTreeMap<String, Entry>,
}

/// Why an item cannot be ticked off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TickError {
    /// There is no such item.
    Unknown,
    /// These must be done before.
    Before(Vec<String>),
}

/// The steps of the runbook: containing and reverting, and unblocking after it.
const REVERT: usize = 2;
const UNBLOCK: usize = 3;

impl Checklist {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// The list of a newer runbook: what was done stays done, and what is no longer there stays as it was.
    #[must_use]
    pub fn with(&self, runbook: &Runbook) -> Self {
        let mut items = self.items.clone();
        for own in items.values_mut() {
            own.demanded = false;
        }
        for (index, step) in runbook.steps.iter().enumerate() {
            for item in &step.items {
                let done = self.items.get(&item.id).and_then(|own| own.done.clone());
                items.insert(
                    item.id.clone(),
                    Entry {
                        title: item.title.clone(),
                        step: index + 1,
                        demanded: item.state == ItemState::ToDo,
                        done,
                    },
                );
            }
        }
        Self { items }
    }

    /// Ticks an item off. Unblocking before the revert opens the relay again: what step 2 demands comes first.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn tick(&mut self, id: &str, tick: Tick) -> Result<(), TickError> {
        let step = self.items.get(id).ok_or(TickError::Unknown)?.step;
        if step == UNBLOCK {
            let before: Vec<String> = self
                .open()
                .filter(|(_, own)| own.step == REVERT)
                .map(|(id, _)| id.clone())
                .collect();
            if !before.is_empty() {
                return Err(TickError::Before(before));
            }
        }
        let Some(own) = self.items.get_mut(id) else {
            return Err(TickError::Unknown);
        };
        // What was written down is not lost by ticking once more.
        if own.done.is_none() || !tick.note.is_empty() {
            own.done = Some(tick);
        }
        Ok(())
    }

    /// What is demanded and not done.
    pub fn open(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.items
            .iter()
            .filter(|(_, own)| own.demanded && own.done.is_none())
    }

    /// The list as it is written.
    pub fn written(&self) -> Vec<u8> {
        canonical::write_sorted(self).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Checklist {
        let entry = |step| Entry {
            title: String::new(),
            step,
            demanded: true,
            done: None,
        };
        Checklist {
            items: [
                ("contain-x", 2),
                ("revert", 2),
                ("unblock-x", 3),
                ("account-y", 4),
            ]
            .into_iter()
            .map(|(id, step)| (id.to_owned(), entry(step)))
            .collect(),
        }
    }

    #[test]
    fn unblocking_comes_after_the_revert() {
        let tick = Tick {
            at: Timestamp::UNIX_EPOCH,
            note: "done".to_owned(),
        };
        let mut list = list();
        assert_eq!(
            list.tick("unblock-x", tick.clone()),
            Err(TickError::Before(vec![
                "contain-x".to_owned(),
                "revert".to_owned()
            ]))
        );
        for id in ["contain-x", "account-y", "revert", "unblock-x"] {
            assert_eq!(list.tick(id, tick.clone()), Ok(()), "{id}");
        }
        assert_eq!(list.open().count(), 0);
        assert_eq!(list.tick("nothing", tick), Err(TickError::Unknown));
    }

    #[test]
    fn what_was_done_stays_done() {
        let mut list = list();
        list.tick(
            "revert",
            Tick {
                at: Timestamp::UNIX_EPOCH,
                note: String::new(),
            },
        )
        .unwrap();
        let again = list.with(&Runbook { steps: Vec::new() });
        assert!(again.items["revert"].done.is_some());
        assert_eq!(again.open().count(), 0);
        assert_eq!(Checklist::read(&again.written()), Ok(again));
    }
}
