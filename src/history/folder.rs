//! Folders of a history, made from what was read; of what did not change nothing is written.

use super::place;
use super::{History, HistoryError};
use crate::connector::Connector;
use crate::git::{Entry, FILE, FOLDER, Git, GitError, Object, Oid, Tree, encode};
use crate::snapshot::stored;
use crate::snapshot::{Part, Snapshot};
use crate::trust::SignedFile;
use std::collections::{BTreeMap, BTreeSet};

/// A folder as it is to be, with the objects of it that are new.
#[derive(Debug)]
pub struct Folder {
    /// The folder.
    pub id: Oid,
    /// What has to be written for it.
    pub objects: Vec<Object>,
}

/// The entries of a folder by name.
type Entries = BTreeMap<String, Entry>;

/// Builds a folder beside the one that is there.
struct Builder<'g> {
    git: &'g Git,
    objects: Vec<Object>,
}

impl History {
    /// The folder of a tenant after a read.
    ///
    /// What was not read completely stays as it was recorded, but for what was
    /// seen of it: nothing is ever taken away because it could not be read.
    pub fn tenant_folder(
        &self,
        before: Option<Oid>,
        snapshot: &Snapshot,
        baseline: Option<&SignedFile>,
    ) -> Result<Folder, HistoryError> {
        let mut builder = Builder {
            git: &self.git,
            objects: Vec::new(),
        };
        let mut entries = builder.entries(before)?;
        let old = builder.folder_in(&entries, stored::CONNECTORS)?;
        let connectors = builder.connectors(snapshot, &old)?;
        let mut counts = BTreeMap::from([(Part::InboundConnectors, connectors.len())]);
        builder.put_folder(&mut entries, stored::CONNECTORS, &old, &connectors)?;
        for (part, name, content) in [
            (
                Part::AcceptedDomains,
                stored::ACCEPTED_DOMAINS,
                stored::accepted_domains_file(snapshot),
            ),
            (
                Part::BlockedConnectors,
                stored::BLOCKED_CONNECTORS,
                stored::blocked_connectors_file(snapshot),
            ),
        ] {
            if snapshot.has(part) {
                let count = match part {
                    Part::AcceptedDomains => snapshot.accepted_domains.len(),
                    _ => snapshot.blocked_connectors.len(),
                };
                counts.insert(part, count);
                builder.put(&mut entries, name, content.into_bytes())?;
            }
        }
        for (name, part) in stored::AROUND {
            if let Some(value) = snapshot.around.get(&part).filter(|_| snapshot.has(part)) {
                builder.put(&mut entries, name, stored::around_file(value).into_bytes())?;
            }
        }
        let own = stored::snapshot_file(snapshot, &counts);
        builder.put(&mut entries, stored::SNAPSHOT, own.into_bytes())?;
        if let Some(baseline) = baseline {
            builder.put(&mut entries, place::BASELINE, baseline.bytes.clone())?;
            let old = builder.folder_in(&entries, place::BASELINE_SIGNATURES)?;
            let mut signatures = Entries::new();
            for file in &baseline.signatures {
                let name = file.path.rsplit('/').next().unwrap_or_default();
                if place::is_signature_file(name) {
                    let entry = builder.blob(old.get(name), file.bytes.clone())?;
                    signatures.insert(name.to_owned(), entry);
                }
            }
            let name = place::BASELINE_SIGNATURES;
            // None where a manifest approves it, which is kept with the documents.
            builder.put_folder(&mut entries, name, &old, &signatures)?;
        }
        builder.finish(before, &entries)
    }

    /// The folder of the documents that belong to no single tenant: these files, by their paths in it.
    pub fn documents_folder(
        &self,
        before: Option<Oid>,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Folder, HistoryError> {
        let mut builder = Builder {
            git: &self.git,
            objects: Vec::new(),
        };
        // What could not be verified this time stays as it was recorded.
        let mut kept = builder.entries(before)?;
        kept.retain(|name, _| {
            !files
                .keys()
                .any(|path| path.split('/').next() == Some(name))
        });
        let id = builder.nested(before, files, kept)?;
        let objects = builder.objects;
        Ok(Folder { id, objects })
    }
}

impl Builder<'_> {
    fn entries(&self, folder: Option<Oid>) -> Result<Entries, GitError> {
        let Some(folder) = folder else {
            return Ok(Entries::new());
        };
        let tree = self.git.tree(folder)?;
        let owned = |(name, entry): (&str, Entry)| (name.to_owned(), entry);
        Ok(tree.named().map(owned).collect())
    }

    fn folder_in(&self, entries: &Entries, name: &str) -> Result<Entries, GitError> {
        let folder = entries.get(name).filter(|entry| entry.mode == FOLDER);
        self.entries(folder.map(|entry| entry.id))
    }

    fn connectors(&mut self, snapshot: &Snapshot, old: &Entries) -> Result<Entries, HistoryError> {
        let mut entries = if snapshot.has(Part::InboundConnectors) {
            Entries::new()
        } else {
            old.clone()
        };
        for connector in snapshot.connectors() {
            let name = stored::file_name(connector);
            let before = old.get(&name);
            let content = stored::connector_file(connector).into_bytes();
            let mut object = Object::blob(content).map_err(unexpected)?;
            if before.is_some_and(|before| before.id != object.id)
                && let Some(steady) = self.steady(connector, before)
            {
                let content = stored::connector_file(&steady).into_bytes();
                object = Object::blob(content).map_err(unexpected)?;
            }
            let entry = self.keep(before, object);
            entries.insert(name, entry);
        }
        Ok(entries)
    }

