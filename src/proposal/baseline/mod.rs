//! A snapshot as the next version of a tenant's baseline.

mod acceptances;
mod in_place;

use acceptances::with_acceptances;
use in_place::in_place;

use super::{Next, ProposalError};
use crate::baseline::Approved;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::document::edit::{self};
use crate::document::yaml::{Content, Key};
use crate::document::{Node, Source};
use crate::lists::Lists;
use crate::policy::Rules;
use crate::snapshot::{Organization, Part, Snapshot};
use jiff::Timestamp;
use std::collections::BTreeSet;

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
    /// Whether a first baseline names the addresses and certificates in use as lists, for rules to go by from then on.
    pub lists_in_use: bool,
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
    if request.lists_in_use {
        text += &lists_in_use(request.snapshot);
    }
    text += &connectors(request, &request.snapshot.connectors().collect::<Vec<_>>());
    text
}

/// The relays' addresses and everybody's certificates as lists: rules judge every later change by what was approved once.
fn lists_in_use(snapshot: &Snapshot) -> String {
    let of = |property: Property, everywhere: bool| -> BTreeSet<String> {
        snapshot
            .connectors()
            .filter(|connector| {
                everywhere || connector.connector_type() == Some(ConnectorType::OnPremises)
            })
            .filter_map(|connector| connector.setting(property))
            .flat_map(|value| value.elements())
            .collect()
    };
    let lists: String = [
        ("relays", of(Property::SenderIPAddresses, false)),
        ("certificates", of(Property::TlsSenderCertificateName, true)),
    ]
    .into_iter()
    .filter(|(_, entries)| !entries.is_empty())
    .map(|(name, entries)| {
        let entries: Vec<String> = entries.iter().map(|entry| edit::scalar(entry)).collect();
        format!("  {name}: {}\n", edit::list(&entries, 2))
    })
    .collect();
    if lists.is_empty() {
        return lists;
    }
    format!(
        "# What is in use now. Take out what should not be: rules then find it.\nlists:\n{lists}"
    )
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
