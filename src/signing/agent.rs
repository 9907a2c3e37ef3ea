//! The SSH agent: which keys it holds, and signatures by them.
//!
//! The protocol is that of draft-miller-ssh-agent: messages with a length
//! before them, over the socket that `SSH_AUTH_SOCK` names.

use super::SigningError;
use ssh_key::Signature;
use ssh_key::encoding::{Decode, Encode};
use ssh_key::public::KeyData;
use std::path::PathBuf;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// RSA with SHA-512; without it agents sign with SHA-1.
const RSA_SHA2_512: u32 = 4;
/// No answer has reason to be longer.
const LONGEST_ANSWER: usize = 256 * 1024;

/// An agent behind its socket.
#[derive(Clone, Debug)]
pub struct Agent {
    socket: PathBuf,
}

/// A key that an agent holds.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The public half.
    pub key: KeyData,
    /// What the user called it.
    pub comment: String,
}

fn broken(reason: impl std::fmt::Display) -> SigningError {
    SigningError::Agent(reason.to_string())
}

impl Agent {
    /// The agent behind a socket.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// The keys that it holds, those of kinds that are not known here left aside.
    pub fn identities(&self) -> Result<Vec<Identity>, SigningError> {
        let answer = self.ask(&[REQUEST_IDENTITIES])?;
        let mut rest = expect(&answer, IDENTITIES_ANSWER, "it names no keys")?;
        let reader = &mut rest;
        let count = u32::decode(reader).map_err(broken)?;
        let mut identities = Vec::new();
        for _ in 0..count {
            let blob = Vec::<u8>::decode(reader).map_err(broken)?;
            let comment = Vec::<u8>::decode(reader).map_err(broken)?;
            if let Ok(key) = KeyData::decode(&mut blob.as_slice()) {
                identities.push(Identity {
                    key,
                    comment: String::from_utf8_lossy(&comment).into_owned(),
                });
            }
        }
        Ok(identities)
    }

    /// Has some bytes signed; the user may have to confirm or touch a token.
    pub fn sign(&self, key: &KeyData, bytes: &[u8]) -> Result<Signature, SigningError> {
        let mut blob = Vec::new();
        key.encode(&mut blob).map_err(broken)?;
        let flags = if key.is_rsa() { RSA_SHA2_512 } else { 0 };
        let mut request = vec![SIGN_REQUEST];
        blob.as_slice().encode(&mut request).map_err(broken)?;
        bytes.encode(&mut request).map_err(broken)?;
        flags.encode(&mut request).map_err(broken)?;
        let answer = self.ask(&request)?;
        let mut rest = expect(&answer, SIGN_RESPONSE, "it refused to sign")?;
        let signature = Vec::<u8>::decode(&mut rest).map_err(broken)?;
        Signature::decode(&mut signature.as_slice()).map_err(broken)
    }

    #[cfg(unix)]
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, SigningError> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket).map_err(broken)?;
        let length = u32::try_from(request.len()).map_err(broken)?;
        stream.write_all(&length.to_be_bytes()).map_err(broken)?;
        stream.write_all(request).map_err(broken)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length).map_err(broken)?;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(broken)?;
        if length > LONGEST_ANSWER {
            return Err(broken("its answer is too long"));
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).map_err(broken)?;
        Ok(answer)
    }

    #[cfg(not(unix))]
    fn ask(&self, _request: &[u8]) -> Result<Vec<u8>, SigningError> {
        Err(broken(format!(
            "{} cannot be reached on this system: name a key file with --key",
            self.socket.display()
        )))
    }
}

fn expect<'a>(answer: &'a [u8], kind: u8, otherwise: &str) -> Result<&'a [u8], SigningError> {
    match answer.split_first() {
        Some((&found, rest)) if found == kind => Ok(rest),
        _ => Err(broken(otherwise)),
    }
}
