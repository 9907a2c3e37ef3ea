//! JSON Schemas of every document that people or exports write.
//!
//! Editors check against them while somebody types; the program's own readers
//! say more and decide. What the property table and the predicates know is
//! taken from there.

use crate::connector::property::{Kind, Property};
use crate::document::reader::API_VERSION;
use crate::exchange::Credential;
use crate::exchange::cloud::CLOUDS;
use crate::finding::Severity;
use crate::policy::predicate;
use crate::policy::threshold::Threshold;
use crate::snapshot::{Part, SourceKind};
use crate::source::export::EXPORT_VERSION;
use serde_json::{Map, Value, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// An object with these members and no others.
fn object(members: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": members, "required": required })
}

fn document(title: &str, kind: &str, mut members: Map<String, Value>, required: &[&str]) -> Value {
    members.insert("apiVersion".to_owned(), json!({ "const": API_VERSION }));
    members.insert("kind".to_owned(), json!({ "const": kind }));
    let required: Vec<&str> = ["apiVersion", "kind"]
        .into_iter()
        .chain(required.iter().copied())
        .collect();
    let mut schema = object(Value::Object(members), &required);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!(DIALECT));
        schema.insert("title".to_owned(), json!(title));
    }
    schema
}

/// A signed document: with version, dates and the digest of the version before.
fn signed(title: &str, kind: &str, members: Value, required: &[&str]) -> Value {
    let mut all = members_of(members);
    all.insert("version".to_owned(), json!({ "type": "integer", "minimum": 1, "description": "Rises by one with every change." }));
    all.insert(
        "previous".to_owned(),
        described(
            digest(),
            "Digest of the version before; absent in version 1.",
        ),
    );
    all.insert("issued".to_owned(), time());
    all.insert("expires".to_owned(), time());
    let required: Vec<&str> = ["version", "issued", "expires"]
        .into_iter()
        .chain(required.iter().copied())
        .collect();
    document(title, kind, all, &required)
}

fn members_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn described(mut schema: Value, description: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), json!(description));
    }
    schema
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn duration() -> Value {
    json!({ "type": "string", "description": "Such as 24h, 90m or 7d 12h.", "examples": ["24h"] })
}

fn digest() -> Value {
    json!({ "type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$" })
}

fn guid() -> Value {
    json!({ "type": "string", "pattern": "^\\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\}?$" })
}

fn organization() -> Value {
    object(
        json!({ "tenant_id": guid(), "domain": text() }),
        &["tenant_id", "domain"],
    )
}

fn severity() -> Value {
    json!({ "enum": Severity::ALL.map(Severity::name) })
}

fn tenant_names(value: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": "^[a-z0-9][a-z0-9-]{0,62}$" }, "additionalProperties": value })
}

fn lists() -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": "^[a-z][a-z0-9_-]*$" }, "additionalProperties": texts(), "description": "Named values that rules refer to as \"@name\"." })
}

/// The value of a property as a person writes it.
fn value_of(property: Property) -> Value {
    match property.kind() {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Enumeration => text(),
        Kind::Text | Kind::Certificate => json!({ "type": ["string", "null"] }),
        Kind::Addresses | Kind::Domains | Kind::Names | Kind::References => {
            json!({ "type": ["array", "null"], "items": text() })
        }
        Kind::Opaque => json!({}),
    }
}

fn values_of(properties: impl Iterator<Item = Property>) -> Map<String, Value> {
    properties
        .map(|property| (property.name().to_owned(), value_of(property)))
        .collect()
}

/// `connguard.yaml`
pub fn config() -> Value {
    let export = object(
        json!({ "export": described(text(), "An exported file inside the audit repository.") }),
        &["export"],
    );
    let live = object(json!({ "exchange": exchange() }), &["exchange"]);
    let source = json!({ "oneOf": [export, live] });
    let tenant = object(
        json!({ "organization": organization(), "source": source }),
        &["organization", "source"],
    );
    let history = object(
        json!({
            "repository": described(text(), "The folder of a git repository on this machine, outside the audit repository."),
            "ref": { "type": "string", "pattern": "^refs/heads/connguard/" },
        }),
        &[],
    );
    document(
        "connguard configuration",
        "Config",
        members_of(json!({ "tenants": tenant_names(tenant), "history": history })),
        &["tenants"],
    )
}

