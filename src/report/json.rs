//! The report for other programs: `connguard/report/v1`. The schema only grows.
//!
//! These types are the wire form and nothing else; their documentation is the
//! schema's, which `connguard schema report` prints.

use super::{Judged, Report};
use crate::assessment::{self, Assessment};
use crate::canonical;
use crate::finding::{self, Severity as OwnSeverity};
use crate::snapshot::Part;
use crate::trust::Route;
use crate::verdict::Verdict;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// `schema` of the report.
pub const SCHEMA: &str = "connguard/report/v1";

/// The result of one run of `connguard check`.
#[derive(Serialize, JsonSchema)]
pub struct Wire {
    /// Always `connguard/report/v1`.
    schema: &'static str,
    tool: Tool,
    /// Time of the run, RFC 3339 UTC.
    generated_at: String,
    /// `clean`, `drift`, `not-compared` or `error`.
    verdict: &'static str,
    /// The exit code of the run: 0, 1, 3 or 11 to 14.
    exit_code: u8,
    options: Options,
    /// The verified root of trust; null when there is none.
    root: Option<Root>,
    /// The verified policy; null when there is none.
    policy: Option<Policy>,
    /// The history of the audit repository; null when there is none.
    history: Option<History>,
    counts: Counts,
    /// Findings of the run itself.
    findings: Vec<Finding>,
    tenants: Vec<Tenant>,
    /// Tenants left out on the command line.
    out_of_scope: Vec<String>,
}

/// The program that wrote the report.
#[derive(Serialize, JsonSchema)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

