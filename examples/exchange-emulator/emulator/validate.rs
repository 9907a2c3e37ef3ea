//! What the service does not store (2.3 of the reference; most of it read in older code).

use super::{
    record::{Record, flag, list, text},
    refusal::Refusal,
};
use std::net::Ipv4Addr;

type Rule = (fn(&Record) -> bool, &'static str);

/// Each: what must not be, and what is said then.
const RULES: &[Rule] = &[
    (
        |it| text(it, "Name").is_none_or(|name| name.trim().is_empty()),
        "The property 'Name' can't be empty.",
    ),
    (
        |it| text(it, "Comment").is_some_and(|comment| comment.chars().count() > 1024),
        "The length of the property 'Comment' is too long. The maximum length is 1024.",
    ),
    (
        |it| list(it, "SenderDomains").is_empty(),
        "The SenderDomains parameter can't be empty.",
    ),
    (
        |it| {
            on_premises(it) && list(it, "SenderIPAddresses").is_empty() && certificate(it).is_none()
        },
        "An inbound connector of type OnPremises must have SenderIPAddresses or TlsSenderCertificateName.",
    ),
    (
        |it| certificate(it).is_some() && !flag(it, "RequireTls"),
        "RequireTls must be true when TlsSenderCertificateName is set.",
    ),
    (
        |it| certificate(it) == Some("*"),
        "TlsSenderCertificateName can't be '*'.",
    ),
    (
        |it| flag(it, "RestrictDomainsToIPAddresses") && list(it, "SenderIPAddresses").is_empty(),
        "RestrictDomainsToIPAddresses needs SenderIPAddresses.",
    ),
    (
        |it| flag(it, "RestrictDomainsToCertificate") && certificate(it).is_none(),
        "RestrictDomainsToCertificate needs TlsSenderCertificateName.",
    ),
    (
        |it| flag(it, "RestrictDomainsToIPAddresses") && flag(it, "RestrictDomainsToCertificate"),
        "RestrictDomainsToIPAddresses and RestrictDomainsToCertificate can't both be true.",
    ),
    (
        |it| flag(it, "CloudServicesMailEnabled") && !on_premises(it),
        "CloudServicesMailEnabled can be true only for connectors of type OnPremises.",
    ),
    (
        |it| flag(it, "TreatMessagesAsInternal") && !on_premises(it),
        "TreatMessagesAsInternal can be true only for connectors of type OnPremises.",
    ),
    (
        |it| flag(it, "TreatMessagesAsInternal") && flag(it, "CloudServicesMailEnabled"),
        "TreatMessagesAsInternal and CloudServicesMailEnabled can't both be true.",
    ),
];

/// Whether a connector is one of the organization's own servers.
pub fn on_premises(record: &Record) -> bool {
    text(record, "ConnectorType") == Some("OnPremises")
}

fn certificate(record: &Record) -> Option<&str> {
    text(record, "TlsSenderCertificateName").filter(|name| !name.is_empty())
}

/// Refuses a connector that breaks a rule.
pub fn connector(record: &Record) -> Result<(), Refusal> {
    if let Some((_, text)) = RULES.iter().find(|(broken, _)| broken(record)) {
        return Err(Refusal::invalid(text));
    }
    let refuse = |key: &str, entry: &str, why: &str| {
        Err(Refusal::invalid(&format!(
            "'{entry}' isn't valid in {key}. {why}"
        )))
    };
    for entry in list(record, "SenderIPAddresses") {
        if !is_block(&entry, 24) {
            return refuse(
                "SenderIPAddresses",
                &entry,
                "Use IPv4 addresses, or CIDR blocks from /24 to /32.",
            );
        }
    }
    for entry in list(record, "EFSkipIPs") {
        if !is_block(&entry, 0) && !is_range(&entry) {
            return refuse(
                "EFSkipIPs",
                &entry,
                "Use IPv4 addresses, CIDR blocks or ranges.",
            );
        }
    }
    for entry in list(record, "SenderDomains") {
        if !is_address_space(&entry) {
            return refuse(
                "SenderDomains",
                &entry,
                "Use domains; '*' only as the first label.",
            );
        }
    }
    Ok(())
}

/// An address, or a block whose prefix is at least so long. Host bits may be set.
fn is_block(text: &str, shortest: u8) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    address.parse::<Ipv4Addr>().is_ok()
        && length
            .parse::<u8>()
            .is_ok_and(|length| (shortest..=32).contains(&length))
}

