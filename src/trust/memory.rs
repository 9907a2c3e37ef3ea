//! What earlier runs saw: the highest version of every signed document.
//!
//! A signature proves who approved a document, never that nobody approved a
//! newer one since. So the versions seen are remembered outside the files they
//! are about, and an older one is refused by name. Documents are remembered by
//! the *lineage* of the root they were verified by: a root, and all that
//! descend from it. Baselines are keyed by the organization's tenant id, so
//! that a new local name is no way out.
//!
//! This module is values only; where they are kept is the caller's business.

use super::header::Header;
use super::refusal::Refusal;
use crate::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How the names of baselines begin.
const BASELINE: &str = "baseline ";

/// `schema` of the state file.
pub const SCHEMA: &str = "connguard/state/v1";

/// Everything that earlier runs saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The latest time at which a run looked at its own clock.
    clock: Option<Timestamp>,
    /// In the order in which they were first seen.
    lineages: Vec<Lineage>,
    /// Always [`SCHEMA`].
    schema: String,
}

/// A root, its descendants, and the documents verified by them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// `policy`, `manifest`, and `baseline <tenant id>`.
    documents: BTreeMap<String, Seen>,
    /// The newest verified commit of each audit repository's history, by the repository's folder.
    #[serde(default)]
    histories: BTreeMap<String, Tip>,
    /// The audit repositories it was seen in, by their folders.
    repositories: BTreeSet<String>,
    /// Roots by version.
    roots: BTreeMap<u64, Seen>,
}

/// A version of a document that a run verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Digest of its bytes.
    pub digest: Digest,
    /// When a run first verified it, by that run's own clock; `None` where the time was given by hand.
    pub first_seen: Option<Timestamp>,
    /// The tenant's local name, of baselines.
    pub tenant: Option<String>,
    /// Its version.
    pub version: u64,
}

/// The newest commit of a history that a run verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tip {
    /// Its name.
    pub commit: String,
    /// When its run read its sources, by its own word.
    pub taken_at: Timestamp,
}

/// How the newest verified commit of a history changed in a run.
#[derive(Clone, Debug)]
pub struct Advance {
    /// The commit that memory held when the run began.
    pub from: Option<String>,
    /// The newest one now.
    pub to: Tip,
    /// Whether the operator wants this history in the place of any other.
    pub anew: bool,
}

/// A signed document, as memory knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The policy.
    Policy,
    /// The manifest of baselines, as the word on one tenant: whoever signs for one outranks nothing for another.
    Manifest {
        /// The tenant's local name.
        tenant: String,
    },
    /// The baseline of an organization.
    Baseline {
        /// Its tenant id, by which it is known whatever it is called.
        tenant_id: String,
        /// Its local name, under which no other organization may pass.
        tenant: String,
    },
    /// What the people for emergencies signed: remembered apart, so that it outranks nothing.
    Emergency {
        /// The organization's tenant id.
        tenant_id: String,
    },
}

impl Key {
    fn name(&self) -> String {
        match self {
            Self::Policy => "policy".to_owned(),
            Self::Manifest { tenant } => format!("manifest {tenant}"),
            Self::Baseline { tenant_id, .. } => format!("{BASELINE}{tenant_id}"),
            Self::Emergency { tenant_id } => format!("emergency {tenant_id}"),
        }
    }
}

/// What memory says of a document that it does not refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// There is no memory: an older version could not be told from the newest.
    NotChecked,
    /// This lineage has no version of it yet.
    FirstSeen,
    /// It is the newest version seen, or the one after that.
    Checked,
    /// Versions between the newest one seen and this one were never seen.
    Gap {
        /// The newest version seen before.
        seen: u64,
    },
}

impl Rollback {
    /// The words used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotChecked => "not checked",
            Self::FirstSeen => "first seen",
            Self::Checked | Self::Gap { .. } => "checked",
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            clock: None,
            lineages: Vec::new(),
            schema: SCHEMA.to_owned(),
        }
    }
}

