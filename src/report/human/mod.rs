//! The report for an administrator at three in the morning: what is wrong
//! first, before and after of just what differs, in words, how to mend it,
//! where it is written, and what was and was not looked at.

mod summary;
mod values;

use super::terminal::labelled;
use super::{Judged, Report};
use crate::assessment::Times;
use crate::document::time::words;
use crate::finding::{Direction, Finding, Severity, Since, Status, Subject, excerpt};
use crate::hostile_text::{spelled, visible};
use crate::verdict::Verdict;
use owo_colors::{OwoColorize as _, Style};
use similar::DiffTag;
use similar::algorithms::{Capture, myers};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use values::list_values;

/// Renders the report with terminal styles.
pub fn render(report: &Report<'_>) -> String {
    let mut page = Page::default();
    for tenant in worst_first(report) {
        page.tenant(tenant);
    }
    if !report.findings.is_empty() {
        page.line(0, &"this run".bold().to_string());
        for finding in &report.findings {
            page.finding(2, finding);
        }
        page.blank();
    }
    page.summary(report);
    page.text
}

/// Tenants that need somebody come first, those of one kind by name.
fn worst_first<'r>(report: &'r Report<'_>) -> Vec<&'r Judged> {
    let rank = |tenant: &&Judged| {
        let code = tenant.conclusion.exit_code;
        [14, 13, 1, 3, 12, 11, 0]
            .iter()
            .position(|&known| known == code)
    };
    let mut tenants: Vec<&Judged> = report.tenants.iter().collect();
    tenants.sort_unstable_by_key(|tenant| (rank(tenant), tenant.assessment.tenant.clone()));
    tenants
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn labelled(&mut self, indent: usize, label: &str, style: Style, width: usize, text: &str) {
        labelled(&mut self.text, indent, (label, style, width), text);
    }

    fn tenant(&mut self, tenant: &Judged) {
        let assessment = &tenant.assessment;
        let domain = assessment
            .organization
            .domain
            .as_deref()
            .unwrap_or("organization not known");
        self.line(
            0,
            &format!(
                "{}  {}  {}",
                visible(&assessment.tenant).bold(),
                verdict(tenant),
                visible(domain).dimmed()
            ),
        );
        self.origin(tenant);
        self.blank();
        for failure in &assessment.errors {
            self.labelled(
                2,
                "error",
                Style::new().red().bold(),
                13,
                &format!(
                    "{}: {}",
                    visible(&failure.source),
                    visible(&failure.message)
                ),
            );
            self.labelled(
                2,
                "",
                Style::new(),
                13,
                &format!("→ {}", visible(&failure.help)),
            );
        }
        for obstacle in &assessment.obstacles {
            self.labelled(
                2,
                "no verdict",
                Style::new().yellow().bold(),
                13,
                &visible(obstacle),
            );
        }
        if !assessment.errors.is_empty() || !assessment.obstacles.is_empty() {
            self.blank();
        }
        self.in_short(&assessment.findings);
        for (connector, findings) in by_connector(&assessment.findings) {
            self.connector(connector, &findings, &assessment.times);
        }
        for finding in &assessment.resolved {
            let of = finding.connector.as_ref();
            let of = of.map(|own| format!(" on {}", quoted(&own.name)));
            let text = format!("{}{}", finding.rule, of.unwrap_or_default());
            self.labelled(2, "resolved", Style::new().green(), 13, &visible(&text));
        }
        self.coverage(tenant);
        self.blank();
    }

    fn origin(&mut self, tenant: &Judged) {
        let assessment = &tenant.assessment;
        if let Some(snapshot) = &assessment.snapshot {
            let age = match (snapshot.taken_at, snapshot.age) {
                (Some(time), Some(age)) => format!("taken {time}, {} ago", words(age)),
                _ => "taken at an unknown time".to_owned(),
            };
            let asked = if snapshot.by_operator {
                " (named on the command line)"
            } else {
                ""
            };
            self.labelled(
                2,
                "snapshot",
                Style::new().dimmed(),
                13,
                &format!("{}{asked}, {age}", visible(&snapshot.origin)),
            );
            let parts: Vec<String> = snapshot
                .complete
                .iter()
                .map(|(part, state)| format!("{} {}", part.name(), visible(&state.words())))
                .collect();
            self.labelled(2, "", Style::new(), 13, &parts.join("; "));
        }
        if let Some(baseline) = &assessment.baseline {
            let signers: Vec<&str> = baseline
                .signers
                .iter()
                .map(|signer| signer.principal.as_str())
                .collect();
            let text = format!(
                "{} version {}, signed by {} ({} needed), valid until {}",
                baseline.path,
                baseline.version,
                signers.join(", "),
                baseline.threshold,
                baseline.expires
            );
            self.labelled(2, "baseline", Style::new().dimmed(), 13, &visible(&text));
        }
    }

    /// What may happen now that could not before, where it would otherwise take scrolling to find out.
    fn in_short(&mut self, findings: &[Finding]) {
        const SHOWN: usize = 6;
        let widened: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.direction == Some(Direction::Widens) && finding.decides)
            .collect();
        if widened.len() < 2 {
            return;
        }
        self.line(2, &"in short, wider than was approved:".bold().to_string());
        for finding in widened.iter().take(SHOWN) {
            let who = finding
                .connector
                .as_ref()
                .map(|connector| format!("{}: ", quoted(&connector.name)))
                .unwrap_or_default();
            self.labelled(
                4,
                finding.severity.name(),
                severity_style(finding.severity),
                11,
                &format!("{who}{}", visible(&finding.message)),
            );
        }
        if widened.len() > SHOWN {
            self.line(4, &format!("and {} more, below", widened.len() - SHOWN));
        }
        self.blank();
    }

    fn connector(
        &mut self,
        connector: Option<&Subject>,
        findings: &[&Finding],
        times: &BTreeMap<Subject, Times>,
    ) {
        match connector {
            Some(connector) => {
                let id = connector.id.as_deref().unwrap_or("no id");
                self.line(
                    2,
                    &format!(
                        "{} {}",
                        quoted(&connector.name).bold(),
                        visible(id).dimmed()
                    ),
                );
                if let Some(spelled) = spelled(&excerpt(&connector.name)) {
                    self.labelled(4, "spelled", Style::new().yellow().bold(), 11, &spelled);
                }
                if let Some(times) = times.get(connector).and_then(Times::words) {
                    self.labelled(4, "", Style::new(), 0, &times);
                }
            }
            None => self.line(2, &"the tenant as a whole".bold().to_string()),
        }
        self.difference(findings);
        for finding in findings {
            self.finding(4, finding);
        }
        self.blank();
    }

    /// Before and after of the settings that differ, element by element.
    fn difference(&mut self, findings: &[&Finding]) {
        let mut before = String::new();
        let mut after = String::new();
        for finding in findings
            .iter()
            .filter(|finding| finding.rule.starts_with("drift-"))
        {
            list_values(
                &mut before,
                finding.property.as_deref(),
                finding.expected.as_ref(),
            );
            list_values(
                &mut after,
                finding.property.as_deref(),
                finding.actual.as_ref(),
            );
        }
        for (mark, line) in line_by_line(&before, &after) {
            let shown = match mark {
                '-' => format!("- {line}").red().to_string(),
                '+' => format!("+ {line}").green().to_string(),
                _ => format!("  {line}"),
            };
            self.line(6, &shown);
        }
    }

    fn finding(&mut self, indent: usize, finding: &Finding) {
        let (label, style) = match finding.status {
            Status::Open if !finding.decides => (finding.severity.name(), Style::new().dimmed()),
            Status::Open => (finding.severity.name(), severity_style(finding.severity)),
            Status::Accepted => ("accepted", Style::new().dimmed()),
        };
        let property = finding
            .property
            .as_deref()
            .filter(|property| !finding.message.contains(property))
            .map(|property| format!("{}: ", visible(property)))
            .unwrap_or_default();
        let direction = match finding.direction {
            Some(Direction::Widens) => " [widens trust]",
            Some(Direction::Narrows) => " [narrows trust]",
            Some(Direction::Neutral) | None => "",
        };
        let aside = match (
            finding.decides || finding.status == Status::Accepted,
            finding.since,
        ) {
            (true, _) => "",
            (false, Some(Since::Open)) => " [open before, decides nothing]",
            (false, _) => " [decides nothing]",
        };
        let since = match (finding.since, finding.status, finding.decides) {
            (Some(Since::New), Status::Open, true) => " [new]",
            _ => "",
        };
        self.labelled(
            indent,
            label,
            style,
            11,
            &format!(
                "{}: {property}{}{direction}{since}{aside}",
                finding.rule,
                visible(&finding.message)
            ),
        );
        if finding.status == Status::Open {
            self.labelled(
                indent + 11,
                "",
                Style::new(),
                0,
                &format!("→ {}", visible(&finding.fix)),
            );
        }
        let places: Vec<String> = finding
            .locations
            .iter()
            .map(|location| visible(&location.to_string()))
            .collect();
        self.labelled(
            indent + 11,
            "at ",
            Style::new().dimmed(),
            3,
            &places.join(", "),
        );
    }

    fn coverage(&mut self, tenant: &Judged) {
        let coverage = &tenant.assessment.coverage;
        if tenant.assessment.snapshot.is_none() {
            return;
        }
        let compared = format!(
            "{} connectors; {} settings compared, {} properties left aside with a reason, {} not compared, {} not recognised",
            coverage.connectors,
            coverage.properties_compared,
            coverage.properties_ignored,
            coverage.not_compared.len(),
            coverage.unrecognised.len()
        );
        self.labelled(2, "looked at", Style::new().dimmed(), 13, &compared);
        let rules = format!(
            "{} passed, {} failed, {} accepted, {} not applicable, {} not evaluated",
            coverage.rules_passed,
            coverage.rules_failed,
            coverage.rules_accepted,
            coverage.rules_not_applicable,
            coverage.rules_not_evaluated.len()
        );
        self.labelled(2, "rules", Style::new().dimmed(), 13, &rules);
        for entry in &coverage.rules_not_evaluated {
            let text = format!(
                "{} on {}: {}",
                entry.rule,
                quoted(&entry.connector),
                visible(&entry.reason)
            );
            self.labelled(2, "not judged", Style::new().yellow(), 13, &text);
        }
    }
}

