//! What a pull request does to one tenant: its baseline, the rules it is judged by, and what is known of it.

use super::found::Found;
use super::proposal::{Proposal, widening};
use crate::assessment::{self, Assessment, Case, assess_proposed};
use crate::baseline::{self, Approved, Baseline};
use crate::cli::config::Config;
use crate::cli::judging::{self, Judging, Looked};
use crate::cli::repository::{self, Repository};
use crate::cli::targets::Target;
use crate::finding::{Finding, Severity, Since, Status};
use crate::gate::{Observed, evidence_changed, hidden, narrows_only, of_review, since};
use crate::policy::Rules;
use crate::policy::settings::Narrowing;
use crate::report::Judged;
use crate::review::of_baseline;
use crate::snapshot::SourceKind;
use crate::trust::files::Documents as _;
use crate::trust::{SignedFile, manifest};
use crate::verdict::{self, Conclusion};
use crate::versions::Committed;
use std::collections::{BTreeMap, BTreeSet};

/// One tenant's part of a proposal.
pub(super) struct Gate<'a> {
    pub judging: &'a Judging<'a>,
    /// HEAD's configuration, where it is another one.
    pub config: Option<&'a Config>,
    pub repository: &'a Repository,
    pub head: &'a Committed,
    pub proposal: &'a Proposal<'a>,
    pub files: &'a BTreeSet<String>,
    pub of_all: &'a Found,
}

