//! `connguard doctor`: whether a tenant can be read, what is missing, and what is too much.

mod checks;
mod examination;

use super::console::Console;
use super::fetch::{configuration, one_tenant};
use super::live::{Live, LiveArgs, not_configured};
use super::status::Shown;
use super::{Common, Outcome};
use crate::canonical;
use crate::finding::Severity;
use crate::hostile_text::visible;
use crate::report::pipeline;
use crate::verdict;
use checks::{Check, State};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

pub(super) const AFTER_HELP: &str = "\
Exit codes:
  0   everything is as it should be
  1   the tenant cannot be read; what is missing is named with the step that mends it
  2   the command line does not fit
  3   something could not be looked at
  11  to 13: it can be read, and something is wrong with it, the worst low, medium or high";

/// `schema` of the JSON form.
const SCHEMA: &str = "connguard/doctor/v1";

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// How to write what was found
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    live: LiveArgs,
}

pub(super) fn run(common: &Common, arguments: &DoctorArgs, console: &Console) -> Outcome {
    let (path, config) = configuration(common)?;
    let (name, tenant) = one_tenant(&config, arguments.tenant.as_deref())?;
    let exchange = tenant.exchange().ok_or_else(|| not_configured(name))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let live = Live::new(&arguments.live, folder, console);
    let checks = examination::examine(&live, tenant, exchange);
    let codes: Vec<u8> = checks.iter().map(Check::code).collect();
    let code = verdict::worst(&[codes, vec![0]].concat());
    match arguments.format {
        Shown::Human => console.text(&page(name, exchange, &checks))?,
        Shown::Json => {
            let all: Vec<_> = checks.iter().map(Check::json).collect();
            let document = json!({
                "schema": SCHEMA,
                "tenant": name,
                "organization": {
                    "tenant_id": tenant.organization.tenant_id,
                    "domain": tenant.organization.domain,
                },
                "checks": all,
                "exit_code": code,
            });
            console.result(&pipeline::defuse_json(&canonical::to_string(&document)))?;
        }
    }
    Ok(code)
}

fn page(name: &str, exchange: &super::config::Exchange, checks: &[Check]) -> String {
    let mut text = format!("{name}  {}\n\n", visible(&exchange.to_string()));
    for check in checks {
        let mark = match check.state {
            State::Good => "ok",
            State::Unknown => "UNKNOWN",
            State::Broken => "FAILS",
            State::Wrong(Severity::High | Severity::Critical) => "HIGH",
            State::Wrong(Severity::Medium) => "MEDIUM",
            State::Wrong(Severity::Low) => "LOW",
            State::Wrong(Severity::Info) => "note",
        };
        let _ = writeln!(
            text,
            "  {mark:<8} {:<20} {}",
            check.id,
            visible(&check.message)
        );
        if let Some(mend) = &check.mend {
            let _ = writeln!(text, "  {:<8} {:<20} → {}", "", "", visible(mend));
        }
    }
    text
}
