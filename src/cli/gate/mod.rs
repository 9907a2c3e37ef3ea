//! `connguard gate`: the judgement of `check`, on a change that has not been made yet.

mod found;
mod line;
mod proposal;
mod pull_request;
mod tenant;

use super::check::Written;
use super::console::Console;
use super::targets::Selection;
use super::{Common, Failure, Outcome, TrustArgs, parse_fail_on};
use crate::finding::Severity;
use clap::Args;
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
Examples:
  connguard gate --tenant contoso 'Set-InboundConnector \"Relay\" -SenderIPAddresses @{Add=\"203.0.113.9\"}'
  connguard gate --tenant contoso --file change.ps1
  connguard gate --tenant contoso --document relay.yaml
  connguard gate --base origin/main --head HEAD

The exit codes are those of check. Findings that were open before are shown and decide nothing,
and so are those of a change that only narrows trust, unless the policy says `gate: { narrowing: review }`.
Of a pull request the root, the policy, the rules and connguard.yaml are those of BASE; HEAD's are a
second judgement, and the worse of the two counts.";

#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// A New-, Set- or Remove-InboundConnector line; several are judged together, in their order
    #[arg(value_name = "LINE", conflicts_with_all = ["file", "document", "base", "head"])]
    lines: Vec<String>,
    /// Read the lines from a file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["document", "base", "head"])]
    file: Option<PathBuf>,
    /// A connector as it is to be: a record as Exchange writes it, or YAML (`connguard schema connector`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "head"])]
    document: Option<PathBuf>,
    /// The commit that a pull request is made against: what it says is believed
    #[arg(long, value_name = "REF", requires = "head")]
    base: Option<String>,
    /// The commit that is proposed
    #[arg(long, value_name = "REF", requires = "base")]
    head: Option<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    written: Written,
    /// Fail on this severity already; only stricter than the policy
    #[arg(long, value_name = "SEVERITY", value_parser = parse_fail_on)]
    fail_on: Option<Severity>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(common: &Common, arguments: &GateArgs, console: &Console) -> Outcome {
    if arguments.written.since_report.is_some() {
        return Err(Failure::Usage(
            "the gate compares with what is there without the change; --since-report is for check"
                .to_owned(),
        ));
    }
    match (&arguments.base, &arguments.head) {
        (Some(base), Some(head)) => pull_request::run(common, arguments, (base, head), console),
        _ => line::run(common, arguments, console),
    }
}
