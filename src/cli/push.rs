//! Sending a history to a remote repository: git itself does it, with the credentials that it already has.
//!
//! Nothing is ever forced. Git runs without hooks, and only in a repository
//! whose own configuration could not make it run anything.

use crate::git::{GitError, Oid};
use crate::history::History;
use std::process::{Command, Output, Stdio};

/// Where fetched commits are kept until they are verified.
const INCOMING: &str = "refs/connguard/incoming";

/// A remote repository's copy of a history.
pub(super) struct Remote<'h> {
    history: &'h History,
    name: &'h str,
}

/// Why a remote could not be used.
pub(super) enum RemoteError {
    /// The repository's own configuration is not known to be harmless.
    Git(GitError),
    /// Git said no, or could not be run.
    Refused(String),
}

impl<'h> Remote<'h> {
    /// The remote of a name or address, which must be no option.
    pub fn new(history: &'h History, name: &'h str) -> Result<Self, RemoteError> {
        history.git.is_harmless().map_err(RemoteError::Git)?;
        if name.is_empty() || name.starts_with('-') || name.contains("::") {
            let reason = format!("{name:?} is no name or address of a remote");
            return Err(RemoteError::Refused(reason));
        }
        Ok(Self { history, name })
    }

    /// Fetches the remote's tip; `None` where it has no such ref yet.
    pub fn fetch(&self) -> Result<Option<Oid>, RemoteError> {
        let name = &self.history.name;
        let listed = self.git(&["ls-remote", "--refs", self.name, name])?;
        if String::from_utf8_lossy(&listed.stdout).trim().is_empty() {
            return Ok(None);
        }
        let what = format!("+{name}:{INCOMING}");
        self.git(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            self.name,
            &what,
        ])?;
        let git = &self.history.git;
        let tip = git.tip(INCOMING).map_err(RemoteError::Git)?;
        if tip.is_some() {
            git.remove_ref(INCOMING).map_err(RemoteError::Git)?;
        }
        Ok(tip)
    }

    /// Makes a commit the remote's tip, if that is an ancestor of it.
    pub fn push(&self, commit: Oid) -> Result<(), RemoteError> {
        let what = format!("{commit}:{}", self.history.name);
        self.git(&[
            "push",
            "--quiet",
            "--no-verify",
            "--recurse-submodules=no",
            self.name,
            &what,
        ])
        .map(|_| ())
    }

    fn git(&self, arguments: &[&str]) -> Result<Output, RemoteError> {
        let mut command = Command::new("git");
        command
            .arg("--git-dir")
            .arg(&self.history.git.path)
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(["-c", "core.fsmonitor=false"])
            .args(["-c", "protocol.ext.allow=never"])
            .args(["-c", "gc.auto=0"])
            .args(arguments)
            .stdin(Stdio::null())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C");
        // Variables that would lead it to another repository.
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_NAMESPACE",
        ] {
            command.env_remove(name);
        }
        let output = command
            .output()
            .map_err(|error| RemoteError::Refused(format!("git cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let word = arguments.first().copied().unwrap_or_default();
        Err(RemoteError::Refused(format!(
            "git {word} failed: {}",
            said.join("; ")
        )))
    }
}
