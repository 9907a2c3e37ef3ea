//! `connguard check`: the main job, from configuration to exit code.

use super::config::Tenant;
use super::console::Console;
use super::repository::{self, Repository};
use super::{
    Common, Failure, Outcome, TrustArgs, fetch, parse_fail_on, parse_report, parse_time_argument,
};
use crate::assessment::{self, Assessment, Case, assess};
use crate::baseline::{Baseline, BaselineError};
use crate::digest::Digest;
use crate::document::Problems;
use crate::finding::{Finding, Severity};
use crate::policy::{PolicyError, Rules};
use crate::report::{Format, Judged, PolicySummary, Report, RootSummary, render};
use crate::snapshot::Organization;
use crate::source::export::Export;
use crate::tenant::is_tenant_name;
use crate::trust::header::CLOCK_SKEW;
use crate::trust::{Floor, Key, Refusal, Trust};
use crate::verdict;
use clap::Args;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

pub(super) const AFTER_HELP: &str = "\
Exit codes:
  0   every tenant in scope is clean
  1   the run could not be done; the message says what and where
  2   the command line does not fit
  3   no verdict: nothing trustworthy to compare
  11  open findings, the worst is low        13  the worst is high
  12  the worst is medium                    14  the worst is critical
Of several the first of 14, 13, 1, 3, 12, 11 is taken: an attack is never hidden by an
error, and a mild finding never hides that something was not looked at.";

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Check this tenant only; may be repeated
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// Read an exported file, or a folder of <tenant>.json files, instead of the configured source
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// When an export that carries no time was made
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument, requires = "from")]
    taken_at: Option<Timestamp>,
    /// Format of standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Also write a report to a file; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_report)]
    report: Vec<(Format, PathBuf)>,
    /// Fail on this severity already; only stricter than the policy
    #[arg(long, value_name = "SEVERITY", value_parser = parse_fail_on)]
    fail_on: Option<Severity>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(common: &Common, arguments: &CheckArgs, console: &Console) -> Outcome {
    let repository = Repository::find(common, &arguments.trust, console)?;
    if repository.is_none() && arguments.from.is_none() {
        return Err(Failure::run(
            "there is no connguard.yaml here or in a parent folder",
            "change to an audit repository, name one with --config, or judge an exported file with --from",
        ));
    }
    let policy = repository.as_ref().and_then(Repository::verified_policy);
    let mut alone = None;
    let run = Run {
        arguments,
        console,
        rules: repository::rules(policy, &mut alone)?,
        fail_on: fail_on(
            arguments.fail_on,
            policy.map(|policy| policy.document.fail_on),
        )?,
        obstacles: repository
            .as_ref()
            .map(|repository| obstacles(repository, clock_set_back(repository, &arguments.trust)))
            .unwrap_or_else(Obstacles::without_repository),
        repository: repository.as_ref(),
        now: arguments.trust.now(),
        opened: Mutex::default(),
    };
    if let Some(problems) = &run.obstacles.problems {
        console.problems(problems);
    }
    let targets = run.targets()?;
    let tenants = in_parallel(&targets, |target| run.judge(target));
    let report = run.report(tenants, &targets);
    console.result(&render(&report, arguments.format))?;
    // What was found is out before a file can fail, and a file that fails does not hide it.
    let mut code = report.conclusion.exit_code;
    for (format, path) in &arguments.report {
        let text = anstream::adapter::strip_str(&render(&report, *format)).to_string();
        if let Err(failure) = write_report(path, &text) {
            console.failure(&failure);
            code = verdict::worst(&[code, failure.exit_code()]);
        }
    }
    if let Err(failure) = run.remember(&report) {
        console.failure(&failure);
        code = verdict::worst(&[code, failure.exit_code()]);
    }
    Ok(code)
}

/// The flag can only make a run stricter: what is looser must be signed.
fn fail_on(asked: Option<Severity>, signed: Option<Severity>) -> Result<Severity, Failure> {
    let signed = signed.unwrap_or(Severity::Low);
    match asked {
        Some(asked) if asked > signed => Err(Failure::Usage(format!(
            "--fail-on {asked} is looser than the policy, which fails on {signed}; change the policy and have it signed"
        ))),
        Some(asked) => Ok(asked),
        None => Ok(signed),
    }
}

