//! A case on disk, and on a ref of its own in git.

use crate::case::{CASE, CHECKLIST, Case, Checklist, Files, SUMS, sums};
use crate::cli::config::{self, Config};
use crate::cli::console::Console;
use crate::cli::past::{self, Past};
use crate::cli::{Common, Failure, TrustArgs};
use crate::digest::Digest;
use crate::git::{Commit, Entry, FILE, FOLDER, Git, Object, Oid, encode};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Cases are refs below this.
const REFS: &str = "refs/heads/connguard/cases/";

/// The largest file of a case, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// A case's folder.
pub(in crate::cli) struct CaseFolder {
    path: PathBuf,
    name: String,
}

impl CaseFolder {
    pub fn at(path: PathBuf, name: &str) -> Self {
        Self {
            path,
            name: name.to_owned(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every case of a folder.
    pub fn all(cases: &Path) -> Result<Vec<Self>, Failure> {
        let entries = match std::fs::read_dir(cases) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| failed(cases, &error))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(cases, &error))?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            // 2026-11-20-NAME
            if let Some(name) = name.get(11..).filter(|_| path.join(CASE).is_file()) {
                found.push(Self::at(path.clone(), name));
            }
        }
        found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// The case of a name.
    pub fn find(cases: &Path, name: &str) -> Result<Self, Failure> {
        let mut all = Self::all(cases)?;
        // By its name, or as its folder is called, which is how lists show it.
        all.retain(|own| own.name == name || own.path.ends_with(name));
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Failure::run(
                format!("{} holds several cases {name:?}", cases.display()),
                "keep one, or name the folder of the other with --cases",
            )),
            (None, _) => Err(Failure::Usage(format!(
                "there is no case {name:?} in {}; connguard investigate --case {name} opens one",
                cases.display()
            ))),
        }
    }

    pub fn case(&self) -> Result<Case, Failure> {
        Case::read(&self.read(CASE)?).map_err(|reason| self.broken(CASE, &reason))
    }

    pub fn checklist(&self) -> Result<Checklist, Failure> {
        Checklist::read(&self.read(CHECKLIST)?).map_err(|reason| self.broken(CHECKLIST, &reason))
    }

    /// The list of digests, as it is.
    pub fn listed(&self) -> Result<Vec<u8>, Failure> {
        self.read(SUMS)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.path.join(name);
        crate::cli::check::limited(&path, LARGEST)
            .map(String::into_bytes)
            .map_err(|reason| self.broken(name, &reason))
    }

    fn broken(&self, name: &str, reason: &str) -> Failure {
        Failure::run(
            format!(
                "{} cannot be read: {reason}",
                self.path.join(name).display()
            ),
            "restore it, for example from the case's ref in git",
        )
    }

    /// Every file of it but the list of digests: what people add belongs to the case.
    pub fn files(&self) -> Result<Files, Failure> {
        let mut files = Files::new();
        self.walk(&self.path, "", &mut files)?;
        files.remove(SUMS);
        Ok(files)
    }

    fn walk(&self, folder: &Path, prefix: &str, files: &mut Files) -> Result<(), Failure> {
        for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
            let entry = entry.map_err(|error| failed(folder, &error))?;
            let kind = entry.file_type().map_err(|error| failed(folder, &error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.contains(['\n', '\\'])) else {
                return Err(Failure::run(
                    format!(
                        "{} holds a file whose name no list can hold",
                        folder.display()
                    ),
                    "give it a plain name",
                ));
            };
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"), files)?;
            } else if kind.is_file() {
                let bytes =
                    std::fs::read(entry.path()).map_err(|error| failed(&entry.path(), &error))?;
                files.insert(path, bytes);
            }
        }
        Ok(())
    }

    /// How its files differ from its list of digests, in words: those that changed or are gone, then those that are new.
    pub fn differences(&self) -> Result<(Vec<String>, Vec<String>), Failure> {
        let listed = String::from_utf8_lossy(&self.listed()?).into_owned();
        let mut files = self.files()?;
        let mut broken = Vec::new();
        for (digest, path) in listed.lines().filter_map(|line| line.split_once("  ")) {
            match files.remove(path) {
                Some(bytes) if Digest::of(&bytes).hex() == digest => {}
                Some(_) => broken.push(format!("{path} is not what it was when it was listed")),
                None => broken.push(format!("{path} is listed, and gone")),
            }
        }
        let new = files.keys().map(|path| format!("{path} is not listed"));
        Ok((broken, new.collect()))
    }

    /// Refuses a case of which a file changed behind its back: a new list of digests would hide that.
    pub fn intact(&self) -> Result<(), Failure> {
        match self.differences()?.0.as_slice() {
            [] => Ok(()),
            broken => Err(Failure::Refused {
                message: crate::hostile_text::visible(&broken.join("; ")),
                help: format!(
                    "restore it, for example from {REFS}{}; what you add of your own is no difference",
                    self.name
                ),
            }),
        }
    }

    /// Takes a folder of it away that is made anew.
    pub fn clear(&self, folder: &str) -> Result<(), Failure> {
        let place = self.path.join(folder);
        match std::fs::remove_dir_all(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&place, &error)),
            _ => Ok(()),
        }
    }

    /// Writes files, each whole or not at all, and the list of digests last.
    pub fn write(&self, files: Files) -> Result<Digest, Failure> {
        for (path, bytes) in files {
            self.put(&path, &bytes)?;
        }
        let list = sums(&self.files()?);
        self.put(SUMS, &list)?;
        Ok(Digest::of(&list))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let place = self.path.join(path);
        let folder = place.parent().unwrap_or(&self.path);
        let beside = place.with_extension("part");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, &place))
            .map_err(|error| failed(&place, &error))
    }

    /// Commits it to its ref, where there is a git repository for it.
    pub fn keep(
        &self,
        common: &Common,
        trust: &TrustArgs,
        console: &Console,
        what: &str,
    ) -> Result<(), Failure> {
        let Some(git) = repository(common)? else {
            console.note(
                "there is no audit repository in git around: the case is kept in its folder alone",
            );
            return Ok(());
        };
        let mut files = self.files()?;
        files.insert(SUMS.to_owned(), self.listed()?);
        let git_failed = |error: crate::git::GitError| past::failure(&error.into());
        let name = format!("{REFS}{}", self.name);
        let parent = git.tip(&name).map_err(git_failed)?;
        let mut objects = Vec::new();
        let tree = tree(&files, &mut objects).map_err(|error| {
            Failure::run(
                format!("the case cannot be kept in git: {error}"),
                "try again",
            )
        })?;
        let who = "connguard <case@connguard.invalid>";
        let message = format!("{}: {}\n", self.name, crate::hostile_text::visible(what));
        let bytes = Commit::encode(tree, parent, who, trust.now().as_second(), &message);
        let commit = Object::commit(bytes).map_err(|error| {
            Failure::run(
                format!("the case cannot be kept in git: {error}"),
                "try again",
            )
        })?;
        let id = commit.id;
        objects.push(commit);
        git.write(&objects).map_err(git_failed)?;
        git.move_ref(&name, parent, id, "connguard: case")
            .map_err(git_failed)?;
        console.detail(&format!("kept as {name} in {}", git.path.display()));
        Ok(())
    }

    /// Takes the folder and the ref away.
    pub fn delete(&self, common: &Common) -> Result<(), Failure> {
        if let Some(git) = repository(common)? {
            let name = format!("{REFS}{}", self.name);
            let git_failed = |error: crate::git::GitError| past::failure(&error.into());
            if git.tip(&name).map_err(git_failed)?.is_some() {
                git.remove_ref(&name).map_err(git_failed)?;
            }
        }
        std::fs::remove_dir_all(&self.path).map_err(|error| failed(&self.path, &error))
    }
}

