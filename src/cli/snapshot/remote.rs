//! The commit to build on, where others record as well.

use super::Recorder;
use super::message::counted;
use crate::cli::push::{Remote, RemoteError};
use crate::cli::{Failure, past};
use crate::git::Oid;
use crate::history::short;
use crate::history::verify::{Expected, verify};
use crate::trust::Memory;

impl Recorder<'_> {
    /// The commit to build on: the newest of this repository and of the remote, and why the latter was not asked.
    pub(super) fn base(
        &self,
        remote: Option<&Remote<'_>>,
    ) -> Result<(Option<Oid>, Option<String>), Failure> {
        let local = self
            .history()
            .tip()
            .map_err(|error| past::failure(&error))?;
        let Some(remote) = remote else {
            return Ok((local, None));
        };
        let theirs = match remote.fetch() {
            Ok(theirs) => theirs,
            Err(RemoteError::Refused(reason)) => return Ok((local, Some(reason))),
            Err(error) => return Err(self.remote_failure(&error)),
        };
        if let (None, Some(local)) = (theirs, local) {
            self.console.note(&format!("the remote has no history yet: the one here, up to {}, is pushed. If it had one before, somebody deleted its ref", short(local)));
        }
        let Some(theirs) = theirs.filter(|theirs| Some(*theirs) != local) else {
            return Ok((local, None));
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
                return Ok((Some(local), None));
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
        Ok((Some(theirs), None))
    }

    /// Takes the remote's newer commits, once they are verified.
    fn accept(&self, local: Option<Oid>, theirs: Oid) -> Result<(), Failure> {
        let trust = self.repository.trust.as_ref().ok();
        let expected = Expected {
            trust,
            pinned: None,
            remembered: local,
            whole: false,
            now: self.arguments.trust.now(),
        };
        let mut memory = Memory::default();
        let verified = verify(self.history(), theirs, &expected, &mut memory)
            .map_err(|error| past::failure(&error))?;
        if let Err(flaws) = verified
            && let Some(flaw) = flaws.first()
        {
            return Err(Failure::Refused {
                message: format!(
                    "nothing was recorded: the remote's history is not what was recorded: at {}, {}",
                    short(flaw.commit),
                    flaw.message
                ),
                help: flaw.kind.help().to_owned(),
            });
        }
        self.history()
            .git
            .move_ref(&self.history().name, local, theirs, "connguard: fetched")
            .map_err(|error| past::failure(&error.into()))
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
