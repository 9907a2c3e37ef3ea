//! Snapshots out of a history.

use super::{Entry, History, HistoryError, place};
use crate::git::Oid;
use crate::snapshot::stored;
use crate::snapshot::{Part, Record, Snapshot, SourceKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a tenant's folder held.
#[derive(Debug)]
pub struct State {
    /// The connectors and the rest of what was observed.
    pub snapshot: Snapshot,
    /// The kind of source that it was read from at first.
    pub source: SourceKind,
}

/// What the history knows of a tenant at a run.
#[derive(Debug)]
pub struct Recorded {
    /// What was seen, and when.
    pub snapshot: Snapshot,
    /// The kind of source that it was read from at first.
    pub source: SourceKind,
    /// The newest run by then that read it completely: on its word the time rests.
    pub read: Entry,
}

impl History {
    /// The tenants that a tree holds, with their folders.
    pub fn tenants(&self, tree: Oid) -> Result<BTreeMap<String, Oid>, HistoryError> {
        let mut folders = super::folder::top(&self.git, Some(tree))?;
        folders.remove(place::DOCUMENTS);
        Ok(folders)
    }

    /// A tenant's folder in a commit's tree.
    pub fn folder_of(&self, tree: Oid, tenant: &str) -> Result<Option<Oid>, HistoryError> {
        let folders = super::recent(&self.folders, tree, || {
            let folders = super::folder::top(&self.git, Some(tree))?;
            Ok(Arc::new(folders))
        })?;
        Ok(folders.get(tenant).copied())
    }

    /// What an entry holds of a tenant; `None` where it has never been read by then.
    ///
    /// When it was seen in this state is said by the newest run that read it; see [`History::newest_read`].
    pub fn state(&self, entry: &Entry, tenant: &str) -> Result<Option<State>, HistoryError> {
        match self.folder_of(entry.commit.tree, tenant)? {
            Some(folder) => self.state_in(entry.id, tenant, folder).map(Some),
            None => Ok(None),
        }
    }

    /// What an entry holds of a tenant, with the time at which it was last read completely by then;
    /// `None` where it never was.
    ///
    /// What an incomplete read changed since is newer and not whole: it is there, and says so.
    pub fn recorded(&self, entry: &Entry, tenant: &str) -> Result<Option<Recorded>, HistoryError> {
        let Some(read) = self.newest_read(entry.id, tenant)? else {
            return Ok(None);
        };
        let Some(state) = self.state(entry, tenant)? else {
            return Ok(None);
        };
        Ok(Some(Recorded {
            snapshot: Snapshot {
                taken_at: Some(read.run.time_of(tenant)),
                ..state.snapshot
            },
            source: state.source,
            read,
        }))
    }

    /// What a folder holds; `commit` is for messages.
    pub fn state_in(&self, commit: Oid, tenant: &str, folder: Oid) -> Result<State, HistoryError> {
        let reader = Reader {
            history: self,
            commit,
            tenant,
        };
        let tree = self.git.tree(folder)?;
        let text = |name: &str| match tree.get(name) {
            Some(entry) => reader.text(name, entry.id).map(Some),
            None => Ok(None),
        };
        let own = text(stored::SNAPSHOT)?;
        let own = own.ok_or_else(|| reader.wrong(stored::SNAPSHOT, "it is missing".to_owned()))?;
        let mut snapshot =
            stored::read_snapshot(&own).map_err(|reason| reader.wrong(stored::SNAPSHOT, reason))?;
        let source = snapshot.source;
        snapshot.source = SourceKind::History;
        snapshot.origin = format!("{}:{tenant}", super::short(commit));
        if let Some(domains) =
            text(stored::ACCEPTED_DOMAINS)?.filter(|_| snapshot.has(Part::AcceptedDomains))
        {
            snapshot.accepted_domains = stored::read_accepted_domains(&domains)
                .map_err(|reason| reader.wrong(stored::ACCEPTED_DOMAINS, reason))?;
        }
        if let Some(blocked) =
            text(stored::BLOCKED_CONNECTORS)?.filter(|_| snapshot.has(Part::BlockedConnectors))
        {
            snapshot.blocked_connectors = stored::read_blocked_connectors(&blocked)
                .map_err(|reason| reader.wrong(stored::BLOCKED_CONNECTORS, reason))?;
        }
        for (name, part) in stored::AROUND {
            if let Some(file) = text(name)?.filter(|_| snapshot.has(part)) {
                let value = stored::read_around(part, &file)
                    .map_err(|reason| reader.wrong(name, reason))?;
                snapshot.around.insert(part, value);
            }
        }
        if let Some(connectors) = tree.get(stored::CONNECTORS) {
            for (name, entry) in self.git.tree(connectors.id)?.named() {
                snapshot.records.push(reader.connector(name, entry.id)?);
            }
        }
        snapshot.sort();
        Ok(State { snapshot, source })
    }

    /// One connector's file, as it was in a commit.
    pub fn connector(
        &self,
        commit: Oid,
        tenant: &str,
        name: &str,
        id: Oid,
    ) -> Result<Record, HistoryError> {
        let reader = Reader {
            history: self,
            commit,
            tenant,
        };
        reader.connector(name, id)
    }

    /// The newest entry, from one on backwards, that read a tenant completely.
    pub fn newest_read(&self, from: Oid, tenant: &str) -> Result<Option<Entry>, HistoryError> {
        let mut next = Some(from);
        while let Some(id) = next {
            let entry = super::recent(&self.entries, id, || self.entry(id))?;
            if entry.run.read.names(tenant) && self.folder_of(entry.commit.tree, tenant)?.is_some()
            {
                return Ok(Some(entry));
            }
            next = entry.parent();
        }
        Ok(None)
    }
}

/// Reads files of one tenant in one commit, for messages that name them.
struct Reader<'a> {
    history: &'a History,
    commit: Oid,
    tenant: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, name: &str, reason: String) -> HistoryError {
        HistoryError::Malformed {
            commit: self.commit,
            path: format!("{}/{name}", self.tenant),
            reason,
        }
    }

    fn text(&self, name: &str, id: Oid) -> Result<String, HistoryError> {
        String::from_utf8(self.history.git.blob(id)?)
            .map_err(|_| self.wrong(name, "it is not UTF-8".to_owned()))
    }

    fn connector(&self, name: &str, id: Oid) -> Result<Record, HistoryError> {
        let inside = format!("{}/{name}", stored::CONNECTORS);
        let path = format!("{}/{inside}", self.tenant);
        let text = self.text(&inside, id)?;
        stored::read_connector(&path, &text).map_err(|reason| self.wrong(&inside, reason))
    }
}
