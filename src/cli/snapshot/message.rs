//! The message of a commit, and changes in words.

use super::tenant::{Done, Seen};
use crate::finding::{Direction, excerpt};
use crate::history::change::Difference;
use crate::hostile_text::{spelled, visible};
use crate::report::counted;
use std::fmt::Write as _;

/// So many lines of changes stand in a commit's message.
const MOST_LINES: usize = 200;

/// The title of a commit, and what changed, for people.
pub(super) fn message(done: &[Done]) -> (String, String) {
    let seen: Vec<(&str, &Seen)> = done
        .iter()
        .filter_map(|done| Some((done.name.as_str(), done.seen.as_ref()?)))
        .collect();
    let who = match seen.as_slice() {
        [] => "no tenant".to_owned(),
        [(one, _)] => (*one).to_owned(),
        [(one, _), (two, _)] => format!("{one} and {two}"),
        many => counted(many.len(), "tenant"),
    };
    let changes: usize = seen
        .iter()
        .filter(|(_, seen)| !seen.first)
        .map(|(_, seen)| seen.changes.len())
        .sum();
    let first = seen.iter().filter(|(_, seen)| seen.first).count();
    let what = match (changes, first) {
        (0, 0) => "nothing new".to_owned(),
        (0, _) => "first snapshot".to_owned(),
        (_, 0) => counted(changes, "change"),
        _ => format!("{}, {first} for the first time", counted(changes, "change")),
    };
    let mut text = String::new();
    let mut left = MOST_LINES;
    for (name, seen) in seen {
        if seen.changes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{name}");
        for line in lines(&seen.changes) {
            if left == 0 {
                continue;
            }
            left -= 1;
            let _ = writeln!(text, "  {line}");
        }
    }
    if left == 0 {
        let _ = writeln!(text, "and more");
    }
    for done in done {
        if let Some(reason) = &done.reason {
            let _ = writeln!(
                text,
                "{} not read completely: {}",
                done.name,
                one_line(reason)
            );
        }
    }
    (format!("{who}: {what}"), text)
}

/// Differences, a line each. Names are a tenant's: escaped, and never at the beginning of a line.
pub(in crate::cli) fn lines(changes: &[Difference]) -> Vec<String> {
    changes
        .iter()
        .map(|difference| {
            let who = difference
                .connector
                .as_ref()
                .map_or_else(String::new, |named| {
                    let id = named
                        .id
                        .as_deref()
                        .map_or_else(String::new, |id| format!(" ({id})"));
                    {
                        let name = excerpt(&named.name);
                        let spelled = spelled(&name)
                            .map_or_else(String::new, |name| format!(" [spelled {name}]"));
                        format!("{name:?}{spelled}{id} ")
                    }
                });
            let direction = match difference.direction {
                Some(Direction::Widens) => " [widens trust]",
                Some(Direction::Narrows) => " [narrows trust]",
                Some(Direction::Neutral) | None => "",
            };
            one_line(&format!("{who}{}{direction}", difference.words()))
        })
        .collect()
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', " ")
}
