//! GitLab's code quality report: an array of issues, each with a place and a fingerprint.

use super::{Report, aside, sentence};
use crate::canonical;
use crate::digest::Digest;
use crate::finding::{Finding, Severity, Status};
use crate::hostile_text::visible;
use serde_json::{Value, json};

/// Renders the report.
pub fn render(report: &Report<'_>) -> String {
    let own = report.own_key();
    let mut issues: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| issue(finding, None, &own))
        .collect();
    for tenant in &report.tenants {
        let assessment = &tenant.assessment;
        let name = &assessment.tenant;
        for failure in &assessment.errors {
            let text = format!(
                "{name}: {}: {} ({})",
                failure.source, failure.message, failure.help
            );
            issues.push(without_place("error", &text));
        }
        for reason in &assessment.obstacles {
            issues.push(without_place(
                "no-verdict",
                &format!("{name}: no verdict: {reason}"),
            ));
        }
        let findings = assessment.findings.iter();
        issues.extend(findings.map(|finding| issue(finding, Some(name), assessment.key())));
    }
    canonical::to_string(&Value::Array(issues))
}

/// What is about no file points at the configuration: GitLab drops whatever comes after an issue without a place.
fn without_place(check: &str, text: &str) -> Value {
    json!({
        "check_name": check,
        "description": visible(text),
        "fingerprint": Digest::of_parts([check, text]).hex(),
        "severity": "blocker",
        "location": { "path": "connguard.yaml", "lines": { "begin": 1 } },
    })
}

fn issue(finding: &Finding, tenant: Option<&str>, key: &str) -> Value {
    let (path, line) = finding
        .locations
        .first()
        .map_or(("connguard.yaml", 1), |location| {
            (location.path.as_str(), location.line)
        });
    let aside = aside(finding);
    let severity = if finding.status == Status::Open && finding.decides {
        finding.severity
    } else {
        Severity::Info
    };
    json!({
        "check_name": finding.rule,
        "description": visible(&format!("{aside}{}", sentence(finding, tenant))),
        "fingerprint": finding.fingerprint(key).hex(),
        "severity": match severity {
            Severity::Info => "info",
            Severity::Low => "minor",
            Severity::Medium => "major",
            Severity::High => "critical",
            Severity::Critical => "blocker",
        },
        "location": { "path": visible(path), "lines": { "begin": line } },
    })
}