fn is_range(text: &str) -> bool {
    let address = |text: &str| text.trim().parse::<Ipv4Addr>();
    let ends = text
        .split_once('-')
        .map(|(from, to)| (address(from), address(to)));
    matches!(ends, Some((Ok(from), Ok(to))) if from <= to)
}

fn is_address_space(text: &str) -> bool {
    let domain = text
        .strip_prefix("smtp:")
        .and_then(|text| text.rsplit_once(';'));
    let Some((domain, _)) = domain else {
        return false;
    };
    let labels = domain.strip_prefix("*.").unwrap_or(domain);
    domain == "*"
        || labels.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(changes: serde_json::Value) -> Result<(), Refusal> {
        let mut record = json!({"Name": "Relay", "ConnectorType": "OnPremises", "RequireTls": true,
            "SenderIPAddresses": ["192.0.2.1"], "SenderDomains": ["smtp:*;1"]});
        let changes = changes.as_object().unwrap().clone();
        record.as_object_mut().unwrap().extend(changes);
        connector(record.as_object().unwrap())
    }

    #[test]
    fn connectors_that_keep_the_rules_are_stored() {
        for changes in [
            json!({}),
            json!({"SenderIPAddresses": ["192.0.2.1/24", "192.0.2.7/32"]}),
            json!({"SenderIPAddresses": [], "TlsSenderCertificateName": "*.contoso.com"}),
            json!({"EFSkipIPs": ["192.0.2.1-192.0.2.9", "10.0.0.0/8"]}),
            json!({"RestrictDomainsToIPAddresses": true, "CloudServicesMailEnabled": true}),
            json!({"SenderDomains": ["smtp:*.contoso.com;1", "smtp:contoso.com;5"]}),
        ] {
            assert_eq!(check(changes.clone()), Ok(()), "{changes}");
        }
    }

    #[test]
    fn connectors_that_break_one_are_refused() {
        for changes in [
            json!({"Name": " "}),
            json!({"Comment": "x".repeat(1025)}),
            json!({"SenderDomains": []}),
            json!({"SenderDomains": ["smtp:a.*.com;1"]}),
            json!({"SenderIPAddresses": []}),
            json!({"SenderIPAddresses": ["192.0.2.0/23"]}),
            json!({"SenderIPAddresses": ["2001:db8::1"]}),
            json!({"SenderIPAddresses": ["192.0.2.1-192.0.2.9"]}),
            json!({"EFSkipIPs": ["192.0.2.9-192.0.2.1"]}),
            json!({"TlsSenderCertificateName": "*"}),
            json!({"TlsSenderCertificateName": "a.example.com", "RequireTls": false}),
            json!({"RestrictDomainsToCertificate": true}),
            json!({"ConnectorType": "Partner", "CloudServicesMailEnabled": true}),
            json!({"ConnectorType": "Partner", "TreatMessagesAsInternal": true}),
            json!({"TreatMessagesAsInternal": true, "CloudServicesMailEnabled": true}),
            json!({"ConnectorType": "Partner", "SenderIPAddresses": [], "RestrictDomainsToIPAddresses": true}),
            json!({"TlsSenderCertificateName": "a.example.com", "RestrictDomainsToCertificate": true,
                "RestrictDomainsToIPAddresses": true}),
        ] {
            assert!(check(changes.clone()).is_err(), "{changes}");
        }
    }
}
