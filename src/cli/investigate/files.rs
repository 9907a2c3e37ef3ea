//! Files of evidence on disk.

use crate::cli::Failure;
use crate::evidence::{File, Form};
use jiff::Timestamp;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file on disk.
pub(super) struct DiskFile {
    path: PathBuf,
    shown: String,
    size: u64,
}

impl File for DiskFile {
    fn path(&self) -> &str {
        &self.shown
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(std::fs::File::open(&self.path)?))
    }
}

/// What a service answered, as a file.
pub(super) struct Answered {
    /// What reports call it.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What was asked for.
    pub form: Form,
    /// For which time.
    pub covers: (Timestamp, Timestamp),
    /// Why it may not be all.
    pub doubts: Vec<String>,
}

impl File for Answered {
    fn path(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.bytes.as_slice()))
    }

    fn form(&self) -> Option<Form> {
        Some(self.form)
    }

    fn covers(&self) -> Option<(Timestamp, Timestamp)> {
        Some(self.covers)
    }

    fn doubts(&self) -> Vec<String> {
        self.doubts.clone()
    }
}

/// Folders of evidence lie not deeper in each other.
const MOST_DEPTH: usize = 8;

/// The files below a path, by name. Links are not followed: evidence is what is there.
pub(super) fn below(path: &Path) -> Result<Vec<DiskFile>, Failure> {
    let mut found = Vec::new();
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        walk(path, 0, &mut found)?;
    } else {
        found.push(file(path.to_owned(), metadata.len()));
    }
    found.sort_by(|one, other| one.shown.cmp(&other.shown));
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<DiskFile>) -> Result<(), Failure> {
    if depth > MOST_DEPTH {
        return Err(Failure::run(
            format!(
                "the folders below {} lie too deep in each other",
                folder.display()
            ),
            "name the folder that holds the evidence",
        ));
    }
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let path = entry.path();
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&path, &error))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden {
            walk(&path, depth + 1, found)?;
        } else if kind.is_file() && !hidden {
            let metadata = entry
                .metadata()
                .map_err(|error| unreadable(&path, &error))?;
            found.push(file(path, metadata.len()));
        }
    }
    Ok(())
}

fn file(path: PathBuf, size: u64) -> DiskFile {
    DiskFile {
        shown: path.to_string_lossy().replace('\\', "/"),
        path,
        size,
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::run(
        format!("cannot read {}: {error}", path.display()),
        "name a file or folder of evidence that can be read",
    )
}
