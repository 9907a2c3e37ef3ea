//! A snapshot as the next version of a tenant's baseline.

use super::{Next, ProposalError, next_header};
use crate::baseline::{Approved, ApprovedConnector};
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::document::edit::{self, Edits, Lines};
use crate::document::yaml::{Content, Key};
use crate::document::{Node, Source};
use crate::drift::pair;
use crate::lists::Lists;
use crate::policy::Rules;
use crate::policy::evaluate::{Outcome, evaluate};
use crate::policy::predicate;
use crate::policy::rule::About;
use crate::snapshot::{Organization, Part, Snapshot};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::ops::Range;

/// What a baseline is proposed from.
pub struct Request<'a> {
    /// The baseline's file, for messages.
    pub path: &'a str,
    /// The tenant's local name.
    pub tenant: &'a str,
    /// The organization.
    pub organization: &'a Organization,
    /// What is there now, all of it to be approved.
    pub snapshot: &'a Snapshot,
    /// The file as it is, whose comments and order are kept.
    pub existing: Option<&'a str>,
    /// Version and dates.
    pub next: Next,
    /// Who answers for connectors that are new; `None` leaves it to be filled in.
    pub owner: Option<&'a str>,
    /// Why they exist; `None` leaves it to be filled in.
    pub reason: Option<&'a str>,
    /// The rules whose violations get an acceptance to be filled in; none where that is not wanted.
    pub rules: Option<&'a Rules>,
    /// Lists that the policy shares with all tenants.
    pub lists: Option<&'a Lists>,
    /// When those acceptances end.
    pub accept_until: Timestamp,
}

/// A baseline that nobody has signed yet.
#[derive(Debug)]
pub struct Proposal {
    /// The file's text.
    pub text: String,
    /// What a person has to fill in before it can be signed.
    pub missing: Vec<String>,
}

/// Writes the next version of a baseline.
pub fn propose(request: &Request<'_>) -> Result<Proposal, ProposalError> {
    complete(request.snapshot)?;
    let text = match request.existing {
        None => afresh(request),
        Some(text) => in_place(request, text)?,
    };
    let text = with_acceptances(request, text)?;
    means_what_was_meant(request, &text)?;
    let missing = missing(request, &text);
    Ok(Proposal { text, missing })
}

/// Only what was read completely can be approved.
fn complete(snapshot: &Snapshot) -> Result<(), ProposalError> {
    if !snapshot.has(Part::InboundConnectors) {
        return Err(ProposalError::Incomplete(format!(
            "the connectors were not read completely ({}), so what is left out would be approved as absent",
            snapshot.completeness(Part::InboundConnectors).words()
        )));
    }
    let mut gaps = Vec::new();
    for connector in snapshot.connectors() {
        let unknown: Vec<&str> = Property::settings()
            .filter(|property| connector.setting(*property).is_none())
            .map(Property::name)
            .collect();
        if !unknown.is_empty() {
            gaps.push(format!("{:?} lacks {}", connector.name, unknown.join(", ")));
        }
        if let Some(malformed) = malformed(connector) {
            gaps.push(format!(
                "{:?} holds {malformed}, which no baseline can approve",
                connector.name
            ));
        }
    }
    if gaps.is_empty() {
        Ok(())
    } else {
        Err(ProposalError::Incomplete(format!(
            "the snapshot does not show every setting: {}",
            gaps.join("; ")
        )))
    }
}

/// An element of a list that is no address or no domain: a baseline lists well-formed ones only.
fn malformed(connector: &Connector) -> Option<String> {
    connector.settings.iter().find_map(|(property, value)| {
        let element = match value {
            Value::Addresses(set) => set.malformed().next().map(str::to_owned),
            Value::Domains(set) => set.malformed().next().map(str::to_owned),
            _ => None,
        }?;
        Some(format!("{element:?} in {}", property.name()))
    })
}

fn afresh(request: &Request<'_>) -> String {
    let organization = request.organization;
    let field = |value: &Option<String>| edit::scalar(value.as_deref().unwrap_or_default());
    let mut text = format!(
        "# The inbound connectors that are approved for {}.\n\
         # A change counts once enough people have signed it: connguard baseline sign {}\n\
         apiVersion: connguard/v1\nkind: Baseline\ntenant: {}\norganization: {{ tenant_id: {}, domain: {} }}\n{}",
        request.tenant,
        request.tenant,
        request.tenant,
        field(&organization.tenant_id),
        field(&organization.domain),
        request.next.lines(),
    );
    if let Some(domains) = accepted_domains(request.snapshot) {
        text += &format!("accepted_domains: {}\n", edit::list(&domains, 0));
    }
    text += &connectors(request, &request.snapshot.connectors().collect::<Vec<_>>());
    text
}

