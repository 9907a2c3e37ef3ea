//! One rule: what must hold, why, how to mend it, and examples that prove that it works.

use super::predicate::values::value_of;
use super::predicate::{Check, Predicate, Subject};
use crate::connector::property::Property;
use crate::connector::value::{Raw, Value};
use crate::connector::{Connector, Metadata, domain::Domain};
use crate::digest::Digest;
use crate::document::{Node, Problems, Reader, Source};
use crate::finding::{Location, Severity};
use crate::lists::Lists;
use crate::snapshot::AcceptedDomain;
use crate::tenant::matches_pattern;
use std::collections::{BTreeMap, BTreeSet};

/// Whether approving a value settles a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Something an organization may choose: quiet where the verified baseline approves exactly that value.
    Choice,
    /// Something that is wrong whoever approves it; only an acceptance tolerates it.
    Flaw,
}

/// A rule, as its file says.
#[derive(Debug)]
pub struct Rule {
    /// Its id: file name, SARIF `ruleId`, heading in the documentation. Never reused.
    pub id: String,
    /// One line.
    pub title: String,
    /// How bad a violation is, before overrides.
    pub severity: Severity,
    /// Whether approval settles it.
    pub about: About,
    /// The revision of the catalogue that brought it.
    pub since: u64,
    /// Which connectors it is about.
    pub applies_to: AppliesTo,
    /// What must hold.
    pub check: Predicate,
    /// Why it matters.
    pub why: String,
    /// How to mend a violation.
    pub fix: String,
    /// Links.
    pub references: Vec<String>,
    /// Cases that must fire and cases that must not.
    pub examples: Examples,
    /// Digest of the file.
    pub digest: Digest,
    /// The named lists that the check refers to.
    pub lists: BTreeSet<String>,
    /// The properties that the check looks at.
    pub properties: BTreeSet<Property>,
    /// Where `check:` is written.
    pub location: Location,
    /// Whether it is compiled in.
    pub from_catalogue: bool,
}

/// Which connectors a rule is about.
#[derive(Debug, Default)]
pub struct AppliesTo {
    /// Settings that must be equal.
    pub settings: Vec<(Property, Value)>,
    /// Patterns of tenant names; none means every tenant.
    pub tenants: Vec<String>,
}

impl AppliesTo {
    /// Whether the rule is about the connector; `None` when a setting that decides it is unknown.
    pub fn covers(&self, connector: &Connector) -> Option<bool> {
        let mut all_known = true;
        for (property, wanted) in &self.settings {
            match connector.setting(*property) {
                Some(value) if *value == *wanted => {}
                Some(_) => return Some(false),
                None => all_known = false,
            }
        }
        all_known.then_some(true)
    }

    /// Whether the rule is about the tenant.
    pub fn covers_tenant(&self, tenant: &str) -> bool {
        self.tenants.is_empty()
            || self
                .tenants
                .iter()
                .any(|pattern| matches_pattern(pattern, tenant))
    }
}

/// A rule's examples.
#[derive(Debug, Default)]
pub struct Examples {
    /// Lists that the examples use.
    pub lists: Lists,
    /// Accepted domains that the examples use.
    pub accepted_domains: Option<Vec<AcceptedDomain>>,
    /// Other connectors of the same tenant.
    pub others: Vec<Connector>,
    /// Connectors that must violate the rule.
    pub fires: Vec<Connector>,
    /// Connectors that must not.
    pub quiet: Vec<Connector>,
}

impl Rule {
    /// Reads a rule file; all mistakes at once. `path` must be `…/<id>.yaml`.
    pub fn parse(source: Source<'_>, from_catalogue: bool) -> Result<Self, Problems> {
        let reader = Reader::new(source);
        let rule = reader
            .parse()
            .and_then(|node| read(&reader, &node, from_catalogue));
        reader.finish(rule)
    }