/// How a tenant's live service is reached.
fn exchange() -> Value {
    let variable = json!({ "type": "string", "pattern": "^CONNGUARD_[A-Z0-9_]*$" });
    let one = |member: &str, value: Value| object(json!({ member: value }), &[member]);
    let certificate = object(
        json!({ "certificate": described(text(), "PEM with certificate and key, or PFX."), "password_env": variable }),
        &["certificate"],
    );
    let words: Vec<&str> = Credential::WORDS.iter().map(|(word, _)| *word).collect();
    let credential = json!({ "anyOf": [
        { "enum": words },
        certificate,
        one("secret_env", variable),
        one("secret_file", text()),
        one("token_file", text()),
    ] });
    let id = json!({ "type": "string", "format": "uuid" });
    let address = json!({ "type": "string", "pattern": "^https?://(127\\.|\\[::1\\])" });
    object(
        json!({
            "client_id": described(id.clone(), "The application that reads."),
            "credential": credential,
            "apply_client_id": described(id, "The application that may write: another one than the one that reads."),
            "apply_credential": credential,
            "cloud": { "enum": CLOUDS.iter().map(|cloud| cloud.name).collect::<Vec<_>>() },
            "host": described(text(), "Another of the cloud's own names for Exchange Online."),
            "endpoints": object(json!({ "login": address, "exchange": address, "graph": address }), &["login", "exchange"]),
        }),
        &["credential"],
    )
}

/// `trust/root.yaml`
pub fn root() -> Value {
    let threshold = json!({ "type": "integer", "minimum": 1 });
    let grant = object(
        json!({ "threshold": threshold, "principals": texts() }),
        &["threshold", "principals"],
    );
    let delegation = object(
        json!({ "tenants": texts(), "threshold": threshold, "principals": texts() }),
        &["threshold", "principals"],
    );
    let emergency = object(
        json!({ "threshold": threshold, "principals": texts(), "max_validity": duration() }),
        &["threshold", "principals", "max_validity"],
    );
    let baseline =
        json!({ "anyOf": [grant, { "type": "array", "minItems": 1, "items": delegation }] });
    let roles = object(
        json!({ "root": grant, "policy": grant, "baseline": baseline, "history": grant, "emergency": emergency }),
        &["root", "policy", "baseline"],
    );
    let members = json!({
        "allowed_signers": described(digest(), "Digest of trust/allowed_signers."),
        "touch": { "enum": ["required", "optional"], "description": "Whether hardware keys must have been touched (default: required)." },
        "roles": roles,
    });
    signed(
        "connguard root of trust",
        "Root",
        members,
        &["allowed_signers", "roles"],
    )
}

/// The numbers by which an investigation judges, by name.
fn thresholds() -> Value {
    let all = Threshold::ALL.iter().map(|own| {
        let row = own.row();
        let text = format!("{} (default: {}).", row.meaning, row.usual);
        (
            row.name.to_owned(),
            json!({ "type": "number", "minimum": 0, "description": text }),
        )
    });
    Value::Object(all.collect())
}

/// `policies/policy.yaml`
pub fn policy() -> Value {
    let sources =
        json!({ "type": "array", "items": { "enum": SourceKind::NAMES.map(|(name, _)| name) } });
    let tenant =
        json!({ "anyOf": [{ "type": "null" }, object(json!({ "sources": sources }), &[])] });
    let change = object(
        json!({ "off": { "const": true }, "severity": severity(), "tenants": texts(), "owner": text(), "reason": text() }),
        &["owner", "reason"],
    );
    let absent: Map<String, Value> = Property::settings()
        .map(|property| (property.name().to_owned(), text()))
        .collect();
    let members = json!({
        "tenants": tenant_names(tenant),
        "fail_on": { "enum": ["low", "medium", "high", "critical"] },
        "max_snapshot_age": duration(),
        "heartbeat": duration(),
        "change_window": duration(),
        "lists": lists(),
        "catalogue": { "type": "string", "pattern": "^(none|default@[1-9][0-9]*)$" },
        "rules": { "type": "object", "propertyNames": { "pattern": "^[^./\\\\][^/\\\\]*\\.yaml$" }, "additionalProperties": digest() },
        "overrides": { "type": "object", "additionalProperties": change },
        "may_be_absent": object(Value::Object(absent), &[]),
        "plan": object(
            json!({
                "max_share": { "type": "integer", "minimum": 0, "maximum": 100, "description": "How many of a hundred connectors one plan may disable or change (default: 50)." },
                "all_on_premises": { "type": "boolean", "description": "Whether one plan may disable or change every on-premises connector (default: false)." },
                "from": { "type": "integer", "minimum": 0, "description": "The share counts where there are at least so many connectors (default: 5)." },
                "valid_for": duration(),
            }),
            &[],
        ),
        "investigation": object(thresholds(), &[]),
        "gate": object(
            json!({ "narrowing": { "enum": ["pass", "review"], "description": "What the gate does with a change that only narrows trust (default: pass)." } }),
            &[],
        ),
        "trust_restarts": { "type": "array", "items": object(
            json!({ "root": digest(), "owner": text(), "reason": text() }),
            &["root", "owner", "reason"],
        ) },
    });
    signed(
        "connguard policy",
        "Policy",
        members,
        &["tenants", "max_snapshot_age", "catalogue"],
    )
}

