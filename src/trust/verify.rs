//! Verification: signed bytes in, the people who signed them out.

use super::chain::{self, Floor};
use super::files::{Documents, SignedFile};
use super::header::Header;
use super::keyring::Keyring;
use super::manifest::{self, Manifest};
use super::memory::{self, Key, Lineage, Memory, Rollback};
use super::refusal::{Refusal, Signer};
use super::root::{self, Duty, Root};
use crate::digest::Digest;
use jiff::Timestamp;

/// What is known before anything of the repository is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'m> {
    /// The digest of a root that the operator trusts.
    pub pin: Option<Digest>,
    /// What earlier runs saw; `None` where nothing is kept.
    pub memory: Option<&'m Memory>,
    /// The repository's folder, by which memory knows it.
    pub repository: &'m str,
}

impl Known<'_> {
    /// The root to start from: the pinned one, else the one that an earlier run saw here.
    pub fn floor(&self) -> Option<Floor> {
        let remembered = || self.memory?.remembered_root(self.repository);
        self.pin
            .map(Floor::Pinned)
            .or_else(|| remembered().map(Floor::Remembered))
    }
}

/// How a baseline came to be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Enough people signed it.
    Signed,
    /// Enough people signed the manifest that names its digest.
    Manifest,
    /// Only the people for emergencies signed it.
    Emergency,
}

/// Who approved a document.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The people.
    pub signers: Vec<Signer>,
    /// How many had to be.
    pub threshold: usize,
    /// By which way.
    pub route: Route,
}

/// A verified root with its keys: the only thing that can verify documents.
#[derive(Debug)]
pub struct Trust {
    keyring: Keyring,
    chain: Vec<(u64, Digest)>,
    /// Digests of the chain and of the roots before it.
    known_by: Vec<Digest>,
    floor: Option<Floor>,
    remembers: bool,
    /// Whether the oldest root that is known gave the history role to anybody.
    history_from_the_beginning: bool,
    past: Option<Lineage>,
    rollback: Rollback,
    manifest: Result<Option<Manifest>, Refusal>,
    now: Timestamp,
}

impl Trust {
    /// Reads and verifies the root of an audit repository.
    ///
    /// It must be the pinned root or descend from it; without a pin, the root
    /// that an earlier run saw here; without either it can only vouch for
    /// itself, which the caller must report.
    pub fn open(
        documents: &(impl Documents + ?Sized),
        known: Known<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        Self::open_from(documents, known.floor(), known, now)
    }

    /// The same from a root that is trusted already, whatever memory knows.
    pub fn open_from(
        documents: &(impl Documents + ?Sized),
        floor: Option<Floor>,
        known: Known<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let lineage = |chain: &[Digest]| known.memory?.lineage(chain).cloned();
        let (keyring, chain) = chain::follow(documents, chain::FOLDER, floor, lineage, now)?;
        let earlier = chain::ancestors(documents, &keyring, now);
        let all = earlier.iter().chain(&chain);
        let digests: Vec<Digest> = all.map(|(_, digest)| *digest).collect();
        let past = lineage(&digests);
        let rollback = match past.as_ref().and_then(Lineage::newest_root) {
            Some(seen) => memory::follows(&seen, root::PATH, &keyring.root.header, keyring.digest)?,
            None if known.memory.is_some() => Rollback::FirstSeen,
            None => Rollback::NotChecked,
        };
        let remembers = known.memory.is_some();
        let oldest = digests.first().filter(|first| **first != keyring.digest);
        let oldest = oldest.and_then(|_| {
            let (version, _) = earlier.iter().chain(&chain).next()?;
            Keyring::load(documents, &chain::folder_of(*version)).ok()
        });
        let oldest = oldest.as_ref().unwrap_or(&keyring);
        let history_from_the_beginning = oldest.root.grant(Duty::History).is_some();
        let manifest = Manifest::open(documents, &keyring, now);
        Ok(Self {
            keyring,
            chain,
            known_by: digests,
            floor,
            remembers,
            history_from_the_beginning,
            past,
            rollback,
            manifest,
            now,
        })
    }

    /// The root.
    pub const fn root(&self) -> &Root {
        &self.keyring.root
    }

