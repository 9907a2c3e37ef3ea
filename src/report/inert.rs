//! Text of a tenant in Markdown: it shows as it is, and does nothing.
//!
//! Where Markdown is shown, a mention notifies people, a word becomes a link,
//! and HTML is HTML. No character can be trusted to be escaped everywhere the
//! same way: what a backslash hides from one pass is found by the next. So
//! words of plain letters stay as they are, and every other word stands in a
//! code span, which all of them leave alone.

use crate::hostile_text::visible;

/// A text as inert Markdown, on one line.
pub fn prose(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut spanned: Vec<&str> = Vec::new();
    let text = visible(text);
    for word in text.split(' ') {
        if is_plain(word) {
            flush(&mut parts, &mut spanned);
            parts.push(word.to_owned());
        } else {
            spanned.push(word);
        }
    }
    flush(&mut parts, &mut spanned);
    parts.join(" ")
}

/// Words that follow each other share a span.
fn flush(parts: &mut Vec<String>, words: &mut Vec<&str>) {
    let spanned = words.join(" ");
    words.clear();
    // What ends a sentence is no part of what is quoted.
    let bare = spanned.trim_end_matches(['.', ',', ';', ':']);
    let end = spanned.strip_prefix(bare).unwrap_or_default();
    if !spanned.is_empty() && bare.is_empty() {
        parts.push(code(&spanned));
    } else if !bare.is_empty() {
        parts.push(format!("{}{end}", code(bare)));
    }
}

/// A text as one code span.
pub fn code(text: &str) -> String {
    let text = visible(text);
    if text.trim().is_empty() {
        // An empty span is no span; what cannot be seen is shown.
        return format!("`\"{text}\"`");
    }
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // A space that the reader takes away again, where the text begins or ends with a mark or with spaces of its own.
    let edge = |c: char| c == '`' || c == ' ';
    let pad = if text.starts_with(edge) || text.ends_with(edge) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Words that no reader of Markdown takes for anything else.
fn is_plain(word: &str) -> bool {
    let harmless = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(
                c,
                '.' | ',' | ';' | '(' | ')' | '\'' | '"' | '-' | '/' | '%' | '?'
            )
            || (!c.is_ascii() && c.is_alphanumeric())
    };
    // Behind a number, and before nothing that it could refer to.
    if matches!(word, "%" | "%)") {
        return true;
    }
    let lower = word.to_ascii_lowercase();
    let inner = word.strip_suffix(':').unwrap_or(word);
    // `1.` means something at the start of a line; `www.` is a link; `//` leads somewhere.
    inner.chars().all(harmless)
        && word.chars().any(char::is_alphanumeric)
        && !lower.contains("www.")
        && !word.contains("//")
        && !word.starts_with('.')
        && !is_list_mark(word)
        && !is_reference(&lower)
}

/// `1.` and `1)` begin a list.
fn is_list_mark(word: &str) -> bool {
    word.strip_suffix(['.', ')'])
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `GH-123` is a link on GitHub, and so is the name of a commit.
fn is_reference(lower: &str) -> bool {
    let hex = lower
        .split(|c: char| !c.is_ascii_hexdigit())
        .any(|run| run.len() >= 7 && run.bytes().any(|byte| byte.is_ascii_digit()));
    lower.contains("gh-") || hex
}

#[cfg(test)]
mod tests {
    use super::{code, prose};

    #[test]
    fn plain_words_stay_and_others_stand_in_code() {
        assert_eq!(
            prose("admits 198.51.100.7 (1 address)"),
            "admits 198.51.100.7 (1 address)"
        );
        assert_eq!(prose("see @team now"), "see `@team` now");
        assert_eq!(prose("some (52.5 %) of it"), "some (52.5 %) of it");
        assert_eq!(prose("a <b> [x](y)"), "a `<b> [x](y)`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
    }
}
