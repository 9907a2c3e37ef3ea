//! An acceptance to be filled in for every flaw that approval does not settle.

use super::super::ProposalError;
use super::{Request, field, filled_in, map, next_start};
use crate::baseline::Approved;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::document::edit::{self, Edits, Lines};
use crate::document::yaml::Content;
use crate::document::{Node, Source};
use crate::policy::evaluate::{Outcome, evaluate};
use crate::policy::predicate;
use crate::policy::rule::About;
use crate::snapshot::Part;
use std::collections::BTreeSet;

/// Adds an acceptance to be filled in for every flaw that approval does not settle.
pub(super) fn with_acceptances(
    request: &Request<'_>,
    text: String,
) -> Result<String, ProposalError> {
    let Some(rules) = request.rules else {
        return Ok(text);
    };
    let parsed = Approved::parse(Source {
        path: request.path,
        text: &filled_in(&text),
    });
    let own = parsed.map(|approved| approved.lists).unwrap_or_default();
    let lists = request
        .lists
        .map_or_else(|| own.clone(), |shared| shared.replaced_by(&own));
    let accepted = request
        .existing
        .and_then(|text| {
            Approved::parse(Source {
                path: request.path,
                text: &filled_in(text),
            })
            .ok()
        })
        .map(|approved| approved.acceptances)
        .unwrap_or_default();
    let all: Vec<&Connector> = request.snapshot.connectors().collect();
    let mut entries = String::new();
    for connector in &all {
        let others: Vec<&Connector> = all
            .iter()
            .filter(|other| !std::ptr::eq(**other, *connector))
            .copied()
            .collect();
        let subject = predicate::Subject {
            connector,
            others: &others,
            lists: &lists,
            accepted_domains: request
                .snapshot
                .has(Part::AcceptedDomains)
                .then_some(request.snapshot.accepted_domains.as_slice()),
        };
        for rule in rules.iter().filter(|rule| {
            rule.about == About::Flaw && rules.severity(rule, request.tenant).is_some()
        }) {
            let Outcome::Failed(offences) = evaluate(rule, request.tenant, &subject) else {
                continue;
            };
            let known = accepted.iter().any(|old| {
                old.rule == rule.id
                    && (connector.has_id(&old.connector) || old.connector == connector.name)
            });
            if known {
                continue;
            }
            for offence in offences {
                entries += &acceptance(
                    request,
                    &rule.id,
                    connector,
                    offence.property,
                    &rule.properties,
                );
            }
        }
    }
    if entries.is_empty() {
        return Ok(text);
    }
    let source = Source {
        path: request.path,
        text: &text,
    };
    let document = Node::parse(source).map_err(crate::document::Problems::from)?;
    let mut edits = Edits::default();
    match field(&document, "acceptances") {
        None => edits.replace(text.len()..text.len(), format!("acceptances:\n{entries}")),
        Some((index, key, node)) => {
            let block = Lines::of(&text).block(
                key.span.start,
                next_start(map(&document), index, text.len()),
            );
            match &node.content {
                Content::List(items)
                    if !items.is_empty()
                        && !text
                            .get(node.span.clone())
                            .is_some_and(|text| text.starts_with('[')) =>
                {
                    edits.replace(block.end..block.end, entries);
                }
                Content::List(items) if items.is_empty() => {
                    edits.replace(block, format!("acceptances:\n{entries}"))
                }
                _ => {
                    return Err(ProposalError::NotInPlace(
                        "`acceptances` is written in one line".to_owned(),
                    ));
                }
            }
        }
    }
    edits
        .apply(&text)
        .ok_or_else(|| ProposalError::NotInPlace("two changes are about the same line".to_owned()))
}

fn acceptance(
    request: &Request<'_>,
    rule: &str,
    connector: &Connector,
    property: Option<Property>,
    properties: &BTreeSet<Property>,
) -> String {
    let json = |property: Property| {
        let value = connector.setting(property).map(|value| value.to_json());
        edit::value(&value.unwrap_or_default(), 6)
    };
    let name = connector
        .id()
        .map_or(connector.name.as_str(), String::as_str);
    let what = match property {
        Some(property) => format!(
            "    property: {}\n    value: {}\n",
            property.name(),
            json(property)
        ),
        None => {
            let values: String = properties
                .iter()
                .map(|property| format!("      {}: {}\n", property.name(), json(*property)))
                .collect();
            format!("    value:\n{values}")
        }
    };
    format!(
        "  # to be filled in, or taken out: then it stays a finding\n  - rule: {rule}\n    connector: {}\n{what}    owner: \"\"\n    reason: \"\"\n    expires: {}\n",
        edit::scalar(name),
        request.accept_until
    )
}
