//! The states of the connectors, in the order of time.

use crate::history::change::{Difference, Kind, between};
use crate::snapshot::{Part, Snapshot};
use jiff::Timestamp;

/// A state of the connectors at a time.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// When it was read; where nothing says, since when it has been so at the latest.
    pub at: Timestamp,
    /// What was read.
    pub snapshot: &'a Snapshot,
}

/// The states among what was read: those that are complete, oldest first, each once.
///
/// A bare output does not say when it was read. The newest stamp of its connectors stands for that, unless another
/// state shows the same: then it says nothing that is not known, and must not stand for what was there first.
pub fn states<'a>(read: impl IntoIterator<Item = &'a Snapshot>) -> Vec<State<'a>> {
    let whole = read
        .into_iter()
        .filter(|own| own.has(Part::InboundConnectors));
    let (dated, bare): (Vec<&Snapshot>, Vec<&Snapshot>) =
        whole.partition(|own| own.taken_at.is_some());
    let mut states: Vec<State<'a>> = dated
        .into_iter()
        .filter_map(|snapshot| {
            let at = snapshot.taken_at?;
            Some(State { at, snapshot })
        })
        .collect();
    for snapshot in bare {
        if let Some(at) = stamped(snapshot).filter(|_| !is_shown_by(snapshot, &states)) {
            states.push(State { at, snapshot });
        }
    }
    states.sort_by_key(|state| state.at);
    states.dedup_by(|one, other| one.at == other.at && is_same(one.snapshot, other.snapshot));
    states
}

/// Whether one of the states shows the same connectors.
pub fn is_shown_by(snapshot: &Snapshot, states: &[State<'_>]) -> bool {
    states.iter().any(|state| is_same(snapshot, state.snapshot))
}

/// Whether both show the same connectors with the same settings, whatever the service stamped on them.
fn is_same(one: &Snapshot, other: &Snapshot) -> bool {
    !differences(one, other).iter().any(|own| {
        use Kind::{Added, Changed, Recreated, Removed, Renamed, Unreadable};
        matches!(
            own.kind,
            Added | Removed | Recreated | Renamed | Changed | Unreadable
        )
    })
}

/// The differences of two states that are about connectors.
pub(super) fn differences(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let mut all = between(Some(before), after);
    all.retain(|difference| difference.connector.is_some());
    all
}

fn stamped(snapshot: &Snapshot) -> Option<Timestamp> {
    let stamps = snapshot
        .connectors()
        .filter_map(|own| own.metadata.when_changed.or(own.metadata.when_created));
    stamps.max()
}