fn verdict(tenant: &Judged) -> String {
    let worst = tenant
        .assessment
        .open()
        .filter(|finding| finding.decides)
        .map(|finding| finding.severity)
        .filter(|severity| *severity > Severity::Info)
        .max();
    let word = tenant.conclusion.verdict.name().to_uppercase();
    let style = match (tenant.conclusion.verdict, worst) {
        (Verdict::Clean, _) => Style::new().green().bold(),
        (_, Some(severity)) => severity_style(severity),
        _ => Style::new().yellow().bold(),
    };
    let before = tenant
        .assessment
        .open()
        .filter(|finding| !finding.decides && finding.severity > Severity::Info)
        .count();
    let shown = match (worst, before) {
        (Some(severity), _) => format!("{word} ({severity})"),
        (None, 0) => word,
        // Nothing that the change brings: which is no word on what is there.
        (None, before) => format!("NO WORSE, {before} open"),
    };
    shown.style(style).to_string()
}

fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => Style::new().white().on_red().bold(),
        Severity::High => Style::new().red().bold(),
        Severity::Medium => Style::new().yellow().bold(),
        Severity::Low => Style::new().cyan(),
        Severity::Info => Style::new().dimmed(),
    }
}

/// What an exit code says, for who has not learnt them by heart.
const fn meaning(code: u8) -> &'static str {
    match code {
        0 => "clean",
        3 => "no verdict",
        11 => "open findings, the worst is low",
        12 => "open findings, the worst is medium",
        13 => "open findings, the worst is high",
        14 => "open findings, the worst is critical",
        _ => "error",
    }
}

