//! A connector as somebody wants it: a record as Exchange writes it, or a document in YAML.

use crate::baseline::proposed_connector;
use crate::document::{Problem, Problems, Reader, Source};
use crate::snapshot::Record;
use crate::source::export;
use crate::source::text;

/// Reads the connectors of a file: JSON in any shape of an export, or YAML of `kind: Connector`.
///
/// # Errors
///
/// Every mistake of the file, with its place.
pub fn read(path: &str, bytes: &[u8]) -> Result<Vec<Record>, Problems> {
    let decoded = text::decode(path, bytes)?;
    let records = if decoded.trim_start().starts_with(['{', '[']) {
        export::read(path, bytes)?.whole()?.records
    } else {
        vec![yaml(Source {
            path,
            text: &decoded,
        })?]
    };
    if records.is_empty() {
        return Err(Problem::of_file(path, "there is no connector in this file")
            .help("write one as Get-InboundConnector | ConvertTo-Json does, or as YAML: see `connguard schema connector`")
            .into());
    }
    Ok(records)
}

fn yaml(source: Source<'_>) -> Result<Record, Problems> {
    let reader = Reader::new(source);
    let record = reader.parse().and_then(|node| {
        let (connector, location) = proposed_connector(&reader, &node)?;
        Some(Record {
            connector,
            location,
        })
    });
    reader.finish(record)
}
