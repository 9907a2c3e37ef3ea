//! From the root that is trusted to the root in force.
//!
//! Each root is signed by the threshold of the one before and of its own, and
//! names the digest of the one before. So whoever trusts one root can follow
//! the chain, and nobody can begin another one beside it. Earlier roots are
//! kept whole, with their signatures and keys, in `trust/roots/<n>`.

use super::files::{Documents, FileError};
use super::keyring::Keyring;
use super::memory::Lineage;
use super::refusal::Refusal;
use super::root::Duty;
use crate::digest::Digest;
use jiff::Timestamp;

/// The folder of the root in force.
pub const FOLDER: &str = "trust";

/// At most this many roots are followed: more than a century of yearly ones.
const LONGEST: u64 = 1000;

/// A root that is trusted before anything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// Given by the operator.
    Pinned(Digest),
    /// Seen in this repository by an earlier run.
    Remembered(Digest),
}

impl Floor {
    const fn digest(self) -> Digest {
        match self {
            Self::Pinned(digest) | Self::Remembered(digest) => digest,
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Pinned(_) => "pinned",
            Self::Remembered(_) => "remembered",
        }
    }
}

/// Where an earlier root lies.
pub fn folder_of(version: u64) -> String {
    format!("{FOLDER}/roots/{version}")
}

/// Reads the root in force and verifies it: by itself, and by every root from the trusted one on.
///
/// Returns it with version and digest of each root of the chain, oldest first.
/// Expired roots may stand in the middle: only the last one has to be in force.
pub fn follow(
    documents: &(impl Documents + ?Sized),
    folder: &str,
    floor: Option<Floor>,
    past: impl Fn(&[Digest]) -> Option<Lineage>,
    now: Timestamp,
) -> Result<(Keyring, Vec<(u64, Digest)>), Refusal> {
    let current = Keyring::load(documents, folder)?;
    let digest = current.digest;
    let earlier = match floor.filter(|floor| floor.digest() != digest) {
        None => Vec::new(),
        Some(floor) => {
            let broken = |reason: String| Refusal::NotDescended {
                kind: floor.kind(),
                floor: floor.digest(),
                found: digest,
                reason,
            };
            let first =
                find(documents, floor.digest(), current.root.header.version).map_err(broken)?;
            links(documents, first, &current).map_err(broken)?
        }
    };
    let mut chain: Vec<(u64, Digest)> = earlier
        .iter()
        .map(|keyring| (keyring.root.header.version, keyring.digest))
        .collect();
    chain.push((current.root.header.version, digest));
    let digests: Vec<Digest> = chain.iter().map(|(_, digest)| *digest).collect();
    let past = past(&digests);
    let first_seen = |root: Digest| past.as_ref().and_then(|past| past.first_seen(root));
    let mut before: Option<&Keyring> = None;
    for keyring in earlier.iter().chain([&current]) {
        // The trusted root needs no signature: whoever trusts it has said so.
        let trusted = floor.is_some_and(|floor| floor.digest() == keyring.digest);
        let at = first_seen(keyring.digest).unwrap_or(now);
        if let Some(before) = before {
            before.verify(Duty::Root, &keyring.file, at)?;
        }
        if !trusted || keyring.digest == digest {
            keyring.verify(Duty::Root, &keyring.file, at)?;
        }
        before = Some(keyring);
    }
    Ok((current, chain))
}

/// Version and digest of the roots before one, as far back as each is there and signed the next, oldest first.
///
/// They make nothing trusted. By them memory knows a root again that was pinned anew.
pub fn ancestors(
    documents: &(impl Documents + ?Sized),
    root: &Keyring,
    now: Timestamp,
) -> Vec<(u64, Digest)> {
    let mut found = Vec::new();
    let mut after: Option<Keyring> = None;
    loop {
        let next = after.as_ref().unwrap_or(root);
        let header = &next.root.header;
        let Some(previous) = header.previous.filter(|_| found.len() < 1000) else {
            break;
        };
        match Keyring::load(documents, &folder_of(header.version - 1)) {
            Ok(before)
                if before.digest == previous
                    && before.root.header.version + 1 == header.version
                    && [now, header.issued]
                        .into_iter()
                        // Old keys may have ended since; nothing becomes trusted by this.
                        .any(|at| before.verify(Duty::Root, &next.file, at).is_ok()) =>
            {
                found.push((before.root.header.version, before.digest));
                after = Some(before);
            }
            _ => break,
        }
    }
    found.reverse();
    found
}

/// The root with a digest among the earlier ones.
fn find(
    documents: &(impl Documents + ?Sized),
    wanted: Digest,
    newest: u64,
) -> Result<Keyring, String> {
    for version in (1..newest.min(LONGEST)).rev() {
        match Keyring::load(documents, &folder_of(version)) {
            Ok(keyring) if keyring.digest == wanted => return Ok(keyring),
            Ok(_) | Err(Refusal::File(FileError::Missing(_))) => {}
            // It may be the one: that it cannot be read must not look like "not there".
            Err(refusal) => return Err(format!("an earlier root cannot be read: {refusal}")),
        }
    }
    Err("no root below trust/roots is it, so nothing leads from it to this one".to_owned())
}

/// All roots from the trusted one to the one before the root in force, each named by the next.
fn links(
    documents: &(impl Documents + ?Sized),
    first: Keyring,
    current: &Keyring,
) -> Result<Vec<Keyring>, String> {
    let mut chain = vec![first];
    let mut version = chain.first().map_or(0, |first| first.root.header.version);
    while version + 1 < current.root.header.version {
        version += 1;
        let folder = folder_of(version);
        let keyring = Keyring::load(documents, &folder)
            .map_err(|refusal| format!("the chain breaks at version {version}: {refusal}"))?;
        chain.push(keyring);
    }
    let all: Vec<&Keyring> = chain.iter().chain([current]).collect();
    for pair in all.windows(2) {
        let [before, after] = pair else { continue };
        let (old, new) = (&before.root.header, &after.root.header);
        if new.version != old.version + 1 || new.previous != Some(before.digest) {
            return Err(format!(
                "{} does not follow version {}, whose digest is {}",
                after.file.path, old.version, before.digest
            ));
        }
    }
    Ok(chain)
}
