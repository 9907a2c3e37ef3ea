//! `connguard baseline`: propose what is there, show it, sign it, and say who did.

mod fleet;
pub(super) mod propose;
mod show;
pub(super) mod sign;
mod verify;

use propose::ProposeArgs;
use show::ShowArgs;
use sign::BaselineSignArgs;
use verify::VerifyArgs;

use crate::baseline::{self, Approved};
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::{Common, Failure, Outcome, previous};
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use crate::trust::files::{self, FileError};
use crate::trust::{Duty, Keyring, Route, SignedFile, chain};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum BaselineCommand {
    /// Write the next version of a baseline from what is there now; nothing counts before it is signed
    Propose(ProposeArgs),
    /// Show what a baseline changes, and sign it; without a baseline, propose the first one
    Sign(BaselineSignArgs),
    /// Say of each baseline who signed it, with which key, and what is missing
    Verify(VerifyArgs),
    /// Show an approved baseline, or what its newest version changed
    Show(ShowArgs),
}

pub(super) fn run(common: &Common, command: &BaselineCommand, console: &Console) -> Outcome {
    match command {
        BaselineCommand::Propose(arguments) => propose::propose_all(common, arguments, console),
        BaselineCommand::Sign(arguments) => sign::sign_all(common, arguments, console),
        BaselineCommand::Verify(arguments) => verify::verify(common, arguments, console),
        BaselineCommand::Show(arguments) => show::show(common, arguments, console),
    }
}

/// The tenants asked for: those named, or all that the policy or the configuration knows.
pub(super) fn tenants(
    repository: &Repository,
    named: &[String],
    all: bool,
) -> Result<Vec<String>, Failure> {
    let known = repository.tenants();
    match named.iter().find(|name| !known.contains(*name)) {
        Some(unknown) => Err(Failure::Usage(format!(
            "there is no tenant {unknown:?}; there are {}",
            known.iter().cloned().collect::<Vec<_>>().join(", ")
        ))),
        None if !named.is_empty() => Ok(named.to_vec()),
        None if all || known.len() == 1 => Ok(known.into_iter().collect()),
        None => Err(Failure::Usage(format!(
            "name a tenant, or --all; there are {}",
            known.into_iter().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// A file of the repository as text; `None` where it is not there.
pub(super) fn text_of(repository: &Repository, path: &str) -> Result<Option<String>, Failure> {
    match files::read(&repository.folder, path).map(String::from_utf8) {
        Ok(Ok(text)) => Ok(Some(text)),
        Ok(Err(_)) => Err(Problems::from(
            Problem::of_file(path, "the file is not UTF-8").help("save it as UTF-8"),
        )
        .into()),
        Err(FileError::Missing(_)) => Ok(None),
        Err(error) => Err(Failure::run(
            error.to_string(),
            "restore the file from a revision you trust",
        )),
    }
}

/// A baseline that nobody has to have signed.
pub(super) fn parse(path: &str, text: &str) -> Result<Approved, Failure> {
    Ok(Approved::parse(Source { path, text })?)
}

pub(super) fn title(path: &str, old: Option<&Approved>, new: &Approved) -> String {
    match old {
        Some(old) => format!(
            "{path} version {} against version {}:",
            new.header.version, old.header.version
        ),
        None => format!("{path} version {}, the first:", new.header.version),
    }
}

/// The version before a baseline, if it was approved.
pub(super) fn version_before(
    repository: &Repository,
    path: &str,
    approved: &Approved,
    console: &Console,
) -> Result<Option<Approved>, Failure> {
    let document = previous::Document {
        path,
        duty: Duty::Baseline(&approved.tenant),
        key: approved.key(Route::Signed),
    };
    let before = previous::approved(repository, &document, &approved.header, console)
        .map(|text| parse(path, &text))
        .transpose()?;
    Ok(before.filter(|before| previous::is_next(&before.header, &approved.header, console)))
}

/// The root in force, signed or not yet: signing needs only its names and keys.
pub(super) fn keyring(repository: &Repository) -> Result<Keyring, Failure> {
    Keyring::load(&repository.folder, chain::FOLDER).map_err(|refusal| {
        Failure::run(
            refusal.to_string(),
            "make a root first: connguard trust init",
        )
    })
}

/// A signed file's text and digest, for the manifest.
pub(super) fn digest_of(
    repository: &Repository,
    tenant: &str,
) -> Result<Option<(u64, Digest, Approved)>, Failure> {
    let path = baseline::path(tenant);
    let file = match SignedFile::load(&repository.folder, &path) {
        Ok(file) => file,
        Err(FileError::Missing(_)) => return Ok(None),
        Err(error) => {
            return Err(Failure::run(
                error.to_string(),
                "restore the file from a revision you trust",
            ));
        }
    };
    let text = String::from_utf8_lossy(&file.bytes).into_owned();
    let approved = parse(&path, &text)?;
    Ok(Some((approved.header.version, file.digest(), approved)))
}
