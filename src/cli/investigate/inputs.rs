//! Everything that an investigation is made from: read once, small things first.

use super::InvestigateArgs;
use super::files::{Answered, Disk, DiskFile};
use super::live::Service;
use super::whose;
use crate::baseline::Baseline;
use crate::cli::Failure;
use crate::cli::config::{Tenant, TenantSource};
use crate::cli::console::Console;
use crate::cli::past;
use crate::cli::repository::Repository;
use crate::cli::targets::From;
use crate::connector::address::AddressSet;
use crate::evidence::audit::AuditLog;
use crate::evidence::traffic::{Routes, Traffic};
use crate::evidence::{
    Configuration, File, FileReport, Form, Found, Progress, read_configuration, read_logs,
    read_mail, survey,
};
use crate::git::Oid;
use crate::investigation::attribution::state::{self, State};
use crate::investigation::attribution::{Attribution, attribute};
use crate::investigation::{Question, routes};
use crate::policy::threshold::Thresholds;
use crate::snapshot::{Organization, Snapshot};
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

/// What was read, and what follows from it before anything is judged.
pub(super) struct Inputs {
    tenant: String,
    organization: Organization,
    in_repository: bool,
    now: Timestamp,
    baseline: Option<Baseline>,
    /// States out of the history and of the live service.
    snapshots: Vec<Snapshot>,
    configuration: Configuration,
    log: Option<AuditLog>,
    traffic: Option<Traffic>,
    routes: Routes,
    attribution: RefCell<Attribution>,
    files: Vec<FileReport>,
    hosting: Option<AddressSet>,
    /// What of the live service, and on disk, could not be read.
    lost: Vec<String>,
    /// Whether a file could not be read at all.
    failed: bool,
    /// The run of the history that first saw each of its states, by its time.
    pub runs: BTreeMap<Timestamp, Oid>,
}

impl Inputs {
    /// Reads everything that was named.
    pub fn gather(
        arguments: &InvestigateArgs,
        repository: Option<&Repository>,
        console: &Console,
    ) -> Result<Self, Failure> {
        let now = arguments.trust.now();
        let hosting = arguments.hosting.as_deref().map(hosting).transpose()?;
        let named = whose::named(arguments, repository)?;
        let sources = sources(arguments, named.map(|(_, tenant)| tenant))?;
        let is_live = sources.iter().any(|own| matches!(own, From::Live));
        // Digests are for those who check a case; they take their time with gigabytes.
        let disk = disk(&sources, arguments.case.is_some(), console)?;
        let service = service(arguments, repository, named, is_live, console)?;
        let (mut snapshots, answers) = match &service {
            Some(service) if is_live => asked(service)?,
            _ => Default::default(),
        };
        let on_disk = disk.files.iter().map(|own| own as &dyn File);
        let answered = answers.iter().map(|own| own as &dyn File);
        let files: Vec<&dyn File> = on_disk.chain(answered).collect();
        let mut found = survey(&files).map_err(unreadable)?;
        let configuration = configuration(&found, arguments, console)?;
        let mut runs = BTreeMap::new();
        if let (Some(repository), Some((name, _))) = (repository, named) {
            for (snapshot, run) in history(repository, name, &sources, now)? {
                runs.extend(snapshot.taken_at.map(|at| (at, run)));
                snapshots.push(snapshot);
            }
        }
        let owner = whose::owner(named, repository, &configuration, &snapshots, console)?;
        let bytes: u64 = disk.files.iter().map(File::size).sum();
        let bar = console.bytes(bytes);
        let progress = |read: usize| bar.advance(read);
        let progress = Progress(&progress);
        let (log, logs) = read_logs(&found, &progress).map_err(unreadable)?;
        let log = (!logs.is_empty()).then_some(log);
        if let Some(log) = &log {
            whose::is_log_of(log, &owner.organization)?;
        }
        let states = states(&configuration, &snapshots);
        let attribution = attribute(&states, log.as_ref().unwrap_or(&AuditLog::default()));
        let parts = configuration.snapshots();
        let routes = routes(&states, &parts, owner.baseline.as_ref(), &attribution);
        let hunted = match &service {
            Some(service) if arguments.hunt => service.hunt(&routes)?,
            _ => Vec::new(),
        };
        let counted: Vec<&dyn File> = hunted.iter().map(|own| own as &dyn File).collect();
        found.extend(survey(&counted).map_err(unreadable)?);
        let (traffic, mails) = read_mail(&found, &routes, &progress).map_err(unreadable)?;
        drop(bar);
        let traffic = (!mails.is_empty()).then_some(traffic);
        let unknown = found.iter().filter(|own| own.form == Form::Unknown);
        let unknown = unknown.map(Found::report);
        let known = configuration.files.iter().cloned();
        let reports = known.chain(logs).chain(mails).chain(unknown).collect();
        Ok(Self {
            tenant: owner.tenant,
            organization: owner.organization,
            in_repository: owner.in_repository,
            baseline: owner.baseline,
            now,
            attribution: RefCell::new(attribution),
            log,
            traffic,
            routes,
            files: digested(reports, &disk.files)?,
            hosting,
            failed: !(disk.unreadable.is_empty() && configuration.problems.is_empty()),
            lost: [
                service.map_or_else(Vec::new, Service::lost),
                disk.left_out,
                disk.unreadable,
            ]
            .concat(),
            configuration,
            snapshots,
            runs,
        })
    }

