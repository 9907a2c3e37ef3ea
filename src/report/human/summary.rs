//! The last lines: how many tenants, by what they were judged, and how the run ends.

use super::{Page, meaning};
use crate::finding::{Severity, Since};
use crate::hostile_text::visible;
use crate::report::terminal::{WIDTH, wrap};
use crate::report::{Report, counted};
use crate::trust::Rollback;
use crate::verdict::Verdict;
use owo_colors::OwoColorize as _;

impl Page {
    /// Writes the summary.
    pub(super) fn summary(&mut self, report: &Report<'_>) {
        let count = |verdict: Verdict| report.count(verdict);
        let tenants = format!(
            "{}: {} clean, {} drift, {} not compared, {} error{}",
            counted(report.tenants.len(), "tenant"),
            count(Verdict::Clean),
            count(Verdict::Drift),
            count(Verdict::NotCompared),
            count(Verdict::Error),
            if report.out_of_scope.is_empty() {
                String::new()
            } else {
                format!(
                    "; out of scope: {}",
                    visible(&report.out_of_scope.join(", "))
                )
            }
        );
        self.line(0, &tenants.bold().to_string());
        let root = report.root.as_ref().map_or_else(
            || "no verified root".to_owned(),
            |root| {
                format!(
                    "root version {} ({})",
                    root.version,
                    match (root.pinned, root.remembered) {
                        (true, _) => "pinned",
                        (false, true) => "as an earlier run saw it",
                        (false, false) => "not pinned",
                    }
                )
            },
        );
        let policy = report.policy.as_ref().map_or_else(
            || "no verified policy, compiled-in rules only".to_owned(),
            |policy| format!("policy version {}", policy.version),
        );
        let rehearsal = if report.rehearsal {
            "; IN A REHEARSAL: addresses of this machine may stand for the service"
        } else {
            ""
        };
        let now = if report.now_given {
            format!("; time given as {}", report.now)
        } else {
            String::new()
        };
        let taken = report
            .taken_at
            .map(|time| format!("; export said to be taken at {time}"))
            .unwrap_or_default();
        let history = match &report.history {
            None => "",
            Some(history) if !history.verified => "; history not verified",
            Some(history) if history.signed => "; history signed",
            Some(_) => "; history unsigned",
        };
        let conditions = format!(
            "{root}; {policy}; {}{history}; fails on {}{now}{taken}{rehearsal}",
            rollback(report),
            report.fail_on
        );
        for line in wrap(&conditions, WIDTH) {
            self.line(0, &line.dimmed().to_string());
        }
        if let Some(change) = &report.change {
            self.line(
                0,
                &format!("the change: {}", visible(change))
                    .dimmed()
                    .to_string(),
            );
        }
        let conclusion = report.conclusion;
        let passes = report.change.is_some() && conclusion.exit_code == 0;
        self.line(
            0,
            &format!(
                "exit {}  {}",
                conclusion.exit_code,
                if passes {
                    what_passes(report)
                } else {
                    meaning(conclusion.exit_code).to_owned()
                }
            ),
        );
    }
}

/// What the gate says of a change that passes, and what it does not say.
fn what_passes(report: &Report<'_>) -> String {
    let open = || {
        report
            .tenants
            .iter()
            .flat_map(|tenant| tenant.assessment.open())
            .filter(|finding| !finding.decides)
    };
    let mut text = "the change may be made".to_owned();
    let before = open()
        .filter(|finding| finding.since == Some(Since::Open) && finding.severity > Severity::Info)
        .count();
    if before > 0 {
        text += &format!("; {} open before, and still", counted(before, "finding"));
    }
    if open().any(|finding| finding.rule == "signatures-missing") {
        text += "; until it is signed, checks give no verdict";
    }
    text
}

/// What memory of earlier versions was good for.
fn rollback(report: &Report<'_>) -> &'static str {
    match report.root.as_ref().map(|root| root.rollback) {
        None => "nothing verified to be remembered",
        Some(Rollback::NotChecked) => {
            "rollback not checked, as this run remembers no earlier versions"
        }
        Some(Rollback::FirstSeen) => {
            "rollback not checked yet, as this is the first run; versions remembered from now on"
        }
        Some(Rollback::Checked | Rollback::Gap { .. }) => "no version older than seen before",
    }
}
