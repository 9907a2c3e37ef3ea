//! What was approved: the connectors of one tenant, in a document that enough people signed.
//!
//! A [`Baseline`] can only be had from [`Baseline::open`], which verifies the
//! signatures first. So a comparison with something unsigned does not compile.

mod read;

pub use read::{organization, proposed_connector};

use crate::connector::domain::Domain;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::connector::{Connector, Guid, connector_type, property::ConnectorType};
use crate::digest::Digest;
use crate::document::{Problems, Reader, Source};
use crate::finding::{Location, Subject};
use crate::lists::Lists;
use crate::snapshot::{
    AcceptedDomain, Completeness, Organization, Part, Record, Snapshot, SourceKind,
};
use crate::trust::files::{Documents, FileError};
use crate::trust::{
    Approval, Duty, Header, Key, Refusal, Rollback, Route, SignedFile, Signer, Trust, keyring,
};
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Everything that was approved for one tenant.
#[derive(Debug)]
pub struct Baseline {
    /// The document's file, relative to the audit repository.
    pub path: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Who approved it. Private, so that no other module can make a baseline.
    approval: Approval,
    /// What memory says of it.
    pub rollback: Rollback,
    /// The document's content.
    pub approved: Approved,
    /// The bytes and signatures that were verified.
    file: SignedFile,
}

/// The content of a baseline.
#[derive(Debug)]
pub struct Approved {
    /// Version and life.
    pub header: Header,
    /// The tenant's local name.
    pub tenant: String,
    /// The organization it is for.
    pub organization: Organization,
    /// The organization's own domains; `None` where the baseline does not say.
    pub accepted_domains: Option<Vec<Domain>>,
    /// Where those are listed.
    pub accepted_domains_at: Location,
    /// Named lists.
    pub lists: Lists,
    /// The connectors.
    pub connectors: Vec<ApprovedConnector>,
    /// Where `connectors:` begins: where a missing one would be added.
    pub connectors_at: Location,
    /// Rule findings that are tolerated.
    pub acceptances: Vec<Acceptance>,
}

/// One approved connector.
#[derive(Debug)]
pub struct ApprovedConnector {
    /// Exchange's `Name`.
    pub name: String,
    /// `ExchangeObjectId`; `None` for a connector that does not exist yet.
    pub id: Option<Guid>,
    /// Who answers for it.
    pub owner: String,
    /// Why it exists.
    pub reason: String,
    /// Approved values; a list or text that is left out is approved as empty.
    pub settings: BTreeMap<Property, Value>,
    /// Values that are approved as well, for a time.
    pub expected_changes: Vec<ExpectedChange>,
    /// Where the connector is written.
    pub location: Location,
    /// Line and column of each setting.
    pub setting_places: BTreeMap<Property, (usize, usize)>,
}

/// A planned change: this value is approved too, until then.
#[derive(Debug)]
pub struct ExpectedChange {
    /// The setting.
    pub property: Property,
    /// The other value.
    pub value: Value,
    /// The end of the approval.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A rule finding that is tolerated, pinned to a value.
#[derive(Debug)]
pub struct Acceptance {
    /// The rule.
    pub rule: String,
    /// The connector, by id, or by name where it has none yet.
    pub connector: String,
    /// The values that are tolerated; any other one is judged anew.
    pub values: BTreeMap<Property, Option<Value>>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// From when on it no longer counts.
    pub expires: Timestamp,
    /// Where it is written.
    pub location: Location,
}

/// Why there is no baseline to compare with.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be verified.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is signed, and malformed.
    #[error("{0}")]
    Malformed(Problems),
    /// It is signed for another tenant.
    #[error("{path} is the baseline of the tenant {found:?}, not of {wanted:?}")]
    OtherTenant {
        /// The file.
        path: String,
        /// The tenant in it.
        found: String,
        /// The tenant asked for.
        wanted: String,
    },
}

impl BaselineError {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            Self::Refused(Refusal::File(FileError::Missing(path))) => format!(
                "connguard baseline sign {} proposes {path} from what is there, shows it and signs it",
                path.trim_start_matches("baselines/")
                    .trim_end_matches(".yaml")
            ),
            Self::Refused(refusal) => refusal.help(),
            Self::Malformed(_) => "correct the file and have it signed again".to_owned(),
            Self::OtherTenant { .. } => {
                "restore the tenant's own baseline from a revision you trust".to_owned()
            }
        }
    }
}

/// Where a tenant's baseline lies in an audit repository.
pub fn path(tenant: &str) -> String {
    format!("baselines/{tenant}.yaml")
}

impl Baseline {
    /// Reads a tenant's baseline, verifies its signatures, then parses it.
    ///
    /// An expired baseline is returned: it gives no verdict, which the caller
    /// must see to, but what it shows is worth knowing.
    pub fn open(
        documents: &(impl Documents + ?Sized),
        tenant: &str,
        trust: &Trust,
    ) -> Result<Self, BaselineError> {
        let path = path(tenant);
        let file = SignedFile::load(documents, &path).map_err(Refusal::from)?;
        let approval = trust.verify_baseline(tenant, &file)?;
        let approved = of_tenant(tenant, &file)?;
        let (header, digest) = (&approved.header, file.digest());
        trust.not_older_than_manifest(tenant, &path, header)?;
        if approval.route == Route::Emergency {
            trust.emergency_counts(&path, header, digest)?;
        }
        let key = approved.key(approval.route);
        let rollback = trust.remembered(&key, &path, header, digest)?;
        // Another name for a known organization needs the word of those who sign under the old one, too.
        if let Some(earlier) = trust.earlier_name(&key) {
            trust.verify(Duty::Baseline(earlier), &file)?;
        }
        Ok(Self {
            digest,
            path,
            approval,
            rollback,
            approved,
            file,
        })
    }

