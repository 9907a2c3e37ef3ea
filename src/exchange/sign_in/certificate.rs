//! A certificate by which an application proves that it is itself: a short-lived assertion, signed with its key.
//!
//! Source: Microsoft's description of client assertions (PS256, `x5t#S256`).

use super::{Seeker, local, read_small, variable_secret};
use crate::exchange::Fault;
use crate::exchange::http::identifier;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};

/// How long an assertion is good, in seconds: long enough for a slow line and a clock that is a little off.
const LIFETIME: i64 = 300;
/// How far back it is good already, for a clock that is a little ahead.
const BACKDATED: i64 = 30;

/// A certificate and its key.
struct Certificate {
    der: Vec<u8>,
    key: RsaKeyPair,
}

impl Seeker<'_> {
    pub(super) fn certificate_assertion(
        &self,
        file: &str,
        password_env: Option<&str>,
    ) -> Result<SecretString, Fault> {
        let bytes = SecretBytes(read_small(&self.path(file), file)?);
        let certificate = if bytes.0.starts_with(b"-----") || has_pem(&bytes.0) {
            from_pem(&bytes.0)
        } else {
            let password = password_env.map(variable_secret).transpose()?;
            from_pfx(&bytes.0, password.as_ref())
        };
        let certificate = certificate.map_err(|why| {
            local(
                format!("{file} is no certificate with its key: {why}"),
                "PEM with `CERTIFICATE` and `PRIVATE KEY` (RSA), or PFX; the password of a PFX file comes from password_env: CONNGUARD_…",
            )
        })?;
        let audience = self.token_url()?;
        assertion(
            &certificate,
            audience.as_str(),
            self.client_id()?,
            Timestamp::now(),
        )
        .map_err(|why| local(why, "use an RSA key of 2048 bits or more"))
    }
}

/// The bytes of a key file, wiped when they are dropped.
struct SecretBytes(Vec<u8>);

impl Drop for SecretBytes {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

fn has_pem(bytes: &[u8]) -> bool {
    // Tools write attributes before the first block.
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}

fn from_pem(bytes: &[u8]) -> Result<Certificate, String> {
    let der = CertificateDer::from_pem_slice(bytes)
        .map_err(|_| "it holds no CERTIFICATE block".to_owned())?;
    let key = PrivateKeyDer::from_pem_slice(bytes)
        .map_err(|_| "it holds no PRIVATE KEY block that is not encrypted".to_owned())?;
    let key = match &key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err("its key is no RSA key".to_owned()),
    };
    Ok(Certificate {
        der: der.to_vec(),
        key: key.map_err(|error| format!("its key cannot be used: {error}"))?,
    })
}

fn from_pfx(bytes: &[u8], password: Option<&SecretString>) -> Result<Certificate, String> {
    let password = password.map_or("", |password| password.expose_secret());
    let store = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Relaxed)
        .map_err(|_| "it is neither PEM nor a PFX file that this password opens".to_owned())?;
    let (_, chain) = store
        .private_key_chain()
        .ok_or_else(|| "it holds no key".to_owned())?;
    let certificate = chain
        .certs()
        .first()
        .ok_or_else(|| "it holds no certificate".to_owned())?;
    let key = RsaKeyPair::from_pkcs8(chain.key().as_der())
        .map_err(|error| format!("its key cannot be used: {error}"))?;
    Ok(Certificate {
        der: certificate.as_der().to_vec(),
        key,
    })
}

fn assertion(
    certificate: &Certificate,
    audience: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<SecretString, String> {
    let thumbprint = digest::digest(&digest::SHA256, &certificate.der);
    let header = serde_json::json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(thumbprint),
    });
    let claims = serde_json::json!({
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": identifier(),
        "nbf": now.as_second() - BACKDATED,
        "exp": now.as_second() + LIFETIME,
    });
    let part = |json: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let mut signature = vec![0_u8; certificate.key.public().modulus_len()];
    certificate
        .key
        .sign(
            &RSA_PSS_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .map_err(|_| "the assertion cannot be signed with this key".to_owned())?;
    Ok(SecretString::from(format!(
        "{signed}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(&signature)
    )))
}
