//! Rows as the admin API shows them: typed by side keys, and never twice the same.

use super::{
    chance::Dice,
    clock::seven_digits,
    fault::Kind,
    record::{ORDER, Record},
    tenant::{Records, time},
    trace::COLUMNS,
};
use serde_json::Value;
use std::fmt::Write;

/// The text of the warning that rows are missing.
pub const MORE: &str = "There are more results available than are currently displayed. To view them, increase the value for the ResultSize parameter.";

/// One page of rows.
pub struct Page {
    /// What `@odata.context` says.
    pub context: String,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Where the next page is.
    pub next: Option<String>,
    /// The rows.
    pub rows: Vec<Record>,
}

impl Page {
    /// Its JSON, spoiled by a fault if there is one.
    pub fn render(mut self, fault: Option<Kind>) -> String {
        self.spoil(fault);
        let mut json = String::with_capacity(2048 * (self.rows.len() + 1));
        let _ = write!(
            json,
            "{{\"@odata.context\":{},\"adminapi.warnings@odata.type\":\"#Collection(String)\",\"@adminapi.warnings\":{}",
            Value::from(self.context),
            Value::from(self.warnings),
        );
        if let Some(next) = self.next {
            let _ = write!(json, ",\"@odata.nextLink\":{}", Value::from(next));
        }
        match fault {
            Some(Kind::NoValue) => {}
            Some(Kind::NullValue) => json.push_str(",\"value\":null"),
            Some(Kind::NullRows) => json.push_str(",\"value\":[null]"),
            _ => {
                json.push_str(",\"value\":[");
                for (number, row) in self.rows.iter().enumerate() {
                    json.push_str(if number == 0 { "" } else { "," });
                    write_row(&mut json, row);
                }
                json.push(']');
            }
        }
        json.push('}');
        json
    }

    fn spoil(&mut self, fault: Option<Kind>) {
        match fault {
            Some(Kind::Warning) => {
                self.rows.truncate(self.rows.len() / 2);
                self.warnings.push(MORE.to_owned());
            }
            Some(Kind::NextPage) => {
                self.rows.truncate(self.rows.len() / 2);
                let base = self.context.split("/$metadata").next().unwrap_or_default();
                self.next = Some(format!("{base}/InvokeCommand?%24skiptoken=expired"));
            }
            Some(Kind::DuplicateRow) => self.rows.extend(self.rows.first().cloned()),
            Some(Kind::OtherTenant) => self.rows.iter_mut().for_each(move_away),
            _ => {}
        }
    }
}

/// Makes a row say that it is another organization's.
fn move_away(row: &mut Record) {
    const OTHER: &str = "example.onmicrosoft.com";
    for (key, value) in row {
        if key.starts_with("OrganizationalUnitRoot") {
            *value = OTHER.into();
        } else if key == "OrganizationId" {
            *value = format!("EURP201A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/{OTHER} - EURP201A001.PROD.OUTLOOK.COM/ConfigurationUnits/{OTHER}/Configuration").into();
        }
    }
}

/// The rows of one read, in an order of their own; those from `offset` on, at most so many.
pub fn rows(records: &Records, dice: &mut Dice, range: std::ops::Range<usize>) -> Vec<Record> {
    let mut records: Vec<_> = records.iter().collect();
    dice.shuffle(&mut records);
    let server = dice.below(9) + 1;
    records
        .into_iter()
        .take(range.end)
        .skip(range.start)
        .map(|record| seen(record, server, dice))
        .collect()
}

/// The rows of a read that has an order, at most so many.
pub fn ordered(records: &Records, size: usize) -> Vec<Record> {
    let records = records.iter().take(size);
    records.map(|record| record.as_ref().clone()).collect()
}

/// A record as one domain controller tells it at one time.
fn seen(record: &Record, server: usize, dice: &mut Dice) -> Record {
    let mut row = record.clone();
    let late = i64::try_from(dice.below(7)).unwrap_or(0);
    for (key, value) in &mut row {
        match value {
            Value::Array(entries) if key != "ObjectClass" => dice.shuffle(entries),
            Value::String(name) if key == "OriginatingServer" => {
                if let Some((host, forest)) = name.split_once('.') {
                    let site = host.get(..host.len().saturating_sub(3)).unwrap_or(host);
                    *name = format!("{site}{server:03}.{forest}");
                }
            }
            _ => {}
        }
        if is_date(key)
            && let Some(when) = time(record, key)
        {
            let late = if key.starts_with("WhenChanged") {
                late
            } else {
                0
            };
            let when = when
                .checked_add(jiff::SignedDuration::from_secs(late))
                .unwrap_or(when);
            let zone = if key.ends_with("UTC") || !key.starts_with("When") {
                "Z"
            } else {
                "+00:00"
            };
            *value = seven_digits(when, zone).into();
        }
    }
    row
}

