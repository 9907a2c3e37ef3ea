//! The git ref that holds every snapshot: the only before-state there will ever be.
//!
//! Each run is one commit; its folders hold what was observed, and the signed
//! documents that were in force. Nothing that differs between two reads of an
//! unchanged organization is in the tree: times stand in the commit.
//!
//! ```text
//! <tenant>/snapshot.json                    whose connectors, how completely read
//! <tenant>/inbound-connectors/<id>.json     one connector
//! <tenant>/accepted-domains.json
//! <tenant>/blocked-connectors.json
//! <tenant>/baseline.yaml  baseline.sigs/    what was approved
//! _documents/trust/…  _documents/policies/… the root, its chain, the policy
//! ```
//!
//! Nothing here is printed, no clock is read and no command is run.

pub mod act;
pub mod append;
pub mod blame;
pub mod change;
pub mod documents;
pub mod folder;
pub mod log;
pub mod place;
pub mod read;
pub mod remark;
pub mod revision;
pub mod run;
pub mod verify;

pub use run::Run;

use crate::git::{Commit, Git, GitError, Oid};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The ref, where nothing else is configured.
pub const REF: &str = "refs/heads/connguard/history";
/// How every ref of a history begins.
pub const REFS: &str = "refs/heads/connguard/";

/// Why a history could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HistoryError {
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no history yet.
    #[error("there is no history: {path} has no {name}")]
    Empty {
        /// The repository.
        path: String,
        /// The ref.
        name: String,
    },
    /// A commit is not one that a run made.
    #[error("the commit {commit} is no snapshot of connguard: {reason}")]
    Foreign {
        /// The commit.
        commit: Oid,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not what connguard writes.
    #[error("{path} in the commit {commit} is not what connguard writes: {reason}")]
    Malformed {
        /// The commit.
        commit: Oid,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The commit could not be signed.
    #[error("the snapshot was not signed: {0}")]
    NotSigned(String),
    /// Nothing in the history is named so.
    #[error("{0}")]
    NotFound(String),
}

impl HistoryError {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            Self::Git(error) => error.help(),
            Self::Empty { .. } => {
                "connguard snapshot begins one; in CI, fetch the ref before".to_owned()
            }
            Self::Foreign { .. } | Self::Malformed { .. } => {
                "find out who wrote to the history (connguard history verify names the first commit that is wrong), and put the ref back to the last good commit".to_owned()
            }
            Self::NotSigned(_) => "name a key made by ssh-keygen with --key or CONNGUARD_HISTORY_KEY, or add it to ssh-agent".to_owned(),
            Self::NotFound(_) => "connguard history log shows what there is".to_owned(),
        }
    }
}

/// The git ref that holds every snapshot.
pub struct History {
    /// The repository.
    pub git: Git,
    /// The ref.
    pub name: String,
    /// The newest runs, which are asked for again for every tenant.
    entries: Recent<Entry>,
    /// The folders of their trees.
    folders: Recent<Arc<BTreeMap<String, Oid>>>,
}

/// What was read last, by its object.
type Recent<T> = Mutex<BTreeMap<Oid, T>>;

/// So many runs are kept at hand.
const KEPT: usize = 16;

/// What was read before, or else what `read` gives.
fn recent<T: Clone>(
    kept: &Recent<T>,
    id: Oid,
    read: impl FnOnce() -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = lock().get(&id) {
        return Ok(found.clone());
    }
    let found = read()?;
    let mut kept = lock();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(id, found.clone());
    Ok(found)
}

impl History {
    /// The history in a repository.
    pub const fn new(git: Git, name: String) -> Self {
        Self {
            git,
            name,
            entries: Mutex::new(BTreeMap::new()),
            folders: Mutex::new(BTreeMap::new()),
        }
    }

    /// Its newest commit; `None` where there is none yet.
    pub fn tip(&self) -> Result<Option<Oid>, HistoryError> {
        Ok(self.git.tip(&self.name)?)
    }

    /// Its newest commit, of which there must be one.
    pub fn needed_tip(&self) -> Result<Oid, HistoryError> {
        self.tip()?.ok_or_else(|| HistoryError::Empty {
            path: self.git.path.display().to_string(),
            name: self.name.clone(),
        })
    }

    /// A commit and what its run says.
    pub fn entry(&self, id: Oid) -> Result<Entry, HistoryError> {
        let commit = self.git.commit(id)?;
        let run = Run::parse(&commit.message)
            .map_err(|reason| HistoryError::Foreign { commit: id, reason })?;
        Ok(Entry {
            id,
            commit: Arc::new(commit),
            run: Arc::new(run),
        })
    }

    /// The entries from one on backwards, newest first.
    pub fn from(&self, id: Oid) -> impl Iterator<Item = Result<Entry, HistoryError>> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let entry = self.entry(next.take()?);
            next = entry.as_ref().ok().and_then(Entry::parent);
            Some(entry)
        })
    }
}

/// One run, as the history holds it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The commit's name.
    pub id: Oid,
    /// The commit.
    pub commit: Arc<Commit>,
    /// What the run says of itself.
    pub run: Arc<Run>,
}

impl Entry {
    /// The run before.
    pub fn parent(&self) -> Option<Oid> {
        self.commit.parents.first().copied()
    }
}

/// The ten digits by which messages name a commit.
pub fn short(id: Oid) -> String {
    let mut text = id.to_string();
    text.truncate(10);
    text
}