/// What was asked for.
#[derive(Serialize, JsonSchema)]
struct Options {
    /// The time given with `--now`; null when the clock was used.
    now: Option<String>,
    /// The mildest severity that fails the run.
    fail_on: &'static str,
    /// The tenants asked for; empty means all.
    tenants: Vec<String>,
    /// The part of the fleet that was asked for, such as `2/8`.
    shard: Option<String>,
    /// Whether addresses of this machine may stand for the live service.
    rehearsal: bool,
    /// The file or folder given with `--from`.
    from: Option<String>,
    /// The time given with `--taken-at`.
    taken_at: Option<String>,
    /// What the gate judges: the two commits, the lines or the document; null for a check.
    change: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Root {
    version: u64,
    /// `sha256:` and hexadecimal digits, over the file's bytes.
    digest: String,
    /// Whether the root was compared with a pin.
    pinned: bool,
    /// Whether, without a pin, it was compared with the root that an earlier run saw here.
    remembered: bool,
    /// `checked` against the versions seen by earlier runs, `first seen`, or `not checked` where nothing is kept.
    rollback: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Policy {
    version: u64,
    digest: String,
    signers: Vec<String>,
    rollback: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct History {
    /// Its ref.
    #[serde(rename = "ref")]
    name: String,
    /// Its newest commit.
    tip: Option<String>,
    /// Whether somebody who holds the history role signed that.
    signed: bool,
    /// Whether its commits are what runs of connguard wrote.
    verified: bool,
}

/// Tenants by verdict.
#[derive(Serialize, JsonSchema)]
struct Counts {
    clean: usize,
    drift: usize,
    not_compared: usize,
    error: usize,
    out_of_scope: usize,
}

/// One tenant.
#[derive(Serialize, JsonSchema)]
struct Tenant {
    /// Its local name.
    tenant: String,
    organization: Organization,
    verdict: &'static str,
    /// Why there can be no verdict.
    reasons: Vec<String>,
    /// What was looked at; null when nothing could be read.
    snapshot: Option<Snapshot>,
    /// What it was compared with; null when there is nothing verified.
    baseline: Option<Baseline>,
    coverage: Coverage,
    findings: Vec<Finding>,
    /// Findings of the run before in the history that are gone; empty without one.
    resolved: Vec<Finding>,
    errors: Vec<Failure>,
}

#[derive(Serialize, JsonSchema)]
struct Organization {
    tenant_id: Option<String>,
    domain: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Snapshot {
    /// Over the canonical form that `connguard fetch` prints.
    digest: String,
    taken_at: Option<String>,
    age_seconds: Option<i64>,
    /// `export`, `exchange` or `history`.
    source: &'static str,
    /// The file or address.
    origin: String,
    /// Whether the source was named with `--from`.
    from_command_line: bool,
    /// How completely each part was read.
    complete: BTreeMap<&'static str, String>,
}

#[derive(Serialize, JsonSchema)]
struct Baseline {
    path: String,
    version: u64,
    digest: String,
    expires: String,
    signers: Vec<String>,
    threshold: usize,
    /// `signatures`, `manifest` or `emergency`.
    approved_by: &'static str,
    /// Always true: an unverified baseline is never compared.
    verified: bool,
    rollback: &'static str,
}

/// What was compared and what was not.
#[derive(Serialize, JsonSchema)]
struct Coverage {
    connectors: usize,
    properties_compared: usize,
    properties_ignored: usize,
    not_compared: Vec<String>,
    unrecognised: Vec<String>,
    rules_passed: usize,
    rules_failed: usize,
    rules_accepted: usize,
    rules_not_applicable: usize,
    rules_not_evaluated: usize,
    /// The rules that could not be judged, and why.
    not_evaluated: Vec<NotEvaluated>,
}

#[derive(Serialize, JsonSchema)]
struct NotEvaluated {
    rule: String,
    connector: String,
    reason: String,
}

/// One thing that is wrong.
#[derive(Serialize, JsonSchema)]
struct Finding {
    /// Rule, drift or built-in id: what `connguard explain` takes.
    rule: String,
    severity: Severity,
    status: Status,
    /// `new` or `open` against the run before in the history; null without one.
    since: Option<String>,
    /// Whether it may decide the verdict: false where the gate only shows it, as it was open before or only narrows.
    decides: bool,
    title: String,
    message: String,
    fix: String,
    connector: Option<Connector>,
    /// Exchange's name of the property.
    property: Option<String>,
    expected: Option<Value>,
    actual: Option<Value>,
    /// Canonical elements that are there and should not be.
    added: Vec<String>,
    /// Canonical elements that should be there and are not.
    removed: Vec<String>,
    /// How many addresses `added` stands for, in digits: it may exceed what a JSON number holds.
    count: Option<String>,
    direction: Option<Direction>,
    /// Where to act first, then where it was seen.
    locations: Vec<Location>,
    /// Identifies this finding across runs.
    fingerprint: String,
    /// The same without the elements: one series while the value moves.
    series: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Accepted,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Widens,
    Narrows,
    Neutral,
}

#[derive(Serialize, JsonSchema)]
struct Connector {
    id: Option<String>,
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Location {
    path: String,
    line: usize,
    column: usize,
}

/// Something that failed.
#[derive(Serialize, JsonSchema)]
struct Failure {
    /// The file or request.
    source: String,
    message: String,
    help: String,
}

/// Writes the report in pieces, one a tenant: of a fleet the whole text is never in memory.
pub fn write<E>(report: &Report<'_>, out: &mut dyn FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let text = canonical_of(&wire(report));
    let split = text.split_once(NO_TENANTS);
    let Some((head, tail)) = split.filter(|_| !report.tenants.is_empty()) else {
        return out(&text);
    };
    out(head)?;
    let mut before = "\n  \"tenants\": [";
    for judged in &report.tenants {
        let mut piece = before.to_owned();
        before = ",";
        for line in canonical_of(&tenant(judged)).lines() {
            piece.push_str("\n    ");
            piece.push_str(line);
        }
        out(&piece)?;
    }
    out("\n  ]")?;
    out(tail)
}

/// Where a report's tenants are to stand: a member of the outermost object, by its indentation.
const NO_TENANTS: &str = "\n  \"tenants\": []";

fn canonical_of(value: &impl Serialize) -> String {
    canonical::to_string(&serde_json::to_value(value).unwrap_or_default())
}

/// The JSON Schema of the report.
pub fn schema() -> Value {
    schemars::schema_for!(Wire).to_value()
}

fn wire(report: &Report<'_>) -> Wire {
    Wire {
        schema: SCHEMA,
        tool: Tool {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
        },
        generated_at: report.now.to_string(),
        verdict: report.conclusion.verdict.name(),
        exit_code: report.conclusion.exit_code,
        options: Options {
            now: report.now_given.then(|| report.now.to_string()),
            fail_on: report.fail_on.name(),
            tenants: report.asked.clone(),
            shard: report.shard.clone(),
            rehearsal: report.rehearsal,
            from: report.from.clone(),
            taken_at: report.taken_at.map(|time| time.to_string()),
            change: report.change.clone(),
        },
        root: report.root.as_ref().map(|root| Root {
            version: root.version,
            digest: root.digest.to_string(),
            pinned: root.pinned,
            remembered: root.remembered,
            rollback: root.rollback.name(),
        }),
        policy: report.policy.as_ref().map(|policy| Policy {
            version: policy.version,
            digest: policy.digest.to_string(),
            signers: policy
                .signers
                .iter()
                .map(|signer| signer.principal.clone())
                .collect(),
            rollback: policy.rollback.name(),
        }),
        history: report.history.as_ref().map(|history| History {
            name: history.place.clone(),
            tip: history.tip.clone(),
            signed: history.signed,
            verified: history.verified,
        }),
        counts: Counts {
            clean: report.count(Verdict::Clean),
            drift: report.count(Verdict::Drift),
            not_compared: report.count(Verdict::NotCompared),
            error: report.count(Verdict::Error),
            out_of_scope: report.out_of_scope.len(),
        },
        findings: report
            .findings
            .iter()
            .map(|own| finding(own, &report.own_key()))
            .collect(),
        // Each is written by itself.
        tenants: Vec::new(),
        out_of_scope: report.out_of_scope.clone(),
    }
}

fn tenant(judged: &Judged) -> Tenant {
    let assessment = &judged.assessment;
    Tenant {
        tenant: assessment.tenant.clone(),
        organization: Organization {
            tenant_id: assessment.organization.tenant_id.clone(),
            domain: assessment.organization.domain.clone(),
        },
        verdict: judged.conclusion.verdict.name(),
        reasons: assessment.obstacles.clone(),
        snapshot: assessment.snapshot.as_ref().map(snapshot),
        baseline: assessment.baseline.as_ref().map(baseline),
        coverage: coverage(assessment),
        findings: assessment
            .findings
            .iter()
            .map(|own| finding(own, assessment.key()))
            .collect(),
        resolved: assessment
            .resolved
            .iter()
            .map(|own| finding(own, assessment.key()))
            .collect(),
        errors: assessment
            .errors
            .iter()
            .map(|failure| Failure {
                source: failure.source.clone(),
                message: failure.message.clone(),
                help: failure.help.clone(),
            })
            .collect(),
    }
}

fn snapshot(summary: &assessment::SnapshotSummary) -> Snapshot {
    Snapshot {
        digest: summary.digest.to_string(),
        taken_at: summary.taken_at.map(|time| time.to_string()),
        age_seconds: summary.age.map(|age| age.as_secs()),
        source: summary.source.name(),
        origin: summary.origin.clone(),
        from_command_line: summary.by_operator,
        complete: summary
            .complete
            .iter()
            .map(|(part, state): (&Part, _)| (part.name(), state.words()))
            .collect(),
    }
}

fn baseline(summary: &assessment::BaselineSummary) -> Baseline {
    Baseline {
        path: summary.path.clone(),
        version: summary.version,
        digest: summary.digest.to_string(),
        expires: summary.expires.to_string(),
        signers: summary
            .signers
            .iter()
            .map(|signer| signer.principal.clone())
            .collect(),
        threshold: summary.threshold,
        approved_by: match summary.route {
            Route::Signed => "signatures",
            Route::Manifest => "manifest",
            Route::Emergency => "emergency",
        },
        verified: true,
        rollback: summary.rollback.name(),
    }
}

fn coverage(assessment: &Assessment) -> Coverage {
    let coverage = &assessment.coverage;
    Coverage {
        connectors: coverage.connectors,
        properties_compared: coverage.properties_compared,
        properties_ignored: coverage.properties_ignored,
        not_compared: coverage
            .not_compared
            .iter()
            .map(ToString::to_string)
            .collect(),
        unrecognised: coverage.unrecognised.iter().cloned().collect(),
        rules_passed: coverage.rules_passed,
        rules_failed: coverage.rules_failed,
        rules_accepted: coverage.rules_accepted,
        rules_not_applicable: coverage.rules_not_applicable,
        rules_not_evaluated: coverage.rules_not_evaluated.len(),
        not_evaluated: coverage
            .rules_not_evaluated
            .iter()
            .map(|entry| NotEvaluated {
                rule: entry.rule.clone(),
                connector: entry.connector.clone(),
                reason: entry.reason.clone(),
            })
            .collect(),
    }
}

fn finding(own: &finding::Finding, tenant_id: &str) -> Finding {
    Finding {
        rule: own.rule.clone(),
        severity: severity(own.severity),
        status: match own.status {
            finding::Status::Open => Status::Open,
            finding::Status::Accepted => Status::Accepted,
        },
        since: own.since.map(|since| since.name().to_owned()),
        decides: own.decides,
        title: own.title.clone(),
        message: own.message.clone(),
        fix: own.fix.clone(),
        connector: own.connector.as_ref().map(|connector| Connector {
            id: connector.id.clone(),
            name: connector.name.clone(),
        }),
        property: own.property.clone(),
        expected: own.expected.clone(),
        actual: own.actual.clone(),
        added: own.added.clone(),
        removed: own.removed.clone(),
        count: own.count.map(|count| count.to_string()),
        direction: own.direction.map(|direction| match direction {
            finding::Direction::Widens => Direction::Widens,
            finding::Direction::Narrows => Direction::Narrows,
            finding::Direction::Neutral => Direction::Neutral,
        }),
        locations: own
            .locations
            .iter()
            .map(|place| Location {
                path: place.path.clone(),
                line: place.line,
                column: place.column,
            })
            .collect(),
        fingerprint: own.fingerprint(tenant_id).to_string(),
        series: own.series(tenant_id).to_string(),
    }
}

fn severity(own: OwnSeverity) -> Severity {
    match own {
        OwnSeverity::Info => Severity::Info,
        OwnSeverity::Low => Severity::Low,
        OwnSeverity::Medium => Severity::Medium,
        OwnSeverity::High => Severity::High,
        OwnSeverity::Critical => Severity::Critical,
    }
}
