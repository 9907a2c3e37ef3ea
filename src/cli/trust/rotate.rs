//! `trust rotate`: the next root, and what it would leave without enough signatures.

use super::sign::sign_root;
use super::{LIFE, parse_person, person, seconds, signers_path, unwritable};
use crate::cli::baseline::text_of;
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::sign::SignArgs;
use crate::cli::{Common, Failure, Outcome, TrustArgs, parse_time_argument, review};
use crate::proposal::root::{Rotation, next_root, next_signers};
use crate::proposal::{Next, ProposalError};
use crate::review::of_root;
use crate::trust::allowed_signers::{self};
use crate::trust::chain::folder_of;
use crate::trust::{Duty, Keyring, SignedFile, Trust, files, manifest, root};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    /// Somebody who joins, or a further key of somebody who holds roles; may be repeated
    #[arg(long, value_name = "NAME=FILE.pub", value_parser = parse_person)]
    add: Vec<(String, PathBuf)>,
    /// Somebody who signs snapshots from now on and nothing else, best the scheduled job, with a key that is new; may be repeated
    #[arg(long, value_name = "NAME[=FILE.pub]", value_parser = parse_job)]
    history: Vec<(String, Option<PathBuf>)>,
    /// Somebody whose key was lost to others: what it signed has to be signed again; may be repeated
    #[arg(long, value_name = "NAME")]
    remove: Vec<String>,
    /// Somebody who leaves: what they signed before stays good where a run has seen it; may be repeated
    #[arg(long, value_name = "NAME")]
    retire: Vec<String>,
    /// How many must sign from now on
    #[arg(long, value_name = "N")]
    threshold: Option<usize>,
    /// When the new root ends [default: in a year]
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    expires: Option<Timestamp>,
    /// Go on although documents would no longer have enough signatures
    #[arg(long)]
    accept_gap: bool,
    /// Write the root and leave signing for later
    #[arg(long)]
    no_sign: bool,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn rotate(common: &Common, arguments: &RotateArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    let trust = repository.verified_root()?;
    let rotation = Rotation {
        add: arguments.add.iter().map(person).collect::<Result<_, _>>()?,
        history: arguments
            .history
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        history_keys: arguments
            .history
            .iter()
            .filter_map(|(name, file)| Some(person(&(name.clone(), file.clone()?))))
            .collect::<Result<_, _>>()?,
        remove: arguments.remove.clone(),
        retire: arguments.retire.clone(),
        threshold: arguments.threshold,
    };
    strangers(trust, &rotation)?;
    let current = trust.root();
    let read = |path: &str| -> Result<String, Failure> {
        text_of(&repository, path)?
            .ok_or_else(|| Failure::run(format!("{path} is missing"), "restore it"))
    };
    let signers = next_signers(&read(&signers_path())?, &rotation, now);
    let next = Next {
        version: current.header.version + 1,
        previous: Some(trust.digest()),
        issued: seconds(now),
        expires: arguments.expires.unwrap_or_else(|| seconds(now + LIFE)),
    };
    let root =
        next_root(&read(root::PATH)?, &rotation, &signers, &next).map_err(|error| match error {
            ProposalError::Malformed(problems) => Failure::Problems(problems),
            error => Failure::run(
                format!("the next root cannot be made: {error}"),
                "edit trust/root.yaml by hand, raise its version and name the one before",
            ),
        })?;
    let new = Keyring::of_texts(&root, &signers)
        .map_err(|refusal| Failure::run(refusal.to_string(), refusal.help()))?;
    let soon = now + SignedDuration::from_secs(2);
    let unreachable = new.beyond_reach(soon);
    if !unreachable.is_empty() {
        return Err(Failure::Refused {
            message: format!(
                "nobody could complete anything under the new root: {}",
                unreachable.join("; ")
            ),
            help: "add people or lower --threshold in the same command".to_owned(),
        });
    }
    for path in unseen_gaps(&repository, trust, &new, soon) {
        console.note(&format!("{path} will be refused by machines that have not seen it yet: have it signed again soon"));
    }
    let gaps = gaps(&repository, trust, &new);
    for gap in &gaps {
        console.note(gap);
    }
    if !gaps.is_empty() && !arguments.accept_gap {
        console.note("nothing was written: these documents would give no verdict until they are signed again; --accept-gap goes on");
        return Ok(3);
    }
    keep_whole(&repository.folder, current.header.version)?;
    let write = |path: &str, text: &str| {
        files::write(&repository.folder, path, text.as_bytes()).map_err(|error| unwritable(&error))
    };
    write(&signers_path(), &signers)?;
    write(root::PATH, &root)?;
    files::remove_signatures(&repository.folder, root::PATH).map_err(|error| unwritable(&error))?;
    console.note(&format!(
        "wrote {} version {}; version {} is kept in {}; until it is signed, no check gives a verdict",
        root::PATH,
        next.version,
        current.header.version,
        folder_of(current.header.version)
    ));
    if arguments.no_sign {
        let title = format!(
            "{} version {} against version {}:",
            root::PATH,
            next.version,
            current.header.version
        );
        console.text(&review::render(
            &title,
            &of_root(Some(trust.keyring()), &new),
        ))?;
        return Ok(0);
    }
    sign_root(&repository, &arguments.sign, now, console)
}

