//! Reading tenants from the live service during a run.

use super::Failure;
use super::config::{Exchange, Tenant};
use super::console::Console;
use crate::assessment;
use crate::document::Problems;
use crate::exchange::{Endpoints, Fault, Http, Identity, Patience, Service, SignIn};
use crate::snapshot::{Part, Snapshot};
use crate::source::exchange;
use clap::Args;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// How the live service is read.
#[derive(Clone, Debug, Args)]
pub(super) struct LiveArgs {
    /// So many tenants are read from the live service at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = parse_jobs)]
    pub jobs: usize,
    /// How long one request may take
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_wait)]
    pub timeout: Duration,
    /// How long one tenant may take, with everything that has to be tried again; queries of logs and mail have 30m where nothing is said
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_wait)]
    pub budget: Duration,
    /// Let addresses of this machine itself be used in the place of real ones
    #[arg(long)]
    pub rehearsal: bool,
    /// As whom it signs in: only what writes does so as another identity than what reads.
    #[arg(skip)]
    pub role: Role,
    /// Whether what stands around the connectors is read, too: for what is kept, not for what is judged.
    #[arg(skip)]
    pub around: bool,
}

/// As whom a run signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// As the identity that reads.
    #[default]
    Reader,
    /// As the identity that may write; it reads, too, and keeps its token for the run.
    Writer,
}

impl Default for LiveArgs {
    fn default() -> Self {
        let patience = Patience::default();
        Self {
            jobs: 16,
            timeout: patience.request,
            budget: patience.tenant,
            rehearsal: false,
            role: Role::Reader,
            around: false,
        }
    }
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs) if (1..=256).contains(&jobs) => Ok(jobs),
        _ => Err("a number from 1 to 256".to_owned()),
    }
}

pub(super) fn parse_wait(text: &str) -> Result<Duration, String> {
    crate::document::time::parse_duration(text)
        .and_then(|wait| Duration::try_from(wait).ok())
        .ok_or_else(|| "write a duration such as 30s, 2m or 500ms".to_owned())
}

/// How long a query of the audit log or of mail may take where nobody said: the service needs minutes for one
/// (reference, section 4.7), and gives a hundred answers of a trace in five.
const LONG_QUERY: Duration = Duration::from_secs(30 * 60);

/// The live service as this run may use it.
pub(super) struct Live {
    arguments: LiveArgs,
    /// The audit repository, from which files of credentials are named.
    folder: PathBuf,
    console: Console,
    sign_in: OnceLock<Result<SignIn, Fault>>,
}

/// What was read of a tenant.
pub(super) struct Read {
    pub snapshot: Snapshot,
    /// Mistakes in what was answered.
    pub problems: Problems,
    /// Why there are no connectors, where there are none.
    pub failures: Vec<assessment::Failure>,
    /// What was answered, in the form of an export.
    pub export: String,
}

impl Live {
    /// Nothing is sent before something is read.
    pub fn new(arguments: &LiveArgs, folder: &Path, console: &Console) -> Self {
        Self {
            arguments: arguments.clone(),
            folder: folder.to_owned(),
            console: console.clone(),
            sign_in: OnceLock::new(),
        }
    }

    /// The same for logs and traces, whose queries run for minutes.
    pub fn patient(arguments: &LiveArgs, folder: &Path, console: &Console) -> Self {
        let given = arguments.budget != Patience::default().tenant;
        let arguments = LiveArgs {
            budget: if given { arguments.budget } else { LONG_QUERY },
            ..arguments.clone()
        };
        Self::new(&arguments, folder, console)
    }