fn accepted_domains(snapshot: &Snapshot) -> Option<Vec<String>> {
    snapshot.has(Part::AcceptedDomains).then(|| {
        snapshot
            .accepted_domains
            .iter()
            .map(|accepted| edit::scalar(accepted.domain.as_str()))
            .collect()
    })
}

/// `connectors:` with these entries, or none.
fn connectors(request: &Request<'_>, list: &[&Connector]) -> String {
    if list.is_empty() {
        return "connectors: []\n".to_owned();
    }
    let entries: String = list
        .iter()
        .map(|connector| entry(request, connector, 2))
        .collect();
    format!("connectors:\n{entries}")
}

/// One connector as a baseline lists it.
fn entry(request: &Request<'_>, connector: &Connector, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut text = format!("{pad}- name: {}\n", edit::scalar(&connector.name));
    if let Some(id) = connector.id() {
        text += &format!("{pad}  id: {id}\n");
    }
    text += &format!(
        "{pad}  owner: {}\n",
        edit::scalar(request.owner.unwrap_or_default())
    );
    text += &format!(
        "{pad}  reason: {}\n",
        edit::scalar(request.reason.unwrap_or_default())
    );
    text += &format!("{pad}  settings:\n");
    for property in Property::settings() {
        text += &setting_line(connector, property, indent + 4).unwrap_or_default();
    }
    text
}

/// A setting's line; `None` for lists and texts that are empty, as leaving them out approves just that.
fn setting_line(connector: &Connector, property: Property, indent: usize) -> Option<String> {
    let value = connector.setting(property)?;
    if value.is_empty() && !property.kind().must_be_present() {
        return None;
    }
    Some(format!(
        "{}{}: {}\n",
        " ".repeat(indent),
        property.name(),
        edit::value(&value.to_json(), indent)
    ))
}

/// The entries of a mapping.
fn map(node: &Node) -> &[(Key, Node)] {
    match &node.content {
        Content::Map(entries) => entries,
        _ => &[],
    }
}

fn field<'n>(node: &'n Node, name: &str) -> Option<(usize, &'n Key, &'n Node)> {
    let entries = map(node).iter().enumerate();
    entries
        .filter(|(_, (key, _))| key.name == name)
        .map(|(index, (key, node))| (index, key, node))
        .next()
}

/// Where the entry behind this one begins, or where the mapping ends.
fn next_start(entries: &[(Key, Node)], index: usize, end: usize) -> usize {
    entries
        .get(index + 1)
        .map_or(end, |(key, _)| key.span.start)
}

/// Changes the file as it is.
fn in_place(request: &Request<'_>, text: &str) -> Result<String, ProposalError> {
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

/// Adds an acceptance to be filled in for every flaw that approval does not settle.
fn with_acceptances(request: &Request<'_>, text: String) -> Result<String, ProposalError> {
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

/// The text with something in every place that a person has to fill in, so that it can be read.
pub fn filled_in(text: &str) -> String {
    text.replace("owner: \"\"\n", "owner: (to be filled in)\n")
        .replace("reason: \"\"\n", "reason: (to be filled in)\n")
}

/// Reads the text again: it must approve exactly the snapshot.
fn means_what_was_meant(request: &Request<'_>, text: &str) -> Result<(), ProposalError> {
    let filled = filled_in(text);
    let wrong = |what: String| Err(ProposalError::NotInPlace(what));
    let approved = match Approved::parse(Source {
        path: request.path,
        text: &filled,
    }) {
        Ok(approved) => approved,
        Err(problems) => return wrong(problems.to_string()),
    };
    let header = &approved.header;
    let next = Next {
        version: header.version,
        previous: header.previous,
        issued: header.issued,
        expires: header.expires,
    };
    if next != request.next || approved.connectors.len() != request.snapshot.records.len() {
        return wrong("the result says something else than was meant".to_owned());
    }
    for connector in request.snapshot.connectors() {
        let own = approved.connectors.iter().find(|approved| {
            approved.id.as_ref() == connector.id() && approved.name == connector.name
        });
        let same = own.is_some_and(|approved| {
            Property::settings()
                .all(|property| approved.setting(property) == connector.setting(property))
        });
        if !same {
            return wrong(format!(
                "{:?} would not be approved as it is",
                connector.name
            ));
        }
    }
    Ok(())
}

/// What is still to be filled in.
fn missing(request: &Request<'_>, text: &str) -> Vec<String> {
    let source = Source {
        path: request.path,
        text,
    };
    match Approved::parse(source) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| {
                let line = problem.excerpt.as_ref().map(|excerpt| excerpt.line.trim());
                format!("{} {}", problem.place(), line.unwrap_or(&problem.message))
            })
            .collect(),
    }
}
