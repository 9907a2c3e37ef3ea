//! Earlier versions of a file of the audit repository, from its git.
//!
//! Only to be shown and compared: nothing is believed for standing in git, and
//! a version is found by its digest. No command is run and no hook: objects are
//! read by the library, whatever the repository configures.

use crate::digest::Digest;
use crate::git::{Entry, FILE, FOLDER, Git, GitError, Oid};
use crate::trust::SignedFile;
use crate::trust::files::{Documents, FileError, LARGEST_FILE, SignatureFile, signature_folder};
use git2::{ErrorCode, Repository, Sort, Tree};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// The files of an audit repository as they are in one commit.
pub struct Committed {
    git: Git,
    tree: Oid,
    /// The audit repository's folder within the git repository; empty for the whole of it.
    inside: String,
    /// The commit.
    pub commit: Oid,
}

impl Committed {
    /// The audit repository of a folder in the commit that a revision names.
    pub fn at(folder: &Path, revision: &str) -> Result<Self, GitError> {
        let git =
            Git::around(folder)?.ok_or_else(|| GitError::NotThere(folder.display().to_string()))?;
        let commit = git.revision(revision)?;
        let tree = git.commit(commit)?.tree;
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let top = git.work_tree.as_deref().map(whole).unwrap_or_default();
        let inside = whole(folder)
            .strip_prefix(top)
            .map(|path| path.to_string_lossy().replace('\\', "/"))
            .unwrap_or_default();
        Ok(Self {
            git,
            tree,
            inside,
            commit,
        })
    }

    /// Whether this commit holds everything that led to another.
    pub fn holds(&self, other: &Self) -> Result<bool, GitError> {
        self.git.contains(self.commit, other.commit)
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, FileError> {
        let whole = match (self.inside.as_str(), path) {
            ("", path) => path.to_owned(),
            (inside, path) => format!("{inside}/{path}"),
        };
        self.git
            .find(self.tree, &whole)
            .map_err(|error| io(path, &error))
    }

    /// Everything in the commit below the audit repository that is no folder: its mode and what it holds.
    ///
    /// A name that is not text is shown as far as it is; no document has one.
    pub fn files(&self) -> Result<BTreeMap<String, (u32, Oid)>, GitError> {
        let top = match self.inside.as_str() {
            "" => Some(self.tree),
            inside => self.git.find(self.tree, inside)?.map(|entry| entry.id),
        };
        let mut files = BTreeMap::new();
        let mut open: Vec<(String, Oid)> =
            top.map(|top| (String::new(), top)).into_iter().collect();
        while let Some((folder, tree)) = open.pop() {
            for (name, entry) in self.git.tree(tree)?.entries() {
                let path = format!("{folder}{}", String::from_utf8_lossy(name));
                if entry.mode == FOLDER {
                    open.push((format!("{path}/"), entry.id));
                } else {
                    files.insert(path, (entry.mode, entry.id));
                }
            }
        }
        Ok(files)
    }
}

fn io(path: &str, error: &GitError) -> FileError {
    FileError::Io {
        path: path.to_owned(),
        error: error.to_string(),
    }
}

impl Documents for Committed {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let entry = self
            .entry(path)?
            .ok_or_else(|| FileError::Missing(path.to_owned()))?;
        // A link in git is a file of another mode.
        if entry.mode != FILE && entry.mode != EXECUTABLE {
            return Err(FileError::NotRegular(path.to_owned()));
        }
        let bytes = self.git.blob(entry.id).map_err(|error| io(path, &error))?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(FileError::TooLarge(path.to_owned()));
        }
        Ok(bytes)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let Some(entry) = self.entry(folder)?.filter(|entry| entry.mode == FOLDER) else {
            return Ok(Vec::new());
        };
        let tree = self
            .git
            .tree(entry.id)
            .map_err(|error| io(folder, &error))?;
        let mut names: Vec<String> = tree.named().map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }
}

/// The mode of a file that may be run.
const EXECUTABLE: u32 = 0o100_755;

/// At most this many commits are looked at.
const MOST_COMMITS: usize = 20_000;

/// The version of a document that has a digest, with the signatures that were committed with it;
/// `None` where git does not have it.
pub fn with_digest(
    folder: &Path,
    path: &str,
    wanted: Digest,
) -> Result<Option<SignedFile>, String> {
    find(folder, path, |bytes| Digest::of(bytes) == wanted)
}

/// The document as it was committed last.
pub fn committed(folder: &Path, path: &str) -> Result<Option<SignedFile>, String> {
    find(folder, path, |_| true)
}

/// The newest version of a file, by the commits that lead to the current one, that suits.
fn find(
    folder: &Path,
    path: &str,
    suits: impl Fn(&[u8]) -> bool,
) -> Result<Option<SignedFile>, String> {
    let words = |error: git2::Error| match error.code() {
        ErrorCode::Owner => format!(
            "the git repository belongs to another user: git config --global --add safe.directory {}",
            folder.display()
        ),
        _ => error.message().to_owned(),
    };
    let repository = match Repository::discover(folder) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(words(error)),
    };
    let Some(inside) = inside(&repository, folder, path) else {
        return Ok(None);
    };
    let mut walk = repository.revwalk().map_err(words)?;
    match walk.push_head() {
        Ok(()) => {}
        // A repository without a commit.
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => {
            return Ok(None);
        }
        Err(error) => return Err(words(error)),
    }
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)
        .map_err(words)?;
    let mut seen: HashSet<Oid> = HashSet::new();
    for commit in walk.take(MOST_COMMITS) {
        let tree = repository
            .find_commit(commit.map_err(words)?)
            .and_then(|commit| commit.tree())
            .map_err(words)?;
        let Ok(entry) = tree.get_path(Path::new(&inside)) else {
            continue;
        };
        if !seen.insert(entry.id()) {
            continue;
        }
        if let Ok(blob) = repository.find_blob(entry.id())
            && suits(blob.content())
        {
            return Ok(Some(SignedFile {
                path: path.to_owned(),
                bytes: blob.content().to_vec(),
                signatures: signatures(&repository, &tree, &inside),
            }));
        }
    }
    Ok(None)
}

/// The signatures beside a document, as they were in the same commit.
fn signatures(repository: &Repository, tree: &Tree<'_>, inside: &str) -> Vec<SignatureFile> {
    let folder = signature_folder(inside);
    let entry = tree.get_path(Path::new(&folder));
    let Some(names) = entry
        .ok()
        .and_then(|entry| repository.find_tree(entry.id()).ok())
    else {
        return Vec::new();
    };
    let file = |entry: git2::TreeEntry<'_>| {
        let name = entry
            .name()
            .ok()
            .filter(|name| name.ends_with(".sig"))?
            .to_owned();
        let blob = repository.find_blob(entry.id()).ok()?;
        Some(SignatureFile {
            path: format!("{folder}/{name}"),
            bytes: blob.content().to_vec(),
        })
    };
    names.iter().filter_map(file).collect()
}

/// The path within the repository's work tree.
fn inside(repository: &Repository, folder: &Path, path: &str) -> Option<String> {
    let top = repository.workdir()?.canonicalize().ok()?;
    let folder = folder.canonicalize().ok()?;
    let below = folder.strip_prefix(top).ok()?;
    Some(below.join(path).to_str()?.replace('\\', "/"))
}
