//! Verification: signed bytes in, the people who signed them out.

use super::allowed_signers::{self, AllowedSigners};
use super::files::{self, FileError, SignatureFile, SignedFile};
use super::root::{self, Role, Root};
use super::signature::Signature;
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use jiff::Timestamp;
use ssh_key::public::KeyData;
use std::fmt;
use std::path::Path;

/// Somebody whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The principal.
    pub principal: String,
    /// Fingerprint of the key, as `ssh-keygen -l` shows it.
    pub key: String,
}

/// Why a document is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The root is not the pinned one.
    #[error("trust/root.yaml is not the pinned root: pinned {pinned}, found {found}")]
    NotPinned {
        /// The pin.
        pinned: Digest,
        /// Digest of the file.
        found: Digest,
    },
    /// The keys are not those that the root names.
    #[error(
        "trust/allowed_signers is not the file that the root names: expected {expected}, found {found}"
    )]
    OtherKeys {
        /// What the root says.
        expected: Digest,
        /// Digest of the file.
        found: Digest,
    },
    /// Too few signatures count.
    #[error("{0}")]
    TooFew(TooFew),
    /// The root or the keys are malformed, which nobody can have signed on purpose.
    #[error("{0}")]
    Malformed(Problems),
}

impl Refusal {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            Self::File(FileError::Missing(path)) => format!("restore {path} from a revision you trust; without it nothing can be verified"),
            Self::File(_) => "restore the file from a revision you trust".to_owned(),
            Self::NotPinned { .. } => "find out who changed the root; if the change is approved, pin the new digest (CONNGUARD_ROOT or --root)".to_owned(),
            Self::OtherKeys { .. } => "restore trust/allowed_signers, or make and sign a root that names the new file".to_owned(),
            Self::TooFew(short) => {
                let (role, path, folder) = (short.role.namespace(), &short.path, short.folder());
                format!("restore the signed version; or have it signed: ssh-keygen -Y sign -n {role} -f KEY < {path} > {folder}/NAME.sig")
            }
            Self::Malformed(_) => "correct the file and have it signed again".to_owned(),
        }
    }
}

/// What was counted where the count fell short.
#[derive(Clone, Debug)]
pub struct TooFew {
    /// The document.
    pub path: String,
    /// The role whose holders must sign.
    pub role: Role,
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
    fn folder(&self) -> String {
        format!(
            "{}.sigs",
            self.path.strip_suffix(".yaml").unwrap_or(&self.path)
        )
    }
}

/// A signature that does not count.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Its file.
    pub path: String,
    /// Why.
    pub reason: String,
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

/// A verified root with its keys: the only thing that can verify documents.
#[derive(Debug)]
pub struct Trust {
    root: Root,
    signers: AllowedSigners,
    digest: Digest,
    pinned: bool,
    now: Timestamp,
}

impl Trust {
    /// Reads and verifies the root of an audit repository.
    ///
    /// With a pin the file's digest is compared before anything is parsed.
    /// Without one the root can only vouch for itself, which the caller must report.
    pub fn open(repository: &Path, pin: Option<Digest>, now: Timestamp) -> Result<Self, Refusal> {
        let file = SignedFile::load(repository, root::PATH)?;
        let digest = file.digest();
        if let Some(pinned) = pin.filter(|&pinned| pinned != digest) {
            return Err(Refusal::NotPinned {
                pinned,
                found: digest,
            });
        }
        let root = Root::parse(Source {
            path: root::PATH,
            text: text(root::PATH, &file.bytes)?,
        })
        .map_err(Refusal::Malformed)?;
        let keys = files::read(repository, allowed_signers::PATH)?;
        if Digest::of(&keys) != root.allowed_signers {
            return Err(Refusal::OtherKeys {
                expected: root.allowed_signers,
                found: Digest::of(&keys),
            });
        }
        let signers = AllowedSigners::parse(Source {
            path: allowed_signers::PATH,
            text: text(allowed_signers::PATH, &keys)?,
        })
        .map_err(Refusal::Malformed)?;
        let keyless = root.without_key(&signers);
        if !keyless.is_empty() {
            let problem = Problem::of_file(
                allowed_signers::PATH,
                format!("there is no key for {}", keyless.join(", ")),
            )
            .help("every principal of the root needs a line");
            return Err(Refusal::Malformed(problem.into()));
        }
        let trust = Self {
            root,
            signers,
            digest,
            pinned: pin.is_some(),
            now,
        };
        trust.verify(Role::Root, &file)?;
        Ok(trust)
    }

    /// The root.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Digest of the root's file: what a pin holds.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the root was compared with a pin.
    pub const fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Whether the root gives no verdict any more.
    pub fn is_expired(&self) -> bool {
        self.root.header.is_expired(self.now)
    }

    /// Counts the signatures of a document by distinct holders of a role.
    ///
    /// Every key must be valid now: what a document says of its own age, or a
    /// file system of the signature's, proves nothing.
    pub fn verify(&self, role: Role, file: &SignedFile) -> Result<Vec<Signer>, Refusal> {
        let grant = self.root.grant(role);
        let mut signers: Vec<Signer> = Vec::new();
        let mut rejected = Vec::new();
        for signature in &file.signatures {
            match self.check(role, &file.bytes, signature) {
                // Two keys of one person, or one signature in two files, count once.
                Ok(signer)
                    if signers
                        .iter()
                        .any(|earlier| earlier.principal == signer.principal) => {}
                Ok(signer) => signers.push(signer),
                Err(reason) => rejected.push(Rejected {
                    path: signature.path.clone(),
                    reason,
                }),
            }
        }
        signers.sort_by(|one, two| one.principal.cmp(&two.principal));
        if signers.len() >= grant.threshold {
            return Ok(signers);
        }
        let could_sign = grant
            .principals
            .iter()
            .filter(|name| !signers.iter().any(|signer| signer.principal == **name))
            .cloned()
            .collect();
        Err(Refusal::TooFew(TooFew {
            path: file.path.clone(),
            role,
            threshold: grant.threshold,
            signers,
            rejected,
            could_sign,
        }))
    }

    fn check(&self, role: Role, bytes: &[u8], file: &SignatureFile) -> Result<Signer, String> {
        let signature = Signature::parse(&file.bytes).map_err(|error| error.to_string())?;
        let line = self
            .signers
            .of_key(signature.claimed_key())
            .ok_or_else(|| {
                format!(
                    "its key {} is not in trust/allowed_signers",
                    fingerprint(signature.claimed_key())
                )
            })?;
        if !self.root.grant(role).principals.contains(&line.principal) {
            return Err(format!(
                "{} does not hold the {} role",
                line.principal,
                role.name()
            ));
        }
        if let Some(refusal) = line.refusal(role.namespace(), self.now) {
            return Err(refusal);
        }
        signature
            .verify(role.namespace(), bytes)
            .map_err(|error| error.to_string())?;
        Ok(Signer {
            principal: line.principal.clone(),
            key: fingerprint(&line.key),
        })
    }
}

fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
}

/// A signed file's bytes as the text it must be.
pub fn text<'b>(path: &str, bytes: &'b [u8]) -> Result<&'b str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| {
        Refusal::Malformed(
            Problem::of_file(
                path,
                format!("the file is not UTF-8 after byte {}", error.valid_up_to()),
            )
            .help("save it as UTF-8")
            .into(),
        )
    })
}
