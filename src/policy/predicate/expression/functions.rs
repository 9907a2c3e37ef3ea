//! What expressions can call beside the standard functions.

use cel::common::types::{CelBool, CelString};
use cel::{Env, ExecutionError};
use regex::Regex;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// So many patterns are kept. Rules name few; only patterns out of a tenant's own texts could be more.
const MOST_PATTERNS: usize = 256;

/// Patterns that were compiled: an expression is evaluated for every connector of every tenant.
static PATTERNS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

/// The standard environment, and `matches`. The crate's own is left out, as it compiles its pattern each time.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    let declared = cel::add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>, id = "matches");
    let member =
        cel::add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>);
    // Where a newer crate had one of its own, that one would be called.
    debug_assert!(declared.is_ok() && member.is_ok(), "a new name");
    env
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let mut patterns = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = patterns.get(pattern.inner()) {
        let known = known.clone();
        drop(patterns);
        return Ok(CelBool::from(known.is_match(text.inner())));
    }
    let compiled = Regex::new(pattern.inner()).map_err(|error| ExecutionError::FunctionError {
        function: "matches".to_owned(),
        message: error.to_string(),
    })?;
    if patterns.len() < MOST_PATTERNS {
        patterns.insert(pattern.inner().to_owned(), compiled.clone());
    }
    drop(patterns);
    Ok(CelBool::from(compiled.is_match(text.inner())))
}