    /// What is asked of it.
    pub fn question(&self, thresholds: Thresholds) -> Question<'_> {
        Question {
            tenant: &self.tenant,
            organization: self.organization.clone(),
            in_repository: self.in_repository,
            now: self.now,
            baseline: self.baseline.as_ref(),
            states: states(&self.configuration, &self.snapshots),
            parts: self.configuration.snapshots(),
            log: self.log.as_ref(),
            traffic: self.traffic.as_ref(),
            routes: &self.routes,
            files: self.files.clone(),
            attribution: self.attribution.take(),
            thresholds,
            hosting: self.hosting.as_ref(),
            lost: &self.lost,
            failed: self.failed,
        }
    }
}

/// A file that cannot be read to its end.
fn unreadable((path, error): (String, std::io::Error)) -> Failure {
    Failure::run(
        format!("cannot read {path}: {error}"),
        "export the file again, or leave it out",
    )
}

/// The live service, where anything is asked of it.
fn service<'s>(
    arguments: &'s InvestigateArgs,
    repository: Option<&'s Repository>,
    named: Option<(&'s str, &'s Tenant)>,
    is_live: bool,
    console: &'s Console,
) -> Result<Option<Service<'s>>, Failure> {
    match (repository, named) {
        (Some(repository), Some(tenant)) if is_live || arguments.hunt => {
            Ok(Some(Service::new(arguments, repository, tenant, console)))
        }
        _ if arguments.hunt => Err(Failure::run(
            "there is no audit repository here that says how to reach the live service",
            "connguard hunt show mail-by-hour prints the query: run it in the portal, and name its export with --from",
        )),
        _ => Ok(None),
    }
}

/// The live organization as it is, what its log says, and its mail where that is not counted by hunting.
fn asked(service: &Service<'_>) -> Result<(Vec<Snapshot>, Vec<Answered>), Failure> {
    let snapshot = service.snapshot()?;
    let mut answers = service.log()?;
    if !service.arguments.hunt {
        answers.extend(service.trace()?);
    }
    Ok((vec![snapshot], answers))
}

