//! What every run found: the changes between one snapshot and the next.

use super::change::{Difference, Kind, between};
use super::{Entry, History, HistoryError, place};
use crate::caseless;
use crate::git::{FOLDER, Oid, Tree, differing};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Which runs and changes are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these tenants; none means all.
    pub tenants: Vec<String>,
    /// Only the connectors with one of these ids or names; see [`History::ids_of`].
    pub connectors: Option<BTreeSet<String>>,
    /// Only this property.
    pub property: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Runs that found nothing new, too.
    pub heartbeats: bool,
}

/// What one run changed.
#[derive(Debug)]
pub struct Changes {
    /// The run.
    pub entry: Entry,
    /// By tenant.
    pub tenants: BTreeMap<String, Vec<Difference>>,
    /// The signed documents that are other ones than before, by their places.
    pub documents: Vec<String>,
}

impl Changes {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.documents.is_empty()
    }
}

impl Filter {
    fn wants_tenant(&self, tenant: &str) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|own| own == tenant)
    }

    fn wants_all(&self) -> bool {
        self.connectors.is_none() && self.property.is_none()
    }

    fn wants(&self, difference: &Difference) -> bool {
        let connector = self
            .connectors
            .as_ref()
            .is_none_or(|wanted| difference.is_about(wanted));
        let whole = matches!(
            difference.kind,
            Kind::Added | Kind::Removed | Kind::Recreated
        );
        let property = self.property.as_deref().is_none_or(|wanted| {
            whole
                || difference
                    .property
                    .as_deref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(wanted))
        });
        connector && property
    }
}

impl Difference {
    /// Whether it is about a connector with one of these ids or names, without case.
    fn is_about(&self, wanted: &BTreeSet<String>) -> bool {
        let Some(named) = &self.connector else {
            return false;
        };
        let before = (self.kind == Kind::Renamed)
            .then_some(self.before.as_ref())
            .flatten();
        let before = before.and_then(|name| name.as_str());
        let names = [named.id.as_deref(), Some(named.name.as_str()), before];
        names
            .into_iter()
            .flatten()
            .any(|name| wanted.contains(&caseless::lower(name)))
    }
}

impl History {
    /// The id or name that is asked for, with the ids of all connectors that ever bore that name:
    /// a connector stays the same one under another name.
    pub fn ids_of(&self, tip: Oid, wanted: &str) -> Result<BTreeSet<String>, HistoryError> {
        let mut found = BTreeSet::from([caseless::lower(wanted)]);
        let filter = Filter {
            connectors: Some(found.clone()),
            ..Filter::default()
        };
        for changes in self.log(tip, &filter) {
            let differences = changes?.tenants.into_values().flatten();
            let named = differences.filter_map(|difference| difference.connector);
            found.extend(named.filter_map(|named| named.id));
        }
        Ok(found)
    }

