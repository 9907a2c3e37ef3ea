//! An audit repository, opened: its configuration, and as much of its signed documents as can be verified.

use super::config::{self, Config};
use super::console::Console;
use super::past::Past;
use super::state::State;
use super::targets::Selection;
use super::{Common, Failure, TrustArgs, export_file};
use crate::document::{Problem, Problems};
use crate::policy::{Policy, PolicyError, Rules};
use crate::source::export::{self, Export};
use crate::trust::files::{Documents, FileError};
use crate::trust::{Floor, Key, Known, Memory, Refusal, Sightings, Trust};
use crate::versions::Committed;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the files of an audit repository are read from.
pub(crate) enum Content {
    /// Its folder, as it is.
    Folder(PathBuf),
    /// A commit.
    Commit(Committed),
}

impl Documents for Content {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match self {
            Self::Folder(folder) => folder.read(path),
            Self::Commit(commit) => commit.read(path),
        }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        match self {
            Self::Folder(own) => own.names(folder),
            Self::Commit(commit) => commit.names(folder),
        }
    }
}

impl Content {
    /// An export that the configuration names.
    pub fn export(&self, path: &str) -> Result<Export, Problems> {
        match self {
            Self::Folder(folder) => export_file::read_configured(folder, path),
            Self::Commit(commit) => committed_export(commit, path),
        }
    }
}

/// An export as a commit has it.
pub(super) fn committed_export(commit: &Committed, path: &str) -> Result<Export, Problems> {
    let bytes = commit.read(path).map_err(|error| {
        Problem::of_file(path, error.to_string()).help("commit the export, or name one with --from")
    })?;
    export::read(path, &bytes)
}

/// An audit repository.
pub(crate) struct Repository {
    /// Its folder.
    pub folder: PathBuf,
    /// Where its files are read from.
    pub content: Content,
    /// Its configuration.
    pub config: Config,
    /// Its root, or why that cannot be believed.
    pub trust: Result<Trust, Refusal>,
    /// What earlier runs on this machine saw, where that is kept.
    pub state: Option<State>,
    /// The history of the repository, verified; `None` where there is none.
    pub past: Result<Option<Past>, Failure>,
    /// What earlier runs and the history remember.
    pub memory: Memory,
    /// The root that was trusted before anything was read, if there is one.
    pub floor: Option<Floor>,
    /// Its policy; `None` without a verified root to verify it by.
    pub policy: Option<Result<Policy, PolicyError>>,
}

impl Repository {
    /// Opens the repository that the command line names, or the one around the current folder, if there is one.
    pub fn find(
        common: &Common,
        arguments: &TrustArgs,
        console: &Console,
    ) -> Result<Option<Self>, Failure> {
        arguments.pin()?;
        let Some(path) = config::find(common.config.as_deref())? else {
            return Ok(None);
        };
        let folder = folder_of(&path);
        console.detail(&format!("reading {}", path.display()));
        let config = Config::load(&path)?;
        let content = Content::Folder(folder.clone());
        Self::open(folder, content, config, arguments, console).map(Some)
    }

    /// The same of a folder as one commit has it.
    pub fn at(
        folder: &Path,
        commit: Committed,
        arguments: &TrustArgs,
        console: &Console,
    ) -> Result<Self, Failure> {
        let config = Config::of(&commit)?;
        Self::open(
            folder.to_owned(),
            Content::Commit(commit),
            config,
            arguments,
            console,
        )
    }

