//! A commit in which nothing of an organization is new: what connguard itself is about to do, or did, and what became
//! known later of what earlier runs saw.

use super::{ATTEMPTS, Recorder, pause};
use crate::cli::push::{Remote, RemoteError};
use crate::cli::{Failure, past};
use crate::git::GitError::{Locked, Moved};
use crate::git::Oid;
use crate::history::HistoryError;
use crate::history::act::Act;
use crate::history::append::{Addition, Appended};
use crate::history::remark::Remark;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// What is noted.
#[derive(Clone, Copy)]
enum Noted<'n> {
    Act(&'n Act),
    Remark(&'n Remark),
}

impl Recorder<'_> {
    /// Commits what is about to be done, or was: a commit in which nothing but that is new. Where the history is
    /// pushed, so is this, before it is here: a machine that is gone tomorrow takes no trace with it.
    pub fn note(&self, act: &Act, text: (&str, &str)) -> Result<Oid, Failure> {
        self.write(Noted::Act(act), text)
    }

    /// Commits what became known later of what earlier runs saw.
    pub fn remark(&self, remark: &Remark, text: (&str, &str)) -> Result<Oid, Failure> {
        self.write(Noted::Remark(remark), text)
    }

    fn write(&self, what: Noted<'_>, text: (&str, &str)) -> Result<Oid, Failure> {
        let remote = self.remote()?;
        for attempt in 1..=ATTEMPTS {
            let base = self.base(remote.as_ref())?;
            if let Some(reason) = base.unreachable {
                return Err(self.remote_failure(&RemoteError::Refused(reason)));
            }
            let there = (base.commit, base.fetched);
            if let Some(commit) = self.noted(what, text, there, remote.as_ref())? {
                return Ok(commit);
            }
            std::thread::sleep(pause(attempt));
        }
        Err(Failure::Refused {
            message: "the history could not be written: other runs wrote to it all the time"
                .to_owned(),
            help: "run it again: what was done is found, and the rest is done".to_owned(),
        })
    }

    /// One attempt on a base; `None` where others came first.
    fn noted(
        &self,
        what: Noted<'_>,
        (title, text): (&str, &str),
        (parent, fetched): (Option<Oid>, Option<Oid>),
        remote: Option<&Remote<'_>>,
    ) -> Result<Option<Oid>, Failure> {
        let failed = |error: HistoryError| past::failure(&error);
        let now = self.arguments.trust.now();
        let mut run = self.run_at(Timestamp::from_second(now.as_second()).unwrap_or(now));
        match what {
            Noted::Act(act) => run.act = Some(act.clone()),
            Noted::Remark(remark) => run.remark = remark.clone(),
        }
        let mut addition = Addition {
            base: parent,
            tenants: BTreeMap::new(),
            documents: None,
            read: BTreeSet::new(),
            run,
        };
        let sign = |bytes: &[u8]| self.sign(bytes);
        let appended = addition
            .commit(self.history(), parent, &self.who(), (title, text), &sign)
            .map_err(failed)?;
        let Appended::Commit(commit) = appended else {
            return Ok(None);
        };
        if let Some(remote) = remote
            && let Err(error) = remote.push(commit)
        {
            return match remote.fetch() {
                Ok(theirs) if theirs != fetched => Ok(None),
                _ => Err(self.remote_failure(&error)),
            };
        }
        let (git, name) = (&self.history().git, &self.history().name);
        match git.move_ref(name, parent, commit, "connguard: note") {
            Ok(()) => {
                *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(commit);
                Ok(Some(commit))
            }
            Err(Moved(_) | Locked { .. }) => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }
}
