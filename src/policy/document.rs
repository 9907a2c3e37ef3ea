//! The policy file: tenants, thresholds, which rules, and what is changed about them.

use super::rule::read_severity;
use super::settings::{self, Narrowing, PlanLimits};
use super::threshold::Thresholds;
use crate::connector::property::Property;
use crate::digest::Digest;
use crate::document::reader::nearest;
use crate::document::yaml::Content;
use crate::document::{Node, Problems, Reader, Source};
use crate::finding::Severity;
use crate::lists::Lists;
use crate::snapshot::SourceKind;
use crate::tenant::{TENANT_NAME_HELP, is_tenant_name, matches_pattern};
use crate::trust::Header;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// What the policy file says.
#[derive(Debug)]
pub struct Document {
    /// Version and life.
    pub header: Header,
    /// Every tenant that must get a verdict, with the kinds of source it may rest on.
    pub tenants: BTreeMap<String, Vec<SourceKind>>,
    /// The mildest severity that fails a run.
    pub fail_on: Severity,
    /// Older snapshots give no verdict.
    pub max_snapshot_age: SignedDuration,
    /// How long at most the history goes without a commit where nothing changes; without it every run makes one.
    pub heartbeat: Option<SignedDuration>,
    /// How long after a new baseline a value of the previous one is a pending
    /// change instead of drift, where a history remembers the previous one.
    pub change_window: Option<SignedDuration>,
    /// Lists shared by all tenants.
    pub lists: Lists,
    /// Which compiled-in rules are in force.
    pub catalogue: Catalogue,
    /// Own rule files by name, with their digests.
    pub rules: BTreeMap<String, Digest>,
    /// Changes to single rules.
    pub overrides: Vec<Override>,
    /// Settings whose absence from a record is tolerated, and why.
    pub may_be_absent: BTreeMap<Property, String>,
    /// How much one plan may change.
    pub plan: PlanLimits,
    /// The numbers by which an investigation judges.
    pub investigation: Thresholds,
    /// What the gate does with a change that only narrows trust.
    pub narrowing: Narrowing,
    /// Roots with which trust was meant to begin anew.
    pub trust_restarts: Vec<TrustRestart>,
}

/// The word of the policy's signers that a new root, which no earlier one vouches for, was meant.
#[derive(Clone, Debug)]
pub struct TrustRestart {
    /// Digest of the first root of the new lineage, or of one that descends from it.
    pub root: Digest,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
}

/// Which compiled-in rules are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// All; those of later revisions only inform.
    Default(u64),
    /// None.
    Nothing,
}

/// A change to one rule.
#[derive(Clone, Debug)]
pub struct Override {
    /// The rule.
    pub rule: String,
    /// Its severity; `None` switches it off.
    pub severity: Option<Severity>,
    /// Patterns of tenant names; none means every tenant.
    pub tenants: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
}

impl Override {
    /// Whether it applies to a tenant.
    pub fn covers(&self, tenant: &str) -> bool {
        self.tenants.is_empty()
            || self
                .tenants
                .iter()
                .any(|pattern| matches_pattern(pattern, tenant))
    }
}

impl Document {
    /// Reads the policy file; all mistakes at once.
    pub fn parse(source: Source<'_>, catalogue: &[&str]) -> Result<Self, Problems> {
        let reader = Reader::new(source);
        let document = reader
            .parse()
            .and_then(|node| read(&reader, &node, catalogue));
        reader.finish(document)
    }
}