    /// The connector with the recorded time of its last change, where that moved only as much as servers differ.
    fn steady(&self, connector: &Connector, before: Option<&Entry>) -> Option<Connector> {
        let bytes = self.git.blob(before?.id).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let recorded = stored::read_connector("", &text).ok()?;
        stored::steady(connector, &recorded.connector)
    }

    /// An object that need not be written where it is the one that is there.
    fn keep(&mut self, before: Option<&Entry>, object: Object) -> Entry {
        let entry = Entry {
            mode: FILE,
            id: object.id,
        };
        if before != Some(&entry) {
            self.objects.push(object);
        }
        entry
    }

    fn blob(&mut self, before: Option<&Entry>, bytes: Vec<u8>) -> Result<Entry, HistoryError> {
        let object = Object::blob(bytes).map_err(unexpected)?;
        Ok(self.keep(before, object))
    }

    fn put(
        &mut self,
        entries: &mut Entries,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<(), HistoryError> {
        let entry = self.blob(entries.get(name), bytes)?;
        entries.insert(name.to_owned(), entry);
        Ok(())
    }

    fn put_folder(
        &mut self,
        entries: &mut Entries,
        name: &str,
        old: &Entries,
        new: &Entries,
    ) -> Result<(), HistoryError> {
        if new.is_empty() {
            // Git knows no empty folders.
            entries.remove(name);
            return Ok(());
        }
        if old == new && entries.contains_key(name) {
            return Ok(());
        }
        let id = self.tree(new)?;
        entries.insert(name.to_owned(), Entry { mode: FOLDER, id });
        Ok(())
    }

    fn tree(&mut self, entries: &Entries) -> Result<Oid, HistoryError> {
        let named = entries.iter().map(|(name, entry)| (name.as_str(), *entry));
        let object = Object::tree(encode(named)).map_err(unexpected)?;
        let id = object.id;
        self.objects.push(object);
        Ok(id)
    }

    fn finish(mut self, before: Option<Oid>, entries: &Entries) -> Result<Folder, HistoryError> {
        let id = self.tree(entries)?;
        if before == Some(id) {
            self.objects.clear();
        }
        let objects = self.objects;
        Ok(Folder { id, objects })
    }

    /// A folder of files in folders.
    fn nested(
        &mut self,
        before: Option<Oid>,
        files: &BTreeMap<String, Vec<u8>>,
        mut entries: Entries,
    ) -> Result<Oid, HistoryError> {
        let old = self.entries(before)?;
        let mut folders: BTreeMap<&str, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        for (path, bytes) in files {
            match path.split_once('/') {
                None => {
                    let entry = self.blob(old.get(path), bytes.clone())?;
                    entries.insert(path.clone(), entry);
                }
                Some((folder, rest)) => {
                    let inside = folders.entry(folder).or_default();
                    inside.insert(rest.to_owned(), bytes.clone());
                }
            }
        }
        for (name, files) in folders {
            let before = old.get(name).filter(|entry| entry.mode == FOLDER);
            let id = self.nested(before.map(|entry| entry.id), &files, Entries::new())?;
            entries.insert(name.to_owned(), Entry { mode: FOLDER, id });
        }
        if old == entries
            && let Some(before) = before
        {
            return Ok(before);
        }
        self.tree(&entries)
    }
}

/// A snapshot as the history keeps it after one that it holds: what was not read completely is still there.
pub fn as_recorded(before: &Snapshot, now: &Snapshot) -> Snapshot {
    let mut recorded = now.clone();
    for record in &mut recorded.records {
        let name = stored::file_name(&record.connector);
        let mut earlier = before.connectors();
        let was = earlier.find(|was| stored::file_name(was) == name);
        if let Some(steady) = was.and_then(|was| stored::steady(&record.connector, was)) {
            record.connector = steady;
        }
    }
    if !now.has(Part::InboundConnectors) {
        let seen: BTreeSet<String> = now.connectors().map(stored::file_name).collect();
        let unseen = before
            .records
            .iter()
            .filter(|record| !seen.contains(&stored::file_name(&record.connector)));
        recorded.records.extend(unseen.cloned());
        recorded.sort();
    }
    recorded
}

/// Naming an object cannot fail but for want of memory.
pub(super) fn unexpected(error: git2::Error) -> GitError {
    GitError::Other {
        path: String::new(),
        reason: error.message().to_owned(),
    }
}

/// The folders of a tree's top level.
pub fn top(git: &Git, tree: Option<Oid>) -> Result<BTreeMap<String, Oid>, GitError> {
    let tree = tree.map_or_else(|| Ok(Tree::empty()), |tree| git.tree(tree))?;
    let folders = tree.named().filter(|(_, entry)| entry.mode == FOLDER);
    Ok(folders
        .map(|(name, entry)| (name.to_owned(), entry.id))
        .collect())
}
