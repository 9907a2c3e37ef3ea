//! What the history knows of a tenant from before a snapshot.

use super::{Judging, Observed};
use crate::assessment::Past;
use crate::baseline::Baseline;
use crate::cli::repository::Repository;
use crate::git::Oid;
use crate::history::documents::Recorded;
use crate::history::{History, HistoryError};
use crate::snapshot::Snapshot;
use jiff::Timestamp;

/// What the history knows of a tenant from before a snapshot.
#[derive(Default)]
pub(super) struct Earlier {
    /// What the run before saw; `Some(None)` where it is the same.
    pub before: Option<Option<Snapshot>>,
    pub superseded: Option<Baseline>,
    pub gap: Option<(Timestamp, Timestamp)>,
}

impl Judging<'_> {
    /// What the history knows of a tenant from before a snapshot.
    pub(super) fn earlier(
        &self,
        tenant: &str,
        Observed { snapshot, .. }: &Observed,
        baseline: Option<&Baseline>,
        recorded: bool,
    ) -> Result<Earlier, HistoryError> {
        let (Some(history), Some(past)) =
            (self.history(), self.repository.and_then(Repository::past))
        else {
            return Ok(Earlier::default());
        };
        let Some(tip) = past.tip.filter(|_| past.is_good()) else {
            return Ok(Earlier::default());
        };
        let superseded = self.superseded(history, tip, baseline)?;
        let nothing = Earlier {
            superseded,
            ..Earlier::default()
        };
        let start = match &self.revision {
            Some(Ok(entry)) => entry.id,
            _ => tip,
        };
        let Some(taken_at) = snapshot.taken_at else {
            return Ok(nothing);
        };
        let mut read = history.newest_read(start, tenant)?;
        let newest = read.as_ref().map(|read| read.id);
        // A snapshot that is itself recorded already is compared with the one before it.
        while let Some(entry) = &read
            && entry.run.time_of(tenant) >= taken_at
        {
            read = match entry.parent() {
                Some(parent) => history.newest_read(parent, tenant)?,
                None => None,
            };
        }
        let Some(read) = read else {
            return Ok(nothing);
        };
        let longest = self
            .repository
            .and_then(Repository::verified_policy)
            .map(|policy| policy.document.max_snapshot_age);
        let from = read.run.time_of(tenant);
        let gap = longest
            .filter(|longest| taken_at.duration_since(from) > *longest)
            .map(|_| (from, taken_at));
        let before = history.folder_of(read.commit.tree, tenant)?;
        let same = || -> Result<bool, HistoryError> {
            let now = history.tenant_folder(before, snapshot, None)?;
            Ok(before == Some(now.id))
        };
        let before = if (recorded && newest == Some(read.id)) || same()? {
            None
        } else {
            history.state(&read, tenant)?.map(|state| state.snapshot)
        };
        Ok(Earlier {
            before: Some(before),
            gap,
            ..nothing
        })
    }

    /// The version before a baseline, while what it approved may still be there.
    fn superseded(
        &self,
        history: &History,
        tip: Oid,
        baseline: Option<&Baseline>,
    ) -> Result<Option<Baseline>, HistoryError> {
        let (Some(repository), Some(baseline)) = (self.repository, baseline) else {
            return Ok(None);
        };
        let (Ok(trust), Some(policy)) = (&repository.trust, repository.verified_policy()) else {
            return Ok(None);
        };
        let header = &baseline.approved.header;
        let (Some(window), Some(previous)) = (policy.document.change_window, header.previous)
        else {
            return Ok(None);
        };
        let seen = trust.first_seen(baseline.digest);
        if !Past::is_within(window, header.issued, seen, self.now) {
            return Ok(None);
        }
        let tenant = &baseline.approved.tenant;
        for entry in history.from(tip) {
            let entry = entry?;
            let recorded = Recorded::new(history, entry.commit.tree);
            match Baseline::superseded(&recorded, tenant, trust) {
                Ok(found) if found.digest == previous => return Ok(Some(found)),
                Ok(found) if found.digest == baseline.digest => {}
                // Neither: what came before the version before decides nothing.
                _ => break,
            }
        }
        Ok(None)
    }
}
