//! `trust sign`: what a root changes, against the one it descends from.

use crate::cli::baseline::keyring;
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::sign::{self as signing, SignArgs, Task};
use crate::cli::{Common, Failure, Outcome, TrustArgs};
use crate::review::of_root;
use crate::trust::chain::{self, folder_of};
use crate::trust::{Duty, Floor, Keyring, root};
use clap::Args;
use jiff::Timestamp;

#[derive(Debug, Args)]
pub(in crate::cli) struct TrustSignArgs {
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// The root before the one in the folder, kept whole, and vouched for by the one that is trusted.
///
/// What a review compares with decides what it shows: another root laid there would hide every change.
fn root_before(
    repository: &Repository,
    current: &Keyring,
    now: Timestamp,
    console: &Console,
) -> Result<Option<Keyring>, Failure> {
    let header = &current.root.header;
    if header.version == 1 {
        return Ok(None);
    }
    let folder = folder_of(header.version - 1);
    let refuse = |reason: String| {
        Failure::Refused {
            message: format!("the root before, in {folder}, is not to be believed: {reason}"),
            help: "restore trust/roots from a revision you trust; connguard trust rotate keeps earlier roots there".to_owned(),
        }
    };
    let before = Keyring::load(&repository.folder, &folder)
        .map_err(|refusal| refuse(refusal.to_string()))?;
    if header.previous != Some(before.digest) {
        return Err(refuse(format!(
            "it is {}, and the new root names another one",
            before.digest
        )));
    }
    match repository.floor {
        // The new root itself has been trusted already.
        Some(Floor::Pinned(digest) | Floor::Remembered(digest)) if digest == current.digest => {}
        Some(floor) => {
            chain::follow(&repository.folder, &folder, Some(floor), |_| None, now)
                .map_err(|refusal| refuse(refusal.to_string()))?;
        }
        None => console
            .note("no root is pinned or remembered: the root before is believed as it lies there"),
    }
    Ok(Some(before))
}

pub(super) fn sign(common: &Common, arguments: &TrustSignArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    sign_root(&repository, &arguments.sign, arguments.trust.now(), console)
}

pub(super) fn sign_root(
    repository: &Repository,
    arguments: &SignArgs,
    now: Timestamp,
    console: &Console,
) -> Outcome {
    let current = keyring(repository)?;
    let before = root_before(repository, &current, now, console)?;
    let title = match &before {
        Some(before) => format!(
            "{} version {} against version {}:",
            root::PATH,
            current.root.header.version,
            before.root.header.version
        ),
        None => format!("{} version 1, the first:", root::PATH),
    };
    let task = Task {
        folder: &repository.folder,
        path: root::PATH,
        bytes: &current.file.bytes,
        duties: vec![Duty::Root],
        // It needs the signatures of the root before as well as its own.
        keyrings: before.iter().chain([&current]).collect(),
        now,
    };
    signing::sign(
        &task,
        arguments,
        &title,
        &of_root(before.as_ref(), &current),
        console,
    )
}
