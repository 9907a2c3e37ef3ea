//! The reports of runs over parts of a fleet, joined into one.
//!
//! Nothing is judged anew: each part was judged where its tenants were read. A
//! part that is missing, or that was judged by other documents, is refused, so
//! that no tenant is left out unseen.

use super::json::SCHEMA;
use crate::document::time::parse_time;
use crate::finding::excerpt;
use crate::verdict;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Joins reports, each with the name of its file.
///
/// # Errors
///
/// Why they are not parts of one run.
pub fn merge(reports: &[(String, Value)]) -> Result<Value, String> {
    let Some((first_name, first)) = reports.first() else {
        return Err("there is no report to join".to_owned());
    };
    for (name, report) in reports {
        if report.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
            return Err(format!("{name} is no report of connguard check"));
        }
        for (part, member) in SAME {
            let own = |report: &Value| report.get(part)?.get(member).cloned();
            if own(report) != own(first) {
                return Err(format!(
                    "{name} and {first_name} are not parts of one run: {part}.{member} differs"
                ));
            }
        }
    }
    whole(reports)?;
    let oldest = of_one_time(reports)?;
    let tenants = tenants(reports)?;
    let mut merged = first.clone();
    let judged: Vec<&Value> = reports
        .iter()
        .map(|(_, report)| report)
        // A part without tenants has judged nothing, and ends with 3 for that alone.
        .filter(|report| {
            !list(report, "tenants").is_empty() || report.get("exit_code") != Some(&json!(3))
        })
        .collect();
    let judged = if judged.is_empty() {
        vec![first]
    } else {
        judged
    };
    let codes: Vec<u8> = judged
        .iter()
        .filter_map(|report| report.get("exit_code")?.as_u64())
        .filter_map(|code| u8::try_from(code).ok())
        .collect();
    if codes.len() != judged.len() {
        return Err("a report has no exit code".to_owned());
    }
    let left_out = left_out(reports, &tenants);
    let mut counts = BTreeMap::from([("out_of_scope", left_out.len())]);
    for key in ["clean", "drift", "not_compared", "error"] {
        let count = |tenant: &&Value| text(tenant, "verdict").replace('-', "_") == key;
        counts.insert(key, tenants.values().filter(count).count());
    }
    let set = |merged: &mut Value, key: &str, value: Value| {
        if let Some(object) = merged.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    };
    set(&mut merged, "exit_code", json!(verdict::worst(&codes)));
    set(&mut merged, "verdict", json!(worst_verdict(&judged)));
    set(&mut merged, "counts", json!(counts));
    set(&mut merged, "findings", json!(findings(reports)));
    set(&mut merged, "out_of_scope", json!(left_out));
    set(
        &mut merged,
        "tenants",
        json!(tenants.values().collect::<Vec<_>>()),
    );
    set(&mut merged, "generated_at", json!(oldest));
    if let Some(options) = merged.get_mut("options") {
        set(options, "shard", Value::Null);
    }
    Ok(merged)
}

/// What all parts of one run have in common.
const SAME: [(&str, &str); 9] = [
    ("root", "digest"),
    ("policy", "digest"),
    ("options", "fail_on"),
    ("options", "now"),
    ("options", "from"),
    ("options", "change"),
    ("options", "rehearsal"),
    ("options", "taken_at"),
    ("tool", "version"),
];

/// Parts of one run were made within this time.
const TOGETHER: SignedDuration = SignedDuration::from_hours(6);

