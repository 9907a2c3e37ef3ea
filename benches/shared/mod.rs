//! An audit repository of clean tenants, signed by the example's keys.

use serde_json::{Value, json};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::fs;
use std::path::Path;

/// How many connectors each tenant has.
pub const CONNECTORS: usize = 20;
/// A time at which everything in it is in force.
pub const NOW: &str = "2026-11-21T12:00:00Z";

/// Makes an audit repository of clean tenants, signed by the example's keys.
pub fn make_fleet(folder: &Path, tenants: usize) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for place in ["trust/root.sigs", "policies", "baselines", "exports"] {
        fs::create_dir_all(folder.join(place)).unwrap();
    }
    for file in [
        "trust/root.yaml",
        "trust/allowed_signers",
        "trust/root.sigs/alice@contoso.com.sig",
        "trust/root.sigs/bob@contoso.com.sig",
    ] {
        fs::copy(project.join(file), folder.join(file)).unwrap();
    }
    let names: Vec<String> = (0..tenants).map(|number| format!("t{number}")).collect();
    let policy = json!({
        "apiVersion": "connguard/v1", "kind": "Policy", "version": 1, "issued": "2026-11-18T09:00:00Z", "expires": "2099-12-31T00:00:00Z",
        "tenants": names.iter().map(|name| (name.clone(), json!({ "sources": ["export"] }))).collect::<serde_json::Map<_, _>>(),
        "max_snapshot_age": "24h", "catalogue": "default@1",
    });
    write_signed(
        folder,
        "policies/policy",
        "connguard-policy",
        &serde_json::to_string_pretty(&policy).unwrap(),
    );
    let mut config = String::from("apiVersion: connguard/v1\nkind: Config\ntenants:\n");
    for (number, name) in names.iter().enumerate() {
        let organization = format!(
            "{{ tenant_id: {}, domain: {name}.onmicrosoft.com }}",
            guid(number, 0)
        );
        config += &format!(
            "  {name}:\n    organization: {organization}\n    source: {{ export: exports/{name}.json }}\n"
        );
        fs::write(
            folder.join(format!("exports/{name}.json")),
            export(name, number),
        )
        .unwrap();
        write_signed(
            folder,
            &format!("baselines/{name}"),
            "connguard-baseline",
            &baseline(name, number, &organization),
        );
    }
    fs::write(folder.join("connguard.yaml"), config).unwrap();
}

pub fn guid(tenant: usize, connector: usize) -> String {
    format!("{tenant:08x}-0000-4000-8000-{connector:012x}")
}

fn write_signed(folder: &Path, path: &str, namespace: &str, text: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.join(format!("{path}.yaml")), text).unwrap();
    fs::create_dir_all(folder.join(format!("{path}.sigs"))).unwrap();
    for person in ["alice", "bob"] {
        let key = PrivateKey::read_openssh_file(project.join("tests/keys").join(person)).unwrap();
        let signature = key
            .sign(namespace, HashAlg::Sha512, text.as_bytes())
            .unwrap()
            .to_pem(LineEnding::LF)
            .unwrap();
        fs::write(
            folder.join(format!("{path}.sigs/{person}@contoso.com.sig")),
            signature,
        )
        .unwrap();
    }
}

pub fn export(name: &str, number: usize) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut export: Value =
        serde_json::from_str(&fs::read_to_string(project.join("exports/contoso.json")).unwrap())
            .unwrap();
    let template = export["inbound_connectors"][0].clone();
    let domain = format!("{name}.onmicrosoft.com");
    let connectors = (0..CONNECTORS).map(|index| {
        let mut row = template.clone();
        row["Name"] = json!(format!("Relay number {index}"));
        row["ExchangeObjectId"] = json!(guid(number, index + 1));
        row["Guid"] = row["ExchangeObjectId"].clone();
        row["OrganizationalUnitRoot"] = json!(domain);
        row["SenderIPAddresses"] = json!([
            format!("203.0.113.{}", index * 4),
            format!("198.51.100.{}/30", index * 4)
        ]);
        row["TlsSenderCertificateName"] = json!("mail.contoso.com");
        row
    });
    export["inbound_connectors"] = connectors.collect();
    export["taken_at"] = json!("2026-11-21T11:00:00Z");
    export["organization"] = json!({ "tenant_id": guid(number, 0), "domain": domain });
    serde_json::to_string_pretty(&export).unwrap()
}

fn baseline(name: &str, number: usize, organization: &str) -> String {
    let mut text = format!(
        "apiVersion: connguard/v1\nkind: Baseline\ntenant: {name}\norganization: {organization}\nversion: 1\nissued: 2026-11-18T09:00:00Z\nexpires: 2099-12-31T00:00:00Z\naccepted_domains: [contoso.onmicrosoft.com, contoso.com]\nconnectors:\n"
    );
    for index in 0..CONNECTORS {
        text += &format!(
            "  - name: Relay number {index}\n    id: {}\n    owner: mail-team@contoso.com\n    reason: CHG-4711\n    settings:\n      Enabled: true\n      ConnectorType: OnPremises\n      ConnectorSource: Default\n      Comment: CHG-4711\n      SenderDomains: [\"*\"]\n      SenderIPAddresses: [203.0.113.{}, 198.51.100.{}/30]\n      RequireTls: true\n      TlsSenderCertificateName: mail.contoso.com\n      RestrictDomainsToIPAddresses: false\n      RestrictDomainsToCertificate: false\n      CloudServicesMailEnabled: false\n      TreatMessagesAsInternal: false\n      EFSkipLastIP: true\n      EFTestMode: false\n",
            guid(number, index + 1),
            index * 4,
            index * 4
        );
    }
    text
}
