//! Build pipelines read commands out of whatever a program prints: GitHub from
//! lines that begin with `::` and from `##[`, Azure from `##vso[` and `##[`.
//! No output of ours, in any format, holds one.

use crate::hostile_text::is_dangerous;

/// Defuses text for people. A mark that would begin a command gets a visible backslash.
pub fn defuse_text(text: &str) -> String {
    let mut defused = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        // Runners trim white space, and terminals hide styles, before they look for a command.
        let start = line.len() - skip_blank(line).len();
        let (blank, rest) = line.split_at(start);
        defused.push_str(blank);
        if rest.starts_with("::") {
            defused.push('\\');
        }
        defused.push_str(rest);
    }
    defused
        .replace("##vso[", "#\\#vso[")
        .replace("##[", "#\\#[")
}

/// Cuts white space and terminal styles off the start of a line.
fn skip_blank(line: &str) -> &str {
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start();
        let unstyled = trimmed
            .strip_prefix("\u{1b}[")
            .and_then(|style| style.split_once('m'))
            .map_or(trimmed, |(_, after)| after);
        if unstyled.len() == rest.len() {
            return rest;
        }
        rest = unstyled;
    }
}

/// Defuses JSON without changing what it says: such characters only occur in
/// strings, where each may be written as an escape.
pub fn defuse_json(text: &str) -> String {
    let mut defused = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_dangerous(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                defused.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            defused.push(c);
        }
    }
    defused
        .replace("##vso[", "#\\u0023vso[")
        .replace("##[", "#\\u0023[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_begins_a_command() {
        for text in [
            "::set-output name=x::y",
            "  ::error::x",
            "\u{1b}[1m::add-mask::",
            "a\n\t::x",
            "##vso[task.setvariable]x",
            "x ##[error]y",
        ] {
            let defused = defuse_text(text);
            assert!(
                !defused
                    .lines()
                    .any(|line| line.replace("\u{1b}[1m", "").trim_start().starts_with("::")),
                "{defused}"
            );
            assert!(!defused.contains("##["), "{defused}");
            assert!(!defused.contains("##vso["), "{defused}");
        }
        assert_eq!(defuse_text("fe80::1 is fine\n"), "fe80::1 is fine\n");
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({ "name": "##vso[x] ##[y] \u{202e}\u{9b}\u{e0041}" });
        let defused = defuse_json(&value.to_string());
        assert!(!defused.contains("##[") && !defused.chars().any(is_dangerous));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&defused).ok(),
            Some(value)
        );
    }
}
