//! All connectors of one organization at one time, and how completely each part was read.
//!
//! A snapshot says nothing about what is right. Its canonical form holds no
//! time of reading, no server name and no tool: two reads of an unchanged
//! organization are the same bytes, whatever exported them.

pub mod around;
pub mod stored;
mod wire;

use crate::caseless;
use crate::connector::{Connector, Guid, domain::Domain};
use crate::digest::Digest;
use crate::finding::Location;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// `schema` of a snapshot's canonical form.
pub const SCHEMA: &str = "connguard/snapshot/v1";

/// The Exchange Online tenant as the service knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    /// The tenant's GUID.
    pub tenant_id: Option<Guid>,
    /// The initial domain, such as `contoso.onmicrosoft.com`.
    pub domain: Option<String>,
}

impl Organization {
    /// Says how the other organization contradicts this one; what either does not know cannot.
    pub fn contradiction(&self, other: &Self) -> Option<String> {
        let pairs = [
            ("tenant id", &self.tenant_id, &other.tenant_id),
            ("domain", &self.domain, &other.domain),
        ];
        pairs
            .into_iter()
            .find_map(|(what, own, theirs)| match (own, theirs) {
                (Some(own), Some(theirs)) if !own.eq_ignore_ascii_case(theirs) => {
                    Some(format!("its {what} is {theirs}, expected {own}"))
                }
                _ => None,
            })
    }

    /// Whether both name the organization and agree.
    pub fn confirms(&self, other: &Self) -> bool {
        let both = |one: &Option<String>, two: &Option<String>| one.is_some() && two.is_some();
        self.contradiction(other).is_none()
            && (both(&self.tenant_id, &other.tenant_id) || both(&self.domain, &other.domain))
    }
}

/// Where a snapshot was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// A file that somebody exported.
    Export,
    /// The live service.
    Exchange,
    /// The git history.
    History,
}

impl SourceKind {
    /// The words used in files and output.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("export", Self::Export),
        ("exchange", Self::Exchange),
        ("history", Self::History),
    ];

    /// The word used in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Exchange => "exchange",
            Self::History => "history",
        }
    }
}

/// What is read of an organization, each part with its own completeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `Get-InboundConnector`.
    InboundConnectors,
    /// `Get-AcceptedDomain`.
    AcceptedDomains,
    /// `Get-BlockedConnector`.
    BlockedConnectors,
    /// `Get-OrganizationConfig`, as far as it matters here.
    OrganizationSettings,
    /// `Get-AdminAuditLogConfig`, as far as it matters here.
    AuditLogSettings,
    /// `Get-TransportRule`, as far as it matters here.
    TransportRules,
}

impl Part {
    /// The parts that verdicts may rest on.
    pub const CORE: [Self; 3] = [
        Self::InboundConnectors,
        Self::AcceptedDomains,
        Self::BlockedConnectors,
    ];

    /// What stands around the connectors: evidence, on which no verdict rests.
    pub const AROUND: [Self; 3] = [
        Self::OrganizationSettings,
        Self::AuditLogSettings,
        Self::TransportRules,
    ];

    /// Every part.
    pub const EVERY: [Self; 6] = [
        Self::InboundConnectors,
        Self::AcceptedDomains,
        Self::BlockedConnectors,
        Self::OrganizationSettings,
        Self::AuditLogSettings,
        Self::TransportRules,
    ];

    /// The key in exports, snapshots and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InboundConnectors => "inbound_connectors",
            Self::AcceptedDomains => "accepted_domains",
            Self::BlockedConnectors => "blocked_connectors",
            Self::OrganizationSettings => "organization_settings",
            Self::AuditLogSettings => "audit_log_settings",
            Self::TransportRules => "transport_rules",
        }
    }
}

/// How completely a part was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The source says that it returned everything.
    Complete,
    /// Nothing says that it did not: a bare export with at least one row.
    Assumed,
    /// It was not asked for.
    NotRead,
    /// It was asked for, and the answer is missing, partial or doubtful.
    Failed(String),
}

impl Completeness {
    /// Whether verdicts may rest on the part.
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete | Self::Assumed)
    }

    /// What reports say.
    pub fn words(&self) -> String {
        match self {
            Self::Complete => "complete".to_owned(),
            Self::Assumed => "assumed complete".to_owned(),
            Self::NotRead => "not read".to_owned(),
            Self::Failed(reason) => format!("incomplete: {reason}"),
        }
    }
}

/// One of the organization's own mail domains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AcceptedDomain {
    /// `DomainName`.
    pub domain: Domain,
    /// `MatchSubDomains`: names below it belong to the organization too.
    pub match_sub_domains: bool,
}

/// A connector and where it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The connector.
    pub connector: Connector,
    /// Where it stands in the source.
    pub location: Location,
}

/// All connectors of one organization at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Whose connectors they are, as far as the source says.
    pub organization: Organization,
    /// Where it was read from.
    pub source: SourceKind,
    /// The file or address it was read from, as shown to the user.
    pub origin: String,
    /// When it was read; bare exports do not say.
    pub taken_at: Option<Timestamp>,
    /// How completely each part was read.
    pub complete: BTreeMap<Part, Completeness>,
    /// The connectors, in canonical order.
    pub records: Vec<Record>,
    /// The organization's own domains, sorted.
    pub accepted_domains: Vec<AcceptedDomain>,
    /// Ids of connectors that Microsoft has blocked from sending, sorted.
    pub blocked_connectors: Vec<Guid>,
    /// What stands around the connectors, as far as it was asked for and read.
    pub around: BTreeMap<Part, Json>,
}

impl Snapshot {
    /// How completely a part was read.
    pub fn completeness(&self, part: Part) -> &Completeness {
        self.complete.get(&part).unwrap_or(&Completeness::NotRead)
    }

    /// Whether verdicts may rest on the part.
    pub fn has(&self, part: Part) -> bool {
        self.completeness(part).is_complete()
    }

    /// The connectors.
    pub fn connectors(&self) -> impl Iterator<Item = &Connector> {
        self.records.iter().map(|record| &record.connector)
    }

    /// Puts everything into canonical order; the service's order carries no meaning.
    pub fn sort(&mut self) {
        self.records.sort_by_cached_key(|record| {
            (
                record.connector.id().cloned(),
                caseless::lower(&record.connector.name),
                record.connector.name.clone(),
            )
        });
        self.accepted_domains.sort_unstable();
        self.accepted_domains.dedup();
        self.blocked_connectors.sort_unstable();
        self.blocked_connectors.dedup();
    }

    /// Digest of the canonical form.
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }
}
