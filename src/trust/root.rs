//! The root document: who may sign what, and how many must.

use super::allowed_signers::{AllowedSigners, is_principal};
use super::header::Header;
use super::signature::Touch;
use crate::digest::Digest;
use crate::document::yaml::Content;
use crate::document::{Fields, Node, Problems, Reader, Source};
use crate::tenant::matches_pattern;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// Where the root in force lies in an audit repository.
pub const PATH: &str = "trust/root.yaml";

/// What somebody may be asked to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty<'t> {
    /// The root itself.
    Root,
    /// The policy.
    Policy,
    /// The baseline of a tenant, or the manifest that stands for it.
    Baseline(&'t str),
    /// The baseline of a tenant, for a short time, by the people for emergencies.
    Emergency,
    /// What was observed: the commits of the history.
    History,
}

impl Duty<'_> {
    /// The role's key in the root document.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Policy => "policy",
            Self::Baseline(_) => "baseline",
            Self::Emergency => "emergency",
            Self::History => "history",
        }
    }

    /// The namespace of its signatures, so that none can be used for another kind of document.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Root => "connguard-root",
            Self::Policy => "connguard-policy",
            Self::Baseline(_) | Self::Emergency => "connguard-baseline",
            // By which git checks commits itself.
            Self::History => "git",
        }
    }
}

/// Who holds a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How many of them must sign.
    pub threshold: usize,
    /// The people, by the names in `allowed_signers`.
    pub principals: BTreeSet<String>,
}

/// Who signs the baselines of some tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Patterns of tenant names; none means every tenant.
    pub tenants: Vec<String>,
    /// Who.
    pub grant: Grant,
}

/// Who may approve a baseline alone when nobody else can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// Who, and how many of them.
    pub grant: Grant,
    /// How long such a baseline counts at most.
    pub max_validity: SignedDuration,
}

/// The root document.
#[derive(Clone, Debug)]
pub struct Root {
    /// Version and life.
    pub header: Header,
    /// Digest of `trust/allowed_signers`: the keys are part of the root.
    pub allowed_signers: Digest,
    /// Whether hardware keys must have been touched.
    pub touch: Touch,
    /// Who signs baselines, in the order in which the first match decides.
    pub baseline: Vec<Delegation>,
    /// Who signs snapshots, if that was settled.
    pub history: Option<Grant>,
    /// Who may act alone, if anybody.
    pub emergency: Option<Emergency>,
    root: Grant,
    policy: Grant,
}

impl Root {
    /// Reads the document. Whether it may be believed is not decided here.
    pub fn parse(source: Source<'_>) -> Result<Self, Problems> {
        let reader = Reader::new(source);
        let root = reader.parse().and_then(|node| read(&reader, &node));
        reader.finish(root)
    }

    /// Who holds a role; `None` where nobody does.
    pub fn grant(&self, duty: Duty<'_>) -> Option<&Grant> {
        match duty {
            Duty::Root => Some(&self.root),
            Duty::Policy => Some(&self.policy),
            Duty::Baseline(tenant) => self
                .baseline
                .iter()
                .find(|delegation| delegation.covers(tenant))
                .map(|delegation| &delegation.grant),
            Duty::Emergency => self.emergency.as_ref().map(|emergency| &emergency.grant),
            Duty::History => self.history.as_ref(),
        }
    }

    /// Every role with its name, for people.
    pub fn grants(&self) -> Vec<(String, &Grant)> {
        let mut grants = vec![
            ("root".to_owned(), &self.root),
            ("policy".to_owned(), &self.policy),
        ];
        for (index, delegation) in self.baseline.iter().enumerate() {
            // The first match decides, so the place is part of what a delegation says.
            let place = if self.baseline.len() > 1 {
                format!("baseline {}", index + 1)
            } else {
                "baseline".to_owned()
            };
            let name = if delegation.tenants.is_empty() {
                place
            } else {
                format!("{place} of {}", delegation.tenants.join(", "))
            };
            grants.push((name, &delegation.grant));
        }
        grants.extend(
            self.history
                .iter()
                .map(|grant| ("history".to_owned(), grant)),
        );
        let emergency = self.emergency.as_ref().map(|emergency| &emergency.grant);
        grants.extend(emergency.map(|grant| ("emergency".to_owned(), grant)));
        grants
    }

    /// The principals of any role that have no key.
    pub fn without_key(&self, signers: &AllowedSigners) -> Vec<String> {
        let all: BTreeSet<&String> = self
            .grants()
            .into_iter()
            .flat_map(|(_, grant)| &grant.principals)
            .collect();
        all.into_iter()
            .filter(|principal| signers.of_principal(principal).next().is_none())
            .cloned()
            .collect()
    }
}

impl Delegation {
    fn covers(&self, tenant: &str) -> bool {
        self.tenants.is_empty()
            || self
                .tenants
                .iter()
                .any(|pattern| matches_pattern(pattern, tenant))
    }
}

fn read(reader: &Reader<'_>, node: &Node) -> Option<Root> {
    let mut fields = reader.fields(node, "a root")?;
    let header = Header::read(reader, &mut fields, "Root");
    let allowed_signers = fields
        .required("allowed_signers")
        .and_then(|node| reader.digest(node));
    let touches = [("required", Touch::Required), ("optional", Touch::Optional)];
    let touch = fields
        .optional("touch")
        .map_or(Some(Touch::Required), |node| reader.word(node, &touches));
    let roles = fields
        .required("roles")
        .and_then(|node| read_roles(reader, node));
    fields.finish();
    let roles = roles?;
    Some(Root {
        header: header?,
        allowed_signers: allowed_signers?,
        touch: touch?,
        root: roles.root,
        policy: roles.policy,
        baseline: roles.baseline,
        history: roles.history,
        emergency: roles.emergency,
    })
}