/// Findings by connector, the connector with the worst first.
fn by_connector(findings: &[Finding]) -> Vec<(Option<&Subject>, Vec<&Finding>)> {
    let mut groups: BTreeMap<Option<&Subject>, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        groups
            .entry(finding.connector.as_ref())
            .or_default()
            .push(finding);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    let worst = |findings: &[&Finding]| {
        findings
            .iter()
            .map(|finding| (finding.status == Status::Open, finding.severity))
            .max()
    };
    groups.sort_by(|one, two| {
        worst(&two.1)
            .cmp(&worst(&one.1))
            .then_with(|| one.0.cmp(&two.0))
    });
    groups
}

/// The lines of both texts, each with `-` where only the first has it, `+` where only the second.
fn line_by_line<'t>(before: &'t str, after: &'t str) -> Vec<(char, &'t str)> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let mut steps = Capture::new();
    let Ok(()) = myers::diff(&mut steps, &before, 0..before.len(), &after, 0..after.len());
    let mut lines = Vec::new();
    for step in steps.ops() {
        let old = before.get(step.old_range()).unwrap_or_default();
        let new = after.get(step.new_range()).unwrap_or_default();
        match step.tag() {
            DiffTag::Equal => lines.extend(old.iter().map(|line| (' ', *line))),
            _ => {
                lines.extend(old.iter().map(|line| ('-', *line)));
                lines.extend(new.iter().map(|line| ('+', *line)));
            }
        }
    }
    lines
}

/// A name between quotes, with its own quotes and anything dangerous shown.
fn quoted(name: &str) -> String {
    format!("\"{}\"", visible(&excerpt(name)).replace('"', "\\\""))
}
