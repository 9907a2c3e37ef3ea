//! `history show`: what one run saw.

use super::{PlaceArgs, differences, failed};
use crate::canonical;
use crate::cli::console::Console;
use crate::cli::status::Shown;
use crate::cli::{Common, Outcome};
use crate::connector::Connector;
use crate::history::log::Filter;
use crate::hostile_text::visible;
use crate::report::pipeline;
use crate::snapshot::{Part, Snapshot};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The run: a commit, a time, `tip` or `tip~1`
    #[arg(value_name = "REV", default_value = "tip")]
    revision: String,
    /// Only this tenant; may be repeated
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    place: PlaceArgs,
}

/// One tenant as a run left it.
struct Seen {
    name: String,
    snapshot: Snapshot,
    /// When it was last read completely, by then.
    read: Option<Timestamp>,
}

pub(super) fn show(common: &Common, arguments: &ShowArgs, console: &Console) -> Outcome {
    let reading = arguments.place.open(common)?;
    let entry = reading.entry(&arguments.revision)?;
    let history = &reading.history;
    let mut tenants = Vec::new();
    for (name, folder) in history.tenants(entry.commit.tree).map_err(failed)? {
        if !arguments.tenant.is_empty() && !arguments.tenant.contains(&name) {
            continue;
        }
        let state = history.state_in(entry.id, &name, folder).map_err(failed)?;
        let read = history.newest_read(entry.id, &name).map_err(failed)?;
        tenants.push(Seen {
            read: read.map(|read| read.run.time_of(&name)),
            name,
            snapshot: state.snapshot,
        });
    }
    for asked in &arguments.tenant {
        reading.tenant(&entry, Some(asked))?;
    }
    let filter = Filter {
        tenants: arguments.tenant.clone(),
        ..Filter::default()
    };
    let changes = history.changes(entry.clone(), &filter).map_err(failed)?;
    match arguments.format {
        Shown::Human => {
            let mut text = format!("{}\n", reading.line(&entry));
            text.push_str(&differences(&changes.tenants, &changes.documents));
            for seen in &tenants {
                page(&mut text, seen);
            }
            console.text(&text)?;
        }
        Shown::Json => {
            let mut document = reading.json(&entry);
            if let Some(members) = document.as_object_mut() {
                members.insert("schema".to_owned(), json!("connguard/history-show/v1"));
                members.insert("changes".to_owned(), json!(changes.tenants));
                members.insert("documents".to_owned(), json!(changes.documents));
                let tenants = tenants.iter().map(json_of).collect();
                members.insert("tenants".to_owned(), Json::Array(tenants));
            }
            console.result(&pipeline::defuse_json(&canonical::to_string(&document)))?;
        }
    }
    Ok(0)
}

fn json_of(seen: &Seen) -> Json {
    let snapshot: Json = serde_json::from_str(&seen.snapshot.canonical()).unwrap_or_default();
    json!({
        "tenant": seen.name,
        "read_at": seen.read,
        "digest": seen.snapshot.digest(),
        "snapshot": snapshot,
    })
}

fn page(text: &mut String, seen: &Seen) {
    let when = seen.read.map_or_else(
        || "never read completely".to_owned(),
        |time| format!("read {time}"),
    );
    let domain = seen
        .snapshot
        .organization
        .domain
        .as_deref()
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "\n{}  {}; {when}; connectors {}",
        seen.name,
        visible(domain),
        visible(&seen.snapshot.completeness(Part::InboundConnectors).words())
    );
    for connector in seen.snapshot.connectors() {
        settings(text, connector);
    }
    if seen.snapshot.has(Part::AcceptedDomains) {
        let domains: Vec<String> = seen
            .snapshot
            .accepted_domains
            .iter()
            .map(|accepted| accepted.domain.to_string())
            .collect();
        let _ = writeln!(text, "  accepted domains: {}", visible(&domains.join(", ")));
    }
    if !seen.snapshot.blocked_connectors.is_empty() {
        let _ = writeln!(
            text,
            "  blocked by Microsoft: {}",
            seen.snapshot.blocked_connectors.join(", ")
        );
    }
}

fn settings(text: &mut String, connector: &Connector) {
    let id = connector.id().map_or("no id", String::as_str);
    let _ = writeln!(
        text,
        "  {}  {id}",
        visible(&format!("{:?}", connector.name))
    );
    for (property, value) in &connector.settings {
        if !value.is_empty() {
            let _ = writeln!(
                text,
                "    {}: {}",
                property.name(),
                visible(&value.elements().join(", "))
            );
        }
    }
    for property in &connector.unreadable {
        let _ = writeln!(text, "    {}: could not be read", property.name());
    }
}