/// The git repository of the history of the audit repository around; cases lie beside it.
fn repository(common: &Common) -> Result<Option<Git>, Failure> {
    let Some(path) = config::find(common.config.as_deref())? else {
        return Ok(None);
    };
    let folder = crate::cli::repository::folder_of(&path);
    let config = Config::load(&path)?;
    Ok(Past::find(&folder, &config.history)?.map(|history| history.git))
}

/// A folder's tree and everything below it.
fn tree(files: &Files, objects: &mut Vec<Object>) -> Result<Oid, git2::Error> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut folders: BTreeMap<String, Files> = BTreeMap::new();
    for (path, bytes) in files {
        match path.split_once('/') {
            Some((folder, rest)) => {
                folders
                    .entry(folder.to_owned())
                    .or_default()
                    .insert(rest.to_owned(), bytes.clone());
            }
            None => {
                let blob = Object::blob(bytes.clone())?;
                entries.insert(
                    path.clone(),
                    Entry {
                        mode: FILE,
                        id: blob.id,
                    },
                );
                objects.push(blob);
            }
        }
    }
    for (name, files) in folders {
        let id = tree(&files, objects)?;
        entries.insert(name, Entry { mode: FOLDER, id });
    }
    let object = Object::tree(encode(
        entries.iter().map(|(name, entry)| (name.as_str(), *entry)),
    ))?;
    let id = object.id;
    objects.push(object);
    Ok(id)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::run(
        format!("{}: {error}", path.display()),
        "name a folder of cases that can be read and written",
    )
}
