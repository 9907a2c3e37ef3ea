//! What Microsoft's own services leave in the audit log: nine rows of ten.

use super::audit::{Record, Session};
use super::organization::Organization;
use super::rng::Rng;

/// Operation, what it is done to, and a parameter, as seen in real exports.
const OPERATIONS: [(&str, &str, (&str, &str)); 15] = [
    (
        "Set-ExchangeAssistanceConfig",
        "ExchangeAssistance15",
        ("PrivacyLinkDisplayEnabled", "True"),
    ),
    (
        "New-ExchangeAssistanceConfig",
        "ExchangeAssistance",
        ("IgnoreDehydratedFlag", "True"),
    ),
    (
        "Install-ResourceConfig",
        "Resource Schema",
        ("DomainController", ""),
    ),
    (
        "Install-DefaultSharingPolicy",
        "Default Sharing Policy",
        ("DomainController", ""),
    ),
    (
        "Install-DataClassificationConfig",
        "Default Data Config",
        ("DomainController", ""),
    ),
    ("Set-TenantObjectVersion", "", ("DomainController", "")),
    (
        "Set-AdminAuditLogConfig",
        "Admin Audit Log Settings",
        ("AdminAuditLogEnabled", "True"),
    ),
    (
        "Set-OwaMailboxPolicy",
        "OwaMailboxPolicy-Default",
        ("InstantMessagingType", "Ocs"),
    ),
    (
        "Enable-AddressListPaging",
        "",
        ("DoNotUpdateRecipients", "True"),
    ),
    (
        "Set-RecipientEnforcementProvisioningPolicy",
        "Recipient Quota Policy",
        ("PublicFolderHierarchyMailboxCountQuota", "100"),
    ),
    (
        "Set-MailboxPlan",
        "ExchangeOnlineEnterprise",
        ("SKUCapability", "BPOS_S_Enterprise"),
    ),
    (
        "Set-TransportConfig",
        "Transport Settings",
        ("MaxSendSize", "35 MB (36,700,160 bytes)"),
    ),
    ("Set-User", "", ("SyncMailboxLocationGuids", "True")),
    (
        "Set-Mailbox",
        "QuarantineOrgShard",
        ("QuarantineMessageStore", "True"),
    ),
    (
        "Set-ConditionalAccessPolicy",
        "ForwardSync",
        ("TenantDefaultPolicy", "18"),
    ),
];

const SERVICES: [&str; 4] = [
    "Microsoft.Exchange.Servicehost",
    "Microsoft.Exchange.ServiceHost",
    "Microsoft.Exchange.Management.ForwardSync",
    "w3wp",
];

/// This many records of Microsoft's services, spread over the whole period.
pub fn records(organization: &Organization, count: usize, rng: &mut Rng) -> Vec<Record> {
    (0..count).map(|_| record(organization, rng)).collect()
}

fn record(organization: &Organization, rng: &mut Rng) -> Record {
    let (operation, target, (name, value)) = *rng.pick(&OPERATIONS);
    let target = match operation {
        "Set-User" => rng.pick(&organization.people).object_id.clone(),
        _ => target.to_string(),
    };
    let domain = &organization.initial_domain;
    let object_id = match (target.as_str(), rng.chance(0.3)) {
        ("", _) => domain.clone(),
        (target, true) => organization.path(target),
        (target, false) => format!("{domain}\\{target}"),
    };
    let parameters = [("Identity", object_id.clone()), (name, value.to_string())];
    let at = organization.moment(rng, (0, organization.days - 1), (0, 23));
    let service = Session::service(SERVICES[rng.below(SERVICES.len())]);
    service.run(organization, at, operation, &object_id, &parameters, rng)
}
