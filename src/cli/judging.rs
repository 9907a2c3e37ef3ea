//! Judging the tenants of a run: what is read, what it is held against, and what the run remembers.

use super::console::Console;
use super::past::Past;
use super::repository::Repository;
use super::targets::{From, Selection, Target, all_names};
use super::{Failure, TrustArgs, fetch};
use crate::assessment::{self, Assessment, Before, Case, assess};
use crate::baseline::{Baseline, BaselineError};
use crate::digest::Digest;
use crate::document::Problems;
use crate::finding::{Finding, Severity};
use crate::history::documents::Recorded;
use crate::history::{Entry, History, HistoryError, short};
use crate::policy::{PolicyError, Rules};
use crate::report::{HistorySummary, Judged, PolicySummary, Report, RootSummary};
use crate::snapshot::{Organization, Snapshot};
use crate::trust::header::CLOCK_SKEW;
use crate::trust::memory::Tip;
use crate::trust::{Floor, Key, Refusal, Trust};
use crate::verdict;
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

/// Why no tenant of the repository can get a verdict.
#[derive(Default)]
pub(super) struct Obstacles {
    /// Documents that cannot be believed: no verdict.
    reasons: Vec<String>,
    /// Documents that are signed and malformed: an error.
    failures: Vec<assessment::Failure>,
    /// The mistakes behind them, to be shown once with their lines.
    pub problems: Option<Problems>,
}

impl Obstacles {
    fn without_repository() -> Self {
        Self {
            reasons: vec![
                "there is no audit repository, so nothing says what was approved".to_owned(),
            ],
            ..Self::default()
        }
    }
}

/// `clock` is why the time of the run cannot be believed, if it cannot.
fn obstacles(repository: &Repository, clock: Option<String>) -> Obstacles {
    let mut obstacles = Obstacles::default();
    match &repository.trust {
        Err(refusal) => obstacles.refused(refusal),
        Ok(trust) => obstacles.reasons.extend(trust.obstacle()),
    }
    obstacles.reasons.extend(clock);
    match &repository.policy {
        Some(Err(PolicyError::Refused(refusal))) => obstacles.refused(refusal),
        Some(Err(error @ PolicyError::Malformed(problems))) => {
            obstacles
                .failures
                .extend(failures_of(problems, &error.help()));
            obstacles.problems = Some(problems.clone());
        }
        _ => {}
    }
    obstacles
}

impl Obstacles {
    fn refused(&mut self, refusal: &Refusal) {
        self.reasons.push(format!("{refusal} → {}", refusal.help()));
        if let Refusal::Malformed(problems) = refusal {
            self.problems = Some(problems.clone());
        }
    }
}

fn failures_of(problems: &Problems, help: &str) -> Vec<assessment::Failure> {
    let failure = |problem: &crate::document::Problem| assessment::Failure {
        source: problem.place(),
        message: problem.message.clone(),
        help: problem.help.clone().unwrap_or_else(|| help.to_owned()),
    };
    problems.iter().map(failure).collect()
}

/// What is judged, and by what.
pub(super) struct Judging<'r> {
    pub console: &'r Console,
    pub selection: &'r Selection,
    pub trust: &'r TrustArgs,
    pub repository: Option<&'r Repository>,
    pub rules: &'r Rules,
    pub fail_on: Severity,
    pub obstacles: Obstacles,
    pub now: Timestamp,
    /// The run of the history that is judged, where one is, or why it is nobody's word.
    revision: Option<Result<Entry, String>>,
    /// Every baseline that was verified.
    opened: Mutex<Vec<(Key, u64, Digest)>>,
}

/// What there is of a tenant.
pub(super) struct Looked {
    /// Its baseline; `None` where there is no verified root to verify it by.
    pub baseline: Option<Result<Baseline, BaselineError>>,
    /// Its connectors; `None` where nothing says where to read them.
    pub observed: Result<Option<Observed>, Vec<assessment::Failure>>,
}

/// Connectors that were read, as far as they could be.
pub(super) struct Observed {
    pub snapshot: Snapshot,
    pub problems: Problems,
}

/// What the history knows of a tenant from before a snapshot.
#[derive(Default)]
struct Earlier {
    /// What the run before saw; `Some(None)` where it is the same.
    before: Option<Option<Snapshot>>,
    superseded: Option<Baseline>,
    gap: Option<(Timestamp, Timestamp)>,
}

