//! Judging the tenants of a run: what is read, what it is held against, and what the run remembers.

mod earlier;
mod observe;
mod obstacles;
mod report;

use crate::assessment::{self, Assessment, Before, Case, assess};
use crate::baseline::{Baseline, BaselineError};
use crate::cli::console::Console;
use crate::cli::live::{Live, LiveArgs};
use crate::cli::past::{self};
use crate::cli::repository::{Repository, rules};
use crate::cli::targets::{From, Selection, Target};
use crate::cli::{Failure, TrustArgs};
use crate::digest::Digest;
use crate::document::Problems;
use crate::finding::Severity;
use crate::history::{Entry, History};
use crate::parallel::processors;
use crate::policy::{Policy, Rules};
use crate::report::Judged;
use crate::snapshot::{Organization, Snapshot, SourceKind};
use crate::trust::Key;
use crate::trust::memory::Advance;
use crate::verdict;
use earlier::Earlier;
use jiff::Timestamp;
use obstacles::{Obstacles, clock_set_back, failures_of, obstacles};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What is judged, and by what.
pub(in crate::cli) struct Judging<'r> {
    pub console: &'r Console,
    pub selection: &'r Selection,
    pub trust: &'r TrustArgs,
    pub repository: Option<&'r Repository>,
    pub rules: &'r Rules,
    pub fail_on: Severity,
    obstacles: Obstacles,
    pub now: Timestamp,
    /// The run of the history that is judged, where one is, or why it is nobody's word.
    revision: Option<Result<Entry, String>>,
    /// Every baseline that was verified.
    opened: Mutex<Vec<(Key, u64, Digest)>>,
    pub live: Arc<Live>,
}

/// What there is of a tenant.
pub(in crate::cli) struct Looked {
    /// Its baseline; `None` where there is no verified root to verify it by.
    pub baseline: Option<Result<Baseline, BaselineError>>,
    /// Its connectors; `None` where nothing says where to read them.
    pub observed: Result<Option<Observed>, Vec<assessment::Failure>>,
}

/// Connectors that were read, as far as they could be.
pub(in crate::cli) struct Observed {
    pub snapshot: Snapshot,
    pub problems: Problems,
    /// The kind of source that they were read from at first, whatever remembers them now.
    pub source: SourceKind,
    /// Why they could not be read, where the service did not answer.
    pub failures: Vec<assessment::Failure>,
    /// What the live service answered, in the form of an export.
    pub export: Option<String>,
}

/// The flag can only make a run stricter: what is looser must be signed.
fn fail_on(asked: Option<Severity>, policy: Option<&Policy>) -> Result<Severity, Failure> {
    let signed = policy.map_or(Severity::Low, |policy| policy.document.fail_on);
    match asked {
        Some(asked) if asked > signed => Err(Failure::Usage(format!(
            "--fail-on {asked} is looser than the policy, which fails on {signed}; change the policy and have it signed"
        ))),
        Some(asked) => Ok(asked),
        None => Ok(signed),
    }
}

impl<'r> Judging<'r> {
    /// Prepares a run by the rules of the repository's verified policy, else by the compiled-in ones, which `alone`
    /// holds. `strictness` is the severity that the command line asks to fail on.
    pub fn new(
        console: &'r Console,
        (selection, trust): (&'r Selection, &'r TrustArgs),
        repository: Option<&'r Repository>,
        alone: &'r mut Option<Rules>,
        strictness: Option<Severity>,
    ) -> Result<Self, Failure> {
        let policy = repository.and_then(Repository::verified_policy);
        let mut judging = Self {
            console,
            selection,
            trust,
            repository,
            rules: rules(policy, alone)?,
            fail_on: fail_on(strictness, policy)?,
            obstacles: repository
                .map(|repository| obstacles(repository, clock_set_back(repository, trust)))
                .unwrap_or_else(Obstacles::without_repository),
            now: trust.now(),
            revision: None,
            opened: Mutex::default(),
            live: Arc::new(Live::new(
                &selection.live,
                repository.map_or(Path::new(""), |repository| &repository.folder),
                console,
            )),
        };
        judging.past()?;
        if let Some(problems) = &judging.obstacles.problems {
            console.problems(problems);
        }
        Ok(judging)
    }

    /// Reads what stands around the connectors, too: for what is kept.
    pub fn with_surroundings(mut self) -> Self {
        let folder = self
            .repository
            .map_or(Path::new(""), |repository| &repository.folder);
        let arguments = LiveArgs {
            around: true,
            ..self.selection.live.clone()
        };
        self.live = Arc::new(Live::new(&arguments, folder, self.console));
        self
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
            .map_err(|error| past::failure(&error))?;
        let reason = self
            .unsigned(past, &entry)
            .or_else(|| self.rehearsed(&entry));
        self.revision = Some(reason.map_or(Ok(entry), Err));
        Ok(())
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
                obstacles: vec![self.no_source(target)],
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
        let policy = self.repository.and_then(Repository::verified_policy);
        let mut assessment = assess(&Case {
            tenant: &target.name,
            snapshot: &observed.snapshot,
            baseline,
            proposed: None,
            policy,
            shared_lists: policy.map(|policy| &policy.document.lists),
            rules: self.rules,
            by_operator: self.selection.path().is_some(),
            read_from: observed.source,
            unverified_approvals: self.repository.is_some() && baseline.is_none(),
            fail_on: self.fail_on,
            past: &past,
            now: self.now,
        });
        assessment.errors.extend(observed.failures.iter().cloned());
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
        let opened = Baseline::open(&repository.content, tenant, trust);
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

    /// How many tenants are looked at together: the service is waited for, files are worked on.
    pub fn workers(&self, targets: &[Target<'_>]) -> usize {
        let is_live = |target: &Target<'_>| {
            self.revision.is_none()
                && target.file.is_none()
                && target
                    .configured
                    .is_some_and(|tenant| tenant.exchange().is_some())
        };
        if targets.iter().any(is_live) {
            self.selection.live.jobs
        } else {
            processors()
        }
    }

    fn history(&self) -> Option<&'r History> {
        let past = self.repository?.past()?;
        past.tip.map(|_| &past.history)
    }

    /// Shows mistakes with their lines, and gives them as failures of the tenant.
    fn shown(&self, problems: &Problems) -> Vec<assessment::Failure> {
        if !problems.is_empty() {
            self.console.problems(problems);
        }
        failures_of(problems, "correct the file, or export again")
    }

    /// Remembers the versions that were verified, so that no later run takes an older one.
    ///
    /// `advance` is the newest commit of the history, where this run made one.
    pub fn remember(&self, tenants: &[&Judged], advance: Option<Advance>) -> Result<(), Failure> {
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
        run.history = advance.or(run.history);
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
}

/// What connguard.yaml says about the organization of a tenant.
fn configured(target: &Target<'_>) -> Organization {
    target
        .configured
        .map(|tenant| tenant.organization.clone())
        .unwrap_or_default()
}