/// `NAME`, or `NAME=FILE.pub`
fn parse_job(text: &str) -> Result<(String, Option<PathBuf>), String> {
    if text.contains('=') {
        parse_person(text).map(|(name, file)| (name, Some(file)))
    } else {
        Ok((text.to_owned(), None))
    }
}

/// Names that the root does not know cannot leave it.
fn strangers(trust: &Trust, rotation: &Rotation) -> Result<(), Failure> {
    let leaving = rotation.remove.iter().chain(&rotation.retire);
    for name in leaving {
        if trust.keyring().signers.of_principal(name).next().is_none() {
            return Err(Failure::Usage(format!(
                "{name:?} has no key in trust/allowed_signers"
            )));
        }
    }
    Ok(())
}

/// The documents that count where a run has seen them, and nowhere else once keys have ended.
fn unseen_gaps(
    repository: &Repository,
    trust: &Trust,
    new: &Keyring,
    at: Timestamp,
) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut look = |path: String, duty: Duty<'_>| {
        let Ok(file) = SignedFile::load(&repository.folder, &path) else {
            return;
        };
        let seen = trust.moment(file.digest());
        if new.verify(duty, &file, seen).is_ok() && new.verify(duty, &file, at).is_err() {
            gaps.push(path);
        }
    };
    look(crate::policy::PATH.to_owned(), Duty::Policy);
    for tenant in &repository.tenants() {
        look(crate::baseline::path(tenant), Duty::Baseline(tenant));
    }
    gaps
}

/// The documents that have enough signatures now and would not by another root.
fn gaps(repository: &Repository, trust: &Trust, new: &Keyring) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut look = |path: &str, duty: Duty<'_>| {
        let Ok(file) = SignedFile::load(&repository.folder, path) else {
            return;
        };
        let at = trust.moment(file.digest());
        if let (Ok(_), Err(refusal)) = (trust.verify(duty, &file), new.verify(duty, &file, at)) {
            gaps.push(format!("would no longer count: {refusal}"));
        }
    };
    look(crate::policy::PATH, Duty::Policy);
    let tenants = repository.tenants();
    for tenant in &tenants {
        look(&crate::baseline::path(tenant), Duty::Baseline(tenant));
    }
    if let Ok(Some(manifest)) = trust.manifest()
        && let Some(tenant) = manifest.entries.keys().next()
    {
        look(manifest::PATH, Duty::Baseline(tenant));
    }
    gaps
}

/// Copies the root in force, its keys and its signatures to where earlier roots lie.
fn keep_whole(folder: &Path, version: u64) -> Result<(), Failure> {
    let target = folder_of(version);
    let file = SignedFile::load(folder, root::PATH).map_err(|error| unwritable(&error))?;
    let keys = files::read(folder, &signers_path()).map_err(|error| unwritable(&error))?;
    let mut copies: BTreeMap<String, &[u8]> = BTreeMap::new();
    copies.insert(format!("{target}/root.yaml"), &file.bytes);
    copies.insert(format!("{target}/{}", allowed_signers::FILE_NAME), &keys);
    let own = files::signature_folder(root::PATH);
    for signature in &file.signatures {
        let name = signature.path.strip_prefix(&own).unwrap_or(&signature.path);
        copies.insert(format!("{target}/root.sigs{name}"), &signature.bytes);
    }
    for (path, bytes) in copies {
        files::write(folder, &path, bytes).map_err(|error| unwritable(&error))?;
    }
    Ok(())
}