/// `baselines/manifest.yaml`
pub fn manifest() -> Value {
    let entry = object(
        json!({ "version": { "type": "integer", "minimum": 1 }, "digest": digest() }),
        &["version", "digest"],
    );
    signed(
        "connguard manifest of baselines",
        "Manifest",
        json!({ "baselines": tenant_names(entry) }),
        &["baselines"],
    )
}

/// `policies/<rule-id>.yaml`
pub fn rule() -> Value {
    let judged = object(Value::Object(values_of(Property::judged())), &[]);
    let mut applies_to = values_of(Property::judged());
    applies_to.insert("tenants".to_owned(), texts());
    let with = object(
        json!({ "lists": lists(), "accepted_domains": texts(), "others": { "type": "array", "items": judged } }),
        &[],
    );
    let cases = json!({ "type": "array", "minItems": 1, "items": judged });
    let members = json!({
        "id": { "type": "string", "pattern": "^[a-z][a-z0-9-]*$", "description": "The file's name without .yaml." },
        "title": text(),
        "severity": severity(),
        "about": { "enum": ["choice", "flaw"], "description": "A choice is quiet where the baseline approves exactly the value; a flaw never is." },
        "since": { "type": "integer", "minimum": 1, "description": "The revision of the catalogue that brought the rule." },
        "applies_to": object(Value::Object(applies_to), &[]),
        "check": { "$ref": "#/$defs/predicate" },
        "why": text(),
        "fix": text(),
        "references": texts(),
        "examples": object(json!({ "with": with, "fires": cases, "quiet": cases }), &["fires", "quiet"]),
    });
    let mut schema = document(
        "connguard rule",
        "Rule",
        members_of(members),
        &["id", "title", "severity", "check", "why", "fix", "examples"],
    );
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$defs".to_owned(), json!({ "predicate": predicates() }));
    }
    schema
}

/// An object with exactly one of the predicates.
fn predicates() -> Value {
    let known = |name: &str| match name {
        "all" | "any" => {
            json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/predicate" } })
        }
        "not" => json!({ "$ref": "#/$defs/predicate" }),
        "expression" => described(
            text(),
            "A CEL expression over connector, others, lists and accepted_domains.",
        ),
        _ => {
            json!({ "type": "object", "required": ["property"], "properties": { "property": { "enum": Property::judged().map(Property::name).collect::<Vec<_>>() } } })
        }
    };
    let members: Map<String, Value> = predicate::names()
        .map(|name| (name.to_owned(), known(name)))
        .collect();
    json!({ "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": members })
}

/// Every setting of a connector; what is no list or text must be written.
fn settings() -> Value {
    let required: Vec<&str> = Property::settings()
        .filter(|property| property.kind().must_be_present())
        .map(Property::name)
        .collect();
    object(Value::Object(values_of(Property::settings())), &required)
}

/// A connector as it is to be: what `connguard gate --document` reads.
pub fn connector() -> Value {
    document(
        "connguard connector",
        "Connector",
        members_of(json!({
            "name": text(),
            "id": described(guid(), "ExchangeObjectId; without it the connector of that name is meant."),
            "settings": settings(),
        })),
        &["name", "settings"],
    )
}