    /// The root with its keys and signatures.
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Digest of the root's file: what a pin holds.
    pub const fn digest(&self) -> Digest {
        self.keyring.digest
    }

    /// Version and digest of every root from the trusted one to the one in force.
    pub fn chain(&self) -> &[(u64, Digest)] {
        &self.chain
    }

    /// The digests by which memory knows the root's lineage.
    pub fn known_by(&self) -> &[Digest] {
        &self.known_by
    }

    /// The newest version of a document that an earlier run verified.
    pub fn newest_seen(&self, key: &Key) -> Option<&memory::Seen> {
        self.past.as_ref().and_then(|past| past.newest(key))
    }

    /// The root that was trusted before anything was read, if there was one.
    pub const fn floor(&self) -> Option<Floor> {
        self.floor
    }

    /// Whether there never was a time, as far as roots are known, at which nobody held the history role.
    pub const fn history_from_the_beginning(&self) -> bool {
        self.history_from_the_beginning
    }

    /// What memory says of the root.
    pub const fn rollback(&self) -> Rollback {
        self.rollback
    }

    /// The manifest, if there is one, or why it does not count.
    pub const fn manifest(&self) -> &Result<Option<Manifest>, Refusal> {
        &self.manifest
    }

    /// Why the root gives no verdict any more, or not yet.
    pub fn obstacle(&self) -> Option<String> {
        self.root().header.obstacle(root::PATH, self.now)
    }

    /// The time at which a document's keys must count: when it was first verified, if a run saw that, else now.
    ///
    /// What a document says of its own age, or a file system of the signature's, proves nothing.
    pub fn moment(&self, digest: Digest) -> Timestamp {
        self.first_seen(digest).unwrap_or(self.now)
    }

    /// When a run first verified a document, where one did.
    pub fn first_seen(&self, digest: Digest) -> Option<Timestamp> {
        self.past.as_ref().and_then(|past| past.first_seen(digest))
    }

    /// Whether enough holders of the role signed a document.
    pub fn verify(&self, duty: Duty<'_>, file: &SignedFile) -> Result<Vec<Signer>, Refusal> {
        self.keyring.verify(duty, file, self.moment(file.digest()))
    }

    /// Who approved a tenant's baseline: its signers, those of the manifest, or the people for emergencies.
    pub fn verify_baseline(&self, tenant: &str, file: &SignedFile) -> Result<Approval, Refusal> {
        let duty = Duty::Baseline(tenant);
        let refused = match self.verify(duty, file) {
            Ok(signers) => return Ok(self.approval(duty, signers, Route::Signed)),
            Err(refused) => refused,
        };
        match self.by_manifest(tenant, file) {
            Some(Ok(signers)) => return Ok(self.approval(duty, signers, Route::Manifest)),
            // Where nothing is signed by itself, the manifest is what should have vouched for it.
            Some(Err(by_manifest)) if file.signatures.is_empty() => return Err(by_manifest),
            _ => {}
        }
        if self.root().emergency.is_some()
            && let Ok(signers) = self.verify(Duty::Emergency, file)
        {
            return Ok(self.approval(Duty::Emergency, signers, Route::Emergency));
        }
        Err(refused)
    }

    fn approval(&self, duty: Duty<'_>, signers: Vec<Signer>, route: Route) -> Approval {
        Approval {
            signers,
            threshold: self.root().grant(duty).map_or(0, |grant| grant.threshold),
            route,
        }
    }

    /// `None` where no manifest speaks of the tenant.
    fn by_manifest(&self, tenant: &str, file: &SignedFile) -> Option<Result<Vec<Signer>, Refusal>> {
        let manifest = match &self.manifest {
            Ok(manifest) => manifest.as_ref()?,
            Err(refusal) => return Some(Err(refusal.clone())),
        };
        let entry = manifest.entries.get(tenant)?;
        if entry.digest != file.digest() {
            return Some(Err(Refusal::NotInManifest {
                path: file.path.clone(),
                reason: format!(
                    "its digest is {}, and the manifest names {} (version {})",
                    file.digest(),
                    entry.digest,
                    entry.version
                ),
            }));
        }
        if let Some(reason) = manifest.header.obstacle(manifest::PATH, self.now) {
            return Some(Err(Refusal::NotInManifest {
                path: file.path.clone(),
                reason,
            }));
        }
        let counted =
            self.keyring
                .count(Duty::Baseline(tenant), manifest::PATH, manifest.attested());
        let key = Key::Manifest {
            tenant: tenant.to_owned(),
        };
        Some(counted.and_then(|signers| {
            self.remembered(&key, manifest::PATH, &manifest.header, manifest.digest)?;
            Ok(signers)
        }))
    }

