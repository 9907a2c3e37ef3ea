//! Exports of the configuration: connguard's own `export/v1`, and bare lists of blocked connectors.

use super::clock::iso_zulu;
use super::connector::DateStyle;
use super::incident::{Blocked, Configuration, Incident};
use super::json::{Json, object};
use super::organization::AcceptedDomain;
use super::rng::Rng;

/// What one export holds.
pub struct Export<'a> {
    /// Where and what.
    pub incident: &'a Incident,
    /// The configuration.
    pub configuration: &'a Configuration,
    /// Blocked connectors, or the error that the service answered.
    pub blocked: Result<&'a [Blocked], &'static str>,
    /// When it was taken.
    pub taken_at: i64,
    /// How dates are written.
    pub style: DateStyle,
}

impl Export<'_> {
    /// The file. The order of connectors carries no meaning and changes from read to read.
    pub fn json(&self, rng: &mut Rng) -> String {
        let organization = &self.incident.organization;
        let mut connectors: Vec<Json> = self
            .configuration
            .connectors
            .iter()
            .map(|connector| connector.properties(organization, self.style, rng))
            .collect();
        rng.shuffle(&mut connectors);
        let domains = organization.domains.iter().enumerate();
        let domains: Vec<Json> = domains
            .map(|(index, domain)| accepted(index, domain))
            .collect();
        let rules = self.configuration.rules.iter().zip(0..);
        let rules: Vec<Json> = rules
            .map(|(rule, priority)| rule.properties(priority, self.style))
            .collect();
        let complete = object([
            ("inbound_connectors", true.into()),
            ("accepted_domains", true.into()),
            (
                "blocked_connectors",
                self.blocked.map_or_else(Json::from, |_| true.into()),
            ),
            ("transport_rules", true.into()),
            ("audit_log_settings", true.into()),
        ]);
        let mut parts = vec![
            ("connguard", "export/v1".into()),
            ("taken_at", iso_zulu(self.taken_at).into()),
            (
                "organization",
                object([
                    ("tenant_id", (&organization.tenant_id).into()),
                    ("domain", (&organization.initial_domain).into()),
                ]),
            ),
            ("complete", complete),
            ("inbound_connectors", connectors.into()),
            ("accepted_domains", domains.into()),
            ("transport_rules", rules.into()),
            (
                "audit_log_settings",
                audit_log_settings(organization.start, self.style),
            ),
        ];
        if let Ok(blocked) = self.blocked {
            let tenant = &organization.tenant_id;
            parts.push((
                "blocked_connectors",
                blocked_connectors(blocked, tenant, self.style, rng),
            ));
        }
        let lines: Vec<String> = parts
            .into_iter()
            .map(|(name, value)| format!("{}:{}", Json::from(name).line(), value.line()))
            .collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

/// What `Get-BlockedConnector` shows. Nobody has published its output: only `ConnectorId` is sure.
pub fn blocked_connectors(
    blocked: &[Blocked],
    tenant: &str,
    style: DateStyle,
    rng: &mut Rng,
) -> Json {
    let wordy = rng.chance(0.6);
    let rows = blocked.iter().map(|blocked| {
        let id = ("ConnectorId", (&blocked.connector).into());
        let reason = ("Reason", "SuspiciousOutboundActivity".into());
        if !wordy {
            return object([id, reason]);
        }
        object([
            id,
            ("ConnectorName", (&blocked.name).into()),
            ("TenantId", tenant.to_string().into()),
            reason,
            ("CreatedTime", style.show(blocked.at)),
            (
                "ExpirationTime",
                style.show(blocked.at + 30 * super::clock::DAY),
            ),
        ])
    });
    rows.collect::<Vec<Json>>().into()
}

fn accepted(index: usize, domain: &AcceptedDomain) -> Json {
    object([
        ("DomainName", (&domain.name).into()),
        ("DomainType", "Authoritative".into()),
        ("MatchSubDomains", domain.match_sub_domains.into()),
        ("Default", (index == 0).into()),
        ("ExternallyManaged", false.into()),
        ("AuthenticationType", "Managed".into()),
        ("PendingRemoval", false.into()),
        ("PendingCompletion", false.into()),
        ("OutboundOnly", false.into()),
        ("IsCoexistenceDomain", false.into()),
        ("SendingFromDomainDisabled", false.into()),
        ("SendingToDomainDisabled", false.into()),
        ("InitialDomain", (index == 1).into()),
        ("Name", (&domain.name).into()),
        ("Identity", (&domain.name).into()),
        (
            "ObjectClass",
            vec!["top".into(), "msExchAcceptedDomain".into()].into(),
        ),
        ("ExchangeObjectId", (&domain.guid).into()),
        ("Guid", (&domain.guid).into()),
        ("IsValid", true.into()),
    ])
}

fn audit_log_settings(start: i64, style: DateStyle) -> Json {
    let settings = object([
        ("AdminAuditLogEnabled", true.into()),
        ("LogLevel", "None".into()),
        ("UnifiedAuditLogIngestionEnabled", true.into()),
        (
            "UnifiedAuditLogFirstOptInDate",
            style.show(start - 900 * super::clock::DAY),
        ),
        ("AdminAuditLogAgeLimit", "90.00:00:00".into()),
        ("Name", "Admin Audit Log Settings".into()),
        ("Identity", "Admin Audit Log Settings".into()),
        ("IsValid", true.into()),
    ]);
    vec![settings].into()
}
