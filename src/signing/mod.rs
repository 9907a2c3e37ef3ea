//! Making signatures: with a key in a file, or one that an agent holds.
//!
//! What comes out is what `ssh-keygen -Y sign` writes, so that everybody can do
//! without connguard. Private keys are read when they are needed and forgotten
//! at once; nothing of them is printed.

pub mod agent;

use agent::Agent;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};
use std::fs;
use std::path::{Path, PathBuf};

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key file cannot be read.
    #[error("cannot read the key {path}: {reason}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The text is no key.
    #[error("{0}")]
    NoKey(String),
    /// The key is on a token, which only OpenSSH can ask.
    #[error("the key {0} is on a hardware token")]
    Hardware(String),
    /// The agent did not do it.
    #[error("the SSH agent: {0}")]
    Agent(String),
    /// The key cannot sign.
    #[error("the key cannot sign: {0}")]
    Failed(String),
}

/// A key that can sign.
pub enum SigningKey {
    /// A private key from a file, in the clear.
    File(Box<PrivateKey>),
    /// A key that an agent holds.
    Agent(Agent, Box<KeyData>),
}

/// A key file before its passphrase is known.
pub enum KeyFile {
    /// In the clear.
    Open(Box<PrivateKey>),
    /// Encrypted.
    Locked(Box<PrivateKey>),
    /// Only the public half: an agent may hold the other.
    Public(Box<PublicKey>),
}

impl KeyFile {
    /// Reads an OpenSSH private or public key from a file.
    pub fn read(path: &Path) -> Result<Self, SigningError> {
        let fail = |reason: String| SigningError::Key {
            path: path.display().to_string(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        Self::parse(&text).map_err(|error| fail(error.to_string()))
    }

    /// Reads an OpenSSH private or public key.
    pub fn parse(text: &str) -> Result<Self, SigningError> {
        if let Ok(key) = PublicKey::from_openssh(text.trim()) {
            return Ok(Self::Public(Box::new(key)));
        }
        let key = PrivateKey::from_openssh(text).map_err(|error| {
            SigningError::NoKey(format!(
                "{error}; it must be an OpenSSH key, as ssh-keygen makes them"
            ))
        })?;
        if matches!(
            key.algorithm(),
            Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
        ) {
            return Ok(Self::Public(Box::new(key.public_key().clone())));
        }
        Ok(if key.is_encrypted() {
            Self::Locked(Box::new(key))
        } else {
            Self::Open(Box::new(key))
        })
    }

    /// The public half.
    pub fn public_key(&self) -> &KeyData {
        match self {
            Self::Open(key) | Self::Locked(key) => key.public_key().key_data(),
            Self::Public(key) => key.key_data(),
        }
    }

    /// The comment that was given to the key.
    pub fn comment(&self) -> String {
        let comment = match self {
            Self::Open(key) | Self::Locked(key) => key.comment(),
            Self::Public(key) => key.comment(),
        };
        comment.to_string()
    }
}

impl SigningKey {
    /// Unlocks an encrypted key.
    pub fn unlock(key: &PrivateKey, passphrase: &str) -> Result<Self, SigningError> {
        key.decrypt(passphrase)
            .map(|key| Self::File(Box::new(key)))
            .map_err(|_| SigningError::Failed("the passphrase is wrong".to_owned()))
    }

    /// The public half.
    pub fn public_key(&self) -> &KeyData {
        match self {
            Self::File(key) => key.public_key().key_data(),
            Self::Agent(_, key) => key,
        }
    }

    /// Signs some bytes in a namespace: an armored SSHSIG.
    pub fn sign(&self, namespace: &str, bytes: &[u8]) -> Result<String, SigningError> {
        let failed = |error: ssh_key::Error| SigningError::Failed(error.to_string());
        let signature = match self {
            Self::File(key) if matches!(key.algorithm(), Algorithm::Rsa { .. }) => {
                return Err(SigningError::Failed(
                    "RSA keys sign through an agent or ssh-keygen only: ssh-add the key".to_owned(),
                ));
            }
            Self::File(key) => key
                .sign(namespace, HashAlg::Sha512, bytes)
                .map_err(failed)?,
            Self::Agent(agent, key) => {
                let signed =
                    SshSig::signed_data(namespace, HashAlg::Sha512, bytes).map_err(failed)?;
                let signature = agent.sign(key, &signed)?;
                SshSig::new((**key).clone(), namespace, HashAlg::Sha512, signature)
                    .map_err(failed)?
            }
        };
        signature.to_pem(LineEnding::LF).map_err(failed)
    }
}

/// The key files that OpenSSH looks for.
pub fn usual_keys(home: &Path) -> Vec<PathBuf> {
    [
        "id_ed25519",
        "id_ecdsa",
        "id_rsa",
        "id_ed25519_sk",
        "id_ecdsa_sk",
    ]
    .iter()
    .map(|name| home.join(".ssh").join(name))
    .filter(|path| path.is_file())
    .collect()
}
