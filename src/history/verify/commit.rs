//! Each commit by itself, and against the one before.

use super::{Flaw, Kind, Verifier, flaw, wellformed};
use crate::git::{Commit, GitError, Oid, Tree};
use crate::history::{History, HistoryError, Run};
use crate::parallel::in_parallel;
use std::sync::Arc;

/// So many commits a thread takes at once.
const CHUNK: usize = 64;

/// What a commit turned out to be.
pub(super) struct Check {
    pub run: Run,
    pub signed: bool,
    /// Whether somebody had the role by the root in its tree.
    pub role: bool,
    /// The version of the root in its tree.
    pub root: Option<u64>,
    pub documents: wellformed::Documents,
}

/// A commit's tree, read once for itself and once for the commit after it.
#[derive(Clone)]
struct Root {
    id: Option<Oid>,
    tree: Arc<Tree>,
}

impl Root {
    fn of(history: &History, id: Option<Oid>) -> Result<Self, GitError> {
        let tree = id.map_or_else(|| Ok(Tree::empty()), |id| history.git.tree(id))?;
        Ok(Self {
            id,
            tree: Arc::new(tree),
        })
    }
}

impl Verifier<'_> {
    /// Looks at every commit, on every processor; gives the flaws of the oldest bad ones.
    pub(super) fn check_all(
        &self,
        history: &History,
        commits: &[(Oid, Commit)],
    ) -> Result<(Vec<Check>, Vec<Flaw>), HistoryError> {
        let starts: Vec<usize> = (0..commits.len()).step_by(CHUNK).collect();
        let results = in_parallel(&starts, |&start| {
            let before = start.checked_sub(1).and_then(|before| commits.get(before));
            let end = commits.len().min(start.saturating_add(CHUNK));
            self.check_some(history, before, commits.get(start..end).unwrap_or_default())
        });
        let (mut checks, mut flaws) = (Vec::with_capacity(commits.len()), Vec::new());
        for some in results {
            for check in some? {
                match check {
                    Ok(check) => checks.push(check),
                    Err(flaw) => flaws.push(flaw),
                }
            }
        }
        flaws.truncate(10);
        Ok((checks, flaws))
    }

    fn check_some(
        &self,
        history: &History,
        before: Option<&(Oid, Commit)>,
        commits: &[(Oid, Commit)],
    ) -> Result<Vec<Result<Check, Flaw>>, HistoryError> {
        let mut before = before.map(|(_, commit)| commit.tree);
        // What leads to the first commit of all was verified in an earlier run.
        if before.is_none()
            && let Some((_, first)) = commits.first()
            && let Some(parent) = first.parents.first()
        {
            before = Some(history.git.commit(*parent)?.tree);
        }
        let mut before = Root::of(history, before);
        let mut found = Vec::with_capacity(commits.len());
        for (id, commit) in commits {
            let root = match &before {
                // A run that found nothing new.
                Ok(before) if before.id == Some(commit.tree) => Ok(before.clone()),
                _ => Root::of(history, Some(commit.tree)),
            };
            found.push(match (&before, &root) {
                (Ok(before), Ok(root)) => self.check(history, before, root, (*id, commit))?,
                (Err(error), _) | (_, Err(error)) => {
                    Err(flaw(Kind::Damaged, *id, error.to_string()))
                }
            });
            before = root;
        }
        Ok(found)
    }

    fn check(
        &self,
        history: &History,
        before: &Root,
        root: &Root,
        (id, commit): (Oid, &Commit),
    ) -> Result<Result<Check, Flaw>, HistoryError> {
        if commit.parents.len() > 1 {
            let message = format!(
                "it has {} parents, and a history is one line",
                commit.parents.len()
            );
            return Ok(Err(flaw(Kind::Merged, id, message)));
        }
        let run = match Run::parse(&commit.message) {
            Ok(run) => run,
            Err(reason) => {
                let message = format!("no run of connguard made it: {reason}");
                return Ok(Err(flaw(Kind::Foreign, id, message)));
            }
        };
        let known = match self.root_in(history, commit.tree, &root.tree) {
            Ok(known) => known,
            Err(error) => return Ok(Err(flaw(Kind::Damaged, id, error.to_string()))),
        };
        let (role, version, signer) = match self.signature(id, commit, known.as_deref()) {
            Ok(signature) => signature,
            Err(found) => return Ok(Err(found)),
        };
        let documents = match wellformed::check(history, &before.tree, &root.tree, &run) {
            Ok(Ok(documents)) => documents,
            Ok(Err(reason)) => return Ok(Err(flaw(Kind::Tree, id, reason))),
            Err(HistoryError::Git(error @ (GitError::Damaged { .. } | GitError::Missing(_)))) => {
                return Ok(Err(flaw(Kind::Damaged, id, error.to_string())));
            }
            Err(error) => return Err(error),
        };
        Ok(Ok(Check {
            run,
            signed: signer.is_some(),
            role,
            root: version,
            documents,
        }))
    }
}
