//! From the nodes of a baseline to its content.

use super::{Acceptance, Approved, ApprovedConnector, ExpectedChange};
use crate::caseless;
use crate::connector::domain::Domain;
use crate::connector::property::{Kind, Property};
use crate::connector::value::{Raw, Value};
use crate::connector::{Connector, Guid, parse_guid};
use crate::document::reader::nearest;
use crate::document::yaml::{Content, Key};
use crate::document::{Node, Reader};
use crate::finding::Location;
use crate::lists::Lists;
use crate::snapshot::Organization;
use crate::trust::Header;
use std::collections::{BTreeMap, HashMap};

/// Reads the whole document.
pub fn approved(reader: &Reader<'_>, node: &Node) -> Option<Approved> {
    let mut fields = reader.fields(node, "a baseline")?;
    let header = Header::read(reader, &mut fields, "Baseline");
    let tenant = fields.required("tenant").and_then(|node| reader.text(node));
    let organization = fields
        .required("organization")
        .and_then(|node| organization(reader, node));
    let accepted_node = fields.optional("accepted_domains");
    let accepted_domains = accepted_node.and_then(|node| reader.list(node, domain));
    let lists = fields
        .optional("lists")
        .map_or_else(|| Some(Lists::default()), |node| Lists::read(reader, node));
    let connectors_node = fields.required("connectors");
    let connectors = connectors_node.and_then(|node| reader.list(node, connector));
    let acceptances = fields
        .optional("acceptances")
        .map_or_else(|| Some(Vec::new()), |node| reader.list(node, acceptance));
    fields.finish();
    if let (Some(node), Some(connectors)) = (connectors_node, &connectors) {
        distinct(reader, node, connectors);
    }
    let at = |node: Option<&Node>| reader.location(node.map_or((1, 1), |node| node.place));
    Some(Approved {
        header: header?,
        tenant: tenant?,
        organization: organization?,
        accepted_domains,
        accepted_domains_at: at(accepted_node.or(connectors_node)),
        lists: lists?,
        connectors: connectors?,
        connectors_at: at(connectors_node),
        acceptances: acceptances?,
    })
}

/// Reads `organization: { tenant_id, domain }`, both of which must be there.
pub fn organization(reader: &Reader<'_>, node: &Node) -> Option<Organization> {
    let mut fields = reader.fields(node, "an organization")?;
    let tenant_id = fields
        .required("tenant_id")
        .and_then(|node| guid(reader, node));
    let domain = fields
        .required("domain")
        .and_then(|node| domain(reader, node));
    fields.finish();
    Some(Organization {
        tenant_id: Some(tenant_id?),
        domain: Some(domain?.to_string()),
    })
}

fn guid(reader: &Reader<'_>, node: &Node) -> Option<Guid> {
    let text = reader.text(node)?;
    parse_guid(&text).or_else(|| {
        reader.expected(
            node,
            "a GUID",
            "write it like 0f3c8a1e-0000-4000-8000-000000000001",
        )
    })
}

fn domain(reader: &Reader<'_>, node: &Node) -> Option<Domain> {
    let text = reader.text(node)?;
    Domain::parse(&text).or_else(|| {
        reader.expected(
            node,
            "a domain name",
            "write it like contoso.com, without a wildcard",
        )
    })
}

/// Names and ids must tell connectors apart; the service compares names without case.
fn distinct(reader: &Reader<'_>, list: &Node, connectors: &[ApprovedConnector]) {
    let Some(items) = reader.items(list) else {
        return;
    };
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (item, connector) in items.iter().zip(connectors) {
        let keys = [
            Some(format!("the name {:?}", caseless::lower(&connector.name))),
            connector.id.as_ref().map(|id| format!("the id {id}")),
        ];
        for key in keys.into_iter().flatten() {
            if let Some(earlier) = seen.insert(key.clone(), &connector.name) {
                reader.wrong(
                    item.span.clone(),
                    format!(
                        "two connectors have {key}: {earlier:?} and {:?}",
                        connector.name
                    ),
                    "take one out, or correct it",
                );
            }
        }
    }
}

