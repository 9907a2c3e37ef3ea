//! `history blame`: since when.

use super::{PlaceArgs, Reading, failed};
use crate::canonical;
use crate::cli::console::Console;
use crate::cli::status::Shown;
use crate::cli::{Common, Failure, Outcome};
use crate::git;
use crate::history::blame::{Blame, Line};
use crate::history::remark::Attributed;
use crate::history::{Entry, HistoryError, short};
use crate::hostile_text::visible;
use crate::report::pipeline;
use clap::Args;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

#[derive(Debug, Args)]
pub(in crate::cli) struct BlameArgs {
    /// The connector's name or id
    connector: String,
    /// Its tenant, where the history holds several
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// As of this run: a commit, a time, `tip` or `tip~1`
    #[arg(long, value_name = "REV", default_value = "tip")]
    at: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) fn blame(common: &Common, arguments: &BlameArgs, console: &Console) -> Outcome {
    // What was edited on disk is for `history verify` to find: here it would be looked for in every commit.
    git::trust_digests();
    let reading = arguments.place.open(common)?;
    let entry = reading.entry(&arguments.at)?;
    let tenant = tenant(&reading, &entry, arguments)?;
    let blame = reading
        .history
        .blame(entry.id, &tenant, &arguments.connector)
        .map_err(|error| not_there(&reading, &entry, &tenant, &arguments.connector, error))?;
    match arguments.format {
        Shown::Human => console.text(&page(&tenant, &blame))?,
        Shown::Json => {
            let text = canonical::to_string(&json_of(&tenant, &entry, &blame));
            console.result(&pipeline::defuse_json(&text))?;
        }
    }
    Ok(0)
}

/// The tenant that was named, else the only one that has such a connector.
fn tenant(reading: &Reading, entry: &Entry, arguments: &BlameArgs) -> Result<String, Failure> {
    let history = &reading.history;
    let tenants = history.tenants(entry.commit.tree).map_err(failed)?;
    if arguments.tenant.is_some() || tenants.len() == 1 {
        return reading.tenant(entry, arguments.tenant.as_deref());
    }
    let has = |tenant: &&String| {
        let found = history.connector_named(entry, tenant, &arguments.connector);
        found.is_ok()
    };
    let having: Vec<&String> = tenants.keys().filter(has).collect();
    match having.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Failure::Usage(format!(
            "no tenant has a connector {:?} at {}; name the tenant with --tenant to see whether it had one before",
            arguments.connector,
            short(entry.id)
        ))),
        several => Err(Failure::Usage(format!(
            "several tenants have a connector {:?}: name one with --tenant: {}",
            arguments.connector,
            several
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// A connector that is not there may have been: says what to ask for instead.
fn not_there(
    reading: &Reading,
    entry: &Entry,
    tenant: &str,
    wanted: &str,
    error: HistoryError,
) -> Failure {
    let HistoryError::NotFound(message) = &error else {
        return failed(error);
    };
    let history = &reading.history;
    let mut after = entry.clone();
    for earlier in history.from(entry.id).skip(1) {
        let Ok(earlier) = earlier else { break };
        if earlier.commit.tree != after.commit.tree
            && let Ok(record) = history.connector_named(&earlier, tenant, wanted)
        {
            let id = record.connector.id().map_or("", String::as_str);
            let renamed = history.connector_named(entry, tenant, id).ok();
            return Failure::Usage(match renamed {
                Some(now) => format!("{message}: it is called {:?} now", now.connector.name),
                None => format!(
                    "{message}: it was gone in {} ({}); add --at {}",
                    short(after.id),
                    after.run.taken_at,
                    short(earlier.id)
                ),
            });
        }
        after = earlier;
    }
    failed(error)
}

fn page(tenant: &str, blame: &Blame) -> String {
    let connector = &blame.record.connector;
    let mut text = format!(
        "{} {}  {tenant}\n  seen since {}  {}\n",
        visible(&format!("{:?}", connector.name)),
        connector.id().map_or("no id", String::as_str),
        blame.appeared.run.taken_at,
        short(blame.appeared.id)
    );
    if let Some(by) = &blame.created_by {
        let _ = writeln!(text, "  made by {}", who(by));
    }
    if let Some(id) = &blame.recreated_from {
        let _ = writeln!(text, "  made again: until then {id} had its name");
    }
    let (unchanged, changed): (Vec<&Line>, Vec<&Line>) =
        blame.lines.iter().partition(|line| line.before.is_none());
    for line in changed {
        let _ = writeln!(
            text,
            "  {}  {}  {}: {}{}",
            line.since.run.taken_at,
            short(line.since.id),
            line.property.name(),
            value(line.value.as_ref()),
            before(line)
        );
        if let Some(by) = &line.by {
            let _ = writeln!(text, "    by {}", who(by));
        }
    }
    if !unchanged.is_empty() {
        let _ = writeln!(text, "  as it is since it was first seen:");
    }
    for line in unchanged {
        let _ = writeln!(
            text,
            "    {}: {}",
            line.property.name(),
            value(line.value.as_ref())
        );
    }
    text
}

fn who(by: &Attributed) -> String {
    format!(
        "{} at {} (record {})",
        visible(&by.actor),
        by.time,
        by.record
    )
}

fn before(line: &Line) -> String {
    match &line.before {
        None => String::new(),
        Some(was) => format!("  (before: {})", value(was.as_ref())),
    }
}

fn value(value: Option<&Json>) -> String {
    visible(&match value {
        None => "unknown".to_owned(),
        Some(Json::Null) => "empty".to_owned(),
        Some(Json::String(text)) if text.is_empty() => "empty".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(items)) if items.is_empty() => "empty".to_owned(),
        Some(Json::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            texts.join(", ")
        }
        Some(other) => other.to_string(),
    })
}

fn json_of(tenant: &str, at: &Entry, blame: &Blame) -> Json {
    let run =
        |entry: &Entry| json!({ "commit": entry.id.to_string(), "taken_at": entry.run.taken_at });
    let connector = &blame.record.connector;
    let settings: Vec<Json> = blame
        .lines
        .iter()
        .map(|line| {
            json!({
                "property": line.property.name(),
                "value": line.value,
                "since": run(&line.since),
                "before": line.before.clone().flatten(),
                "changed": line.before.is_some(),
                "by": line.by.as_ref().map(attributed),
            })
        })
        .collect();
    json!({
        "schema": "connguard/history-blame/v1",
        "tenant": tenant,
        "at": run(at),
        "connector": { "id": connector.id(), "name": connector.name },
        "appeared": run(&blame.appeared),
        "recreated_from": blame.recreated_from,
        "created_by": blame.created_by.as_ref().map(attributed),
        "settings": settings,
    })
}

fn attributed(by: &Attributed) -> Json {
    json!({ "actor": by.actor, "time": by.time, "record": by.record })
}
