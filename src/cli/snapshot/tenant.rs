//! One tenant: read, judged, and made a folder of.

use super::Recorder;
use crate::cli::judging::{Judging, Looked, Observed};
use crate::cli::targets::Target;
use crate::git::Oid;
use crate::history::change::{Difference, between};
use crate::history::folder::{Folder, as_recorded};
use crate::history::{Entry, HistoryError};
use crate::report::Judged;
use crate::snapshot::{Completeness, Part, SourceKind};
use crate::snapshot::{Snapshot, stored};
use crate::trust::header::CLOCK_SKEW;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What became of one tenant.
pub(in crate::cli) struct Done {
    pub name: String,
    pub judged: Judged,
    /// What is to be recorded of it.
    pub seen: Option<Seen>,
    /// Why it does not count as read.
    pub reason: Option<String>,
}

pub(in crate::cli) struct Seen {
    pub folder: Folder,
    pub changes: Vec<Difference>,
    pub first: bool,
    /// Whether the history holds just this.
    pub same: bool,
    pub source: SourceKind,
    pub taken_at: Timestamp,
}

impl Recorder<'_> {
    /// Reads and judges a tenant, and makes its folder.
    pub(super) fn tenant(
        &self,
        judging: &Judging<'_>,
        target: &Target<'_>,
        base: Option<&Entry>,
        now: Timestamp,
    ) -> Done {
        let looked = judging.look(target);
        let (seen, reason) = match self.seen((judging, target), &looked, base, now) {
            Ok((seen, reason)) => (Some(seen), reason),
            Err(reason) => (None, Some(reason)),
        };
        let recorded = seen.as_ref().is_some_and(|seen| seen.same);
        let judged = judging.judge_knowing(target, &looked, recorded);
        Done {
            name: target.name.clone(),
            judged,
            seen,
            reason,
        }
    }

    /// What is to be recorded of a tenant, and why it does not count as read; or why nothing is.
    fn seen(
        &self,
        (judging, target): (&Judging<'_>, &Target<'_>),
        looked: &Looked,
        base: Option<&Entry>,
        now: Timestamp,
    ) -> Result<(Seen, Option<String>), String> {
        let observed = match &looked.observed {
            Ok(Some(observed)) => observed,
            Ok(None) => return Err(judging.no_source(target)),
            Err(failures) => {
                let messages: Vec<&str> = failures
                    .iter()
                    .map(|failure| failure.message.as_str())
                    .collect();
                return Err(messages.join("; "));
            }
        };
        let Observed { snapshot, .. } = observed;
        let taken_at = snapshot
            .taken_at
            .ok_or("nothing says when the export was made: give --taken-at")?;
        if taken_at.duration_since(now) > CLOCK_SKEW {
            return Err(format!(
                "it says that it was taken at {taken_at}, which is later than now"
            ));
        }
        let words = |error: HistoryError| error.to_string();
        let history = self.history();
        let before = match base {
            Some(base) => history
                .folder_of(base.commit.tree, &target.name)
                .map_err(words)?,
            None => None,
        };
        if let Some(base) = base
            && before.is_some()
            && let Some(newest) = history.newest_read(base.id, &target.name).map_err(words)?
            && taken_at < newest.run.time_of(&target.name)
        {
            return Err(format!(
                "it was taken at {taken_at}, and the history holds a newer state, of {}",
                newest.run.time_of(&target.name)
            ));
        }
        let baseline = match &looked.baseline {
            Some(Ok(baseline)) => Some(baseline.file()),
            _ => None,
        };
        let folder = history
            .tenant_folder(before, snapshot, baseline)
            .map_err(words)?;
        let earlier = match before.filter(|before| *before != folder.id) {
            Some(before) => {
                let commit = base.map_or(Oid::ZERO_SHA1, |base| base.id);
                Some(
                    history
                        .state_in(commit, &target.name, before)
                        .map_err(words)?,
                )
            }
            None => None,
        };
        let changes = match (&earlier, before) {
            (Some(earlier), _) => between(
                Some(&earlier.snapshot),
                &as_recorded(&earlier.snapshot, snapshot),
            ),
            (None, Some(_)) => Vec::new(),
            (None, None) => between(None, snapshot),
        };
        let reason = match snapshot.completeness(Part::InboundConnectors) {
            Completeness::Complete | Completeness::Assumed => None,
            Completeness::NotRead => Some("its connectors were not asked for".to_owned()),
            Completeness::Failed(reason) => Some(reason.clone()),
        };
        let reason = reason.or_else(|| twins(snapshot));
        let seen = Seen {
            changes,
            first: before.is_none(),
            same: before == Some(folder.id) && reason.is_none(),
            folder,
            source: snapshot.source,
            taken_at,
        };
        Ok((seen, reason))
    }
}

/// Says which connectors the history cannot tell apart: without an id only the name does.
fn twins(snapshot: &Snapshot) -> Option<String> {
    let mut seen = BTreeSet::new();
    let twin = snapshot
        .connectors()
        .find(|connector| !seen.insert(stored::file_name(connector)))?;
    Some(format!(
        "two connectors have no id and the name {:?}: export every property",
        twin.name
    ))
}
