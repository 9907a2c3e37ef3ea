//! The plan as JSON: `connguard/plan/v1`. The schema only grows.
//!
//! Written and read: a plan is reviewed in one place and shown in another. What
//! is read must give the digest that it names, so that nobody changes a step on
//! the way.

use super::{Action, Answer, Assignment, Count, Observed, Plan, Purpose, Step, Target};
use crate::canonical;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::connector::{Guid, parse_guid};
use crate::digest::Digest;
use crate::finding::{Direction, Severity, Subject};
use crate::snapshot::Organization;
use crate::tenant::is_tenant_name;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// `schema` of a plan.
pub const SCHEMA: &str = "connguard/plan/v1";

/// The steps that turn the observed connectors of one organization into the approved ones.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Always `connguard/plan/v1`.
    schema: String,
    /// Digest over the plan's canonical JSON without this member.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// `revert`, `contain` or `inverse`.
    purpose: String,
    /// The tenant's local name.
    tenant: String,
    organization: WireOrganization,
    snapshot: WireSnapshot,
    baseline: WireBaseline,
    /// Digest of the root by which the baseline was verified.
    root: String,
    #[schemars(with = "String")]
    made_at: Timestamp,
    /// From when on it is not to be carried out any more.
    #[schemars(with = "String")]
    expires: Timestamp,
    /// Digest of the plan that this one undoes; null for others.
    inverse_of: Option<String>,
    connectors: WireCount,
    /// The connectors that steps are about, whole, as the plan found them.
    observed: Vec<WireObserved>,
    /// What is to be done, in this order.
    steps: Vec<WireStep>,
    /// What a reader must know beside the steps.
    warnings: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireOrganization {
    tenant_id: Option<String>,
    domain: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireSnapshot {
    /// Over the canonical form that `connguard fetch` prints.
    digest: String,
    #[schemars(with = "Option<String>")]
    taken_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireBaseline {
    version: u64,
    digest: String,
    signers: Vec<String>,
}

/// Connectors in the snapshot.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireCount {
    all: usize,
    on_premises: usize,
    /// The ids of all of them; empty where the plan cannot know them.
    ids: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireObserved {
    connector: WireConnector,
    /// By Exchange's names.
    settings: BTreeMap<String, Json>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireStep {
    /// `disable`, `set`, `rename`, `create`, `remove` or `manual`.
    action: String,
    /// The connector as it is called before the plan; null for what is about the tenant.
    connector: Option<WireConnector>,
    /// What it sets; of a step that removes, everything that is lost.
    settings: Vec<WireAssignment>,
    /// What it does, or what a person has to do.
    words: String,
    /// The findings that it answers.
    answers: Vec<WireAnswer>,
    /// What it does to trust: `widens`, `narrows` or `neutral`.
    direction: String,
    /// Whether another step can undo it.
    reversible: bool,
    /// What is lost by it.
    lost: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireConnector {
    /// Null for a connector that the plan makes.
    id: Option<String>,
    name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireAssignment {
    /// Exchange's name.
    property: String,
    /// Whether the snapshot says what is there.
    known: bool,
    /// What is there; null also where that is not known.
    before: Json,
    after: Json,
    /// Whether it does not differ and is sent because the service checks it together with one that does.
    partner: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireAnswer {
    rule: String,
    severity: String,
    fingerprint: String,
    message: String,
}

/// The canonical JSON over which the digest is made.
pub fn canonical(plan: &Plan) -> String {
    text(&wire(plan))
}

/// The plan as it is written, with its digest.
pub fn render(plan: &Plan) -> String {
    let digest = Some(plan.digest().to_string());
    text(&Wire {
        digest,
        ..wire(plan)
    })
}

/// `schema` of several plans.
const SEVERAL: &str = "connguard/plans/v1";

/// Several plans, of one tenant each.
pub fn render_all(plans: &[&Plan]) -> String {
    let plans: Vec<Json> = plans
        .iter()
        .map(|plan| serde_json::from_str(&render(plan)).unwrap_or_default())
        .collect();
    canonical::to_string(&serde_json::json!({ "schema": SEVERAL, "plans": plans }))
}

fn text(wire: &Wire) -> String {
    canonical::to_string(&serde_json::to_value(wire).unwrap_or_default())
}

/// The JSON Schema of a plan.
pub fn schema() -> Json {
    schemars::schema_for!(Wire).to_value()
}

fn wire(plan: &Plan) -> Wire {
    Wire {
        schema: SCHEMA.to_owned(),
        digest: None,
        purpose: plan.purpose.name().to_owned(),
        tenant: plan.tenant.clone(),
        organization: WireOrganization {
            tenant_id: plan.organization.tenant_id.clone(),
            domain: plan.organization.domain.clone(),
        },
        snapshot: WireSnapshot {
            digest: plan.snapshot.to_string(),
            taken_at: plan.taken_at,
        },
        baseline: WireBaseline {
            version: plan.baseline.version,
            digest: plan.baseline.digest.to_string(),
            signers: plan.baseline.signers.clone(),
        },
        root: plan.root.to_string(),
        made_at: plan.made_at,
        expires: plan.expires,
        inverse_of: plan.inverse_of.map(|digest| digest.to_string()),
        connectors: WireCount {
            all: plan.connectors.all,
            on_premises: plan.connectors.on_premises,
            ids: plan.ids.clone(),
        },
        observed: plan.observed.iter().map(wire_observed).collect(),
        steps: plan.steps.iter().map(wire_step).collect(),
        warnings: plan.warnings.clone(),
    }
}

fn wire_connector(subject: &Subject) -> WireConnector {
    WireConnector {
        id: subject.id.clone(),
        name: subject.name.clone(),
    }
}

fn wire_observed(own: &Observed) -> WireObserved {
    let settings = own.settings.iter();
    WireObserved {
        connector: wire_connector(&own.connector),
        settings: settings
            .map(|(property, value)| (property.name().to_owned(), value.to_json()))
            .collect(),
    }
}

fn wire_step(step: &Step) -> WireStep {
    WireStep {
        action: step.action.name().to_owned(),
        connector: step.connector.as_ref().map(wire_connector),
        settings: step.settings.iter().map(wire_assignment).collect(),
        words: step.words.clone(),
        answers: step
            .answers
            .iter()
            .map(|answer| WireAnswer {
                rule: answer.rule.clone(),
                severity: answer.severity.name().to_owned(),
                fingerprint: answer.fingerprint.clone(),
                message: answer.message.clone(),
            })
            .collect(),
        direction: step.direction.name().to_owned(),
        reversible: step.reversible,
        lost: step.lost.clone(),
    }
}

fn wire_assignment(assignment: &Assignment) -> WireAssignment {
    WireAssignment {
        property: assignment.property.name().to_owned(),
        known: assignment.before.is_some(),
        before: assignment
            .before
            .as_ref()
            .map_or(Json::Null, Value::to_json),
        after: assignment.after.to_json(),
        partner: assignment.partner,
    }
}

/// Reads what [`render`] or [`render_all`] wrote.
///
/// # Errors
///
/// What is neither, or holds a plan that is not the one whose digest it names.
pub fn read_all(text: &str) -> Result<Vec<Plan>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Several {
        schema: String,
        plans: Vec<Box<serde_json::value::RawValue>>,
    }
    match serde_json::from_str::<Several>(text) {
        Ok(several) if several.schema == SEVERAL => {
            several.plans.iter().map(|own| read(own.get())).collect()
        }
        _ => read(text).map(|plan| vec![plan]),
    }
}

/// Reads a plan.
///
/// # Errors
///
/// What is no plan, or not the one whose digest it names.
pub fn read(text: &str) -> Result<Plan, String> {
    let wire: Wire = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if wire.schema != SCHEMA {
        return Err(format!("its schema is not {SCHEMA:?}"));
    }
    let named = wire.digest.as_deref().and_then(Digest::parse);
    let plan = plan(wire)?;
    match named {
        Some(digest) if digest == plan.digest() => Ok(plan),
        Some(_) => Err("it was changed: its digest is not the one that it names".to_owned()),
        None => Err("it names no digest".to_owned()),
    }
}

fn plan(wire: Wire) -> Result<Plan, String> {
    let digest = |text: &str| Digest::parse(text).ok_or_else(|| format!("{text:?} is no digest"));
    Ok(Plan {
        purpose: word(&wire.purpose, Purpose::ALL, Purpose::name)?,
        tenant: Some(wire.tenant)
            .filter(|tenant| is_tenant_name(tenant))
            .ok_or("its tenant has no name that a tenant can have")?,
        organization: Organization {
            tenant_id: wire.organization.tenant_id,
            domain: wire.organization.domain,
        },
        snapshot: digest(&wire.snapshot.digest)?,
        taken_at: wire.snapshot.taken_at,
        baseline: Target {
            version: wire.baseline.version,
            digest: digest(&wire.baseline.digest)?,
            signers: wire.baseline.signers,
        },
        root: digest(&wire.root)?,
        made_at: wire.made_at,
        expires: wire.expires,
        inverse_of: wire.inverse_of.as_deref().map(digest).transpose()?,
        connectors: Count {
            all: wire.connectors.all,
            on_premises: wire.connectors.on_premises,
        },
        ids: wire
            .connectors
            .ids
            .into_iter()
            .map(guid)
            .collect::<Result<_, _>>()?,
        observed: wire
            .observed
            .into_iter()
            .map(observed)
            .collect::<Result<_, _>>()?,
        steps: wire.steps.into_iter().map(step).collect::<Result<_, _>>()?,
        warnings: wire.warnings,
    })
}

fn guid(text: String) -> Result<Guid, String> {
    match parse_guid(&text) {
        Some(guid) if guid == text => Ok(guid),
        _ => Err(format!("{text:?} is no id of a connector")),
    }
}

fn subject(wire: WireConnector) -> Result<Subject, String> {
    Ok(Subject {
        id: wire.id.map(guid).transpose()?,
        name: wire.name,
    })
}

fn observed(wire: WireObserved) -> Result<Observed, String> {
    let setting = |(name, json): (String, Json)| {
        let property = setting_named(&name)?;
        Ok((property, value_of(property, &json)?))
    };
    Ok(Observed {
        connector: subject(wire.connector)?,
        settings: wire
            .settings
            .into_iter()
            .map(setting)
            .collect::<Result<_, String>>()?,
    })
}

fn setting_named(name: &str) -> Result<Property, String> {
    Property::named(name)
        .filter(|property| property.name() == name)
        .filter(|property| property.is_setting() || *property == Property::Name)
        .ok_or_else(|| format!("{name:?} is no setting of a connector"))
}

fn value_of(property: Property, json: &Json) -> Result<Value, String> {
    Value::from_json(property, json)
        .ok_or_else(|| format!("{json} is no value of {}", property.name()))
}

fn step(wire: WireStep) -> Result<Step, String> {
    let connector = wire.connector.map(subject).transpose()?;
    Ok(Step {
        action: word(&wire.action, Action::ALL, Action::name)?,
        connector,
        settings: wire
            .settings
            .into_iter()
            .map(assignment)
            .collect::<Result<_, _>>()?,
        words: wire.words,
        answers: wire
            .answers
            .into_iter()
            .map(|answer| {
                Ok(Answer {
                    severity: word(&answer.severity, Severity::ALL, Severity::name)?,
                    rule: answer.rule,
                    fingerprint: answer.fingerprint,
                    message: answer.message,
                })
            })
            .collect::<Result<_, String>>()?,
        direction: word(
            &wire.direction,
            [Direction::Neutral, Direction::Narrows, Direction::Widens],
            Direction::name,
        )?,
        reversible: wire.reversible,
        lost: wire.lost,
    })
}

fn assignment(wire: WireAssignment) -> Result<Assignment, String> {
    let property = setting_named(&wire.property)?;
    Ok(Assignment {
        property,
        before: wire
            .known
            .then(|| value_of(property, &wire.before))
            .transpose()?,
        after: value_of(property, &wire.after)?,
        partner: wire.partner,
    })
}

fn word<T: Copy, const N: usize>(
    text: &str,
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    all.into_iter()
        .find(|candidate| name(*candidate) == text)
        .ok_or_else(|| format!("{text:?} is none of the words that may stand there"))
}
