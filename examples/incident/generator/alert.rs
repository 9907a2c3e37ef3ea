//! Alerts of the security portal, which arrive as audit records of type 40.

use super::audit::Record;
use super::clock::iso_seven;
use super::json::{Json, object};
use super::organization::Organization;
use super::rng::Rng;

/// An alert policy: its name, the operation that it watches, how severe it is.
pub struct Policy {
    name: &'static str,
    operation: &'static str,
    severity: &'static str,
    entity: &'static str,
}

/// A connector was restricted from sending.
pub const CONNECTOR_ABUSE: Policy = Policy {
    name: "Suspicious connector activity",
    operation: "ConnectorAbuse",
    severity: "High",
    entity: "Connector",
};

/// Somebody made an inbox rule that forwards; it happens every month.
pub const MAIL_REDIRECT: Policy = Policy {
    name: "Creation of forwarding/redirect rule",
    operation: "MailRedirect",
    severity: "Informational",
    entity: "User",
};

/// The pair of records that one alert leaves: the entity, and the alert itself.
pub fn raise(
    organization: &Organization,
    at: i64,
    policy: &Policy,
    entity: &str,
    rng: &mut Rng,
) -> [Record; 2] {
    let alert_id = rng.guid();
    let policy_id = rng.guid();
    let time = iso_seven(at - 90_000);
    let tenant = &organization.tenant_id;
    let entity_data = object([
        ("etype", policy.entity.into()),
        ("eid", entity.to_string().into()),
        ("tid", tenant.into()),
        ("ts", (&time).into()),
        ("te", (&time).into()),
        ("op", policy.operation.into()),
        ("tdc", "1".into()),
        ("suid", entity.to_string().into()),
        ("ut", "System".into()),
        ("lon", policy.operation.into()),
    ]);
    let alert_data = object([
        ("f3u", entity.to_string().into()),
        ("ts", (&time).into()),
        ("te", (&time).into()),
        ("op", policy.operation.into()),
        ("wl", "Exchange".into()),
        ("tid", tenant.into()),
        ("tdc", "1".into()),
        ("cid", (&policy_id).into()),
        ("lon", policy.operation.into()),
        ("an", policy.name.into()),
        ("sev", policy.severity.into()),
    ]);
    let ids = [alert_id, policy_id];
    [
        record(
            at,
            policy,
            "AlertEntityGenerated",
            entity,
            entity_data,
            &ids,
            rng,
        ),
        record(at, policy, "AlertTriggered", &ids[0], alert_data, &ids, rng),
    ]
}

fn record(
    at: i64,
    policy: &Policy,
    operation: &str,
    object_id: &str,
    data: Json,
    [alert_id, policy_id]: &[String; 2],
    rng: &mut Rng,
) -> Record {
    let mut details = vec![
        ("AlertId", alert_id.into()),
        (
            "AlertLinks",
            vec![object([("AlertLinkHref", "".into())])].into(),
        ),
        ("AlertType", "System".into()),
        ("Category", "ThreatManagement".into()),
        ("Comments", "New alert".into()),
        ("Data", data.line().into()),
        ("Name", policy.name.into()),
        ("PolicyId", policy_id.into()),
        ("Severity", policy.severity.into()),
        ("Source", "Office 365 Security & Compliance".into()),
        ("Status", "Active".into()),
    ];
    if operation == "AlertEntityGenerated" {
        details.insert(0, ("AlertEntityId", object_id.to_string().into()));
        details.push(("EntityType", policy.entity.into()));
    }
    Record {
        at,
        id: rng.guid(),
        operation: operation.into(),
        record_type: 40,
        user_type: 4,
        user_key: "SecurityComplianceAlerts".into(),
        user_id: "SecurityComplianceAlerts".into(),
        workload: "SecurityComplianceCenter",
        result: "Succeeded",
        client_ip: None,
        object_id: object_id.into(),
        details,
    }
}
