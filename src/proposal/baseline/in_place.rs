//! The next version as changes to the file there is, so that comments and order stay.

use super::super::{ProposalError, next_header};
use super::{
    Request, accepted_domains, connectors, entry, field, filled_in, map, next_start, setting_line,
};
use crate::baseline::{Approved, ApprovedConnector};
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::document::edit::{self, Edits, Lines};
use crate::document::yaml::Content;
use crate::document::{Node, Source};
use crate::drift::pair;
use std::collections::BTreeSet;
use std::ops::Range;

/// Changes the file as it is.
pub(super) fn in_place(request: &Request<'_>, text: &str) -> Result<String, ProposalError> {
    let source = Source {
        path: request.path,
        text,
    };
    let approved = Approved::parse(Source {
        path: request.path,
        text: &filled_in(text),
    })?;
    let document = Node::parse(source).map_err(crate::document::Problems::from)?;
    let mut edits = Edits::default();
    next_header(&mut edits, text, &document, &request.next).map_err(ProposalError::NotInPlace)?;
    let not_in_place = |what: &str| ProposalError::NotInPlace(what.to_owned());
    let lines = Lines::of(text);
    let top = map(&document);
    let (index, key, list) =
        field(&document, "connectors").ok_or_else(|| not_in_place("no connectors"))?;
    let block = lines.block(key.span.start, next_start(top, index, text.len()));
    edit_domains(request, &approved, &document, &mut edits, text, block.start);
    let pairs = pair(&approved.connectors, &request.snapshot.records);
    let records: Vec<&Connector> = request.snapshot.connectors().collect();
    let Content::List(items) = &list.content else {
        return Err(not_in_place("`connectors` is no list"));
    };
    let is_block = text
        .get(list.span.clone())
        .is_some_and(|text| !text.starts_with('['));
    if items.is_empty() || !is_block {
        if !items.is_empty() {
            return Err(not_in_place("`connectors` is written in one line"));
        }
        let kept_open = connectors(request, &records);
        edits.replace(block, kept_open);
    } else {
        let mut new = Vec::new();
        for (connector, pairing) in records.iter().zip(&pairs.of_records) {
            match pairing {
                None => new.push(*connector),
                Some(pairing) => {
                    let position = approved
                        .connectors
                        .iter()
                        .position(|approved| std::ptr::eq(approved, pairing.approved));
                    let item = position
                        .and_then(|position| items.get(position).map(|item| (position, item)));
                    let (position, item) =
                        item.ok_or_else(|| not_in_place("a connector is lost"))?;
                    let end = items
                        .get(position + 1)
                        .map_or(block.end, |item| item.span.start);
                    edit_connector(item, pairing.approved, connector, &mut edits, text, end)
                        .map_err(ProposalError::NotInPlace)?;
                }
            }
        }
        let gone: Vec<usize> = approved
            .connectors
            .iter()
            .enumerate()
            .filter(|(_, connector)| {
                pairs
                    .missing
                    .iter()
                    .any(|missing| std::ptr::eq(*missing, *connector))
            })
            .map(|(index, _)| index)
            .collect();
        if gone.len() == items.len() {
            edits.replace(block, connectors(request, &new));
        } else {
            for index in &gone {
                if let Some(item) = items.get(*index) {
                    let end = items
                        .get(index + 1)
                        .map_or(block.end, |item| item.span.start);
                    edits.replace(lines.block(item.span.start, end), "");
                }
            }
            let indent = items
                .first()
                .map_or(2, |item| lines.indent(item.span.start));
            let entries: String = new
                .iter()
                .map(|connector| entry(request, connector, indent))
                .collect();
            edits.replace(block.end..block.end, entries);
        }
    }
    edits
        .apply(text)
        .ok_or_else(|| not_in_place("two changes are about the same line"))
}

fn edit_domains(
    request: &Request<'_>,
    approved: &Approved,
    document: &Node,
    edits: &mut Edits,
    text: &str,
    connectors_start: usize,
) {
    let Some(domains) = accepted_domains(request.snapshot) else {
        return;
    };
    let now: BTreeSet<_> = request
        .snapshot
        .accepted_domains
        .iter()
        .map(|accepted| &accepted.domain)
        .collect();
    let before: Option<BTreeSet<_>> = approved
        .accepted_domains
        .as_ref()
        .map(|domains| domains.iter().collect());
    if before.as_ref() == Some(&now) {
        return;
    }
    let written = edit::list(&domains, 0);
    match field(document, "accepted_domains") {
        Some((index, key, node)) => {
            let block =
                Lines::of(text).block(key.span.start, next_start(map(document), index, text.len()));
            edits.replace(Lines::of(text).value(key, node, &block), pad(&written));
        }
        None => edits.replace(
            connectors_start..connectors_start,
            format!("accepted_domains: {written}\n"),
        ),
    }
}

/// A value behind `key:`, where that was followed by a line end.
fn pad(value: &str) -> String {
    if value.starts_with('\n') {
        value.to_owned()
    } else {
        format!(" {value}")
    }
}

/// Changes one connector's entry to what is observed.
fn edit_connector(
    item: &Node,
    approved: &ApprovedConnector,
    observed: &Connector,
    edits: &mut Edits,
    text: &str,
    end: usize,
) -> Result<(), String> {
    let lines = Lines::of(text);
    let entries = map(item);
    let missing = |what: &str| format!("{what} of {:?} is not where it should be", approved.name);
    let (name_index, name_key, name) = field(item, "name").ok_or_else(|| missing("`name`"))?;
    if approved.name != observed.name {
        edits.replace(name.span.clone(), edit::scalar(&observed.name));
    }
    if approved.id.as_ref() != observed.id()
        && let Some(id) = observed.id()
    {
        match field(item, "id") {
            Some((_, _, node)) => edits.replace(node.span.clone(), id.clone()),
            None => {
                let line = lines.block(name_key.span.start, next_start(entries, name_index, end));
                let column = name_key.place.1 - 1;
                edits.replace(
                    line.end..line.end,
                    format!("{}id: {id}\n", " ".repeat(column)),
                );
            }
        }
    }
    let (index, key, settings) = field(item, "settings").ok_or_else(|| missing("`settings`"))?;
    let block = lines.block(key.span.start, next_start(entries, index, end));
    edit_settings(settings, approved, observed, edits, text, &block)
}

fn edit_settings(
    settings: &Node,
    approved: &ApprovedConnector,
    observed: &Connector,
    edits: &mut Edits,
    text: &str,
    block: &Range<usize>,
) -> Result<(), String> {
    let lines = Lines::of(text);
    let entries = map(settings);
    if text
        .get(settings.span.clone())
        .is_some_and(|text| text.starts_with('{'))
    {
        return Err(format!(
            "the settings of {:?} stand in one line",
            approved.name
        ));
    }
    let indent = entries.first().map_or(6, |(key, _)| key.place.1 - 1);
    for property in Property::settings() {
        let now = observed.setting(property);
        if approved.setting(property) == now {
            continue;
        }
        match field(settings, property.name()) {
            Some((index, key, node)) => {
                let own = lines.block(key.span.start, next_start(entries, index, block.end));
                let value = now.map_or(serde_json::Value::Null, |value| value.to_json());
                let range = lines.value(key, node, &own);
                let written = edit::value(&value, indent);
                let follows_key = text
                    .get(..range.start)
                    .is_some_and(|before| before.ends_with(':'));
                edits.replace(range, if follows_key { pad(&written) } else { written });
            }
            None => {
                if let Some(line) = setting_line(observed, property, indent) {
                    edits.replace(block.end..block.end, line);
                }
            }
        }
    }
    Ok(())
}