fn write_report(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::run(
            format!("cannot write {}: {error}", path.display()),
            "name a file in a folder that exists and can be written",
        )
    })
}

/// Why no tenant of the repository can get a verdict.
#[derive(Default)]
struct Obstacles {
    /// Documents that cannot be believed: no verdict.
    reasons: Vec<String>,
    /// Documents that are signed and malformed: an error.
    failures: Vec<assessment::Failure>,
    /// The mistakes behind them, to be shown once with their lines.
    problems: Option<Problems>,
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

/// One tenant to be judged, and where its snapshot comes from.
struct Target<'r> {
    name: String,
    configured: Option<&'r Tenant>,
    file: Option<PathBuf>,
}

struct Run<'r> {
    arguments: &'r CheckArgs,
    console: &'r Console,
    repository: Option<&'r Repository>,
    rules: &'r Rules,
    fail_on: Severity,
    obstacles: Obstacles,
    now: Timestamp,
    /// Every baseline that was verified.
    opened: Mutex<Vec<(Key, u64, Digest)>>,
}

impl<'r> Run<'r> {
    /// Every tenant that the policy or the configuration names: none can be left out unseen.
    fn all_names(&self) -> BTreeSet<&'r String> {
        let configured = self
            .repository
            .into_iter()
            .flat_map(|repository| repository.config.tenants.keys());
        let demanded = self
            .repository
            .and_then(Repository::verified_policy)
            .into_iter()
            .flat_map(|policy| policy.document.tenants.keys());
        configured.chain(demanded).collect()
    }

    fn targets(&self) -> Result<Vec<Target<'r>>, Failure> {
        let names = self.all_names();
        if let Some(unknown) = self
            .arguments
            .tenant
            .iter()
            .find(|asked| self.repository.is_some() && !names.contains(asked))
        {
            let known: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            return Err(Failure::Usage(format!(
                "there is no tenant {unknown:?}; there are {}",
                known.join(", ")
            )));
        }
        let asked: Vec<&String> = names
            .into_iter()
            .filter(|name| self.arguments.tenant.is_empty() || self.arguments.tenant.contains(name))
            .collect();
        match &self.arguments.from {
            None => Ok(asked
                .into_iter()
                .map(|name| self.target(name, None))
                .collect()),
            Some(path) if path.is_dir() => self.targets_in(path, &asked),
            Some(path) => Ok(vec![self.target_of_file(path, &asked)?]),
        }
    }

    fn target(&self, name: &str, file: Option<PathBuf>) -> Target<'r> {
        let configured = self
            .repository
            .and_then(|repository| repository.config.tenants.get(name));
        Target {
            name: name.to_owned(),
            configured,
            file,
        }
    }

    /// A folder of exports: `<tenant>.json` for every tenant in scope, or, without a repository, every such file.
    fn targets_in(&self, folder: &Path, asked: &[&String]) -> Result<Vec<Target<'r>>, Failure> {
        let file = |name: &str| folder.join(format!("{name}.json"));
        if self.repository.is_some() {
            return Ok(asked
                .iter()
                .map(|name| self.target(name, Some(file(name))))
                .collect());
        }
        let entries = std::fs::read_dir(folder).map_err(|error| {
            Failure::run(
                format!("cannot read {}: {error}", folder.display()),
                "name a folder of exports",
            )
        })?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".json")
                    .map(str::to_owned)
            })
            .filter(|name| is_tenant_name(name))
            .collect();
        names.retain(|name| {
            self.arguments.tenant.is_empty() || self.arguments.tenant.contains(name)
        });
        names.sort();
        if names.is_empty() {
            return Err(Failure::run(
                format!("{} holds no export", folder.display()),
                "name a folder of <tenant>.json files, or one file",
            ));
        }
        Ok(names
            .iter()
            .map(|name| self.target(name, Some(file(name))))
            .collect())
    }

    /// One exported file: for the one tenant in scope, else for the one whose organization it names.
    fn target_of_file(&self, path: &Path, asked: &[&String]) -> Result<Target<'r>, Failure> {
        let file = Some(path.to_owned());
        if let [only] = asked {
            return Ok(self.target(only, file));
        }
        // What is wrong with the file is said when it is judged.
        let organization = fetch::read(path, self.arguments.taken_at)
            .map(|export| export.snapshot.organization)
            .unwrap_or_default();
        let Some(repository) = self.repository else {
            let name = self
                .arguments
                .tenant
                .first()
                .cloned()
                .unwrap_or_else(|| name_of(&organization));
            return Ok(self.target(&name, file));
        };
        let is_it = |name: &&&String| {
            repository
                .config
                .tenants
                .get(**name)
                .is_some_and(|tenant| tenant.organization.confirms(&organization))
        };
        match asked.iter().filter(is_it).collect::<Vec<_>>().as_slice() {
            [only] => Ok(self.target(only, file)),
            _ => Err(Failure::Usage(format!(
                "{} does not say which of the tenants it is; name it with --tenant",
                path.display()
            ))),
        }
    }

    fn judge(&self, target: &Target<'_>) -> Judged {
        let mut assessment = self.assess(target);
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

    fn assess(&self, target: &Target<'_>) -> Assessment {
        let configured = target
            .configured
            .map(|tenant| tenant.organization.clone())
            .unwrap_or_default();
        let (baseline, refused) = match self.baseline(&target.name) {
            None => (None, None),
            Some(Ok(baseline)) => (Some(baseline), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let expected = baseline
            .as_ref()
            .map_or(&configured, |baseline| &baseline.approved.organization);
        let nothing = || Assessment::nothing(&target.name, expected.clone());
        let mut assessment = match self.export(target, expected) {
            Ok(Some(export)) => self.assess_export(target, &export, baseline.as_ref()),
            Ok(None) => Assessment {
                obstacles: vec![format!(
                    "the policy demands a verdict on {:?}, and connguard.yaml does not say where to read it",
                    target.name
                )],
                ..nothing()
            },
            Err(failures) => Assessment {
                errors: failures,
                ..nothing()
            },
        };
        match refused {
            Some(BaselineError::Malformed(problems)) => {
                assessment.errors.extend(self.shown(&problems))
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

    fn assess_export(
        &self,
        target: &Target<'_>,
        export: &Export,
        baseline: Option<&Baseline>,
    ) -> Assessment {
        let mut assessment = assess(&Case {
            tenant: &target.name,
            snapshot: &export.snapshot,
            baseline,
            policy: self.repository.and_then(Repository::verified_policy),
            rules: self.rules,
            by_operator: target.file.is_some(),
            unverified_approvals: self.repository.is_some() && baseline.is_none(),
            fail_on: self.fail_on,
            now: self.now,
        });
        assessment.errors.extend(self.shown(&export.problems));
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

    /// The tenant's export, of the organization that is expected; `None` where nothing says where to read it.
    fn export(
        &self,
        target: &Target<'_>,
        expected: &Organization,
    ) -> Result<Option<Export>, Vec<assessment::Failure>> {
        let read = match (&target.file, target.configured) {
            (Some(path), _) => fetch::read(path, self.arguments.taken_at),
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
        let snapshot = &export.snapshot;
        self.console.detail(&format!(
            "read {} connectors of {:?} from {}",
            snapshot.records.len(),
            target.name,
            snapshot.origin
        ));
        let Some(contradiction) = expected.contradiction(&snapshot.organization) else {
            return Ok(Some(export));
        };
        Err(vec![assessment::Failure {
            source: snapshot.origin.clone(),
            message: format!(
                "this is the export of another organization than {:?}: {contradiction}",
                target.name
            ),
            help: "export the right organization, or name the tenant that this export belongs to"
                .to_owned(),
        }])
    }

    /// Shows mistakes with their lines, and gives them as failures of the tenant.
    fn shown(&self, problems: &Problems) -> Vec<assessment::Failure> {
        if !problems.is_empty() {
            self.console.problems(problems);
        }
        failures_of(problems, "correct the file, or export again")
    }

    /// Findings about the documents that all tenants share.
    fn of_run(&self, trust: &Trust, tenants: &[Judged]) -> Vec<Finding> {
        let policy = self.repository.and_then(Repository::verified_policy);
        assessment::of_run(trust, policy, self.restarted(trust, tenants), self.now)
    }

    fn restarted(&self, trust: &Trust, tenants: &[Judged]) -> bool {
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
    fn fail_on_of_run(&self, trust: Option<&Trust>, tenants: &[Judged]) -> Severity {
        let vouched =
            trust.is_some_and(|trust| trust.floor().is_some() && !self.restarted(trust, tenants));
        if vouched { self.fail_on } else { Severity::Low }
    }

    /// Remembers the versions that were verified, so that no later run takes an older one.
    fn remember(&self, report: &Report<'_>) -> Result<(), Failure> {
        let Some(repository) = self.repository else {
            return Ok(());
        };
        let (Some(state), Ok(trust)) = (&repository.state, &repository.trust) else {
            return Ok(());
        };
        // A root that nobody vouches for, in the place of one that is known, is nothing to be remembered.
        if trust.floor().is_none() && self.restarted(trust, &report.tenants) {
            return Ok(());
        }
        let mut run = repository.sightings(trust);
        run.documents.extend(
            self.opened
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .cloned(),
        );
        // A time given by hand says nothing about when a document was first seen.
        let clock = self.arguments.trust.now.is_none().then_some(self.now);
        if let Some(note) = state.remember(&run, clock)? {
            self.console.note(&note);
        }
        Ok(())
    }

    fn report(&self, tenants: Vec<Judged>, targets: &[Target<'_>]) -> Report<'r> {
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
        let findings = trust.map_or_else(Vec::new, |trust| self.of_run(trust, &tenants));
        let conclusions: Vec<verdict::Conclusion> =
            tenants.iter().map(|tenant| tenant.conclusion).collect();
        let out_of_scope = self
            .all_names()
            .into_iter()
            .filter(|name| !targets.iter().any(|target| target.name == **name))
            .cloned()
            .collect();
        Report {
            now: self.now,
            now_given: self.arguments.trust.now.is_some(),
            fail_on: self.fail_on,
            asked: self.arguments.tenant.clone(),
            from: self
                .arguments
                .from
                .as_ref()
                .map(|path| path.display().to_string()),
            taken_at: self.arguments.taken_at,
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
            rules: self.rules,
            conclusion: verdict::of_run(
                &conclusions,
                &findings,
                self.fail_on_of_run(trust, &tenants),
            ),
            findings,
            tenants,
            out_of_scope,
        }
    }
}

/// Keys and documents count in their time only, so a clock that runs behind an earlier run's proves nothing.
fn clock_set_back(repository: &Repository, arguments: &TrustArgs) -> Option<String> {
    let seen = repository.state.as_ref()?.memory.clock()?;
    let now = arguments.now();
    let back = arguments.now.is_none() && seen.duration_since(now) > CLOCK_SKEW;
    back.then(|| format!("the clock says {now}, and an earlier run saw {seen}: it was set back; if it was that run's clock that was wrong, correct `clock` in the state file"))
}

/// What a tenant is called that no repository names: the first label of its domain.
pub(super) fn name_of(organization: &Organization) -> String {
    let label = organization
        .domain
        .as_deref()
        .and_then(|domain| domain.split('.').next())
        .unwrap_or_default()
        .to_lowercase();
    if is_tenant_name(&label) {
        label
    } else {
        "export".to_owned()
    }
}

/// Judges tenants on every processor. Results come in the order of the targets, whoever finishes first.
fn in_parallel<'t>(
    targets: &[Target<'t>],
    judge: impl Fn(&Target<'t>) -> Judged + Sync,
) -> Vec<Judged> {
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(targets.len().max(1));
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Judged)>> = Mutex::new(Vec::with_capacity(targets.len()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(target) = targets.get(index) else {
                        break;
                    };
                    let judged = judge(target);
                    // A poisoned lock means that another worker panicked, which the scope reports.
                    results
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push((index, judged));
                }
            });
        }
    });
    let mut results = results
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, judged)| judged).collect()
}
