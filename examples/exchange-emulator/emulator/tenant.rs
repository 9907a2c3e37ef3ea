//! Tenants: what they hold now, and what a read sees of it.

use super::{
    audit::AuditLog,
    chance, clock, hunting,
    rate::{Rate, Window},
    record::{self, Place, Record},
    refusal::Refusal,
    trace,
    waiting::lock,
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Objects of one kind.
pub type Records = Vec<Arc<Record>>;

/// All that a tenant holds. Cheap to copy: objects are shared until they change.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Inbound connectors, complete.
    pub connectors: Records,
    /// Accepted domains.
    pub domains: Records,
    /// Blocked connectors.
    pub blocked: Records,
    /// Transport rules.
    pub rules: Records,
    /// Alert policies.
    pub alerts: Records,
    /// The organization's configuration, one object.
    pub organization: Records,
    /// The audit log's configuration, one object.
    pub audit: Records,
}

/// A tenant.
pub struct Tenant {
    /// Its id, in lower case.
    pub id: String,
    /// Where its objects live.
    pub place: Place,
    /// What was done in it.
    pub audit_log: AuditLog,
    /// Its mail, the newest first.
    pub trace: Vec<trace::Row>,
    /// What advanced hunting finds.
    pub hunting: Vec<hunting::Known>,
    /// Message traces of late.
    pub traces: Window,
    /// Audit queries begun of late.
    pub jobs: Window,
    versions: Mutex<VecDeque<(Instant, Arc<Data>)>>,
    writes: Mutex<Vec<(String, Value)>>,
    recent: Window,
}

impl Tenant {
    /// Reads a tenant from an export, of which times like `-90m` are before now.
    pub fn read(export: &Value, now: jiff::Timestamp) -> Result<Self, String> {
        let organization = |key: &str| {
            let value = export.get("organization").and_then(|it| it.get(key));
            let text = value.and_then(Value::as_str);
            text.ok_or_else(|| format!("no organization.{key}"))
        };
        let id = organization("tenant_id")?.to_lowercase();
        let sample = export
            .get("inbound_connectors")
            .and_then(|list| list.get(0));
        let place = Place::new(organization("domain")?, sample);
        let first = Arc::new(data(export, &id, &place));
        Ok(Self {
            id,
            place,
            audit_log: AuditLog::read(export.get("audit_records"), now),
            trace: trace::read(export.get("message_trace"), now)?,
            hunting: hunting::read(export.get("hunting_answers"), now)?,
            traces: Window::default(),
            jobs: Window::default(),
            versions: Mutex::new(VecDeque::from([(Instant::now(), first)])),
            writes: Mutex::default(),
            recent: Window::default(),
        })
    }

    /// Whether a path's tenant is this one: its id or its domain.
    pub fn is(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.place.domain.eq_ignore_ascii_case(name)
    }

    /// The true state.
    pub fn newest(&self) -> Arc<Data> {
        let versions = lock(&self.versions);
        versions
            .back()
            .map(|(_, data)| Arc::clone(data))
            .unwrap_or_default()
    }

    /// What a read sees: the newest state that is so old.
    pub fn visible(&self, delay: Duration) -> Arc<Data> {
        let mut versions = lock(&self.versions);
        while versions
            .get(1)
            .is_some_and(|(written, _)| written.elapsed() >= delay)
        {
            versions.pop_front();
        }
        versions
            .front()
            .map(|(_, data)| Arc::clone(data))
            .unwrap_or_default()
    }

    /// Carries out a write, wholly or not at all.
    pub fn write<T>(
        &self,
        change: impl FnOnce(&mut Data) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut versions = lock(&self.versions);
        let mut data = versions
            .back()
            .map(|(_, data)| Data::clone(data))
            .unwrap_or_default();
        let result = change(&mut data)?;
        versions.push_back((Instant::now(), Arc::new(data)));
        Ok(result)
    }

    /// Puts these connectors in place of all, visible at once.
    pub fn set(&self, connectors: Vec<Value>) {
        let mut data = Data::clone(&self.newest());
        data.connectors = objects(connectors, |given| {
            record::complete_connector(given, &self.place)
        });
        *lock(&self.versions) = VecDeque::from([(Instant::now(), Arc::new(data))]);
    }

    /// Notes a write that was carried out.
    pub fn wrote(&self, cmdlet: &str, parameters: &Value) {
        lock(&self.writes).push((cmdlet.to_owned(), parameters.clone()));
    }

    /// The writes carried out, in order.
    pub fn writes(&self) -> Vec<(String, Value)> {
        lock(&self.writes).clone()
    }

    /// Whether one more request is too many, at so many a second.
    pub fn is_throttled(&self, limit: usize) -> bool {
        let rate = Rate {
            count: limit,
            time: Duration::from_secs(1),
        };
        self.recent.pass(rate).is_err()
    }
}