impl Memory {
    /// Reads what was kept; the reason when it is nothing that this program wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        let memory: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if memory.schema == SCHEMA {
            Ok(memory)
        } else {
            Err(format!(
                "its schema is {:?}, expected {SCHEMA:?}",
                memory.schema
            ))
        }
    }

    /// What is kept.
    pub fn to_text(&self) -> String {
        crate::canonical::write_sorted(self)
    }

    /// The latest time that a run saw on its own clock.
    pub const fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// The newest root that was seen in a repository: where nothing is pinned, it stands for the pin.
    pub fn remembered_root(&self, repository: &str) -> Option<Digest> {
        let lineage = self
            .lineages
            .iter()
            .rfind(|lineage| lineage.repositories.contains(repository))?;
        lineage.roots.last_key_value().map(|(_, seen)| seen.digest)
    }

    /// The lineage of a root: the one that holds any root of its chain.
    pub fn lineage(&self, chain: &[Digest]) -> Option<&Lineage> {
        self.position(chain)
            .and_then(|index| self.lineages.get(index))
    }

    fn position(&self, chain: &[Digest]) -> Option<usize> {
        self.lineages
            .iter()
            .position(|lineage| chain.iter().any(|root| lineage.holds(*root)))
    }

    /// Whether an earlier lineage knew this repository or one of these organizations: trust began anew.
    pub fn was_restarted(&self, chain: &[Digest], repository: &str, tenant_ids: &[&str]) -> bool {
        let own = self.position(chain).unwrap_or(self.lineages.len());
        self.lineages.iter().take(own).any(|lineage| {
            lineage.repositories.contains(repository)
                || tenant_ids
                    .iter()
                    .any(|id| lineage.documents.contains_key(&format!("{BASELINE}{id}")))
        })
    }

    /// Remembers what a run verified. Older versions take no newer one's place, whatever the order of runs.
    pub fn record(&mut self, run: &Sightings, clock: Option<Timestamp>) {
        self.clock = self.clock.max(clock);
        let index = self.position(&run.known_by).unwrap_or_else(|| {
            self.lineages.push(Lineage::default());
            self.lineages.len() - 1
        });
        let Some(lineage) = self.lineages.get_mut(index) else {
            return;
        };
        // What a history says was seen vouches for no repository: whoever makes one makes both.
        if !run.repository.is_empty() {
            lineage.repositories.insert(run.repository.clone());
        }
        if let Some(advance) = &run.history {
            let known = lineage.histories.get(&run.repository);
            let as_it_was = known.map(|tip| &tip.commit) == advance.from.as_ref();
            // A slower run knows less than what another one noted meanwhile.
            if as_it_was || known.is_none() || advance.anew {
                let tip = advance.to.clone();
                lineage.histories.insert(run.repository.clone(), tip);
            }
        }
        for (version, digest) in &run.roots {
            lineage.roots.entry(*version).or_insert(Seen {
                digest: *digest,
                first_seen: clock,
                tenant: None,
                version: *version,
            });
        }
        for (key, version, digest) in &run.documents {
            lineage.forget_name(key);
            let seen = Seen {
                digest: *digest,
                first_seen: clock,
                tenant: key.tenant().map(str::to_owned),
                version: *version,
            };
            let known = lineage
                .documents
                .entry(key.name())
                .or_insert_with(|| seen.clone());
            if known.version < seen.version {
                *known = seen;
            } else if known.digest == seen.digest && known.first_seen.is_none() {
                known.first_seen = clock;
            }
        }
    }
}

impl Lineage {
    fn holds(&self, root: Digest) -> bool {
        self.roots.values().any(|seen| seen.digest == root)
    }

    /// A name that has passed on to another organization is no longer that of the one before.
    fn forget_name(&mut self, key: &Key) {
        let own = key.name();
        for (name, seen) in &mut self.documents {
            if key.tenant().is_some() && *name != own && seen.tenant.as_deref() == key.tenant() {
                seen.tenant = None;
            }
        }
    }

    /// The newest version of the root that was seen.
    pub fn newest_root(&self) -> Option<Seen> {
        self.roots.last_key_value().map(|(_, seen)| seen.clone())
    }

    /// The newest commit of a repository's history that was verified.
    pub fn history(&self, repository: &str) -> Option<&Tip> {
        self.histories.get(repository)
    }

    /// The newest version of a document that was seen.
    pub fn newest(&self, key: &Key) -> Option<&Seen> {
        self.documents.get(&key.name())
    }

    /// When exactly this document was first verified, by a run's own clock.
    pub fn first_seen(&self, digest: Digest) -> Option<Timestamp> {
        self.documents
            .values()
            .chain(self.roots.values())
            .find(|seen| seen.digest == digest)
            .and_then(|seen| seen.first_seen)
    }

    /// Refuses a document that is older than one seen before, or another one of its version.
    pub fn check(
        &self,
        key: &Key,
        path: &str,
        header: &Header,
        digest: Digest,
    ) -> Result<Rollback, Refusal> {
        // What is signed for an emergency stands where the next baseline would.
        let compared = match key {
            Key::Emergency { tenant_id } => format!("{BASELINE}{tenant_id}"),
            _ => key.name(),
        };
        let status = match self.documents.get(&compared) {
            Some(seen) => follows(seen, path, header, digest)?,
            None => Rollback::FirstSeen,
        };
        self.keeps_its_name(key, path, header, digest)?;
        Ok(status)
    }

    /// The baseline that is remembered under this name or for this organization, and not for both.
    fn differently_known(&self, key: &Key, tenant: &str) -> Option<(&String, &Seen)> {
        let own = key.name();
        let differs = |(name, seen): &(&String, &Seen)| {
            let known = seen.tenant.as_deref();
            if **name == own {
                known != Some(tenant)
            } else {
                known == Some(tenant)
            }
        };
        self.documents
            .iter()
            .filter(|(name, _)| name.starts_with(BASELINE))
            .find(differs)
    }