fn connector(reader: &Reader<'_>, node: &Node) -> Option<ApprovedConnector> {
    let mut fields = reader.fields(node, "an approved connector")?;
    let name = fields.required("name").and_then(|node| reader.text(node));
    let id_node = fields.optional("id");
    let id = id_node.and_then(|node| guid(reader, node));
    let owner = fields.required("owner").and_then(|node| reader.text(node));
    let reason = fields.required("reason").and_then(|node| reader.text(node));
    let settings = fields
        .required("settings")
        .and_then(|node| settings(reader, node));
    let expected_changes = fields.optional("expected_changes").map_or_else(
        || Some(Vec::new()),
        |node| reader.list(node, expected_change),
    );
    fields.finish();
    let (settings, setting_places) = settings?;
    if id_node.is_some() && id.is_none() {
        return None;
    }
    Some(ApprovedConnector {
        name: name?,
        id,
        owner: owner?,
        reason: reason?,
        settings,
        expected_changes: expected_changes?,
        location: reader.location(node.place),
        setting_places,
    })
}

/// A connector that somebody wants: `kind: Connector`, with `name`, perhaps `id`, and every setting.
pub fn proposed_connector(reader: &Reader<'_>, node: &Node) -> Option<(Connector, Location)> {
    let mut fields = reader.fields(node, "a connector")?;
    fields.header("Connector");
    let name = fields.required("name").and_then(|node| reader.text(node));
    let id_node = fields.optional("id");
    let id = id_node.and_then(|node| guid(reader, node));
    let settings = fields
        .required("settings")
        .and_then(|node| settings(reader, node));
    fields.finish();
    if id_node.is_some() && id.is_none() {
        return None;
    }
    let (settings, _) = settings?;
    let connector = Connector {
        name: name?,
        exchange_object_id: id,
        settings,
        ..Connector::default()
    };
    Some((connector, reader.location(node.place)))
}

/// Values, and the line and column of each.
type Settings = (
    BTreeMap<Property, Value>,
    BTreeMap<Property, (usize, usize)>,
);

fn settings(reader: &Reader<'_>, node: &Node) -> Option<Settings> {
    // Every entry is read, whatever is wrong with the ones before it.
    let entries = reader.entries(node, "settings", |reader, key, value| {
        let property = setting_name(reader, key);
        let read = property.and_then(|property| setting(reader, property, value));
        Some((property, read, key.place))
    })?;
    let mut values = BTreeMap::new();
    let mut places = BTreeMap::new();
    let mut sound = true;
    for (_, (property, value, place)) in entries {
        sound &= value.is_some();
        if let Some(property) = property {
            places.insert(property, place);
            values.extend(value.map(|value| (property, value)));
        }
    }
    let missing: Vec<&str> = Property::settings()
        .filter(|property| property.kind().must_be_present() && !places.contains_key(property))
        .map(Property::name)
        .collect();
    if !missing.is_empty() {
        reader.wrong(node.span.clone(), format!("the settings leave out {}", missing.join(", ")), "write every boolean and enumeration; only lists and texts may be left out, which approves them as empty");
        return None;
    }
    sound.then_some((values, places))
}

