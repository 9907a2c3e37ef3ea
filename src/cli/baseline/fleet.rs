//! `baseline sign --all`: one review and one signature for many baselines.

use super::{digest_of, keyring, text_of, version_before};
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::sign::{self, SignArgs, Task};
use crate::cli::{Failure, Outcome};
use crate::digest::Digest;
use crate::document::Source;
use crate::review::{Line, Review, of_baseline};
use crate::trust::manifest::{self, Entry};
use crate::trust::{Duty, Key, SignedFile, files};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How long a manifest counts.
const LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);

/// Brings the manifest up to date with every baseline, shows what that approves, and signs it.
pub(super) fn sign(
    repository: &Repository,
    arguments: &SignArgs,
    now: Timestamp,
    console: &Console,
) -> Outcome {
    let trust = repository.verified_root()?;
    let keyring = keyring(repository)?;
    let (listed, draft) = listed(repository)?;
    let mut entries = BTreeMap::new();
    let mut changes: Vec<(String, Line)> = Vec::new();
    for tenant in repository.tenants() {
        let Some((version, digest, approved)) = digest_of(repository, &tenant)? else {
            console.note(&format!(
                "{tenant} has no baseline yet: connguard baseline propose {tenant}"
            ));
            continue;
        };
        entries.insert(tenant.clone(), Entry { version, digest });
        // A draft is reviewed by each of its signers; what was in force before needs no second look.
        if !draft
            && listed
                .get(&tenant)
                .is_some_and(|entry| entry.digest == digest)
        {
            continue;
        }
        let path = crate::baseline::path(&tenant);
        let before = version_before(repository, &path, &approved, console)?;
        let lines = of_baseline(before.as_ref(), &approved).lines;
        changes.extend(lines.into_iter().map(|line| (tenant.clone(), line)));
    }
    if entries.is_empty() {
        return Err(Failure::run(
            "there is no baseline to sign",
            "connguard baseline propose --all writes them",
        ));
    }
    if entries != listed {
        write(repository, &entries, now)?;
        console.note(&format!("wrote {}", manifest::PATH));
    }
    let path = manifest::PATH;
    let text = text_of(repository, path)?.unwrap_or_default();
    let (header, _) = manifest::parse(Source { path, text: &text })?;
    // Whoever holds the role for one of the tenants can sign; each tenant counts its own holders.
    let task = Task {
        folder: &repository.folder,
        path,
        bytes: text.as_bytes(),
        duties: entries
            .keys()
            .map(|tenant| Duty::Baseline(tenant))
            .collect(),
        keyrings: vec![&keyring],
        now,
    };
    let title = format!("{path}: {} baselines", entries.len());
    let mut lines = grouped(changes);
    for tenant in entries.keys() {
        let key = Key::Manifest {
            tenant: tenant.clone(),
        };
        sign::refused_by_memory(trust, &task, &key, &header)?;
    }
    sign::warn_of_root(&mut lines, trust);
    sign::sign(&task, arguments, &title, &lines, console)
}

/// Each change once, with all tenants whose baselines make it: a thousand times the same is one thing to read.
fn grouped(changes: Vec<(String, Line)>) -> Review {
    let mut groups: BTreeMap<(String, String), (Line, Vec<String>)> = BTreeMap::new();
    for (tenant, line) in changes {
        let key = (line.subject.clone(), line.words.clone());
        groups
            .entry(key)
            .or_insert_with(|| (line, Vec::new()))
            .1
            .push(tenant);
    }
    let mut review = Review::default();
    for (line, tenants) in groups.into_values() {
        review.lines.push(Line {
            subject: format!("{}: {}", crate::finding::shorten(&tenants), line.subject),
            ..line
        });
    }
    review.sorted()
}

/// What the manifest lists now, and whether it is a draft that some have signed and not enough.
fn listed(repository: &Repository) -> Result<(BTreeMap<String, Entry>, bool), Failure> {
    let Some(text) = text_of(repository, manifest::PATH)? else {
        return Ok((BTreeMap::new(), true));
    };
    let (_, entries) = manifest::parse(Source {
        path: manifest::PATH,
        text: &text,
    })?;
    let counts = repository.trust.as_ref().is_ok_and(|trust| {
        let file = SignedFile::load(&repository.folder, manifest::PATH);
        let all = |file: &SignedFile| {
            entries
                .keys()
                .all(|tenant| trust.verify(Duty::Baseline(tenant), file).is_ok())
        };
        // A root that nobody vouches for says nothing of what is in force.
        trust.floor().is_some() && file.is_ok_and(|file| all(&file))
    });
    Ok((entries, !counts))
}

fn write(
    repository: &Repository,
    entries: &BTreeMap<String, Entry>,
    now: Timestamp,
) -> Result<(), Failure> {
    let second = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    let before = text_of(repository, manifest::PATH)?;
    let (version, previous) = match &before {
        None => (1, None),
        Some(text) => {
            let (header, _) = manifest::parse(Source {
                path: manifest::PATH,
                text,
            })?;
            let signed = SignedFile::load(&repository.folder, manifest::PATH)
                .is_ok_and(|file| !file.signatures.is_empty());
            if signed {
                (header.version + 1, Some(Digest::of(text.as_bytes())))
            } else {
                (header.version, header.previous)
            }
        }
    };
    let next = crate::proposal::Next {
        version,
        previous,
        issued: second(now),
        expires: second(now + LIFE),
    };
    let mut text = format!(
        "# The baselines in force, by digest: one signature for all of them. Written by connguard baseline sign --all.\napiVersion: connguard/v1\nkind: Manifest\n{}baselines:\n",
        next.lines()
    );
    for (tenant, entry) in entries {
        let _ = writeln!(
            text,
            "  {tenant}: {{ version: {}, digest: {} }}",
            entry.version, entry.digest
        );
    }
    files::write(&repository.folder, manifest::PATH, text.as_bytes())
        .and_then(|()| files::remove_signatures(&repository.folder, manifest::PATH))
        .map_err(|error| Failure::run(error.to_string(), "check the folder and its permissions"))
}
