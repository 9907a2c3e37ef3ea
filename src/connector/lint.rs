//! What the service is known to refuse, said before it is tried.
//!
//! Reference, section 2.3. Most of these are known from older versions of the
//! service only, so they are warnings: nothing is refused for them.

use super::Connector;
use super::property::{ConnectorType, Property};
use super::value::Value;

/// Why the service may refuse a connector as it is to be.
pub fn refusals(connector: &Connector) -> Vec<String> {
    let on = |property| connector.boolean(property) == Some(true);
    let addresses = !connector.addresses(Property::SenderIPAddresses).is_empty();
    let certificate = connector.certificate(Property::TlsSenderCertificateName);
    let kind = connector.connector_type();
    let rules: [(bool, &str); 8] = [
        (
            kind == Some(ConnectorType::OnPremises) && !addresses && certificate.is_none(),
            "an OnPremises connector needs SenderIPAddresses or TlsSenderCertificateName",
        ),
        (
            certificate.is_some() && !on(Property::RequireTls),
            "TlsSenderCertificateName needs RequireTls",
        ),
        (
            on(Property::RestrictDomainsToIPAddresses) && !addresses,
            "RestrictDomainsToIPAddresses needs SenderIPAddresses",
        ),
        (
            on(Property::RestrictDomainsToCertificate) && certificate.is_none(),
            "RestrictDomainsToCertificate needs TlsSenderCertificateName",
        ),
        (
            on(Property::RestrictDomainsToIPAddresses)
                && on(Property::RestrictDomainsToCertificate),
            "RestrictDomainsToIPAddresses and RestrictDomainsToCertificate exclude each other",
        ),
        (
            on(Property::CloudServicesMailEnabled) && kind == Some(ConnectorType::Partner),
            "CloudServicesMailEnabled is for OnPremises connectors",
        ),
        (
            on(Property::TreatMessagesAsInternal)
                && (kind == Some(ConnectorType::Partner) || on(Property::CloudServicesMailEnabled)),
            "TreatMessagesAsInternal is for OnPremises connectors without CloudServicesMailEnabled",
        ),
        (
            connector
                .setting(Property::SenderDomains)
                .is_some_and(|domains| domains.is_empty()),
            "SenderDomains cannot be empty",
        ),
    ];
    let mut found: Vec<String> = rules
        .into_iter()
        .filter(|(broken, _)| *broken)
        .map(|(_, words)| words.to_owned())
        .collect();
    found.extend(unwritable_address(connector));
    found
}

/// `SenderIPAddresses` takes IPv4 addresses and blocks of /24 to /32.
fn unwritable_address(connector: &Connector) -> Option<String> {
    let Some(Value::Addresses(set)) = connector.settings.get(&Property::SenderIPAddresses) else {
        return None;
    };
    let refused = |entry: &&str| {
        let (address, length) = entry.split_once('/').unwrap_or((entry, "32"));
        let is_v4 = address.parse::<std::net::Ipv4Addr>().is_ok();
        let is_short = length.parse::<u8>().map_or(true, |length| length < 24);
        !is_v4 || is_short
    };
    let entry = set.entries().find(refused)?;
    Some(format!(
        "SenderIPAddresses takes IPv4 addresses and blocks of /24 to /32, and holds {entry}"
    ))
}
