//! One version of the root with its keys: who signed a file, and whether they are enough.

use super::allowed_signers::{self, AllowedSigners, SignerKey};
use super::files::{Documents, SignatureFile, SignedFile};
use super::refusal::{Refusal, Rejected, Signer, TooFew, nobody_may};
use super::root::{Duty, Grant, Root};
use super::signature::{Signature, SignatureError, check_certificate};
use crate::digest::Digest;
use crate::document::{Problem, Source};
use jiff::Timestamp;
use ssh_key::public::KeyData;
use std::collections::BTreeMap;

/// One version of the root, with its keys and its signatures.
#[derive(Debug)]
pub struct Keyring {
    /// What it says.
    pub root: Root,
    /// Digest of its bytes.
    pub digest: Digest,
    /// The keys it names.
    pub signers: AllowedSigners,
    /// Its bytes and signatures.
    pub file: SignedFile,
}

/// Everybody whose signature of a file is good, whatever they may sign.
#[derive(Clone, Debug, Default)]
pub struct Attested {
    good: Vec<Good>,
    rejected: Vec<Rejected>,
    /// The time at which keys had to count.
    at: Timestamp,
}

#[derive(Clone, Debug)]
struct Good {
    signer: Signer,
    path: String,
    /// The person's key, or the authority that vouches for it: counts once towards a threshold.
    anchor: KeyData,
}

impl Attested {
    /// Refuses a file that nobody known signed.
    pub(super) fn by_anybody(&self, path: &str) -> Result<(), Refusal> {
        if !self.good.is_empty() {
            return Ok(());
        }
        Err(Refusal::TooFew(TooFew {
            path: path.to_owned(),
            role: Duty::Baseline("").role(),
            namespace: Duty::Baseline("").namespace(),
            threshold: 1,
            signers: Vec::new(),
            rejected: self.rejected.clone(),
            could_sign: Vec::new(),
        }))
    }
}

impl Keyring {
    /// Reads the root and keys of a folder: `trust`, or `trust/roots/<n>`.
    ///
    /// Nothing is verified here: the root is the one document that must be read to know who may sign it.
    pub fn load(documents: &(impl Documents + ?Sized), folder: &str) -> Result<Self, Refusal> {
        let file = SignedFile::load(documents, &format!("{folder}/root.yaml"))?;
        let root = Root::parse(Source {
            path: &file.path,
            text: text(&file.path, &file.bytes)?,
        })
        .map_err(Refusal::Malformed)?;
        let path = format!("{folder}/{}", allowed_signers::FILE_NAME);
        let keys = documents.read(&path)?;
        if Digest::of(&keys) != root.allowed_signers {
            return Err(Refusal::OtherKeys {
                expected: root.allowed_signers,
                found: Digest::of(&keys),
                path,
            });
        }
        let signers = AllowedSigners::parse(Source {
            path: &path,
            text: text(&path, &keys)?,
        })
        .map_err(Refusal::Malformed)?;
        let keyless = root.without_key(&signers);
        if !keyless.is_empty() {
            let message = format!("there is no key for {}", keyless.join(", "));
            let problem =
                Problem::of_file(path, message).help("every principal of the root needs a line");
            return Err(Refusal::Malformed(problem.into()));
        }
        Ok(Self {
            digest: file.digest(),
            root,
            signers,
            file,
        })
    }

    /// A root that is still to be written, to see what would count by it.
    pub fn of_texts(root: &str, signers: &str) -> Result<Self, Refusal> {
        let path = super::root::PATH;
        let file = SignedFile {
            path: path.to_owned(),
            bytes: root.as_bytes().to_vec(),
            signatures: Vec::new(),
        };
        let root = Root::parse(Source { path, text: root }).map_err(Refusal::Malformed)?;
        let keys = Source {
            path: "trust/allowed_signers",
            text: signers,
        };
        Ok(Self {
            digest: file.digest(),
            root,
            signers: AllowedSigners::parse(keys).map_err(Refusal::Malformed)?,
            file,
        })
    }

    /// Checks every signature of a file in a namespace, with keys as they counted at a time.
    pub fn attest(&self, namespace: &'static str, file: &SignedFile, at: Timestamp) -> Attested {
        let mut attested = Attested {
            at,
            ..Attested::default()
        };
        for signature in &file.signatures {
            match self.check(namespace, &file.bytes, signature, at) {
                Ok(good) => attested.good.push(good),
                Err((reason, changed)) => attested.rejected.push(Rejected {
                    path: signature.path.clone(),
                    reason,
                    changed,
                }),
            }
        }
        attested
    }

