//! `connguard report merge`: the reports of a fleet's parts as one.

use super::check::{limited, write_report};
use super::console::Console;
use super::status::Shown;
use super::{Failure, Outcome};
use crate::canonical;
use crate::hostile_text::visible;
use crate::report::merge::merge;
use crate::report::pipeline;
use crate::verdict;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// Join the JSON reports of runs with --shard; ends as the worst of them
    Merge(MergeArgs),
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Reports that `connguard check --report json=FILE` wrote
    #[arg(required = true, value_name = "FILE")]
    reports: Vec<PathBuf>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    /// Also write the joined report, as JSON, to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The largest report that is read, in bytes.
const LARGEST: u64 = 512 * 1024 * 1024;

pub(super) fn run(command: &ReportCommand, console: &Console) -> Outcome {
    let ReportCommand::Merge(arguments) = command;
    let mut reports = Vec::new();
    for path in &arguments.reports {
        let shown = visible(&path.to_string_lossy());
        let failed = |reason: String| {
            Failure::run(
                format!("{shown} is no report: {reason}"),
                "name files that connguard check --report json=FILE wrote",
            )
        };
        let text = limited(path, LARGEST).map_err(failed)?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        reports.push((shown, value));
    }
    let merged = merge(&reports).map_err(|reason| Failure::Refused {
        message: format!("the reports cannot be joined: {reason}"),
        help: "join the reports of one run: same repository, same options, every shard once"
            .to_owned(),
    })?;
    let text = pipeline::defuse_json(&canonical::to_string(&merged));
    match arguments.format {
        Shown::Json => console.result(&text)?,
        Shown::Human => console.text(&page(&merged))?,
    }
    let code = merged.get("exit_code").and_then(Value::as_u64);
    let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    // What was found is out before a file can fail.
    let written = match &arguments.output {
        Some(path) => write_report(path, &text),
        None => Ok(()),
    };
    Ok(match written {
        Ok(()) => code,
        Err(failure) => {
            console.failure(&failure);
            verdict::worst(&[code, failure.exit_code()])
        }
    })
}

/// Tenants that are not clean, and the numbers.
fn page(merged: &Value) -> String {
    let mut text = String::new();
    let word = |value: &Value, key: &str| {
        visible(value.get(key).and_then(Value::as_str).unwrap_or_default())
    };
    let tenants = merged.get("tenants").and_then(Value::as_array);
    for tenant in tenants.into_iter().flatten() {
        let verdict = word(tenant, "verdict");
        if verdict == "clean" {
            continue;
        }
        let _ = writeln!(text, "{}  {verdict}", word(tenant, "tenant"));
        let all = |key: &str| {
            tenant
                .get(key)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        for finding in all("findings")
            .iter()
            .filter(|own| word(own, "status") == "open")
        {
            let _ = writeln!(
                text,
                "  {:<9} {}: {}",
                word(finding, "severity"),
                word(finding, "rule"),
                word(finding, "message")
            );
        }
        for error in all("errors") {
            let _ = writeln!(
                text,
                "  error     {}: {}",
                word(&error, "source"),
                word(&error, "message")
            );
        }
        for reason in all("reasons") {
            let _ = writeln!(
                text,
                "  no verdict: {}",
                visible(reason.as_str().unwrap_or_default())
            );
        }
    }
    let count = |key: &str| {
        merged
            .pointer(&format!("/counts/{key}"))
            .and_then(Value::as_u64)
            .unwrap_or(0)
    };
    let _ = writeln!(
        text,
        "{} clean, {} drift, {} not compared, {} error, {} out of scope",
        count("clean"),
        count("drift"),
        count("not_compared"),
        count("error"),
        count("out_of_scope")
    );
    text
}
