//! Text that an attacker can choose: names, comments, addresses, bodies.
//!
//! Two questions are answered here: does a text pretend to be another
//! ([`deception`], [`shape`]), and how is it shown without obeying it
//! ([`visible`]). What else a format needs stands in that format's file.

use crate::caseless;
use unicode_security::confusable_detection::skeleton;
use unicode_security::restriction_level::{RestrictionLevel, RestrictionLevelDetection};

/// Characters that change the direction of the text around them.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing at all, by Unicode's `Default_Ignorable_Code_Point` and blank letters.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200D}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206F}' | '\u{2800}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a character must be shown by its number instead of being written out.
pub fn is_dangerous(c: char) -> bool {
    c.is_control() || is_bidirectional(c) || is_invisible(c)
}

/// The text on one line with every dangerous character shown by its number: `\u{202e}`.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_dangerous(c) => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// In what way a text is not what it looks like, as the end of a sentence.
///
/// Line ends and tabs are no deception: comments have them. Words that mix
/// scripts are, unless the mix is one that a language uses (Unicode TR 39,
/// "highly restrictive").
pub fn deception(text: &str) -> Option<String> {
    for c in text.chars().filter(|c| !matches!(c, '\n' | '\r' | '\t')) {
        let kind = if is_bidirectional(c) {
            "changes the direction of writing"
        } else if c.is_control() {
            "is a control character"
        } else if is_invisible(c) {
            "cannot be seen"
        } else {
            continue;
        };
        return Some(format!(
            "holds U+{:04X}, which {kind}: {}",
            u32::from(c),
            visible(&beginning(text))
        ));
    }
    words(text).find(|word| mixes_scripts(word)).map(|word| {
        format!(
            "holds {word:?}, which mixes alphabets: {}",
            foreign_letters(word)
        )
    })
}

/// A text whose letters are not what they seem, with those shown by their numbers.
pub fn spelled(text: &str) -> Option<String> {
    deception(text)?;
    let spell = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c.to_string()
        } else {
            format!("<U+{:04X}>", u32::from(c))
        }
    };
    Some(text.chars().map(spell).collect())
}

/// Enough of a text to recognise it by.
fn beginning(text: &str) -> String {
    text.chars().take(120).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn mixes_scripts(word: &str) -> bool {
    !word.is_ascii()
        && word.detect_restriction_level() > RestrictionLevel::HighlyRestrictive
        && !is_single_script(word)
}

/// A word of one script is no mix, even where its letters are rare in identifiers.
fn is_single_script(word: &str) -> bool {
    use unicode_security::mixed_script::MixedScript;
    word.is_single_script()
}

fn foreign_letters(word: &str) -> String {
    let foreign: Vec<String> = word
        .chars()
        .filter(|c| !c.is_ascii())
        .take(5)
        .map(|c| format!("{c} is U+{:04X}", u32::from(c)))
        .collect();
    foreign.join(", ")
}

/// What a text looks like to a reader: two texts with one shape cannot be told apart.
/// Shapes are compared with shapes only; they are no spelling of anything.
pub fn shape(text: &str) -> String {
    let plain: String = text.chars().filter(|&c| !is_dangerous(c)).collect();
    skeleton(&caseless::lower(&plain))
        .filter(|c| !c.is_whitespace())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_of_many_languages_are_plain() {
        for name in [
            "Relay from data centre 1",
            "Größe – naïve Überprüfung",
            "Входящий ретранслятор",
            "メール中継サーバー1",
            "邮件中继 A",
            "رابط البريد",
            "Inbound from 0f3c8a1e-aaaa-4000-8000-000000000001",
            "CHG-4711\r\n\tsee wiki",
        ] {
            assert_eq!(deception(name), None, "{name}");
        }
    }

    #[test]
    fn pretended_texts_are_deceptive() {
        for name in [
            "Rel\u{0430}y",
            "Relay\u{200B}",
            "\u{202E}yaleR",
            "Relay\u{0007}",
            "C\u{043E}ntoso",
            "R\u{0435}lay from data centre",
        ] {
            assert!(deception(name).is_some(), "{name:?}");
        }
        assert_eq!(shape("Relay"), shape("R\u{0435}lay"));
        assert_eq!(shape("Relay 1"), shape("Re1ay l"));
        assert_ne!(shape("Relay 1"), shape("Relay 2"));
    }

    #[test]
    fn nothing_dangerous_is_emitted() {
        assert_eq!(
            visible("a\u{1b}[31m\u{202e}b\n"),
            "a\\u{1b}[31m\\u{202e}b\\n"
        );
    }
}