    /// Whether enough holders of a role signed a file.
    pub fn verify(
        &self,
        duty: Duty<'_>,
        file: &SignedFile,
        at: Timestamp,
    ) -> Result<Vec<Signer>, Refusal> {
        self.count(duty, &file.path, &self.attest(duty.namespace(), file, at))
    }

    /// Whether a person has a key that counts at a time.
    pub fn may_sign(&self, principal: &str, namespace: &str, at: Timestamp) -> bool {
        self.signers
            .of_principal(principal)
            .any(|line| line.refusal(namespace, at).is_none())
    }

    /// The roles that too few people could still sign for at a time.
    pub fn beyond_reach(&self, at: Timestamp) -> Vec<String> {
        let living = |grant: &Grant| {
            let people = grant.principals.iter();
            people
                .filter(|name| {
                    self.signers
                        .of_principal(name)
                        .any(|line| line.is_in_time(at))
                })
                .count()
        };
        self.root
            .grants()
            .into_iter()
            .map(|(name, grant)| (name, living(grant), grant.threshold))
            .filter(|(_, living, threshold)| living < threshold)
            .map(|(name, living, threshold)| {
                format!("the {name} role needs {threshold} signatures, and {living} of its people have a key that counts")
            })
            .collect()
    }

    /// Counts distinct people with distinct keys or authorities who hold a role.
    pub fn count(
        &self,
        duty: Duty<'_>,
        path: &str,
        attested: &Attested,
    ) -> Result<Vec<Signer>, Refusal> {
        let grant = self
            .root
            .grant(duty)
            .ok_or_else(|| nobody_may(path, duty))?;
        let (holders, others): (Vec<&Good>, Vec<&Good>) = attested
            .good
            .iter()
            .partition(|good| grant.principals.contains(&good.signer.principal));
        let signers = distinct(&holders);
        if signers.len() >= grant.threshold {
            return Ok(signers);
        }
        let mut rejected = attested.rejected.clone();
        rejected.extend(others.iter().map(|good| Rejected {
            path: good.path.clone(),
            reason: format!(
                "{} does not hold the {} role",
                good.signer.principal,
                duty.role()
            ),
            changed: false,
        }));
        let counted = |name: &str| signers.iter().any(|signer| signer.principal == name);
        rejected.extend(
            holders
                .iter()
                .filter(|good| !counted(&good.signer.principal))
                .map(|good| Rejected {
                    path: good.path.clone(),
                    reason: format!(
                        "the authority {} vouches for another signer already, and counts once",
                        good.signer.authority.as_deref().unwrap_or(&good.signer.key)
                    ),
                    changed: false,
                }),
        );
        let could_sign = grant
            .principals
            .iter()
            .filter(|name| !counted(name) && self.may_sign(name, duty.namespace(), attested.at))
            .cloned()
            .collect();
        Err(Refusal::TooFew(TooFew {
            path: path.to_owned(),
            role: duty.role(),
            namespace: duty.namespace(),
            threshold: grant.threshold,
            signers,
            rejected,
            could_sign,
        }))
    }

    fn check(
        &self,
        namespace: &'static str,
        bytes: &[u8],
        file: &SignatureFile,
        at: Timestamp,
    ) -> Result<Good, (String, bool)> {
        let signature =
            Signature::parse(&file.bytes).map_err(|error| (error.to_string(), false))?;
        let line = self
            .line(&signature, at)
            .map_err(|reason| (reason, false))?;
        if let Some(refusal) = line.refusal(namespace, at) {
            return Err((refusal, false));
        }
        signature
            .verify(namespace, bytes, self.root.touch)
            .map_err(|error| (error.to_string(), error == SignatureError::Mismatch))?;
        let authority = line.authority.then(|| fingerprint(&line.key));
        let key = signature
            .certificate()
            .map_or(signature.claimed_key(), |certificate| {
                certificate.public_key()
            });
        Ok(Good {
            signer: Signer {
                principal: line.principal.clone(),
                key: fingerprint(key),
                authority,
                valid_after: line.valid_after,
                valid_before: line.valid_before,
            },
            path: file.path.clone(),
            anchor: line.key.clone(),
        })
    }

