//! Pages for a browser: one self-contained file, without scripts, without anything from the network.
//!
//! The content security policy lets nothing in but the one style sheet, by its
//! digest. Everything that is put into a page passes [`Inert`], the one place
//! where texts of a tenant become HTML.

pub mod chart;
pub mod investigation;
pub mod report;

use crate::hostile_text::visible;
use askama::filters::Escaper;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write};
use std::sync::LazyLock;

/// The style sheet of every page.
pub const STYLE: &str = include_str!("style.css");

/// The content security policy of every page.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
});

/// Makes a text inert: what cannot be seen is shown, and what HTML takes for its own is escaped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inert;

impl Escaper for Inert {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        dest.write_str(&escaped(string))
    }

    fn write_escaped_char<W: Write>(&self, mut dest: W, c: char) -> fmt::Result {
        dest.write_str(&escaped(c.encode_utf8(&mut [0; 4])))
    }
}

/// A text as HTML and SVG show it.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page that could not be written says so; there is nothing that a template can run into but memory.
fn page(rendered: askama::Result<String>) -> String {
    rendered.unwrap_or_else(|error| {
        format!(
            "<!doctype html><title>connguard</title><p>{}</p>",
            escaped(&error.to_string())
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_tenant_are_inert() {
        assert_eq!(
            escaped("<script>alert('x')</script> \"a\" & \u{202e}b"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &quot;a&quot; &amp; \\u{202e}b"
        );
        let mut out = String::new();
        Inert.write_escaped_str(&mut out, "<b>").unwrap();
        assert_eq!(out, "&lt;b&gt;");
    }

    #[test]
    fn the_policy_names_the_style_by_its_digest() {
        assert!(POLICY.contains("style-src 'sha256-") && POLICY.starts_with("default-src 'none'"));
    }
}
