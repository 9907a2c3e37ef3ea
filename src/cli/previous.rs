//! The version before a document: the one in force, where it can be had and believed.

use super::console::Console;
use super::repository::Repository;
use crate::digest::Digest;
use crate::trust::{Duty, Header, Key, Route, SignedFile};
use crate::versions;
use std::path::Path;

/// Which document it is.
pub(super) struct Document<'a> {
    /// Its path in the audit repository.
    pub path: &'a str,
    /// Who signs it.
    pub duty: Duty<'a>,
    /// How memory knows it.
    pub key: Key,
}

/// The version that a document names as the one before, from git, if it was approved.
///
/// What a review compares with decides what it shows. So only what an earlier run verified, or
/// what enough people signed, is compared with; otherwise everything is shown as new.
pub(super) fn approved(
    repository: &Repository,
    document: &Document<'_>,
    header: &Header,
    console: &Console,
) -> Option<String> {
    let wanted = header.previous?;
    let path = document.path;
    let file = recorded(repository, path, wanted, console).or_else(|| {
        found(
            versions::with_digest(&repository.folder, path, wanted),
            console,
        )
    });
    let Some(file) = file else {
        console.note(&format!(
            "the version before {path}, {wanted}, is not in git: everything is shown as new"
        ));
        return None;
    };
    if !was_approved(repository, document, &file) {
        console.note(&format!(
            "the version before {path}, {wanted}, is in git and was not signed by enough people: everything is shown as new"
        ));
        return None;
    }
    String::from_utf8(file.bytes).ok()
}

/// The version with a digest, from the history.
fn recorded(
    repository: &Repository,
    path: &str,
    wanted: Digest,
    console: &Console,
) -> Option<SignedFile> {
    let past = repository.past().filter(|past| past.is_good())?;
    let file = past.history.document(past.tip?, path, wanted);
    found(file.map_err(|error| error.to_string()), console)
}

fn was_approved(repository: &Repository, document: &Document<'_>, file: &SignedFile) -> bool {
    let Ok(trust) = &repository.trust else {
        return false;
    };
    let seen = trust
        .newest_seen(&document.key)
        .is_some_and(|seen| seen.digest == file.digest());
    seen || match document.duty {
        // The emergency role approves for a short time, not for what comes after.
        Duty::Baseline(tenant) => trust
            .verify_baseline(tenant, file)
            .is_ok_and(|approval| approval.route != Route::Emergency),
        duty => trust.verify(duty, file).is_ok(),
    }
}

/// The version that was committed last, whoever signed it: to count on from.
pub(super) fn committed(folder: &Path, path: &str, console: &Console) -> Option<String> {
    let file = found(versions::committed(folder, path), console)?;
    String::from_utf8(file.bytes).ok()
}

fn found(file: Result<Option<SignedFile>, String>, console: &Console) -> Option<SignedFile> {
    match file {
        Ok(file) => file,
        Err(reason) => {
            console.note(&format!("earlier versions cannot be read: {reason}"));
            None
        }
    }
}

/// Whether one version is the next after another: an older one would hide what came in between.
pub(super) fn is_next(before: &Header, now: &Header, console: &Console) -> bool {
    let next = before.version.checked_add(1) == Some(now.version);
    if !next {
        console.note(&format!(
            "version {} names version {} as the one before: everything is shown as new",
            now.version, before.version
        ));
    }
    next
}
