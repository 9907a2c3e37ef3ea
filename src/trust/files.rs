//! A signed document and its signatures, as bytes.

use crate::digest::Digest;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The largest document or signature that is read, in bytes.
pub const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// At most this many signature files of one document are looked at.
const MOST_SIGNATURES: usize = 200;

/// A document with the signatures beside it. Nothing of it has been parsed.
#[derive(Clone, Debug)]
pub struct SignedFile {
    /// Path relative to the audit repository, with `/`.
    pub path: String,
    /// The exact bytes that were signed.
    pub bytes: Vec<u8>,
    /// Signatures by file name, sorted.
    pub signatures: Vec<SignatureFile>,
}

/// One detached signature.
#[derive(Clone, Debug)]
pub struct SignatureFile {
    /// Path relative to the audit repository, with `/`.
    pub path: String,
    /// The armored signature.
    pub bytes: Vec<u8>,
}

/// Why a file of the audit repository could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// It is a link, a folder or a device: what was signed must be in the repository itself.
    #[error("{0} is not a regular file")]
    NotRegular(String),
    /// It is larger than any such file has reason to be.
    #[error("{0} is larger than {limit} MiB", limit = LARGEST_FILE >> 20)]
    TooLarge(String),
    /// Nobody has that many signers; looking at all of them would take long.
    #[error("{0} holds more than {MOST_SIGNATURES} signatures")]
    TooMany(String),
    /// The system refused.
    #[error("cannot read {path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        error: String,
    },
}

/// Where signed documents are read from: the folder of an audit repository, or what a history recorded of one.
pub trait Documents {
    /// A file.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// The names of what a folder holds, sorted; none where there is no such folder.
    fn names(&self, folder: &str) -> Result<Vec<String>, FileError>;
}

impl Documents for Path {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        read(self, path)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        names(self, folder)
    }
}

impl Documents for PathBuf {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.as_path().read(path)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.as_path().names(folder)
    }
}

impl SignedFile {
    /// Reads `path` (ending in `.yaml`), and every `.sig` file in the `.sigs` folder beside it.
    pub fn load(documents: &(impl Documents + ?Sized), path: &str) -> Result<Self, FileError> {
        let bytes = documents.read(path)?;
        let folder = signature_folder(path);
        let mut signatures = Vec::new();
        for name in signature_names(documents, &folder)? {
            let path = format!("{folder}/{name}");
            let bytes = documents.read(&path)?;
            signatures.push(SignatureFile { path, bytes });
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            signatures,
        })
    }

    /// Digest of the document's bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// The folder of a document's signatures.
pub fn signature_folder(path: &str) -> String {
    format!("{}.sigs", path.strip_suffix(".yaml").unwrap_or(path))
}

/// Reads a regular file below the repository, never through a link.
pub fn read(repository: &Path, path: &str) -> Result<Vec<u8>, FileError> {
    no_link(repository, path)?;
    let full = repository.join(path);
    let io = |error: std::io::Error| FileError::Io {
        path: path.to_owned(),
        error: error.to_string(),
    };
    let metadata = fs::symlink_metadata(&full).map_err(|error| missing_or(path, error))?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular(path.to_owned()));
    }
    // Sized beforehand: the limit hides the file's size from the reader, which would grow by guessing.
    let expected = metadata.len().min(LARGEST_FILE) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    fs::File::open(&full)
        .map_err(io)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

/// Writes a file below the repository: whole or not at all, and never through a link.
pub fn write(repository: &Path, path: &str, bytes: &[u8]) -> Result<(), FileError> {
    let io = |error: std::io::Error| FileError::Io {
        path: path.to_owned(),
        error: error.to_string(),
    };
    no_link(repository, path)?;
    let full = repository.join(path);
    if fs::symlink_metadata(&full).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(FileError::NotRegular(path.to_owned()));
    }
    let folder = full.parent().unwrap_or(repository);
    fs::create_dir_all(folder).map_err(io)?;
    let name = full.file_name().unwrap_or_default().to_string_lossy();
    let (beside, mut file) = new_file(folder, &name).map_err(io)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written
        .and_then(|()| fs::rename(&beside, &full))
        .inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })
        .map_err(io)
}

/// A file that was not there: made anew, so that no link laid out under its name is followed.
fn new_file(folder: &Path, name: &str) -> std::io::Result<(PathBuf, fs::File)> {
    let mut number = 0;
    loop {
        let path = folder.join(format!(".{name}.{}-{number}.new", std::process::id()));
        match fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
        {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 100 => {
                number += 1
            }
            opened => return opened.map(|file| (path, file)),
        }
    }
}

/// Takes away the signatures of a document's earlier version, which git keeps.
pub fn remove_signatures(repository: &Path, path: &str) -> Result<(), FileError> {
    let folder = signature_folder(path);
    for name in signature_names(repository, &folder)? {
        let path = format!("{folder}/{name}");
        no_link(repository, &path)?;
        fs::remove_file(repository.join(&path)).map_err(|error| FileError::Io {
            path,
            error: error.to_string(),
        })?;
    }
    Ok(())
}

/// Refuses a path one of whose folders inside the repository is a link.
fn no_link(repository: &Path, path: &str) -> Result<(), FileError> {
    let mut folder = PathBuf::from(repository);
    for part in Path::new(path)
        .parent()
        .into_iter()
        .flat_map(Path::components)
    {
        folder.push(part);
        if fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(FileError::NotRegular(path.to_owned()));
        }
    }
    Ok(())
}

fn missing_or(path: &str, error: std::io::Error) -> FileError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::Io {
            path: path.to_owned(),
            error: error.to_string(),
        },
    }
}

/// The signatures in a folder, of which nobody has very many.
fn signature_names(
    documents: &(impl Documents + ?Sized),
    folder: &str,
) -> Result<Vec<String>, FileError> {
    let mut names = documents.names(folder)?;
    names.retain(|name| name.ends_with(".sig"));
    if names.len() > MOST_SIGNATURES {
        return Err(FileError::TooMany(folder.to_owned()));
    }
    Ok(names)
}

fn names(repository: &Path, folder: &str) -> Result<Vec<String>, FileError> {
    let io = |error: std::io::Error| FileError::Io {
        path: folder.to_owned(),
        error: error.to_string(),
    };
    let entries = match fs::read_dir(repository.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        // Nothing of ours has a name that is not text.
        names.extend(entry.map_err(io)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}