struct Roles {
    root: Grant,
    policy: Grant,
    baseline: Vec<Delegation>,
    history: Option<Grant>,
    emergency: Option<Emergency>,
}

fn read_roles(reader: &Reader<'_>, node: &Node) -> Option<Roles> {
    let mut fields = reader.fields(node, "the roles of a root")?;
    let root = fields
        .required("root")
        .and_then(|node| read_grant(reader, node));
    let policy = fields
        .required("policy")
        .and_then(|node| read_grant(reader, node));
    let baseline = fields
        .required("baseline")
        .and_then(|node| read_delegations(reader, node));
    let history_node = fields.optional("history");
    let history = history_node.and_then(|node| read_grant(reader, node));
    let emergency_node = fields.optional("emergency");
    let emergency = emergency_node.and_then(|node| read_emergency(reader, node));
    fields.finish();
    let roles = Roles {
        root: root?,
        policy: policy?,
        baseline: baseline?,
        history,
        emergency,
    };
    cancels_itself(reader, node, &roles);
    if let (Some(node), Some(grant)) = (history_node, &roles.history)
        && grant.threshold > 1
    {
        reader.wrong(
            node.span.clone(),
            "a commit carries one signature, so the history role cannot ask for more",
            "set its threshold to 1; each of its principals may sign snapshots",
        );
    }
    let whole = history_node.is_some() == roles.history.is_some()
        && emergency_node.is_some() == roles.emergency.is_some();
    whole.then_some(roles)
}

/// A root or policy that fewer people can change than a baseline would let them approve it by a detour.
fn cancels_itself(reader: &Reader<'_>, node: &Node, roles: &Roles) {
    let highest = roles
        .baseline
        .iter()
        .map(|delegation| delegation.grant.threshold)
        .max()
        .unwrap_or_default();
    for (name, grant) in [("root", &roles.root), ("policy", &roles.policy)] {
        if grant.threshold < highest {
            reader.wrong(
                node.span.clone(),
                format!("the {name} role needs {} signatures, the baseline role {highest}: the lower one would cancel the higher", grant.threshold),
                format!("raise the threshold of `{name}` to at least {highest}"),
            );
        }
    }
}

/// One grant for every tenant, or a list of grants for patterns of tenant names.
fn read_delegations(reader: &Reader<'_>, node: &Node) -> Option<Vec<Delegation>> {
    if !matches!(node.content, Content::List(_)) {
        let grant = read_grant(reader, node)?;
        return Some(vec![Delegation {
            tenants: Vec::new(),
            grant,
        }]);
    }
    let list = reader.list(node, |reader, node| {
        let mut fields = reader.fields(node, "a baseline role")?;
        let tenants = fields
            .optional("tenants")
            .map_or_else(|| Some(Vec::new()), |node| reader.texts(node));
        let grant = grant_fields(reader, node, &mut fields);
        fields.finish();
        Some(Delegation {
            tenants: tenants?,
            grant: grant?,
        })
    })?;
    if list.is_empty() {
        return reader.expected(
            node,
            "at least one baseline role",
            "name who signs baselines",
        );
    }
    Some(list)
}

fn read_emergency(reader: &Reader<'_>, node: &Node) -> Option<Emergency> {
    let mut fields = reader.fields(node, "the emergency role")?;
    let max_validity = fields
        .required("max_validity")
        .and_then(|node| reader.duration(node));
    let grant = grant_fields(reader, node, &mut fields);
    fields.finish();
    Some(Emergency {
        grant: grant?,
        max_validity: max_validity?,
    })
}

fn read_grant(reader: &Reader<'_>, node: &Node) -> Option<Grant> {
    let mut fields = reader.fields(node, "a role")?;
    let grant = grant_fields(reader, node, &mut fields);
    fields.finish();
    grant
}

fn grant_fields(
    reader: &Reader<'_>,
    node: &Node,
    fields: &mut Fields<'_, '_, '_>,
) -> Option<Grant> {
    let threshold_node = fields.required("threshold");
    let threshold = threshold_node.and_then(|node| reader.number(node, 1));
    let principals = fields
        .required("principals")
        .and_then(|node| reader.list(node, read_principal))?;
    let distinct: BTreeSet<String> = principals.iter().cloned().collect();
    if distinct.len() < principals.len() {
        reader.wrong(
            node.span.clone(),
            "a principal is named twice",
            "name each person once",
        );
    }
    let threshold = usize::try_from(threshold?).ok()?;
    if threshold > distinct.len() {
        let span = threshold_node.map_or_else(|| node.span.clone(), |node| node.span.clone());
        reader.wrong(
            span,
            format!(
                "{threshold} signatures cannot be had from {} people",
                distinct.len()
            ),
            "lower the threshold or name more principals",
        );
    }
    Some(Grant {
        threshold,
        principals: distinct,
    })
}

fn read_principal(reader: &Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?;
    if is_principal(&text) {
        return Some(text);
    }
    reader.expected(
        node,
        "a principal of trust/allowed_signers",
        "write the name in ASCII, as it stands there",
    )
}