    /// Reads an earlier version, which memory would refuse as rolled back: it says what was approved before.
    ///
    /// Its signatures must be enough all the same; those for emergencies approve nothing for later.
    pub fn superseded(
        documents: &(impl Documents + ?Sized),
        tenant: &str,
        trust: &Trust,
    ) -> Result<Self, BaselineError> {
        let path = path(tenant);
        let file = SignedFile::load(documents, &path).map_err(Refusal::from)?;
        let duty = Duty::Baseline(tenant);
        let signers = trust.verify(duty, &file)?;
        let approved = of_tenant(tenant, &file)?;
        let threshold = trust.root().grant(duty).map_or(0, |grant| grant.threshold);
        Ok(Self {
            digest: file.digest(),
            path,
            approval: Approval {
                signers,
                threshold,
                route: Route::Signed,
            },
            rollback: Rollback::NotChecked,
            approved,
            file,
        })
    }

    /// Who signed it.
    pub fn signers(&self) -> &[Signer] {
        &self.approval.signers
    }

    /// The bytes and signatures that were verified: what a history keeps.
    pub const fn file(&self) -> &SignedFile {
        &self.file
    }

    /// Who approved it, how many had to, and by which way.
    pub const fn approval(&self) -> &Approval {
        &self.approval
    }
}

/// What a verified file says, which must be about the tenant that it is asked for.
fn of_tenant(tenant: &str, file: &SignedFile) -> Result<Approved, BaselineError> {
    let path = &file.path;
    let text = keyring::text(path, &file.bytes)?;
    let approved = Approved::parse(Source { path, text }).map_err(BaselineError::Malformed)?;
    if approved.tenant == tenant {
        return Ok(approved);
    }
    Err(BaselineError::OtherTenant {
        path: path.clone(),
        found: approved.tenant,
        wanted: tenant.to_owned(),
    })
}

impl Approved {
    /// How memory knows the baseline: by the organization, whatever the tenant is called here.
    pub fn key(&self, route: Route) -> Key {
        let tenant_id = self.organization.tenant_id.clone().unwrap_or_default();
        match route {
            Route::Emergency => Key::Emergency { tenant_id },
            Route::Signed | Route::Manifest => Key::Baseline {
                tenant_id,
                tenant: self.tenant.clone(),
            },
        }
    }

    /// Reads a baseline's text; all mistakes at once.
    pub fn parse(source: Source<'_>) -> Result<Self, Problems> {
        let reader = Reader::new(source);
        let approved = reader
            .parse()
            .and_then(|node| read::approved(&reader, &node));
        reader.finish(approved)
    }
}

impl Approved {
    /// The organization as it would be with just what is approved.
    pub fn as_snapshot(&self) -> Snapshot {
        let complete = |known: bool| {
            if known {
                Completeness::Complete
            } else {
                Completeness::NotRead
            }
        };
        let domains = self.accepted_domains.as_ref();
        let mut snapshot = Snapshot {
            organization: self.organization.clone(),
            source: SourceKind::Export,
            origin: path(&self.tenant),
            taken_at: None,
            complete: BTreeMap::from([
                (Part::InboundConnectors, Completeness::Complete),
                (Part::AcceptedDomains, complete(domains.is_some())),
            ]),
            records: self
                .connectors
                .iter()
                .map(ApprovedConnector::as_record)
                .collect(),
            accepted_domains: domains
                .into_iter()
                .flatten()
                .map(|domain| AcceptedDomain {
                    domain: domain.clone(),
                    match_sub_domains: false,
                })
                .collect(),
            blocked_connectors: Vec::new(),
            around: BTreeMap::new(),
        };
        snapshot.sort();
        snapshot
    }
}

impl ApprovedConnector {
    /// The connector with just the approved settings.
    fn as_record(&self) -> Record {
        let settings = Property::settings()
            .filter_map(|property| Some((property, self.setting(property)?.into_owned())));
        Record {
            connector: Connector {
                name: self.name.clone(),
                exchange_object_id: self.id.clone(),
                settings: settings.collect(),
                ..Connector::default()
            },
            location: self.location.clone(),
        }
    }

    /// An approved value; lists and texts that are left out are approved as empty.
    pub fn setting(&self, property: Property) -> Option<Cow<'_, Value>> {
        if property == Property::Name {
            return Some(Cow::Owned(Value::Text(self.name.clone())));
        }
        let written = self.settings.get(&property).map(Cow::Borrowed);
        written.or_else(|| Value::absent(property).map(Cow::Owned))
    }

    /// Whether a value is approved: as written, or by a planned change that is still open.
    pub fn approves(&self, property: Property, value: &Value, now: Timestamp) -> bool {
        let planned = |change: &&ExpectedChange| {
            change.property == property && now < change.until && change.value == *value
        };
        self.setting(property).as_deref() == Some(value)
            || self.expected_changes.iter().any(|change| planned(&change))
    }

    /// The approved type.
    pub fn connector_type(&self) -> Option<ConnectorType> {
        match self.settings.get(&Property::ConnectorType) {
            Some(Value::Enumeration(word)) => connector_type(&word.0),
            _ => None,
        }
    }

    /// How findings name the connector.
    pub fn subject(&self) -> Subject {
        Subject {
            id: self.id.clone(),
            name: self.name.clone(),
        }
    }

    /// Where a setting is written, or else the connector.
    pub fn location_of(&self, property: Property) -> Location {
        let written = self.location.clone();
        match self.setting_places.get(&property) {
            Some(&(line, column)) => Location {
                line,
                column,
                ..written
            },
            None => written,
        }
    }
}