/// What files say of the configuration; each with the time that it has or was given.
fn configuration(
    found: &[Found<'_>],
    arguments: &InvestigateArgs,
    console: &Console,
) -> Result<Configuration, Failure> {
    for own in found.iter().filter(|own| own.form == Form::Unknown) {
        console.note(&format!(
            "{} was not recognised as evidence; logs and traces are read as CSV or JSON",
            own.file.path()
        ));
    }
    let mut configuration = read_configuration(found);
    if !configuration.problems.is_empty() {
        console.problems(&configuration.problems);
    }
    for export in &mut configuration.exports {
        if export.rehearsal && !arguments.live.rehearsal {
            return Err(Failure::Refused {
                message: format!(
                    "{} was read from an emulator, in a rehearsal",
                    export.snapshot.origin
                ),
                help: "leave it out, or investigate with --rehearsal".to_owned(),
            });
        }
        let taken_at = &mut export.snapshot.taken_at;
        *taken_at = taken_at.or(arguments.taken_at);
        if !export.problems.is_empty() {
            console.problems(&export.problems);
        }
    }
    Ok(configuration)
}

/// The states of every history that was named, each with the run that saw it.
fn history(
    repository: &Repository,
    tenant: &str,
    sources: &[From],
    now: Timestamp,
) -> Result<Vec<(Snapshot, Oid)>, Failure> {
    let mut all = Vec::new();
    for source in sources {
        if let From::History(revision) = source {
            all.extend(recorded(repository, tenant, revision.as_deref(), now)?);
        }
    }
    Ok(all)
}

/// The reports in the order of their paths, each with the digest of its file where one was taken.
fn digested(mut reports: Vec<FileReport>, disk: &[DiskFile]) -> Result<Vec<FileReport>, Failure> {
    reports.sort_by(|one, other| one.path.cmp(&other.path));
    for file in disk {
        let digest = file
            .digest()
            .map_err(|error| unreadable((file.path().to_owned(), error)))?;
        let own = reports.iter_mut().filter(|own| own.path == file.path());
        own.for_each(|own| own.digest = own.digest.or(digest));
    }
    Ok(reports)
}

/// Every state that files, the history and the live service show.
fn states<'a>(configuration: &'a Configuration, snapshots: &'a [Snapshot]) -> Vec<State<'a>> {
    state::states(configuration.snapshots().into_iter().chain(snapshots))
}

/// What is read where nothing is named: the history, and the tenant's own source.
fn sources(arguments: &InvestigateArgs, tenant: Option<&Tenant>) -> Result<Vec<From>, Failure> {
    if !arguments.from.is_empty() {
        let needs = arguments
            .from
            .iter()
            .any(|own| !matches!(own, From::Path(_)));
        if needs && tenant.is_none() {
            return Err(Failure::run(
                "there is no audit repository here, so there is no history and no live service",
                "name a folder of exported files with --from, or change to an audit repository",
            ));
        }
        return Ok(arguments.from.clone());
    }
    match tenant.map(|own| &own.source) {
        None => Err(Failure::Usage(
            "name the evidence with --from FOLDER".to_owned(),
        )),
        Some(TenantSource::Exchange(_)) => Ok(vec![From::History(None), From::Live]),
        Some(TenantSource::Export(_)) => Ok(vec![From::History(None)]),
    }
}

fn disk(sources: &[From], digests: bool, console: &Console) -> Result<Disk, Failure> {
    let mut all = Disk::default();
    for source in sources {
        if let From::Path(path) = source {
            all.add(path, digests)?;
        }
    }
    for words in all.left_out.iter().chain(&all.unreadable) {
        console.say(words);
    }
    if all.files.is_empty() && sources.iter().all(|own| matches!(own, From::Path(_))) {
        return Err(Failure::run(
            "there is no file of evidence",
            "name a folder that holds exported files",
        ));
    }
    Ok(all)
}

/// The states that the history holds of a tenant, oldest first; nothing of one that is not what was recorded.
fn recorded(
    repository: &Repository,
    tenant: &str,
    revision: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(Snapshot, Oid)>, Failure> {
    let past = match &repository.past {
        Ok(Some(past)) => past,
        Ok(None) => return Ok(Vec::new()),
        Err(failure) => return Err(failure.clone()),
    };
    if let Some(reason) = past.obstacle(now) {
        return Err(Failure::Refused {
            message: reason,
            help: "leave the history out with --from, or find out who changed it: connguard history verify".to_owned(),
        });
    }
    let failed = |error: crate::history::HistoryError| past::failure(&error);
    let tip = match revision {
        Some(revision) => past.history.entry_named(revision).map_err(failed)?.id,
        None => match past.tip {
            Some(tip) => tip,
            None => return Ok(Vec::new()),
        },
    };
    let mut found: Vec<(Snapshot, Oid)> = Vec::new();
    let mut newer: Option<Oid> = None;
    let mut alike = 0;
    for entry in past.history.from(tip) {
        let entry = entry.map_err(failed)?;
        if !entry.run.read.names(tenant) {
            continue;
        }
        let folder = past
            .history
            .folder_of(entry.commit.tree, tenant)
            .map_err(failed)?;
        // Of states that follow each other and are the same, the newest and the oldest tell all there is.
        alike = if folder.is_some() && folder == newer {
            alike + 1
        } else {
            0
        };
        newer = folder;
        let Some(state) = past.history.state(&entry, tenant).map_err(failed)? else {
            continue;
        };
        let mut snapshot = state.snapshot;
        snapshot.taken_at = Some(entry.run.time_of(tenant));
        if alike > 1 {
            found.pop();
        }
        found.push((snapshot, entry.id));
    }
    found.reverse();
    Ok(found)
}

/// The largest list of address ranges, in bytes.
const LARGEST_LIST: u64 = 64 * 1024 * 1024;

fn hosting(path: &Path) -> Result<AddressSet, Failure> {
    let failed = |reason: String| {
        Failure::run(
            format!("{} is no list of address ranges: {reason}", path.display()),
            "write one address or CIDR block a line; what stands behind # is left aside",
        )
    };
    let text = crate::cli::check::limited(path, LARGEST_LIST).map_err(failed)?;
    let entries = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    AddressSet::parse(entries.filter(|entry| !entry.is_empty()))
        .map_err(|error| failed(error.to_string()))
}