    /// Refuses a baseline that is older than the one its manifest names.
    ///
    /// Meant for baselines with signatures of their own: those of an old
    /// version stay good, and the manifest says which version is in force.
    pub fn not_older_than_manifest(
        &self,
        tenant: &str,
        path: &str,
        header: &Header,
    ) -> Result<(), Refusal> {
        let Ok(Some(manifest)) = &self.manifest else {
            return Ok(());
        };
        let counts = self
            .keyring
            .count(Duty::Baseline(tenant), manifest::PATH, manifest.attested())
            .is_ok();
        match manifest.entries.get(tenant) {
            Some(entry) if counts && header.version < entry.version => {
                Err(Refusal::NotInManifest {
                    path: path.to_owned(),
                    reason: format!(
                        "it is version {}, and the manifest names version {}",
                        header.version, entry.version
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// The tenants for which a manifest has the signatures that they ask for.
    pub fn manifest_counts_for<'m>(&self, manifest: &'m Manifest) -> Vec<&'m String> {
        let counts = |tenant: &&String| {
            let duty = Duty::Baseline(tenant);
            self.keyring
                .count(duty, manifest::PATH, manifest.attested())
                .is_ok()
        };
        manifest.entries.keys().filter(counts).collect()
    }

    /// What memory keeps of the manifest: its version, for every tenant for which it counts.
    ///
    /// One that not enough people signed is nobody's word yet, and must not outrank what is.
    pub fn manifest_sightings(&self) -> Vec<(Key, u64, Digest)> {
        let manifest = self.manifest.as_ref().ok().and_then(Option::as_ref);
        let word = |tenant: &String, manifest: &Manifest| {
            let key = Key::Manifest {
                tenant: tenant.clone(),
            };
            (key, manifest.header.version, manifest.digest)
        };
        manifest
            .into_iter()
            .flat_map(|manifest| {
                let tenants = self.manifest_counts_for(manifest);
                tenants
                    .into_iter()
                    .map(move |tenant| word(tenant, manifest))
            })
            .collect()
    }

    /// The name by which an earlier run knew an organization that is called otherwise now.
    pub fn earlier_name(&self, key: &Key) -> Option<&str> {
        self.past.as_ref()?.earlier_name(key)
    }

    /// What memory says of a document; refuses one that is older than one seen before, or a fork.
    pub fn remembered(
        &self,
        key: &Key,
        path: &str,
        header: &Header,
        digest: Digest,
    ) -> Result<Rollback, Refusal> {
        memory::status(
            self.past.as_ref(),
            self.remembers,
            key,
            path,
            header,
            digest,
        )
    }

    /// Refuses what the people for emergencies signed for longer than the root lets it count.
    pub fn emergency_counts(
        &self,
        path: &str,
        header: &Header,
        digest: Digest,
    ) -> Result<(), Refusal> {
        let over = |reason: String| {
            Err(Refusal::EmergencyOver {
                path: path.to_owned(),
                reason,
            })
        };
        let Some(emergency) = &self.root().emergency else {
            return Ok(());
        };
        let longest = emergency.max_validity;
        let asked = header.expires.duration_since(header.issued);
        if asked > longest {
            return over(format!(
                "asks to count for {}, where the root allows {}",
                crate::document::time::words(asked),
                crate::document::time::words(longest)
            ));
        }
        // By its own dates it could be made to begin at any time; a run that saw it knows better.
        match self.first_seen(digest) {
            Some(first_seen) if self.now.duration_since(first_seen) > longest => over(format!(
                "was first seen at {first_seen}, longer ago than the root allows"
            )),
            _ => Ok(()),
        }
    }
}
