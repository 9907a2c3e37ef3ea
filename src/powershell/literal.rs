//! Values as PowerShell expressions, in pure ASCII.
//!
//! A script is read by Windows PowerShell 5.1 as a code page, where the bytes
//! of a foreign letter can hold a typographic quote, and those end strings.
//! So a text is written in single quotes only as far as it is plain ASCII, and
//! every other character as its number outside the quotes.

use serde_json::Value as Json;

/// An expression whose value is this text.
pub fn text(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut quoted = String::new();
    for c in text.chars() {
        if is_plain(c) {
            quoted.push(c);
            continue;
        }
        if !quoted.is_empty() {
            parts.push(format!("'{quoted}'"));
            quoted.clear();
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            parts.push(format!("[char]0x{unit:04X}"));
        }
    }
    if !quoted.is_empty() {
        parts.push(format!("'{quoted}'"));
    }
    match parts.as_slice() {
        [] => "''".to_owned(),
        [only] if only.starts_with('\'') => only.clone(),
        // A text in front makes every `+` an addition of texts, not of numbers.
        _ => format!("('' + {})", parts.join(" + ")),
    }
}

/// Characters that stand for themselves in single quotes, whatever reads the script.
///
/// No quote; no `#`, two of which begin a command of a build pipeline; and
/// nothing that is not printed.
const fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '\'' | '#')
}

/// An expression whose value is this JSON value: a text, a boolean, nothing, or a list of texts.
pub fn value(json: &Json) -> String {
    match json {
        Json::Bool(true) => "$true".to_owned(),
        Json::Bool(false) => "$false".to_owned(),
        Json::String(own) => text(own),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("@({})", items.join(", "))
        }
        // Numbers and objects are the value of no setting.
        Json::Null | Json::Number(_) | Json::Object(_) => "$null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{text, value};
    use serde_json::json;

    #[test]
    fn plain_text_is_quoted_and_the_rest_is_numbers() {
        assert_eq!(text(""), "''");
        assert_eq!(text("$(calc) `n \"x\""), "'$(calc) `n \"x\"'");
        assert_eq!(text("it's"), "('' + 'it' + [char]0x0027 + 's')");
        assert_eq!(text("\u{0430}"), "('' + [char]0x0430)");
        assert_eq!(text("\u{1F600}"), "('' + [char]0xD83D + [char]0xDE00)");
        assert_eq!(value(&json!(["a", true, null])), "@('a', $true, $null)");
    }

    #[test]
    fn every_character_comes_out_as_ascii() {
        for c in ('\0'..='\u{ffff}').step_by(7) {
            let written = text(&format!("a{c}b"));
            assert!(written.is_ascii(), "{c:?}");
            assert!(!written.contains("##"), "{c:?}");
        }
    }
}
