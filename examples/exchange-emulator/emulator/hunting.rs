//! Advanced hunting, for queries whose answers a file brings: KQL is not understood.

use super::{clock, lists::texts, problem::Problem, record::Record, tenant::Tenant};
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

/// An answer that is known, and by what a query for it is recognized.
pub struct Known {
    contains: Vec<String>,
    answer: Record,
}

/// Reads the answers that a file brings.
pub fn read(answers: Option<&Value>, now: Timestamp) -> Result<Vec<Known>, String> {
    let answers = answers.and_then(Value::as_array);
    let answers = answers.map(Vec::as_slice).unwrap_or_default();
    let known = answers.iter().enumerate().map(|(number, entry)| {
        known(entry, now)
            .ok_or_else(|| format!("hunting_answers[{number}] has no contains, or no answer"))
    });
    known.collect()
}

fn known(entry: &Value, now: Timestamp) -> Option<Known> {
    let contains = texts(entry.get("contains")?);
    let mut answer = entry.get("answer")?.as_object()?.clone();
    if let Some(Value::Array(rows)) = answer.get_mut("results") {
        for row in rows {
            if let Some(time) = row.get_mut("Timestamp") {
                clock::settle(time, now);
            }
        }
    }
    Some(Known { contains, answer })
}

/// The members of the first answer whose texts all occur in the query.
pub fn answer(tenant: &Tenant, body: &Value) -> Result<Record, Problem> {
    let Value::Object(body) = body else {
        return Err(Problem::bad("The body is not a JSON object."));
    };
    let known = ["query", "timespan", "options"];
    if let Some(key) = body
        .keys()
        .find(|key| !known.contains(&key.to_ascii_lowercase().as_str()))
    {
        return Err(Problem::bad(format!("The parameter '{key}' is not known.")));
    }
    let given = |wanted: &str| {
        let mut members = body.iter();
        members
            .find(|(key, _)| key.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let query = given("Query").and_then(Value::as_str).unwrap_or_default();
    if query.trim().is_empty() {
        return Err(Problem::bad("The query is empty."));
    }
    match given("Timespan") {
        None | Some(Value::Null) => {}
        Some(Value::String(span)) if is_timespan(span) => {}
        Some(other) => return Err(Problem::bad(format!("Invalid timespan: {other}."))),
    }
    let mut answers = tenant.hunting.iter();
    let found = answers.find(|known| known.contains.iter().all(|text| query.contains(text)));
    let mut answer = found.map(|known| known.answer.clone()).ok_or_else(|| {
        Problem::bad(
            "Failed to resolve table or column expression. Fix semantic errors in your query.",
        )
    })?;
    answer.entry("schema").or_insert_with(|| json!([]));
    Ok(answer)
}

/// A duration, or two times or a time and a duration with a slash between them.
fn is_timespan(text: &str) -> bool {
    let one = |text: &str| text.starts_with('P') && text.parse::<Span>().is_ok();
    match text.split_once('/') {
        Some((from, to)) => [from, to]
            .into_iter()
            .all(|part| one(part) || clock::parse_utc(part).is_some()),
        None => one(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timespans_are_durations_or_intervals() {
        for right in [
            "P7D",
            "PT1H",
            "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z",
            "2026-03-01T00:00:00Z/P1D",
        ] {
            assert!(is_timespan(right), "{right}");
        }
        for wrong in ["", "7d", "P", "yesterday/P1D"] {
            assert!(!is_timespan(wrong), "{wrong}");
        }
    }

    #[test]
    fn answers_of_a_file_are_read_and_their_times_settled() {
        let now = clock::parse("2026-03-03T01:15:12Z").unwrap();
        let file = json!([{"contains": ["EmailEvents", "Relay"], "answer": {"results": [{"Timestamp": "-15m"}]}}]);
        let known = read(Some(&file), now).unwrap();
        assert_eq!(known[0].contains, ["EmailEvents", "Relay"]);
        let row = &known[0].answer["results"][0];
        assert_eq!(row["Timestamp"], "2026-03-03T01:00:12.0000000Z");
        assert!(read(Some(&json!([{"contains": []}])), now).is_err());
    }
}
