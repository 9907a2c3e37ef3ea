//! What setting differences back does to trust.

use crate::drift::Change;
use crate::finding::Direction;

/// The direction of a step that takes changes back: what widened narrows again, and the other way round.
///
/// One that widens decides. It is not weighed anew: of a certificate name both
/// to gain and to lose one widens, and to take either back does not.
pub(super) fn of<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Direction {
    changes
        .into_iter()
        .map(|change| opposite(change.direction))
        .max()
        .unwrap_or(Direction::Neutral)
}

/// The other way.
pub(super) const fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Widens => Direction::Narrows,
        Direction::Narrows => Direction::Widens,
        Direction::Neutral => Direction::Neutral,
    }
}
