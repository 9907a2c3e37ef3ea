//! What a run found out as a whole.

use super::Judging;
use crate::assessment;
use crate::cli::repository::Repository;
use crate::cli::targets::{Target, all_names};
use crate::finding::{Finding, Severity};
use crate::report::{HistorySummary, Judged, PolicySummary, Report, RootSummary};
use crate::trust::{Floor, Trust};
use crate::verdict;

impl<'r> Judging<'r> {
    /// Findings about the documents that all tenants share.
    fn of_run(&self, trust: &Trust, tenants: &[&Judged]) -> Vec<Finding> {
        let policy = self.repository.and_then(Repository::verified_policy);
        assessment::of_run(trust, policy, self.restarted(trust, tenants), self.now)
    }

    pub(super) fn restarted(&self, trust: &Trust, tenants: &[&Judged]) -> bool {
        self.repository.is_some_and(|repository| {
            let ids: Vec<&str> = tenants
                .iter()
                .filter_map(|tenant| tenant.assessment.organization.tenant_id.as_deref())
                .collect();
            repository.was_restarted(trust, &ids)
        })
    }

    /// What fails the run by itself. A policy is worth what its root is worth: where nothing vouches
    /// for the root, its policy does not get to say that this is no matter.
    fn fail_on_of_run(&self, trust: Option<&Trust>, tenants: &[&Judged]) -> Severity {
        let vouched =
            trust.is_some_and(|trust| trust.floor().is_some() && !self.restarted(trust, tenants));
        if vouched { self.fail_on } else { Severity::Low }
    }

    fn history_summary(&self) -> Option<HistorySummary> {
        let past = self.repository?.past()?;
        let verified = past.verified.as_ref()?;
        Some(HistorySummary {
            place: past.history.name.clone(),
            tip: past.tip.map(|tip| tip.to_string()),
            signed: verified.as_ref().is_ok_and(|verified| verified.signed),
            verified: verified.is_ok(),
        })
    }

    /// Everything that the run found out.
    pub fn report(&self, tenants: Vec<Judged>, targets: &[Target<'_>]) -> Report<'r> {
        self.report_of(tenants, targets, None)
    }

    /// The same of a change, with what was found about it as a whole.
    pub fn report_of(
        &self,
        tenants: Vec<Judged>,
        targets: &[Target<'_>],
        change: Option<(String, Vec<Finding>)>,
    ) -> Report<'r> {
        let trust = self
            .repository
            .and_then(|repository| repository.trust.as_ref().ok());
        let root = trust.map(|trust| RootSummary {
            version: trust.root().header.version,
            digest: trust.digest(),
            pinned: matches!(trust.floor(), Some(Floor::Pinned(_))),
            remembered: matches!(trust.floor(), Some(Floor::Remembered(_))),
            rollback: trust.rollback(),
        });
        let all: Vec<&Judged> = tenants.iter().collect();
        let mut findings = trust.map_or_else(Vec::new, |trust| self.of_run(trust, &all));
        let (change, of_change) = change.unzip();
        findings.extend(of_change.unwrap_or_default());
        let fails_on = self.fail_on_of_run(trust, &all);
        let history = self.history_summary();
        if let Some(history) = history
            .as_ref()
            .filter(|history| history.verified && !history.signed)
        {
            findings.push(assessment::of_history(&history.place));
        }
        let conclusions: Vec<verdict::Conclusion> =
            tenants.iter().map(|tenant| tenant.conclusion).collect();
        let out_of_scope = all_names(self.repository)
            .into_iter()
            .filter(|name| !targets.iter().any(|target| target.name == *name))
            .collect();
        Report {
            now: self.now,
            now_given: self.trust.now.is_some(),
            fail_on: self.fail_on,
            own_fail_on: fails_on,
            asked: self.selection.tenant.clone(),
            shard: self.selection.shard.map(|shard| shard.to_string()),
            rehearsal: self.selection.live.rehearsal,
            from: self.selection.from.as_ref().map(ToString::to_string),
            taken_at: self.selection.taken_at,
            policy: self
                .repository
                .and_then(Repository::verified_policy)
                .map(|policy| PolicySummary {
                    version: policy.document.header.version,
                    digest: policy.digest,
                    signers: policy.signers().to_vec(),
                    rollback: policy.rollback,
                }),
            root,
            history,
            change,
            rules: self.rules,
            conclusion: verdict::of_run(&conclusions, &findings, fails_on),
            findings,
            tenants,
            out_of_scope,
        }
    }
}
