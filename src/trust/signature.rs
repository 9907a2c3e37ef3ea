//! One OpenSSH signature (SSHSIG, detached, armored) over some bytes.

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

/// The flag in a hardware key's signature that says a person touched it.
const USER_PRESENT: u8 = 1;

/// Why a signature does not count.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is no armored SSHSIG.
    #[error("this is not an OpenSSH signature: {0}")]
    Malformed(String),
    /// It was made for something else.
    #[error("the signature was made in the namespace {found:?}, not {wanted:?}")]
    Namespace {
        /// The namespace in the signature.
        found: String,
        /// The one this kind of document is signed in.
        wanted: &'static str,
    },
    /// RSA with SHA-1, or an algorithm that is not taken.
    #[error("signatures of the kind {0} are not taken")]
    Algorithm(String),
    /// A hardware key signed without anybody touching it.
    #[error("the hardware key signed without being touched")]
    NotTouched,
    /// It does not belong to these bytes and this key.
    #[error(
        "the signature does not match: the document was changed after it was signed, or it belongs to another one"
    )]
    Mismatch,
}

/// A signature whose armour has been read, and nothing else.
pub struct Signature(SshSig);

impl Signature {
    /// Reads the armored text, of which nothing may be left over.
    pub fn parse(armored: &[u8]) -> Result<Self, SignatureError> {
        SshSig::from_pem(armored)
            .map(Self)
            .map_err(|error| SignatureError::Malformed(error.to_string()))
    }

    /// The key that the signature says it was made with; nothing is proven yet.
    pub fn claimed_key(&self) -> &KeyData {
        self.0.public_key()
    }

    /// Checks that the claimed key signed exactly these bytes in this namespace.
    pub fn verify(&self, namespace: &'static str, bytes: &[u8]) -> Result<(), SignatureError> {
        if self.0.namespace() != namespace {
            return Err(SignatureError::Namespace {
                found: self.0.namespace().to_owned(),
                wanted: namespace,
            });
        }
        match self.0.public_key() {
            KeyData::Rsa(key) => self.verify_rsa(key, bytes),
            KeyData::Ed25519(_) | KeyData::Ecdsa(_) => self.verify_plain(bytes),
            KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => {
                self.verify_plain(bytes)?;
                self.was_touched()
            }
            other => Err(SignatureError::Algorithm(other.algorithm().to_string())),
        }
    }

    fn verify_plain(&self, bytes: &[u8]) -> Result<(), SignatureError> {
        let key = PublicKey::from(self.0.public_key().clone());
        key.verify(self.0.namespace(), bytes, &self.0)
            .map_err(|_| SignatureError::Mismatch)
    }

    /// The signature library leaves RSA to others; SHA-1 is refused.
    fn verify_rsa(&self, key: &RsaPublicKey, bytes: &[u8]) -> Result<(), SignatureError> {
        let algorithm = match self.0.algorithm() {
            Algorithm::Rsa {
                hash: Some(HashAlg::Sha512),
            } => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Rsa {
                hash: Some(HashAlg::Sha256),
            } => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(SignatureError::Algorithm("RSA with SHA-1".to_owned())),
        };
        let signed = SshSig::signed_data(self.0.namespace(), self.0.hash_alg(), bytes)
            .map_err(|_| SignatureError::Mismatch)?;
        let (Some(n), Some(e)) = (key.n().as_positive_bytes(), key.e().as_positive_bytes()) else {
            return Err(SignatureError::Mismatch);
        };
        RsaPublicKeyComponents { n, e }
            .verify(algorithm, &signed, self.0.signature_bytes())
            .map_err(|_| SignatureError::Mismatch)
    }

    /// A hardware key's signature ends in one byte of flags and a counter of four.
    fn was_touched(&self) -> Result<(), SignatureError> {
        let flags = self
            .0
            .signature_bytes()
            .iter()
            .rev()
            .nth(4)
            .copied()
            .unwrap_or_default();
        if flags & USER_PRESENT == 0 {
            Err(SignatureError::NotTouched)
        } else {
            Ok(())
        }
    }
}