fn is_date(key: &str) -> bool {
    key.starts_with("When") || key.ends_with("Time") || key == "Received"
}

/// Writes a row: known keys in the service's order, each after its side keys, then the others.
fn write_row(json: &mut String, row: &Record) {
    json.push('{');
    let known = || ORDER.iter().chain(COLUMNS);
    let others = row
        .iter()
        .filter(|(key, _)| !known().any(|known| known == key));
    let known = known().filter_map(|key| row.get_key_value(*key));
    for (number, (key, value)) in known.chain(others).enumerate() {
        json.push_str(if number == 0 { "" } else { "," });
        for (side, kind) in side_keys(key, value) {
            let _ = write!(json, "{}:\"{kind}\",", Value::from(format!("{key}@{side}")));
        }
        let _ = write!(json, "{}:{value}", Value::from(key.as_str()));
    }
    json.push('}');
}

fn side_keys(key: &str, value: &Value) -> &'static [(&'static str, &'static str)] {
    match value {
        Value::Array(_) => &[("odata.type", "#Collection(String)")],
        Value::Number(_) => &[("data.type", "System.Int32")],
        Value::String(_) if is_date(key) => &[("data.type", "System.DateTime")],
        Value::String(_) if matches!(key, "Guid" | "ExchangeObjectId" | "NameHashGuid") => {
            &[("data.type", "System.Guid"), ("odata.type", "#Guid")]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn page() -> Page {
        let record = json!({"Name": "a", "Enabled": true, "SenderDomains": ["smtp:*;1"], "Guid": "g",
            "Extra": 1, "WhenCreatedUTC": "2026-03-03T01:15:12Z", "OrganizationalUnitRoot": "contoso.onmicrosoft.com"});
        let record = Arc::new(record.as_object().unwrap().clone());
        let records = vec![Arc::clone(&record), record];
        Page {
            context: "http://127.0.0.1/adminapi/beta/t/$metadata#x".to_owned(),
            warnings: Vec::new(),
            next: None,
            rows: rows(&records, &mut Dice::new(1), 0..2),
        }
    }

    #[test]
    fn side_keys_come_before_their_keys_and_keys_in_the_services_order() {
        let json = page().render(None);
        let first = r##"{"Enabled":true,"SenderDomains@odata.type":"#Collection(String)","SenderDomains":["smtp:*;1"],"Name":"a","WhenCreatedUTC@data.type":"System.DateTime","WhenCreatedUTC":"2026-03-03T01:15:12.0000000Z","##;
        assert!(json.contains(first), "{json}");
        let side = r##""Guid@data.type":"System.Guid","Guid@odata.type":"#Guid","Guid":"g""##;
        assert!(json.contains(side), "{json}");
        assert!(json.contains(r#""Extra@data.type":"System.Int32","Extra":1"#));
    }

    #[test]
    fn faults_spoil_pages() {
        let spoiled =
            |fault| -> Value { serde_json::from_str(&page().render(Some(fault))).unwrap() };
        assert_eq!(spoiled(Kind::NullRows)["value"], json!([null]));
        assert!(spoiled(Kind::NoValue).get("value").is_none());
        assert_eq!(
            spoiled(Kind::DuplicateRow)["value"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
        let half = spoiled(Kind::Warning);
        assert_eq!(half["value"].as_array().unwrap().len(), 1);
        assert_eq!(half["@adminapi.warnings"][0], MORE);
        let link = spoiled(Kind::NextPage)["@odata.nextLink"].clone();
        assert_eq!(
            link,
            "http://127.0.0.1/adminapi/beta/t/InvokeCommand?%24skiptoken=expired"
        );
        assert_eq!(
            spoiled(Kind::OtherTenant)["value"][0]["OrganizationalUnitRoot"],
            "example.onmicrosoft.com"
        );
    }
}