fn data(export: &Value, id: &str, place: &Place) -> Data {
    let list = |key: &str| match export.get(key) {
        Some(Value::Array(values)) => values.clone(),
        _ => Vec::new(),
    };
    let one = |key: &str| vec![export.get(key).cloned().unwrap_or_else(|| json!({}))];
    let connectors = objects(list("inbound_connectors"), |given| {
        record::complete_connector(given, place)
    });
    let blocked = objects(list("blocked_connectors"), |given| {
        blocked(given, &connectors)
    });
    let alerts = match export.get("protection_alerts") {
        Some(Value::Array(alerts)) => alerts.clone(),
        _ => vec![json!({})],
    };
    Data {
        domains: objects(list("accepted_domains"), |given| domain(given, place)),
        rules: objects(list("transport_rules"), |given| rule(given, place)),
        alerts: objects(alerts, alert),
        organization: objects(one("organization_config"), |given| {
            let (name, guid) = (&place.domain, chance::guid_of(id));
            let more = json!({"RejectDirectSend": true, "AuditDisabled": false, "IsDehydrated": false,
                "Name": name, "Identity": name, "Id": name, "Guid": guid, "HybridConfigurationStatus": null});
            record::complete(given, more)
        }),
        audit: objects(one("admin_audit_log_config"), |given| {
            let more = json!({"UnifiedAuditLogIngestionEnabled": true, "AdminAuditLogEnabled": true,
                "Name": "Default", "Identity": "Default"});
            record::complete(given, more)
        }),
        connectors,
        blocked,
    }
}

fn objects(values: Vec<Value>, complete: impl Fn(Record) -> Record) -> Records {
    values
        .into_iter()
        .filter_map(|value| match value {
            Value::Object(given) => Some(Arc::new(complete(given))),
            _ => None,
        })
        .collect()
}

fn domain(given: Record, place: &Place) -> Record {
    let name = ["DomainName", "Name"]
        .into_iter()
        .find_map(|key| record::text(&given, key));
    let name = name.unwrap_or_default().to_owned();
    let guid = chance::guid_of(&format!("{}/domain/{name}", place.domain));
    let initial = name.eq_ignore_ascii_case(&place.domain);
    let more = json!({
        "DomainName": name, "DomainType": "Authoritative", "Default": false, "InitialDomain": initial,
        "MatchSubDomains": false, "OutboundOnly": false, "PendingRemoval": false, "PendingCompletion": false,
        "IsCoexistenceDomain": false, "ExternallyManaged": false, "AuthenticationType": "Managed",
        "RawAuthenticationType": "Managed", "SendingFromDomainDisabled": false,
        "SendingToDomainDisabled": false, "Name": name, "Identity": name, "Id": name, "Guid": guid,
        "ExchangeObjectId": guid, "OrganizationalUnitRoot": place.domain,
        "OrganizationId": place.organization_id(), "IsValid": true, "ObjectState": "Unchanged",
        "WhenChangedUTC": "2025-01-15T08:30:00Z", "WhenCreatedUTC": "2025-01-15T08:30:00Z",
        "OriginatingServer": format!("AM0P201A01DC005.{}", place.forest),
    });
    record::complete(given, more)
}

/// The columns are a guess: no output of the cmdlet was ever published.
fn blocked(given: Record, connectors: &Records) -> Record {
    let id = record::text(&given, "ConnectorId").unwrap_or_default();
    let connector = connectors
        .iter()
        .find(|connector| record::is(connector, id));
    let name = connector.and_then(|connector| record::text(connector, "Name"));
    let more = json!({
        "ConnectorId": id, "ConnectorName": name,
        "Reason": "The connector was used to send an unusual amount of mail.",
        "CreatedTime": "2026-11-19T22:00:00Z",
    });
    record::complete(given, more)
}

/// A transport rule with the few properties that this emulator knows of.
pub fn rule(given: Record, place: &Place) -> Record {
    let name = record::text(&given, "Name").unwrap_or_default().to_owned();
    let guid = chance::guid_of(&format!("{}/rule/{name}", place.domain));
    let more = json!({
        "Name": name, "Identity": name, "Guid": guid, "Priority": 0, "State": "Enabled",
        "Mode": "Enforce", "Conditions": [], "Actions": [], "Comments": null,
        "OrganizationId": place.organization_id(), "WhenChanged": "2025-01-15T08:30:00Z",
    });
    record::complete(given, more)
}

fn alert(given: Record) -> Record {
    let name = "Suspicious connector activity";
    let guid = chance::guid_of(name);
    let more = json!({
        "Name": name, "Identity": guid, "Guid": guid, "Operation": ["ConnectorAbuse"],
        "Severity": "High", "Category": "ThreatManagement", "IsSystemRule": true,
        "NotifyUser": ["TenantAdmins"], "Disabled": false, "NotificationEnabled": true,
    });
    record::complete(given, more)
}

/// The time of a property, in whatever form a file has it.
pub fn time(record: &Record, key: &str) -> Option<jiff::Timestamp> {
    record::text(record, key).and_then(clock::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_seen_by_reads_only_after_the_delay() {
        let export =
            json!({"organization": {"tenant_id": "T", "domain": "contoso.onmicrosoft.com"}});
        let tenant = Tenant::read(&export, jiff::Timestamp::now()).unwrap();
        let add = |data: &mut Data| {
            data.connectors.push(Arc::default());
            Ok(())
        };
        tenant.write(add).unwrap();
        assert_eq!(tenant.newest().connectors.len(), 1);
        assert!(
            tenant
                .visible(Duration::from_secs(60))
                .connectors
                .is_empty()
        );
        assert_eq!(tenant.visible(Duration::ZERO).connectors.len(), 1);
        assert!(tenant.is("t") && tenant.is("CONTOSO.onmicrosoft.com"));
    }
}
