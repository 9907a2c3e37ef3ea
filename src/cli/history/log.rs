//! `history log` and `history diff`: changes.

use super::{PlaceArgs, Reading, differences, failed};
use crate::canonical;
use crate::cli::console::Console;
use crate::cli::status::Shown;
use crate::cli::{Common, Failure, Outcome, parse_time_argument};
use crate::connector::parse_guid;
use crate::git::Oid;
use crate::history::log::{Changes, Filter};
use crate::report::pipeline;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Not before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    since: Option<Timestamp>,
    /// Not after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    until: Option<Timestamp>,
    /// Also show runs that found nothing new
    #[arg(long)]
    heartbeats: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// The earlier run: a commit, a time, `tip` or `tip~1`
    a: String,
    /// The later run
    #[arg(default_value = "tip")]
    b: String,
    #[command(flatten)]
    filter: FilterArgs,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Which changes are shown.
#[derive(Debug, Args)]
struct FilterArgs {
    /// Only this tenant; may be repeated
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// Only the connector with this name or id
    #[arg(long, value_name = "CONNECTOR")]
    connector: Option<String>,
    /// Only this property
    #[arg(long, value_name = "PROPERTY")]
    property: Option<String>,
}

impl FilterArgs {
    /// The filter, once everything that it names is known to have been there.
    fn filter(&self, reading: &Reading, tip: Oid) -> Result<Filter, Failure> {
        let newest = reading.history.entry(tip).map_err(failed)?;
        for tenant in &self.tenant {
            reading.tenant(&newest, Some(tenant))?;
        }
        let connectors = match &self.connector {
            None => None,
            Some(wanted) => {
                let found = reading.history.ids_of(tip, wanted).map_err(failed)?;
                let is_id = parse_guid(wanted).is_some();
                if found.len() == 1 && !is_id {
                    return Err(Failure::Usage(format!(
                        "no run has seen a connector {wanted:?}; connguard history show lists those that are there"
                    )));
                }
                Some(found)
            }
        };
        Ok(Filter {
            tenants: self.tenant.clone(),
            connectors,
            property: self.property.clone(),
            ..Filter::default()
        })
    }
}

pub(super) fn log(common: &Common, arguments: &LogArgs, console: &Console) -> Outcome {
    let reading = arguments.place.open(common)?;
    let tip = reading.history.needed_tip().map_err(failed)?;
    let filter = Filter {
        since: arguments.since,
        until: arguments.until,
        heartbeats: arguments.heartbeats,
        ..arguments.filter.filter(&reading, tip)?
    };
    let mut runs = Vec::new();
    let mut any = false;
    for changes in reading.history.log(tip, &filter) {
        let changes = changes.map_err(failed)?;
        any = true;
        match arguments.format {
            // As it is found, so that `head` need not wait for the end.
            Shown::Human => {
                let line = reading.line(&changes.entry);
                let text = differences(&changes.tenants, &changes.documents);
                console.text(&format!("{line}\n{text}"))?;
            }
            Shown::Json => runs.push(json_of(&reading, &changes)),
        }
    }
    if !any {
        console.note("no run changed anything of what is asked for; --heartbeats shows every run");
    }
    if arguments.format == Shown::Json {
        let document = json!({
            "schema": "connguard/history-log/v1",
            "ref": reading.history.name,
            "tip": tip.to_string(),
            "commits": runs,
        });
        console.result(&pipeline::defuse_json(&canonical::to_string(&document)))?;
    }
    Ok(0)
}

fn json_of(reading: &Reading, changes: &Changes) -> Json {
    let mut run = reading.json(&changes.entry);
    if let Some(members) = run.as_object_mut() {
        members.insert("changes".to_owned(), json!(changes.tenants));
        members.insert("documents".to_owned(), json!(changes.documents));
    }
    run
}

pub(super) fn diff(common: &Common, arguments: &DiffArgs, console: &Console) -> Outcome {
    let reading = arguments.place.open(common)?;
    let (before, after) = (reading.entry(&arguments.a)?, reading.entry(&arguments.b)?);
    let filter = arguments.filter.filter(&reading, after.id)?;
    let changes = reading
        .history
        .diff(&before, after, &filter)
        .map_err(failed)?;
    match arguments.format {
        Shown::Human => {
            let mut text = format!(
                "from {}\nto   {}\n",
                reading.line(&before),
                reading.line(&changes.entry)
            );
            if changes.is_empty() {
                text.push_str("  nothing differs\n");
            }
            text.push_str(&differences(&changes.tenants, &changes.documents));
            console.text(&text)?;
        }
        Shown::Json => {
            let document = json!({
                "schema": "connguard/history-diff/v1",
                "from": reading.json(&before),
                "to": reading.json(&changes.entry),
                "changes": changes.tenants,
                "documents": changes.documents,
            });
            console.result(&pipeline::defuse_json(&canonical::to_string(&document)))?;
        }
    }
    Ok::<u8, Failure>(0)
}
