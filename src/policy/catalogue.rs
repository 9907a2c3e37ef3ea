//! The rules that are compiled in: every `policies/*.yaml` of this project but the policy itself.

use super::rule::Rule;
use crate::digest::Digest;
use crate::document::{Problems, Source};

// `FILES: &[(&str, &str)]`, path and text of each, made by the build script from the folder.
include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The newest revision of the catalogue. A rule says with `since` which one brought it.
pub const REVISION: u64 = 1;

/// Reads the compiled-in rules, in the order of their ids.
pub fn load() -> Result<Vec<Rule>, Problems> {
    let mut problems = Problems::default();
    let mut rules = Vec::with_capacity(FILES.len());
    for (path, text) in FILES {
        match Rule::parse(Source { path, text }, true) {
            Ok(rule) => rules.push(rule),
            Err(of_rule) => problems.extend(of_rule),
        }
    }
    problems.into_result(Some(rules))
}

/// Whether a rule file of that name and digest is one of the catalogue's own.
pub fn holds(name: &str, digest: Digest) -> bool {
    FILES.iter().any(|(path, text)| {
        path.rsplit('/').next() == Some(name) && Digest::of(text.as_bytes()) == digest
    })
}
