//! The aggregate as a service counted it, where the mail is: the answer of a hunting query, hour by hour and
//! connector by connector.

use super::{Cell, Routes, Traffic};
use crate::evidence::date::Clock;
use crate::evidence::trace::Reject;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The columns of the aggregate, which every query that counts mail returns.
pub const ROW_SCHEMA: [&str; 14] = [
    "Hour",
    "Connector",
    "Mails",
    "Fates",
    "Filtered",
    "Failed",
    "Headers",
    "Mismatched",
    "Senders",
    "Unprovisioned",
    "Addresses",
    "Outside",
    "External",
    "FirstContacts",
];

/// Whether a row of these keys is one of the aggregate.
pub fn is_aggregate(keys: &[String]) -> bool {
    ["Hour", "Connector", "Mails"]
        .iter()
        .all(|name| keys.iter().any(|key| key == name))
}

/// Mail of one hour and connector, as a query that counts it returns it.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Row {
    /// The beginning of the hour, UTC.
    hour: String,
    /// The connector's name, as `EmailEvents` has it; empty for outbound mail of none.
    connector: Option<String>,
    /// Mails, one for each recipient.
    mails: u64,
    #[serde(default)]
    fates: u64,
    #[serde(default)]
    filtered: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    headers: u64,
    #[serde(default)]
    mismatched: u64,
    #[serde(default)]
    senders: u64,
    #[serde(default)]
    unprovisioned: u64,
    #[serde(default)]
    addresses: u64,
    #[serde(default)]
    outside: u64,
    #[serde(default)]
    external: u64,
    #[serde(default)]
    first_contacts: u64,
}

/// Adds a row of an answer.
///
/// # Errors
///
/// Why the row is not counted.
pub fn read(
    row: &[u8],
    clock: &mut Clock,
    routes: &Routes,
    traffic: &mut Traffic,
) -> Result<i64, Reject> {
    let row: Row = serde_json::from_slice(row).map_err(|_| Reject::Malformed)?;
    // No hour of any organization has so many mails.
    if row.mails > 1 << 40 {
        return Err(Reject::Malformed);
    }
    let seconds = clock.seconds(row.hour.as_bytes()).ok_or(Reject::Time)?;
    let hour = seconds.div_euclid(3600);
    let name = row.connector.unwrap_or_default();
    let other = routes.routes.len();
    let mut names = name
        .split([';', ','])
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let route = names.find_map(|name| routes.named(name)).unwrap_or(other);
    // Mail inside the organization of a connector that nobody knows is no mail of one that is looked for.
    let counts = route != other || row.external > 0 || name.is_empty();
    if traffic.hours.len() <= other {
        traffic.hours.resize(other + 1, BTreeMap::new());
    }
    let cell = Cell {
        mails: row.mails,
        fates: row.fates,
        filtered: row.filtered,
        failed: row.failed,
        headers: row.headers,
        mismatched: row.mismatched,
        senders: row.senders,
        unprovisioned: row.unprovisioned,
        addresses: row.addresses,
        outside: row.outside,
        external: row.external,
        first_contacts: row.first_contacts,
    };
    let window = traffic.window.get_or_insert((hour, hour));
    *window = (window.0.min(hour), window.1.max(hour));
    traffic.days.insert(hour.div_euclid(24));
    traffic.rows = traffic.rows.saturating_add(row.mails);
    traffic.recipients_followed = 1;
    traffic.names_connectors |= route != other;
    traffic.told_connectors = traffic.told_connectors.saturating_add(row.mails);
    traffic.knows_fates |= row.fates > 0;
    traffic.knows_headers |= row.headers > 0;
    traffic.knows_recipients |= row.external > 0;
    if let Some(hours) = traffic.hours.get_mut(route).filter(|_| counts) {
        hours.entry(hour).or_default().add(&cell);
    }
    Ok(seconds)
}

/// The JSON Schema of a row.
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(Row)).unwrap_or_default()
}
