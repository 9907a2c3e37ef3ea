//! Which settings the service checks together, so that one is sent with the other.
//!
//! From the reference, section 2.3; most of it is known from older versions of
//! the service only. To send a value that is there already costs nothing.

use crate::connector::property::Property;
use std::collections::BTreeSet;

use Property::{
    CloudServicesMailEnabled, ConnectorType, RequireTls, RestrictDomainsToCertificate,
    RestrictDomainsToIPAddresses, SenderIPAddresses, TlsSenderCertificateName,
    TreatMessagesAsInternal,
};

/// A setting that is sent, and those that are sent with it.
const TOGETHER: &[(Property, &[Property])] = &[
    // A connector of type OnPremises needs addresses or a certificate name.
    (
        ConnectorType,
        &[SenderIPAddresses, TlsSenderCertificateName],
    ),
    // A certificate name demands TLS.
    (TlsSenderCertificateName, &[RequireTls]),
    (RequireTls, &[TlsSenderCertificateName]),
    // Each restriction demands what it restricts to, and the two exclude each other.
    (
        RestrictDomainsToIPAddresses,
        &[SenderIPAddresses, RestrictDomainsToCertificate],
    ),
    (
        RestrictDomainsToCertificate,
        &[
            TlsSenderCertificateName,
            RequireTls,
            RestrictDomainsToIPAddresses,
        ],
    ),
    // Both are for OnPremises connectors only, and exclude each other.
    (
        CloudServicesMailEnabled,
        &[ConnectorType, TreatMessagesAsInternal],
    ),
    (
        TreatMessagesAsInternal,
        &[ConnectorType, CloudServicesMailEnabled],
    ),
];

/// The settings that are sent with these, which are not among them.
pub(super) fn of(sent: &BTreeSet<Property>) -> BTreeSet<Property> {
    TOGETHER
        .iter()
        .filter(|(property, _)| sent.contains(property))
        .flat_map(|(_, partners)| partners.iter().copied())
        .filter(|partner| !sent.contains(partner))
        .collect()
}
