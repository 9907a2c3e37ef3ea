//! The investigation for tickets and job summaries. Texts of a tenant are inert.

use super::view::View;
use crate::investigation::indicator::Strength;
use crate::investigation::runbook::ItemState;
use crate::report::inert::{code, prose};
use std::fmt::Write as _;

pub(super) fn render(view: &View) -> String {
    let mut text = String::new();
    let domain = view
        .organization
        .domain
        .as_deref()
        .unwrap_or("organization not known");
    let _ = writeln!(
        text,
        "# Investigation of {}: {}\n",
        prose(&view.tenant),
        view.verdict.name()
    );
    let _ = writeln!(text, "{} · {}\n", prose(domain), view.generated_at);
    text.push_str("## Connectors\n\n| Connector | Verdict | Why |\n| --- | --- | --- |\n");
    for own in &view.connectors {
        let reasons: Vec<String> = own.reasons.iter().map(|reason| cell(reason)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            span(&own.connector.name),
            own.verdict.name(),
            reasons.join("<br>")
        );
    }
    text.push_str("\n## What happened\n\n");
    if view.changes.is_empty() {
        text.push_str("No change of a connector is known.\n");
    }
    for change in &view.changes {
        let _ = writeln!(
            text,
            "- {} {}: {}",
            change.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            code(&change.connector.name),
            prose(&change.words.join("; "))
        );
        for record in &change.records {
            let address = record
                .client_ip
                .map(|own| format!(" from {own}"))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "  - by {}{} with {}, record {}",
                code(&record.actor.words()),
                prose(&address),
                prose(&record.operation),
                code(&record.record)
            );
        }
    }
    for (title, actors) in view.groups_of_actors() {
        if !actors.is_empty() {
            let _ = writeln!(text, "\n## {title}\n");
        }
        for triage in actors {
            let _ = writeln!(text, "- {}", code(&triage.actor.words()));
            for sign in &triage.signs {
                let _ = writeln!(text, "  - {}: {}", sign.strength.name(), prose(&sign.words));
            }
        }
    }
    text.push_str("\n## Indicators\n");
    for own in &view.connectors {
        let _ = writeln!(
            text,
            "\n### {}\n\n| Indicator | Sign | Score | What was measured |\n| --- | --- | --- | --- |",
            code(&own.connector.name)
        );
        for sign in own
            .signs
            .iter()
            .filter(|sign| sign.strength != Strength::NotApplicable)
        {
            let score = sign
                .score
                .map(|score| score.to_string())
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "| {} | {} | {score} | {} |",
                sign.indicator,
                sign.strength.name(),
                cell(&sign.message)
            );
        }
    }
    if !view.findings.is_empty() {
        text.push_str("\n## About the evidence\n\n");
    }
    for finding in &view.findings {
        let _ = writeln!(
            text,
            "- **{}** {}: {}",
            finding.severity,
            prose(&finding.rule),
            prose(&finding.message)
        );
    }
    text.push_str("\n## What to do next\n");
    for step in &view.runbook.steps {
        let _ = writeln!(text, "\n### {}\n", step.title);
        for before in &step.before {
            let _ = writeln!(text, "First: {}\n", prose(before));
        }
        for item in &step.items {
            // A tick would say that somebody did it.
            let mark = match item.state {
                ItemState::ToDo | ItemState::Unknown => "[ ]",
                answered => answered.name(),
            };
            let _ = writeln!(
                text,
                "- {mark} {}: {}",
                prose(&item.title),
                prose(&item.found)
            );
            for command in &item.commands {
                let line = command.line.replace('\n', " ");
                let _ = writeln!(text, "  - {}: {}", command.tool, code(&line));
            }
        }
    }
    text.push_str("\n## Evidence\n\n| File | What it is | Rows | Rejected | SHA-256 |\n| --- | --- | --- | --- | --- |\n");
    for file in &view.files {
        let digest = file.digest.map(|own| own.hex()).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {digest} |",
            span(&file.path),
            file.form.words(),
            file.rows,
            file.rejected.count
        );
    }
    for missing in &view.coverage.missing {
        let _ = writeln!(text, "\nMissing: {}", prose(missing));
    }
    text
}

/// Prose inside a table, where a bar ends a cell.
fn cell(text: &str) -> String {
    prose(&text.replace('|', "¦"))
}

fn span(text: &str) -> String {
    code(&text.replace('|', "¦"))
}
