//! The rules that are compiled in: every `policies/*.yaml` of this project but the policy itself.

use super::rule::Rule;
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};

// `FILES: &[(&str, &str)]`, path and text of each, made by the build script from the folder.
include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The newest revision of the catalogue. A rule says with `since` which one brought it.
pub const REVISION: u64 = 1;

/// Reads the compiled-in rules, in the order of their ids.
///
/// On every processor: for one tenant, parsing them is most of the run.
pub fn load() -> Result<Vec<Rule>, Problems> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = FILES.len().div_ceil(workers).max(1);
    let parsed: Vec<Result<Rule, Problems>> = std::thread::scope(|scope| {
        let parts: Vec<_> = FILES
            .chunks(share)
            .map(|files| scope.spawn(|| files.iter().map(parse).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_default())
            .collect()
    });
    let mut problems = Problems::default();
    let mut rules = Vec::with_capacity(FILES.len());
    for result in parsed {
        match result {
            Ok(rule) => rules.push(rule),
            Err(of_rule) => problems.extend(of_rule),
        }
    }
    if problems.is_empty() && rules.len() != FILES.len() {
        problems.push(Problem::of_file(
            "policies",
            "the compiled-in rules could not be read",
        ));
    }
    problems.into_result(Some(rules))
}

fn parse((path, text): &(&str, &str)) -> Result<Rule, Problems> {
    Rule::parse(Source { path, text }, true)
}

/// Whether a rule file of that name and digest is one of the catalogue's own.
pub fn holds(name: &str, digest: Digest) -> bool {
    FILES.iter().any(|(path, text)| {
        path.rsplit('/').next() == Some(name) && Digest::of(text.as_bytes()) == digest
    })
}