impl<'r> Judging<'r> {
    /// Prepares a run.
    pub fn new(
        console: &'r Console,
        (selection, trust): (&'r Selection, &'r TrustArgs),
        repository: Option<&'r Repository>,
        rules: &'r Rules,
        fail_on: Severity,
    ) -> Result<Self, Failure> {
        let mut judging = Self {
            console,
            selection,
            trust,
            repository,
            rules,
            fail_on,
            obstacles: repository
                .map(|repository| obstacles(repository, clock_set_back(repository, trust)))
                .unwrap_or_else(Obstacles::without_repository),
            now: trust.now(),
            revision: None,
            opened: Mutex::default(),
        };
        judging.past()?;
        if let Some(problems) = &judging.obstacles.problems {
            console.problems(problems);
        }
        Ok(judging)
    }

    /// Takes the history into account: why nothing may rest on it, and which of its runs is judged.
    fn past(&mut self) -> Result<(), Failure> {
        let judged = match &self.selection.from {
            Some(From::History(revision)) => Some(revision.as_deref().unwrap_or("tip")),
            _ => None,
        };
        let past = match (self.repository.map(|repository| &repository.past), judged) {
            (Some(Ok(Some(past))), _) => past,
            (None, Some(_)) => {
                return Err(Failure::run(
                    "there is no audit repository here, so there is no history",
                    "change to an audit repository, or name one with --config",
                ));
            }
            (Some(Ok(None)), Some(_)) => {
                return Err(Failure::run(
                    "the audit repository is in no git repository, so it has no history",
                    "git init, then connguard snapshot",
                ));
            }
            (Some(Err(failure)), Some(_)) => return Err(failure.clone()),
            (Some(Err(failure @ Failure::Refused { .. })), None) => {
                self.obstacles
                    .reasons
                    .push(format!("{failure} → {}", failure.help()));
                return Ok(());
            }
            (Some(Err(failure)), None) => {
                self.console
                    .note(&format!("the history was not looked at: {failure}"));
                return Ok(());
            }
            _ => return Ok(()),
        };
        let Some(revision) = judged else {
            self.obstacles.reasons.extend(past.obstacle(self.now));
            return Ok(());
        };
        // A history that is not what was recorded may not even be one.
        if let Some(reason) = past.obstacle(self.now) {
            self.revision = Some(Err(reason));
            return Ok(());
        }
        let entry = past
            .history
            .entry_named(revision)
            .map_err(|error| super::past::failure(&error))?;
        self.revision = Some(self.unsigned(past, &entry).map_or(Ok(entry), Err));
        Ok(())
    }

    /// Why a run of the history is nobody's word.
    fn unsigned(&self, past: &Past, entry: &Entry) -> Option<String> {
        let trust = self.repository?.trust.as_ref().ok()?;
        match crate::history::verify::signer(&past.history, trust, entry) {
            Ok(Some(_)) => None,
            Ok(None) => Some(format!(
                "the snapshot {} is unsigned: only what somebody with the history role signed can be judged",
                short(entry.id)
            )),
            Err(flaw) => Some(format!(
                "the snapshot {} cannot be believed: {}",
                short(entry.id),
                flaw.message
            )),
        }
    }

    /// Reads what there is of a tenant.
    pub fn look(&self, target: &Target<'_>) -> Looked {
        let baseline = self.baseline(&target.name);
        let configured = configured(target);
        let expected = match &baseline {
            Some(Ok(baseline)) => &baseline.approved.organization,
            _ => &configured,
        };
        let observed = self.observe(target, expected);
        Looked { baseline, observed }
    }

    /// Judges a tenant by what there is of it.
    pub fn judge(&self, target: &Target<'_>, looked: &Looked) -> Judged {
        self.judge_knowing(target, looked, false)
    }

    /// The same where it may be known already that the history holds just what was observed.
    pub fn judge_knowing(&self, target: &Target<'_>, looked: &Looked, recorded: bool) -> Judged {
        let mut assessment = self.assess(target, looked, recorded);
        assessment
            .obstacles
            .extend(self.obstacles.reasons.iter().cloned());
        assessment
            .errors
            .extend(self.obstacles.failures.iter().cloned());
        let conclusion = verdict::of_tenant(&assessment, self.fail_on);
        Judged {
            assessment,
            conclusion,
        }
    }

