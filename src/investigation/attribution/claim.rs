//! What an audit record claims: the values that somebody sent.
//!
//! The log writes every value as text and joins lists with `;`, which also
//! stands inside the wire form of sender domains (reference, section 4.6).

use crate::caseless;
use crate::connector::property::{Kind, Property};
use crate::connector::value::{Raw, Value};
use crate::evidence::audit::AuditRecord;

/// The settings that a record names, with their values in normal form; `None` where the value is no value but, for
/// example, an edit of a list.
pub fn claims(record: &AuditRecord) -> Vec<(Property, Option<Value>)> {
    record
        .parameters
        .iter()
        .filter_map(|(name, text)| {
            let property = Property::named(name.trim_start_matches('-'))?;
            (property.is_setting() || property == Property::Name).then_some(())?;
            Some((property, value(property, text)))
        })
        .collect()
}

/// A value as the log wrote it; `None` where it is no value of the property.
fn value(property: Property, text: &str) -> Option<Value> {
    let text = text.trim();
    // `@{Add=…}` and `+…` change a list: what it was before is not in the log.
    let edits = text.starts_with("@{")
        || text
            .split(';')
            .any(|item| item.trim_start().starts_with(['+', '-']));
    if property.kind().is_list() && edits {
        return None;
    }
    let empty = text.is_empty() || text.eq_ignore_ascii_case("$null");
    let raw = match property.kind() {
        _ if empty => Raw::Null,
        Kind::Boolean => match text.trim_start_matches('$').to_ascii_lowercase().as_str() {
            "true" | "1" => Raw::Boolean(true),
            "false" | "0" => Raw::Boolean(false),
            _ => return None,
        },
        kind if kind.is_list() => {
            let items = match kind {
                Kind::Domains => domains(text),
                _ => text
                    .split([';', ','])
                    .map(str::trim)
                    .map(str::to_owned)
                    .collect(),
            };
            Raw::List(
                items
                    .into_iter()
                    .filter(|item| !item.is_empty())
                    .map(Raw::Text)
                    .collect(),
            )
        }
        _ => Raw::Text(text.to_owned()),
    };
    Value::read(property, &raw).ok().flatten()
}

/// What an edit of a list adds: `@{Add='a','b'}`, `+a;-b`. Empty where it adds nothing; `None` where that cannot be told.
pub fn adds(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let clean = |item: &str| {
        let item = item
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '(' | ')' | '@'));
        item.to_owned()
    };
    if let Some(inner) = text
        .strip_prefix("@{")
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let mut added = Vec::new();
        for part in inner.split(';') {
            let (verb, items) = part.split_once('=')?;
            match verb.trim().to_ascii_lowercase().as_str() {
                "add" => added.extend(items.split(',').map(clean).filter(|item| !item.is_empty())),
                "remove" => {}
                _ => return None,
            }
        }
        return Some(added);
    }
    let items = text
        .split(';')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .filter(|item| !item.starts_with('-'))
        .map(|item| item.strip_prefix('+').map(clean))
        .collect()
}

/// Sender domains, plain or in wire form: a number behind a `;` is the cost of the domain before it.
fn domains(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text
        .split([';', ','])
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let is_cost = part.bytes().all(|byte| byte.is_ascii_digit());
        match found.last_mut() {
            Some(last) if is_cost && !last.contains(';') => {
                last.push(';');
                last.push_str(part);
            }
            _ => found.push(part.to_owned()),
        }
    }
    found
}

/// What a record names as its object: the id, name or path of `Identity` and `ObjectId`, or the `Name` of what is new,
/// in lower case: first as written, as a name may hold slashes, then what stands at the end of a path.
pub fn named(record: &AuditRecord) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in [
        record.parameter("Identity").unwrap_or_default(),
        &record.object,
        match record.is_new() {
            true => record.parameter("Name").unwrap_or_default(),
            false => "",
        },
    ] {
        let text = caseless::lower(text.trim().trim_matches(['{', '}']));
        let text = text.trim_end_matches(['\\', '/']).to_owned();
        if text.is_empty() {
            continue;
        }
        let last = end_of_path(&text).unwrap_or_default().to_owned();
        for name in [text, last] {
            if !name.is_empty() && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// The name at the end of `<forest>/Microsoft Exchange Hosted Organizations/<tenant>/<name>` or `<domain>\<name>`.
/// A name may hold slashes itself: only what certainly leads to it is cut off.
pub fn end_of_path(text: &str) -> Option<&str> {
    const HOSTED: &str = "hosted organizations/";
    let lower = text.to_ascii_lowercase();
    // A distinguished name: `CN=Relay,CN=Transport Settings,…`
    if lower.starts_with("cn=") {
        let name = text.get(3..)?;
        let end = name.to_ascii_lowercase().find(",cn=").unwrap_or(name.len());
        return name.get(..end);
    }
    if let Some(at) = lower.find(HOSTED) {
        let rest = text.get(at + HOSTED.len()..)?;
        return rest.split_once(['/', '\\']).map(|(_, name)| name.trim());
    }
    let (domain, name) = text.split_once(['\\', '/'])?;
    let is_domain = domain.contains('.') && !domain.contains(char::is_whitespace);
    is_domain.then(|| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_are_split_where_values_end() {
        for (text, expected) in [
            ("smtp:*;1", vec!["smtp:*;1"]),
            (
                "smtp:contoso.com;1;smtp:*.fabrikam.com;5",
                vec!["smtp:contoso.com;1", "smtp:*.fabrikam.com;5"],
            ),
            (
                "contoso.com;fabrikam.com",
                vec!["contoso.com", "fabrikam.com"],
            ),
            (
                "contoso.com;10;fabrikam.com",
                vec!["contoso.com;10", "fabrikam.com"],
            ),
        ] {
            assert_eq!(domains(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_with_slashes_is_a_name() {
        for (text, name) in [
            (
                "EURPR07A010.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/a/b",
                Some("a/b"),
            ),
            (
                "EURPR07A010.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com\\Relay",
                Some("Relay"),
            ),
            ("contoso.onmicrosoft.com\\Relay", Some("Relay")),
            ("evil/SMTP relay", None),
            ("</b>", None),
            ("Relay", None),
        ] {
            assert_eq!(end_of_path(text), name, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_sent_is_what_is_claimed(addresses in prop::collection::vec("203\\.0\\.113\\.[1-9][0-9]", 0..6)) {
            let texts: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let sent = Value::read(Property::SenderIPAddresses, &Raw::List(addresses.iter().cloned().map(Raw::Text).collect()));
            prop_assert_eq!(value(Property::SenderIPAddresses, &texts.join(";")), sent.ok().flatten());
        }
    }
}
