//! One OpenSSH signature (SSHSIG, detached, armored) over some bytes.

use jiff::Timestamp;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use signature::Verifier as _;
use ssh_key::certificate::{CertType, Certificate};
use ssh_key::encoding::Encode as _;
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{Algorithm, HashAlg, SshSig};

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
    /// The certificate is not one that an authority gave to a person for now.
    #[error("its certificate does not count: {0}")]
    Certificate(String),
    /// It does not belong to these bytes and this key.
    #[error(
        "the signature does not match: the document was changed after it was signed, or it belongs to another one"
    )]
    Mismatch,
}

/// Whether hardware keys must have been touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Touch {
    /// Every signature needs a person: what a key in a running machine signs alone does not count.
    #[default]
    Required,
    /// The root says that it may be left out.
    Optional,
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

    /// The key, or certificate, that the signature says it was made with; nothing is proven yet.
    pub fn claimed_key(&self) -> &KeyData {
        self.0.public_key()
    }

    /// The certificate that the signature says it was made with.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.public_key().certificate()
    }

    /// Checks that the claimed key signed exactly these bytes in this namespace.
    ///
    /// Of a certificate only the certified key is checked here; see [`check_certificate`].
    pub fn verify(
        &self,
        namespace: &'static str,
        bytes: &[u8],
        touch: Touch,
    ) -> Result<(), SignatureError> {
        if self.0.namespace() != namespace {
            return Err(SignatureError::Namespace {
                found: self.0.namespace().to_owned(),
                wanted: namespace,
            });
        }
        let signed = SshSig::signed_data(namespace, self.0.hash_alg(), bytes)
            .map_err(|_| SignatureError::Mismatch)?;
        let key = self
            .certificate()
            .map_or(self.0.public_key(), Certificate::public_key);
        verify_raw(key, &signed, self.0.signature())?;
        match (key, touch) {
            (KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_), Touch::Required) => {
                was_touched(self.0.signature_bytes())
            }
            _ => Ok(()),
        }
    }
}

/// Checks that an authority gave a certificate to this person, for signing, at this time.
pub fn check_certificate(
    certificate: &Certificate,
    principal: &str,
    at: Timestamp,
) -> Result<(), SignatureError> {
    let refuse = |reason: String| Err(SignatureError::Certificate(reason));
    if certificate.cert_type() != CertType::User {
        return refuse("it is a host's, not a person's".to_owned());
    }
    // Without any principal OpenSSH takes a certificate for everybody's.
    if certificate.valid_principals() != [principal] {
        return refuse(format!(
            "it must name {principal} and nobody else, and names {:?}",
            certificate.valid_principals()
        ));
    }
    if let Some((option, _)) = certificate.critical_options().iter().next() {
        return refuse(format!(
            "it carries the critical option {option:?}, which is not known here"
        ));
    }
    let now = u64::try_from(at.as_second()).unwrap_or_default();
    if now < certificate.valid_after() || now >= certificate.valid_before() {
        return refuse("it is not valid at this time".to_owned());
    }
    let certified = || {
        let whole = certificate.to_bytes().ok()?;
        let signature = certificate.signature();
        // What the authority signed is everything before its signature.
        let length = whole
            .len()
            .checked_sub(signature.encoded_len_prefixed().ok()?)?;
        let signed = whole.get(..length)?;
        verify_raw(certificate.signature_key(), signed, signature).ok()
    };
    match certified() {
        Some(()) => Ok(()),
        None => refuse("its authority did not sign it".to_owned()),
    }
}

/// Checks a signature by a plain key. SHA-1 is refused.
fn verify_raw(
    key: &KeyData,
    signed: &[u8],
    signature: &ssh_key::Signature,
) -> Result<(), SignatureError> {
    match key {
        KeyData::Rsa(key) => verify_rsa(key, signed, signature),
        KeyData::Ed25519(_)
        | KeyData::Ecdsa(_)
        | KeyData::SkEd25519(_)
        | KeyData::SkEcdsaSha2NistP256(_) => key
            .verify(signed, signature)
            .map_err(|_| SignatureError::Mismatch),
        other => Err(SignatureError::Algorithm(other.algorithm().to_string())),
    }
}

/// The signature library leaves RSA to others.
fn verify_rsa(
    key: &RsaPublicKey,
    signed: &[u8],
    signature: &ssh_key::Signature,
) -> Result<(), SignatureError> {
    let algorithm = match signature.algorithm() {
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha512),
        } => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha256),
        } => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(SignatureError::Algorithm("RSA with SHA-1".to_owned())),
    };
    let (Some(n), Some(e)) = (key.n().as_positive_bytes(), key.e().as_positive_bytes()) else {
        return Err(SignatureError::Mismatch);
    };
    RsaPublicKeyComponents { n, e }
        .verify(algorithm, signed, signature.as_bytes())
        .map_err(|_| SignatureError::Mismatch)
}

/// A hardware key's signature ends in one byte of flags and a counter of four.
fn was_touched(signature: &[u8]) -> Result<(), SignatureError> {
    let flags = signature.iter().rev().nth(4).copied().unwrap_or_default();
    if flags & USER_PRESENT == 0 {
        Err(SignatureError::NotTouched)
    } else {
        Ok(())
    }
}
