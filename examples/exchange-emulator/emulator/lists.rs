//! Lists of texts: overwritten as a whole, or edited by adding and removing.

use super::refusal::Refusal;
use serde_json::Value;

/// The mark without which an object is no edit.
const EDIT: &str = "#Exchange.GenericHashTable";

/// What a caller wants of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// This list instead; null and `[]` empty it.
    Replace(Vec<String>),
    /// These entries added, those removed.
    Change {
        /// What to add.
        add: Vec<String>,
        /// What to remove.
        remove: Vec<String>,
    },
}

impl Edit {
    /// Reads a parameter's value.
    pub fn parse(name: &str, value: &Value) -> Result<Self, Refusal> {
        let Value::Object(object) = value else {
            return Ok(Self::Replace(texts(value)));
        };
        if object.get("@odata.type").and_then(Value::as_str) != Some(EDIT) {
            return Err(Refusal::bad_value(
                name,
                "a nested object must be marked as #Exchange.GenericHashTable",
            ));
        }
        let entries = |wanted: &str| {
            let mut members = object.iter();
            members
                .find(|(key, _)| key.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| texts(value))
                .unwrap_or_default()
        };
        let known = |key: &str| {
            ["@odata.type", "add", "remove"].contains(&key.to_ascii_lowercase().as_str())
                || key.ends_with("@odata.type")
        };
        match object.keys().find(|key| !known(key)) {
            Some(key) => Err(Refusal::bad_value(
                name,
                &format!("'{key}' is neither Add nor Remove"),
            )),
            None => Ok(Self::Change {
                add: entries("Add"),
                remove: entries("Remove"),
            }),
        }
    }

    /// As an audit record has it: joined, however its entries look. How an edit is told is a guess.
    pub fn shown(&self) -> String {
        match self {
            Self::Replace(entries) => entries.join(";"),
            Self::Change { add, remove } => {
                let added = add.iter().map(|entry| format!("+{entry}"));
                let removed = remove.iter().map(|entry| format!("-{entry}"));
                added.chain(removed).collect::<Vec<_>>().join(";")
            }
        }
    }

    /// The list after it. `normal` is the form in which entries are kept and compared.
    pub fn apply(&self, before: &[String], normal: fn(&str) -> String) -> Vec<String> {
        let mut list = Vec::new();
        let mut keep = |entry: String| {
            if !contains(&list, &entry) {
                list.push(entry);
            }
        };
        match self {
            Self::Replace(entries) => entries.iter().for_each(|entry| keep(normal(entry))),
            Self::Change { add, remove } => {
                let remove: Vec<_> = remove.iter().map(|entry| normal(entry)).collect();
                let kept = before.iter().filter(|entry| !contains(&remove, entry));
                kept.cloned().for_each(&mut keep);
                add.iter().for_each(|entry| keep(normal(entry)));
            }
        }
        list
    }
}

fn contains(list: &[String], entry: &str) -> bool {
    list.iter()
        .any(|other| other.to_lowercase() == entry.to_lowercase())
}

/// The texts of a value: of an array each, of anything else the one, of null none.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// Which properties of a connector are lists.
pub struct Lists;

impl Lists {
    /// Whether this one is.
    pub fn has(key: &str) -> bool {
        matches!(
            key,
            "SenderIPAddresses"
                | "SenderDomains"
                | "TrustedOrganizations"
                | "ClientHostNames"
                | "AssociatedAcceptedDomains"
                | "ScanAndDropRecipients"
                | "EFSkipIPs"
                | "EFSkipMailGateway"
                | "EFUsers"
                | "ObjectClass"
        )
    }
}

/// A sender domain as the service keeps it: with prefix and cost.
pub fn address_space(text: &str) -> String {
    let bare = match text.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("smtp:") => text.get(5..).unwrap_or_default(),
        _ => text,
    };
    match bare.rsplit_once(';') {
        Some((domain, cost)) if cost.parse::<u32>().is_ok() => {
            format!("smtp:{};{cost}", domain.to_lowercase())
        }
        _ => format!("smtp:{};1", bare.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn after(value: Value) -> Vec<String> {
        let before = ["192.0.2.1".to_owned(), "192.0.2.2".to_owned()];
        Edit::parse("SenderIPAddresses", &value)
            .unwrap()
            .apply(&before, str::to_owned)
    }

    #[test]
    fn arrays_overwrite_and_null_empties() {
        assert_eq!(after(json!(["192.0.2.9", "192.0.2.9"])), ["192.0.2.9"]);
        assert_eq!(after(json!("192.0.2.9")), ["192.0.2.9"]);
        assert!(after(json!([])).is_empty());
        assert!(after(Value::Null).is_empty());
    }

    #[test]
    fn marked_objects_edit() {
        let edit =
            json!({"@odata.type": EDIT, "Add": ["192.0.2.3", "192.0.2.1"], "Remove": "192.0.2.2"});
        assert_eq!(after(edit), ["192.0.2.1", "192.0.2.3"]);
        let unmarked = json!({"Add": ["192.0.2.3"]});
        assert!(Edit::parse("SenderIPAddresses", &unmarked).is_err());
        let unknown = json!({"@odata.type": EDIT, "Replace": ["192.0.2.3"]});
        assert!(Edit::parse("SenderIPAddresses", &unknown).is_err());
    }

    #[test]
    fn domains_get_prefix_and_cost() {
        assert_eq!(address_space("Contoso.com"), "smtp:contoso.com;1");
        assert_eq!(address_space("SMTP:*;5"), "smtp:*;5");
        assert_eq!(address_space("smtp:*.example.com"), "smtp:*.example.com;1");
    }
}
