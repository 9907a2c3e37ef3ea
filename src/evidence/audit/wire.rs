//! `AuditData`, as every form of the log carries it.

use super::Topic;
use super::record::{Alert, AuditRecord, Modified, UserType};
use crate::caseless;
use crate::evidence::date::Clock;
use crate::evidence::traffic::address;
use crate::finding::Location;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// As much of a record as tells whether it is worth more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Glance<'a> {
    #[serde(borrow)]
    pub creation_time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub operation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub record_type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub user_type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub organization_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub external_access: Option<&'a RawValue>,
}

/// A text in JSON, without its quotes and escapes.
pub(super) fn plain(raw: Option<&RawValue>) -> Cow<'_, str> {
    let raw = raw.map_or("", RawValue::get);
    match raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
        Some(_) => Cow::Owned(serde_json::from_str(raw).unwrap_or_default()),
        None => Cow::Borrowed(raw),
    }
}

/// Reads a record that is worth it.
pub(super) fn read(text: &str, clock: &mut Clock, place: Location) -> Option<AuditRecord> {
    let data: Json = serde_json::from_str(text).ok()?;
    of(&data, clock, place)
}

/// A record of an `AuditData` that was read.
pub(super) fn of(data: &Json, clock: &mut Clock, place: Location) -> Option<AuditRecord> {
    let text = |name: &str| match data.get(name) {
        Some(Json::String(text)) => text.trim().to_owned(),
        Some(Json::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let first = |names: &[&str]| {
        let mut texts = names.iter().map(|name| text(name));
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let seconds = clock.seconds(text("CreationTime").as_bytes())?;
    let operation = text("Operation");
    let topic = Topic::of(&operation);
    Some(AuditRecord {
        id: text("Id").to_ascii_lowercase(),
        time: Timestamp::from_second(seconds).ok()?,
        topic,
        user: first(&["UserId", "UserKey"]),
        user_type: UserType::of(&text("UserType")),
        client_ip: address(&first(&["ClientIP", "ClientIPAddress", "ActorIpAddress"])),
        app_id: application(&first(&["AppId", "ApplicationId", "ClientAppId"])),
        session: text("SessionId"),
        object: text("ObjectId"),
        external: data
            .get("ExternalAccess")
            .and_then(Json::as_bool)
            .unwrap_or(false),
        succeeded: !matches!(
            text("ResultStatus").to_ascii_lowercase().as_str(),
            "false" | "failed" | "failure"
        ),
        parameters: parameters(data.get("Parameters")),
        modified: modified(data.get("ModifiedProperties")),
        targets: targets(data),
        alert: (topic == Topic::Alert).then(|| alert(data)),
        cut_off: false,
        operation,
        place,
    })
}

fn application(id: &str) -> String {
    let id = caseless::lower(id.trim_matches(['{', '}']));
    if id.chars().all(|c| matches!(c, '0' | '-')) {
        String::new()
    } else {
        id
    }
}

/// `Parameters`: an array of names and values, or, by some collectors, all of it as one text.
fn parameters(value: Option<&Json>) -> Vec<(String, String)> {
    let parsed;
    let list = match value {
        Some(Json::String(text)) => {
            let Ok(inner) = serde_json::from_str::<Json>(text) else {
                return spoken(text);
            };
            parsed = inner;
            &parsed
        }
        Some(list) => list,
        None => return Vec::new(),
    };
    let shown = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            items.join(";")
        }
        other => other.to_string(),
    };
    match list {
        Json::Array(items) => items
            .iter()
            .filter_map(|item| {
                let name = item.get("Name")?.as_str()?.to_owned();
                Some((name, item.get("Value").map(shown).unwrap_or_default()))
            })
            .collect(),
        Json::Object(members) => {
            let members = members.iter().filter(|(name, _)| !name.contains('@'));
            members
                .map(|(name, value)| (name.clone(), shown(value)))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// `-Name "value" -Other "value"`, and `Name: value; Name: value` or `Name=value`: what collectors make of them.
fn spoken(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if text.trim_start().starts_with('-') {
        let mut rest = text.trim();
        while let Some(after) = rest.strip_prefix('-') {
            let (name, value) = after.split_once([' ', ':']).unwrap_or((after, ""));
            let value = value.trim_start();
            let (value, next) = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inner = value.get(1..).unwrap_or_default();
                    inner.split_once(quote).unwrap_or((inner, ""))
                }
                // The dash belongs to the next name.
                _ => value
                    .find(" -")
                    .and_then(|end| value.split_at_checked(end))
                    .unwrap_or((value, "")),
            };
            found.push((name.to_owned(), value.to_owned()));
            rest = next.trim_start();
        }
        return found;
    }
    for part in text.split([';', '\n']) {
        if let Some((name, value)) = part.split_once([':', '=']) {
            found.push((
                name.trim().to_owned(),
                value.trim().trim_matches('"').to_owned(),
            ));
        }
    }
    found
}

fn modified(value: Option<&Json>) -> Vec<Modified> {
    let items = value
        .and_then(Json::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let text = |item: &Json, name: &str| match item.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    items
        .iter()
        .map(|item| Modified {
            name: text(item, "Name"),
            old: text(item, "OldValue"),
            new: text(item, "NewValue"),
        })
        .collect()
}

/// `Target` and `ExtendedProperties` of a directory operation: ids and names of what it was done to.
fn targets(data: &Json) -> Vec<String> {
    let mut found = Vec::new();
    for (list, member) in [("Target", "ID"), ("ExtendedProperties", "Value")] {
        let items = data.get(list).and_then(Json::as_array);
        for item in items.map(Vec::as_slice).unwrap_or_default() {
            if let Some(text) = item.get(member).and_then(Json::as_str) {
                found.push(text.to_owned());
            }
        }
    }
    found
}

/// What an alert is about: its `Data` is JSON in a text, whose `op` is the policy's operation.
fn alert(data: &Json) -> Alert {
    let text = |name: &str| {
        data.get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let inner: Json = serde_json::from_str(&text("Data")).unwrap_or(Json::Null);
    let said = |name: &str| {
        inner
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    // Its object is what it is about, or the alert itself.
    let object = text("ObjectId");
    let object = match [text("AlertId"), text("Id")].contains(&object) {
        true => String::new(),
        false => object,
    };
    let entity = [text("AlertEntityId"), said("eid"), said("f3u"), object];
    Alert {
        name: text("Name"),
        operation: said("op"),
        entity: entity
            .into_iter()
            .find(|own| !own.is_empty())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_a_part_of_its_own_name_ends_where_it_ends() {
        let spoken = Json::String("-Identity Id -Enabled True".to_owned());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parameters(Some(&spoken)),
            [pair("Identity", "Id"), pair("Enabled", "True")]
        );
    }

    #[test]
    fn parameters_are_the_same_in_every_form() {
        let expected = vec![
            ("Name".to_owned(), "Ran_abcde".to_owned()),
            (
                "SenderIPAddresses".to_owned(),
                "192.0.2.1;192.0.2.2".to_owned(),
            ),
        ];
        let array = r#"[{"Name":"Name","Value":"Ran_abcde"},{"Name":"SenderIPAddresses","Value":"192.0.2.1;192.0.2.2"}]"#;
        for value in [
            serde_json::from_str(array).unwrap(),
            Json::String(array.to_owned()),
            serde_json::json!({ "Name": "Ran_abcde", "SenderIPAddresses": ["192.0.2.1", "192.0.2.2"] }),
            Json::String(
                r#"-Name "Ran_abcde" -SenderIPAddresses "192.0.2.1;192.0.2.2""#.to_owned(),
            ),
            Json::String("-Name Ran_abcde -SenderIPAddresses 192.0.2.1;192.0.2.2".to_owned()),
        ] {
            assert_eq!(parameters(Some(&value)), expected, "{value}");
        }
    }
}