fn read(reader: &Reader<'_>, node: &Node, catalogue_ids: &[&str]) -> Option<Document> {
    let mut fields = reader.fields(node, "a policy")?;
    let header = Header::read(reader, &mut fields, "Policy");
    let tenants = fields
        .required("tenants")
        .and_then(|node| read_tenants(reader, node));
    let fail_on = fields
        .optional("fail_on")
        .map_or(Some(Severity::Low), |node| read_fail_on(reader, node));
    let max_snapshot_age = fields
        .required("max_snapshot_age")
        .and_then(|node| reader.duration(node));
    let heartbeat_node = fields.optional("heartbeat");
    let heartbeat = heartbeat_node.and_then(|node| reader.duration(node));
    if let (Some(node), Some(heartbeat), Some(age)) = (heartbeat_node, heartbeat, max_snapshot_age)
        && heartbeat >= age
    {
        reader.wrong(
            node.span.clone(),
            "a heartbeat as slow as `max_snapshot_age` lets every snapshot grow too old in between",
            "make it shorter than `max_snapshot_age`: half of that leaves room for a run that fails",
        );
    }
    let change_window_node = fields.optional("change_window");
    let change_window = change_window_node.and_then(|node| reader.duration(node));
    let lists = fields
        .optional("lists")
        .map_or_else(|| Some(Lists::default()), |node| Lists::read(reader, node));
    let catalogue = fields
        .required("catalogue")
        .and_then(|node| read_catalogue(reader, node));
    let rules = fields
        .optional("rules")
        .map_or_else(|| Some(BTreeMap::new()), |node| read_rules(reader, node));
    let overrides_node = fields.optional("overrides");
    let may_be_absent = fields.optional("may_be_absent").map_or_else(
        || Some(BTreeMap::new()),
        |node| read_may_be_absent(reader, node),
    );
    let plan = fields.optional("plan").map_or_else(
        || Some(PlanLimits::default()),
        |node| settings::plan_limits(reader, node),
    );
    let narrowing = fields.optional("gate").map_or_else(
        || Some(Narrowing::default()),
        |node| settings::gate(reader, node),
    );
    let investigation = fields.optional("investigation").map_or_else(
        || Some(Thresholds::default()),
        |node| settings::investigation(reader, node),
    );
    let trust_restarts = fields
        .optional("trust_restarts")
        .map_or_else(|| Some(Vec::new()), |node| reader.list(node, read_restart));
    fields.finish();
    let rules = rules?;
    let known: Vec<String> = catalogue_ids
        .iter()
        .map(|id| (*id).to_owned())
        .chain(
            rules
                .keys()
                .map(|name| name.trim_end_matches(".yaml").to_owned()),
        )
        .collect();
    let overrides = overrides_node.map_or_else(
        || Some(Vec::new()),
        |node| read_overrides(reader, node, &known),
    )?;
    Some(Document {
        header: header?,
        tenants: tenants?,
        fail_on: fail_on?,
        max_snapshot_age: max_snapshot_age?,
        heartbeat,
        change_window,
        lists: lists?,
        catalogue: catalogue?,
        rules,
        overrides,
        may_be_absent: may_be_absent?,
        plan: plan?,
        narrowing: narrowing?,
        investigation: investigation?,
        trust_restarts: trust_restarts?,
    })
}

fn read_restart(reader: &Reader<'_>, node: &Node) -> Option<TrustRestart> {
    let mut fields = reader.fields(node, "an acknowledged restart of trust")?;
    let root = fields.required("root").and_then(|node| reader.digest(node));
    let owner = fields.required("owner").and_then(|node| reader.text(node));
    let reason = fields.required("reason").and_then(|node| reader.text(node));
    fields.finish();
    Some(TrustRestart {
        root: root?,
        owner: owner?,
        reason: reason?,
    })
}

fn read_tenants(reader: &Reader<'_>, node: &Node) -> Option<BTreeMap<String, Vec<SourceKind>>> {
    let entries = reader.entries(node, "tenants by name", |reader, key, value| {
        if !is_tenant_name(&key.name) {
            reader.wrong(
                key.span.clone(),
                format!("{:?} is not a name for a tenant", key.name),
                TENANT_NAME_HELP,
            );
            return None;
        }
        if matches!(value.content, Content::Null) {
            return Some(vec![SourceKind::Exchange, SourceKind::History]);
        }
        let mut fields = reader.fields(value, "a tenant")?;
        let sources = fields.optional("sources").map_or_else(
            || Some(vec![SourceKind::Exchange, SourceKind::History]),
            |node| reader.list(node, |reader, node| reader.word(node, &SourceKind::NAMES)),
        );
        fields.finish();
        sources
    })?;
    Some(entries.into_iter().collect())
}

