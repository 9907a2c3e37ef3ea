//! An audit repository, opened: its configuration, and as much of its signed documents as can be verified.

use super::config::{self, Config};
use super::console::Console;
use super::{Common, Failure, TrustArgs};
use crate::policy::{Policy, PolicyError, Rules};
use crate::trust::{Refusal, Trust};
use std::path::{Path, PathBuf};

/// An audit repository.
pub(crate) struct Repository {
    /// Its folder.
    pub folder: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Its root, or why that cannot be believed.
    pub trust: Result<Trust, Refusal>,
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
        let trust = Trust::open(&folder, pin, arguments.now());
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
            policy,
        }))
    }

    /// The verified policy.
    pub fn verified_policy(&self) -> Option<&Policy> {
        self.policy.as_ref().and_then(|policy| policy.as_ref().ok())
    }
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
