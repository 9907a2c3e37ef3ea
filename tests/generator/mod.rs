//! A month of an organization: one export a day, made from the record of a real connector.
//!
//! Every kind of thing happens once that a history has to tell apart: values
//! that change and are restored, a rename, a deletion, a connector made again
//! under its name, a connector that comes and goes, a touch without a
//! difference, and every day the small differences between two reads of an
//! unchanged organization.

use serde_json::{Value, json};

/// The record of a connector of a real organization.
const RECORD: &str = include_str!("../real/inbound-connector-partner-full.json");

/// The organization of the month: the example's.
pub const TENANT_ID: &str = "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01";
/// Its domain.
pub const DOMAIN: &str = "contoso.onmicrosoft.com";
/// 2026-10-01T06:00:00Z
pub const BEGIN: i64 = 1_790_834_400;
/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The ids of the connectors that the month is about.
pub const RELAY: &str = "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01";
/// Deleted, and made again as [`AGAIN`].
pub const PARTNER: &str = "9c2d4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e03";
/// The partner under its old name, with another id.
pub const AGAIN: &str = "9c2d4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e99";
/// Comes and goes.
pub const ROGUE: &str = "e7d6c5b4-a3f2-4e10-9d8c-7b6a5f4e3d13";

/// A time as the service writes it in JSON.
fn date(seconds: i64) -> String {
    format!("/Date({}000)/", seconds)
}

/// A record in the real shape.
pub fn connector(id: &str, name: &str, kind: &str, changed: i64) -> Value {
    let records: Value = serde_json::from_str(RECORD).unwrap();
    let mut record = records[0].clone();
    record["Name"] = json!(name);
    record["Identity"] = json!(name);
    record["Id"] = json!(name);
    record["ConnectorType"] = json!(kind);
    record["ExchangeObjectId"] = json!(id);
    record["Guid"] = json!(id);
    record["OrganizationalUnitRoot"] = json!(DOMAIN);
    for key in ["WhenChanged", "WhenChangedUTC"] {
        record[key] = json!(date(changed));
    }
    for key in ["WhenCreated", "WhenCreatedUTC"] {
        record[key] = json!(date(BEGIN - 400 * DAY));
    }
    record
}

/// An export of these connectors, read completely.
pub fn export(taken_at: i64, connectors: &[Value], domains: &[&str]) -> Value {
    let domains: Vec<Value> = domains
        .iter()
        .map(|domain| json!({ "DomainName": domain, "MatchSubDomains": false }))
        .collect();
    json!({
        "connguard": "export/v1",
        "taken_at": time(taken_at),
        "organization": { "tenant_id": TENANT_ID, "domain": DOMAIN },
        "complete": { "inbound_connectors": true, "accepted_domains": true, "blocked_connectors": true },
        "inbound_connectors": connectors,
        "accepted_domains": domains,
        "blocked_connectors": [],
    })
}

/// Seconds since 1970 as the files write them.
pub fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

/// The exports of the month, the day's number first.
pub fn month() -> Vec<(i64, Value)> {
    (0..30).map(|day| (day, on(day))).collect()
}

/// What there is on a day.
fn on(day: i64) -> Value {
    // Each server of the service gives its own time of the last change.
    let jitter = (day * 7) % 14;
    let at = |since: i64| BEGIN + since * DAY - 3600 + jitter;
    let last = |days: &[i64]| {
        let passed = days.iter().filter(|change| **change <= day).max();
        passed.map_or(at(-90), |change| at(*change))
    };
    let mut connectors = Vec::new();

    // An address comes on day 3 and goes on day 5; the name changes on day 8; off on 15, on again on
    // 16; a certificate from day 20; touched without a difference on 25.
    let name = if day < 8 {
        "Relay from data centre 1"
    } else {
        "Relay Frankfurt"
    };
    let mut relay = connector(RELAY, name, "OnPremises", last(&[3, 5, 8, 15, 16, 20, 25]));
    relay["SenderDomains"] = json!(["smtp:*;1"]);
    relay["SenderIPAddresses"] = match day {
        3 | 4 => json!(["203.0.113.10", "198.51.100.7", "203.0.113.48/28"]),
        // The service's order carries no meaning.
        _ if day % 2 == 0 => json!(["203.0.113.10", "203.0.113.48/28"]),
        _ => json!(["203.0.113.48/28", "203.0.113.10"]),
    };
    relay["Enabled"] = json!(day != 15);
    if day >= 20 {
        relay["TlsSenderCertificateName"] = json!("mail.contoso.com");
    }
    connectors.push(relay);

    // Gone on days 11 and 12, and made again on 13.
    if !(11..13).contains(&day) {
        let (id, created) = if day < 11 {
            (PARTNER, -60)
        } else {
            (AGAIN, 13)
        };
        let mut partner = connector(
            id,
            "Partner Fabrikam",
            "Partner",
            last(&[]).max(at(created)),
        );
        partner["SenderDomains"] = json!(["smtp:*.fabrikam.com;1"]);
        partner["RequireTls"] = json!(day < 27);
        connectors.push(partner);
    }
    if (22..23).contains(&day) {
        let mut rogue = connector(ROGUE, "Relаy Frankfurt", "OnPremises", at(22));
        rogue["SenderDomains"] = json!(["smtp:*;1"]);
        rogue["SenderIPAddresses"] = json!(["192.0.2.0/24"]);
        connectors.push(rogue);
    }
    if day % 3 == 1 {
        connectors.reverse();
    }
    let domains: &[&str] = if day < 18 {
        &["contoso.com", "contoso.onmicrosoft.com"]
    } else {
        &["contoso.com", "contoso.onmicrosoft.com", "contoso.example"]
    };
    export(BEGIN + day * DAY, &connectors, domains)
}