    /// The line that says whose signature it is.
    fn line<'k>(&'k self, signature: &Signature, at: Timestamp) -> Result<&'k SignerKey, String> {
        let Some(certificate) = signature.certificate() else {
            let key = signature.claimed_key();
            return self.signers.of_key(key).ok_or_else(|| {
                format!(
                    "its key {} is not in trust/allowed_signers",
                    fingerprint(key)
                )
            });
        };
        // A key that is known as somebody's own stays theirs, whatever an authority says of it.
        if let Some(own) = self.signers.of_key(certificate.public_key()) {
            return Err(format!(
                "its certificate is about a key that stands in trust/allowed_signers as that of {}: sign with the key itself",
                own.principal
            ));
        }
        let authority = certificate.signature_key();
        let line = self
            .signers
            .of_authority(authority)
            .find(|line| certificate.valid_principals().contains(&line.principal))
            .ok_or_else(|| {
                format!(
                    "the authority {} of its certificate may not vouch for {:?} by trust/allowed_signers",
                    fingerprint(authority),
                    certificate.valid_principals()
                )
            })?;
        check_certificate(certificate, &line.principal, at).map_err(|error| error.to_string())?;
        Ok(line)
    }
}

/// The most signers of whom no two are one person and no two rest on one key or authority.
///
/// Each person takes an anchor that is free, or one whose holder can take
/// another (augmenting paths), so that the order of the files decides nothing.
fn distinct(good: &[&Good]) -> Vec<Signer> {
    let mut people: BTreeMap<&str, Vec<&Good>> = BTreeMap::new();
    for one in good {
        people.entry(&one.signer.principal).or_default().push(one);
    }
    let mut taken: Vec<(&KeyData, &str, &Good)> = Vec::new();
    for person in people.keys() {
        seat(person, &people, &mut taken, &mut Vec::new());
    }
    taken.sort_by_key(|(_, person, _)| *person);
    taken
        .into_iter()
        .map(|(_, _, good)| good.signer.clone())
        .collect()
}

fn seat<'g>(
    person: &'g str,
    people: &BTreeMap<&'g str, Vec<&'g Good>>,
    taken: &mut Vec<(&'g KeyData, &'g str, &'g Good)>,
    tried: &mut Vec<&'g KeyData>,
) -> bool {
    for &good in people.get(person).into_iter().flatten() {
        if tried.contains(&&good.anchor) {
            continue;
        }
        tried.push(&good.anchor);
        let holder = taken
            .iter()
            .find(|(anchor, ..)| *anchor == &good.anchor)
            .map(|(_, holder, _)| *holder);
        let free = match holder {
            None => true,
            Some(holder) => seat(holder, people, taken, tried),
        };
        if free {
            taken.retain(|(_, seated, _)| *seated != person);
            taken.retain(|(anchor, ..)| *anchor != &good.anchor);
            taken.push((&good.anchor, person, good));
            return true;
        }
    }
    false
}

/// A key as `ssh-keygen -l` shows it.
pub fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
}

/// A signed file's bytes as the text it must be.
pub fn text<'b>(path: &str, bytes: &'b [u8]) -> Result<&'b str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("the file is not UTF-8 after byte {}", error.valid_up_to());
        let problem = Problem::of_file(path, message).help("save it as UTF-8");
        Refusal::Malformed(problem.into())
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test that panics has failed"
    )]

    use super::*;
    use proptest::prelude::*;
    use ssh_key::public::Ed25519PublicKey;

    fn good((person, anchor): (u8, u8)) -> Good {
        Good {
            signer: Signer {
                principal: format!("p{person}"),
                key: format!("k{anchor}"),
                authority: None,
                valid_after: None,
                valid_before: None,
            },
            path: String::new(),
            anchor: KeyData::Ed25519(Ed25519PublicKey([anchor; 32])),
        }
    }

    /// The most pairs without a person or an anchor twice, by trying everything.
    fn most(pairs: &[(u8, u8)]) -> usize {
        let Some(((person, anchor), rest)) = pairs.split_first() else {
            return 0;
        };
        let free: Vec<(u8, u8)> = rest
            .iter()
            .copied()
            .filter(|pair| pair.0 != *person && pair.1 != *anchor)
            .collect();
        most(rest).max(1 + most(&free))
    }

    proptest! {
        #[test]
        fn as_many_count_as_can_without_counting_anything_twice(
            pairs in prop::collection::vec((0u8..5, 0u8..5), 0..10)
        ) {
            let all: Vec<Good> = pairs.iter().copied().map(good).collect();
            let counted = distinct(&all.iter().collect::<Vec<_>>());
            let people: std::collections::BTreeSet<_> = counted.iter().map(|signer| &signer.principal).collect();
            let keys: std::collections::BTreeSet<_> = counted.iter().map(|signer| &signer.key).collect();
            prop_assert_eq!(people.len(), counted.len());
            prop_assert_eq!(keys.len(), counted.len());
            prop_assert_eq!(counted.len(), most(&pairs));
            // The order of the files decides nothing.
            let backwards = distinct(&all.iter().rev().collect::<Vec<_>>());
            prop_assert_eq!(backwards.len(), counted.len());
        }
    }
}
