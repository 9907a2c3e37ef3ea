//! A copy of the example repository that a test may bend, and the binary run in it.

use serde_json::Value;
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A time at which everything in the example is in force.
pub const NOW: &str = "2026-11-21T12:00:00Z";

/// A time after everything that tests record.
pub const LATER: &str = "2026-12-31T00:00:00Z";

/// The file of somebody's private key.
pub fn key(person: &str) -> String {
    project()
        .join("tests/keys")
        .join(person)
        .display()
        .to_string()
}

/// The project's own folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of records of real organizations, where this machine has it.
pub fn real_records() -> Option<PathBuf> {
    let folder = project().join("../shared/data/real");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "no records of real organizations beside this checkout: only those below tests/real are read"
    );
    None
}

/// An audit repository in a folder of its own.
pub struct Repo {
    folder: TempDir,
}

/// What one run did.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The findings of the only tenant in scope, as "rule severity direction property".
    pub fn findings(&self) -> Vec<String> {
        let json = self.json();
        let tenants = json["tenants"].as_array().unwrap();
        assert_eq!(tenants.len(), 1, "{json}");
        tenants[0]["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["status"] == "open")
            .map(|finding| {
                let word = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
                format!(
                    "{} {} {} {}",
                    word("rule"),
                    word("severity"),
                    word("direction"),
                    word("property")
                )
            })
            .collect()
    }

    /// Panics unless the run ended with this code and all of these words are somewhere in its output.
    #[track_caller]
    pub fn expect(self, code: i32, words: &[&str]) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{all}");
        // Lines are wrapped for people, so white space is not compared.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(
                flat(&all).contains(&flat(word)),
                "{word:?} is not in\n{all}"
            );
        }
        self
    }
}

impl Repo {
    /// An empty folder.
    pub fn empty() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// A copy of the example.
    pub fn example() -> Self {
        let repo = Self::empty();
        fs::copy(
            project().join("connguard.yaml"),
            repo.path("connguard.yaml"),
        )
        .unwrap();
        for folder in ["trust", "policies", "baselines", "exports"] {
            copy(&project().join(folder), &repo.path(folder));
        }
        repo
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    pub fn write(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Replaces text that must be there.
    #[track_caller]
    pub fn replace(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert!(text.contains(from), "{from:?} is not in {relative}");
        self.write(relative, text.replace(from, to));
    }

    /// Changes an export as JSON.
    pub fn export(&self, tenant: &str, change: impl FnOnce(&mut Value)) {
        let path = format!("exports/{tenant}.json");
        let mut export: Value = serde_json::from_str(&self.read(&path)).unwrap();
        change(&mut export);
        self.write(&path, export.to_string());
    }

    /// Signs a document as these people of the example.
    pub fn sign(&self, namespace: &str, document: &str, people: &[&str]) {
        let bytes = fs::read(self.path(document)).unwrap();
        let folder = document.replace(".yaml", ".sigs");
        let _ = fs::remove_dir_all(self.path(&folder));
        for person in people {
            let key =
                PrivateKey::read_openssh_file(project().join("tests/keys").join(person)).unwrap();
            let signature = key
                .sign(namespace, HashAlg::Sha512, &bytes)
                .unwrap()
                .to_pem(LineEnding::LF)
                .unwrap();
            self.write(&format!("{folder}/{person}@contoso.com.sig"), signature);
        }
    }

    /// The keys of these people and of the scheduled job, and a root that names them, signed again.
    #[track_caller]
    pub fn with_signers(&self, signers: &str) {
        let digest = |text: &str| connguard::digest::Digest::of(text.as_bytes()).to_string();
        let old = digest(&self.read("trust/allowed_signers"));
        let job = fs::read_to_string(project().join("tests/keys/ci.pub")).unwrap();
        let signers = format!("{}\nci@contoso.com {}\n", signers.trim_end(), job.trim());
        self.replace("trust/root.yaml", &old, &digest(&signers));
        self.write("trust/allowed_signers", signers);
        self.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    }

    /// Changes the tenant's baseline and has it signed again.
    #[track_caller]
    pub fn rebaseline(&self, tenant: &str, from: &str, to: &str) {
        let path = format!("baselines/{tenant}.yaml");
        self.replace(&path, from, to);
        self.sign("connguard-baseline", &path, &["alice", "bob"]);
    }

    /// Changes the policy and has it signed again.
    #[track_caller]
    pub fn repolicy(&self, from: &str, to: &str) {
        self.replace("policies/policy.yaml", from, to);
        self.sign(
            "connguard-policy",
            "policies/policy.yaml",
            &["alice", "bob"],
        );
    }

    /// Runs git here, with nothing of the machine's configuration, and gives what it printed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let done = self.try_git(arguments);
        assert!(
            done.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// The same, whatever becomes of it.
    pub fn try_git(&self, arguments: &[&str]) -> std::process::Output {
        Command::new("git")
            .args([
                "-c",
                "user.name=Alice",
                "-c",
                "user.email=alice@contoso.com",
            ])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.path(""))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap()
    }

    /// The example in a git repository, so that it can have a history.
    pub fn with_git() -> Self {
        let repo = Self::example();
        repo.git(&["init", "-q"]);
        repo
    }

    /// `snapshot` at a time, signed by the scheduled job's key.
    pub fn snapshot(&self, now: &str, more: &[&str]) -> Run {
        let key = key("ci");
        let pin = self.pin();
        let mut arguments = vec!["snapshot", "--now", now, "--root", &pin, "--key", &key];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// `history` with the root pinned, at a time after everything that tests record.
    pub fn history(&self, arguments: &[&str]) -> Run {
        let pin = self.pin();
        let mut all = vec!["history"];
        all.extend(arguments);
        all.extend(["--root", &pin, "--now", LATER]);
        self.run(&all)
    }

    /// The newest commit of the history.
    pub fn tip(&self) -> String {
        self.git(&["rev-parse", "refs/heads/connguard/history"])
            .trim()
            .to_owned()
    }

    /// Commits everything that is here.
    #[track_caller]
    pub fn commit(&self) {
        if !self.path(".git").exists() {
            self.git(&["init", "-q"]);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "as it is"]);
    }

    /// The digest of the root: what a pin holds.
    pub fn pin(&self) -> String {
        connguard::digest::Digest::of(&fs::read(self.path("trust/root.yaml")).unwrap()).to_string()
    }

    /// Runs the binary here, with nothing of the caller's environment.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_connguard"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(environment.iter().copied())
            .env("TZ", "Asia/Kathmandu")
            .env("LC_ALL", "tr_TR.UTF-8")
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `check` of one tenant at [`NOW`] with the root pinned, as JSON.
    pub fn check(&self, tenant: &str) -> Run {
        self.run(&[
            "check",
            "--tenant",
            tenant,
            "--now",
            NOW,
            "--root",
            &self.pin(),
            "--format",
            "json",
        ])
    }

    /// The same for people, with more arguments.
    pub fn check_with(&self, more: &[&str]) -> Run {
        let pin = self.pin();
        let mut arguments = vec!["check", "--now", NOW, "--root", &pin];
        arguments.extend(more);
        self.run(&arguments)
    }
}

/// The connector of an export with this name.
pub fn connector<'v>(export: &'v mut Value, name: &str) -> &'v mut Value {
    export["inbound_connectors"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|connector| connector["Name"] == name)
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
