//! `Get-MessageTraceV2`: rows by the time they were received, of which the next are asked for by the last.

use super::{
    arguments::{
        Arguments, Parameter,
        Takes::{List, Member, Size, Text},
        may,
    },
    chance,
    clock::{self, parse_utc, seven_digits, ticks},
    cmdlets::Call,
    record::{Record, complete, text},
    refusal::Refusal,
    tenant::Records,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{cmp::Reverse, net::IpAddr, sync::Arc};

/// The columns, in the order of the service.
pub const COLUMNS: &[&str] = &[
    "MessageTraceId",
    "MessageId",
    "Received",
    "SenderAddress",
    "RecipientAddress",
    "FromIP",
    "ToIP",
    "Subject",
    "Status",
    "Size",
];

/// The parameters.
pub const PARAMETERS: &[Parameter] = &[
    may("EndDate", Text),
    may("FromIP", Text),
    may("MessageId", List),
    may("MessageTraceId", Text),
    may("RecipientAddress", List),
    may("ResultSize", Size),
    may("SenderAddress", List),
    may("StartDate", Text),
    may("StartingRecipientAddress", Text),
    may("Status", List),
    may("Subject", Text),
    may(
        "SubjectFilterType",
        Member(&["Contains", "StartsWith", "EndsWith"]),
    ),
    may("ToIP", Text),
];

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How far back there is anything.
const HISTORY: i32 = 90;
/// How much of it one query may span.
const SPAN: i32 = 10;
const ROWS: std::ops::RangeInclusive<usize> = 1..=5000;

/// A row and its place.
pub struct Row {
    received: Timestamp,
    record: Arc<Record>,
}

/// Reads the rows that a file brings; times before `now` are settled.
pub fn read(rows: Option<&Value>, now: Timestamp) -> Result<Vec<Row>, String> {
    let rows = rows.and_then(Value::as_array);
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    let mut read = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let row = row.as_object().and_then(|row| one(row, number, now));
        read.push(row.ok_or_else(|| format!("message_trace[{number}] has no time in Received"))?);
    }
    // What was received at one time is in the order of recipients, or no next query could begin there.
    read.sort_by_cached_key(|row| (Reverse(row.received), recipient(&row.record)));
    Ok(read)
}

fn one(row: &Record, number: usize, now: Timestamp) -> Option<Row> {
    let mut row = row.clone();
    row.retain(|key, _| !key.contains('@'));
    let time = row.get_mut("Received")?;
    clock::settle(time, now);
    let received = ticks(time.as_str().and_then(parse_utc)?);
    *time = seven_digits(received, "Z").into();
    let more = json!({
        "MessageTraceId": chance::guid_of(&format!("trace {number}")),
        "MessageId": format!("<{number}@example.com>"), "SenderAddress": "", "RecipientAddress": "",
        "FromIP": "", "ToIP": "", "Subject": "", "Status": "Delivered", "Size": 0,
    });
    let record = Arc::new(complete(row, more));
    Some(Row { received, record })
}

fn recipient(record: &Record) -> String {
    let address = text(record, "RecipientAddress").unwrap_or_default();
    address.to_lowercase()
}

/// All that a query is for, the newest first; whoever shows it cuts it at `ResultSize`.
pub fn get(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    if !arguments.size().is_some_and(|size| ROWS.contains(&size)) {
        return Err(Refusal::invalid(
            "Invalid ResultSize value. The value must be between 1 and 5000.",
        ));
    }
    let (start, end) = times(call, arguments)?;
    let first = arguments.text("StartingRecipientAddress");
    let first = first.map(str::to_lowercase);
    // The row that the query before ended with comes again.
    let is_after = |row: &&Row| {
        row.received < end
            || row.received == end
                && first
                    .as_ref()
                    .is_none_or(|first| recipient(&row.record) >= *first)
    };
    let floor = start.max(before(call.now, HISTORY));
    let rows = call.tenant.trace.iter();
    let rows = rows
        .filter(|row| row.received >= floor)
        .filter(is_after)
        .filter(|row| is_wanted(&row.record, arguments));
    Ok(rows.map(|row| Arc::clone(&row.record)).collect())
}

/// How a warning says that there is more, and where.
pub fn more(last: &Record) -> String {
    let shown = |key: &str| {
        let value = text(last, key).unwrap_or_default();
        value.replace(|c: char| c.is_control() || c == '"', "?")
    };
    format!(
        "There are more results, use the following command to get more. Get-MessageTraceV2 -EndDate \"{}\" -StartingRecipientAddress \"{}\"",
        shown("Received"),
        shown("RecipientAddress")
    )
}

