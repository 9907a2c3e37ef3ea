//! What all reports for people at a terminal have in common: lines that are not too long, and words in the margin.

use owo_colors::{OwoColorize as _, Style};
use std::fmt::Write as _;

/// Lines are wrapped at this many characters.
pub const WIDTH: usize = 100;

/// Breaks text at white space into lines of at most `width` characters; longer words stay whole.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Writes a word into the margin, in its style and with so much room, and a text wrapped beside it.
pub fn labelled(
    page: &mut String,
    indent: usize,
    (label, style, room): (&str, Style, usize),
    text: &str,
) {
    let lines = wrap(text, WIDTH.saturating_sub(indent + room));
    for (index, line) in lines.iter().enumerate() {
        let shown = if index == 0 { label } else { "" };
        let padding = room.saturating_sub(shown.chars().count());
        let _ = writeln!(
            page,
            "{:indent$}{}{:padding$}{line}",
            "",
            shown.style(style),
            ""
        );
    }
}
