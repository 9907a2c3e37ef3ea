//! `connguard investigate`: from "something is wrong with a connector" to what happened and what to do.

mod files;
mod inputs;
mod live;
mod record;
mod whose;

use super::console::Console;
use super::live::LiveArgs;
use super::repository::Repository;
use super::targets::{From, parse_from};
use super::{Common, Outcome, TrustArgs, parse_report, parse_time_argument};
use crate::investigation::investigate;
use crate::policy::threshold::{Threshold, Thresholds};
use crate::report::investigation::{Format, Options, View, render};
use clap::Args;
use inputs::Inputs;
use jiff::Timestamp;
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
Evidence is a folder of whatever was exported: connectors, audit logs, message traces, blocked
connectors, accepted domains, transport rules. Files are recognised by what stands in them.

Exit codes:
  0   no sign of compromise, by enough evidence
  1   the run could not be done; the message says what and where
  2   the command line does not fit
  3   not enough evidence to say anything
  13  a connector is suspicious
  14  a connector is compromised";

#[derive(Debug, Args)]
pub(super) struct InvestigateArgs {
    /// The tenant, where the audit repository has several
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Evidence: a file or folder, `live`, or `history[:REV]`; may be repeated [default: the history, and the live service where the tenant is read from it]
    #[arg(long, value_name = "SOURCE", value_parser = parse_from, visible_alias = "evidence")]
    from: Vec<From>,
    /// When exports of connectors that carry no time were made
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    taken_at: Option<Timestamp>,
    /// Judge by another number than the usual one; `connguard explain volume-rise` lists them; may be repeated
    #[arg(long, value_name = "THRESHOLD=NUMBER", value_parser = parse_threshold)]
    set: Vec<(Threshold, f64)>,
    /// A file of address ranges of hosting providers, one a line, from which administrators do not work
    #[arg(long, value_name = "FILE")]
    hosting: Option<PathBuf>,
    /// Format of standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Also write a report to a file; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_report::<Format>)]
    report: Vec<(Format, PathBuf)>,
    /// Keep what is found as a case of this name: opened where there is none, else gone on with
    #[arg(long, value_name = "NAME", value_parser = super::case::parse_name)]
    case: Option<String>,
    /// The folder of cases
    #[arg(long, value_name = "DIR", default_value = "cases")]
    cases: PathBuf,
    /// Add to the history who made the changes that it holds, and the case's digest: a commit of its own
    #[arg(long)]
    record: bool,
    /// Sign that commit with this OpenSSH key [default: as for `snapshot`]
    #[arg(long, value_name = "FILE", requires = "record")]
    key: Option<PathBuf>,
    /// Fetch the history from this remote before, and push to it after; never forced
    #[arg(long, value_name = "REMOTE", requires = "record")]
    push: Option<String>,
    /// How many days back the live service is asked for its audit log and mail
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=90))]
    days: u16,
    /// Count mail where it is, by advanced hunting in Defender, instead of reading the message trace
    #[arg(long)]
    hunt: bool,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

fn parse_threshold(text: &str) -> Result<(Threshold, f64), String> {
    let (name, number) = text
        .split_once('=')
        .ok_or("write THRESHOLD=NUMBER, such as volume-rise.mails=200")?;
    let known = || Threshold::ALL.iter().map(|own| own.name());
    let threshold = Threshold::named(name).ok_or_else(|| {
        let near = crate::document::nearest(name, known());
        near.map_or_else(
            || {
                format!(
                    "there is no threshold {name:?}; there are {}",
                    known().collect::<Vec<_>>().join(", ")
                )
            },
            |near| format!("there is no threshold {name:?}; did you mean {near}?"),
        )
    })?;
    let number: f64 = number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or("a threshold is a number that is not negative")?;
    Ok((threshold, number))
}

pub(super) fn run(common: &Common, arguments: &InvestigateArgs, console: &Console) -> Outcome {
    let repository = Repository::find(common, &arguments.trust, console)?;
    // What was signed first, then the operator's own word, which the report names.
    let policy = repository.as_ref().and_then(Repository::verified_policy);
    let mut thresholds = policy.map_or_else(Thresholds::default, |own| {
        own.document.investigation.clone()
    });
    for (threshold, number) in &arguments.set {
        thresholds.set(*threshold, *number);
    }
    let inputs = Inputs::gather(arguments, repository.as_ref(), console)?;
    let options = Options {
        now: arguments.trust.now,
        from: arguments.from.iter().map(ToString::to_string).collect(),
        thresholds: thresholds
            .changed()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        case: arguments.case.clone(),
        rehearsal: arguments.live.rehearsal,
    };
    let investigation = investigate(inputs.question(thresholds));
    let view = View::of(&investigation, options);
    console.result(&render(&view, arguments.format))?;
    let mut code = view.exit_code;
    for (format, path) in &arguments.report {
        let text = render(&view, *format);
        let text = anstream::adapter::strip_str(&text).to_string();
        if let Err(failure) = super::check::write_report(path, &text) {
            console.failure(&failure);
            code = crate::verdict::worst(&[code, failure.exit_code()]);
        }
    }
    if let Err(failure) = record::keep(
        common,
        arguments,
        (&investigation, &view, &inputs),
        repository.as_ref(),
        console,
    ) {
        // What was found out counts, whether it could be kept or not.
        console.failure(&failure);
        code = crate::verdict::worst(&[code, failure.exit_code()]);
    }
    Ok(code)
}
