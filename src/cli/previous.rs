//! The version before a document, where git has it.

use super::console::Console;
use crate::digest::Digest;
use crate::versions;
use std::path::Path;

/// The version that a document names as the one before.
pub(super) fn with_digest(
    folder: &Path,
    path: &str,
    previous: Option<Digest>,
    console: &Console,
) -> Option<String> {
    let wanted = previous?;
    let found = found(versions::with_digest(folder, path, wanted), console);
    if found.is_none() {
        console.note(&format!(
            "the version before, {wanted}, is not in git: everything is shown as new"
        ));
    }
    found
}

/// The version that was committed last.
pub(super) fn committed(folder: &Path, path: &str, console: &Console) -> Option<String> {
    found(versions::committed(folder, path), console)
}

fn found(bytes: Result<Option<Vec<u8>>, String>, console: &Console) -> Option<String> {
    match bytes {
        Ok(bytes) => bytes.and_then(|bytes| String::from_utf8(bytes).ok()),
        Err(reason) => {
            console.note(&format!("earlier versions cannot be read: {reason}"));
            None
        }
    }
}
