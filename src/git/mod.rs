//! Git repositories as stores of objects and refs, by the library alone.
//!
//! No command is run and no hook, whatever a repository configures. Objects are
//! read as bytes and their digests checked, so that what was edited on disk is
//! an error and never data.

mod commit;
mod configuration;
mod pack;
mod tree;

pub use commit::Commit;
pub use git2::Oid;
pub use tree::{Differing, Entry, FILE, FOLDER, Tree, differing, encode};

use git2::{ErrorClass, ErrorCode, ObjectType, Repository};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// So few objects are written one by one; more go into a pack, which is faster and smaller.
const MOST_LOOSE: usize = 200;

/// Why a repository could not be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GitError {
    /// There is none.
    #[error("{0} is no git repository")]
    NotThere(String),
    /// It belongs to somebody else, whose configuration git does not trust.
    #[error("the git repository {0} belongs to another user")]
    Owner(String),
    /// It is of a kind that the library does not read.
    #[error("the git repository {path} is of a kind that cannot be read: {reason}")]
    Kind {
        /// Its folder.
        path: String,
        /// What is unknown.
        reason: String,
    },
    /// Its older commits were left out when it was cloned.
    #[error("the git repository {0} is a shallow clone: its older commits are not there")]
    Shallow(String),
    /// Its configuration could make git run something.
    #[error(
        "the git repository {path} sets {key}, with which git could be made to run something or to talk to somebody else"
    )]
    Configuration {
        /// Its folder.
        path: String,
        /// The key.
        key: String,
    },
    /// An object is not what its name says.
    #[error("the object {id} was edited or is damaged: {reason}")]
    Damaged {
        /// Its name.
        id: Oid,
        /// What the library says.
        reason: String,
    },
    /// There is no such branch, tag or commit.
    #[error("the git repository {path} has no revision {revision:?}")]
    NoRevision {
        /// Its folder.
        path: String,
        /// What was asked for.
        revision: String,
    },
    /// An object is not there.
    #[error("the object {0} is missing")]
    Missing(Oid),
    /// Another process is writing the ref.
    #[error("{name} is being written by another process: {reason}")]
    Locked {
        /// The ref.
        name: String,
        /// What the library says.
        reason: String,
    },
    /// The ref is not what it was.
    #[error("{0} was moved by somebody else")]
    Moved(String),
    /// The system refused.
    #[error("git repository {path}: {reason}")]
    Other {
        /// Its folder.
        path: String,
        /// What the library says.
        reason: String,
    },
}

impl GitError {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            Self::NotThere(path) => format!("make one: git init --bare {path}"),
            Self::Owner(path) => format!("if you trust it: git config --global --add safe.directory {path}"),
            Self::Kind { .. } => "use a repository with the usual objects (SHA-1) and without partial clones".to_owned(),
            Self::Shallow(path) => format!("git -C {path} fetch --unshallow; in CI, check out with the whole history (fetch-depth: 0)"),
            Self::Configuration { path, key } => format!("look at {path}/config; if you need {key}, set it in your own configuration: git config --global"),
            Self::Damaged { .. } => "find out who wrote to the repository; restore the object from another clone".to_owned(),
            Self::NoRevision { .. } => "name a branch, a tag or a commit that was fetched; in CI, check out with the whole history (fetch-depth: 0)".to_owned(),
            Self::Missing(_) => "fetch the repository whole, or restore it from another clone".to_owned(),
            Self::Locked { .. } => "try again; if no other process runs, a crashed one left the .lock file that is named: take it away".to_owned(),
            Self::Moved(_) => "try again".to_owned(),
            Self::Other { .. } => "check that the folder exists, can be read and written, and that there is space".to_owned(),
        }
    }
}

/// An object that is to be written.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name.
    pub id: Oid,
    /// What it is.
    pub kind: ObjectType,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Object {
    /// A file's content.
    pub fn blob(bytes: Vec<u8>) -> Result<Self, git2::Error> {
        Self::new(ObjectType::Blob, bytes)
    }

    /// A folder.
    pub fn tree(bytes: Vec<u8>) -> Result<Self, git2::Error> {
        Self::new(ObjectType::Tree, bytes)
    }

    /// A commit.
    pub fn commit(bytes: Vec<u8>) -> Result<Self, git2::Error> {
        Self::new(ObjectType::Commit, bytes)
    }

    fn new(kind: ObjectType, bytes: Vec<u8>) -> Result<Self, git2::Error> {
        let id = Oid::hash_object(kind, &bytes)?;
        Ok(Self { id, kind, bytes })
    }
}

