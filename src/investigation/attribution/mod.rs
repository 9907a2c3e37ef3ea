//! Who changed what: changes of state joined with records of the audit log.
//!
//! The log has no old values, and a state no actor. Between two states the
//! records are replayed: what they lead to and what is there are compared, and
//! each way in which they can disagree is something of its own.

mod against;
pub mod claim;
mod passing;
mod replay;
pub mod state;
mod stretch;

use crate::caseless;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::evidence::audit::{AuditLog, AuditRecord, Topic};
use crate::finding::{Direction, Subject};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use state::State;

/// Clocks and stamps of the service differ by up to a minute (reference, section 1.7).
pub const JITTER: SignedDuration = SignedDuration::from_secs(60);

/// Someone or something that changed a connector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct Actor {
    /// `UserId`.
    pub user: String,
    /// `AppId`, where it is none of Microsoft's by which people work; empty otherwise.
    pub application: String,
    /// Whether an application did it in its own name.
    pub app_only: bool,
    /// Whether the service itself did it.
    pub service: bool,
}

impl Actor {
    /// The actor of a record.
    pub fn of(record: &AuditRecord) -> Self {
        Self {
            user: record.user.clone(),
            application: if record.is_usual_application() {
                String::new()
            } else {
                record.app_id.clone()
            },
            app_only: record.is_app_only(),
            service: record.is_service(),
        }
    }

    /// Whether both are one: names of users differ in case between records.
    pub fn is(&self, record: &AuditRecord) -> bool {
        record.user.eq_ignore_ascii_case(&self.user)
            || self.app_only && !self.application.is_empty() && record.app_id == self.application
    }

    /// What people read.
    pub fn words(&self) -> String {
        let user = if self.user.is_empty() {
            "nobody named"
        } else {
            &self.user
        };
        if self.app_only
            && (self.application.eq_ignore_ascii_case(user) || self.application.is_empty())
        {
            format!("the application {user}")
        } else if self.app_only {
            format!("the application {} ({user})", self.application)
        } else if self.application.is_empty() {
            user.to_owned()
        } else {
            format!("{user} with the application {}", self.application)
        }
    }
}

/// A record of the log, as a change refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Evidence {
    /// The record's `Id`.
    pub record: String,
    /// The cmdlet.
    pub operation: String,
    /// When.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// Who.
    pub actor: Actor,
    /// From which address.
    #[schemars(with = "Option<String>")]
    pub client_ip: Option<std::net::IpAddr>,
    /// In which session.
    pub session: String,
    /// What was sent: parameters and values, as the log has them.
    pub sent: Vec<(String, String)>,
    /// The file and line of it.
    pub place: String,
}

impl Evidence {
    /// A record as evidence.
    pub fn of(record: &AuditRecord) -> Self {
        Self {
            record: record.id.clone(),
            operation: record.operation.clone(),
            time: record.time,
            actor: Actor::of(record),
            client_ip: record.client_ip,
            session: record.session.clone(),
            sent: record.parameters.clone(),
            place: format!("{}:{}", record.place.path, record.place.line),
        }
    }
}

/// How a change is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// States differ, and records say who did it.
    Attributed,
    /// States differ, and no record explains all of it.
    WithoutRecord,
    /// Records say it, and no state shows it: it was undone, or nothing was read since.
    RecordOnly,
    /// A record says one thing and the state another.
    Contradicted,
    /// A connector that no state ever showed: created and deleted between two of them.
    ShortLived,
}

/// What happened to a connector, in one stretch of time.
#[derive(Clone, Debug)]
pub struct Change {
    /// The connector, as it is called at the end of the stretch.
    pub connector: Subject,
    /// How it is known.
    pub known: Known,
    /// When it happened, as exactly as anything says.
    pub at: Timestamp,
    /// The last state that did not show it, and the first that does.
    pub between: (Option<Timestamp>, Option<Timestamp>),
    /// What became of it.
    pub kind: ChangeKind,
    /// What it does to trust; `None` where what was there before is not known.
    pub direction: Option<Direction>,
    /// The type of the connector then, where it is known.
    pub connector_type: Option<ConnectorType>,
    /// Each difference, in words.
    pub words: Vec<String>,
    /// Settings that changed and to which value, for asking whether that was approved.
    pub values: Vec<(Property, Option<Value>)>,
    /// The records that say so, oldest first.
    pub records: Vec<Evidence>,
    /// What no record explains.
    pub unexplained: Vec<String>,
}

