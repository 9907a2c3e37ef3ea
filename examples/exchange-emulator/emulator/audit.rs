//! A tenant's audit log: what was done in it, told late and without old values.

use super::{
    chance, clock,
    cmdlets::Cmdlet,
    identities,
    jwt::Parts,
    record::{self, Record, flag, text},
    tenant::Tenant,
    waiting::lock,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

/// The records of a tenant, each an AuditData.
#[derive(Default)]
pub struct AuditLog(Mutex<Vec<Entry>>);

struct Entry {
    /// When it was written; those of a file are seen at once.
    written: Option<Instant>,
    record: Value,
}

impl AuditLog {
    /// The log that a file brings, record for record; only times before `now` are settled.
    pub fn read(records: Option<&Value>, now: Timestamp) -> Self {
        let records = records.and_then(Value::as_array).cloned();
        let log = Self::default();
        for mut record in records.unwrap_or_default() {
            if let Some(time) = record.get_mut("CreationTime") {
                clock::settle(time, now);
            }
            log.bring(record);
        }
        log
    }

    /// Adds a record that is seen at once.
    pub fn bring(&self, record: Value) {
        let written = None;
        lock(&self.0).push(Entry { written, record });
    }

    /// Adds a record that is seen after the delay.
    pub fn write(&self, record: Value) {
        let written = Some(Instant::now());
        lock(&self.0).push(Entry { written, record });
    }

    /// What a search finds after such a delay.
    pub fn visible(&self, delay: Duration) -> Vec<Value> {
        let entries = lock(&self.0);
        let old = |entry: &&Entry| entry.written.is_none_or(|time| time.elapsed() >= delay);
        let visible = entries.iter().filter(old);
        visible.map(|entry| entry.record.clone()).collect()
    }
}

/// Who makes a call, as the log tells it.
pub struct Actor<'a> {
    /// The claims of the caller's token.
    pub claims: &'a Parts<'a>,
    /// Where the call comes from.
    pub peer: Option<SocketAddr>,
}

impl Actor<'_> {
    fn claim(&self, name: &str) -> &str {
        self.claims.text(name).unwrap_or_default()
    }

    /// The id of a token's session: it links what is done with that token.
    fn session(&self) -> String {
        let number = self.claims.claims.get("uti").cloned().unwrap_or_default();
        chance::guid_of(&format!("session {} {number}", self.claim("oid")))
    }
}

/// The name of what a call is about; none for what is yet to be made. To be asked before the call.
pub fn target(tenant: &Tenant, cmdlet: &Cmdlet, given: &Record) -> String {
    let argument = |wanted: &str| {
        let mut given = given.iter();
        let found = given.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| value.as_str())
    };
    if cmdlet.name.starts_with("New-") {
        return String::new();
    }
    if let Some(connector) = argument("ConnectorId") {
        return connector.to_owned();
    }
    let Some(identity) = argument("Identity") else {
        return tenant.place.domain.clone();
    };
    let data = tenant.newest();
    let mut objects = match cmdlet.name.ends_with("TransportRule") {
        true => data.rules.iter(),
        false => data.connectors.iter(),
    };
    let found = objects.find(|object| record::is(object, identity));
    let name = found.and_then(|object| text(object, "Name"));
    name.unwrap_or(identity).to_owned()
}

/// Writes down a call that was carried out, unless the organization keeps no log.
pub fn note(
    tenant: &Tenant,
    actor: &Actor,
    cmdlet: &Cmdlet,
    given: &Record,
    target: &str,
    now: Timestamp,
) {
    let data = tenant.newest();
    let mut config = data.audit.iter();
    if !config.any(|config| flag(config, "UnifiedAuditLogIngestionEnabled")) {
        return;
    }
    let parameters: Vec<_> = cmdlet
        .shown(given)
        .into_iter()
        .map(|(name, value)| json!({"Name": name, "Value": value}))
        .collect();
    let domain = &tenant.place.domain;
    let (user, key, kind) = match actor.claims.text("upn") {
        Some(name) => (name.to_owned(), actor.claim("oid").to_owned(), 2),
        None => {
            let who = identities::find(actor.claim("appid"));
            let name = who.map_or(actor.claim("appid"), |who| who.name);
            (name.to_owned(), actor.claim("oid").to_owned(), 6)
        }
    };
    let mut record = json!({
        // The classic form has no zone; Graph, which is all that tells of it here, was seen with one.
        "CreationTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "Id": chance::guid(), "Operation": cmdlet.name, "OrganizationId": tenant.id, "RecordType": 1,
        "ResultStatus": "True", "UserKey": key, "UserType": kind, "Version": 1, "Workload": "Exchange",
        "ObjectId": target, "UserId": user, "AppId": actor.claim("appid"), "ClientAppId": "",
        "ExternalAccess": false, "OrganizationName": domain,
        "OriginatingServer": "AM0P201MB0005 (15.20.0000.000)\r\n",
        "Parameters": parameters, "SessionId": actor.session(),
    });
    if let (Some(peer), Some(record)) = (actor.peer, record.as_object_mut()) {
        record.insert("ClientIP".to_owned(), peer.to_string().into());
    }
    tenant.audit_log.write(record);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_brings_is_seen_at_once_and_what_is_done_after_the_delay() {
        let now = clock::parse("2026-03-03T01:15:12Z").unwrap();
        let file = json!([{"Id": "a", "CreationTime": "-1h"}, {"Id": "a", "CreationTime": "-1h"}, "cut off"]);
        let log = AuditLog::read(Some(&file), now);
        log.write(json!({"Id": "b"}));
        let late = log.visible(Duration::from_secs(60));
        assert_eq!(late.len(), 3);
        assert_eq!(late[0], late[1]);
        assert_eq!(late[0]["CreationTime"], "2026-03-03T00:15:12.0000000Z");
        assert_eq!(log.visible(Duration::ZERO).len(), 4);
    }
}
