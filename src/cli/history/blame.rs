//! `history blame`: since when.

use super::{PlaceArgs, failed};
use crate::canonical;
use crate::cli::console::Console;
use crate::cli::status::Shown;
use crate::cli::{Common, Outcome};
use crate::git;
use crate::history::blame::{Blame, Line};
use crate::history::{Entry, short};
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
    let tenant = reading.tenant(&entry, arguments.tenant.as_deref())?;
    let blame = reading
        .history
        .blame(entry.id, &tenant, &arguments.connector)
        .map_err(failed)?;
    match arguments.format {
        Shown::Human => console.text(&page(&tenant, &blame))?,
        Shown::Json => {
            let text = canonical::to_string(&json_of(&tenant, &entry, &blame));
            console.result(&pipeline::defuse_json(&text))?;
        }
    }
    Ok(0)
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
    if let Some(id) = &blame.recreated_from {
        let _ = writeln!(text, "  made again: until then {id} had its name");
    }
    for line in &blame.lines {
        let _ = writeln!(
            text,
            "  {}  {}  {}: {}{}",
            line.since.run.taken_at,
            short(line.since.id),
            line.property.name(),
            value(line.value.as_ref()),
            before(line)
        );
    }
    text
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
        "settings": settings,
    })
}