    fn assess(&self, target: &Target<'_>, looked: &Looked, recorded: bool) -> Assessment {
        let configured = configured(target);
        let (baseline, refused) = match &looked.baseline {
            None => (None, None),
            Some(Ok(baseline)) => (Some(baseline), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let expected = baseline.map_or(&configured, |baseline| &baseline.approved.organization);
        let nothing = || Assessment::nothing(&target.name, expected.clone());
        let mut assessment = match &looked.observed {
            Ok(Some(observed)) => self.assess_observed(target, observed, baseline, recorded),
            Ok(None) => Assessment {
                obstacles: vec![self.no_source(&target.name)],
                ..nothing()
            },
            Err(failures) => Assessment {
                errors: failures.clone(),
                ..nothing()
            },
        };
        match refused {
            Some(BaselineError::Malformed(problems)) => {
                assessment.errors.extend(self.shown(problems))
            }
            Some(error) => assessment
                .obstacles
                .push(format!("{error} → {}", error.help())),
            None => {}
        }
        if let Some(contradiction) = expected.contradiction(&configured) {
            assessment.obstacles.push(format!("connguard.yaml names another organization than the signed baseline: {contradiction}"));
        }
        assessment
    }

    fn no_source(&self, tenant: &str) -> String {
        match &self.revision {
            Some(Ok(entry)) => {
                format!(
                    "no run up to {} read {tenant:?} completely",
                    short(entry.id)
                )
            }
            Some(Err(reason)) => reason.clone(),
            None => format!(
                "the policy demands a verdict on {tenant:?}, and connguard.yaml does not say where to read it"
            ),
        }
    }

    fn assess_observed(
        &self,
        target: &Target<'_>,
        observed: &Observed,
        baseline: Option<&Baseline>,
        recorded: bool,
    ) -> Assessment {
        let (earlier, unknown) = match self.earlier(&target.name, observed, baseline, recorded) {
            Ok(earlier) => (earlier, None),
            Err(error) => (Earlier::default(), Some(error)),
        };
        let past = assessment::Past {
            before: match &earlier.before {
                None => Before::Unknown,
                Some(None) => Before::Same,
                Some(Some(before)) => Before::Other(before),
            },
            superseded: earlier.superseded.as_ref(),
            gap: earlier.gap,
        };
        let mut assessment = assess(&Case {
            tenant: &target.name,
            snapshot: &observed.snapshot,
            baseline,
            policy: self.repository.and_then(Repository::verified_policy),
            rules: self.rules,
            by_operator: self.selection.from.is_some(),
            unverified_approvals: self.repository.is_some() && baseline.is_none(),
            fail_on: self.fail_on,
            past: &past,
            now: self.now,
        });
        assessment.errors.extend(self.shown(&observed.problems));
        if let Some(error) = unknown {
            assessment.obstacles.push(format!(
                "the history cannot be read: {error} → {}",
                error.help()
            ));
        }
        assessment
    }

    /// The tenant's baseline; `None` where there is no verified root to verify it by.
    fn baseline(&self, tenant: &str) -> Option<Result<Baseline, BaselineError>> {
        let repository = self.repository?;
        let trust = repository.trust.as_ref().ok()?;
        let opened = Baseline::open(&repository.folder, tenant, trust);
        if let Ok(baseline) = &opened {
            let key = baseline.approved.key(baseline.approval().route);
            let version = baseline.approved.header.version;
            // Whatever becomes of the tenant's export: that this version exists is known from now on.
            self.opened
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((key, version, baseline.digest));
        }
        Some(opened)
    }

    /// The tenant's connectors, of the organization that is expected; `None` where nothing says where to read them.
    fn observe(
        &self,
        target: &Target<'_>,
        expected: &Organization,
    ) -> Result<Option<Observed>, Vec<assessment::Failure>> {
        let observed = if self.revision.is_some() {
            match self.recorded(&target.name)? {
                Some(observed) => observed,
                None => return Ok(None),
            }
        } else {
            let read = match (&target.file, target.configured) {
                (Some(path), _) => fetch::read(path, self.selection.taken_at),
                (None, Some(tenant)) => {
                    let folder = self
                        .repository
                        .map(|repository| repository.folder.clone())
                        .unwrap_or_default();
                    fetch::read_configured(&folder, &tenant.export)
                }
                (None, None) => return Ok(None),
            };
            let export = read.map_err(|problems| self.shown(&problems))?;
            Observed {
                snapshot: export.snapshot,
                problems: export.problems,
            }
        };
        let snapshot = &observed.snapshot;
        self.console.detail(&format!(
            "read {} connectors of {:?} from {}",
            snapshot.records.len(),
            target.name,
            snapshot.origin
        ));
        let Some(contradiction) = expected.contradiction(&snapshot.organization) else {
            return Ok(Some(observed));
        };
        Err(vec![assessment::Failure {
            source: snapshot.origin.clone(),
            message: format!(
                "this is the snapshot of another organization than {:?}: {contradiction}",
                target.name
            ),
            help: "export the right organization, or name the tenant that this export belongs to"
                .to_owned(),
        }])
    }

    fn history(&self) -> Option<&'r History> {
        let past = self.repository?.past()?;
        past.tip.map(|_| &past.history)
    }

    /// What the run of the history that is judged knows of a tenant: what the newest complete read up to it saw.
    fn recorded(&self, tenant: &str) -> Result<Option<Observed>, Vec<assessment::Failure>> {
        let (Some(history), Some(Ok(entry))) = (self.history(), &self.revision) else {
            return Ok(None);
        };
        let snapshot = history.recorded(entry, tenant).map_err(|error| {
            vec![assessment::Failure {
                source: format!("history {}", short(entry.id)),
                message: error.to_string(),
                help: error.help(),
            }]
        })?;
        Ok(snapshot.map(|snapshot| Observed {
            snapshot,
            problems: Problems::default(),
        }))
    }

    /// What the history knows of a tenant from before a snapshot.
    fn earlier(
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
        tip: crate::git::Oid,
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
        if !assessment::Past::is_within(window, header.issued, seen, self.now) {
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

    /// Shows mistakes with their lines, and gives them as failures of the tenant.
    fn shown(&self, problems: &Problems) -> Vec<assessment::Failure> {
        if !problems.is_empty() {
            self.console.problems(problems);
        }
        failures_of(problems, "correct the file, or export again")
    }

    /// Findings about the documents that all tenants share.
    fn of_run(&self, trust: &Trust, tenants: &[&Judged]) -> Vec<Finding> {
        let policy = self.repository.and_then(Repository::verified_policy);
        assessment::of_run(trust, policy, self.restarted(trust, tenants), self.now)
    }

    fn restarted(&self, trust: &Trust, tenants: &[&Judged]) -> bool {
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

    /// Remembers the versions that were verified, so that no later run takes an older one.
    ///
    /// `tip` is the newest commit of the history, where this run made one.
    pub fn remember(&self, tenants: &[&Judged], tip: Option<Tip>) -> Result<(), Failure> {
        let Some(repository) = self.repository else {
            return Ok(());
        };
        let (Some(state), Ok(trust)) = (&repository.state, &repository.trust) else {
            return Ok(());
        };
        // A root that nobody vouches for, in the place of one that is known, is nothing to be remembered.
        if trust.floor().is_none() && self.restarted(trust, tenants) {
            return Ok(());
        }
        let mut run = repository.sightings(trust);
        run.history = tip.or(run.history);
        run.documents.extend(
            self.opened
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .cloned(),
        );
        // A time given by hand says nothing about when a document was first seen.
        let clock = self.trust.now.is_none().then_some(self.now);
        if let Some(note) = state.remember(&repository.all_sightings(run, clock))? {
            self.console.note(&note);
        }
        Ok(())
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
            asked: self.selection.tenant.clone(),
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
            rules: self.rules,
            conclusion: verdict::of_run(&conclusions, &findings, fails_on),
            findings,
            tenants,
            out_of_scope,
        }
    }
}

/// What connguard.yaml says about the organization of a tenant.
fn configured(target: &Target<'_>) -> Organization {
    target
        .configured
        .map(|tenant| tenant.organization.clone())
        .unwrap_or_default()
}

/// Keys and documents count in their time only, so a clock that runs behind an earlier run's proves nothing.
fn clock_set_back(repository: &Repository, arguments: &TrustArgs) -> Option<String> {
    let seen = repository.state.as_ref()?.memory.clock()?;
    let now = arguments.now();
    let back = arguments.now.is_none() && seen.duration_since(now) > CLOCK_SKEW;
    back.then(|| format!("the clock says {now}, and an earlier run saw {seen}: it was set back; if it was that run's clock that was wrong, correct `clock` in the state file"))
}
