//! Adding a run to a history: whole or not at all, and never over somebody else's.

use super::folder::{Folder, top, unexpected};
use super::run::{Read, Run};
use super::{History, HistoryError, place};
use crate::git::{Commit, Entry, FOLDER, GitError, Object, Oid, encode};
use std::collections::{BTreeMap, BTreeSet};

/// What a run is to add.
pub struct Addition {
    /// The commit that it was made from.
    pub base: Option<Oid>,
    /// The folders of the tenants that were seen, whether they changed or not.
    pub tenants: BTreeMap<String, Folder>,
    /// The folder of the documents, if any could be verified.
    pub documents: Option<Folder>,
    /// The tenants that were read completely.
    pub read: BTreeSet<String>,
    /// What the run says of itself; whom it read is filled in.
    pub run: Run,
}

/// Signs the bytes of a commit; `None` where nobody signs, the reason where it failed.
pub type Sign<'s> = dyn Fn(&[u8]) -> Result<Option<String>, String> + 's;

/// What became of an addition.
#[derive(Debug)]
pub enum Appended {
    /// It is a commit; nothing leads to it yet.
    Commit(Oid),
    /// Another run recorded other things of the same tenants meanwhile: they must be read again.
    Overtaken(BTreeSet<String>),
}

impl Addition {
    /// Whether the history would hold anything new but for the commit itself.
    pub fn changes_anything(&self, history: &History) -> Result<bool, HistoryError> {
        let before = tree_of(history, self.base)?;
        let (after, _) = self.tree(&top(&history.git, before)?)?;
        Ok(before != Some(after.id))
    }

    /// Makes the commit on top of `parent`, which may be newer than the base.
    pub fn commit(
        &mut self,
        history: &History,
        parent: Option<Oid>,
        who: &str,
        text: (&str, &str),
        sign: &Sign<'_>,
    ) -> Result<Appended, HistoryError> {
        let before = tree_of(history, parent)?;
        let folders = top(&history.git, before)?;
        if parent != self.base {
            let base = top(&history.git, tree_of(history, self.base)?)?;
            let overtaken = self.overtaken(&base, &folders);
            if !overtaken.is_empty() {
                return Ok(Appended::Overtaken(overtaken));
            }
        }
        let (tree, all) = self.tree(&folders)?;
        self.run.read = Read::of(self.read.clone(), &all);
        let time = self.run.taken_at.as_second();
        let message = self.run.message(text.0, text.1);
        let unsigned = Commit::encode(tree.id, parent, who, time, &message);
        let bytes = match sign(&unsigned).map_err(HistoryError::NotSigned)? {
            Some(armored) => Commit::sign(&unsigned, &armored),
            None => unsigned,
        };
        let commit = Object::commit(bytes).map_err(unexpected)?;
        let id = commit.id;
        let mut objects: Vec<Object> = Vec::new();
        for folder in self.tenants.values_mut().chain(&mut self.documents) {
            // Written once: a second attempt finds them in the repository.
            objects.append(&mut folder.objects);
        }
        objects.push(tree);
        objects.push(commit);
        history.git.write(&objects)?;
        Ok(Appended::Commit(id))
    }

    /// Tenants of whom the base and the newer commit hold different things, and this run other ones.
    fn overtaken(
        &self,
        base: &BTreeMap<String, Oid>,
        now: &BTreeMap<String, Oid>,
    ) -> BTreeSet<String> {
        let differs = |(name, folder): &(&String, &Folder)| {
            base.get(*name) != now.get(*name) && now.get(*name) != Some(&folder.id)
        };
        let tenants = self.tenants.iter().filter(differs);
        let mut names: BTreeSet<String> = tenants.map(|(name, _)| name.clone()).collect();
        if let Some(documents) = &self.documents {
            let own = place::DOCUMENTS.to_owned();
            names.extend(differs(&(&own, documents)).then(|| own.clone()));
        }
        names
    }

    /// The tree on top of others' folders, and the tenants in it.
    fn tree(
        &self,
        folders: &BTreeMap<String, Oid>,
    ) -> Result<(Object, BTreeSet<String>), GitError> {
        let mut folders = folders.clone();
        for (name, folder) in &self.tenants {
            folders.insert(name.clone(), folder.id);
        }
        if let Some(documents) = &self.documents {
            folders.insert(place::DOCUMENTS.to_owned(), documents.id);
        }
        let entries = folders.iter().map(|(name, id)| {
            (
                name.as_str(),
                Entry {
                    mode: FOLDER,
                    id: *id,
                },
            )
        });
        let object = Object::tree(encode(entries)).map_err(unexpected)?;
        folders.remove(place::DOCUMENTS);
        Ok((object, folders.into_keys().collect()))
    }
}

fn tree_of(history: &History, commit: Option<Oid>) -> Result<Option<Oid>, HistoryError> {
    let Some(commit) = commit else {
        return Ok(None);
    };
    Ok(Some(history.git.commit(commit)?.tree))
}
