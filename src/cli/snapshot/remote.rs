//! The commit to build on, where others record as well.

use super::Recorder;
use crate::cli::push::{Remote, RemoteError};
use crate::cli::{Failure, past};
use crate::git::Oid;
use crate::history::short;
use crate::history::verify::{Expected, Kind, verify};
use crate::report::counted;
use crate::trust::Memory;
use std::sync::PoisonError;

/// What a run builds on.
pub(super) struct Base {
    pub commit: Option<Oid>,
    /// The remote's newest commit, where there is one.
    pub fetched: Option<Oid>,
    /// Why the remote was not asked.
    pub unreachable: Option<String>,
}

impl Recorder<'_> {
    /// The newest commit here, verified: what was added while this run went on, too.
    pub(super) fn local(&self) -> Result<Option<Oid>, Failure> {
        let tip = self
            .history()
            .tip()
            .map_err(|error| past::failure(&error))?;
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if tip != *verified {
            let Some(newer) = tip else {
                return Err(Failure::Refused {
                    message: "nothing was recorded: the history's ref was deleted meanwhile"
                        .to_owned(),
                    help: Kind::Reset.help().to_owned(),
                });
            };
            self.holds("the history", *verified, newer)?;
            *verified = tip;
        }
        Ok(tip)
    }

    /// The commit to build on: the newest of this repository and of the remote.
    pub(super) fn base(&self, remote: Option<&Remote<'_>>) -> Result<Base, Failure> {
        let local = self.local()?;
        let alone = |unreachable: Option<String>| Base {
            commit: local,
            fetched: None,
            unreachable,
        };
        let Some(remote) = remote else {
            return Ok(alone(None));
        };
        let theirs = match remote.fetch() {
            Ok(theirs) => theirs,
            Err(RemoteError::Refused(reason)) => return Ok(alone(Some(reason))),
            Err(error) => return Err(self.remote_failure(&error)),
        };
        if let (None, Some(local)) = (theirs, local) {
            self.console.note(&format!("the remote has no history yet: the one here, up to {}, is pushed. If it had one before, somebody deleted its ref", short(local)));
        }
        let with = |commit: Option<Oid>| Base {
            commit,
            fetched: theirs,
            unreachable: None,
        };
        let Some(theirs) = theirs.filter(|theirs| Some(*theirs) != local) else {
            return Ok(with(local));
        };
        // By the commits themselves: whether a run made them is asked after that.
        let distance = |from: Oid, to: Oid| {
            let mut next = Some(from);
            let mut steps = 0_usize;
            while let Some(id) = next.filter(|id| *id != to) {
                next = self.history().git.commit(id).ok()?.parents.first().copied();
                steps += 1;
            }
            next.map(|_| steps)
        };
        if let Some(local) = local {
            if let Some(more) = distance(local, theirs) {
                self.console.note(&format!("the remote lacks {}: pushed with this one. If they were there before, somebody set the remote's ref back from {} to {}", counted(more, "commit"), short(local), short(theirs)));
                return Ok(with(Some(local)));
            }
            if distance(theirs, local).is_none() {
                return Err(Failure::Refused {
                    message: format!(
                        "the history here ({}) and the one at the remote ({}) have parted, and connguard joins or rewrites neither",
                        short(local),
                        short(theirs)
                    ),
                    help: "find out why; connguard history log shows what is here. To go on with the remote's, keep yours under another ref and put the local one where the remote's is".to_owned(),
                });
            }
        }
        self.accept(local, theirs)?;
        Ok(with(Some(theirs)))
    }

    /// Takes the remote's newer commits, once they are verified.
    fn accept(&self, local: Option<Oid>, theirs: Oid) -> Result<(), Failure> {
        self.holds("the remote's history", local, theirs)?;
        let git = &self.history().git;
        git.move_ref(&self.history().name, local, theirs, "connguard: fetched")
            .map_err(|error| past::failure(&error.into()))?;
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(theirs);
        Ok(())
    }

    /// Refuses to build on commits that are not what runs recorded on top of what is known.
    fn holds(&self, whose: &str, known: Option<Oid>, tip: Oid) -> Result<(), Failure> {
        let expected = Expected {
            trust: self.repository.trust.as_ref().ok(),
            pinned: None,
            remembered: known,
            remembered_at: None,
            whole: false,
            now: self.arguments.trust.now(),
        };
        let mut memory = Memory::default();
        let verified = verify(self.history(), tip, &expected, &mut memory)
            .map_err(|error| past::failure(&error))?;
        let flaws = verified.err().unwrap_or_default();
        match flaws.first() {
            None => Ok(()),
            Some(flaw) => Err(Failure::Refused {
                message: format!(
                    "nothing was recorded: {whose} is not what was recorded: at {}, {}",
                    short(flaw.commit),
                    flaw.message
                ),
                help: flaw.kind.help().to_owned(),
            }),
        }
    }

    pub(super) fn remote_failure(&self, error: &RemoteError) -> Failure {
        match error {
            RemoteError::Git(error) => past::failure(&error.clone().into()),
            RemoteError::Refused(reason) => Failure::run(
                reason.clone(),
                "name a remote that git can reach with the credentials it has",
            ),
        }
    }
}
