//! A review for people: what a new version changes, the widening first.

use crate::finding::{Direction, Severity};
use crate::hostile_text::visible;
use crate::report::terminal::wrap;
use crate::review::{Line, Review};
use owo_colors::OwoColorize as _;
use std::fmt::Write as _;

/// Columns for the words of a change.
const WIDTH: usize = 81;

/// Renders a review, with terminal styles.
pub(super) fn render(title: &str, review: &Review) -> String {
    let mut text = format!("{}\n", visible(title).bold());
    if review.lines.is_empty() {
        text.push_str("  nothing but version and dates\n");
    }
    for line in &review.lines {
        // As wide as a terminal, the words in a column of their own.
        for (index, part) in wrap(&sentence(line), WIDTH).iter().enumerate() {
            let head = if index == 0 {
                mark(line)
            } else {
                " ".repeat(16)
            };
            let _ = writeln!(text, "  {head} {part}");
        }
    }
    text
}

fn mark(line: &Line) -> String {
    match line.direction {
        Direction::Widens => format!("{} {}", "widens ".red().bold(), severity(line.severity)),
        Direction::Narrows => format!("{} {}", "narrows".green(), severity(Severity::Info)),
        Direction::Neutral => format!("{} {}", "neutral".dimmed(), severity(Severity::Info)),
    }
}

fn severity(severity: Severity) -> String {
    match severity {
        Severity::Info => format!("{:8}", ""),
        Severity::Critical | Severity::High => format!("{:8}", severity.name()).red().to_string(),
        _ => format!("{:8}", severity.name()).yellow().to_string(),
    }
}

fn sentence(line: &Line) -> String {
    format!("{}: {}", visible(&line.subject), visible(&line.words))
}
