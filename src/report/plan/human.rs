//! A plan for a person at a terminal: each step with its marks, why, and what is lost by it.

use super::element::{Mark, Shown, shown};
use super::totals;
use crate::finding::{Direction, Severity, excerpt};
use crate::hostile_text::{spelled, visible};
use crate::plan::{Action, Assignment, Plan, Purpose, Step};
use crate::report::terminal::labelled;
use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style};
use std::fmt::Write as _;

/// Renders a plan with terminal styles.
pub fn render(plan: &Plan, now: Timestamp) -> String {
    let mut page = Page {
        text: String::new(),
    };
    page.head(plan, now);
    for (index, step) in plan.steps.iter().enumerate() {
        page.step(index + 1, step);
    }
    page.foot(plan);
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    fn labelled(&mut self, indent: usize, label: &str, style: Style, text: &str) {
        const MARGIN: usize = 11;
        labelled(&mut self.text, indent, (label, style, MARGIN), text);
    }

    fn head(&mut self, plan: &Plan, now: Timestamp) {
        let what = match plan.purpose {
            Purpose::Revert => "plan to put back",
            Purpose::Contain => "plan to contain",
            Purpose::Inverse => "plan that undoes a plan:",
        };
        let domain = plan.organization.domain.as_deref().unwrap_or_default();
        let head = format!("{what} {}", visible(&plan.tenant));
        self.line(0, &format!("{}  {}", head.bold(), visible(domain).dimmed()));
        let dimmed = Style::new().dimmed();
        let taken = plan.taken_at.map(|time| format!(", taken {time}"));
        let snapshot = format!("{}{}", plan.snapshot, taken.unwrap_or_default());
        self.labelled(2, "from", dimmed, &snapshot);
        let baseline = format!(
            "version {} of the baseline, signed by {}",
            plan.baseline.version,
            visible(&plan.baseline.signers.join(", "))
        );
        self.labelled(2, "to", dimmed, &baseline);
        if let Some(digest) = plan.inverse_of {
            self.labelled(2, "undoes", dimmed, &digest.to_string());
        }
        self.labelled(2, "plan", dimmed, &plan.digest().to_string());
        match plan.obstacle(now) {
            None => self.labelled(2, "good until", dimmed, &plan.expires.to_string()),
            Some(reason) => self.labelled(2, "expired", Style::new().red().bold(), &reason),
        }
        self.text.push('\n');
    }

    fn step(&mut self, number: usize, step: &Step) {
        let subject = step.connector.as_ref().map_or_else(
            || "the tenant".bold().to_string(),
            |connector| {
                let name = visible(&excerpt(&connector.name)).replace('"', "\\\"");
                let id = connector.id.as_deref().unwrap_or("made by this plan");
                format!("{} {}", format!("\"{name}\"").bold(), id.dimmed())
            },
        );
        let head = format!(
            "{number:>2}  {}  {subject}{}",
            step.action.name().style(style(step.action)),
            direction(step.direction)
        );
        self.line(2, &head);
        if let Some(spelled) = step
            .connector
            .as_ref()
            .and_then(|connector| spelled(&excerpt(&connector.name)))
        {
            self.labelled(6, "spelled", Style::new().yellow().bold(), &spelled);
        }
        self.labelled(6, "", Style::new(), &visible(&step.words));
        for assignment in &step.settings {
            if step.action != Action::Remove {
                self.assignment(assignment);
            }
        }
        if let Some(lost) = &step.lost {
            self.labelled(6, "lost", Style::new().yellow().bold(), lost);
        }
        for answer in &step.answers {
            let text = format!("{}: {}", answer.rule, visible(&answer.message));
            self.labelled(6, answer.severity.name(), severity(answer.severity), &text);
        }
        self.text.push('\n');
    }

    fn assignment(&mut self, assignment: &Assignment) {
        let name = assignment.property.name();
        if assignment.partner {
            let value = match shown(assignment) {
                Shown::Value { after, .. } => after,
                Shown::Elements(elements) if elements.is_empty() => "(empty)".to_owned(),
                Shown::Elements(elements) => elements
                    .into_iter()
                    .map(|(_, element)| element)
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            let line = format!("  {name}: {} (unchanged, sent with it)", visible(&value));
            return self.line(6, &line.dimmed().to_string());
        }
        match shown(assignment) {
            Shown::Value {
                before: None,
                after,
            } => {
                let line = format!("+ {name}: {}", visible(&after));
                self.line(6, &line.green().to_string());
            }
            Shown::Value {
                before: Some(before),
                after,
            } => {
                let line = format!("~ {name}: {} → {}", visible(&before), visible(&after));
                self.line(6, &line.yellow().to_string());
            }
            Shown::Elements(elements) => {
                let empty = elements.iter().all(|(mark, _)| *mark == Mark::Gone);
                let note = if empty { " (empty from then on)" } else { "" };
                self.line(6, &format!("~ {name}:{note}").yellow().to_string());
                for (mark, element) in elements {
                    let element = visible(&element);
                    let line = match mark {
                        Mark::Kept => format!("  {element}"),
                        Mark::Gone => format!("- {element}").red().to_string(),
                        Mark::Added => format!("+ {element}").green().to_string(),
                    };
                    self.line(10, &line);
                }
            }
        }
    }

    fn foot(&mut self, plan: &Plan) {
        self.line(0, &totals(plan).bold().to_string());
        for warning in &plan.warnings {
            self.labelled(
                0,
                "warning",
                Style::new().yellow().bold(),
                &visible(warning),
            );
        }
    }
}

fn style(action: Action) -> Style {
    match action {
        Action::Disable | Action::Remove => Style::new().red().bold(),
        Action::Set | Action::Rename | Action::Manual => Style::new().yellow().bold(),
        Action::Create => Style::new().green().bold(),
    }
}

fn direction(direction: Direction) -> String {
    match direction {
        Direction::Widens => format!("  {}", "widens trust".red()),
        Direction::Narrows => format!("  {}", "narrows trust".green()),
        Direction::Neutral => String::new(),
    }
}

fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical | Severity::High => Style::new().red(),
        Severity::Medium => Style::new().yellow(),
        Severity::Low | Severity::Info => Style::new().dimmed(),
    }
}
