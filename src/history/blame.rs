//! Since when every setting of a connector has had its value, and what it was before.

use super::remark::Attributed;
use super::{Entry, History, HistoryError};
use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::git::Oid;
use crate::snapshot::{Record, stored};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// One setting.
#[derive(Debug)]
pub struct Line {
    /// Exchange's name of the property.
    pub property: Property,
    /// Its value; `None` where it could not be read or is not in the record.
    pub value: Option<Json>,
    /// The run that first saw this value, since when every run saw it.
    pub since: Entry,
    /// What it was in the run before that; `None` where the connector was not there.
    pub before: Option<Option<Json>>,
    /// Who made it so, where that became known.
    pub by: Option<Attributed>,
}

/// A connector's settings.
#[derive(Debug)]
pub struct Blame {
    /// The connector as it is.
    pub record: Record,
    /// Every setting that is not empty or was not always empty, and the name.
    pub lines: Vec<Line>,
    /// The run that first saw the connector, without a break since.
    pub appeared: Entry,
    /// The connector that had its name until then, if it was made again.
    pub recreated_from: Option<String>,
    /// Who made the connector, where that became known.
    pub created_by: Option<Attributed>,
}

impl History {
    /// Blames a connector, by the commits from `tip` backwards.
    pub fn blame(&self, tip: Oid, tenant: &str, connector: &str) -> Result<Blame, HistoryError> {
        let entry = self.entry(tip)?;
        let record = self.connector_named(&entry, tenant, connector)?;
        let name = stored::file_name(&record.connector);
        let mut open = values(&record.connector);
        let mut lines: Vec<Line> = Vec::new();
        let mut at = file(self, entry.commit.tree, tenant, &name)?;
        // The newest run at which everything still open was known to be as it is.
        let mut since = entry;
        let mut tree_seen = since.commit.tree;
        let appeared = loop {
            let Some(parent) = since.parent() else {
                break since;
            };
            let earlier = self.entry(parent)?;
            if earlier.commit.tree == tree_seen {
                since = earlier;
                continue;
            }
            tree_seen = earlier.commit.tree;
            let before = file(self, earlier.commit.tree, tenant, &name)?;
            let Some(id) = before else {
                break since;
            };
            if at != before {
                let was = self.connector(earlier.id, tenant, &name, id)?;
                let was = values(&was.connector);
                open.retain(|property, value| {
                    let earlier_value = was.get(property).cloned().flatten();
                    if was.get(property) == Some(value) {
                        return true;
                    }
                    lines.push(Line {
                        property: *property,
                        value: value.clone(),
                        since: since.clone(),
                        before: Some(earlier_value),
                        by: None,
                    });
                    false
                });
                at = before;
            }
            since = earlier;
        };
        let recreated_from = self.predecessor(&appeared, tenant, &record)?;
        let never_empty =
            |value: &Option<Json>| value.as_ref().is_some_and(|value| !is_empty(value));
        lines.extend(
            open.into_iter()
                .filter(|(_, value)| value.is_none() || never_empty(value))
                .map(|(property, value)| Line {
                    property,
                    value,
                    since: appeared.clone(),
                    before: None,
                    by: None,
                }),
        );
        lines.sort_by_key(|line| line.property);
        let attributed = self.attributed(tip, tenant, record.connector.id())?;
        let of = |commit: Oid, property: &str| {
            let mut own = attributed.iter().filter(|own| own.commit == commit);
            own.find(|own| own.property == property).cloned()
        };
        for line in lines.iter_mut().filter(|line| line.before.is_some()) {
            line.by = of(line.since.id, line.property.name());
        }
        let created_by = of(appeared.id, "*");
        Ok(Blame {
            created_by,
            record,
            lines,
            appeared,
            recreated_from,
        })
    }

    /// Who made changes of a connector, by what was added to the history later; the newest word first.
    fn attributed(
        &self,
        tip: Oid,
        tenant: &str,
        connector: Option<&String>,
    ) -> Result<Vec<Attributed>, HistoryError> {
        let mut found = Vec::new();
        for entry in self.from(tip) {
            let remark = entry?.run.remark.clone();
            let own = |own: &Attributed| own.tenant == tenant && Some(&own.connector) == connector;
            found.extend(remark.attributed.into_iter().filter(own));
        }
        Ok(found)
    }

    /// The connector of an entry with an id or a name.
    pub fn connector_named(
        &self,
        entry: &Entry,
        tenant: &str,
        wanted: &str,
    ) -> Result<Record, HistoryError> {
        let state = self.state(entry, tenant)?.ok_or_else(|| {
            HistoryError::NotFound(format!(
                "the history holds no tenant {tenant:?} at {}",
                super::short(entry.id)
            ))
        })?;
        let id = wanted.to_ascii_lowercase();
        let mut named: Vec<Record> = Vec::new();
        for record in state.snapshot.records {
            if record.connector.has_id(&id) {
                return Ok(record);
            }
            if caseless::same(&record.connector.name, wanted) {
                named.push(record);
            }
        }
        if named.len() > 1 {
            let ids: Vec<&str> = named
                .iter()
                .map(|record| record.connector.id().map_or("no id", String::as_str))
                .collect();
            return Err(HistoryError::NotFound(format!(
                "{wanted:?} is the name of several connectors; name one by its id: {}",
                ids.join(", ")
            )));
        }
        named.pop().ok_or_else(|| {
            HistoryError::NotFound(format!(
                "{tenant:?} has no connector {wanted:?} at {}",
                super::short(entry.id)
            ))
        })
    }

    /// The connector of the same name that was there in the run before another one appeared, and went with it.
    fn predecessor(
        &self,
        appeared: &Entry,
        tenant: &str,
        record: &Record,
    ) -> Result<Option<String>, HistoryError> {
        let Some(parent) = appeared.parent() else {
            return Ok(None);
        };
        let Some(before) = self.state(&self.entry(parent)?, tenant)? else {
            return Ok(None);
        };
        let now = self.state(appeared, tenant)?;
        let still = |was: &Connector| {
            let mut now = now.iter().flat_map(|state| state.snapshot.connectors());
            now.any(|is| is.id() == was.id())
        };
        let mut earlier = before.snapshot.connectors();
        let found =
            earlier.find(|was| caseless::same(&was.name, &record.connector.name) && !still(was));
        Ok(found.and_then(|was| was.id().cloned()))
    }
}

/// The values that are blamed: the name and every setting, `None` where it is unknown.
fn values(connector: &Connector) -> BTreeMap<Property, Option<Json>> {
    std::iter::once(Property::Name)
        .chain(Property::settings())
        .map(|property| {
            let value = connector.setting(property);
            (property, value.map(|value| value.to_json()))
        })
        .collect()
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The object of a connector's file in a commit's tree.
fn file(
    history: &History,
    tree: Oid,
    tenant: &str,
    name: &str,
) -> Result<Option<Oid>, HistoryError> {
    let path = format!("{tenant}/{}/{name}", stored::CONNECTORS);
    let found = history.git.find(tree, &path)?;
    Ok(found.map(|entry| entry.id))
}