    /// The name by which an earlier run knew an organization that is called otherwise now.
    pub fn earlier_name(&self, key: &Key) -> Option<&str> {
        let tenant = key.tenant()?;
        let seen = self.documents.get(&key.name())?;
        seen.tenant.as_deref().filter(|known| *known != tenant)
    }

    /// A tenant's name and its organization belong together: only the next version of the
    /// document that was seen may change either, so that no other baseline slips into its place.
    fn keeps_its_name(
        &self,
        key: &Key,
        path: &str,
        header: &Header,
        digest: Digest,
    ) -> Result<(), Refusal> {
        let Some(tenant) = key.tenant() else {
            return Ok(());
        };
        let other = self.differently_known(key, tenant);
        let Some((name, seen)) = other else {
            return Ok(());
        };
        let next = seen.version.checked_add(1) == Some(header.version);
        if seen.digest == digest || (next && header.previous == Some(seen.digest)) {
            return Ok(());
        }
        Err(Refusal::Fork {
            path: path.to_owned(),
            reason: format!(
                "an earlier run knew {:?} as the organization {}, and this is no next version of that baseline",
                seen.tenant.as_deref().unwrap_or_default(),
                name.trim_start_matches(BASELINE)
            ),
        })
    }
}

impl Key {
    fn tenant(&self) -> Option<&str> {
        match self {
            Self::Baseline { tenant, .. } => Some(tenant),
            _ => None,
        }
    }
}

/// What memory says of a document; refuses what it contradicts.
pub(super) fn status(
    past: Option<&Lineage>,
    remembers: bool,
    key: &Key,
    path: &str,
    header: &Header,
    digest: Digest,
) -> Result<Rollback, Refusal> {
    match past {
        Some(past) => past.check(key, path, header, digest),
        None if remembers => Ok(Rollback::FirstSeen),
        None => Ok(Rollback::NotChecked),
    }
}

/// Whether a document is the newest one seen, or follows it.
pub fn follows(
    seen: &Seen,
    path: &str,
    header: &Header,
    digest: Digest,
) -> Result<Rollback, Refusal> {
    let fork = |reason: String| {
        Err(Refusal::Fork {
            path: path.to_owned(),
            reason,
        })
    };
    let version = header.version;
    if version < seen.version {
        return Err(Refusal::RolledBack {
            path: path.to_owned(),
            version,
            seen: seen.version,
        });
    }
    if version == seen.version && digest != seen.digest {
        return fork(format!(
            "its version {version} is {digest}, and an earlier run saw {}",
            seen.digest
        ));
    }
    // Saturating: what is in the state file is checked by nobody else.
    let next = seen.version.saturating_add(1);
    if version == next && header.previous != Some(seen.digest) {
        let named = header
            .previous
            .map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
        return fork(format!(
            "its version {version} names {named} as the version before, and an earlier run saw {}",
            seen.digest
        ));
    }
    Ok(if version > next {
        Rollback::Gap { seen: seen.version }
    } else {
        Rollback::Checked
    })
}

/// What one run verified.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// The audit repository's folder; empty for what its history says.
    pub repository: String,
    /// The chain of roots, from the trusted one to the one in force.
    pub roots: Vec<(u64, Digest)>,
    /// The digests by which the roots' lineage is known.
    pub known_by: Vec<Digest>,
    /// Documents with version and digest.
    pub documents: Vec<(Key, u64, Digest)>,
    /// The newest commit of its history.
    pub history: Option<Advance>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(from: Option<&str>, to: &str, anew: bool) -> Sightings {
        let root = Digest::of(b"root");
        Sightings {
            repository: "/audit".to_owned(),
            roots: vec![(1, root)],
            known_by: vec![root],
            history: Some(Advance {
                from: from.map(str::to_owned),
                to: Tip {
                    commit: to.to_owned(),
                    taken_at: Timestamp::UNIX_EPOCH,
                },
                anew,
            }),
            ..Sightings::default()
        }
    }

    #[test]
    fn a_slow_run_takes_no_newer_commit_back() {
        let mut memory = Memory::default();
        let tip = |memory: &Memory| {
            let lineage = memory.lineage(&[Digest::of(b"root")])?;
            lineage.history("/audit").map(|tip| tip.commit.clone())
        };
        memory.record(&seen(None, "a", false), None);
        memory.record(&seen(Some("a"), "b", false), None);
        // It began when `a` was the newest, and ends after the run that noted `b`.
        memory.record(&seen(Some("a"), "a", false), None);
        memory.record(&seen(None, "a", false), None);
        assert_eq!(tip(&memory).as_deref(), Some("b"));
        memory.record(&seen(Some("b"), "c", false), None);
        memory.record(&seen(Some("a"), "x", true), None);
        assert_eq!(tip(&memory).as_deref(), Some("x"));
    }
}