/// The oldest time of the parts: what the whole is as new as.
fn of_one_time(reports: &[(String, Value)]) -> Result<String, String> {
    let mut times = Vec::new();
    for (name, report) in reports {
        let time = parse_time(text(report, "generated_at"));
        times.push((
            time.ok_or_else(|| format!("{name} does not say when it was made"))?,
            name,
        ));
    }
    times.sort_unstable();
    match (times.first(), times.last()) {
        (Some((oldest, old)), Some((newest, new))) => {
            if newest.duration_since(*oldest) > TOGETHER {
                return Err(format!(
                    "{old} was made at {oldest}, and {new} at {newest}: parts of one run are made within {TOGETHER:#}"
                ));
            }
            Ok(oldest.to_string())
        }
        _ => Err("there is no report to join".to_owned()),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Refuses shards of which one is missing or there twice.
fn whole(reports: &[(String, Value)]) -> Result<(), String> {
    let shard = |report: &Value| {
        let text = report.pointer("/options/shard")?.as_str()?.to_owned();
        let (part, of) = text.split_once('/')?;
        Some((part.parse::<usize>().ok()?, of.parse::<usize>().ok()?))
    };
    let shards: Vec<Option<(usize, usize)>> =
        reports.iter().map(|(_, report)| shard(report)).collect();
    let Some(of) = shards.iter().flatten().map(|(_, of)| *of).next() else {
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    for ((name, _), shard) in reports.iter().zip(&shards) {
        match shard {
            Some((part, own)) if *own == of => {
                if !seen.insert(*part) {
                    return Err(format!(
                        "the shard {part}/{of} is there twice, once as {name}"
                    ));
                }
            }
            _ => return Err(format!("{name} is no shard of {of}")),
        }
    }
    match (1..=of).find(|part| !seen.contains(part)) {
        Some(missing) => Err(format!("the shard {missing}/{of} is missing")),
        None => Ok(()),
    }
}

fn tenants(reports: &[(String, Value)]) -> Result<BTreeMap<String, Value>, String> {
    let mut tenants: BTreeMap<String, Value> = BTreeMap::new();
    for (name, report) in reports {
        for tenant in list(report, "tenants") {
            let own = text(tenant, "tenant").to_owned();
            if tenants.insert(own.clone(), tenant.clone()).is_some() {
                return Err(format!(
                    "the tenant {:?} is in several reports, one of them {name}",
                    excerpt(&own)
                ));
            }
        }
    }
    Ok(tenants)
}

/// Tenants that no report is about.
fn left_out(reports: &[(String, Value)], tenants: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let all = reports
        .iter()
        .flat_map(|(_, report)| list(report, "out_of_scope"));
    all.filter_map(Value::as_str)
        .filter(|name| !tenants.contains_key(*name))
        .map(str::to_owned)
        .collect()
}

/// Findings of the runs themselves, each once.
fn findings(reports: &[(String, Value)]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    reports
        .iter()
        .flat_map(|(_, report)| list(report, "findings"))
        .filter(|finding| seen.insert(text(finding, "fingerprint").to_owned()))
        .cloned()
        .collect()
}

fn worst_verdict(reports: &[&Value]) -> String {
    let verdicts: Vec<&str> = reports
        .iter()
        .map(|report| text(report, "verdict"))
        .collect();
    let order = verdict::Verdict::ALL.map(verdict::Verdict::name);
    let worst = order.into_iter().rev().find(|name| verdicts.contains(name));
    worst.unwrap_or("error").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(shard: &str, tenant: &str, verdict: &str, code: u8) -> (String, Value) {
        let report = json!({
            "schema": SCHEMA,
            "generated_at": "2026-11-21T12:00:00Z",
            "options": { "shard": shard, "fail_on": "low" },
            "exit_code": code,
            "verdict": verdict,
            "findings": [{ "fingerprint": "one" }],
            "tenants": [{ "tenant": tenant, "verdict": verdict }],
            "out_of_scope": ["a", "b", "c"],
        });
        (format!("{tenant}.json"), report)
    }

    #[test]
    fn parts_are_joined_and_the_worst_counts() {
        let merged = merge(&[part("1/2", "a", "clean", 0), part("2/2", "b", "drift", 14)]);
        let merged = merged.unwrap_or_default();
        assert_eq!(merged["exit_code"], 14);
        assert_eq!(merged["verdict"], "drift");
        assert_eq!(merged["out_of_scope"], json!(["c"]));
        assert_eq!(merged["counts"]["clean"], 1);
        assert_eq!(merged["findings"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_part_that_is_missing_or_there_twice_is_refused() {
        let one = part("1/3", "a", "clean", 0);
        let two = part("2/3", "b", "clean", 0);
        let missing = merge(&[one.clone(), two.clone()]);
        assert_eq!(missing, Err("the shard 3/3 is missing".to_owned()));
        assert!(merge(&[one.clone(), part("1/3", "b", "clean", 0)]).is_err());
        let mut other = part("3/3", "c", "clean", 0);
        if let Some(options) = other.1.pointer_mut("/options/fail_on") {
            *options = json!("high");
        }
        assert!(merge(&[one, two, other]).is_err_and(|why| why.contains("options.fail_on")));
    }

    #[test]
    fn a_part_of_last_week_is_none_of_this_run_and_the_oldest_dates_the_whole() {
        let at = |time: &str, (name, mut report): (String, Value)| {
            report["generated_at"] = json!(time);
            (name, report)
        };
        let one = part("1/2", "a", "clean", 0);
        let two = || part("2/2", "b", "clean", 0);
        let near = merge(&[one.clone(), at("2026-11-21T11:00:00Z", two())]);
        assert_eq!(
            near.unwrap_or_default()["generated_at"],
            "2026-11-21T11:00:00Z"
        );
        let old = merge(&[one.clone(), at("2026-11-14T12:00:00Z", two())]);
        assert!(old.is_err_and(|why| why.contains("b.json was made at 2026-11-14")));
        assert!(merge(&[one, at("yesterday", two())]).is_err());
    }
}