/// What became of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It appeared.
    Created,
    /// It is gone.
    Removed,
    /// It was deleted and made again under its name.
    Recreated,
    /// It has another name or setting.
    Changed,
    /// It appeared and went.
    CreatedAndRemoved,
}

impl Change {
    /// Who did it: the actors of its records, each once.
    pub fn actors(&self) -> Vec<&Actor> {
        let mut found: Vec<&Actor> = Vec::new();
        for record in &self.records {
            if !found.contains(&&record.actor) {
                found.push(&record.actor);
            }
        }
        found
    }

    /// Whether it gave trust, as far as anybody knows.
    pub fn widens(&self) -> bool {
        self.direction == Some(Direction::Widens)
    }
}

/// A connector that only records tell of.
#[derive(Clone, Debug)]
pub struct Reconstructed {
    /// The name that it was given.
    pub name: String,
    /// What was sent when it was made, and set since.
    pub values: std::collections::BTreeMap<Property, Value>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was deleted, if a record says so.
    pub removed: Option<Timestamp>,
}

/// Everything that happened to connectors, and those that no state shows.
#[derive(Debug, Default)]
pub struct Attribution {
    /// What happened, oldest first.
    pub changes: Vec<Change>,
    /// Connectors that no state shows.
    pub reconstructed: Vec<Reconstructed>,
}

/// Joins states, oldest first, with the log.
pub fn attribute(states: &[State<'_>], log: &AuditLog) -> Attribution {
    let records: Vec<&AuditRecord> = log
        .about(Topic::Connector)
        .filter(|record| record.succeeded)
        .collect();
    let mut found = Attribution::default();
    if let (Some(first), Some((from, _))) = (states.first(), log.window()) {
        let since = Timestamp::from_second(from.saturating_mul(86_400)).unwrap_or(first.at);
        stretch::stamped_since(*first, since, &records, &mut found);
    }
    let mut before: Option<State<'_>> = None;
    for state in states {
        let from = before.map(|own| own.at);
        let within = records_between(&records, from, Some(state.at), before, state);
        stretch::stretch(before, Some(*state), &within, &mut found);
        before = Some(*state);
    }
    // What was done since the last state was read nothing shows yet.
    if let Some(last) = before {
        let later: Vec<&AuditRecord> = records
            .iter()
            .copied()
            .filter(|record| {
                let near = record.time.duration_since(last.at) <= JITTER;
                record.time > last.at && !(near && is_shown(record, &last))
            })
            .collect();
        stretch::stretch(before, None, &later, &mut found);
    } else {
        stretch::stretch(None, None, &records, &mut found);
    }
    found.changes.sort_by(|one, other| {
        (one.at, &one.connector.name).cmp(&(other.at, &other.connector.name))
    });
    found
}

/// The records of a stretch. One within a minute of a state belongs to the side on which its change shows.
fn records_between<'r>(
    records: &[&'r AuditRecord],
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    before: Option<State<'_>>,
    after: &State<'_>,
) -> Vec<&'r AuditRecord> {
    let near = |record: &AuditRecord, at: Timestamp| record.time.duration_since(at).abs() <= JITTER;
    records
        .iter()
        .copied()
        .filter(|record| {
            let starts = match (from, before) {
                (Some(from), Some(state)) if near(record, from) => !is_shown(record, &state),
                (Some(from), _) => record.time > from,
                (None, _) => true,
            };
            let ends = match to {
                Some(to) if near(record, to) => record.time <= to || is_shown(record, after),
                Some(to) => record.time <= to,
                None => true,
            };
            starts && ends
        })
        .collect()
}

/// Whether a state shows what a record claims.
fn is_shown(record: &AuditRecord, state: &State<'_>) -> bool {
    let names = claim::named(record);
    let found = state.snapshot.connectors().find(|connector| {
        names
            .iter()
            .any(|name| connector.has_id(name) || caseless::same(&connector.name, name))
    });
    match (found, record.is_remove()) {
        (found, true) => found.is_none(),
        (None, false) => false,
        (Some(connector), false) => claim::claims(record).iter().all(|(property, value)| {
            value.is_none() || connector.setting(*property).as_deref() == value.as_ref()
        }),
    }
}
