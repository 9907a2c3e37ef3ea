//! The history of an audit repository, opened and verified as far as it can be.

use super::config::HistoryPlace;
use super::{Failure, TrustArgs};
use crate::git::{Git, GitError, Oid};
use crate::history::verify::{Expected, Flaw, Verified, verify};
use crate::history::{History, HistoryError, REF, REFS, place, short};
use crate::trust::header::CLOCK_SKEW;
use crate::trust::memory::{Advance, Tip};
use crate::trust::{Memory, Trust};
use jiff::Timestamp;
use std::path::Path;

/// The variable that holds a pin of the history.
pub const PIN: &str = "CONNGUARD_HISTORY_PIN";

/// A history, and what verifying it showed.
pub(crate) struct Past {
    /// The history.
    pub history: History,
    /// Its newest commit; `None` where there is none yet.
    pub tip: Option<Oid>,
    /// What its commits show, or what is wrong with them; `None` where there is nothing to verify.
    pub verified: Option<Result<Verified, Vec<Flaw>>>,
    /// The newest commit that an earlier run verified.
    known: Option<Tip>,
    /// Whether this history is to be taken in the place of any other.
    anew: bool,
}

impl Past {
    /// Opens the history of an audit repository; `None` where it is in no git repository.
    ///
    /// The configuration that names another place is taken for hostile: it may
    /// lead to a repository, and nothing else.
    pub fn find(folder: &Path, place: &HistoryPlace) -> Result<Option<History>, Failure> {
        let name = place.name.clone().unwrap_or_else(|| REF.to_owned());
        if !is_ref(&name) {
            return Err(Failure::Refused {
                message: format!("connguard.yaml names {name:?} as the ref of the history"),
                help: format!("a history is a ref below {REFS}, such as {REF}"),
            });
        }
        let around = Git::around(folder).map_err(|error| failure(&error.into()))?;
        let Some(repository) = &place.repository else {
            return Ok(around.map(|git| History::new(git, name)));
        };
        let path = folder.join(repository);
        let nothing = || GitError::NotThere(path.display().to_string());
        let path = path
            .canonicalize()
            .map_err(|_| failure(&nothing().into()))?;
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let own = around.as_ref().and_then(|git| git.work_tree.as_deref());
        if [own.unwrap_or(folder), folder]
            .iter()
            .any(|own| path.starts_with(whole(own)))
        {
            return Err(Failure::Refused {
                message: format!(
                    "the history {repository:?} lies inside the audit repository, which could bring a git configuration of its own"
                ),
                help: "keep the history in a repository beside it, or leave `history:` out: then it is a ref of the audit repository".to_owned(),
            });
        }
        let git = Git::at(&path).map_err(|error| failure(&error.into()))?;
        Ok(Some(History::new(git, name)))
    }

    /// Verifies what is new in a history, and adds what it shows to memory.
    pub fn open(
        history: History,
        arguments: &TrustArgs,
        (trust, repository): (Option<&Trust>, &str),
        memory: &mut Memory,
        whole: bool,
    ) -> Result<Self, Failure> {
        let tip = history.tip().map_err(|error| failure(&error))?;
        let remembered = trust
            .and_then(|trust| memory.lineage(trust.known_by()))
            .and_then(|lineage| lineage.history(repository))
            .cloned();
        let pinned = arguments.history_pin()?;
        let Some(newest) = tip else {
            let known = pinned
                .map(|pin| pin.to_string())
                .or(remembered.map(|tip| tip.commit));
            return match known {
                None => Ok(Self {
                    history,
                    tip,
                    verified: None,
                    known: None,
                    anew: false,
                }),
                Some(known) => Err(Failure::Refused {
                    message: format!(
                        "the history is gone: there is no {} in {}, and its commit {known} is known",
                        history.name,
                        history.git.path.display()
                    ),
                    help: "find out who deleted the ref; in CI, fetch it before".to_owned(),
                }),
            };
        };
        let expected = Expected {
            trust,
            pinned,
            remembered: remembered
                .as_ref()
                .and_then(|tip| Oid::from_str(&tip.commit).ok()),
            remembered_at: remembered.as_ref().map(|tip| tip.taken_at),
            whole,
            now: arguments.now(),
        };
        let verified =
            verify(&history, newest, &expected, memory).map_err(|error| failure(&error))?;
        Ok(Self {
            history,
            tip,
            verified: Some(verified),
            known: remembered,
            anew: false,
        })
    }