    fn sign_in(&self) -> Result<&SignIn, Fault> {
        let made = self.sign_in.get_or_init(|| {
            let patience = Patience {
                request: self.arguments.timeout,
                tenant: self.arguments.budget,
            };
            let console = self.console.clone();
            let tell = Box::new(move |text: &str| console.say(text));
            let mut sign_in = SignIn::new(Http::new(patience), &self.folder, tell);
            // A fleet's tokens are not kept: each is needed once.
            sign_in.keeps = self.arguments.role == Role::Writer;
            Ok(sign_in)
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// As whom this run signs in.
    pub fn identity<'e>(&self, exchange: &'e Exchange) -> Result<&'e Identity, Fault> {
        match self.arguments.role {
            Role::Reader => Ok(&exchange.identity),
            Role::Writer => exchange.apply.as_ref().ok_or_else(|| {
                Fault::new(
                    crate::exchange::Kind::Local,
                    "connguard.yaml",
                    "no apply_credential says which identity may write",
                    "add apply_client_id and apply_credential to the tenant's source: an identity of its own, enabled when it is needed",
                )
            }),
        }
    }

    /// Does something with the admin API of a tenant.
    pub fn with<T>(
        &self,
        tenant: &Tenant,
        exchange: &Exchange,
        work: impl FnOnce(&mut Service<'_>, &Endpoints) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.with_endpoints(tenant, exchange, |usual| usual, work)
    }

    /// The same at other endpoints than the usual ones.
    pub fn with_endpoints<T>(
        &self,
        tenant: &Tenant,
        exchange: &Exchange,
        change: impl FnOnce(Endpoints) -> Endpoints,
        work: impl FnOnce(&mut Service<'_>, &Endpoints) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let local = |message: String, help: &str| {
            Fault::new(
                crate::exchange::Kind::Local,
                "connguard.yaml",
                message,
                help,
            )
        };
        let endpoints = exchange
            .endpoints(self.arguments.rehearsal)
            .map(change)
            .map_err(|why| {
                local(
                    why,
                    "find out who wrote that there, or rehearse with --rehearsal",
                )
            })?;
        let tenant_id = tenant.organization.tenant_id.as_ref().ok_or_else(|| {
            local(
                "the organization has no tenant_id".to_owned(),
                "add it: organization: { tenant_id: …, domain: … }",
            )
        })?;
        let identity = self.identity(exchange)?;
        let sign_in = self.sign_in()?;
        let mut service = Service::new(sign_in, &endpoints, tenant_id, identity);
        work(&mut service, &endpoints)
    }

    /// Reads a tenant.
    pub fn read(
        &self,
        name: &str,
        tenant: &Tenant,
        exchange: &Exchange,
        now: Timestamp,
    ) -> Result<Read, Vec<assessment::Failure>> {
        let origin = origin(name);
        let failed = |fault: Fault| vec![failure(&origin, tenant, &fault)];
        let reading = self
            .with(tenant, exchange, |service, _| {
                self.read_by(service, &origin, tenant, (self.parts(), now))
            })
            .map_err(failed)?;
        reading.map_err(|problems| {
            self.console.problems(&problems);
            let failure = |problem: &crate::document::Problem| assessment::Failure {
                source: origin.clone(),
                message: problem.message.clone(),
                help: "read it again; if it stays, look at the answer with connguard fetch"
                    .to_owned(),
            };
            problems.iter().map(failure).collect()
        })
    }

    fn parts(&self) -> &'static [Part] {
        if self.arguments.around {
            &Part::EVERY
        } else {
            &Part::CORE
        }
    }

    /// Reads a tenant of which all must have been read.
    pub fn whole(
        &self,
        name: &str,
        tenant: &Tenant,
        exchange: &Exchange,
        now: Timestamp,
    ) -> Result<Snapshot, Failure> {
        let read = self
            .read(name, tenant, exchange, now)
            .map_err(|all| lost(&all))?;
        if !read.failures.is_empty() {
            return Err(lost(&read.failures));
        }
        Ok(read.problems.into_result(Some(read.snapshot))?)
    }

    /// Reads a tenant by a service that is at hand.
    pub fn read_by(
        &self,
        service: &Service<'_>,
        origin: &str,
        tenant: &Tenant,
        (parts, now): (&[Part], Timestamp),
    ) -> Result<Result<Read, Problems>, Fault> {
        let id = tenant.organization.tenant_id.as_deref().unwrap_or_default();
        // What is finer than a second tells nobody anything.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let reading = exchange::read(service, origin, id, (parts, now))?;
        Ok(reading.map(|reading| {
            let lost = reading
                .faults
                .iter()
                .filter(|(part, _)| *part == Part::InboundConnectors);
            let mut failures: Vec<assessment::Failure> = lost
                .map(|(_, fault)| failure(origin, tenant, fault))
                .collect();
            if !reading.export.problems.is_empty() {
                let fault = Fault::new(
                    crate::exchange::Kind::Malformed,
                    "the answers",
                    "they hold what cannot be read for certain, or of another organization",
                    "read it again; if it stays, connguard fetch --export shows what was answered",
                );
                failures.push(failure(origin, tenant, &fault.after(&reading.requests)));
            }
            Read {
                snapshot: reading.export.snapshot,
                problems: reading.export.problems,
                failures,
                export: reading.text,
            }
        }))
    }
}

/// What reports call the live service of a tenant.
pub(super) fn origin(name: &str) -> String {
    format!("exchange:{name}")
}

/// A fault as a failure of a tenant: names the tenant and the request.
pub(super) fn failure(origin: &str, tenant: &Tenant, fault: &Fault) -> assessment::Failure {
    let id = tenant.organization.tenant_id.as_deref().unwrap_or("no id");
    assessment::Failure {
        source: format!("{origin} ({id})"),
        message: fault.to_string(),
        help: fault.help.clone(),
    }
}

/// The first of the failures of a tenant, as what ends a command.
pub(super) fn lost(failures: &[assessment::Failure]) -> Failure {
    match failures.first() {
        Some(first) => Failure::run(
            format!("{}: {}", first.source, first.message),
            first.help.clone(),
        ),
        None => Failure::run("nothing was read", "try again"),
    }
}

/// A tenant that has no live service.
pub(super) fn not_configured(name: &str) -> Failure {
    Failure::run(
        format!(
            "connguard.yaml says to read {name:?} from an export, and not how to reach its live service"
        ),
        "add source: { exchange: … } there, or leave --from live out",
    )
}
