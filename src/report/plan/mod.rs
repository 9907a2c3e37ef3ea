//! One file per view of a plan. Each shows all of it.

mod element;
mod human;
mod markdown;
mod powershell;

use super::{counted, pipeline};
use crate::plan::{Plan, wire};
use jiff::Timestamp;

/// What a plan can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PlanFormat {
    /// For people at a terminal
    Human,
    /// For programs; `connguard schema plan` prints its schema
    Json,
    /// For a change ticket
    Markdown,
    /// For a person without connguard: a script that checks everything first
    Powershell,
}

/// Renders plans, of one tenant each. Human output carries terminal styles, which the caller strips where they are not wanted.
pub fn render(plans: &[&Plan], format: PlanFormat, now: Timestamp) -> String {
    let each = |view: fn(&Plan, Timestamp) -> String| {
        let views: Vec<String> = plans.iter().map(|plan| view(plan, now)).collect();
        views.join("\n")
    };
    match format {
        PlanFormat::Human => pipeline::defuse_text(&each(human::render)),
        PlanFormat::Markdown => pipeline::defuse_text(&each(markdown::render)),
        // Its own rules let no such mark into it.
        PlanFormat::Powershell => each(|plan, _| powershell::render(plan)),
        PlanFormat::Json => pipeline::defuse_json(&match plans {
            [only] => wire::render(only),
            several => wire::render_all(several),
        }),
    }
}

/// What the steps come to: "1 to disable, 2 to set".
fn totals(plan: &Plan) -> String {
    let parts: Vec<String> = crate::plan::Action::ALL
        .into_iter()
        .map(|action| (action, plan.count(action)))
        .filter(|(_, count)| *count > 0)
        .map(|(action, count)| format!("{count} {}", verb(action)))
        .collect();
    if parts.is_empty() {
        return "nothing to do".to_owned();
    }
    format!(
        "{}: {}",
        counted(plan.steps.len(), "step"),
        parts.join(", ")
    )
}

const fn verb(action: crate::plan::Action) -> &'static str {
    use crate::plan::Action;
    match action {
        Action::Disable => "to disable",
        Action::Set => "to set",
        Action::Rename => "to rename",
        Action::Create => "to create",
        Action::Remove => "to remove, which cannot be undone",
        Action::Manual => "by hand",
    }
}
