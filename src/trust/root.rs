//! The root document: who may sign what, and how many must.

use super::allowed_signers::AllowedSigners;
use super::header::Header;
use crate::digest::Digest;
use crate::document::{Node, Problems, Reader, Source};
use std::collections::BTreeSet;

/// Where the root in force lies in an audit repository.
pub const PATH: &str = "trust/root.yaml";

/// What a signature can be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The root itself.
    Root,
    /// The policy.
    Policy,
    /// Baselines.
    Baseline,
}

impl Role {
    /// The key in the root document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Policy => "policy",
            Self::Baseline => "baseline",
        }
    }

    /// The namespace of its signatures, so that none can be used for another kind of document.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Root => "connguard-root",
            Self::Policy => "connguard-policy",
            Self::Baseline => "connguard-baseline",
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

/// The root document.
#[derive(Clone, Debug)]
pub struct Root {
    /// Version and life.
    pub header: Header,
    /// Digest of `trust/allowed_signers`: the keys are part of the root.
    pub allowed_signers: Digest,
    root: Grant,
    policy: Grant,
    baseline: Grant,
}

impl Root {
    /// Reads the document. Whether it may be believed is not decided here.
    pub fn parse(source: Source<'_>) -> Result<Self, Problems> {
        let reader = Reader::new(source);
        let root = reader.parse().and_then(|node| read(&reader, &node));
        reader.finish(root)
    }

    /// Who holds a role.
    pub const fn grant(&self, role: Role) -> &Grant {
        match role {
            Role::Root => &self.root,
            Role::Policy => &self.policy,
            Role::Baseline => &self.baseline,
        }
    }

    /// The principals of any role that have no key.
    pub fn without_key(&self, signers: &AllowedSigners) -> Vec<String> {
        let all: BTreeSet<&String> = [&self.root, &self.policy, &self.baseline]
            .into_iter()
            .flat_map(|grant| &grant.principals)
            .collect();
        all.into_iter()
            .filter(|principal| !signers.knows(principal))
            .cloned()
            .collect()
    }
}

fn read(reader: &Reader<'_>, node: &Node) -> Option<Root> {
    let mut fields = reader.fields(node, "a root")?;
    let header = Header::read(reader, &mut fields, "Root");
    let allowed_signers = fields
        .required("allowed_signers")
        .and_then(|node| reader.digest(node));
    let roles = fields
        .required("roles")
        .and_then(|node| read_roles(reader, node));
    fields.finish();
    let (root, policy, baseline) = roles?;
    Some(Root {
        header: header?,
        allowed_signers: allowed_signers?,
        root,
        policy,
        baseline,
    })
}

fn read_roles(reader: &Reader<'_>, node: &Node) -> Option<(Grant, Grant, Grant)> {
    let mut fields = reader.fields(node, "the roles of a root")?;
    let mut required = |role: Role| {
        fields
            .required(role.name())
            .and_then(|node| read_grant(reader, node))
    };
    let (root, policy, baseline) = (
        required(Role::Root),
        required(Role::Policy),
        required(Role::Baseline),
    );
    if let Some(node) = fields.optional("history") {
        // Read so that mistakes show now; the history that uses it verifies its own commits.
        read_grant(reader, node);
    }
    fields.finish();
    let (root, policy, baseline) = (root?, policy?, baseline?);
    for (grant, role) in [(&root, Role::Root), (&policy, Role::Policy)] {
        if grant.threshold < baseline.threshold {
            reader.wrong(
                node.span.clone(),
                format!("the {} role needs {} signatures, the baseline role {}: the lower one would cancel the higher", role.name(), grant.threshold, baseline.threshold),
                format!("raise the threshold of `{}` to at least {}", role.name(), baseline.threshold),
            );
        }
    }
    Some((root, policy, baseline))
}

fn read_grant(reader: &Reader<'_>, node: &Node) -> Option<Grant> {
    let mut fields = reader.fields(node, "a role")?;
    let threshold_node = fields.required("threshold");
    let threshold = threshold_node.and_then(|node| reader.number(node, 1));
    let principals = fields
        .required("principals")
        .and_then(|node| reader.texts(node));
    fields.finish();
    let principals = principals?;
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