/// The time that is asked for; the last two days if none is.
fn times(call: &Call, arguments: &Arguments) -> Result<(Timestamp, Timestamp), Refusal> {
    let end = given(arguments, "EndDate")?.unwrap_or(call.now);
    let start = given(arguments, "StartDate")?.unwrap_or_else(|| before(end, 2));
    if start > end {
        let text = "Invalid StartDate value. The StartDate must be before the EndDate.";
        return Err(Refusal::invalid(text));
    }
    if start < before(end, SPAN) {
        let text = "Invalid date range. StartDate and EndDate can't be more than 10 days apart.";
        return Err(Refusal::invalid(text));
    }
    // The day on which history begins counts as a whole.
    if start < before(call.now, HISTORY + 1) {
        let text = "Invalid StartDate value. The StartDate can't be older than 90 days from today.";
        return Err(Refusal::invalid(text));
    }
    Ok((start, end))
}

fn given(arguments: &Arguments, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = arguments.text(name) else {
        return Ok(None);
    };
    match parse_utc(text) {
        Some(time) => Ok(Some(time)),
        None => Err(Refusal::bad_value(
            name,
            "Cannot convert value to type System.DateTime.",
        )),
    }
}

fn before(time: Timestamp, days: i32) -> Timestamp {
    time.checked_sub(DAY * days).unwrap_or(Timestamp::MIN)
}

fn is_wanted(row: &Record, arguments: &Arguments) -> bool {
    let value = |key: &str| text(row, key).unwrap_or_default().to_lowercase();
    let one_of = |key: &str, matches: fn(&str, &str) -> bool| {
        let wanted = arguments.list(key);
        wanted.is_empty()
            || wanted
                .iter()
                .any(|wanted| matches(&value(key), &wanted.to_lowercase()))
    };
    let address = |key: &str| {
        arguments
            .text(key)
            .is_none_or(|wanted| is_address(&value(key), wanted))
    };
    // A status that there is none of is no error: nothing has it.
    one_of("SenderAddress", fits)
        && one_of("RecipientAddress", fits)
        && one_of("MessageId", |value, wanted| value == wanted)
        && one_of("Status", |value, wanted| value == wanted)
        && arguments
            .text("MessageTraceId")
            .is_none_or(|wanted| value("MessageTraceId") == wanted.to_lowercase())
        && address("FromIP")
        && address("ToIP")
        && has_subject(&value("Subject"), arguments)
}

/// The same mailbox, or one of those that `*@domain` stands for.
fn fits(address: &str, wanted: &str) -> bool {
    match wanted.strip_prefix('*') {
        Some(end) => address.ends_with(end),
        None => address == wanted,
    }
}

fn is_address(text: &str, wanted: &str) -> bool {
    let parsed = |text: &str| text.parse::<IpAddr>().ok();
    match (parsed(text), parsed(wanted)) {
        (Some(one), Some(other)) => one == other,
        _ => text.eq_ignore_ascii_case(wanted),
    }
}

fn has_subject(subject: &str, arguments: &Arguments) -> bool {
    let Some(wanted) = arguments.text("Subject").map(str::to_lowercase) else {
        return true;
    };
    match arguments.text("SubjectFilterType") {
        Some("StartsWith") => subject.starts_with(&wanted),
        Some("EndsWith") => subject.ends_with(&wanted),
        _ => subject.contains(&wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_file_are_complete_sorted_and_as_exact_as_the_service() {
        let now = clock::parse("2026-03-03T01:15:12Z").unwrap();
        let file = json!([
            {"Received": "-1h", "RecipientAddress": "b@contoso.com"},
            {"Received": "2026-03-03T01:00:00.123456789Z", "RecipientAddress": "c@contoso.com", "Size": 7},
            {"Received": "-1h", "RecipientAddress": "A@contoso.com", "Received@data.type": "System.DateTime"},
        ]);
        let rows = read(Some(&file), now).unwrap();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (&row.record["Received"], &row.record["RecipientAddress"]))
            .collect();
        assert_eq!(
            json!(shown),
            json!([
                ["2026-03-03T01:00:00.1234567Z", "c@contoso.com"],
                ["2026-03-03T00:15:12.0000000Z", "A@contoso.com"],
                ["2026-03-03T00:15:12.0000000Z", "b@contoso.com"],
            ])
        );
        assert!(rows.iter().all(|row| row.record.len() == COLUMNS.len()));
        assert!(read(Some(&json!([{"Received": "soon"}])), now).is_err());
    }

    #[test]
    fn a_warning_fits_on_one_line() {
        let last = json!({"Received": "t", "RecipientAddress": "a\r\nX: \"@b"});
        let text = more(last.as_object().unwrap());
        assert!(text.ends_with("\"a??X: ?@b\""), "{text}");
    }
}
