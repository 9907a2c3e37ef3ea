//! What the audit log says was done to connectors, asked beside the rounds: the service takes minutes for an answer
//! (reference, section 4.7), and no alert waits for it.

use super::WatchArgs;
use crate::builtin;
use crate::cli::config::{self, Config, Tenant};
use crate::cli::console::Console;
use crate::cli::live::Live;
use crate::cli::repository::folder_of;
use crate::cli::{Common, Failure};
use crate::evidence::audit::{AuditLog, AuditRecord, CONNECTOR_OPERATIONS, Collector, Topic};
use crate::evidence::date::Clock;
use crate::exchange::{Endpoints, Fault};
use crate::finding::{Finding, Location, Severity, Subject};
use crate::investigation::attribution::Evidence;
use crate::parallel::in_parallel_by;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;
use std::time::Instant;

/// The audit log is up to a day late: each question is about a little more.
const LATE: SignedDuration = SignedDuration::from_hours(26);

/// What was done to connectors lately, by tenant. A tenant whose log gave no answer is not among them.
pub(super) type Operations = BTreeMap<String, Vec<Finding>>;

/// Asks the audit logs of all tenants, one question at a time.
pub(super) struct Feed {
    questions: SyncSender<()>,
    answers: Receiver<Operations>,
}

impl Feed {
    /// Waits for questions until it is dropped.
    pub fn start<'scope, 'w: 'scope>(scope: &'scope Scope<'scope, '_>, asking: Asking<'w>) -> Self {
        let (questions, asked) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        scope.spawn(move || {
            while asked.recv().is_ok() {
                if answer.send(asking.all()).is_err() {
                    return;
                }
            }
        });
        Self { questions, answers }
    }

    /// Asks, unless a question waits already.
    pub fn ask(&self) {
        let _ = self.questions.try_send(());
    }

    /// The next answer, if it comes until then; without a time it is waited for.
    pub fn answered(&self, until: Option<Instant>) -> Option<Operations> {
        match until {
            None => self.answers.recv().ok(),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.answers.recv_timeout(left).ok()
            }
        }
    }
}

/// Who asks, and of whom.
pub(super) struct Asking<'w> {
    pub common: &'w Common,
    pub arguments: &'w WatchArgs,
    pub console: &'w Console,
}

impl Asking<'_> {
    fn all(&self) -> Operations {
        self.of_all().unwrap_or_else(|failure| {
            self.console.failure(&failure);
            Operations::new()
        })
    }

    fn of_all(&self) -> Result<Operations, Failure> {
        let Some(path) = config::find(self.common.config.as_deref())? else {
            return Ok(Operations::new());
        };
        let config = Config::load(&path)?;
        let live = Live::patient(&self.arguments.live, &folder_of(&path), self.console);
        let asked = &self.arguments.tenant;
        let tenants: Vec<(&String, &Tenant)> = config
            .tenants
            .iter()
            .filter(|(name, tenant)| {
                tenant.exchange().is_some() && (asked.is_empty() || asked.contains(name))
            })
            .collect();
        let answers = in_parallel_by(self.arguments.live.jobs, &tenants, |(name, tenant)| {
            let answer = self.one(&live, tenant);
            ((*name).clone(), answer)
        });
        let mut found = Operations::new();
        for (name, answer) in answers {
            match answer {
                Ok(operations) => {
                    found.insert(name, operations);
                }
                Err(fault) => self.console.say(&format!(
                    "{name}: who changed connectors could not be asked: {fault} → {}",
                    fault.help
                )),
            }
        }
        Ok(found)
    }

    fn one(&self, live: &Live, tenant: &Tenant) -> Result<Vec<Finding>, Fault> {
        let Some(exchange) = tenant.exchange() else {
            return Ok(Vec::new());
        };
        let to = self.arguments.trust.now();
        let window = (to - LATE, to + SignedDuration::from_mins(5));
        let answer =
            live.with_endpoints(tenant, exchange, Endpoints::for_graph, |service, _| {
                service.audit_records(window, &["exchangeAdmin"], &CONNECTOR_OPERATIONS)
            })?;
        let log = log_of(&answer.rows);
        if log.unread_about_connectors > 0 || !answer.doubts.is_empty() {
            self.console.say(&format!("the audit log was not read whole: {} records about connectors could not be read; {}", log.unread_about_connectors, answer.doubts.join("; ")));
        }
        let operations = log.about(Topic::Connector).filter(|own| !own.is_service());
        Ok(operations.map(finding).collect())
    }
}

fn log_of(rows: &[String]) -> AuditLog {
    let mut collector = Collector::default();
    let mut clock = Clock::new(None);
    for (index, row) in rows.iter().enumerate() {
        let data: serde_json::Value = serde_json::from_str(row).unwrap_or_default();
        let data = match data.get("auditData") {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        collector.add(&data, &mut clock, || Location {
            path: "the audit log".to_owned(),
            line: index + 1,
            column: 1,
        });
    }
    collector.finish()
}

/// What somebody did to a connector. It decides nothing: whether it was approved the comparison says.
fn finding(record: &AuditRecord) -> Finding {
    let evidence = Evidence::of(record);
    let mut finding = builtin::finding("connector-operation", Severity::Low, record.place.clone());
    let name = record
        .parameter("Name")
        .or(record.parameter("Identity"))
        .unwrap_or(&record.object);
    finding.connector = Some(Subject {
        id: None,
        name: name.to_owned(),
    });
    let address = record
        .client_ip
        .map(|own| format!(" from {own}"))
        .unwrap_or_default();
    let sent: Vec<String> = evidence
        .sent
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    finding.message = format!(
        "{} by {}{address} at {}: {}",
        record.operation,
        evidence.actor.words(),
        record.time,
        crate::finding::shorten(&sent)
    );
    finding.added = vec![record.id.clone()];
    finding
}
