//! `baseline show`: what is approved, or what the newest version changed.

use super::{parse, tenants, text_of, title, version_before};
use crate::baseline::{self, Approved, Baseline};
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::status::Shown;
use crate::cli::{Common, Failure, Outcome, TrustArgs, review};
use crate::digest::Digest;
use crate::hostile_text::visible;
use crate::proposal::baseline::filled_in;
use crate::report::pipeline;
use crate::review::of_baseline;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The tenant
    tenant: String,
    /// Show what it changes against the version before, or against another file
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    diff: Option<Option<PathBuf>>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn show(common: &Common, arguments: &ShowArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let names = tenants(&repository, std::slice::from_ref(&arguments.tenant), false)?;
    let name = names.first().map(String::as_str).unwrap_or_default();
    let path = baseline::path(name);
    let text = text_of(&repository, &path)?.ok_or_else(|| {
        Failure::run(
            format!("{path} is missing"),
            "connguard baseline propose writes one",
        )
    })?;
    // A draft may be looked at before everything in it is filled in.
    let approved = parse(&path, &filled_in(&text))?;
    let in_force = repository
        .trust
        .as_ref()
        .is_ok_and(|trust| Baseline::open(&repository.folder, name, trust).is_ok());
    if !in_force {
        console.note("this baseline is not verified: it approves nothing yet");
    }
    let code = if in_force { 0 } else { 3 };
    if let Some(other) = &arguments.diff {
        let before = match other {
            Some(file) => Some(other_file(file)?),
            None => version_before(&repository, &path, &approved, console)?,
        };
        let lines = of_baseline(before.as_ref(), &approved);
        match arguments.format {
            Shown::Human => console.text(&review::render(
                &title(&path, before.as_ref(), &approved),
                &lines,
            ))?,
            Shown::Json => {
                let document = json!({
                    "schema": "connguard/review/v1", "path": path, "verified": in_force,
                    "version": approved.header.version, "against": before.map(|before| before.header.version),
                    "changes": lines.lines,
                });
                console.result(&pipeline::defuse_json(&crate::canonical::to_string(
                    &document,
                )))?;
            }
        }
        return Ok(code);
    }
    match arguments.format {
        Shown::Human => console.text(&page(&approved))?,
        Shown::Json => {
            let mut document = json_of(&approved);
            if let Some(object) = document.as_object_mut() {
                object.insert("verified".to_owned(), json!(in_force));
                object.insert("digest".to_owned(), json!(Digest::of(text.as_bytes())));
            }
            console.result(&pipeline::defuse_json(&crate::canonical::to_string(
                &document,
            )))?;
        }
    }
    Ok(code)
}

fn other_file(path: &std::path::Path) -> Result<Approved, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::run(format!("cannot read {shown}: {error}"), "name a baseline")
    })?;
    parse(&shown, &text)
}

/// A baseline for people.
fn page(approved: &Approved) -> String {
    let mut text = String::new();
    let header = &approved.header;
    let _ = writeln!(
        text,
        "{} version {}, issued {}, expires {}",
        visible(&approved.tenant),
        header.version,
        header.issued,
        header.expires
    );
    if let Some(domains) = &approved.accepted_domains {
        let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "accepted domains: {}", names.join(", "));
    }
    for (name, entries) in approved.lists.iter() {
        let _ = writeln!(text, "list {name}: {}", visible(&entries.join(", ")));
    }
    for connector in &approved.connectors {
        let id = connector.id.as_deref().unwrap_or("not made yet");
        let _ = writeln!(
            text,
            "\n{}  {id}\n  owner {}, reason {}",
            visible(&connector.name),
            visible(&connector.owner),
            visible(&connector.reason)
        );
        for (property, value) in &connector.settings {
            let _ = writeln!(
                text,
                "  {}: {}",
                property.name(),
                visible(&value.elements().join(", "))
            );
        }
        for planned in &connector.expected_changes {
            let _ = writeln!(
                text,
                "  until {}: {} may be {} ({})",
                planned.until,
                planned.property.name(),
                visible(&planned.value.elements().join(", ")),
                visible(&planned.reason)
            );
        }
    }
    for acceptance in &approved.acceptances {
        let _ = writeln!(
            text,
            "\naccepted until {}: {} of {}, owner {}, reason {}",
            acceptance.expires,
            visible(&acceptance.rule),
            visible(&acceptance.connector),
            visible(&acceptance.owner),
            visible(&acceptance.reason)
        );
    }
    text
}

fn json_of(approved: &Approved) -> serde_json::Value {
    let connectors: Vec<serde_json::Value> = approved
        .connectors
        .iter()
        .map(|connector| {
            let settings: serde_json::Map<String, serde_json::Value> = connector
                .settings
                .iter()
                .map(|(property, value)| (property.name().to_owned(), value.to_json()))
                .collect();
            json!({ "name": connector.name, "id": connector.id, "owner": connector.owner, "reason": connector.reason, "settings": settings })
        })
        .collect();
    let header = &approved.header;
    json!({
        "schema": "connguard/baseline/v1",
        "tenant": approved.tenant,
        "organization": { "tenant_id": approved.organization.tenant_id, "domain": approved.organization.domain },
        "version": header.version, "previous": header.previous, "issued": header.issued, "expires": header.expires,
        "accepted_domains": approved.accepted_domains.as_ref().map(|domains| domains.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "connectors": connectors,
    })
}
