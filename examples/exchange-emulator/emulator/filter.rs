//! What an audit query asks for.

use super::{
    clock,
    lists::texts,
    problem::Problem,
    record::{Record, text},
    vocabulary,
};
use jiff::Timestamp;
use serde_json::Value;

/// The properties of a query that are lists of texts.
const LISTS: &[&str] = &[
    "recordTypeFilters",
    "operationFilters",
    "userPrincipalNameFilters",
    "ipAddressFilters",
    "objectIdFilters",
    "serviceFilters",
    "administrativeUnitIdFilters",
];
/// The others.
const TEXTS: &[&str] = &[
    "displayName",
    "filterStartDateTime",
    "filterEndDateTime",
    "keywordFilter",
    "serviceFilter",
];

/// The filters of a query. Each has to let a record through; an empty one lets all through.
#[derive(Debug, Default)]
pub struct Filter {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    types: Vec<u64>,
    operations: Vec<String>,
    users: Vec<String>,
    addresses: Vec<String>,
    objects: Vec<String>,
    services: Vec<String>,
    keyword: String,
}

impl Filter {
    /// Reads a query's body.
    pub fn parse(body: &Value) -> Result<Self, Problem> {
        let Value::Object(body) = body else {
            return Err(Problem::bad("The body is not a JSON object."));
        };
        for (key, value) in body.iter().filter(|(key, _)| !key.contains('@')) {
            check(key, value)?;
        }
        let list = |key: &str| lower(body.get(key));
        let mut types = Vec::new();
        for name in body.get("recordTypeFilters").map(texts).unwrap_or_default() {
            let number = vocabulary::record_type(&name);
            types.push(number.ok_or_else(|| {
                let text = format!("Requested value '{name}' was not found in auditLogRecordType.");
                Problem::bad(text)
            })?);
        }
        let (start, end) = (
            time(body, "filterStartDateTime")?,
            time(body, "filterEndDateTime")?,
        );
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(Problem::bad(
                "filterStartDateTime is after filterEndDateTime.",
            ));
        }
        let mut services = list("serviceFilters");
        services.extend(list("serviceFilter"));
        Ok(Self {
            start,
            end,
            types,
            operations: list("operationFilters"),
            users: list("userPrincipalNameFilters"),
            addresses: list("ipAddressFilters"),
            objects: list("objectIdFilters"),
            services,
            keyword: list("keywordFilter").concat(),
        })
    }

    /// Whether an AuditData is let through. The end does not belong to the time that is asked for.
    pub fn lets_through(&self, data: &Value) -> bool {
        let empty = Record::default();
        let data = data.as_object().unwrap_or(&empty);
        let time = text(data, "CreationTime").and_then(clock::parse_utc);
        let in_time = time.is_none_or(|time| {
            self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time < end)
        });
        let kind = data.get("RecordType").and_then(Value::as_u64);
        let one_of = |wanted: &[String], key: &str| {
            wanted.is_empty()
                || text(data, key).is_some_and(|value| wanted.contains(&value.to_lowercase()))
        };
        let address = text(data, "ClientIP").map(without_port);
        in_time
            && (self.types.is_empty() || kind.is_some_and(|kind| self.types.contains(&kind)))
            && one_of(&self.operations, "Operation")
            && one_of(&self.users, "UserId")
            && one_of(&self.objects, "ObjectId")
            && one_of(&self.services, "Workload")
            && (self.addresses.is_empty()
                || address.is_some_and(|it| self.addresses.contains(&it.to_lowercase())))
            && (self.keyword.is_empty() || mentions(data, &self.keyword))
    }
}

/// Whether a text in lower case occurs anywhere in a record.
fn mentions(data: &Record, keyword: &str) -> bool {
    let text = Value::Object(data.clone()).to_string();
    text.to_lowercase().contains(keyword)
}

/// The properties of a query as an answer shows them: those not given are empty.
pub fn shown(body: &Value) -> Record {
    let given = |key: &str| body.get(key).filter(|value| !value.is_null()).cloned();
    let mut shown = Record::default();
    for key in TEXTS.iter().filter(|key| **key != "serviceFilter") {
        shown.insert((*key).to_owned(), given(key).unwrap_or_default());
    }
    for key in LISTS {
        let list = given(key).unwrap_or_else(|| Vec::<Value>::new().into());
        shown.insert((*key).to_owned(), list);
    }
    shown
}

