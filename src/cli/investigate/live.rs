//! Evidence from the live organization: the audit log by Microsoft Graph, mail by message trace or by hunting.

use super::InvestigateArgs;
use super::files::Answered;
use crate::cli::Failure;
use crate::cli::config::{Exchange, Tenant};
use crate::cli::console::Console;
use crate::cli::live::{self, Live, LiveArgs};
use crate::cli::repository::Repository;
use crate::evidence::Form;
use crate::evidence::audit::HUNTED_OPERATIONS;
use crate::evidence::hunt::{Asked, Engine, Query};
use crate::evidence::traffic::Routes;
use crate::exchange::Fault;
use crate::exchange::answer::Answer;
use crate::parallel::in_parallel_by;
use crate::snapshot::Snapshot;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};

/// Which part of the log is asked, by the types of its records: operations of Entra stand in another one than those of
/// Exchange, to which alerts and what clients do with inbox rules are added. Whether it is the part that tells of connectors.
const PARTS: [(&str, &[&str], bool); 2] = [
    (
        "Exchange",
        &["exchangeAdmin", "exchangeItem", "securityComplianceAlerts"],
        true,
    ),
    ("Entra", &["azureActiveDirectory"], false),
];

/// The live organization, for one investigation.
pub(super) struct Service<'s> {
    pub arguments: &'s InvestigateArgs,
    repository: &'s Repository,
    tenant: (&'s str, &'s Tenant),
    now: Timestamp,
    console: &'s Console,
    /// What could not be read, in words.
    lost: Mutex<Vec<String>>,
}

/// For so many days Defender keeps what can be hunted.
const MOST_HUNTED_DAYS: u16 = 30;

impl<'s> Service<'s> {
    /// The organization of a tenant, now.
    pub fn new(
        arguments: &'s InvestigateArgs,
        repository: &'s Repository,
        tenant: (&'s str, &'s Tenant),
        console: &'s Console,
    ) -> Self {
        let now = arguments.trust.now();
        Self {
            arguments,
            repository,
            tenant,
            // The service is asked in whole seconds.
            now: Timestamp::from_second(now.as_second()).unwrap_or(now),
            console,
            lost: Mutex::default(),
        }
    }

    /// What could not be read, in words.
    pub fn lost(self) -> Vec<String> {
        self.lost
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self) -> Result<&Exchange, Failure> {
        let (name, tenant) = self.tenant;
        tenant.exchange().ok_or_else(|| live::not_configured(name))
    }

    fn patient(&self) -> Live {
        Live::patient(&self.arguments.live, &self.repository.folder, self.console)
    }

    /// The time that is asked for.
    fn window(&self) -> (Timestamp, Timestamp) {
        (self.back(self.arguments.days), self.now)
    }

    fn back(&self, days: u16) -> Timestamp {
        self.now - SignedDuration::from_hours(24 * i64::from(days))
    }

    /// The connectors as they are.
    pub fn snapshot(&self) -> Result<Snapshot, Failure> {
        let (name, tenant) = self.tenant;
        let wide = LiveArgs {
            around: true,
            ..self.arguments.live.clone()
        };
        let live = Live::new(&wide, &self.repository.folder, self.console);
        live.whole(name, tenant, self.exchange()?, self.now)
    }

    /// What the audit log says. What cannot be read is said and left out: a state without a log is still worth something.
    pub fn log(&self) -> Result<Vec<Answered>, Failure> {
        let (name, tenant) = self.tenant;
        let exchange = self.exchange()?;
        // Each takes minutes, and none waits for the other.
        let read = in_parallel_by(PARTS.len(), &PARTS, |(what, types, tells)| {
            let read = self.patient().with_endpoints(
                tenant,
                exchange,
                crate::exchange::Endpoints::for_graph,
                |service, _| service.audit_records(self.window(), types, &HUNTED_OPERATIONS),
            );
            (*what, *tells, read)
        });
        let mut all = Vec::new();
        for (what, tells, read) in read {
            match read {
                Ok(answer) => {
                    let name = format!("{name} audit log ({what})");
                    let answered = self.answered(&name, Form::AuditGraph, answer);
                    all.push(Answered {
                        covers: answered.covers.filter(|_| tells),
                        ..answered
                    });
                }
                Err(fault) => self.left_out(&format!("the audit log of {what}"), &fault),
            }
        }
        Ok(all)
    }

    /// What the message trace says.
    pub fn trace(&self) -> Result<Vec<Answered>, Failure> {
        let (name, tenant) = self.tenant;
        let read = self.patient().with(tenant, self.exchange()?, |service, _| {
            service.message_trace(self.window())
        });
        match read {
            Ok(answer) => Ok(vec![self.answered(
                &format!("{name} message trace"),
                Form::TraceJson,
                answer,
            )]),
            Err(fault) => {
                self.left_out("the message trace", &fault);
                Ok(Vec::new())
            }
        }
    }

    /// Mail as it is counted where it is.
    pub fn hunt(&self, routes: &Routes) -> Result<Vec<Answered>, Failure> {
        let (name, tenant) = self.tenant;
        // Defender keeps no more: what is older is not covered, whatever was asked for.
        let days = self.arguments.days.min(MOST_HUNTED_DAYS);
        let hunted = self.back(days);
        let asked = Asked {
            engine: Engine::Defender,
            window: (hunted, self.now),
            routes,
        };
        let Some(query) = Query::named("mail-by-hour") else {
            return Ok(Vec::new());
        };
        let read = self.patient().with_endpoints(
            tenant,
            self.exchange()?,
            crate::exchange::Endpoints::for_graph,
            |service, _| service.hunt(&query.text(&asked), i64::from(days)),
        );
        match read {
            Ok(text) => Ok(vec![Answered {
                name: format!("exchange:{name} hunting ({})", query.name),
                bytes: text.into_bytes(),
                form: Form::Hunted,
                covers: Some((hunted, self.now)),
                doubts: Vec::new(),
            }]),
            Err(fault) => {
                self.left_out("what hunting counts", &fault);
                Ok(Vec::new())
            }
        }
    }

    fn answered(&self, name: &str, form: Form, answer: Answer) -> Answered {
        let mut bytes = Vec::new();
        for row in &answer.rows {
            bytes.extend_from_slice(row.replace(['\r', '\n'], " ").as_bytes());
            bytes.push(b'\n');
        }
        Answered {
            name: format!("exchange:{name}"),
            bytes,
            form,
            covers: Some(self.window()),
            doubts: answer.doubts,
        }
    }

    fn left_out(&self, what: &str, fault: &Fault) {
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(format!("{what} could not be read: {fault}"));
        self.console.say(&format!(
            "{what} could not be read, and is left out: {fault} → {}",
            fault.help
        ));
    }
}
