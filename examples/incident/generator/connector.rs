//! An inbound connector, and the object that `Get-InboundConnector` shows of it.

use super::clock::{SECOND, date_ms, iso_seven};
use super::json::{Json, object};
use super::organization::Organization;
use super::rng::Rng;

/// An inbound connector. Only what the scenarios vary; everything else has Exchange's default.
#[derive(Clone)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// Its id.
    pub guid: String,
    /// When it was made.
    pub created: i64,
    /// When it was last changed.
    pub changed: i64,
    /// `OnPremises`, otherwise `Partner`.
    pub on_premises: bool,
    /// `Default`, `AdminUI` or `HybridWizard`.
    pub source: &'static str,
    /// What an administrator noted.
    pub comment: String,
    /// `SenderIPAddresses`
    pub addresses: Vec<String>,
    /// `SenderDomains`, in wire form.
    pub sender_domains: Vec<String>,
    /// `Enabled`
    pub enabled: bool,
    /// `RequireTls`
    pub require_tls: bool,
    /// `RestrictDomainsToIPAddresses`
    pub restrict_to_addresses: bool,
    /// `CloudServicesMailEnabled`
    pub cloud_services_mail: bool,
    /// `TreatMessagesAsInternal`
    pub treat_as_internal: bool,
    /// `TlsSenderCertificateName`
    pub certificate: Option<String>,
}

impl Connector {
    /// An enabled connector of type OnPremises that any domain may use.
    pub fn on_premises(name: String, created: i64, rng: &mut Rng) -> Self {
        Connector {
            name,
            guid: rng.guid(),
            created,
            changed: created + rng.between(0, 20) * SECOND,
            on_premises: true,
            source: "AdminUI",
            comment: String::new(),
            addresses: Vec::new(),
            sender_domains: vec!["smtp:*;1".into()],
            enabled: true,
            require_tls: false,
            restrict_to_addresses: false,
            cloud_services_mail: false,
            treat_as_internal: false,
            certificate: None,
        }
    }

    /// An enabled connector of type Partner that holds these domains to TLS.
    pub fn partner(name: String, domains: &[String], created: i64, rng: &mut Rng) -> Self {
        Connector {
            on_premises: false,
            require_tls: true,
            sender_domains: domains
                .iter()
                .map(|domain| format!("smtp:{domain};1"))
                .collect(),
            ..Connector::on_premises(name, created, rng)
        }
    }

    /// The 42 properties in the service's order. Which server answered, and the second at which it heard of the last
    /// change, differ from read to read.
    pub fn properties(&self, organization: &Organization, style: DateStyle, rng: &mut Rng) -> Json {
        let tenant = &organization.initial_domain;
        let forest = format!("{}.PROD.OUTLOOK.COM", organization.forest);
        let changed = self.changed + rng.between(0, 9) * SECOND;
        let empty = || Json::List(Vec::new());
        object([
            ("Enabled", self.enabled.into()),
            ("ConnectorType", self.kind().into()),
            ("ConnectorSource", self.source.into()),
            ("Comment", (&self.comment).into()),
            ("SenderIPAddresses", self.addresses.as_slice().into()),
            ("SenderDomains", self.sender_domains.as_slice().into()),
            ("TrustedOrganizations", empty()),
            ("ClientHostNames", empty()),
            ("AssociatedAcceptedDomains", empty()),
            ("RequireTls", self.require_tls.into()),
            ("RestrictDomainsToIPAddresses", self.restrict_to_addresses.into()),
            ("RestrictDomainsToCertificate", false.into()),
            ("CloudServicesMailEnabled", self.cloud_services_mail.into()),
            ("TreatMessagesAsInternal", self.treat_as_internal.into()),
            ("TlsSenderCertificateName", self.certificate.clone().into()),
            ("EFTestMode", false.into()),
            ("ScanAndDropRecipients", empty()),
            ("EFSkipLastIP", false.into()),
            ("EFSkipIPs", empty()),
            ("EFSkipMailGateway", empty()),
            ("EFUsers", empty()),
            ("NameHashGuid", self.name_hash().into()),
            ("OrganizationalUnitRootInternal", tenant.into()),
            ("AdminDisplayName", "".into()),
            ("ExchangeVersion", "0.1 (8.0.535.0)".into()),
            ("Name", (&self.name).into()),
            ("DistinguishedName", self.distinguished_name(organization).into()),
            ("Identity", (&self.name).into()),
            (
                "ObjectCategory",
                format!("{forest}/Configuration/Schema/ms-Exch-SMTP-Inbound-Connector").into(),
            ),
            (
                "ObjectClass",
                vec!["top".into(), "msExchSMTPInboundConnector".into()].into(),
            ),
            ("WhenChanged", style.show(changed)),
            ("WhenCreated", style.show(self.created)),
            ("WhenChangedUTC", style.show(changed)),
            ("WhenCreatedUTC", style.show(self.created)),
            ("ExchangeObjectId", (&self.guid).into()),
            ("OrganizationalUnitRoot", tenant.into()),
            (
                "OrganizationId",
                format!(
                    "{forest}/Microsoft Exchange Hosted Organizations/{tenant} - {forest}/ConfigurationUnits/{tenant}/Configuration"
                )
                .into(),
            ),
            ("Id", (&self.name).into()),
            ("Guid", (&self.guid).into()),
            (
                "OriginatingServer",
                format!("{}DC{:03}.{forest}", organization.forest, rng.between(1, 40)).into(),
            ),
            ("IsValid", true.into()),
            ("ObjectState", "Unchanged".into()),
        ])
    }

    /// The value of `ConnectorType`.
    pub fn kind(&self) -> &'static str {
        if self.on_premises {
            "OnPremises"
        } else {
            "Partner"
        }
    }

    fn name_hash(&self) -> String {
        Rng::new(0, &self.name.to_ascii_lowercase()).guid()
    }

    fn distinguished_name(&self, organization: &Organization) -> String {
        format!(
            "CN={},CN=Transport Settings,CN=Configuration,CN={},CN=ConfigurationUnits,DC={},DC=PROD,DC=OUTLOOK,DC=COM",
            self.name, organization.initial_domain, organization.forest
        )
    }
}

/// How a tool writes the dates of an object.
#[derive(Clone, Copy)]
pub enum DateStyle {
    /// `/Date(1772500512000)/`: Windows PowerShell 5.1.
    Milliseconds,
    /// `2026-03-03T01:15:12.0000000Z`: PowerShell 7 and REST.
    Iso,
}

impl DateStyle {
    /// The date in this style.
    pub fn show(self, at: i64) -> Json {
        match self {
            DateStyle::Milliseconds => date_ms(at).into(),
            DateStyle::Iso => iso_seven(at).into(),
        }
    }
}