    /// The runs from `tip` backwards that suit, newest first, each with what it changed.
    pub fn log<'h>(
        &'h self,
        tip: Oid,
        filter: &'h Filter,
    ) -> impl Iterator<Item = Result<Changes, HistoryError>> + 'h {
        self.from(tip)
            .filter(|entry| {
                let early =
                    |entry: &Entry| filter.until.is_none_or(|until| entry.run.taken_at <= until);
                entry.as_ref().map_or(true, early)
            })
            .take_while(|entry| {
                let late =
                    |entry: &Entry| filter.since.is_none_or(|since| entry.run.taken_at >= since);
                entry.as_ref().map_or(true, late)
            })
            .map(|entry| entry.and_then(|entry| self.changes(entry, filter)))
            .filter(|changes| {
                let shown = |changes: &Changes| {
                    // How what connguard did itself ended is worth a line; its steps are with the heartbeats.
                    let act = changes
                        .entry
                        .run
                        .act
                        .as_ref()
                        .filter(|act| act.state.is_an_end());
                    filter.heartbeats
                        || !changes.is_empty()
                        || filter.wants_all()
                            && act.is_some_and(|act| filter.wants_tenant(&act.tenant))
                };
                changes.as_ref().map_or(true, shown)
            })
    }

    /// What a run changed against the one before.
    pub fn changes(&self, entry: Entry, filter: &Filter) -> Result<Changes, HistoryError> {
        let before = match entry.parent() {
            Some(parent) => Some(self.git.commit(parent)?.tree),
            None => None,
        };
        let mut changes = self.between_trees(before, entry.commit.tree, entry.id, filter)?;
        let tenants = std::mem::take(&mut changes.0);
        Ok(Changes {
            entry,
            tenants,
            documents: changes.1,
        })
    }

    /// What two runs, of which one need not follow the other, found differently.
    pub fn diff(
        &self,
        before: &Entry,
        after: Entry,
        filter: &Filter,
    ) -> Result<Changes, HistoryError> {
        let (tenants, documents) = self.between_trees(
            Some(before.commit.tree),
            after.commit.tree,
            after.id,
            filter,
        )?;
        Ok(Changes {
            entry: after,
            tenants,
            documents,
        })
    }

    #[allow(clippy::type_complexity, reason = "the two halves of `Changes`")]
    fn between_trees(
        &self,
        before: Option<Oid>,
        after: Oid,
        commit: Oid,
        filter: &Filter,
    ) -> Result<(BTreeMap<String, Vec<Difference>>, Vec<String>), HistoryError> {
        let mut tenants = BTreeMap::new();
        let mut documents = Vec::new();
        if before == Some(after) {
            return Ok((tenants, documents));
        }
        let old = before.map_or_else(|| Ok(Tree::empty()), |tree| self.git.tree(tree))?;
        let new = self.git.tree(after)?;
        for (name, was, is) in whole(differing(&old, &new), commit)? {
            let name = String::from_utf8_lossy(name).into_owned();
            let id = |entry: Option<crate::git::Entry>| entry.map(|entry| entry.id);
            let (was, is) = (id(was), id(is));
            if name == place::DOCUMENTS {
                self.files((was, is), "", commit, &mut documents)?;
                continue;
            }
            if !filter.wants_tenant(&name) {
                continue;
            }
            let state = |folder: Option<Oid>| match folder {
                Some(folder) => self.state_in(commit, &name, folder).map(Some),
                None => Ok(None),
            };
            let (before, after) = (state(was)?, state(is)?);
            if let Some(after) = after {
                let mut found = between(
                    before.as_ref().map(|state| &state.snapshot),
                    &after.snapshot,
                );
                found.retain(|difference| filter.wants(difference));
                if !found.is_empty() {
                    tenants.insert(name.clone(), found);
                }
            }
            let baseline = |folder: Option<Oid>| -> Result<_, HistoryError> {
                Ok(match folder {
                    Some(folder) => self.git.tree(folder)?.get(place::BASELINE),
                    None => None,
                })
            };
            if baseline(was)? != baseline(is)? {
                documents.push(format!("{name}/{}", place::BASELINE));
            }
        }
        if !filter.wants_all() {
            documents.clear();
        }
        documents.retain(|path| {
            path.split_once('/').is_none_or(|(tenant, _)| {
                filter.wants_tenant(tenant) || !crate::tenant::is_tenant_name(tenant)
            })
        });
        Ok((tenants, documents))
    }

    /// The documents, but for their signatures, that differ below two folders.
    fn files(
        &self,
        (before, after): (Option<Oid>, Option<Oid>),
        path: &str,
        commit: Oid,
        found: &mut Vec<String>,
    ) -> Result<(), HistoryError> {
        let tree = |id: Option<Oid>| id.map_or_else(|| Ok(Tree::empty()), |id| self.git.tree(id));
        let (old, new) = (tree(before)?, tree(after)?);
        for (name, was, entry) in whole(differing(&old, &new), commit)? {
            let name = String::from_utf8_lossy(name);
            let Some(entry) = entry else {
                continue;
            };
            let inside = if path.is_empty() {
                name.clone().into_owned()
            } else {
                format!("{path}/{name}")
            };
            // Deeper than any document: shown as one thing.
            if entry.mode == FOLDER && inside.matches('/').count() < 8 {
                let was = was.filter(|was| was.mode == FOLDER).map(|was| was.id);
                self.files((was, Some(entry.id)), &inside, commit, found)?;
            } else if !name.ends_with(".sig") {
                found.push(inside);
            }
        }
        Ok(())
    }
}

/// What differs, of folders that git can read to their ends.
fn whole<T>(differing: Option<T>, commit: Oid) -> Result<T, HistoryError> {
    differing.ok_or_else(|| HistoryError::Foreign {
        commit,
        reason: "a folder in it is none that git reads".to_owned(),
    })
}