    fn open(
        folder: PathBuf,
        content: Content,
        config: Config,
        arguments: &TrustArgs,
        console: &Console,
    ) -> Result<Self, Failure> {
        let pin = arguments.pin()?;
        let state = State::open(arguments.state.as_deref())?;
        let name = name_of(&folder);
        let known = Known {
            pin,
            memory: state.as_ref().map(|state| &state.memory),
            repository: &name,
        };
        let floor = known.floor();
        let trust = Trust::open(&content, known, arguments.now());
        let mut memory = known.memory.cloned().unwrap_or_default();
        let past = open_past(
            &folder,
            &config,
            arguments,
            (trust.as_ref().ok(), &name),
            &mut memory,
        );
        // What the history remembers may refuse what a machine that knows nothing lets pass.
        let trust = match (&past, trust) {
            (Ok(Some(_)), Ok(_)) => {
                let known = Known {
                    memory: Some(&memory),
                    ..known
                };
                Trust::open_from(&content, floor, known, arguments.now())
            }
            (_, trust) => trust,
        };
        if let Ok(trust) = &trust {
            console.detail(&format!(
                "verified trust/root.yaml version {}, {}",
                trust.root().header.version,
                trust.digest()
            ));
        }
        let policy = trust
            .as_ref()
            .ok()
            .map(|trust| Policy::open(&content, trust));
        if let Some(Ok(policy)) = &policy {
            let signers: Vec<&str> = policy
                .signers()
                .iter()
                .map(|signer| signer.principal.as_str())
                .collect();
            console.detail(&format!(
                "verified {} version {}, signed by {}",
                crate::policy::PATH,
                policy.document.header.version,
                signers.join(", ")
            ));
        }
        Ok(Self {
            folder,
            content,
            config,
            trust,
            floor,
            state,
            past,
            memory,
            policy,
        })
    }

    /// The repository around the current folder, or the one named; there must be one.
    ///
    /// Says what its history cannot be used for; whoever needs the history refuses instead, with [`Self::found`].
    pub fn needed(
        common: &Common,
        arguments: &TrustArgs,
        console: &Console,
    ) -> Result<Self, Failure> {
        let repository = Self::found(common, arguments, console)?;
        repository.note_history(arguments.now(), console);
        Ok(repository)
    }

    /// The same without a word about the history.
    pub fn found(
        common: &Common,
        arguments: &TrustArgs,
        console: &Console,
    ) -> Result<Self, Failure> {
        Self::find(common, arguments, console)?.ok_or_else(|| {
            Failure::run(
                "there is no connguard.yaml here or in a parent folder",
                "change to an audit repository, or name one with --config",
            )
        })
    }

    /// The repository, or none where `--from` says what to judge instead.
    pub fn unless_from(
        common: &Common,
        selection: &Selection,
        arguments: &TrustArgs,
        console: &Console,
    ) -> Result<Option<Self>, Failure> {
        let repository = Self::find(common, arguments, console)?;
        if repository.is_none() && selection.from.is_none() {
            return Err(Failure::run(
                "there is no connguard.yaml here or in a parent folder",
                "change to an audit repository, name one with --config, or judge an exported file with --from",
            ));
        }
        Ok(repository)
    }

    /// The verified root: nothing is signed under one that cannot be believed.
    pub fn verified_root(&self) -> Result<&Trust, Failure> {
        self.trust.as_ref().map_err(|refusal| Failure::Refused {
            message: refusal.to_string(),
            help: refusal.help(),
        })
    }

    /// Every tenant that the policy or the configuration names.
    pub fn tenants(&self) -> BTreeSet<String> {
        let demanded = self
            .verified_policy()
            .into_iter()
            .flat_map(|policy| policy.document.tenants.keys());
        self.config
            .tenants
            .keys()
            .chain(demanded)
            .cloned()
            .collect()
    }

    /// What was verified here so far: the roots, the policy and the manifest.
    pub fn sightings(&self, trust: &Trust) -> Sightings {
        let policy = self
            .verified_policy()
            .map(|policy| (Key::Policy, policy.document.header.version, policy.digest));
        Sightings {
            repository: name_of(&self.folder),
            roots: trust.chain().to_vec(),
            known_by: trust.known_by().to_vec(),
            documents: policy
                .into_iter()
                .chain(trust.manifest_sightings())
                .collect(),
            history: self.past().and_then(Past::remembered),
        }
    }

    /// Its history, where there is one that could be opened.
    pub fn past(&self) -> Option<&Past> {
        self.past.as_ref().ok().and_then(Option::as_ref)
    }

