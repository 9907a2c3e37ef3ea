//! A plan for a change ticket: a reviewer who has nothing else understands every step.

use super::element::{Mark, Shown, shown};
use super::totals;
use crate::connector::value::Value;
use crate::document::time::words;
use crate::finding::Direction;
use crate::hostile_text::spelled;
use crate::plan::{Action, Assignment, Plan, Purpose, Step};
use crate::report::inert::{code, prose};
use jiff::Timestamp;
use std::fmt::Write as _;

/// Renders a plan as Markdown in which nothing of a tenant means anything.
pub fn render(plan: &Plan, now: Timestamp) -> String {
    let mut text = String::new();
    head(&mut text, plan, now);
    if !plan.warnings.is_empty() {
        text.push_str("## Before you begin\n\n");
        for warning in &plan.warnings {
            let _ = writeln!(text, "- {}", prose(warning));
        }
        text.push('\n');
    }
    for (index, own) in plan.steps.iter().enumerate() {
        step(&mut text, index + 1, own, plan);
    }
    text
}

fn head(text: &mut String, plan: &Plan, now: Timestamp) {
    let what = match plan.purpose {
        Purpose::Revert => "Put back the inbound connectors of",
        Purpose::Contain => "Contain the inbound connectors of",
        Purpose::Inverse => "Undo a plan for the inbound connectors of",
    };
    let _ = writeln!(text, "# {what} {}\n", code(&plan.tenant));
    if let Some(reason) = plan.obstacle(now) {
        let _ = writeln!(text, "**Expired:** {}\n", prose(&reason));
    }
    let _ = writeln!(text, "{}.\n", totals(plan));
    let domain = plan.organization.domain.as_deref().unwrap_or_default();
    let id = plan.organization.tenant_id.as_deref().unwrap_or_default();
    let _ = writeln!(text, "- organization: {} {}", code(domain), code(id));
    let taken = plan
        .taken_at
        .map(|time| {
            let age = words(now.duration_since(time));
            format!(
                ", taken {}, {age} before this was written",
                code(&time.to_string())
            )
        })
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "- from the snapshot {}{taken}",
        code(&plan.snapshot.to_string())
    );
    let signers: Vec<String> = plan
        .baseline
        .signers
        .iter()
        .map(|name| code(name))
        .collect();
    let _ = writeln!(
        text,
        "- to version {} of the baseline, {}, signed by {}",
        plan.baseline.version,
        code(&plan.baseline.digest.to_string()),
        signers.join(", ")
    );
    let _ = writeln!(
        text,
        "- verified by the root {}",
        code(&plan.root.to_string())
    );
    if let Some(digest) = plan.inverse_of {
        let _ = writeln!(text, "- undoes the plan {}", code(&digest.to_string()));
    }
    let _ = writeln!(
        text,
        "- plan {}, made {}, good until {}\n",
        code(&plan.digest().to_string()),
        code(&plan.made_at.to_string()),
        code(&plan.expires.to_string())
    );
}

fn step(text: &mut String, number: usize, step: &Step, plan: &Plan) {
    let subject = step.connector.as_ref().map_or_else(
        || "the tenant".to_owned(),
        |connector| code(&crate::finding::excerpt(&connector.name)),
    );
    let _ = writeln!(text, "## {number}. {} {subject}\n", heading(step.action));
    if let Some(connector) = &step.connector {
        let id = connector.id.as_deref().unwrap_or("made by this plan");
        let _ = writeln!(text, "- connector: {}", code(id));
        if let Some(spelled) = spelled(&crate::finding::excerpt(&connector.name)) {
            let _ = writeln!(
                text,
                "- **its name is not what it looks like:** {}",
                code(&spelled)
            );
        }
    }
    let _ = writeln!(text, "- {}", prose(&step.words));
    let _ = writeln!(
        text,
        "- {}; {}",
        match step.direction {
            Direction::Widens => "**widens trust**",
            Direction::Narrows => "narrows trust",
            Direction::Neutral => "neither widens nor narrows trust",
        },
        if step.reversible {
            "can be undone"
        } else {
            "**cannot be undone**"
        }
    );
    if let Some(lost) = &step.lost {
        let _ = writeln!(text, "- lost by it: {}", prose(lost));
    }
    for answer in &step.answers {
        let _ = writeln!(
            text,
            "- answers **{}** {}: {}",
            answer.severity,
            code(&answer.rule),
            prose(&answer.message)
        );
    }
    text.push('\n');
    if step.action != Action::Remove && !step.settings.is_empty() {
        differences(text, &step.settings);
    }
    if step.action == Action::Disable {
        as_it_is(text, step, plan);
    }
}

/// What a connector that goes is set to: who looks at the ticket has nothing else.
fn as_it_is(text: &mut String, step: &Step, plan: &Plan) {
    let own = plan
        .observed
        .iter()
        .find(|own| Some(&own.connector) == step.connector.as_ref());
    let settings = own.into_iter().flat_map(|own| &own.settings);
    let telling: Vec<String> = settings
        .filter(|(_, value)| !value.is_empty() && **value != Value::Boolean(false))
        .map(|(property, value)| {
            let elements = crate::finding::shorten(&value.elements());
            format!(
                "- as it is now: `{}` {}\n",
                property.name(),
                code(&elements)
            )
        })
        .collect();
    text.push_str(&telling.concat());
    text.push('\n');
}

const fn heading(action: Action) -> &'static str {
    match action {
        Action::Disable => "Disable",
        Action::Set => "Set",
        Action::Rename => "Rename",
        Action::Create => "Create",
        Action::Remove => "Remove",
        Action::Manual => "By hand:",
    }
}

/// Before and after, a list of code spans: a fence could be closed by what is in it.
fn differences(text: &mut String, settings: &[Assignment]) {
    for assignment in settings {
        let name = assignment.property.name();
        let note = if assignment.partner {
            " (unchanged; the service checks it together with the others)"
        } else {
            ""
        };
        match shown(assignment) {
            Shown::Value { before, after } => {
                let from = before
                    .filter(|_| !assignment.partner)
                    .map(|before| format!("{} → ", code(&before)))
                    .unwrap_or_default();
                let _ = writeln!(text, "- `{name}`: {from}{}{note}", code(&after));
            }
            Shown::Elements(elements) if elements.is_empty() => {
                let _ = writeln!(text, "- `{name}`: empty{note}");
            }
            Shown::Elements(elements) => {
                let _ = writeln!(text, "- `{name}`:{note}");
                for (mark, element) in elements {
                    let word = match mark {
                        Mark::Kept => "keep",
                        Mark::Gone => "**take out**",
                        Mark::Added => "**put in**",
                    };
                    let _ = writeln!(text, "  - {word} {}", code(&element));
                }
            }
        }
    }
    text.push('\n');
}
