//! An audit record as Microsoft Graph tells it: an envelope, and within it the AuditData with types at its side.

use super::{
    clock,
    record::{Record, text},
    vocabulary,
};
use serde_json::{Value, json};

const DATA: &str = "microsoft.graph.security.defaultAuditData";

/// The record of an AuditData. What is no object has an envelope all the same.
pub fn envelope(data: &Value) -> Value {
    let empty = Record::default();
    let given = data.as_object().unwrap_or(&empty);
    let number = |key: &str| given.get(key).and_then(Value::as_u64);
    let created = text(given, "CreationTime").and_then(clock::parse_utc);
    let created = created.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let inner = match data {
        Value::Object(data) => {
            let mut inner = typed(data);
            inner
                .entry("@odata.type")
                .or_insert_with(|| format!("#{DATA}").into());
            inner.into()
        }
        other => other.clone(),
    };
    json!({
        "id": text(given, "Id"), "createdDateTime": created,
        "auditLogRecordType": number("RecordType").map(vocabulary::record_type_name),
        "operation": text(given, "Operation"), "organizationId": text(given, "OrganizationId"),
        "userType": number("UserType").map(vocabulary::user_type_name),
        // Crossed, as measured: this id is the key, and the name is the id.
        "userId": text(given, "UserKey"), "userPrincipalName": text(given, "UserId"),
        "service": text(given, "Workload"), "objectId": text(given, "ObjectId"),
        // It was null where the data had an address.
        "clientIp": null,
        "administrativeUnits": [""], "auditData": inner,
    })
}

/// An object with a type beside everything that is not text, a flag or null.
fn typed(object: &Record) -> Record {
    let mut typed = Record::default();
    for (key, value) in object {
        if let Some(kind) = kind(value).filter(|_| !key.contains('@')) {
            typed.insert(format!("{key}@odata.type"), kind.into());
        }
        typed.insert(key.clone(), within(value));
    }
    typed
}

fn within(value: &Value) -> Value {
    match value {
        Value::Object(object) => typed(object).into(),
        Value::Array(values) => values.iter().map(within).collect(),
        other => other.clone(),
    }
}

fn kind(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.is_f64() => Some("#Double".to_owned()),
        Value::Number(_) => Some("#Int64".to_owned()),
        Value::Array(values) if values.first().is_some_and(Value::is_string) => {
            Some("#Collection(String)".to_owned())
        }
        Value::Array(_) => Some(format!("#Collection({DATA})")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_crossed_and_typed() {
        let record = envelope(&json!({
            "CreationTime": "2021-04-16T12:08:47", "Id": "i", "Operation": "New-TransportRule", "RecordType": 1,
            "UserKey": "1003", "UserId": "a@contoso.com", "UserType": 2, "ClientIP": "192.0.2.1:1",
            "Parameters": [{"Name": "Priority", "Value": "1", "Rank": 1}], "Empty": [], "Texts": ["a"],
        }));
        assert_eq!(record["createdDateTime"], "2021-04-16T12:08:47Z");
        assert_eq!(record["auditLogRecordType"], "ExchangeAdmin");
        assert_eq!(
            (&record["userId"], &record["userPrincipalName"]),
            (&json!("1003"), &json!("a@contoso.com"))
        );
        assert_eq!(
            (&record["userType"], &record["clientIp"]),
            (&json!("Admin"), &Value::Null)
        );
        let data = &record["auditData"];
        assert_eq!(data["@odata.type"], format!("#{DATA}"));
        assert_eq!(data["CreationTime"], "2021-04-16T12:08:47");
        assert_eq!(data["RecordType@odata.type"], "#Int64");
        assert_eq!(
            data["Parameters@odata.type"],
            format!("#Collection({DATA})")
        );
        assert_eq!(data["Parameters"][0]["Rank@odata.type"], "#Int64");
        assert_eq!(data["Texts@odata.type"], "#Collection(String)");
    }

    #[test]
    fn what_is_cut_off_has_an_envelope() {
        let record = envelope(&json!("{\"CreationTime\":\"2021"));
        assert_eq!(record["auditData"], "{\"CreationTime\":\"2021");
        assert_eq!(record["id"], Value::Null);
        assert_eq!(envelope(&json!({}))["createdDateTime"], Value::Null);
    }
}
