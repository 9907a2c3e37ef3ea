//! The investigation for a responder at three in the morning: the verdict first, then what happened, who did it, the
//! numbers, and what to do next.

use super::view::{Change, Connector, View};
use crate::finding::excerpt;
use crate::hostile_text::visible;
use crate::investigation::actor::Triage;
use crate::investigation::attribution::Known;
use crate::investigation::indicator::Strength;
use crate::investigation::runbook::ItemState;
use crate::investigation::verdict::CaseVerdict;
use crate::report::terminal::labelled;
use owo_colors::{OwoColorize as _, Style};
use std::fmt::Write as _;

pub(super) fn render(view: &View) -> String {
    let mut page = Page::default();
    page.head(view);
    for own in view
        .connectors
        .iter()
        .filter(|own| own.verdict != CaseVerdict::NoSign)
    {
        page.connector(own);
    }
    page.quiet(view);
    page.changes(view);
    for (title, actors) in view.groups_of_actors() {
        page.actors(&title.to_ascii_lowercase(), &actors);
    }
    page.findings(view);
    page.runbook(view);
    page.evidence(view);
    page.foot(view);
    page.text
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
        labelled(
            &mut self.text,
            indent,
            (label, style, width),
            &visible(text),
        );
    }

    fn title(&mut self, title: &str) {
        self.line(0, &title.bold().to_string());
    }

    fn head(&mut self, view: &View) {
        let domain = view
            .organization
            .domain
            .as_deref()
            .unwrap_or("organization not known");
        self.line(
            0,
            &format!(
                "{}  {}  {}",
                visible(&view.tenant).bold(),
                view.verdict.name().style(style(view.verdict)),
                visible(domain).dimmed()
            ),
        );
        let coverage = &view.coverage;
        let baseline = view.baseline.as_ref().map_or_else(
            || "no verified baseline; the earliest state stands for what was approved".to_owned(),
            |own| {
                format!(
                    "baseline version {} signed by {}",
                    own.version,
                    own.signers.join(", ")
                )
            },
        );
        self.labelled(2, "against", Style::new().dimmed(), 11, &baseline);
        let states: Vec<String> = coverage.states.iter().map(ToString::to_string).collect();
        let states = match states.as_slice() {
            [] => "none that says when it was read".to_owned(),
            [only] => only.clone(),
            [first, .., last] => format!("{} from {first} to {last}", states.len()),
        };
        self.labelled(2, "states", Style::new().dimmed(), 11, &states);
        let log = coverage.log.as_ref().map_or_else(
            || "none".to_owned(),
            |log| {
                let on = match log.enabled {
                    Some(true) => "on",
                    Some(false) => "OFF",
                    None => "not known whether it was on",
                };
                format!(
                    "{} to {}, {} records ({} of people and applications, {} of the service, {} twice), {} days without any; {on}",
                    log.first, log.last, log.records, log.kept, log.noise, log.duplicates, log.silent_days
                )
            },
        );
        self.labelled(2, "audit log", Style::new().dimmed(), 11, &log);
        let mail = coverage.mail.as_ref().map_or_else(
            || "none".to_owned(),
            |mail| format!("{} to {}, {} mails", mail.first, mail.last, mail.mails),
        );
        self.labelled(2, "mail", Style::new().dimmed(), 11, &mail);
        self.blank();
    }

    fn connector(&mut self, own: &Connector) {
        let id = own.connector.id.as_deref().unwrap_or("no id");
        let gone = if own.is_there == Some(false) {
            "  gone"
        } else {
            ""
        };
        self.line(
            0,
            &format!(
                "{}  \"{}\"  {}{gone}",
                own.verdict.name().style(style(own.verdict)),
                visible(&excerpt(&own.connector.name)).bold(),
                id.dimmed(),
            ),
        );
        if own.verdict == CaseVerdict::NotEnoughEvidence {
            for reason in &own.reasons {
                self.labelled(2, "missing", Style::new().yellow(), 12, reason);
            }
        }
        for sign in &own.signs {
            let (label, how) = match sign.strength {
                Strength::Strong => ("strong", Style::new().red().bold()),
                Strength::Weak => ("weak", Style::new().yellow()),
                Strength::Quiet => ("quiet", Style::new().green()),
                Strength::NotEvaluated => ("not looked", Style::new().yellow()),
                Strength::NotApplicable => continue,
            };
            self.labelled(
                2,
                label,
                how,
                12,
                &format!("{}: {}", sign.indicator, sign.message),
            );
        }
        for drift in &own.drift {
            self.labelled(2, "drift", Style::new().red(), 12, drift);
        }
        self.blank();
    }

    fn quiet(&mut self, view: &View) {
        let quiet: Vec<&Connector> = view
            .connectors
            .iter()
            .filter(|own| own.verdict == CaseVerdict::NoSign)
            .collect();
        for own in &quiet {
            let looked = own
                .signs
                .iter()
                .filter(|sign| sign.strength >= Strength::Quiet)
                .count();
            let not: Vec<&str> = own
                .signs
                .iter()
                .filter(|sign| sign.strength == Strength::NotEvaluated)
                .map(|sign| sign.indicator)
                .collect();
            let not = if not.is_empty() {
                String::new()
            } else {
                format!("; not evaluated: {}", not.join(", "))
            };
            self.line(
                0,
                &format!(
                    "{}  \"{}\"",
                    own.verdict.name().style(style(own.verdict)),
                    visible(&excerpt(&own.connector.name)),
                ),
            );
            self.labelled(
                2,
                "",
                Style::new(),
                0,
                &format!("{looked} indicators looked at{not}"),
            );
            for reason in &own.reasons {
                self.labelled(2, "note", Style::new().dimmed(), 6, reason);
            }
        }
        if !quiet.is_empty() {
            self.blank();
        }
    }

    fn changes(&mut self, view: &View) {
        if view.changes.is_empty() {
            return;
        }
        self.title("what happened");
        for change in &view.changes {
            self.change(change);
        }
        self.blank();
    }

    fn change(&mut self, change: &Change) {
        let direction = change
            .direction
            .map(|own| format!("  {own} trust"))
            .unwrap_or_default();
        self.line(
            2,
            &format!(
                "{}  \"{}\"{}",
                change.at.strftime("%Y-%m-%d %H:%M:%S UTC").dimmed(),
                visible(&excerpt(&change.connector.name)).bold(),
                if change.direction == Some("widens") {
                    direction.red().to_string()
                } else {
                    direction
                }
            ),
        );
        for words in &change.words {
            self.labelled(6, "", Style::new(), 0, words);
        }
        for record in &change.records {
            let address = record
                .client_ip
                .map(|own| format!(" from {own}"))
                .unwrap_or_default();
            let session = if record.session.is_empty() {
                String::new()
            } else {
                format!(", session {}", record.session)
            };
            self.labelled(
                6,
                "by",
                Style::new().cyan(),
                4,
                &format!(
                    "{}{address} with {} at {}{session}  ({}, {})",
                    record.actor.words(),
                    record.operation,
                    record.time,
                    record.record,
                    record.place
                ),
            );
        }
        match change.known {
            Known::Attributed => {}
            Known::WithoutRecord => self.labelled(
                6,
                "?",
                Style::new().yellow(),
                4,
                "no audit record explains it",
            ),
            Known::RecordOnly => self.labelled(
                6,
                "?",
                Style::new().yellow(),
                4,
                "known by the record alone: no state shows it",
            ),
            Known::Contradicted => {
                self.labelled(6, "!", Style::new().red(), 4, "record and state disagree")
            }
            Known::ShortLived => self.labelled(
                6,
                "!",
                Style::new().red(),
                4,
                "no state ever showed it: reconstructed from the record that created it",
            ),
        }
    }

    fn actors(&mut self, title: &str, actors: &[&Triage]) {
        if actors.is_empty() {
            return;
        }
        self.title(title);
        for triage in actors {
            let addresses: Vec<String> = triage.addresses.iter().map(ToString::to_string).collect();
            self.line(
                2,
                &format!(
                    "{}  {}",
                    visible(&triage.actor.words()).bold(),
                    visible(&addresses.join(", ")).dimmed()
                ),
            );
            for sign in &triage.signs {
                let how = if sign.strength == Strength::Strong {
                    Style::new().red().bold()
                } else {
                    Style::new().yellow()
                };
                self.labelled(
                    4,
                    sign.strength.name(),
                    how,
                    8,
                    &format!("{}: {}", sign.sign, sign.words),
                );
            }
            for not in &triage.not_evaluated {
                self.labelled(4, "not", Style::new().dimmed(), 8, not);
            }
            for operation in triage.operations.iter().take(SHOWN_OPERATIONS) {
                self.labelled(
                    4,
                    "",
                    Style::new(),
                    0,
                    &format!(
                        "{}  {}  {}",
                        operation.time.strftime("%Y-%m-%d %H:%M"),
                        operation.operation,
                        excerpt(&operation.object)
                    ),
                );
            }
            let more =
                triage.operations.len().saturating_sub(SHOWN_OPERATIONS) + triage.more_operations;
            if more > 0 {
                self.line(
                    4,
                    &format!("and {more} operations more, in the JSON and HTML reports")
                        .dimmed()
                        .to_string(),
                );
            }
        }
        self.blank();
    }

    fn findings(&mut self, view: &View) {
        if view.findings.is_empty() {
            return;
        }
        self.title("about the evidence");
        for finding in &view.findings {
            let name = finding
                .connector
                .as_ref()
                .map(|own| format!("\"{}\": ", excerpt(&own.name)))
                .unwrap_or_default();
            let how = match finding.severity {
                "critical" | "high" => Style::new().red().bold(),
                "medium" | "low" => Style::new().yellow(),
                _ => Style::new().dimmed(),
            };
            self.labelled(
                2,
                finding.severity,
                how,
                10,
                &format!("{}: {name}{}", finding.rule, finding.message),
            );
            self.labelled(12, "", Style::new(), 0, &finding.place);
        }
        self.blank();
    }

    fn runbook(&mut self, view: &View) {
        self.title("what to do next");
        for step in &view.runbook.steps {
            self.line(2, &step.title.bold().to_string());
            for before in &step.before {
                self.labelled(4, "first", Style::new().yellow(), 8, before);
            }
            for item in &step.items {
                let how = match item.state {
                    ItemState::ToDo => Style::new().red().bold(),
                    ItemState::Unknown => Style::new().yellow(),
                    ItemState::Answered | ItemState::NothingToDo => Style::new().dimmed(),
                };
                self.labelled(
                    4,
                    item.state.name(),
                    how,
                    15,
                    &format!("{}: {}", item.title, item.found),
                );
                if item.state == ItemState::ToDo || item.state == ItemState::Unknown {
                    for command in &item.commands {
                        // A command is copied: it stays on its line.
                        for line in command.line.lines() {
                            self.line(19, &format!("$ {}", visible(line)).cyan().to_string());
                        }
                    }
                }
            }
        }
        self.blank();
    }

    fn evidence(&mut self, view: &View) {
        self.title("evidence");
        for file in &view.files {
            let window = match (file.first, file.last) {
                (Some(first), Some(last)) if first != last => format!(", {first} to {last}"),
                (Some(first), _) => format!(", {first}"),
                _ => String::new(),
            };
            let twice = if file.duplicates > 0 {
                format!(", {} twice", file.duplicates)
            } else {
                String::new()
            };
            let rejected = if file.rejected.count > 0 {
                format!(", {} rejected", file.rejected.count)
            } else {
                String::new()
            };
            self.labelled(
                2,
                "",
                Style::new(),
                0,
                &format!(
                    "{}: {}, {}{twice}{rejected}{window}",
                    file.path,
                    file.form.words(),
                    rows(file.rows)
                ),
            );
        }
        for missing in &view.coverage.missing {
            self.labelled(2, "missing", Style::new().yellow(), 9, missing);
        }
        self.blank();
    }

    fn foot(&mut self, view: &View) {
        let count = |verdict: CaseVerdict| {
            view.connectors
                .iter()
                .filter(|own| own.verdict == verdict)
                .count()
        };
        let counts: Vec<String> = CaseVerdict::ALL
            .iter()
            .filter(|verdict| count(**verdict) > 0)
            .map(|verdict| format!("{} {}", count(*verdict), verdict.name()))
            .collect();
        let changed: Vec<String> = view
            .options
            .thresholds
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        if !changed.is_empty() {
            self.labelled(
                0,
                "thresholds",
                Style::new().yellow(),
                11,
                &changed.join(", "),
            );
        }
        if let Some(now) = view.options.now {
            self.labelled(
                0,
                "time",
                Style::new().yellow(),
                11,
                &format!("given as {now}"),
            );
        }
        let counts = match (counts.is_empty(), count(view.verdict)) {
            (true, _) => "there was no connector to look at".to_owned(),
            (false, 0) => format!("{}, and what is said about the evidence", counts.join(", ")),
            (false, _) => counts.join(", "),
        };
        self.line(
            0,
            &format!(
                "{}: {counts}",
                view.verdict.name().style(style(view.verdict))
            ),
        );
    }
}

fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        more => format!("{more} rows"),
    }
}

/// So many operations of an actor are shown on a terminal.
const SHOWN_OPERATIONS: usize = 15;

fn style(verdict: CaseVerdict) -> Style {
    match verdict {
        CaseVerdict::Compromised | CaseVerdict::Suspicious => Style::new().red().bold(),
        CaseVerdict::NotEnoughEvidence => Style::new().yellow().bold(),
        CaseVerdict::NoSign => Style::new().green().bold(),
    }
}
