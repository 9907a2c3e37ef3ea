//! One file per output format. A renderer takes a finished [`Report`] and
//! writes all of it: it does not filter, judge or exit.

pub mod annotations;
pub mod earlier;
pub mod gitlab;
pub mod html;
pub mod human;
pub mod inert;
pub mod investigation;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod merge;
pub mod notification;
pub mod pipeline;
pub mod plan;
pub mod sarif;
pub mod terminal;

use crate::assessment::Assessment;
use crate::digest::Digest;
use crate::finding::{Finding, Severity, Status};
use crate::policy::Rules;
use crate::trust::{Rollback, Signer};
use crate::verdict::{Conclusion, Verdict};
use jiff::Timestamp;

/// Everything one run found out.
#[derive(Debug)]
pub struct Report<'a> {
    /// The time of the run.
    pub now: Timestamp,
    /// Whether that time was given with `--now`.
    pub now_given: bool,
    /// The mildest severity that fails the run.
    pub fail_on: Severity,
    /// The mildest severity of the run's own findings that fails it: no policy is believed under a root that nothing vouches for.
    pub own_fail_on: Severity,
    /// Tenants named with `--tenant`; empty means all.
    pub asked: Vec<String>,
    /// The part of the fleet that was asked for.
    pub shard: Option<String>,
    /// Whether addresses of this machine may stand for the service.
    pub rehearsal: bool,
    /// What was given with `--from`.
    pub from: Option<String>,
    /// What was given with `--taken-at`.
    pub taken_at: Option<Timestamp>,
    /// The root, if it could be verified.
    pub root: Option<RootSummary>,
    /// The policy, if it could be verified.
    pub policy: Option<PolicySummary>,
    /// The history, where there is one.
    pub history: Option<HistorySummary>,
    /// The change that is judged, where it is one.
    pub change: Option<String>,
    /// The rules that were judged.
    pub rules: &'a Rules,
    /// Findings of the run itself.
    pub findings: Vec<Finding>,
    /// The tenants in scope, by name.
    pub tenants: Vec<Judged>,
    /// Tenants left out on the command line.
    pub out_of_scope: Vec<String>,
    /// How the run ends.
    pub conclusion: Conclusion,
}

/// A tenant and its verdict.
#[derive(Debug)]
pub struct Judged {
    /// What was found.
    pub assessment: Assessment,
    /// What it comes to.
    pub conclusion: Conclusion,
}

/// A verified root.
#[derive(Debug, Clone)]
pub struct RootSummary {
    /// Its version.
    pub version: u64,
    /// Digest of its file: what a pin holds.
    pub digest: Digest,
    /// Whether it was compared with a pin.
    pub pinned: bool,
    /// Whether, without a pin, an earlier run on this machine had seen it or a root it descends from.
    pub remembered: bool,
    /// What memory says of it.
    pub rollback: Rollback,
}

/// The history of an audit repository.
#[derive(Debug, Clone)]
pub struct HistorySummary {
    /// Its ref.
    pub place: String,
    /// Its newest commit.
    pub tip: Option<String>,
    /// Whether somebody who may has signed that.
    pub signed: bool,
    /// Whether nothing was found to be wrong with it.
    pub verified: bool,
}

/// A verified policy.
#[derive(Debug, Clone)]
pub struct PolicySummary {
    /// Its version.
    pub version: u64,
    /// Digest of its file.
    pub digest: Digest,
    /// Who signed it.
    pub signers: Vec<Signer>,
    /// What memory says of it.
    pub rollback: Rollback,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people at a terminal
    Human,
    /// For programs; `connguard schema report` prints its schema
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for test results
    Junit,
    /// Markdown, for the summary of a job
    Markdown,
    /// Annotations of GitHub Actions
    Github,
    /// Annotations of Azure Pipelines
    Azure,
    /// GitLab's code quality report
    Gitlab,
    /// One self-contained page, to be read in a browser or printed
    Html,
}

/// Writes a report in pieces, where a format has them: the text of a fleet need not be in memory as a whole.
pub fn write<E>(
    report: &Report<'_>,
    format: Format,
    out: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let text = match format {
        Format::Json => {
            return json::write(report, &mut |piece| out(&pipeline::defuse_json(piece)));
        }
        Format::Human => human::render(report),
        Format::Sarif => sarif::render(report),
        Format::Junit => junit::render(report),
        Format::Markdown => markdown::render(report),
        Format::Github => annotations::github(report),
        Format::Azure => annotations::azure(report),
        Format::Gitlab => gitlab::render(report),
        Format::Html => html::report::render(report),
    };
    match format {
        Format::Human | Format::Markdown | Format::Junit | Format::Html => {
            out(&pipeline::defuse_text(&text))
        }
        Format::Json | Format::Sarif | Format::Gitlab => out(&pipeline::defuse_json(&text)),
        // They are commands, and hold none but their own.
        Format::Github | Format::Azure => out(&text),
    }
}

/// How many, with the unit.
pub fn counted(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

/// What stands before a finding that counts for nothing.
const fn aside(finding: &Finding) -> &'static str {
    match (finding.status, finding.decides) {
        (Status::Accepted, _) => "accepted: ",
        (Status::Open, false) => "decides nothing: ",
        (Status::Open, true) => "",
    }
}

/// What the terminal says of a finding, in one line; nothing of it is escaped yet.
fn sentence(finding: &Finding, tenant: Option<&str>) -> String {
    let tenant = tenant
        .map(|tenant| format!("{tenant}: "))
        .unwrap_or_default();
    let connector = finding
        .connector
        .as_ref()
        .map(|connector| format!("\"{}\": ", connector.name))
        .unwrap_or_default();
    let property = finding
        .property
        .as_ref()
        .filter(|property| !finding.message.contains(property.as_str()))
        .map(|property| format!("{property}: "))
        .unwrap_or_default();
    format!(
        "{tenant}{connector}{property}{}. {}",
        finding.message, finding.title
    )
}

impl Report<'_> {
    /// What the fingerprints of the run's own findings are bound to: the root.
    pub fn own_key(&self) -> String {
        self.root
            .as_ref()
            .map(|root| root.digest.to_string())
            .unwrap_or_default()
    }

    /// How many tenants got a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.tenants
            .iter()
            .filter(|tenant| tenant.conclusion.verdict == verdict)
            .count()
    }
}
