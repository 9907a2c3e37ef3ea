//! An audit repository, opened: its configuration, and as much of its signed documents as can be verified.

use super::config::{self, Config};
use super::console::Console;
use super::state::State;
use super::{Common, Failure, TrustArgs};
use crate::policy::{Policy, PolicyError, Rules};
use crate::trust::manifest::Manifest;
use crate::trust::{Floor, Key, Known, Refusal, Sightings, Trust};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An audit repository.
pub(crate) struct Repository {
    /// Its folder.
    pub folder: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Its root, or why that cannot be believed.
    pub trust: Result<Trust, Refusal>,
    /// What earlier runs saw, where that is kept.
    pub state: Option<State>,
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
        let pin = arguments.pin()?;
        let Some(path) = config::find(common.config.as_deref())? else {
            return Ok(None);
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        console.detail(&format!("reading {}", path.display()));
        let config = Config::load(&path)?;
        let state = State::open(arguments.state.as_deref())?;
        let known = Known {
            pin,
            memory: state.as_ref().map(|state| &state.memory),
            repository: &name_of(&folder),
        };
        let floor = known.floor();
        let trust = Trust::open(&folder, known, arguments.now());
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
            .map(|trust| Policy::open(&folder, trust));
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
        Ok(Some(Self {
            folder,
            config,
            trust,
            floor,
            state,
            policy,
        }))
    }

    /// The repository around the current folder, or the one named; there must be one.
    pub fn needed(
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
        // One that not enough people signed is nobody's word yet, and must not outrank what is.
        let manifest = trust.manifest().as_ref().ok().and_then(Option::as_ref);
        let word = |tenant: &String, manifest: &Manifest| {
            let key = Key::Manifest {
                tenant: tenant.clone(),
            };
            (key, manifest.header.version, manifest.digest)
        };
        let manifest = manifest.into_iter().flat_map(|manifest| {
            let tenants = trust.manifest_counts_for(manifest);
            tenants
                .into_iter()
                .map(move |tenant| word(tenant, manifest))
        });
        Sightings {
            repository: name_of(&self.folder),
            roots: trust.chain().to_vec(),
            known_by: trust.known_by().to_vec(),
            documents: policy.into_iter().chain(manifest).collect(),
        }
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
