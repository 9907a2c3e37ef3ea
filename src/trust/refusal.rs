//! Why a document is not believed, and how to go on.

use super::files::FileError;
use super::root::Duty;
use crate::digest::Digest;
use crate::document::Problems;
use jiff::Timestamp;
use std::fmt;

/// Somebody whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The principal.
    pub principal: String,
    /// Fingerprint of the key, as `ssh-keygen -l` shows it.
    pub key: String,
    /// Fingerprint of the authority that certified the key, where one did.
    pub authority: Option<String>,
    /// From when on the key counts, where that is limited.
    pub valid_after: Option<Timestamp>,
    /// Until when it counts, where that is limited.
    pub valid_before: Option<Timestamp>,
}

/// Why a document is not believed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The root neither is the trusted one nor descends from it.
    #[error("trust/root.yaml is not the {kind} root: {kind} {floor}, found {found}; {reason}")]
    NotDescended {
        /// "pinned" or "remembered".
        kind: &'static str,
        /// The root that is trusted.
        floor: Digest,
        /// Digest of the file.
        found: Digest,
        /// Where the chain between them breaks.
        reason: String,
    },
    /// The keys are not those that the root names.
    #[error("{path} is not the file that the root names: expected {expected}, found {found}")]
    OtherKeys {
        /// The file.
        path: String,
        /// What the root says.
        expected: Digest,
        /// Digest of the file.
        found: Digest,
    },
    /// Too few signatures count.
    #[error("{0}")]
    TooFew(TooFew),
    /// Nobody holds the role that would have to sign.
    #[error("{path}: the root gives nobody the {role} role for it")]
    NobodyMay {
        /// The document.
        path: String,
        /// The role.
        role: &'static str,
    },
    /// It is malformed, which nobody can have signed on purpose.
    #[error("{0}")]
    Malformed(Problems),
    /// An older version than was seen before.
    #[error(
        "{path} was rolled back: it is version {version}, and version {seen} was seen in an earlier run"
    )]
    RolledBack {
        /// The document.
        path: String,
        /// Its version.
        version: u64,
        /// The highest version seen.
        seen: u64,
    },
    /// Another document of a version that was seen before, or one that does not follow it.
    #[error("{path} is a fork: {reason}")]
    Fork {
        /// The document.
        path: String,
        /// In what way.
        reason: String,
    },
    /// A baseline that the people for emergencies signed counts for a short time only.
    #[error("{path} is signed by the emergency role only, and {reason}")]
    EmergencyOver {
        /// The document.
        path: String,
        /// Why it does not count.
        reason: String,
    },
    /// The manifest says that another baseline is in force.
    #[error("{path} is not the baseline that baselines/manifest.yaml names: {reason}")]
    NotInManifest {
        /// The document.
        path: String,
        /// What the manifest says.
        reason: String,
    },
}

impl Refusal {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            Self::File(FileError::Missing(path)) => format!(
                "restore {path} from a revision you trust; without it nothing can be verified"
            ),
            Self::File(_) => "restore the file from a revision you trust".to_owned(),
            Self::NotDescended { .. } => "find out who changed the root; if the change is approved, pin the new digest (CONNGUARD_ROOT or --root)".to_owned(),
            Self::OtherKeys { path, .. } => format!(
                "restore {path}, or make and sign a root that names the new file: connguard trust rotate"
            ),
            Self::TooFew(short) => short.help(),
            Self::NobodyMay { role, .. } => format!(
                "name who holds the {role} role in the next version of the root: connguard trust rotate"
            ),
            Self::Malformed(_) => "correct the file and have it signed again".to_owned(),
            Self::RolledBack { .. } => "restore the newest version; find out who put the older one back".to_owned(),
            Self::Fork { .. } => "find out which of the two the signers meant; a change always takes a new version, which names the digest of the one before".to_owned(),
            Self::EmergencyOver { .. } => "have it signed by the baseline role".to_owned(),
            Self::NotInManifest { .. } => "restore the baseline that the manifest names, or have a new manifest signed: connguard baseline sign --all".to_owned(),
        }
    }
}

/// What was counted where the count fell short.
#[derive(Clone, Debug)]
pub struct TooFew {
    /// The document.
    pub path: String,
    /// The role whose holders must sign.
    pub role: &'static str,
    /// The namespace in which they sign.
    pub namespace: &'static str,
    /// How many must.
    pub threshold: usize,
    /// Whose signatures count.
    pub signers: Vec<Signer>,
    /// Signatures that do not count, and why.
    pub rejected: Vec<Rejected>,
    /// Who else could sign.
    pub could_sign: Vec<String>,
}

impl TooFew {
    /// How to go on.
    fn help(&self) -> String {
        let changed = self.rejected.iter().any(|rejected| rejected.changed);
        if changed {
            // Whoever signs what was changed approves it: first somebody has to know who changed it.
            return format!(
                "find out who changed {} after it was signed (`git diff`, `git log`; line ends count), and restore the signed version",
                self.path
            );
        }
        format!("have it signed: {}", self.command())
    }

    /// How it is signed, with and without connguard.
    pub fn command(&self) -> String {
        let folder = super::files::signature_folder(&self.path);
        let (path, namespace) = (&self.path, self.namespace);
        let own = match self.role {
            "root" => "connguard trust sign".to_owned(),
            "policy" => "connguard policy sign".to_owned(),
            _ => match path
                .strip_prefix("baselines/")
                .and_then(|name| name.strip_suffix(".yaml"))
            {
                Some("manifest") | None => "connguard baseline sign --all".to_owned(),
                Some(tenant) => format!("connguard baseline sign {tenant}"),
            },
        };
        format!("{own}, or ssh-keygen -Y sign -n {namespace} -f KEY < {path} > {folder}/NAME.sig")
    }
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its file.
    pub path: String,
    /// Why.
    pub reason: String,
    /// Whether it is a good key's signature over other bytes.
    pub changed: bool,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .signers
            .iter()
            .map(|signer| signer.principal.as_str())
            .collect();
        write!(
            f,
            "{} has {} of {} needed signatures",
            self.path,
            names.len(),
            self.threshold
        )?;
        if !names.is_empty() {
            write!(f, " ({})", names.join(", "))?;
        }
        for rejected in &self.rejected {
            write!(f, "; {} does not count: {}", rejected.path, rejected.reason)?;
        }
        if !self.could_sign.is_empty() {
            write!(f, "; could sign: {}", self.could_sign.join(", "))?;
        }
        Ok(())
    }
}

/// A document and the duty to sign it, for messages.
pub(super) fn nobody_may(path: &str, duty: Duty<'_>) -> Refusal {
    Refusal::NobodyMay {
        path: path.to_owned(),
        role: duty.role(),
    }
}
