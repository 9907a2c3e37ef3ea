//! Markdown, for the summary of a job or a comment: nothing of a tenant means anything in it.

use super::inert::{code, prose};
use super::{Judged, Report};
use crate::finding::{Direction, Finding, Location, Severity, Since, Status, excerpt};
use crate::hostile_text::spelled;
use crate::verdict::Verdict;
use std::fmt::Write as _;

/// Renders the report.
pub fn render(report: &Report<'_>) -> String {
    let mut text = String::new();
    let conclusion = report.conclusion;
    let _ = writeln!(
        text,
        "# connguard: {} (exit {})\n",
        conclusion.verdict.name(),
        conclusion.exit_code
    );
    if let Some(change) = &report.change {
        let _ = writeln!(text, "The change: {}\n", code(change));
    }
    text.push_str("| tenant | verdict | worst | new | open | resolved |\n| --- | --- | --- | ---: | ---: | ---: |\n");
    for tenant in &report.tenants {
        row(&mut text, tenant);
    }
    if !report.out_of_scope.is_empty() {
        let names: Vec<String> = report.out_of_scope.iter().map(|name| code(name)).collect();
        let _ = writeln!(text, "\nOut of scope: {}", names.join(", "));
    }
    if !report.findings.is_empty() {
        text.push_str("\n## This run\n\n");
        for finding in &report.findings {
            item(&mut text, finding, &report.own_key());
        }
    }
    for tenant in &report.tenants {
        section(&mut text, tenant);
    }
    text
}

/// Only words of our own stand in the table: in a cell a code span is no shelter from `|`.
fn row(text: &mut String, tenant: &Judged) {
    let assessment = &tenant.assessment;
    let deciding = || assessment.open().filter(|finding| finding.decides);
    let worst = deciding().map(|finding| finding.severity).max();
    let count = |since| {
        let all = assessment
            .open()
            .filter(|finding| finding.since == Some(since));
        all.count().to_string()
    };
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} |",
        assessment.tenant,
        word(tenant, worst),
        worst.map_or("none", Severity::name),
        count(Since::New),
        assessment.open().count(),
        assessment.resolved.len()
    );
}

/// A tenant that a change leaves as it is is not clean for that.
fn word(tenant: &Judged, worst: Option<Severity>) -> &'static str {
    let aside = |finding: &Finding| !finding.decides && finding.severity > Severity::Info;
    if worst.is_none()
        && tenant.conclusion.verdict == Verdict::Clean
        && tenant.assessment.open().any(aside)
    {
        return "no worse";
    }
    tenant.conclusion.verdict.name()
}

fn section(text: &mut String, tenant: &Judged) {
    let assessment = &tenant.assessment;
    let domain = assessment.organization.domain.as_deref();
    let _ = writeln!(
        text,
        "\n## {} {}\n",
        assessment.tenant,
        domain.map(code).unwrap_or_default()
    );
    for failure in &assessment.errors {
        let _ = writeln!(
            text,
            "- **error** {}: {} ({})",
            prose(&failure.source),
            prose(&failure.message),
            prose(&failure.help)
        );
    }
    for reason in &assessment.obstacles {
        let _ = writeln!(text, "- **no verdict** {}", prose(reason));
    }
    for finding in &assessment.findings {
        item(text, finding, assessment.key());
    }
    for finding in &assessment.resolved {
        let _ = writeln!(
            text,
            "- resolved: {}{}",
            code(&finding.rule),
            subject(finding)
        );
    }
    if assessment.findings.is_empty()
        && assessment.errors.is_empty()
        && assessment.obstacles.is_empty()
    {
        text.push_str("Nothing was found.\n");
    }
    let coverage = &assessment.coverage;
    let _ = writeln!(
        text,
        "\n{} connectors, {} settings compared, {} not compared; rules: {} passed, {} failed, {} accepted, {} not applicable, {} not evaluated.",
        coverage.connectors,
        coverage.properties_compared,
        coverage.not_compared.len(),
        coverage.rules_passed,
        coverage.rules_failed,
        coverage.rules_accepted,
        coverage.rules_not_applicable,
        coverage.rules_not_evaluated.len()
    );
}

fn subject(finding: &Finding) -> String {
    let connector = finding
        .connector
        .as_ref()
        .map(|own| format!(" {}", code(&excerpt(&own.name))));
    let property = finding
        .property
        .as_ref()
        .map(|property| format!(" {}", code(property)));
    format!(
        "{}{}",
        connector.unwrap_or_default(),
        property.unwrap_or_default()
    )
}

fn item(text: &mut String, finding: &Finding, key: &str) {
    let word = match finding.status {
        Status::Open => finding.severity.name(),
        Status::Accepted => "accepted",
    };
    let direction = match finding.direction {
        Some(Direction::Widens) => ", widens trust",
        Some(Direction::Narrows) => ", narrows trust",
        Some(Direction::Neutral) | None => "",
    };
    let since = match (finding.since, finding.status) {
        (_, Status::Accepted) | (None, _) => "",
        (Some(Since::New), Status::Open) => ", new",
        (Some(Since::Open), Status::Open) => ", open before",
    };
    let aside = if finding.decides || finding.status == Status::Accepted {
        ""
    } else {
        ", decides nothing"
    };
    let _ = writeln!(
        text,
        "- **{word}** {}{}{direction}{since}{aside}: {}",
        code(&finding.rule),
        subject(finding),
        prose(&finding.message)
    );
    if let Some(spelled) = finding
        .connector
        .as_ref()
        .and_then(|own| spelled(&excerpt(&own.name)))
    {
        let _ = writeln!(
            text,
            "  - its name is not what it looks like: {}",
            code(&spelled)
        );
    }
    if finding.status == Status::Open {
        let _ = writeln!(text, "  - fix: {}", prose(&finding.fix));
    }
    let places: Vec<String> = finding
        .locations
        .iter()
        .map(Location::to_string)
        .map(|place| code(&place))
        .collect();
    let _ = writeln!(text, "  - at {}", places.join(", "));
    let _ = writeln!(
        text,
        "  - fingerprint {}",
        code(&finding.fingerprint(key).hex())
    );
}
