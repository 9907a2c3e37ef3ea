//! The contract's table of drift, row by row: what a change of one setting is
//! called, how bad it is and what it does to trust, on each type of connector.

use crate::harness::{Repo, connector};
use serde_json::{Value, json};

const ON_PREMISES: &str = "Relay from data centre 1";
const HYBRID: &str = "Inbound from 5d1e9c77-40b8-4a0e-8f5d-2b7c6a914e02";
const PARTNER: &str = "Partner Fabrikam";

/// The drift findings after one setting of one connector was changed.
fn drift_after(name: &str, property: &str, value: Value) -> Vec<String> {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        connector(export, name)[property] = value
    });
    repo.check("contoso")
        .findings()
        .into_iter()
        .filter(|finding| finding.starts_with("drift-"))
        .collect()
}

#[track_caller]
fn row(name: &str, property: &str, value: Value, expected: &str) {
    let expected = format!("drift-{expected} {property}");
    assert_eq!(
        drift_after(name, property, value.clone()),
        [expected],
        "{name}: {property} became {value}"
    );
}

#[test]
fn on_premises_connectors_are_dangerous_where_they_open() {
    row(
        ON_PREMISES,
        "SenderIPAddresses",
        json!(["203.0.113.10", "203.0.113.48/28", "198.51.100.7"]),
        "widened critical widens",
    );
    row(
        ON_PREMISES,
        "SenderIPAddresses",
        json!(["203.0.113.11", "203.0.113.48/28"]),
        "widened critical widens",
    );
    row(
        ON_PREMISES,
        "SenderIPAddresses",
        json!(["203.0.113.0/24"]),
        "widened critical widens",
    );
    row(
        ON_PREMISES,
        "SenderIPAddresses",
        json!(["203.0.113.48/28"]),
        "narrowed low narrows",
    );
    row(
        ON_PREMISES,
        "SenderIPAddresses",
        json!([]),
        "narrowed low narrows",
    );
    row(
        ON_PREMISES,
        "TlsSenderCertificateName",
        json!("mail.contoso.com"),
        "widened critical widens",
    );
    row(
        HYBRID,
        "TlsSenderCertificateName",
        json!("mail.fabrikam.com"),
        "widened critical widens",
    );
    row(
        HYBRID,
        "TlsSenderCertificateName",
        json!("*.contoso.com"),
        "widened high widens",
    );
    row(
        HYBRID,
        "TlsSenderCertificateName",
        Value::Null,
        "widened high widens",
    );
    row(
        ON_PREMISES,
        "TreatMessagesAsInternal",
        json!(true),
        "widened critical widens",
    );
    row(
        ON_PREMISES,
        "RequireTls",
        json!(false),
        "widened high widens",
    );
    row(
        ON_PREMISES,
        "CloudServicesMailEnabled",
        json!(true),
        "widened high widens",
    );
    row(
        HYBRID,
        "CloudServicesMailEnabled",
        json!(false),
        "narrowed low narrows",
    );
    row(
        ON_PREMISES,
        "TrustedOrganizations",
        json!(["fabrikam.onmicrosoft.com"]),
        "widened high widens",
    );
    row(
        ON_PREMISES,
        "AssociatedAcceptedDomains",
        json!(["contoso.com"]),
        "narrowed low narrows",
    );
    row(ON_PREMISES, "Enabled", json!(false), "narrowed low narrows");
}

#[test]
fn partner_connectors_are_dangerous_where_they_let_go() {
    row(PARTNER, "Enabled", json!(false), "widened high widens");
    row(PARTNER, "RequireTls", json!(false), "widened high widens");
    row(
        PARTNER,
        "RestrictDomainsToCertificate",
        json!(false),
        "widened high widens",
    );
    row(
        PARTNER,
        "RestrictDomainsToIPAddresses",
        json!(true),
        "narrowed low narrows",
    );
    row(
        PARTNER,
        "SenderDomains",
        json!(["smtp:fabrikam.com;1"]),
        "widened high widens",
    );
    row(
        PARTNER,
        "SenderDomains",
        json!(["*.fabrikam.com", "fabrikam.com", "example.com"]),
        "narrowed low narrows",
    );
    row(
        PARTNER,
        "TlsSenderCertificateName",
        json!("*.com"),
        "widened high widens",
    );
    row(
        PARTNER,
        "TlsSenderCertificateName",
        json!("mail.example.com"),
        "widened high widens",
    );
    row(
        PARTNER,
        "TlsSenderCertificateName",
        Value::Null,
        "widened high widens",
    );
    row(
        PARTNER,
        "TlsSenderCertificateName",
        json!("mail.fabrikam.com"),
        "narrowed low narrows",
    );
    row(
        PARTNER,
        "TreatMessagesAsInternal",
        json!(true),
        "widened high widens",
    );
}

#[test]
fn on_either_type() {
    for name in [ON_PREMISES, PARTNER] {
        row(name, "Comment", json!("another"), "changed low neutral");
        row(
            name,
            "ConnectorSource",
            json!("Migrated"),
            "changed low neutral",
        );
        for property in [
            "ScanAndDropRecipients",
            "EFSkipMailGateway",
            "ClientHostNames",
        ] {
            row(
                name,
                property,
                json!(["x.example.com"]),
                "widened high widens",
            );
        }
        row(name, "EFTestMode", json!(true), "widened medium widens");
        row(
            name,
            "EFUsers",
            json!(["alice@contoso.com"]),
            "widened medium widens",
        );
        row(
            name,
            "EFSkipIPs",
            json!(["198.51.100.1-198.51.100.9"]),
            "widened medium widens",
        );
    }
    row(
        ON_PREMISES,
        "EFSkipLastIP",
        json!(false),
        "widened medium widens",
    );
    row(PARTNER, "EFSkipLastIP", json!(true), "narrowed low narrows");
    row(
        PARTNER,
        "SenderDomains",
        json!(["smtp:fabrikam.com;5", "smtp:*.fabrikam.com;1"]),
        "changed low neutral",
    );
}

