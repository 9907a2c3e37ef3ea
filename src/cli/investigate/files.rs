//! Files of evidence on disk.

use crate::cli::Failure;
use crate::digest::{Digest, Digesting};
use crate::evidence::{File, Form};
use jiff::Timestamp;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file on disk.
pub(super) struct DiskFile {
    path: PathBuf,
    shown: String,
    size: u64,
    /// Its digest, once it was read to its end; `None` where nobody wants to know.
    digest: Option<OnceLock<Digest>>,
}

impl DiskFile {
    /// The digest of the bytes that were read, where it is wanted. What was told by its beginning alone is read now.
    pub fn digest(&self) -> io::Result<Option<Digest>> {
        let Some(slot) = &self.digest else {
            return Ok(None);
        };
        if slot.get().is_none() {
            io::copy(&mut self.open()?, &mut io::sink())?;
        }
        Ok(slot.get().copied())
    }
}

impl File for DiskFile {
    fn path(&self) -> &str {
        &self.shown
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        let file = std::fs::File::open(&self.path)?;
        Ok(match &self.digest {
            Some(slot) if slot.get().is_none() => Box::new(Noting {
                file,
                digest: Digesting::default(),
                slot,
            }),
            _ => Box::new(file),
        })
    }
}

/// A file that is read, and whose digest is noted at its end: that of the very bytes that were judged.
struct Noting<'s> {
    file: std::fs::File,
    digest: Digesting,
    slot: &'s OnceLock<Digest>,
}

impl Read for Noting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.digest.add(buffer.get(..read).unwrap_or_default());
        if read == 0 && !buffer.is_empty() {
            let _ = self.slot.set(self.digest.clone().finish());
        }
        Ok(read)
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
    /// For which time, where it says what there was in all of it.
    pub covers: Option<(Timestamp, Timestamp)>,
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
        self.covers
    }

    fn doubts(&self) -> Vec<String> {
        self.doubts.clone()
    }
}

/// Folders of evidence lie not deeper in each other.
const MOST_DEPTH: usize = 8;

/// What lies on disk: files, and what could not be taken for one.
#[derive(Default)]
pub(super) struct Disk {
    /// The files.
    pub files: Vec<DiskFile>,
    /// What was left out, in words.
    pub left_out: Vec<String>,
    /// What could not be opened, in words.
    pub unreadable: Vec<String>,
}

impl Disk {
    /// Adds the files below a path, by name. Links are not followed: evidence is what is there.
    pub fn add(&mut self, path: &Path, digests: bool) -> Result<(), Failure> {
        let mut found = Self::default();
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            walk(path, 0, &mut found)?;
            found
                .files
                .retain(|file| match std::fs::File::open(&file.path) {
                    Ok(_) => true,
                    Err(error) => {
                        let words = format!("{} cannot be read: {error}", file.shown);
                        found.unreadable.push(words);
                        false
                    }
                });
        } else {
            found.files.push(file(path.to_owned(), metadata.len()));
        }
        found
            .files
            .sort_unstable_by(|one, other| one.shown.cmp(&other.shown));
        found.left_out.sort_unstable();
        found.unreadable.sort_unstable();
        for file in found.files.iter_mut().filter(|_| digests) {
            file.digest = Some(OnceLock::new());
        }
        self.files.extend(found.files);
        self.left_out.extend(found.left_out);
        self.unreadable.extend(found.unreadable);
        Ok(())
    }
}

fn walk(folder: &Path, depth: usize, found: &mut Disk) -> Result<(), Failure> {
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
            found.files.push(file(path, metadata.len()));
        } else if !hidden {
            found.left_out.push(format!(
                "{} is a link or no file, and was not followed: name what it leads to",
                shown(&path)
            ));
        }
    }
    Ok(())
}

fn file(path: PathBuf, size: u64) -> DiskFile {
    DiskFile {
        shown: shown(&path),
        path,
        size,
        digest: None,
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::run(
        format!("cannot read {}: {error}", path.display()),
        "name a file or folder of evidence that can be read",
    )
}
