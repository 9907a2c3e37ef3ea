//! What stands around the connectors: settings and rules that no verdict rests on, and that an attacker changes with them.
//!
//! Kept as evidence. Of each object only names on a list are kept: the service
//! adds and drops others from month to month without a change of anything
//! (reference, section 4.4).

use super::Part;
use crate::canonical;
use serde_json::{Map, Value as Json};

/// The names that are kept of a part's objects.
const fn names(part: Part) -> &'static [&'static str] {
    match part {
        Part::OrganizationSettings => &[
            "AuditDisabled",
            "HybridConfigurationStatus",
            "IsDehydrated",
            "RejectDirectSend",
        ],
        Part::AuditLogSettings => &["AdminAuditLogEnabled", "UnifiedAuditLogIngestionEnabled"],
        Part::TransportRules => &[
            "Actions",
            "BlindCopyTo",
            "Conditions",
            "DeleteMessage",
            "Exceptions",
            "Guid",
            "Mode",
            "Name",
            "Priority",
            "RedirectMessageTo",
            "RemoveHeader",
            "RouteMessageOutboundConnector",
            "SenderIpRanges",
            "SetHeaderName",
            "SetHeaderValue",
            "SetSCL",
            "State",
        ],
        Part::InboundConnectors | Part::AcceptedDomains | Part::BlockedConnectors => &[],
    }
}

/// What is kept of the objects that a cmdlet returned, in an order that carries no meaning.
///
/// # Errors
///
/// What is no object, or settings of which there is not exactly one.
pub fn kept(part: Part, rows: &[Json]) -> Result<Json, String> {
    let objects = rows
        .iter()
        .map(|row| row.as_object().map(|row| chosen(part, row)))
        .collect::<Option<Vec<Json>>>()
        .ok_or("expected objects")?;
    if part == Part::TransportRules {
        let mut rules = objects;
        rules.sort_by_cached_key(canonical::to_string);
        return Ok(Json::Array(rules));
    }
    match <[Json; 1]>::try_from(objects) {
        Ok([settings]) => Ok(settings),
        Err(other) => Err(format!(
            "expected one object of settings, found {}",
            other.len()
        )),
    }
}

fn chosen(part: Part, row: &Map<String, Json>) -> Json {
    let one = |name: &&'static str| {
        let value = row.get(*name)?;
        let empty = match value {
            Json::Null => true,
            Json::String(text) => text.is_empty(),
            Json::Array(items) => items.is_empty(),
            _ => false,
        };
        (!empty).then(|| ((*name).to_owned(), settled(value)))
    };
    Json::Object(names(part).iter().filter_map(one).collect())
}

/// Lists in an order of their own: the service's carries no meaning, but for headers none is a sequence.
fn settled(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            let mut items = items.clone();
            items.sort_by_cached_key(Json::to_string);
            Json::Array(items)
        }
        other => other.clone(),
    }
}

/// The entries of a part by a name that tells them apart, for comparing.
pub fn entries(value: &Json) -> Vec<(String, &Json)> {
    match value {
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Json::Array(rules) => rules
            .iter()
            .map(|rule| {
                let text = |name: &str| rule.get(name).and_then(Json::as_str).unwrap_or_default();
                (format!("{} {}", text("Guid"), text("Name")), rule)
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn two_reads_of_the_same_rules_are_the_same() {
        let one = json!([{ "Name": "b", "Guid": "2", "RunspaceId": "x", "Conditions": ["z", "a"], "SetSCL": null }, { "Name": "a", "Guid": "1" }]);
        let other = json!([{ "Guid": "1", "Name": "a", "New": 1 }, { "Name": "b", "Guid": "2", "Conditions": ["a", "z"] }]);
        let rows = |value: &Json| value.as_array().cloned().unwrap_or_default();
        let kept = |value: &Json| super::kept(Part::TransportRules, &rows(value));
        assert_eq!(kept(&one), kept(&other));
        assert!(super::kept(Part::AuditLogSettings, &[]).is_err());
        assert!(super::kept(Part::TransportRules, &[json!(1)]).is_err());
    }
}
