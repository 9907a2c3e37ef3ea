//! Where memory of the versions seen is kept: a file of the operator's, outside every audit repository.

use super::Failure;
use crate::trust::{Memory, Sightings};
use jiff::Timestamp;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The variable that names the state file.
pub const VARIABLE: &str = "CONNGUARD_STATE";

/// The state file, and what it held when the run began.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    /// Whether the operator named the file, so that it must be possible to write it.
    named: bool,
    /// What earlier runs saw.
    pub memory: Memory,
}

impl State {
    /// Reads the state file; `None` where there is no place for one.
    pub fn open(flag: Option<&Path>) -> Result<Option<Self>, Failure> {
        let Some((path, named)) = place(flag)? else {
            return Ok(None);
        };
        let memory = load(&path)?;
        Ok(Some(Self {
            path,
            named,
            memory,
        }))
    }

    /// Adds what runs verified, each with the time at which it saw that. Whatever other runs wrote meanwhile is kept.
    ///
    /// A file that the operator did not name may be impossible to write, as in
    /// a container: the reason is returned, for a note.
    pub fn remember(
        &self,
        runs: &[(Sightings, Option<Timestamp>)],
    ) -> Result<Option<String>, Failure> {
        match self.write(runs) {
            Ok(()) => Ok(None),
            Err(error) if self.named => Err(Failure::run(
                format!("cannot write {}: {error}", self.path.display()),
                format!("name a file that can be written with --state or {VARIABLE}"),
            )),
            Err(error) => Ok(Some(format!(
                "this run is not remembered: cannot write {}: {error}",
                self.path.display()
            ))),
        }
    }

    fn write(&self, runs: &[(Sightings, Option<Timestamp>)]) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)?;
        // Beside the file, under its whole name: two state files never share a lock.
        let beside = |suffix: &str| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let lock = File::create(beside(".lock"))?;
        lock.lock()?;
        let mut memory =
            load(&self.path).map_err(|failure| std::io::Error::other(failure.to_string()))?;
        for (run, clock) in runs {
            memory.record(run, *clock);
        }
        // Written beside and renamed, so that a crash leaves the old file or the new one.
        let new = beside(".new");
        let mut file = File::create(&new)?;
        file.write_all(memory.to_text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }
}

/// The file named on the command line, in the environment, or the platform's place for state.
fn place(flag: Option<&Path>) -> Result<Option<(PathBuf, bool)>, Failure> {
    if let Some(path) = flag {
        return Ok(Some((path.to_owned(), true)));
    }
    if let Some(path) = std::env::var_os(VARIABLE) {
        if path.is_empty() {
            return Err(Failure::Usage(format!(
                "the variable {VARIABLE} is set and empty: name a file, or unset it"
            )));
        }
        return Ok(Some((PathBuf::from(path), true)));
    }
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = folder("XDG_STATE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    Ok(base.map(|base| (base.join("connguard/state.json"), false)))
}

/// A file that is not there is a memory of nothing; one that cannot be read is never taken for that.
fn load(path: &Path) -> Result<Memory, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Memory::default()),
        Err(error) => {
            return Err(Failure::run(
                format!("cannot read the versions seen, {}: {error}", path.display()),
                "mend its permissions, or name another file with --state",
            ));
        }
    };
    Memory::parse(&text).map_err(|reason| {
        Failure::run(
            format!("{} is not a state file: {reason}", path.display()),
            "restore it; only if you know that nothing was rolled back, take it away to begin anew",
        )
    })
}