fn setting_name(reader: &Reader<'_>, key: &Key) -> Option<Property> {
    let found = Property::named(&key.name)
        .filter(|property| property.is_setting() && property.name() == key.name);
    if found.is_none() {
        let help = match nearest(&key.name, Property::settings().map(Property::name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "see `connguard schema baseline` for the settings".to_owned(),
        };
        reader.wrong(
            key.span.clone(),
            format!("connectors have no setting `{}`", key.name),
            help,
        );
    }
    found
}

/// A value that a person approves: unlike a tenant's own, it must be well-formed.
fn setting(reader: &Reader<'_>, property: Property, node: &Node) -> Option<Value> {
    if property.kind().is_list() && !matches!(node.content, Content::List(_) | Content::Null) {
        return reader.expected(
            node,
            property.kind().expected(),
            "write `[a, b]` or `- a` lines",
        );
    }
    let value = match Value::read(property, &Raw::from(node)) {
        Ok(Some(value)) => value,
        Ok(None) => {
            return reader.expected(
                node,
                property.kind().expected(),
                "write the value that is approved",
            );
        }
        Err(error) => {
            reader.wrong(
                node.span.clone(),
                error.message,
                error
                    .help
                    .unwrap_or_else(|| format!("expected {}", property.kind().expected())),
            );
            return None;
        }
    };
    if is_well_formed(&value) {
        return Some(value);
    }
    point_at_malformed(reader, property, node);
    None
}

fn is_well_formed(value: &Value) -> bool {
    match value {
        Value::Addresses(set) => set.malformed().next().is_none(),
        Value::Domains(set) => set.malformed().next().is_none(),
        _ => true,
    }
}

/// Points at each element of a list that is no address or no domain.
fn point_at_malformed(reader: &Reader<'_>, property: Property, node: &Node) {
    let Content::List(items) = &node.content else {
        return;
    };
    let expected = if property.kind() == Kind::Addresses {
        "an IP address, CIDR block or range"
    } else {
        "a domain such as contoso.com, *.contoso.com or *"
    };
    for item in items {
        let Content::Text(text) = &item.content else {
            continue;
        };
        let alone = Value::read(property, &Raw::List(vec![Raw::Text(text.clone())]));
        if alone
            .ok()
            .flatten()
            .is_some_and(|value| !is_well_formed(&value))
        {
            reader.wrong(
                item.span.clone(),
                format!("{text:?} is not {expected}"),
                "correct it, or take it out",
            );
        }
    }
}

/// Reads `property:` and `value:` of a planned change or an acceptance.
fn property_named(reader: &Reader<'_>, node: &Node) -> Option<Property> {
    let name = reader.text(node)?;
    setting_name(
        reader,
        &Key {
            name,
            span: node.span.clone(),
            place: node.place,
        },
    )
}

fn expected_change(reader: &Reader<'_>, node: &Node) -> Option<ExpectedChange> {
    let mut fields = reader.fields(node, "a planned change")?;
    let property = fields
        .required("property")
        .and_then(|node| property_named(reader, node));
    let value = fields.required("value");
    let until = fields.required("until").and_then(|node| reader.time(node));
    let reason = fields.required("reason").and_then(|node| reader.text(node));
    fields.finish();
    let property = property?;
    Some(ExpectedChange {
        property,
        value: setting(reader, property, value?)?,
        until: until?,
        reason: reason?,
    })
}

fn acceptance(reader: &Reader<'_>, node: &Node) -> Option<Acceptance> {
    let mut fields = reader.fields(node, "an acceptance")?;
    let rule = fields.required("rule").and_then(|node| reader.text(node));
    let connector = fields
        .required("connector")
        .and_then(|node| reader.text(node));
    let property = fields.optional("property");
    let value = fields.required("value");
    let owner = fields.required("owner").and_then(|node| reader.text(node));
    let reason = fields.required("reason").and_then(|node| reader.text(node));
    let expires = fields
        .required("expires")
        .and_then(|node| reader.time(node));
    fields.finish();
    if let Some(rule) = rule.as_ref().filter(|rule| rule.starts_with("drift-")) {
        reader.wrong(
            node.span.clone(),
            format!("`{rule}` is drift, which nothing accepts"),
            "approve the value in a new version of the baseline",
        );
    }
    Some(Acceptance {
        rule: rule?,
        connector: connector.map(|connector| parse_guid(&connector).unwrap_or(connector))?,
        values: accepted_values(reader, property, value?)?,
        owner: owner?,
        reason: reason?,
        expires: expires?,
        location: reader.location(node.place),
    })
}

/// One property's value, or, for a rule about several, a mapping of them.
fn accepted_values(
    reader: &Reader<'_>,
    property: Option<&Node>,
    value: &Node,
) -> Option<BTreeMap<Property, Option<Value>>> {
    if let Some(node) = property {
        let property = match reader.text(node)?.as_str() {
            "Name" => Property::Name,
            "IsValid" => Property::IsValid,
            _ => property_named(reader, node)?,
        };
        return Some(BTreeMap::from([(
            property,
            accepted_value(reader, property, value)?,
        )]));
    }
    let entries = reader.entries(
        value,
        "a mapping of properties to values, as no `property` is named",
        |reader, key, value| {
            let property = Property::judged()
                .find(|property| property.name() == key.name)
                .or_else(|| setting_name(reader, key))?;
            Some((property, accepted_value(reader, property, value)?))
        },
    )?;
    Some(entries.into_iter().map(|(_, pair)| pair).collect())
}

fn accepted_value(reader: &Reader<'_>, property: Property, node: &Node) -> Option<Option<Value>> {
    match Value::read(property, &Raw::from(node)) {
        Ok(value) => Some(value),
        Err(error) => {
            reader.wrong(
                node.span.clone(),
                error.message,
                error
                    .help
                    .unwrap_or_else(|| format!("expected {}", property.kind().expected())),
            );
            None
        }
    }
}