/// A git repository. Threads may share it: each takes a handle of its own from a pool.
pub struct Git {
    handles: Mutex<Vec<Repository>>,
    /// Where it lies, for messages and for other programs.
    pub path: PathBuf,
    /// The folder of the checked-out files, if it has one.
    pub work_tree: Option<PathBuf>,
}

impl Git {
    /// The repository around a folder; `None` where there is none.
    pub fn around(folder: &Path) -> Result<Option<Self>, GitError> {
        match Repository::discover(folder) {
            // One without files around it was laid there by whoever made the folder.
            Ok(repository) if repository.is_bare() => Err(GitError::Kind {
                path: repository.path().display().to_string(),
                reason: "it is a bare repository, inside which no audit repository lies".to_owned(),
            }),
            Ok(repository) => Ok(Some(Self::opened(repository))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(translate(folder, error)),
        }
    }

    /// The repository at a path, bare or not. It must bring nothing that git could be made to run.
    pub fn at(path: &Path) -> Result<Self, GitError> {
        let repository = Repository::open(path).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::NotThere(path.display().to_string()),
            _ => translate(path, error),
        })?;
        let git = Self::opened(repository);
        git.is_harmless()?;
        Ok(git)
    }

    fn opened(repository: Repository) -> Self {
        Self {
            path: repository.path().to_owned(),
            work_tree: repository.workdir().map(Path::to_owned),
            handles: Mutex::new(vec![repository]),
        }
    }

    /// Does something with a handle that no other thread uses meanwhile.
    fn with<T>(
        &self,
        work: impl FnOnce(&Repository) -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        let lock = || self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lock().pop();
        let repository = match free {
            Some(repository) => repository,
            None => Repository::open(&self.path)?,
        };
        let done = work(&repository);
        lock().push(repository);
        done
    }

    /// Refuses a repository whose own configuration could make git run something.
    pub fn is_harmless(&self) -> Result<(), GitError> {
        let key = self.with(|repository| configuration::dangerous_key(&repository.config()?));
        match key.map_err(|error| self.error(error))? {
            None => Ok(()),
            Some(key) => Err(GitError::Configuration {
                path: self.path.display().to_string(),
                key,
            }),
        }
    }

    /// The commit that a ref names; `None` where there is no such ref.
    pub fn tip(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let target = |repository: &Repository| Ok(repository.find_reference(name)?.target());
        match self.with(target) {
            Ok(Some(id)) => Ok(Some(id)),
            Ok(None) => Err(GitError::Kind {
                path: self.path.display().to_string(),
                reason: format!("{name} is a symbolic ref"),
            }),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// The commit that a revision names: a branch, a tag, a commit, as git spells them.
    pub fn revision(&self, text: &str) -> Result<Oid, GitError> {
        let found = self.with(|repository| {
            let object = repository.revparse_single(text)?;
            Ok(object.peel_to_commit()?.id())
        });
        found.map_err(|error| match error.code() {
            ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::Peel => {
                GitError::NoRevision {
                    path: self.path.display().to_string(),
                    revision: text.to_owned(),
                }
            }
            _ => self.error(error),
        })
    }

    /// Whether one commit is another, or comes after it.
    pub fn contains(&self, newer: Oid, older: Oid) -> Result<bool, GitError> {
        let contains = |repository: &Repository| {
            Ok(newer == older || repository.graph_descendant_of(newer, older)?)
        };
        self.with(contains).map_err(|error| self.error(error))
    }

    /// Moves a ref from what it is known to be.
    pub fn move_ref(
        &self,
        name: &str,
        from: Option<Oid>,
        to: Oid,
        reason: &str,
    ) -> Result<(), GitError> {
        let expected = from.unwrap_or(Oid::ZERO_SHA1);
        self.with(|repository| {
            repository
                .reference_matching(name, to, true, expected, reason)
                .map(|_| ())
        })
        .map_err(|error| match error.code() {
            ErrorCode::Modified | ErrorCode::Exists => GitError::Moved(name.to_owned()),
            ErrorCode::Locked => GitError::Locked {
                name: name.to_owned(),
                reason: error.message().to_owned(),
            },
            _ => self.error(error),
        })
    }

    /// Takes a ref away that only this program uses.
    pub fn remove_ref(&self, name: &str) -> Result<(), GitError> {
        self.with(|repository| repository.find_reference(name)?.delete())
            .map_err(|error| self.error(error))
    }

    /// The address to which a remote of the repository's configuration is pushed; `None` where there is no such remote.
    pub fn remote_url(&self, name: &str) -> Result<Option<String>, GitError> {
        let url = self.with(|repository| match repository.find_remote(name) {
            Ok(remote) => Ok(remote
                .pushurl()
                .ok()
                .flatten()
                .or(remote.url().ok())
                .map(str::to_owned)),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
                Ok(None)
            }
            Err(error) => Err(error),
        });
        url.map_err(|error| self.error(error))
    }

    /// Every commit that is stored, whether a ref leads to it or not.
    pub fn all_commits(&self) -> Result<Vec<Oid>, GitError> {
        self.with(|repository| {
            let odb = repository.odb()?;
            let mut found = Vec::new();
            odb.foreach(|id| {
                found.push(*id);
                true
            })?;
            found.retain(|id| {
                odb.read_header(*id)
                    .is_ok_and(|(_, kind)| kind == ObjectType::Commit)
            });
            Ok(found)
        })
        .map_err(|error| self.error(error))
    }

    /// The content of a file.
    pub fn blob(&self, id: Oid) -> Result<Vec<u8>, GitError> {
        self.read(id, ObjectType::Blob)
    }

    /// A folder.
    pub fn tree(&self, id: Oid) -> Result<Tree, GitError> {
        Ok(Tree::new(self.read(id, ObjectType::Tree)?))
    }

    /// A commit.
    pub fn commit(&self, id: Oid) -> Result<Commit, GitError> {
        Commit::parse(&self.read(id, ObjectType::Commit)?)
            .map_err(|reason| GitError::Damaged { id, reason })
    }

    /// Follows a path from a folder; `None` where nothing has that name.
    pub fn find(&self, tree: Oid, path: &str) -> Result<Option<Entry>, GitError> {
        let mut at = Entry {
            mode: FOLDER,
            id: tree,
        };
        for name in path.split('/') {
            if at.mode != FOLDER {
                return Ok(None);
            }
            match self.tree(at.id)?.get(name) {
                Some(entry) => at = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn read(&self, id: Oid, kind: ObjectType) -> Result<Vec<u8>, GitError> {
        let read = self.with(|repository| {
            let read = repository
                .odb()?
                .read(id)
                .map(|object| (object.kind(), object.data().to_vec()));
            let shallow = read.is_err() && repository.is_shallow();
            Ok((read, shallow))
        });
        let (read, shallow) = read.map_err(|error| self.error(error))?;
        let (found, bytes) = read.map_err(|error| match error.code() {
            // Where a clone was cut off, the missing commit is no sign of anything else.
            ErrorCode::NotFound if kind == ObjectType::Commit && shallow => {
                GitError::Shallow(self.path.display().to_string())
            }
            ErrorCode::NotFound => GitError::Missing(id),
            _ => GitError::Damaged {
                id,
                reason: error.message().to_owned(),
            },
        })?;
        if found == kind {
            return Ok(bytes);
        }
        Err(GitError::Damaged {
            id,
            reason: format!("it is a {found}, where a {kind} belongs"),
        })
    }

    /// Writes objects. Nothing leads to them before a ref does.
    pub fn write(&self, objects: &[Object]) -> Result<(), GitError> {
        let written = if objects.len() > MOST_LOOSE {
            pack::write(&self.path, objects)
        } else {
            self.with(|repository| {
                let odb = repository.odb()?;
                objects
                    .iter()
                    .try_for_each(|object| odb.write(object.kind, &object.bytes).map(|_| ()))
            })
        };
        written.map_err(|error| self.error(error))
    }

    fn error(&self, error: git2::Error) -> GitError {
        translate(&self.path, error)
    }
}

/// What the library says, in the words of this program.
fn translate(path: &Path, error: git2::Error) -> GitError {
    let path = path.display().to_string();
    let message = error.message();
    let unknown_kind = error.class() == ErrorClass::Repository
        && ["extension", "object format", "repository version"]
            .iter()
            .any(|word| message.contains(word));
    match error.code() {
        ErrorCode::Owner => GitError::Owner(path),
        _ if unknown_kind => GitError::Kind {
            path,
            reason: message.to_owned(),
        },
        _ => GitError::Other {
            path,
            reason: message.to_owned(),
        },
    }
}

/// Leaves checking each object's digest to others, for the whole process.
///
/// Only where a history is shown and not judged: tampering is what `history verify` looks for.
pub fn trust_digests() {
    git2::opts::strict_hash_verification(false);
}
