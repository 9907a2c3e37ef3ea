//! `connguard baseline`: propose what is there, show it, sign it, and say who did.

use super::console::Console;
use super::repository::{self, Repository};
use super::sign::{self, SignArgs, Task};
use super::status::{self, Shown, Status};
use super::{
    Common, Failure, Outcome, TrustArgs, fetch, fleet, parse_time_argument, previous, review,
};
use crate::baseline::{self, Approved, Baseline, BaselineError};
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use crate::hostile_text::visible;
use crate::proposal::baseline::{Proposal, Request, filled_in, propose};
use crate::proposal::{Next, ProposalError};
use crate::report::pipeline;
use crate::review::of_baseline;
use crate::snapshot::{Organization, Snapshot};
use crate::trust::files::{self, FileError};
use crate::trust::{Duty, Keyring, Refusal, Route, SignedFile, chain};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// How long a baseline counts.
const LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);
/// By how many days at most the baselines of a fleet end apart, so that not all are renewed on one day.
const STAGGER_DAYS: u64 = 30;
/// How long an acceptance is proposed for.
const ACCEPTANCE: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Debug, Subcommand)]
pub(super) enum BaselineCommand {
    /// Write the next version of a baseline from what is there now; nothing counts before it is signed
    Propose(ProposeArgs),
    /// Show what a baseline changes, and sign it; without a baseline, propose the first one
    Sign(BaselineSignArgs),
    /// Say of each baseline who signed it, with which key, and what is missing
    Verify(VerifyArgs),
    /// Show an approved baseline, or what its newest version changed
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ProposeArgs {
    /// The tenant
    tenant: Vec<String>,
    /// For every tenant
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    #[command(flatten)]
    source: SourceArgs,
    /// When it ends [default: in half a year, each tenant of a fleet on another day]
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    expires: Option<Timestamp>,
    /// Propose no acceptances for rules that are violated now
    #[arg(long)]
    no_acceptances: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

/// What is to be approved, and on whose word.
#[derive(Debug, Default, Args)]
struct SourceArgs {
    /// Read this exported file instead of the configured source
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Who answers for connectors that are new
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// Why they exist, such as a change number
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct BaselineSignArgs {
    /// The tenant
    tenant: Vec<String>,
    /// Sign every tenant's baseline by one signature over baselines/manifest.yaml
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The tenants [default: all]
    tenant: Vec<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The tenant
    tenant: String,
    /// Show what it changes against the version before, or against another file
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    diff: Option<Option<PathBuf>>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(common: &Common, command: &BaselineCommand, console: &Console) -> Outcome {
    match command {
        BaselineCommand::Propose(arguments) => propose_all(common, arguments, console),
        BaselineCommand::Sign(arguments) => sign_all(common, arguments, console),
        BaselineCommand::Verify(arguments) => verify(common, arguments, console),
        BaselineCommand::Show(arguments) => show(common, arguments, console),
    }
}

/// The tenants asked for: those named, or all that the policy or the configuration knows.
fn tenants(repository: &Repository, named: &[String], all: bool) -> Result<Vec<String>, Failure> {
    let known = repository.tenants();
    match named.iter().find(|name| !known.contains(*name)) {
        Some(unknown) => Err(Failure::Usage(format!(
            "there is no tenant {unknown:?}; there are {}",
            known.iter().cloned().collect::<Vec<_>>().join(", ")
        ))),
        None if !named.is_empty() => Ok(named.to_vec()),
        None if all || known.len() == 1 => Ok(known.into_iter().collect()),
        None => Err(Failure::Usage(format!(
            "name a tenant, or --all; there are {}",
            known.into_iter().collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn propose_all(common: &Common, arguments: &ProposeArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let names = tenants(&repository, &arguments.tenant, arguments.all)?;
    if names.len() > 1 && arguments.source.from.is_some() {
        return Err(Failure::Usage(
            "--from is the export of one tenant: name it".to_owned(),
        ));
    }
    let mut code = 0;
    for name in &names {
        let work = Work {
            repository: &repository,
            tenant: name,
            now: arguments.trust.now(),
            console,
        };
        let asked = Asked {
            source: &arguments.source,
            expires: arguments
                .expires
                .unwrap_or_else(|| work.usual_end(names.len() > 1)),
            acceptances: !arguments.no_acceptances,
            explained: true,
        };
        match work.propose(&asked) {
            Ok(()) => {}
            // One tenant's failure hides no other's proposal.
            Err(failure) if names.len() > 1 => {
                console.failure(&failure);
                code = failure.exit_code();
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(code)
}

/// What is asked of a proposal.
struct Asked<'a> {
    source: &'a SourceArgs,
    expires: Timestamp,
    acceptances: bool,
    explained: bool,
}

/// One tenant's baseline being worked on.
struct Work<'a> {
    repository: &'a Repository,
    tenant: &'a str,
    now: Timestamp,
    console: &'a Console,
}

impl Work<'_> {
    fn path(&self) -> String {
        baseline::path(self.tenant)
    }

    /// Half a year from now, in a fleet spread over a month by the tenant's name.
    fn usual_end(&self, fleet: bool) -> Timestamp {
        let spread = Digest::of(self.tenant.as_bytes()).spread(STAGGER_DAYS);
        let days = i64::try_from(if fleet { spread } else { 0 }).unwrap_or_default();
        let end = self.now + LIFE + SignedDuration::from_hours(24 * days);
        Timestamp::from_second(end.as_second()).unwrap_or(end)
    }

    fn propose(&self, asked: &Asked<'_>) -> Result<(), Failure> {
        let (organization, snapshot) = self.snapshot(asked.source)?;
        let path = self.path();
        let existing = self.read()?;
        let version = self.before(existing.as_deref())?;
        let next = Next {
            version: version.next,
            previous: version.digest,
            issued: Timestamp::from_second(self.now.as_second()).unwrap_or(self.now),
            expires: asked.expires,
        };
        let mut alone = None;
        let policy = self.repository.verified_policy();
        let rules = repository::rules(policy, &mut alone)?;
        let owner = self.answer(
            asked.source.owner.as_deref(),
            "Who answers for new connectors (owner)? ",
        )?;
        let reason = self.answer(
            asked.source.reason.as_deref(),
            "Why do they exist (reason, a change number)? ",
        )?;
        let request = Request {
            path: &path,
            tenant: self.tenant,
            organization: &organization,
            snapshot: &snapshot,
            existing: existing.as_deref(),
            next,
            owner: owner.as_deref(),
            reason: reason.as_deref(),
            rules: asked.acceptances.then_some(rules),
            lists: policy.map(|policy| &policy.document.lists),
            accept_until: Timestamp::from_second((self.now + ACCEPTANCE).as_second())
                .unwrap_or(self.now),
        };
        let proposal = propose(&request).map_err(|error| refused(&path, &error))?;
        self.write(&path, &proposal)?;
        if asked.explained {
            self.explain(&path, &proposal, version.text.as_deref())?;
        }
        Ok(())
    }

    /// Asks for what a new connector needs, where somebody can answer and may be needed to.
    fn answer(&self, given: Option<&str>, question: &str) -> Result<Option<String>, Failure> {
        if let Some(given) = given {
            return Ok(Some(given.to_owned()));
        }
        let answer = self.console.ask(question)?;
        Ok(answer
            .map(|answer| answer.trim().to_owned())
            .filter(|answer| !answer.is_empty()))
    }

    fn snapshot(&self, source: &SourceArgs) -> Result<(Organization, Snapshot), Failure> {
        let configured = self.repository.config.tenants.get(self.tenant);
        let export = match (&source.from, configured) {
            (Some(path), _) => fetch::read(path, None)?,
            (None, Some(tenant)) => {
                fetch::read_configured(&self.repository.folder, &tenant.export)?
            }
            (None, None) => {
                return Err(Failure::run(
                    format!(
                        "connguard.yaml does not say where {:?} is read from",
                        self.tenant
                    ),
                    "add the tenant there, or name an export with --from",
                ));
            }
        };
        let snapshot = export.whole()?;
        let organization = configured.map_or_else(
            || snapshot.organization.clone(),
            |tenant| tenant.organization.clone(),
        );
        if let Some(contradiction) = organization.contradiction(&snapshot.organization) {
            return Err(Failure::run(
                format!(
                    "{} is the export of another organization than {:?}: {contradiction}",
                    snapshot.origin, self.tenant
                ),
                "export the right organization, or name the tenant that this export belongs to",
            ));
        }
        Ok((organization, snapshot))
    }

    /// The baseline's text as it is in the folder.
    fn read(&self) -> Result<Option<String>, Failure> {
        text_of(self.repository, &self.path())
    }

    /// The version that the next one follows: the one in force.
    ///
    /// A file that nobody signed is a draft: it is changed further, and follows
    /// the version that was committed last.
    fn before(&self, existing: Option<&str>) -> Result<Before, Failure> {
        let Some(text) = existing else {
            return Ok(Before::nothing());
        };
        let in_force =
            self.repository.trust.as_ref().is_ok_and(|trust| {
                Baseline::open(&self.repository.folder, self.tenant, trust).is_ok()
            });
        let path = self.path();
        if let Err(refusal) = &self.repository.trust {
            return self.before_without_root(&path, text, refusal);
        }
        let committed = previous::committed(&self.repository.folder, &path, self.console);
        if in_force {
            return Before::follows(&path, text.to_owned());
        }
        // A draft may be proposed anew before everything in it is filled in.
        let draft = parse(&path, &filled_in(text))?.header;
        if let Some(committed) = committed.filter(|committed| committed != text) {
            let before = Before::follows(&path, committed)?;
            // Versions in between were signed and never committed: the draft knows what it follows.
            if draft.version <= before.next {
                return Ok(before);
            }
        }
        Ok(Before {
            next: draft.version,
            digest: draft.previous,
            text: None,
        })
    }

    /// Without a verified root nothing says whether the file is in force. One that nobody signed is not.
    fn before_without_root(
        &self,
        path: &str,
        text: &str,
        refusal: &Refusal,
    ) -> Result<Before, Failure> {
        let signed = SignedFile::load(&self.repository.folder, path)
            .is_ok_and(|file| !file.signatures.is_empty());
        if signed {
            return Err(Failure::Refused {
                message: format!(
                    "{path} has signatures, and nothing can say whether they count: {refusal}"
                ),
                help: refusal.help(),
            });
        }
        let draft = parse(path, &filled_in(text))?.header;
        Ok(Before {
            next: draft.version,
            digest: draft.previous,
            text: None,
        })
    }

    fn write(&self, path: &str, proposal: &Proposal) -> Result<(), Failure> {
        files::write(&self.repository.folder, path, proposal.text.as_bytes())
            .and_then(|()| files::remove_signatures(&self.repository.folder, path))
            .map_err(|error| {
                Failure::run(error.to_string(), "check the folder and its permissions")
            })
    }

    /// What a reviewer has to know of a proposal.
    fn explain(
        &self,
        path: &str,
        proposal: &Proposal,
        before: Option<&str>,
    ) -> Result<(), Failure> {
        self.console.note(&format!(
            "wrote {path}; it counts for nothing until it is signed"
        ));
        for missing in &proposal.missing {
            self.console
                .note(&format!("to be filled in: {}", missing.trim()));
        }
        let old = before.map(|text| parse(path, text)).transpose()?;
        let new = parse(path, &filled_in(&proposal.text))?;
        let lines = of_baseline(old.as_ref(), &new);
        self.console
            .text(&review::render(&title(path, old.as_ref(), &new), &lines))
    }
}

/// The version before the one that is proposed.
struct Before {
    next: u64,
    digest: Option<Digest>,
    text: Option<String>,
}

impl Before {
    /// The version after a text.
    fn follows(path: &str, text: String) -> Result<Self, Failure> {
        Ok(Self {
            next: parse(path, &text)?.header.version + 1,
            digest: Some(Digest::of(text.as_bytes())),
            text: Some(text),
        })
    }

    const fn nothing() -> Self {
        Self {
            next: 1,
            digest: None,
            text: None,
        }
    }
}

fn refused(path: &str, error: &ProposalError) -> Failure {
    let help = match error {
        ProposalError::Incomplete(_) => {
            "export again, with the script from `connguard fetch --script`"
        }
        ProposalError::Malformed(_) => "correct the file, or move it away to begin a new one",
        ProposalError::NotInPlace(_) => {
            "write each entry on lines of its own, as `connguard baseline propose` does, or move the file away to begin a new one"
        }
    };
    match error {
        ProposalError::Malformed(problems) => Failure::Problems(problems.clone()),
        _ => Failure::run(format!("{path} is not proposed: {error}"), help),
    }
}

/// A file of the repository as text; `None` where it is not there.
pub(super) fn text_of(repository: &Repository, path: &str) -> Result<Option<String>, Failure> {
    match files::read(&repository.folder, path).map(String::from_utf8) {
        Ok(Ok(text)) => Ok(Some(text)),
        Ok(Err(_)) => Err(Problems::from(
            Problem::of_file(path, "the file is not UTF-8").help("save it as UTF-8"),
        )
        .into()),
        Err(FileError::Missing(_)) => Ok(None),
        Err(error) => Err(Failure::run(
            error.to_string(),
            "restore the file from a revision you trust",
        )),
    }
}

/// A baseline that nobody has to have signed.
pub(super) fn parse(path: &str, text: &str) -> Result<Approved, Failure> {
    Ok(Approved::parse(Source { path, text })?)
}

pub(super) fn title(path: &str, old: Option<&Approved>, new: &Approved) -> String {
    match old {
        Some(old) => format!(
            "{path} version {} against version {}:",
            new.header.version, old.header.version
        ),
        None => format!("{path} version {}, the first:", new.header.version),
    }
}

/// The version before a baseline, if it was approved.
pub(super) fn version_before(
    repository: &Repository,
    path: &str,
    approved: &Approved,
    console: &Console,
) -> Result<Option<Approved>, Failure> {
    let document = previous::Document {
        path,
        duty: Duty::Baseline(&approved.tenant),
        key: approved.key(Route::Signed),
    };
    let before = previous::approved(repository, &document, &approved.header, console)
        .map(|text| parse(path, &text))
        .transpose()?;
    Ok(before.filter(|before| previous::is_next(&before.header, &approved.header, console)))
}

fn sign_all(common: &Common, arguments: &BaselineSignArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    if arguments.all {
        return fleet::sign(&repository, &arguments.sign, now, console);
    }
    let names = tenants(&repository, &arguments.tenant, false)?;
    let mut code = 0;
    for name in &names {
        let work = Work {
            repository: &repository,
            tenant: name,
            now,
            console,
        };
        code = code.max(sign_one(&work, arguments)?);
    }
    Ok(code)
}

fn sign_one(work: &Work<'_>, arguments: &BaselineSignArgs) -> Outcome {
    let console = work.console;
    let trust = work.repository.verified_root()?;
    let keyring = keyring(work.repository)?;
    let drafted = work.read()?.is_none();
    if drafted {
        // The first baseline of a small team: what is there, approved as found.
        let found = format!("approved as found, {}", work.now.strftime("%Y-%m-%d"));
        let source = SourceArgs {
            from: arguments.source.from.clone(),
            owner: arguments
                .source
                .owner
                .clone()
                .or_else(|| Some(first_holder(&keyring, work.tenant))),
            reason: arguments.source.reason.clone().or(Some(found)),
        };
        work.propose(&Asked {
            source: &source,
            expires: work.usual_end(false),
            acceptances: false,
            // The question before the signature shows it.
            explained: false,
        })?;
    }
    let path = work.path();
    let text = work.read()?.unwrap_or_default();
    let approved = parse(&path, &text)?;
    if approved.tenant != work.tenant {
        return Err(Failure::run(
            format!("{path} is the baseline of {:?}", approved.tenant),
            "restore the tenant's own baseline",
        ));
    }
    let before = version_before(work.repository, &path, &approved, console)?;
    let task = Task {
        folder: &work.repository.folder,
        path: &path,
        bytes: text.as_bytes(),
        duties: vec![Duty::Baseline(work.tenant)],
        keyrings: vec![&keyring],
        now: work.now,
    };
    let mut lines = of_baseline(before.as_ref(), &approved).sorted();
    sign::warn(
        &mut lines,
        trust,
        &task,
        &approved.key(Route::Signed),
        &approved.header,
    )?;
    sign::sign(
        &task,
        &arguments.sign,
        &title(&path, before.as_ref(), &approved),
        &lines,
        console,
    )
    .inspect(|code| {
        // A draft that was made for this question and declined is not left lying about to be signed later.
        if drafted && *code != 0 {
            let _ = std::fs::remove_file(work.repository.folder.join(&path));
        }
    })
}

/// Who answers for the first baseline where nobody was named.
fn first_holder(keyring: &Keyring, tenant: &str) -> String {
    let grant = keyring.root.grant(Duty::Baseline(tenant));
    grant
        .and_then(|grant| grant.principals.first().cloned())
        .unwrap_or_default()
}

/// The root in force, signed or not yet: signing needs only its names and keys.
pub(super) fn keyring(repository: &Repository) -> Result<Keyring, Failure> {
    Keyring::load(&repository.folder, chain::FOLDER).map_err(|refusal| {
        Failure::run(
            refusal.to_string(),
            "make a root first: connguard trust init",
        )
    })
}

fn verify(common: &Common, arguments: &VerifyArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let names = tenants(&repository, &arguments.tenant, true)?;
    let trust = match &repository.trust {
        Ok(trust) => trust,
        Err(refusal) => {
            let root = Status::refused(crate::trust::root::PATH, "root", refusal);
            return status::show(&[root], arguments.format, console);
        }
    };
    let now = arguments.trust.now();
    let list: Vec<Status> = names
        .iter()
        .map(
            |name| match Baseline::open(&repository.folder, name, trust) {
                Ok(baseline) => verified(&baseline, now),
                Err(BaselineError::Refused(refusal)) => {
                    Status::refused(&baseline::path(name), "baseline", &refusal)
                }
                Err(error) => Status::broken(
                    &baseline::path(name),
                    "baseline",
                    error.to_string(),
                    error.help(),
                ),
            },
        )
        .collect();
    status::show(&list, arguments.format, console)
}

fn verified(baseline: &Baseline, now: Timestamp) -> Status {
    let approval = baseline.approval();
    let (role, way) = match approval.route {
        Route::Signed => ("baseline", "signatures"),
        Route::Manifest => ("baseline", "manifest"),
        Route::Emergency => ("emergency", "emergency role"),
    };
    let status = Status::verified(
        &baseline.path,
        role,
        &baseline.approved.header,
        baseline.digest,
        (&approval.signers, approval.threshold),
        baseline.rollback,
        now,
    );
    Status {
        approved_by: Some(way),
        ..status
    }
}

fn show(common: &Common, arguments: &ShowArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let names = tenants(&repository, std::slice::from_ref(&arguments.tenant), false)?;
    let name = names.first().map(String::as_str).unwrap_or_default();
    let path = baseline::path(name);
    let text = text_of(&repository, &path)?.ok_or_else(|| {
        Failure::run(
            format!("{path} is missing"),
            "connguard baseline propose writes one",
        )
    })?;
    // A draft may be looked at before everything in it is filled in.
    let approved = parse(&path, &filled_in(&text))?;
    let in_force = repository
        .trust
        .as_ref()
        .is_ok_and(|trust| Baseline::open(&repository.folder, name, trust).is_ok());
    if !in_force {
        console.note("this baseline is not verified: it approves nothing yet");
    }
    let code = if in_force { 0 } else { 3 };
    if let Some(other) = &arguments.diff {
        let before = match other {
            Some(file) => Some(other_file(file)?),
            None => version_before(&repository, &path, &approved, console)?,
        };
        let lines = of_baseline(before.as_ref(), &approved);
        match arguments.format {
            Shown::Human => console.text(&review::render(
                &title(&path, before.as_ref(), &approved),
                &lines,
            ))?,
            Shown::Json => {
                let document = json!({
                    "schema": "connguard/review/v1", "path": path, "verified": in_force,
                    "version": approved.header.version, "against": before.map(|before| before.header.version),
                    "changes": lines.lines,
                });
                console.result(&pipeline::defuse_json(&crate::canonical::to_string(
                    &document,
                )))?;
            }
        }
        return Ok(code);
    }
    match arguments.format {
        Shown::Human => console.text(&page(&approved))?,
        Shown::Json => {
            let mut document = json_of(&approved);
            if let Some(object) = document.as_object_mut() {
                object.insert("verified".to_owned(), json!(in_force));
                object.insert("digest".to_owned(), json!(Digest::of(text.as_bytes())));
            }
            console.result(&pipeline::defuse_json(&crate::canonical::to_string(
                &document,
            )))?;
        }
    }
    Ok(code)
}

fn other_file(path: &std::path::Path) -> Result<Approved, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::run(format!("cannot read {shown}: {error}"), "name a baseline")
    })?;
    parse(&shown, &text)
}

/// A baseline for people.
fn page(approved: &Approved) -> String {
    let mut text = String::new();
    let header = &approved.header;
    let _ = writeln!(
        text,
        "{} version {}, issued {}, expires {}",
        visible(&approved.tenant),
        header.version,
        header.issued,
        header.expires
    );
    if let Some(domains) = &approved.accepted_domains {
        let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "accepted domains: {}", names.join(", "));
    }
    for (name, entries) in approved.lists.iter() {
        let _ = writeln!(text, "list {name}: {}", visible(&entries.join(", ")));
    }
    for connector in &approved.connectors {
        let id = connector.id.as_deref().unwrap_or("not made yet");
        let _ = writeln!(
            text,
            "\n{}  {id}\n  owner {}, reason {}",
            visible(&connector.name),
            visible(&connector.owner),
            visible(&connector.reason)
        );
        for (property, value) in &connector.settings {
            let _ = writeln!(
                text,
                "  {}: {}",
                property.name(),
                visible(&value.elements().join(", "))
            );
        }
        for planned in &connector.expected_changes {
            let _ = writeln!(
                text,
                "  until {}: {} may be {} ({})",
                planned.until,
                planned.property.name(),
                visible(&planned.value.elements().join(", ")),
                visible(&planned.reason)
            );
        }
    }
    for acceptance in &approved.acceptances {
        let _ = writeln!(
            text,
            "\naccepted until {}: {} of {}, owner {}, reason {}",
            acceptance.expires,
            visible(&acceptance.rule),
            visible(&acceptance.connector),
            visible(&acceptance.owner),
            visible(&acceptance.reason)
        );
    }
    text
}

fn json_of(approved: &Approved) -> serde_json::Value {
    let connectors: Vec<serde_json::Value> = approved
        .connectors
        .iter()
        .map(|connector| {
            let settings: serde_json::Map<String, serde_json::Value> = connector
                .settings
                .iter()
                .map(|(property, value)| (property.name().to_owned(), value.to_json()))
                .collect();
            json!({ "name": connector.name, "id": connector.id, "owner": connector.owner, "reason": connector.reason, "settings": settings })
        })
        .collect();
    let header = &approved.header;
    json!({
        "schema": "connguard/baseline/v1",
        "tenant": approved.tenant,
        "organization": { "tenant_id": approved.organization.tenant_id, "domain": approved.organization.domain },
        "version": header.version, "previous": header.previous, "issued": header.issued, "expires": header.expires,
        "accepted_domains": approved.accepted_domains.as_ref().map(|domains| domains.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "connectors": connectors,
    })
}

/// A signed file's text and digest, for the manifest.
pub(super) fn digest_of(
    repository: &Repository,
    tenant: &str,
) -> Result<Option<(u64, Digest, Approved)>, Failure> {
    let path = baseline::path(tenant);
    let file = match SignedFile::load(&repository.folder, &path) {
        Ok(file) => file,
        Err(FileError::Missing(_)) => return Ok(None),
        Err(error) => {
            return Err(Failure::run(
                error.to_string(),
                "restore the file from a revision you trust",
            ));
        }
    };
    let text = String::from_utf8_lossy(&file.bytes).into_owned();
    let approved = parse(&path, &text)?;
    Ok(Some((approved.header.version, file.digest(), approved)))
}
