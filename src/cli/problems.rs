//! Mistakes in files as a person reads them: the line, the place in it, how to go on.

use crate::document::problem::{Excerpt, Problem, Problems};
use crate::hostile_text::{is_dangerous, visible};
use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

/// Renders all mistakes, with terminal styles.
pub fn render(problems: &Problems) -> String {
    let mut text = String::new();
    for problem in problems.iter() {
        text.push_str(&render_one(problem));
        text.push_str("\n\n");
    }
    if problems.more() > 0 {
        text.push_str(&format!("and at least {} more\n", problems.more()));
    }
    text
}

fn render_one(problem: &Problem) -> String {
    let (message, path) = (visible(&problem.message), visible(&problem.path));
    let help = problem.help.as_deref().map(visible);
    let label = problem.label.as_deref().map(visible);
    let line = problem.excerpt.as_ref().map(|excerpt| inert(&excerpt.line));
    let mut group = Level::ERROR
        .primary_title(message.as_str())
        .elements(std::iter::empty::<Element<'_>>());
    match (&problem.location, &problem.excerpt, &line) {
        (Some(location), Some(Excerpt { span, .. }), Some(line)) => {
            let annotation = AnnotationKind::Primary
                .span(span.clone())
                .label(label.as_deref());
            group = group.element(
                Snippet::source(line.as_str())
                    .path(path.as_str())
                    .line_start(location.line)
                    .annotation(annotation),
            );
        }
        (Some(location), _, _) => {
            group = group.element(
                Origin::path(path.as_str())
                    .line(location.line)
                    .char_column(location.column),
            )
        }
        _ => group = group.element(Origin::path(path.as_str())),
    }
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

/// The line with every dangerous character replaced by harmless ones of the same length in bytes, so that marks stay in place.
fn inert(line: &str) -> String {
    line.chars()
        .map(|c| match (is_dangerous(c) && c != '\t', c.len_utf8()) {
            (false, _) => c.to_string(),
            (true, 1) => "?".to_owned(),
            (true, 2) => "¿".to_owned(),
            (true, 3) => "\u{FFFD}".to_owned(),
            (true, _) => "\u{FFFD}?".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;

    #[test]
    fn hostile_lines_keep_their_length_and_lose_their_power() {
        for line in ["a\u{202e}b", "\u{1b}[31m", "x\u{85}y\u{e0041}z"] {
            let shown = inert(line);
            assert_eq!(shown.len(), line.len());
            assert!(!shown.chars().any(is_dangerous));
        }
    }

    #[test]
    fn shows_place_line_and_help() {
        let source = Source {
            path: "policies/policy.yaml",
            text: "kind: Policy\nfail_on: info\n",
        };
        let text = render(
            &source
                .problem(22..26, "expected low")
                .help("info never fails a run")
                .into(),
        );
        for part in [
            "expected low",
            "policies/policy.yaml:2:10",
            "fail_on: info",
            "info never fails a run",
        ] {
            assert!(
                anstream::adapter::strip_str(&text)
                    .to_string()
                    .contains(part),
                "{text}"
            );
        }
    }
}