fn read_fail_on(reader: &Reader<'_>, node: &Node) -> Option<Severity> {
    match read_severity(reader, node)? {
        Severity::Info => reader.expected(
            node,
            "low, medium, high or critical",
            "info never fails a run",
        ),
        severity => Some(severity),
    }
}

fn read_catalogue(reader: &Reader<'_>, node: &Node) -> Option<Catalogue> {
    let text = reader.text(node)?;
    if text == "none" {
        return Some(Catalogue::Nothing);
    }
    let revision = text
        .strip_prefix("default@")
        .and_then(|revision| revision.parse().ok())
        .filter(|&revision: &u64| revision >= 1);
    match revision {
        Some(revision) if revision <= super::catalogue::REVISION => {
            Some(Catalogue::Default(revision))
        }
        Some(_) => reader.expected(
            node,
            &format!(
                "a revision of the catalogue up to {}",
                super::catalogue::REVISION
            ),
            "a newer catalogue needs a newer connguard",
        ),
        None => reader.expected(
            node,
            "`none` or `default@1`",
            "name the revision of the compiled-in rules that you approve",
        ),
    }
}

fn read_rules(reader: &Reader<'_>, node: &Node) -> Option<BTreeMap<String, Digest>> {
    let entries = reader.entries(
        node,
        "rule files with their digests",
        |reader, key, value| {
            let plain = key.name.ends_with(".yaml")
                && !key.name.contains(['/', '\\'])
                && !key.name.starts_with('.')
                && key.name != "policy.yaml";
            if !plain {
                reader.wrong(
                    key.span.clone(),
                    format!("{:?} is not a rule file of this folder", key.name),
                    "write the file's name, such as relays-carry-a-ticket.yaml",
                );
                return None;
            }
            reader.digest(value)
        },
    )?;
    Some(entries.into_iter().collect())
}

fn read_overrides(reader: &Reader<'_>, node: &Node, known: &[String]) -> Option<Vec<Override>> {
    let entries = reader.entries(node, "overrides by rule", |reader, key, value| {
        if !known.contains(&key.name) {
            let help = if crate::builtin::find(&key.name).is_some() {
                "connguard's own findings are not rules: no policy changes them".to_owned()
            } else {
                nearest(&key.name, known.iter().map(String::as_str)).map_or_else(
                    || "`connguard policy list` shows the rules".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                )
            };
            reader.wrong(
                key.span.clone(),
                format!("there is no rule `{}`", key.name),
                help,
            );
            return None;
        }
        read_override(reader, &key.name, value)
    })?;
    Some(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn read_override(reader: &Reader<'_>, rule: &str, node: &Node) -> Option<Override> {
    let mut fields = reader.fields(node, "an override")?;
    let off = fields
        .optional("off")
        .map_or(Some(false), |node| reader.boolean(node));
    let severity_node = fields.optional("severity");
    let severity = severity_node.and_then(|node| read_severity(reader, node));
    let tenants = fields
        .optional("tenants")
        .map_or_else(|| Some(Vec::new()), |node| reader.texts(node));
    let owner = fields.required("owner").and_then(|node| reader.text(node));
    let reason = fields.required("reason").and_then(|node| reader.text(node));
    fields.finish();
    if off? == severity_node.is_some() {
        return reader.expected(
            node,
            "either `off: true` or `severity: …`",
            "say what is changed about the rule",
        );
    }
    Some(Override {
        rule: rule.to_owned(),
        severity,
        tenants: tenants?,
        owner: owner?,
        reason: reason?,
    })
}

fn read_may_be_absent(reader: &Reader<'_>, node: &Node) -> Option<BTreeMap<Property, String>> {
    let entries = reader.entries(node, "settings with a reason", |reader, key, value| {
        match Property::settings().find(|property| property.name() == key.name) {
            Some(property) => Some((property, reader.text(value)?)),
            None => {
                let help = nearest(&key.name, Property::settings().map(Property::name))
                    .map_or_else(
                        || "see `connguard schema baseline`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                reader.wrong(
                    key.span.clone(),
                    format!("connectors have no setting `{}`", key.name),
                    help,
                );
                None
            }
        }
    })?;
    Some(entries.into_iter().map(|(_, pair)| pair).collect())
}
