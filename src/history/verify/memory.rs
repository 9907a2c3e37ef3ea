//! What good commits show about the signed documents.

use super::commit::Check;
use super::wellformed::Documents;
use super::{Verified, Verifier};
use crate::baseline::Baseline;
use crate::git::{Commit, Oid};
use crate::history::documents::Recorded;
use crate::history::{History, HistoryError};
use crate::parallel::in_parallel;
use crate::policy::Policy;
use crate::trust::{Key, Known, Memory, Sightings, Trust};
use jiff::Timestamp;

impl Verifier<'_> {
    /// What the commits show about the signed documents, once all of them are good.
    pub(super) fn verified(
        &self,
        history: &History,
        tip: Oid,
        first: Oid,
        commits: &[(Oid, Commit)],
        checks: &[Check],
        memory: &mut Memory,
    ) -> Result<Verified, HistoryError> {
        let mut sightings = Vec::new();
        for ((_, commit), check) in commits.iter().zip(checks) {
            if check.documents.is_empty() {
                continue;
            }
            // When an unsigned commit says that it saw something proves nothing, nor does a time given by hand.
            let at = (check.signed && !check.run.clock_given).then_some(check.run.taken_at);
            if let Some(seen) = self.sighting(history, commit, &check.documents, at, memory) {
                memory.record(&seen, at);
                sightings.push((seen, at));
            }
        }
        // Clocks of machines differ: the newest run need not be the last one.
        let newest = match checks.iter().map(|check| check.run.taken_at).max() {
            Some(newest) => newest,
            None => history.entry(tip)?.run.taken_at,
        };
        let newest = self
            .expected
            .remembered_at
            .map_or(newest, |known| known.max(newest));
        let signed = match checks.last() {
            Some(check) => check.signed,
            None => {
                let commit = history.git.commit(tip)?;
                self.is_signed(history, tip, &commit)
            }
        };
        Ok(Verified {
            tip,
            first,
            commits: commits.len(),
            signed,
            unsigned: checks.iter().filter(|check| !check.signed).count(),
            newest,
            sightings,
        })
    }

    /// The documents of a commit that verify, judged at the time at which they were seen.
    fn sighting(
        &self,
        history: &History,
        commit: &Commit,
        documents: &Documents,
        at: Option<Timestamp>,
        memory: &Memory,
    ) -> Option<Sightings> {
        let outer = self.expected.trust?;
        let recorded = Recorded::new(history, commit.tree);
        let known = Known {
            pin: None,
            memory: Some(memory),
            repository: "",
        };
        let trust = Trust::open(&recorded, known, at.unwrap_or(self.expected.now)).ok()?;
        if !outer.known_by().contains(&trust.digest()) {
            return None;
        }
        let mut seen = Sightings {
            roots: vec![(trust.root().header.version, trust.digest())],
            known_by: outer.known_by().to_vec(),
            ..Sightings::default()
        };
        if documents.shared {
            if let Ok(policy) = Policy::open(&recorded, &trust) {
                let version = policy.document.header.version;
                seen.documents.push((Key::Policy, version, policy.digest));
            }
            seen.documents.extend(trust.manifest_sightings());
        }
        let tenants: Vec<&String> = documents.baselines.iter().collect();
        let baselines = in_parallel(&tenants, |tenant| {
            let baseline = Baseline::open(&recorded, tenant, &trust).ok()?;
            let key = baseline.approved.key(baseline.approval().route);
            Some((key, baseline.approved.header.version, baseline.digest))
        });
        seen.documents.extend(baselines.into_iter().flatten());
        Some(seen)
    }
}