    /// Runs the examples; each text says which one did not do as it should.
    pub fn test(&self) -> Vec<String> {
        let examples = &self.examples;
        let others: Vec<&Connector> = examples.others.iter().collect();
        let mut failures = Vec::new();
        for (kind, list) in [("fires", &examples.fires), ("quiet", &examples.quiet)] {
            for (index, connector) in list.iter().enumerate() {
                let subject = Subject {
                    connector,
                    others: &others,
                    lists: &examples.lists,
                    accepted_domains: examples.accepted_domains.as_deref(),
                };
                let outcome = match self.applies_to.covers(connector) {
                    Some(true) => self.check.check(&subject),
                    _ => Check::Holds,
                };
                let number = index + 1;
                match (kind, outcome) {
                    ("fires", Check::Fails(_)) | ("quiet", Check::Holds) => {}
                    ("fires", Check::Holds) => failures.push(format!("example {number} of `fires` does not fire")),
                    (_, Check::Fails(offences)) => {
                        let messages: Vec<String> = offences.into_iter().map(|offence| offence.message).collect();
                        failures.push(format!("example {number} of `quiet` fires: {}", messages.join("; ")));
                    }
                    (_, Check::Unknown(reason)) => failures.push(format!("example {number} of `{kind}` is not evaluated: {reason}")),
                    (_, Check::UndefinedList(name)) => failures.push(format!("example {number} of `{kind}` needs the list @{name}: define it in `with: {{ lists: … }}`")),
                    (_, Check::Holds) => {}
                }
            }
        }
        failures
    }
}

fn read(reader: &Reader<'_>, node: &Node, from_catalogue: bool) -> Option<Rule> {
    let source = reader.source();
    let mut fields = reader.fields(node, "a rule")?;
    fields.header("Rule");
    let id = fields.required("id").and_then(|node| read_id(reader, node));
    let title = fields.required("title").and_then(|node| reader.text(node));
    let severity = fields
        .required("severity")
        .and_then(|node| read_severity(reader, node));
    let about = fields.optional("about").map_or(Some(About::Flaw), |node| {
        reader.word(node, &[("choice", About::Choice), ("flaw", About::Flaw)])
    });
    let since = fields
        .optional("since")
        .map_or(Some(1), |node| reader.number(node, 1));
    let applies_to = fields.optional("applies_to").map_or_else(
        || Some(AppliesTo::default()),
        |node| read_applies_to(reader, node),
    );
    let check_node = fields.required("check");
    let check = check_node.and_then(|node| Predicate::read(reader, node));
    let why = fields.required("why").and_then(|node| reader.text(node));
    let fix = fields.required("fix").and_then(|node| reader.text(node));
    let references = fields
        .optional("references")
        .map_or_else(|| Some(Vec::new()), |node| reader.texts(node));
    let examples_node = fields.required("examples");
    let examples = match (&applies_to, examples_node) {
        (Some(applies_to), Some(node)) => read_examples(reader, node, applies_to),
        _ => None,
    };
    fields.finish();
    let check = check?;
    Some(Rule {
        lists: check.lists(),
        properties: check.properties(),
        id: id?,
        title: title?,
        severity: severity?,
        about: about?,
        since: since?,
        applies_to: applies_to?,
        check,
        why: why?.trim_end().to_owned(),
        fix: fix?.trim_end().to_owned(),
        references: references?,
        examples: examples?,
        digest: Digest::of(source.text.as_bytes()),
        location: reader.location(check_node?.place),
        from_catalogue,
    })
}

/// The id must be the file's name and must not look like drift.
fn read_id(reader: &Reader<'_>, node: &Node) -> Option<String> {
    let id = reader.text(node)?;
    let file = reader
        .source()
        .path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".yaml");
    let well_formed = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !well_formed {
        return reader.expected(
            node,
            "a rule id",
            "use small letters, digits and `-`, beginning with a letter",
        );
    }
    if id != file {
        return reader.expected(
            node,
            &format!("the id {file:?}, as the file is named"),
            "rename the file or change the id",
        );
    }
    if crate::builtin::find(&id).is_some() {
        return reader.expected(
            node,
            "an id of its own",
            "this id is one of connguard's own findings",
        );
    }
    Some(id)
}

/// Reads a severity by its name.
pub fn read_severity(reader: &Reader<'_>, node: &Node) -> Option<Severity> {
    let choices: Vec<(&str, Severity)> = Severity::ALL
        .iter()
        .map(|severity| (severity.name(), *severity))
        .collect();
    reader.word(node, &choices)
}

