//! Who signed a commit, by the root that was in force then, and what was done to one that nobody signed so.

use super::{Flaw, Kind, Verifier, flaw};
use crate::git::{Commit, GitError, Oid, Tree};
use crate::history::documents::Recorded;
use crate::history::{History, place, short};
use crate::trust::files::{SignatureFile, SignedFile};
use crate::trust::{Duty, Keyring, Refusal, Trust, chain};
use jiff::Timestamp;
use std::sync::{Arc, PoisonError};

/// The root of trust in a commit's tree.
pub(super) type KnownRoot = Arc<Result<Keyring, String>>;

impl Verifier<'_> {
    /// The root in a commit's tree, if it has one.
    pub(super) fn root_of(
        &self,
        history: &History,
        tree: Oid,
    ) -> Result<Option<KnownRoot>, GitError> {
        self.root_in(history, tree, &history.git.tree(tree)?)
    }

    pub(super) fn root_in(
        &self,
        history: &History,
        tree: Oid,
        content: &Tree,
    ) -> Result<Option<KnownRoot>, GitError> {
        let Some(folder) = content.get(place::DOCUMENTS) else {
            return Ok(None);
        };
        let known = || {
            let keyrings = self.keyrings.lock().unwrap_or_else(PoisonError::into_inner);
            keyrings.get(&folder.id).cloned()
        };
        if let Some(known) = known() {
            return Ok(Some(known));
        }
        if history.git.find(folder.id, chain::FOLDER)?.is_none() {
            return Ok(None);
        }
        let recorded = Recorded::new(history, tree);
        let root = match (Keyring::load(&recorded, chain::FOLDER), self.expected.trust) {
            (Err(refusal), _) => Err(refusal.to_string()),
            (Ok(root), Some(trust)) if !trust.known_by().contains(&root.digest) => Err(format!(
                "its root, version {} ({}), is none of the chain that leads to the root in force; if a newer root was taken back, restore it",
                root.root.header.version, root.digest
            )),
            (Ok(root), _) => Ok(root),
        };
        let root = KnownRoot::new(root);
        let mut keyrings = self.keyrings.lock().unwrap_or_else(PoisonError::into_inner);
        keyrings.insert(folder.id, root.clone());
        Ok(Some(root))
    }

    /// Whether somebody had the role then, the version of the root, and which such person signed the commit.
    pub(super) fn signature(
        &self,
        id: Oid,
        commit: &Commit,
        root: Option<&Result<Keyring, String>>,
    ) -> Result<(bool, Option<u64>, Option<String>), Flaw> {
        let Some(trust) = self.expected.trust else {
            return Ok((false, None, None));
        };
        let root = match root {
            None => None,
            Some(Ok(root)) => Some(root),
            Some(Err(reason)) => return Err(flaw(Kind::Root, id, reason.clone())),
        };
        let version = root.map(|root| root.root.header.version);
        // A run that could not verify its root recorded none.
        let keyring = root.unwrap_or(trust.keyring());
        if keyring.root.grant(Duty::History).is_none() {
            return Ok((false, version, None));
        }
        let Some(armored) = &commit.signature else {
            // Without a root in it a commit may be from before there was one, if there was such a time.
            return if root.is_some() || trust.history_from_the_beginning() {
                let message = "it is unsigned, and the root in force then says who signs snapshots";
                Err(flaw(Kind::Unsigned, id, message.to_owned()))
            } else {
                Ok((false, version, None))
            };
        };
        let file = SignedFile {
            path: format!("the commit {}", short(id)),
            bytes: commit.signed.clone(),
            signatures: vec![SignatureFile {
                path: "its signature".to_owned(),
                bytes: armored.clone().into_bytes(),
            }],
        };
        let at = Timestamp::from_second(commit.time).unwrap_or(self.expected.now);
        match keyring.verify(Duty::History, &file, at) {
            Ok(signers) => {
                let signer = signers.into_iter().next();
                Ok((true, version, signer.map(|signer| signer.principal)))
            }
            Err(refusal) => Err(not_counting(id, &refusal)),
        }
    }

    /// Says more about a commit whose signature was good once: what was it about?
    ///
    /// Every commit that is stored is tried, so this is for one flaw, not for thousands.
    pub(super) fn diagnosed(&self, history: &History, found: Flaw) -> Flaw {
        let Ok(commit) = history.git.commit(found.commit) else {
            return found;
        };
        let known = self.root_of(history, commit.tree).ok().flatten();
        let own = match known.as_deref() {
            Some(Ok(root)) => Some(root),
            _ => self.expected.trust.map(Trust::keyring),
        };
        let Some(keyring) = own else {
            return found;
        };
        let at = Timestamp::from_second(commit.time).unwrap_or(self.expected.now);
        match self.signed_parent(history, found.commit, &commit, keyring, at) {
            Some((parent, true)) => flaw(
                Kind::Reordered,
                found.commit,
                format!(
                    "it was signed as the commit after {}, and does not stand there: the order was changed",
                    short(parent)
                ),
            ),
            Some((parent, false)) => flaw(
                Kind::Dropped,
                found.commit,
                format!(
                    "it was signed as the commit after {}, which was left out",
                    short(parent)
                ),
            ),
            None => found,
        }
    }

    /// The parent with which the signature is good, and whether that commit is in the history.
    fn signed_parent(
        &self,
        history: &History,
        id: Oid,
        commit: &Commit,
        keyring: &Keyring,
        at: Timestamp,
    ) -> Option<(Oid, bool)> {
        let text = String::from_utf8(commit.signed.clone()).ok()?;
        let parent = commit.parents.first();
        let armored = commit.signature.clone()?;
        let good = |candidate: &Oid| {
            let line = format!("parent {candidate}\n");
            let bytes = match parent {
                Some(parent) => text.replacen(&format!("parent {parent}\n"), &line, 1),
                None => text.replacen("\nauthor ", &format!("\n{line}author "), 1),
            };
            let file = SignedFile {
                path: String::new(),
                bytes: bytes.into_bytes(),
                signatures: vec![SignatureFile {
                    path: String::new(),
                    bytes: armored.clone().into_bytes(),
                }],
            };
            keyring.verify(Duty::History, &file, at).is_ok()
        };
        let stored = history.git.all_commits().ok()?;
        let signed_after = stored.into_iter().filter(|other| *other != id).find(good)?;
        // A commit that only stands elsewhere has another name there, and the signature that it had.
        let signature = history.git.commit(signed_after).ok()?.signature;
        let inside = history
            .from(self.tip)
            .filter_map(Result::ok)
            .any(|entry| entry.id == signed_after || entry.commit.signature == signature);
        Some((signed_after, inside))
    }
}

/// Says what was done to a commit whose signature does not count.
fn not_counting(id: Oid, refusal: &Refusal) -> Flaw {
    let Refusal::TooFew(short_of) = refusal else {
        return flaw(Kind::Stranger, id, refusal.to_string());
    };
    let Some(rejected) = short_of.rejected.first() else {
        return flaw(Kind::Stranger, id, refusal.to_string());
    };
    if !rejected.changed {
        let message = format!("it was signed by somebody who may not: {}", rejected.reason);
        return flaw(Kind::Stranger, id, message);
    }
    let message = "it was changed after it was signed: its tree, its times, its message or what comes before it";
    flaw(Kind::Amended, id, message.to_owned())
}
