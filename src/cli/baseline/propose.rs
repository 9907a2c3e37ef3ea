//! `baseline propose`: the next version of a tenant's baseline, from what is there now.

use super::{parse, tenants, text_of, title};
use crate::baseline::{self, Baseline};
use crate::cli::config::{Tenant, TenantSource};
use crate::cli::console::Console;
use crate::cli::live::{self, Live, LiveArgs};
use crate::cli::past::failure;
use crate::cli::repository::{self, Repository};
use crate::cli::targets::{From, parse_from};
use crate::cli::{
    Common, Failure, Outcome, TrustArgs, export_file, parse_time_argument, previous, review,
};
use crate::digest::Digest;
use crate::proposal::baseline::{Proposal, Request, filled_in, propose};
use crate::proposal::{Next, ProposalError};
use crate::review::of_baseline;
use crate::snapshot::{Organization, Snapshot};
use crate::trust::files::{self};
use crate::trust::{Refusal, SignedFile};
use clap::Args;
use jiff::{SignedDuration, Timestamp};

/// How long a baseline counts.
const LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);

/// By how many days at most the baselines of a fleet end apart, so that not all are renewed on one day.
const STAGGER_DAYS: u64 = 30;

/// How long an acceptance is proposed for.
const ACCEPTANCE: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Debug, Args)]
pub(in crate::cli) struct ProposeArgs {
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
pub(in crate::cli) struct SourceArgs {
    /// Read this instead of the configured source: an exported file, `live`, or `history[:REV]`
    #[arg(long, value_name = "SOURCE", value_parser = parse_from)]
    pub from: Option<From>,
    /// Who answers for connectors that are new
    #[arg(long, value_name = "WHO")]
    pub owner: Option<String>,
    /// Why they exist, such as a change number
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub live: LiveArgs,
}

pub(super) fn propose_all(common: &Common, arguments: &ProposeArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let names = tenants(&repository, &arguments.tenant, arguments.all)?;
    if names.len() > 1 && matches!(arguments.source.from, Some(From::Path(_))) {
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
            lists: false,
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
pub(in crate::cli) struct Asked<'a> {
    pub source: &'a SourceArgs,
    pub expires: Timestamp,
    pub acceptances: bool,
    /// Whether a first baseline names what is in use as lists.
    pub lists: bool,
    pub explained: bool,
}

/// One tenant's baseline being worked on.
pub(in crate::cli) struct Work<'a> {
    pub repository: &'a Repository,
    pub tenant: &'a str,
    pub now: Timestamp,
    pub console: &'a Console,
}

impl Work<'_> {
    pub fn path(&self) -> String {
        baseline::path(self.tenant)
    }

    /// Half a year from now, in a fleet spread over a month by the tenant's name.
    pub fn usual_end(&self, fleet: bool) -> Timestamp {
        let spread = Digest::of(self.tenant.as_bytes()).spread(STAGGER_DAYS);
        let days = i64::try_from(if fleet { spread } else { 0 }).unwrap_or_default();
        let end = self.now + LIFE + SignedDuration::from_hours(24 * days);
        Timestamp::from_second(end.as_second()).unwrap_or(end)
    }

    pub fn propose(&self, asked: &Asked<'_>) -> Result<(), Failure> {
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
            lists_in_use: asked.lists,
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
        let snapshot = match (&source.from, configured) {
            (Some(From::Path(path)), _) => export_file::read(path, None)?.whole()?,
            (Some(From::History(revision)), _) => self.recorded(revision.as_deref())?,
            (_, Some(tenant)) => self.configured(source, tenant)?,
            (_, None) => {
                return Err(Failure::run(
                    format!(
                        "connguard.yaml does not say where {:?} is read from",
                        self.tenant
                    ),
                    "add the tenant there, or name an export with --from",
                ));
            }
        };
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

    /// What the tenant's configured source says.
    fn configured(&self, source: &SourceArgs, tenant: &Tenant) -> Result<Snapshot, Failure> {
        match &tenant.source {
            TenantSource::Export(path) if !matches!(source.from, Some(From::Live)) => {
                Ok(export_file::read_configured(&self.repository.folder, path)?.whole()?)
            }
            TenantSource::Export(_) => Err(live::not_configured(self.tenant)),
            TenantSource::Exchange(exchange) => {
                let live = Live::new(&source.live, &self.repository.folder, self.console);
                live.whole(self.tenant, tenant, exchange, self.now)
            }
        }
    }

    /// What a run of the history saw of the tenant.
    fn recorded(&self, revision: Option<&str>) -> Result<Snapshot, Failure> {
        let past = self.repository.needed_past()?;
        if let Some(reason) = past.obstacle(self.now) {
            return Err(Failure::Refused {
                message: reason,
                help: "connguard history verify shows all that is wrong".to_owned(),
            });
        }
        let read = || {
            let entry = past.history.entry_named(revision.unwrap_or("tip"))?;
            past.history.recorded(&entry, self.tenant)
        };
        let recorded = read().map_err(|error| failure(&error))?;
        recorded.map(|recorded| recorded.snapshot).ok_or_else(|| {
            Failure::run(
                format!(
                    "no run of the history read {:?} completely by then",
                    self.tenant
                ),
                "connguard history log --heartbeats shows what was read",
            )
        })
    }

    /// The baseline's text as it is in the folder.
    pub fn read(&self) -> Result<Option<String>, Failure> {
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