#[test]
fn spelling_is_no_difference() {
    for (name, property, value) in [
        (
            ON_PREMISES,
            "SenderIPAddresses",
            json!(["203.0.113.63/29", "203.0.113.48/29", "203.0.113.10/32"]),
        ),
        (
            ON_PREMISES,
            "SenderIPAddresses",
            json!("203.0.113.10 203.0.113.48/28"),
        ),
        (
            ON_PREMISES,
            "SenderIPAddresses",
            json!({ "value": ["203.0.113.10", "203.0.113.48/28"], "Count": 2 }),
        ),
        (ON_PREMISES, "SenderDomains", json!(["*"])),
        (ON_PREMISES, "TlsSenderCertificateName", json!("")),
        (ON_PREMISES, "EFUsers", Value::Null),
        (ON_PREMISES, "ConnectorType", json!("onpremises")),
        (
            PARTNER,
            "SenderDomains",
            json!(["SMTP:Fabrikam.com.;1", "smtp:*.FABRIKAM.COM;1"]),
        ),
        (
            PARTNER,
            "TlsSenderCertificateName",
            json!("*.Fabrikam.COM."),
        ),
    ] {
        assert_eq!(
            drift_after(name, property, value.clone()),
            [""; 0],
            "{property} {value}"
        );
    }
}

#[test]
fn a_type_that_changed_is_weighed_as_the_worse_of_both() {
    let findings = drift_after(PARTNER, "ConnectorType", json!("OnPremises"));
    assert_eq!(findings, ["drift-widened critical widens ConnectorType"]);
    assert_eq!(
        drift_after(PARTNER, "ConnectorType", json!("Hybrid")),
        ["drift-widened critical widens ConnectorType"]
    );
    assert_eq!(
        drift_after(ON_PREMISES, "ConnectorType", json!("Partner")),
        ["drift-narrowed low narrows ConnectorType"]
    );
}

#[test]
fn connectors_appear_disappear_and_change_identity() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let repo = Repo::example();
        repo.export("contoso", |export| change(export));
        repo.check("contoso")
            .findings()
            .into_iter()
            .filter(|finding| finding.starts_with("drift-"))
            .collect::<Vec<_>>()
    };
    let new_ids = |row: &mut Value| {
        row["Guid"] = json!("00000000-0000-4000-8000-000000000001");
        row["ExchangeObjectId"] = json!("00000000-0000-4000-8000-000000000002");
    };
    let added = |name: &str, enabled: bool, kind: &str| {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        changed(&move |export| {
            let mut row = connector(export, ON_PREMISES).clone();
            new_ids(&mut row);
            row["Name"] = json!(name);
            row["Enabled"] = json!(enabled);
            row["ConnectorType"] = json!(kind);
            export["inbound_connectors"]
                .as_array_mut()
                .unwrap()
                .push(row);
        })
    };
    assert_eq!(
        added("New", true, "OnPremises"),
        ["drift-unknown critical widens -"]
    );
    assert_eq!(
        added("New", false, "OnPremises"),
        ["drift-unknown medium widens -"]
    );
    assert_eq!(
        added("New", true, "Partner"),
        ["drift-unknown medium widens -"]
    );
    assert_eq!(
        added("New", true, "Strange"),
        ["drift-unknown critical widens -"]
    );
    let removed = |name: &str| {
        let name = name.to_owned();
        changed(&move |export| {
            export["inbound_connectors"]
                .as_array_mut()
                .unwrap()
                .retain(|row| row["Name"] != name)
        })
    };
    assert_eq!(removed(ON_PREMISES), ["drift-missing medium narrows -"]);
    assert_eq!(removed(PARTNER), ["drift-missing high widens -"]);
    assert_eq!(
        changed(&|export| new_ids(connector(export, PARTNER))),
        ["drift-recreated high widens -"]
    );
    // The Guid alone is new when a tenant moves to another forest.
    assert_eq!(
        changed(&|export| connector(export, PARTNER)["Guid"] =
            json!("00000000-0000-4000-8000-000000000001")),
        [""; 0]
    );
    assert_eq!(
        changed(&|export| connector(export, PARTNER)["Name"] = json!("Partner F")),
        ["drift-renamed low neutral Name"]
    );
    assert_eq!(
        changed(&|export| export["accepted_domains"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "DomainName": "example.com" }))),
        ["drift-accepted-domain medium widens -"]
    );
}

#[test]
fn a_recreated_connector_is_compared_setting_by_setting() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        let row = connector(export, ON_PREMISES);
        row["Guid"] = json!("00000000-0000-4000-8000-000000000001");
        row["ExchangeObjectId"] = json!("00000000-0000-4000-8000-000000000001");
        row["SenderIPAddresses"] = json!(["198.51.100.0/24"]);
    });
    let findings = repo
        .check("contoso")
        .expect(14, &["\"count\": \"256\"", "198.51.100.0/24"])
        .findings();
    assert!(
        findings.contains(&"drift-recreated high widens -".to_owned())
            && findings.contains(&"drift-widened critical widens SenderIPAddresses".to_owned()),
        "{findings:?}"
    );
}
