//! `connguard explain`: what a rule or a built-in finding means and how to mend it.

use super::console::Console;
use super::repository::{self, Repository};
use super::{Common, Failure, Outcome, TrustArgs};
use crate::builtin::{self, BuiltIn};
use crate::document::reader::nearest;
use crate::hostile_text::visible;
use crate::investigation::actor;
use crate::investigation::indicator::{self, Indicator};
use crate::policy::rule::{About, Rule};
use crate::report::terminal::{WIDTH, wrap};
use owo_colors::OwoColorize as _;
use std::fmt::Write as _;

pub(super) fn run(common: &Common, id: &str, console: &Console) -> Outcome {
    // A finding and an indicator may be called the same: then both are meant.
    let signs = || indicator::find("actor").filter(|_| actor::SIGNS.contains(&id));
    let own = [
        builtin::find(id).map(of_own),
        indicator::find(id).or_else(signs).map(of_indicator),
    ];
    if own.iter().any(Option::is_some) {
        let texts: Vec<String> = own.into_iter().flatten().collect();
        console.text(&texts.join("\n"))?;
        return Ok(0);
    }
    let repository = Repository::find(common, &TrustArgs::default(), console)?;
    let mut alone = None;
    let rules = repository::rules(
        repository.as_ref().and_then(Repository::verified_policy),
        &mut alone,
    )?;
    if let Some(rule) = rules.find(id) {
        console.text(&of_rule(rule))?;
        return Ok(0);
    }
    let known = rules
        .iter()
        .map(|rule| rule.id.as_str())
        .chain(builtin::ALL.iter().map(|own| own.id))
        .chain(indicator::ALL.iter().map(|own| own.id));
    let help = nearest(id, known).map_or_else(
        || "`connguard policy list` shows the rules".to_owned(),
        |near| format!("did you mean {near:?}?"),
    );
    Err(Failure::Usage(format!(
        "there is no rule or finding {id:?}; {help}"
    )))
}

fn of_own(own: &BuiltIn) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}  {}\n{}\n", own.id.bold(), own.severity, own.title);
    let _ = writeln!(text, "{}\n{}\n", "Why".bold(), paragraphs(own.why));
    let _ = writeln!(text, "{}\n{}\n", "Fix".bold(), paragraphs(own.fix));
    let _ = writeln!(
        text,
        "This is one of connguard's own findings: no policy changes it, nothing accepts it."
    );
    text
}

fn of_indicator(own: &Indicator) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}  an indicator of connguard investigate\n{}\n",
        own.id.bold(),
        own.title
    );
    let _ = writeln!(text, "{}\n{}\n", "Why".bold(), paragraphs(own.why));
    let numbers = own.thresholds();
    if !numbers.is_empty() {
        let _ = writeln!(text, "{}", "Thresholds".bold());
    }
    for threshold in numbers {
        let row = threshold.row();
        let _ = writeln!(
            text,
            "{}",
            paragraphs(&format!("{} = {}: {}", row.name, row.usual, row.meaning))
        );
    }
    let _ = writeln!(
        text,
        "\n{}",
        paragraphs(
            "The policy changes a threshold (investigation: { NAME: NUMBER }), or one run: --set NAME=NUMBER, which the report says."
        )
    );
    text
}

fn of_rule(rule: &Rule) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}  {}\n{}\n",
        rule.id.bold(),
        rule.severity,
        visible(&rule.title)
    );
    let _ = writeln!(text, "{}\n{}\n", "Why".bold(), paragraphs(&rule.why));
    let _ = writeln!(text, "{}\n{}\n", "Fix".bold(), paragraphs(&rule.fix));
    let about = match rule.about {
        About::Choice => "A choice: quiet where the verified baseline approves exactly this value.",
        About::Flaw => "A flaw: approving the value does not settle it, only an acceptance does.",
    };
    let _ = writeln!(text, "{about}");
    let lists: Vec<String> = rule.lists.iter().map(|name| format!("@{name}")).collect();
    if !lists.is_empty() {
        let _ = writeln!(
            text,
            "Needs the list {}; where nobody defines it, the rule does not apply.",
            lists.join(", ")
        );
    }
    let origin = if rule.from_catalogue {
        "compiled in"
    } else {
        "own rule"
    };
    let _ = writeln!(
        text,
        "Written in {} ({origin}).",
        visible(&rule.location.path)
    );
    if !rule.references.is_empty() {
        let _ = writeln!(text, "\n{}", "References".bold());
        for link in &rule.references {
            let _ = writeln!(text, "{}", visible(link));
        }
    }
    text
}

/// Text with its line ends kept and its long lines broken.
fn paragraphs(text: &str) -> String {
    let lines = text.lines().flat_map(|line| wrap(&visible(line), WIDTH));
    lines.collect::<Vec<_>>().join("\n")
}
