//! The signed documents in a history: kept byte for byte, so that whoever reads it can verify them again.

use super::{History, HistoryError, place};
use crate::digest::Digest;
use crate::git::{Entry, FILE, FOLDER, GitError, Oid};
use crate::policy::{self, Policy};
use crate::trust::files::{Documents, FileError, SignedFile};
use crate::trust::{Trust, allowed_signers, chain, manifest};
use std::collections::BTreeMap;

/// The documents of one commit, under the paths that they have in an audit repository.
#[derive(Clone, Copy)]
pub struct Recorded<'h> {
    history: &'h History,
    tree: Oid,
}

impl<'h> Recorded<'h> {
    /// The documents below a commit's tree.
    pub const fn new(history: &'h History, tree: Oid) -> Self {
        Self { history, tree }
    }

    /// What the history has of a document, or of a folder of documents.
    fn find(&self, path: &str) -> Result<Option<Entry>, FileError> {
        let Some(place) = place::of_document(path) else {
            return Ok(None);
        };
        let io = |error: &dyn std::fmt::Display| FileError::Io {
            path: path.to_owned(),
            error: error.to_string(),
        };
        let (top, inside) = place.split_once('/').unwrap_or((&place, ""));
        let folder = self.history.folder_of(self.tree, top);
        let Some(folder) = folder.map_err(|error| io(&error))? else {
            return Ok(None);
        };
        let found = self.history.git.find(folder, inside);
        found.map_err(|error| io(&error))
    }
}

fn io(path: &str, error: &GitError) -> FileError {
    FileError::Io {
        path: path.to_owned(),
        error: error.to_string(),
    }
}

impl Documents for Recorded<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let missing = || FileError::Missing(path.to_owned());
        let entry = self.find(path)?.ok_or_else(missing)?;
        if entry.mode != FILE {
            return Err(FileError::NotRegular(path.to_owned()));
        }
        self.history
            .git
            .blob(entry.id)
            .map_err(|error| io(path, &error))
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let Some(entry) = self.find(folder)? else {
            return Ok(Vec::new());
        };
        if entry.mode != FOLDER {
            return Ok(Vec::new());
        }
        let tree = self
            .history
            .git
            .tree(entry.id)
            .map_err(|error| io(folder, &error))?;
        let mut names: Vec<String> = tree.named().map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }
}

impl History {
    /// The version of a document that has a digest, from one commit on backwards, with the signatures that
    /// were recorded with it; `None` where the history never held it.
    pub fn document(
        &self,
        from: Oid,
        path: &str,
        wanted: Digest,
    ) -> Result<Option<SignedFile>, HistoryError> {
        let mut last = None;
        for entry in self.from(from) {
            let tree = entry?.commit.tree;
            let recorded = Recorded::new(self, tree);
            let object = recorded.find(path).ok().flatten().map(|entry| entry.id);
            if object.is_none() || object == last {
                continue;
            }
            last = object;
            match SignedFile::load(&recorded, path) {
                Ok(file) if file.digest() == wanted => return Ok(Some(file)),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The documents in force that belong to no single tenant, by their places below the folder for them.
///
/// Only what was verified is kept: the root with its chain, the policy with
/// its own rules, and the manifest where it counts for any tenant.
pub fn in_force(
    documents: &(impl Documents + ?Sized),
    trust: &Trust,
    policy: Option<&Policy>,
) -> Result<BTreeMap<String, Vec<u8>>, FileError> {
    let mut files = BTreeMap::new();
    let mut folders = vec![chain::FOLDER.to_owned()];
    let version = trust.root().header.version;
    let earlier = trust.known_by().len() as u64;
    folders.extend((version.saturating_sub(earlier)..version).map(chain::folder_of));
    for folder in folders {
        let path = format!("{folder}/{}", allowed_signers::FILE_NAME);
        match SignedFile::load(documents, &format!("{folder}/root.yaml")) {
            Ok(root) => {
                files.insert(path.clone(), documents.read(&path)?);
                keep(&mut files, root);
            }
            // Not every root before the trusted one has to be there.
            Err(FileError::Missing(_)) if folder != chain::FOLDER => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(policy) = policy {
        keep(&mut files, SignedFile::load(documents, policy::PATH)?);
        for name in policy.document.rules.keys() {
            let path = format!("policies/{name}");
            let bytes = documents.read(&path)?;
            files.insert(path, bytes);
        }
    }
    if let Ok(Some(manifest)) = trust.manifest()
        && !trust.manifest_counts_for(manifest).is_empty()
    {
        keep(&mut files, SignedFile::load(documents, manifest::PATH)?);
    }
    Ok(files)
}

fn keep(files: &mut BTreeMap<String, Vec<u8>>, file: SignedFile) {
    for signature in file.signatures {
        let name = signature.path.rsplit('/').next().unwrap_or_default();
        if place::is_signature_file(name) {
            files.insert(signature.path, signature.bytes);
        }
    }
    files.insert(file.path, file.bytes);
}
