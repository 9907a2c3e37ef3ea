//! What only the sequence of commits shows: times, roots, and when signing began.

use super::commit::Check;
use super::{Flaw, Kind, Verifier, flaw};
use crate::git::{Commit, Oid};
use crate::history::{History, Run};
use crate::trust::Duty;
use crate::trust::header::CLOCK_SKEW;
use jiff::{SignedDuration, Timestamp};

/// How long before its commit a run may have read its sources.
const NEAR: SignedDuration = SignedDuration::from_hours(1);

impl Verifier<'_> {
    /// What only the sequence shows: times, roots, and when signing began.
    pub(super) fn in_sequence(
        &self,
        history: &History,
        commits: &[(Oid, Commit)],
        checks: &[Check],
    ) -> Vec<Flaw> {
        let mut newest: Option<Timestamp> = None;
        let mut root = 0;
        let mut signing = false;
        let before = commits
            .first()
            .and_then(|(_, first)| first.parents.first().copied());
        if let Some(entry) = before.and_then(|before| history.entry(before).ok()) {
            newest = self.expected.remembered_at.max(Some(entry.run.taken_at));
            root = self.recorded_root(history, &entry.commit);
            signing = self.is_signed(history, entry.id, &entry.commit);
        }
        let mut flaws = Vec::new();
        for ((id, commit), check) in commits.iter().zip(checks) {
            flaws.extend(self.time(*id, commit, &check.run, newest));
            newest = newest.max(Some(check.run.taken_at));
            let version = check.root.unwrap_or(root);
            if version < root {
                let message = format!(
                    "its root is version {version}, and a run before had version {root}: an older root was put back"
                );
                flaws.push(flaw(Kind::Root, *id, message));
            }
            root = root.max(version);
            if signing && !check.signed {
                let message = "it is unsigned, and the commits before it are signed".to_owned();
                flaws.push(flaw(Kind::Unsigned, *id, message));
            }
            signing |= check.signed;
        }
        let role = self
            .expected
            .trust
            .is_some_and(|trust| trust.root().grant(Duty::History).is_some());
        if let (Some((id, _)), Some(last)) = (commits.last(), checks.last())
            && role
            && last.role
            && !last.signed
        {
            let message = "it is unsigned, and the root says who signs snapshots".to_owned();
            flaws.push(flaw(Kind::Unsigned, *id, message));
        }
        flaws.truncate(10);
        flaws
    }

    /// Whether somebody who may signed a commit that was verified before.
    pub(super) fn is_signed(&self, history: &History, id: Oid, commit: &Commit) -> bool {
        let root = self.root_of(history, commit.tree).ok().flatten();
        let signature = self.signature(id, commit, root.as_deref());
        signature.is_ok_and(|(_, _, signer)| signer.is_some())
    }

    fn recorded_root(&self, history: &History, commit: &Commit) -> u64 {
        let root = self.root_of(history, commit.tree).ok().flatten();
        match root.as_deref() {
            Some(Ok(root)) => root.root.header.version,
            _ => 0,
        }
    }

    fn time(&self, id: Oid, commit: &Commit, run: &Run, newest: Option<Timestamp>) -> Option<Flaw> {
        let taken = run.taken_at;
        let message = if let Some(newest) = newest
            && newest.duration_since(taken) > CLOCK_SKEW
        {
            format!("it says that it was taken at {taken}, and a run before it at {newest}")
        } else if taken.duration_since(self.expected.now) > CLOCK_SKEW {
            format!(
                "it says that it was taken at {taken}, which is later than the time of this run, {}: the clock was set back, --now is too early, or the commit was dated ahead",
                self.expected.now
            )
        } else if let Some((tenant, time)) = run
            .exported_at
            .iter()
            .find(|(_, time)| time.duration_since(taken) > CLOCK_SKEW)
        {
            format!(
                "it says that {tenant} was exported at {time}, which is later than it was read, {taken}"
            )
        } else {
            let committed = Timestamp::from_second(commit.time).unwrap_or(Timestamp::MIN);
            let late = committed.duration_since(taken);
            if late <= NEAR && -late <= CLOCK_SKEW {
                return None;
            }
            format!("it says that it was taken at {taken}, and was committed at {committed}")
        };
        Some(flaw(Kind::Time, id, message))
    }
}
