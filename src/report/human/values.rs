//! Values before and after, a line each, for the difference between them.

use crate::finding::excerpt;
use crate::hostile_text::visible;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Writes a value, or each member of an object of settings, one element a line.
pub(super) fn list_values(text: &mut String, property: Option<&str>, value: Option<&Value>) {
    match (property, value) {
        (_, None) => {}
        (Some(property), Some(value)) => list_value(text, property, value),
        (None, Some(Value::Object(members))) => list_members(text, members),
        (None, Some(value)) => list_value(text, "", value),
    }
}

fn list_members(text: &mut String, members: &Map<String, Value>) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by(|one, two| one.0.cmp(two.0));
    // Of a whole connector only what is on or filled in: the rest is noise at this hour.
    for (name, value) in members
        .into_iter()
        .filter(|(_, value)| **value != Value::Bool(false))
    {
        list_value(text, name, value);
    }
}

fn list_value(text: &mut String, name: &str, value: &Value) {
    let name = visible(name);
    let label = if name.is_empty() {
        String::new()
    } else {
        format!("{name}: ")
    };
    match value {
        Value::Array(items) if items.is_empty() => {
            let _ = writeln!(text, "{label}(empty)");
        }
        Value::Array(items) => {
            let _ = writeln!(text, "{name}:");
            for item in items {
                let _ = writeln!(text, "  {}", scalar(item));
            }
        }
        other => {
            let _ = writeln!(text, "{label}{}", scalar(other));
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => visible(&excerpt(text)),
        Value::Null => "(empty)".to_owned(),
        other => visible(&excerpt(&other.to_string())),
    }
}