fn check(key: &str, value: &Value) -> Result<(), Problem> {
    let is_list = LISTS.contains(&key);
    if !is_list && !TEXTS.contains(&key) {
        return Err(Problem::bad(format!(
            "The property '{key}' does not exist on type 'microsoft.graph.security.auditLogQuery'."
        )));
    }
    let fits = match value {
        Value::Null => true,
        Value::String(_) => !is_list,
        Value::Array(values) => is_list && values.iter().all(Value::is_string),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Problem::bad(format!(
            "Cannot convert the value of property '{key}'."
        ))),
    }
}

fn time(body: &Record, key: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(given) = text(body, key) else {
        return Ok(None);
    };
    let time: Option<Timestamp> = given.parse().ok();
    match time {
        Some(time) => Ok(Some(time)),
        None => Err(Problem::bad(format!(
            "Cannot convert '{given}' of property '{key}' to Edm.DateTimeOffset."
        ))),
    }
}

fn lower(value: Option<&Value>) -> Vec<String> {
    let values = value.map(texts).unwrap_or_default();
    values.iter().map(|value| value.to_lowercase()).collect()
}

/// An address without the port that audit records have after it.
fn without_port(address: &str) -> &str {
    if let Some(inner) = address.strip_prefix('[') {
        return inner.split(']').next().unwrap_or(inner);
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_filter_has_to_let_a_record_through() {
        let record = json!({"CreationTime": "2026-03-03T01:15:12", "Operation": "Set-InboundConnector",
            "RecordType": 1, "UserId": "Eve@contoso.com", "ClientIP": "192.0.2.1:443", "ObjectId": "Relay",
            "Workload": "Exchange", "Parameters": [{"Name": "Comment", "Value": "Hello"}]});
        let passes = |query: Value| Filter::parse(&query).unwrap().lets_through(&record);
        for query in [
            json!({}),
            json!({"recordTypeFilters": ["exchangeItem", "exchangeAdmin"], "displayName": "x"}),
            json!({"operationFilters": ["set-inboundconnector"], "serviceFilter": "Exchange"}),
            json!({"userPrincipalNameFilters": ["eve@contoso.com"], "operationFilters": []}),
            json!({"filterStartDateTime": "2026-03-03T01:15:12Z", "filterEndDateTime": "2026-03-03T02:15:13+01:00"}),
            json!({"ipAddressFilters": ["192.0.2.1"], "objectIdFilters": ["relay"], "keywordFilter": "hello"}),
        ] {
            assert!(passes(query.clone()), "{query}");
        }
        for query in [
            json!({"recordTypeFilters": ["exchangeItem"]}),
            json!({"operationFilters": ["Set-Inbound"]}),
            json!({"userPrincipalNameFilters": ["eve"]}),
            json!({"filterEndDateTime": "2026-03-03T01:15:12Z"}),
            json!({"filterStartDateTime": "2026-03-03T01:15:13Z"}),
            json!({"keywordFilter": "farewell"}),
        ] {
            assert!(!passes(query.clone()), "{query}");
        }
        let cut = json!("cut off");
        assert!(Filter::default().lets_through(&cut));
    }

    #[test]
    fn a_query_that_graph_does_not_know_is_refused() {
        for query in [
            json!([]),
            json!({"operations": []}),
            json!({"operationFilters": "Set-InboundConnector"}),
            json!({"recordTypeFilters": ["ExchangeAdmin"]}),
            json!({"filterStartDateTime": "2026-03-03T01:15:12"}),
            json!({"filterStartDateTime": "2026-03-03T01:15:12Z", "filterEndDateTime": "2026-03-02T01:15:12Z"}),
        ] {
            assert_eq!(Filter::parse(&query).unwrap_err().status, 400, "{query}");
        }
    }

    #[test]
    fn ports_are_cut_off() {
        for (address, host) in [
            ("192.0.2.1:443", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(without_port(address), host);
        }
    }
}