fn read_applies_to(reader: &Reader<'_>, node: &Node) -> Option<AppliesTo> {
    let mut applies_to = AppliesTo::default();
    let entries = reader.entries(node, "settings that must be equal", |reader, key, value| {
        if key.name == "tenants" {
            applies_to.tenants = reader.texts(value)?;
            return Some(());
        }
        let Some(property) = Property::judged().find(|property| property.name() == key.name) else {
            let help =
                crate::document::reader::nearest(&key.name, Property::judged().map(Property::name))
                    .map_or_else(
                        || "see `connguard schema rule`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
            reader.wrong(
                key.span.clone(),
                format!("connectors have no setting `{}`", key.name),
                help,
            );
            return None;
        };
        let value = value_of(reader, property, value)?;
        applies_to.settings.push((property, value));
        Some(())
    });
    entries.map(|_| applies_to)
}

fn read_examples(reader: &Reader<'_>, node: &Node, applies_to: &AppliesTo) -> Option<Examples> {
    let mut fields = reader.fields(node, "examples")?;
    let mut examples = Examples::default();
    if let Some(node) = fields.optional("with") {
        read_with(reader, node, &mut examples)?;
    }
    let mut list = |name: &'static str| {
        let node = fields.required(name)?;
        let connectors = reader.list(node, |reader, node| example(reader, node, applies_to))?;
        if connectors.is_empty() {
            reader.expected(node, "at least one example", "show a connector")
        } else {
            Some(connectors)
        }
    };
    let (fires, quiet) = (list("fires"), list("quiet"));
    fields.finish();
    Some(Examples {
        fires: fires?,
        quiet: quiet?,
        ..examples
    })
}

fn read_with(reader: &Reader<'_>, node: &Node, examples: &mut Examples) -> Option<()> {
    let mut fields = reader.fields(node, "`with`")?;
    if let Some(node) = fields.optional("lists") {
        examples.lists = Lists::read(reader, node)?;
    }
    if let Some(node) = fields.optional("accepted_domains") {
        let domains = reader.list(node, |reader, node| {
            let text = reader.text(node)?;
            let domain = Domain::parse(&text)
                .or_else(|| reader.expected(node, "a domain name", "write it like contoso.com"))?;
            Some(AcceptedDomain {
                domain,
                match_sub_domains: false,
            })
        })?;
        examples.accepted_domains = Some(domains);
    }
    if let Some(node) = fields.optional("others") {
        examples.others = reader.list(node, |reader, node| {
            example(reader, node, &AppliesTo::default())
        })?;
    }
    fields.finish();
    Some(())
}

/// A connector of an example. What it leaves out is as `applies_to` demands, else empty or false.
fn example(reader: &Reader<'_>, node: &Node, applies_to: &AppliesTo) -> Option<Connector> {
    let mut settings: BTreeMap<Property, Value> = Property::settings()
        .filter_map(|property| {
            let default = match property {
                Property::Enabled => Raw::Boolean(true),
                Property::ConnectorType => Raw::Text("OnPremises".to_owned()),
                Property::ConnectorSource => Raw::Text("Default".to_owned()),
                _ if property.kind().must_be_present() => Raw::Boolean(false),
                _ => Raw::Null,
            };
            Some((property, Value::read(property, &default).ok()??))
        })
        .collect();
    settings.extend(
        applies_to
            .settings
            .iter()
            .map(|(property, value)| (*property, value.clone())),
    );
    let mut name = "Example".to_owned();
    let mut is_valid = Some(true);
    reader.entries(node, "settings of a connector", |reader, key, value| {
        let Some(property) = Property::judged().find(|property| property.name() == key.name) else {
            reader.wrong(
                key.span.clone(),
                format!("connectors have no setting `{}`", key.name),
                "see `connguard schema rule`",
            );
            return None;
        };
        match value_of(reader, property, value)? {
            Value::Text(text) if property == Property::Name => name = text,
            Value::Boolean(valid) if property == Property::IsValid => is_valid = Some(valid),
            value => {
                settings.insert(property, value);
            }
        }
        Some(())
    })?;
    Some(Connector {
        name,
        settings,
        metadata: Metadata {
            is_valid,
            ..Metadata::default()
        },
        ..Connector::default()
    })
}