/// `baselines/<tenant>.yaml`
pub fn baseline() -> Value {
    let settings = settings();
    let change = object(
        json!({ "property": text(), "value": {}, "until": time(), "reason": text() }),
        &["property", "value", "until", "reason"],
    );
    let connector = object(
        json!({
            "name": text(),
            "id": described(guid(), "ExchangeObjectId; absent only for a connector that does not exist yet."),
            "owner": text(),
            "reason": text(),
            "settings": settings,
            "expected_changes": { "type": "array", "items": change },
        }),
        &["name", "owner", "reason", "settings"],
    );
    let acceptance = object(
        json!({ "rule": text(), "connector": text(), "property": text(), "value": {}, "owner": text(), "reason": text(), "expires": time() }),
        &["rule", "connector", "value", "owner", "reason", "expires"],
    );
    let members = json!({
        "tenant": text(),
        "organization": organization(),
        "accepted_domains": texts(),
        "lists": lists(),
        "connectors": { "type": "array", "items": connector },
        "acceptances": { "type": "array", "items": acceptance },
    });
    signed(
        "connguard baseline",
        "Baseline",
        members,
        &["tenant", "organization", "connectors"],
    )
}

/// What the script of `connguard fetch --script` writes.
pub fn export() -> Value {
    let rows = json!({ "type": ["array", "object", "null"] });
    let parts: Map<String, Value> = Part::EVERY.iter().map(|part| (part.name().to_owned(), json!({ "description": "true, or what went wrong", "anyOf": [{ "const": true }, { "type": "string" }] }))).collect();
    let mut members = members_of(json!({
        "connguard": { "const": EXPORT_VERSION },
        "taken_at": time(),
        "read_from": { "enum": [SourceKind::Exchange.name(), crate::source::export::REHEARSAL] },
        "organization": { "type": "object", "properties": { "tenant_id": { "type": ["string", "null"] }, "domain": { "type": ["string", "null"] } } },
        "complete": { "type": "object", "properties": parts },
    }));
    members.extend(
        Part::EVERY
            .iter()
            .map(|part| (part.name().to_owned(), rows.clone())),
    );
    json!({ "$schema": DIALECT, "title": "connguard export", "type": "object", "properties": members, "required": ["connguard", "taken_at", "organization", "complete"] })
}

/// What `connguard fetch` prints.
pub fn snapshot() -> Value {
    let optional = json!({ "type": ["string", "null"] });
    let identity = object(
        json!({ "Name": { "type": "string" }, "ExchangeObjectId": optional, "Guid": optional }),
        &["Name", "ExchangeObjectId", "Guid"],
    );
    let metadata = object(
        json!({ "WhenCreatedUTC": optional, "WhenChangedUTC": optional, "IsValid": { "type": ["boolean", "null"] }, "unrecognised": { "type": "object" } }),
        &[
            "WhenCreatedUTC",
            "WhenChangedUTC",
            "IsValid",
            "unrecognised",
        ],
    );
    let settings = object(Value::Object(values_of(Property::settings())), &[]);
    let connector = object(
        json!({ "identity": identity, "metadata": metadata, "settings": settings }),
        &["identity", "metadata", "settings"],
    );
    let complete: Map<String, Value> = Part::EVERY
        .iter()
        .map(|part| {
            (
                part.name().to_owned(),
                json!({ "anyOf": [{ "const": true }, { "type": "string" }] }),
            )
        })
        .collect();
    let domain = object(
        json!({ "domain": text(), "match_sub_domains": { "type": "boolean" } }),
        &["domain", "match_sub_domains"],
    );
    let mut schema = object(
        json!({
            "schema": { "const": crate::snapshot::SCHEMA },
            "organization": object(json!({ "tenant_id": optional, "domain": optional }), &["tenant_id", "domain"]),
            "source": { "enum": SourceKind::NAMES.map(|(name, _)| name) },
            "complete": object(Value::Object(complete), &Part::CORE.map(Part::name)),
            "inbound_connectors": { "type": "array", "items": connector },
            "accepted_domains": { "type": "array", "items": domain },
            "blocked_connectors": texts(),
            "around": { "type": "object", "properties": Part::AROUND.iter().map(|part| (part.name().to_owned(), json!({ "type": ["object", "array"] }))).collect::<Map<String, Value>>() },
        }),
        &[
            "schema",
            "organization",
            "source",
            "complete",
            "inbound_connectors",
            "accepted_domains",
            "blocked_connectors",
        ],
    );
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!(DIALECT));
        schema.insert("title".to_owned(), json!("connguard snapshot"));
    }
    schema
}
