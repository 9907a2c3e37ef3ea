//! What may be wrong with a history.

use crate::git::Oid;

/// What is wrong with a history.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// What kind it is, for programs.
    pub kind: Kind,
    /// The commit where it begins.
    pub commit: Oid,
    /// What is wrong, in words.
    pub message: String,
    /// A commit that was known and is not there any more.
    pub known: Option<Oid>,
}

/// The kinds of flaws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The ref was set back to an earlier commit.
    Reset,
    /// Another history stands where a known one was.
    Rewritten,
    /// A commit that was signed was changed.
    Amended,
    /// A commit between two others was left out.
    Dropped,
    /// Commits stand in another order than they were signed in.
    Reordered,
    /// Nobody signed a commit that somebody had to sign.
    Unsigned,
    /// Somebody signed who may not.
    Stranger,
    /// A commit has two parents.
    Merged,
    /// No run made it.
    Foreign,
    /// Its times cannot be true.
    Time,
    /// Its tree is not what a run would have made.
    Tree,
    /// Its root is not one of the chain, or an older one than before.
    Root,
    /// An object is not what its name says, or gone.
    Damaged,
}

impl Kind {
    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Rewritten => "rewritten",
            Self::Amended => "amended",
            Self::Dropped => "dropped",
            Self::Reordered => "reordered",
            Self::Unsigned => "unsigned",
            Self::Stranger => "stranger",
            Self::Merged => "merged",
            Self::Foreign => "foreign",
            Self::Time => "time",
            Self::Tree => "tree",
            Self::Root => "root",
            Self::Damaged => "damaged",
        }
    }

    /// How to go on.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Reset | Self::Rewritten => {
                "find out who moved the ref, and put it back: every clone that fetched the lost commits still has them. If the history was meant to begin anew: connguard history verify --anew"
            }
            Self::Damaged => {
                "find out who wrote to the repository, and restore the object from another clone"
            }
            Self::Time => "find out whose clock was wrong, or who made the commit",
            _ => {
                "find out who wrote to the history, and put the ref back to the last good commit; other clones have what is missing"
            }
        }
    }
}

pub(super) fn flaw(kind: Kind, commit: Oid, message: String) -> Flaw {
    Flaw {
        kind,
        commit,
        message,
        known: None,
    }
}
