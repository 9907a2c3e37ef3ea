//! Sending a history to a remote repository: git itself does it, with the credentials that it already has.
//!
//! Nothing is ever forced. Git runs without hooks, and only in a repository
//! whose own configuration could not make it run anything.

use crate::git::{GitError, Oid};
use crate::history::History;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where fetched commits are kept until they are verified.
const INCOMING: &str = "refs/connguard/incoming";

/// A remote repository's copy of a history.
pub(super) struct Remote<'h> {
    history: &'h History,
    /// Where it is.
    address: String,
}

/// Why a remote could not be used.
pub(super) enum RemoteError {
    /// The repository's own configuration is not known to be harmless.
    Git(GitError),
    /// Git said no, or could not be run.
    Refused(String),
}

impl<'h> Remote<'h> {
    /// The remote of a name, by the repository's checked configuration, or an address as the operator typed it.
    ///
    /// Git is told the address, never the name: what else a repository keeps under the name decides nothing.
    pub fn new(history: &'h History, name: &str) -> Result<Self, RemoteError> {
        history.git.is_harmless().map_err(RemoteError::Git)?;
        let refused = |reason: String| Err(RemoteError::Refused(reason));
        let configured = history.git.remote_url(name).map_err(RemoteError::Git)?;
        let is_address = name.contains('/') || (name.contains('@') && name.contains(':'));
        let address = match configured {
            Some(url) => url,
            None if is_address => name.to_owned(),
            None => {
                return refused(format!(
                    "{} has no remote {name:?}, and that is no address",
                    history.git.path.display()
                ));
            }
        };
        if address.is_empty() || address.starts_with('-') || address.contains("::") {
            return refused(format!("{address:?} is no address of a remote"));
        }
        if let Some(inside) = lies_inside(history, &address) {
            return refused(format!(
                "the remote {inside:?} lies inside the repository, which could bring hooks of its own"
            ));
        }
        Ok(Self { history, address })
    }

    /// Fetches the remote's tip; `None` where it has no such ref yet.
    pub fn fetch(&self) -> Result<Option<Oid>, RemoteError> {
        let name = &self.history.name;
        let listed = self.git(&["ls-remote", "--refs", &self.address, name])?;
        // Git takes the name for the end of a name.
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let is_it = |line: &str| {
            line.split_once('\t')
                .is_some_and(|(_, found)| found == name)
        };
        if !listed.lines().any(is_it) {
            return Ok(None);
        }
        let what = format!("+{name}:{INCOMING}");
        self.git(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--refmap=",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            &self.address,
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
            &self.address,
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
        // It needs none of our secrets, and neither does what a remote on this machine runs.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONNGUARD_") {
                command.env_remove(name);
            }
        }
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

/// The address, where it leads into the repository itself or the files around it.
fn lies_inside(history: &History, address: &str) -> Option<String> {
    let path = address.strip_prefix("file://").unwrap_or(address);
    let git = &history.git;
    let around = git.work_tree.as_deref().unwrap_or(&git.path);
    // A relative path is seen from where the program runs, and from where the repository lies.
    let candidates = [PathBuf::from(path), around.join(path), git.path.join(path)];
    let inside = |path: &PathBuf| {
        let whole = |path: &Path| path.canonicalize().ok();
        match (whole(path), whole(around), whole(&git.path)) {
            (Some(path), around, own) => [around, own]
                .into_iter()
                .flatten()
                .any(|folder| path.starts_with(folder)),
            _ => false,
        }
    };
    candidates.iter().any(inside).then(|| address.to_owned())
}