    /// Whether its newest commit bears a signature, whoever's.
    pub fn is_signed(&self) -> Result<bool, HistoryError> {
        let Some(tip) = self.tip else {
            return Ok(false);
        };
        Ok(self.history.git.commit(tip)?.signature.is_some())
    }

    /// Whether its newest commit holds a root, so that one was verified when it was made.
    pub fn holds_a_root(&self) -> Result<bool, HistoryError> {
        let Some(tip) = self.tip else {
            return Ok(false);
        };
        let tree = self.history.git.commit(tip)?.tree;
        Ok(self.history.folder_of(tree, place::DOCUMENTS)?.is_some())
    }

    /// Whether what it holds may be used.
    pub const fn is_good(&self) -> bool {
        matches!(self.verified, Some(Ok(_)))
    }

    /// Why nothing may rest on the history, if nothing may.
    pub fn obstacle(&self, now: Timestamp) -> Option<String> {
        match self.verified.as_ref()? {
            Err(flaws) => flaws.first().map(|flaw| {
                format!(
                    "the history is not what was recorded: at {}, {} → {}",
                    short(flaw.commit),
                    flaw.message,
                    flaw.kind.help()
                )
            }),
            Ok(verified) if verified.newest.duration_since(now) > CLOCK_SKEW => Some(format!(
                "the history holds a run of {}, which is later than the time of this run, {now}: the clock was set back, or --now is too early",
                verified.newest
            )),
            Ok(_) => None,
        }
    }

    /// The newest commit that memory is to keep; none where something is wrong.
    pub fn remembered(&self) -> Option<Advance> {
        let verified = self.verified.as_ref()?.as_ref().ok()?;
        Some(self.advance(verified.tip, verified.newest))
    }

    /// What memory is to keep once a commit is the newest.
    pub fn advance(&self, commit: Oid, taken_at: Timestamp) -> Advance {
        let known = self.known.as_ref();
        Advance {
            from: known.map(|tip| tip.commit.clone()),
            to: Tip {
                commit: commit.to_string(),
                // The newest time, whichever run it is of: clocks of machines differ.
                taken_at: known.map_or(taken_at, |tip| tip.taken_at.max(taken_at)),
            },
            anew: self.anew,
        }
    }

    /// Takes the history in the place of any other that memory knows.
    pub fn anew(mut self) -> Self {
        self.anew = true;
        self
    }
}

/// A history that cannot be used: refused where somebody may be behind it, else an error.
pub(crate) fn failure(error: &HistoryError) -> Failure {
    let (message, help) = (error.to_string(), error.help());
    match error {
        HistoryError::Git(
            GitError::Configuration { .. } | GitError::Damaged { .. } | GitError::Owner(_),
        )
        | HistoryError::Foreign { .. }
        | HistoryError::Malformed { .. } => Failure::Refused { message, help },
        HistoryError::NotFound(_) => Failure::Usage(message),
        _ => Failure::Run { message, help },
    }
}

fn is_ref(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    name.strip_prefix(REFS).is_some_and(|rest| {
        rest.chars().all(plain)
            && !rest.contains("..")
            && rest.split('/').all(|part| {
                !part.is_empty()
                    && !part.starts_with(['.', '-'])
                    && !part.ends_with('.')
                    && !part.ends_with(".lock")
            })
    })
}

#[cfg(test)]
mod tests {
    use super::is_ref;

    #[test]
    fn a_history_is_one_of_our_refs() {
        for (name, good) in [
            ("refs/heads/connguard/history", true),
            ("refs/heads/connguard/eu/history-2", true),
            ("refs/heads/main", false),
            ("refs/heads/connguard/", false),
            ("refs/heads/connguard/../main", false),
            ("refs/heads/connguard/a.lock", false),
            ("refs/heads/connguard/-x", false),
            ("refs/heads/connguard/a b", false),
        ] {
            assert_eq!(is_ref(name), good, "{name}");
        }
    }
}
