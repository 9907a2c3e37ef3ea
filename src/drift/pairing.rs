//! Which approved connector is which record.
//!
//! By id first; then by name, once for connectors that have no id to go by, and
//! once for those whose ids are new: deleted and made again. Two connectors of
//! one name are never merged: each record and each approved connector is paired once.

use crate::baseline::ApprovedConnector;
use crate::caseless;
use crate::snapshot::Record;
use std::collections::HashMap;

/// The approved connector that a record is.
pub struct Pairing<'a> {
    /// The approved connector.
    pub approved: &'a ApprovedConnector,
    /// Whether it is another object under the old name.
    pub recreated: bool,
}

/// All pairs.
pub struct Pairs<'a> {
    /// For each record, by position.
    pub of_records: Vec<Option<Pairing<'a>>>,
    /// Approved connectors without a record.
    pub missing: Vec<&'a ApprovedConnector>,
}

/// Pairs approved connectors with records.
pub fn pair<'a>(approved: &'a [ApprovedConnector], records: &[Record]) -> Pairs<'a> {
    let mut of_records: Vec<Option<Pairing<'a>>> = records.iter().map(|_| None).collect();
    let mut left: Vec<&ApprovedConnector> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    // ExchangeObjectIds in a second pass, so that they win over another record's equal Guid.
    for id_of in [
        |record: &Record| record.connector.guid.clone(),
        |record: &Record| record.connector.exchange_object_id.clone(),
    ] {
        for (index, record) in records.iter().enumerate() {
            by_id.extend(id_of(record).map(|id| (id, index)));
        }
    }
    for connector in approved {
        let found = connector
            .id
            .as_deref()
            .and_then(|id| by_id.get(id))
            .and_then(|&index| of_records.get_mut(index))
            .filter(|slot| slot.is_none());
        match found {
            Some(slot) => {
                *slot = Some(Pairing {
                    approved: connector,
                    recreated: false,
                })
            }
            None => left.push(connector),
        }
    }
    let missing = left
        .into_iter()
        .filter(|connector| !pair_by_name(connector, records, &mut of_records))
        .collect();
    Pairs {
        of_records,
        missing,
    }
}

fn pair_by_name<'a>(
    connector: &'a ApprovedConnector,
    records: &[Record],
    of_records: &mut [Option<Pairing<'a>>],
) -> bool {
    let free = records.iter().zip(of_records).find(|(record, slot)| {
        slot.is_none() && caseless::same(&record.connector.name, &connector.name)
    });
    let Some((record, slot)) = free else {
        return false;
    };
    let recreated = connector.id.is_some() && record.connector.id().is_some();
    *slot = Some(Pairing {
        approved: connector,
        recreated,
    });
    true
}
