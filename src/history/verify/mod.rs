//! Whether a history is what its runs wrote: nothing changed, left out, put in or taken back.
//!
//! A commit counts if somebody who held the `history` role by the root in force
//! then signed it, if it follows the one before in time, and if its tree is
//! what a run would have made of the one before. The root in force then is the
//! one in the commit's own tree: its digest must be one of the chain that the
//! operator's root is the end of, and its version never falls.
//!
//! From what verifies a memory is made: which versions of the signed documents
//! there were, and when each was seen first. A document counts only if its own
//! signatures verify, so that whoever can write the history poisons nothing.

mod commit;
mod flaw;
mod line;
mod memory;
mod sequence;
mod signature;
mod wellformed;

pub use flaw::{Flaw, Kind};

use super::{Entry, History, HistoryError};
use crate::git::Oid;
use crate::trust::{Memory, Sightings, Trust};
use flaw::flaw;
use jiff::Timestamp;
use signature::KnownRoot;
use std::collections::HashMap;
use std::sync::Mutex;

/// What a history is held against.
pub struct Expected<'t> {
    /// The audit repository's root; without one no signature can be checked.
    pub trust: Option<&'t Trust>,
    /// A commit that the operator knows to be in it.
    pub pinned: Option<Oid>,
    /// The newest commit that an earlier run verified.
    pub remembered: Option<Oid>,
    /// The newest time of a run that the earlier run verified.
    pub remembered_at: Option<Timestamp>,
    /// Whether to look again at what was verified before.
    pub whole: bool,
    /// The time of the run.
    pub now: Timestamp,
}

/// A history that is what its runs wrote.
#[derive(Debug)]
pub struct Verified {
    /// Its newest commit.
    pub tip: Oid,
    /// Its oldest commit.
    pub first: Oid,
    /// How many commits there are from the newest known one, or from the first, to the tip.
    pub commits: usize,
    /// Whether the newest commit is signed by somebody who may.
    pub signed: bool,
    /// How many commits, before the role was given to anybody, nobody signed.
    pub unsigned: usize,
    /// The time of the newest run.
    pub newest: Timestamp,
    /// What the runs that were looked at saw, oldest first.
    pub sightings: Vec<(Sightings, Option<Timestamp>)>,
}

/// Verifies a history from what is known of it up to a commit, its tip.
pub fn verify(
    history: &History,
    tip: Oid,
    expected: &Expected<'_>,
    memory: &mut Memory,
) -> Result<Result<Verified, Vec<Flaw>>, HistoryError> {
    let verifier = Verifier {
        tip,
        expected,
        keyrings: Mutex::default(),
    };
    let line = verifier.line(history, tip)?;
    let mut flaws = line.flaws;
    let (checks, from_commits) = verifier.check_all(history, &line.commits)?;
    flaws.extend(from_commits);
    if flaws.is_empty() {
        flaws.extend(verifier.in_sequence(history, &line.commits, &checks));
    }
    if !flaws.is_empty() {
        if let Some(first) = flaws.iter_mut().find(|flaw| flaw.kind == Kind::Amended) {
            *first = verifier.diagnosed(history, first.clone());
        }
        return Ok(Err(flaws));
    }
    let first = line.first;
    verifier
        .verified(history, tip, first, &line.commits, &checks, memory)
        .map(Ok)
}

/// Who signed an entry; `None` where nobody did or nobody had to.
pub fn signer(history: &History, trust: &Trust, entry: &Entry) -> Result<Option<String>, Flaw> {
    let expected = Expected {
        trust: Some(trust),
        pinned: None,
        remembered: None,
        remembered_at: None,
        whole: false,
        now: entry.run.taken_at,
    };
    let verifier = Verifier {
        tip: entry.id,
        expected: &expected,
        keyrings: Mutex::default(),
    };
    let (id, commit) = (entry.id, &entry.commit);
    let root = verifier
        .root_of(history, commit.tree)
        .map_err(|error| flaw(Kind::Damaged, id, error.to_string()))?;
    let (_, _, signer) = verifier.signature(id, commit, root.as_deref())?;
    Ok(signer)
}

/// Looks at commits, and knows the roots that it met.
struct Verifier<'e> {
    tip: Oid,
    expected: &'e Expected<'e>,
    /// Roots by the folder of the documents that holds them.
    keyrings: Mutex<HashMap<Oid, KnownRoot>>,
}