    /// Its history; there must be one.
    pub fn needed_past(&self) -> Result<&Past, Failure> {
        match &self.past {
            Ok(Some(past)) => Ok(past),
            Ok(None) => Err(Failure::run(
                format!(
                    "{} is in no git repository, and a history needs one",
                    self.folder.display()
                ),
                "git init here, or name a repository in connguard.yaml: history: { repository: ../contoso-history }",
            )),
            Err(failure) => Err(failure.clone()),
        }
    }

    /// Says that what the history remembers is not taken into account, where it is not.
    fn note_history(&self, now: Timestamp, console: &Console) {
        let reason = match &self.past {
            Ok(None) => None,
            Ok(Some(past)) => past.obstacle(now),
            Err(failure) => Some(failure.to_string()),
        };
        if let Some(reason) = reason {
            console.note(&format!(
                "versions that the history holds are not known here: {reason}"
            ));
        }
    }

    /// Everything that a run is to remember: what the history showed, and what was verified here.
    pub fn all_sightings(
        &self,
        run: Sightings,
        clock: Option<Timestamp>,
    ) -> Vec<(Sightings, Option<Timestamp>)> {
        let verified = self.past().and_then(|past| past.verified.as_ref());
        let of_history = match verified {
            Some(Ok(verified)) => verified.sightings.clone(),
            _ => Vec::new(),
        };
        of_history.into_iter().chain([(run, clock)]).collect()
    }

    /// Whether an earlier run trusted another root here, or for these organizations.
    pub fn was_restarted(&self, trust: &Trust, tenant_ids: &[&str]) -> bool {
        self.state.as_ref().is_some_and(|state| {
            state
                .memory
                .was_restarted(trust.known_by(), &name_of(&self.folder), tenant_ids)
        })
    }

    /// The verified policy.
    pub fn verified_policy(&self) -> Option<&Policy> {
        self.policy.as_ref().and_then(|policy| policy.as_ref().ok())
    }
}

/// The folder of an audit repository, by its configuration.
pub(super) fn folder_of(config: &Path) -> PathBuf {
    match config.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Opens and verifies the history of a repository, if it has one.
fn open_past(
    folder: &Path,
    config: &Config,
    arguments: &TrustArgs,
    known: (Option<&Trust>, &str),
    memory: &mut Memory,
) -> Result<Option<Past>, Failure> {
    // What a pin or an earlier run knows of a history is not to be shaken off by making it unreadable.
    let (trust, name) = known;
    let remembered = trust
        .and_then(|trust| memory.lineage(trust.known_by()))
        .and_then(|lineage| lineage.history(name))
        .map(|tip| tip.commit.clone());
    let pinned = arguments.history_pin()?.map(|pin| pin.to_string());
    let wanted = pinned.or(remembered);
    let gone = |reason: String, help: String| Failure::Refused {
        message: match &wanted {
            Some(commit) => format!(
                "the history, of which the commit {commit} is known, cannot be read: {reason}"
            ),
            None => format!("the history that connguard.yaml names cannot be read: {reason}"),
        },
        help,
    };
    let needed = wanted.is_some() || config.history.repository.is_some();
    let found = match Past::find(folder, &config.history) {
        Err(Failure::Run { message, help }) if needed => return Err(gone(message, help)),
        found => found?,
    };
    match found {
        None if wanted.is_some() => Err(gone(
            "the audit repository is in no git repository".to_owned(),
            "restore the repository's .git, or name the history in connguard.yaml".to_owned(),
        )),
        None => Ok(None),
        Some(history) => match Past::open(history, arguments, known, memory, false) {
            Err(Failure::Run { message, help }) if needed => Err(gone(message, help)),
            opened => opened.map(Some),
        },
    }
}

/// By what memory knows a repository: its folder, whatever path led there.
pub(crate) fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize();
    whole
        .as_deref()
        .unwrap_or(folder)
        .to_string_lossy()
        .into_owned()
}

/// The rules to judge by: those of the verified policy, else the compiled-in ones, which `alone` holds.
pub(crate) fn rules<'r>(
    policy: Option<&'r Policy>,
    alone: &'r mut Option<Rules>,
) -> Result<&'r Rules, Failure> {
    if let Some(policy) = policy {
        return Ok(&policy.rules);
    }
    Ok(alone.insert(Rules::catalogue_alone()?))
}