impl Gate<'_> {
    /// Judges what the proposal does to a tenant; what was wrong before is shown.
    pub fn tenant(&self, target: &Target<'_>) -> Judged {
        let looked = self.judging.look(target);
        let mut assessment = self.judging.judge(target, &looked).assessment;
        // What was open before is shown, and decides nothing.
        for finding in &mut assessment.findings {
            finding.since = Some(Since::Open);
            finding.decides = false;
        }
        assessment.resolved.clear();
        let mut found = Found::default();
        self.documents(target, &looked, &assessment, &mut found);
        self.evidence(target, &assessment, &mut found);
        let obstacles = std::mem::take(&mut assessment.obstacles);
        let errors = std::mem::take(&mut assessment.errors);
        // Where more is to be approved and nobody vouches for it yet, what was not looked at could hide.
        let decisive = found.widens || self.of_all.widens;
        if decisive {
            assessment.obstacles.extend(obstacles.iter().cloned());
            assessment.errors.extend(errors.iter().cloned());
        }
        for part in [&found, self.of_all] {
            assessment.obstacles.extend(part.obstacles.iter().cloned());
            assessment.errors.extend(part.failures.iter().cloned());
        }
        assessment.findings.extend(found.findings);
        assessment
            .findings
            .sort_unstable_by(|one, two| one.reading_order().cmp(&two.reading_order()));
        let decided = verdict::of_tenant(&assessment, self.judging.fail_on);
        if !decisive {
            // Not the change's business, and still nothing that anybody may take for clean.
            let aside = |reason: &String| format!("not decided by this change: {reason}");
            assessment.obstacles.extend(obstacles.iter().map(aside));
            assessment.errors.extend(errors);
        }
        let shown = verdict::of_tenant(&assessment, self.judging.fail_on);
        Judged {
            assessment,
            conclusion: Conclusion {
                verdict: shown.verdict,
                exit_code: decided.exit_code,
            },
        }
    }

    /// What the tenant would be read from, and which findings of now that would no longer show.
    fn evidence(&self, target: &Target<'_>, now: &Assessment, found: &mut Found) {
        let Some(configured) = target.configured else {
            return;
        };
        let path = self
            .config
            .and_then(|config| config.tenants.get(&target.name))
            .map_or_else(|| configured.export(), |tenant| tenant.export());
        // What the live service would say is in no commit.
        let Some(path) = path else {
            return;
        };
        if Some(path) == configured.export() && !self.files.contains(path) {
            return;
        }
        let after = self.by_evidence(target, path);
        let key = now.key();
        let left: BTreeSet<_> = after
            .iter()
            .flat_map(Assessment::open)
            .map(|finding| finding.series(key))
            .collect();
        let vanished: Vec<&Finding> = now
            .open()
            .filter(|finding| finding.severity > Severity::Info)
            .filter(|finding| !left.contains(&finding.series(key)))
            .collect();
        let words = match after {
            Some(_) => format!("{} would be read from another {path}", target.name),
            None => format!(
                "{path}, which {} would be read from, is no export of it",
                target.name
            ),
        };
        found.add(evidence_changed(path, &words, &vanished));
    }

    /// What a check would find by HEAD's export; none where that cannot be read, or is another organization's.
    fn by_evidence(&self, target: &Target<'_>, path: &str) -> Option<Assessment> {
        let export = repository::committed_export(self.head, path).ok()?;
        let looked = self.judging.look(target);
        if let Some(Ok(baseline)) = &looked.baseline {
            let organization = &baseline.approved.organization;
            if organization
                .contradiction(&export.snapshot.organization)
                .is_some()
            {
                return None;
            }
        }
        let looked = Looked {
            baseline: looked.baseline,
            observed: Ok(Some(judging::Observed {
                source: export.snapshot.source,
                snapshot: export.snapshot,
                problems: export.problems,
                failures: Vec::new(),
                export: None,
            })),
        };
        Some(self.judging.judge(target, &looked).assessment)
    }

    /// What the proposal does to a tenant's baseline, and to the rules that it is judged by.
    fn documents(
        &self,
        target: &Target<'_>,
        looked: &Looked,
        observed: &Assessment,
        found: &mut Found,
    ) {
        let path = baseline::path(&target.name);
        let folder = format!("baselines/{}.sigs/", target.name);
        let touched = |own: &String| {
            *own == path
                || own.starts_with(&folder)
                || own.starts_with("trust/")
                || own == manifest::PATH
                || own.starts_with("baselines/manifest.sigs/")
        };
        let documents = self.files.iter().any(touched);
        if !documents && self.proposal.policy.is_none() {
            return;
        }
        // A tenant that never had a baseline is none of this change's business.
        let had = SignedFile::load(&self.repository.content, &path).ok();
        if had.is_none() && self.head.read(&path).is_err() && target.configured.is_some() {
            return;
        }
        let Some((file, proposed)) = self.proposal.approved(&path, found) else {
            return;
        };
        let before = match &looked.baseline {
            Some(Ok(baseline)) => Some(baseline),
            _ => None,
        };
        let is_new = before.is_none_or(|before| before.digest != file.digest());
        let review = of_baseline(before.map(|before| &before.approved), &proposed);
        let widens = if is_new {
            widening(&review)
        } else {
            Vec::new()
        };
        let mut signed = false;
        if documents {
            signed = self
                .proposal
                .is_signed(&target.name, is_new, &widens, found);
            let passes = self.lets_narrowing_pass() && is_new && narrows_only(&review);
            for finding in &mut found.findings {
                if passes && finding.rule == "signatures-missing" {
                    finding.decides = false;
                    finding.message += "; it only narrows, so the gate lets it pass: until it is signed, checks give no verdict";
                }
            }
            self.hidden(looked, observed, (&path, &proposed, signed), found);
        }
        found.widens = !widens.is_empty() && !signed;
        if is_new {
            found.findings.extend(of_review(&review, &path));
            found.expires(&path, &proposed.header, self.judging.now);
            if let Some(before) = before {
                let seen = (before.approved.header.version, before.digest);
                found.continues(&path, seen, &proposed.header, file.digest());
            }
        }
        self.rules(target, before, &proposed, found);
    }

    fn lets_narrowing_pass(&self) -> bool {
        let policy = self.repository.verified_policy();
        let own = policy.map_or(Narrowing::default(), |policy| policy.document.narrowing);
        let proposed = self.proposal.policy.as_ref();
        let head = proposed.map_or(Narrowing::Pass, |(document, _)| document.narrowing);
        own == Narrowing::Pass && head == Narrowing::Pass
    }

    /// Drift of now that nobody would see any more.
    fn hidden(
        &self,
        looked: &Looked,
        observed: &Assessment,
        (path, proposed, signed): (&str, &Approved, bool),
        found: &mut Found,
    ) {
        let Ok(Some(seen)) = &looked.observed else {
            return;
        };
        let seen = Observed {
            snapshot: &seen.snapshot,
            findings: &observed.findings,
        };
        let hidden = hidden(&seen, proposed, path, signed, self.judging.now);
        found.findings.extend(hidden);
    }

    /// Rules that the proposed state breaks and the one in force does not: by BASE's rules, and by HEAD's.
    fn rules(
        &self,
        target: &Target<'_>,
        before: Option<&Baseline>,
        proposed: &Approved,
        found: &mut Found,
    ) {
        let rules = self.judging.rules;
        let lists = self
            .repository
            .verified_policy()
            .map(|policy| &policy.document.lists);
        let earlier = before.map_or_else(
            || Assessment::nothing(&target.name, proposed.organization.clone()),
            |before| self.on(target, &before.approved, rules, lists),
        );
        let mut judgements = vec![self.on(target, proposed, rules, lists)];
        if let Some((document, rules)) = &self.proposal.policy {
            judgements.push(self.on(target, proposed, rules, Some(&document.lists)));
        }
        let mut worst: BTreeMap<_, Finding> = BTreeMap::new();
        for mut judged in judgements {
            since(&earlier, &mut judged);
            let key = judged.key().to_owned();
            for reason in judged.obstacles {
                if !earlier.obstacles.contains(&reason) {
                    found.obstacle(reason);
                }
            }
            for failure in judged.errors {
                let same = |own: &assessment::Failure| own.message == failure.message;
                if !found.failures.iter().any(same) {
                    found.failures.push(failure);
                }
            }
            // What is tolerated, in both, is shown with what is there.
            let own = |finding: &Finding| finding.decides && finding.status == Status::Open;
            for finding in judged.findings.into_iter().filter(own) {
                let entry = worst.entry(finding.fingerprint(&key));
                let own = entry.or_insert_with(|| finding.clone());
                if finding.severity > own.severity {
                    *own = finding;
                }
            }
        }
        found.findings.extend(worst.into_values());
    }

    fn on(
        &self,
        target: &Target<'_>,
        approved: &Approved,
        rules: &Rules,
        lists: Option<&crate::lists::Lists>,
    ) -> Assessment {
        assess_proposed(&Case {
            tenant: &target.name,
            snapshot: &approved.as_snapshot(),
            baseline: None,
            proposed: Some(approved),
            policy: None,
            shared_lists: lists,
            rules,
            by_operator: false,
            read_from: SourceKind::Export,
            unverified_approvals: false,
            fail_on: self.judging.fail_on,
            past: &assessment::Past::default(),
            now: self.judging.now,
        })
    }
}
