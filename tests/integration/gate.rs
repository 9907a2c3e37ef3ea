//! A change judged before it is made: the same findings as a check after it.

use crate::harness::{NOW, Repo, Run, connector};
use serde_json::{Value, json};

impl Repo {
    /// `gate` of one tenant at [`NOW`] with the root pinned, as JSON.
    fn gate(&self, tenant: &str, change: &[&str]) -> Run {
        let pin = self.pin();
        let mut arguments = vec![
            "gate", "--tenant", tenant, "--now", NOW, "--root", &pin, "--format", "json",
        ];
        arguments.extend(change);
        self.run(&arguments)
    }
}

const RELAY: &str = "Relay from data centre 1";

/// Findings without what depends on where the values were read.
fn essence(run: &Run) -> Vec<Value> {
    let mut findings = run.json()["tenants"][0]["findings"]
        .as_array()
        .unwrap()
        .clone();
    for finding in &mut findings {
        for key in ["since", "decides", "locations"] {
            finding.as_object_mut().unwrap().remove(key);
        }
    }
    findings
}

#[test]
fn the_findings_of_a_line_are_those_of_a_check_after_it() {
    type Made = fn(&mut Value);
    let cases: [(&str, Made); 8] = [
        (
            "Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses 198.51.100.9, 203.0.113.10",
            |relay| relay["SenderIPAddresses"] = json!(["198.51.100.9", "203.0.113.10"]),
        ),
        (
            "set-inboundconnector -Identity 0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01 -SenderIPA @{Add=\"198.51.100.9\"; Remove='203.0.113.10'}",
            |relay| relay["SenderIPAddresses"] = json!(["198.51.100.9", "203.0.113.48/28"]),
        ),
        (
            "Set-InboundConnector \u{2018}Relay from data centre 1\u{2019} \u{2013}Req:$false `\n  -TreatMessagesAsInternal $true",
            |relay| {
                relay["RequireTls"] = json!(false);
                relay["TreatMessagesAsInternal"] = json!(true);
            },
        ),
        (
            "Set-InboundConnector \"Relay from data centre 1\" -Comment $null -ea Stop -Confirm:$false",
            |relay| relay["Comment"] = json!(""),
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Name 'R\u{0435}lay' # quiet",
            |relay| relay["Name"] = json!("R\u{0435}lay"),
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Enabled $false; Set-InboundConnector 'Relay from data centre 1' -EFUsers a@contoso.com",
            |relay| {
                relay["Enabled"] = json!(false);
                relay["EFUsers"] = json!(["a@contoso.com"]);
            },
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -TlsSenderCertificateName '*.example.net' -SenderDomains @('smtp:contoso.com;1', 'example.net')",
            |relay| {
                relay["TlsSenderCertificateName"] = json!("*.example.net");
                relay["SenderDomains"] = json!(["contoso.com", "example.net"]);
            },
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -ScanAndDropRecipients x@contoso.com -ConnectorType Partner",
            |relay| {
                relay["ScanAndDropRecipients"] = json!(["x@contoso.com"]);
                relay["ConnectorType"] = json!("Partner");
            },
        ),
    ];
    for (line, made) in cases {
        let repo = Repo::example();
        let gated = repo.gate("contoso", &[line]);
        repo.export("contoso", |export| made(connector(export, RELAY)));
        let checked = repo.check("contoso");
        assert_eq!(essence(&gated), essence(&checked), "{line}");
        assert_eq!(
            gated.json()["tenants"][0]["reasons"],
            checked.json()["tenants"][0]["reasons"]
        );
    }
    // A connector that is made, and one that is removed.
    let repo = Repo::example();
    let gated = repo.gate("contoso", &["Remove-InboundConnector 'Partner Fabrikam'"]);
    repo.export("contoso", |export| {
        export["inbound_connectors"]
            .as_array_mut()
            .unwrap()
            .retain(|row| row["Name"] != "Partner Fabrikam");
    });
    assert_eq!(essence(&gated), essence(&repo.check("contoso")));
    assert_eq!(gated.code, 13);
}

#[test]
fn what_widens_fails_and_what_only_narrows_passes() {
    let repo = Repo::example();
    repo.gate("contoso", &["Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses @{Add='203.0.113.20'}"]).expect(14, &["drift-widened"]);
    let narrow = "Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses @{Remove='203.0.113.10'}";
    let run = repo
        .gate("contoso", &[narrow])
        .expect(0, &["drift-narrowed"]);
    assert_eq!(run.json()["tenants"][0]["findings"][0]["decides"], false);
    // Less than there is, and still more than was approved: smaller is better, and passes.
    let smaller =
        "Set-InboundConnector 'Relay Amsterdam' -SenderIPAddresses 203.0.113.130, 203.0.113.131";
    repo.gate("fabrikam", &[smaller]).expect(0, &[]);
    // A wider set in the same list does not.
    let larger = "Set-InboundConnector 'Relay Amsterdam' -SenderIPAddresses @{Add='198.51.100.8'}";
    repo.gate("fabrikam", &[larger])
        .expect(14, &["198.51.100.8"]);
    // What the narrowing breaks counts: a relay that nobody can be recognised by.
    let broken = "Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses $null";
    let run = repo.gate("contoso", &[broken]);
    assert_ne!(run.code, 0, "{run:?}");
    repo.repolicy(
        "catalogue: default@1",
        "catalogue: default@1\ngate: { narrowing: review }",
    );
    repo.gate("contoso", &[narrow]).expect(11, &[]);
}

#[test]
fn what_was_open_before_is_shown_and_decides_nothing() {
    let repo = Repo::example();
    let run = repo
        .gate(
            "fabrikam",
            &["Set-InboundConnector 'Partner Contoso' -RequireTls $true"],
        )
        .expect(0, &["drift-unknown"]);
    let tenant = &run.json()["tenants"][0];
    assert!(
        tenant["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["status"] == "accepted" || finding["decides"] == false)
    );
    let resolved: Vec<&str> = tenant["resolved"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert!(resolved.contains(&"drift-widened"), "{resolved:?}");
}

#[test]
fn what_has_no_one_meaning_is_refused_with_its_place() {
    let repo = Repo::example();
    let cases = [
        (
            "Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses $addresses",
            "not known before it runs",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Sender x",
            "-SenderIPAddresses or -SenderDomains",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Enabled true",
            "write $true or $false",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Enabled -RequireTls $true",
            "-Enabled needs a value",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -ClientHostNames a",
            "never after",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -RequireTls $true -requiretls $false",
            "given twice",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Commant x",
            "did you mean -Comment?",
        ),
        (
            "Set-InboundConnector Nobody -Enabled $false",
            "there is no connector \"Nobody\"",
        ),
        ("Set-InboundConnector -Enabled $false", "needs -Identity"),
        (
            "New-InboundConnector 'Relay from data centre 1' -SenderDomains *",
            "already",
        ),
        ("New-InboundConnector X", "needs -SenderDomains"),
        (
            "Set-InboundConnector 'Relay from data centre 1' -Name 'partner fabrikam'",
            "already",
        ),
        (
            "Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses @{Remove='198.51.100.1'}",
            "does not hold",
        ),
        ("Get-InboundConnector | Remove-InboundConnector", "pipeline"),
        (
            "Set-OutboundConnector x -Enabled $true",
            "changes no inbound connector",
        ),
        ("Set-InboundConnector @parameters", "splatting"),
    ];
    for (line, words) in cases {
        repo.gate("contoso", &[line])
            .expect(1, &[words, "(command line):1:"]);
    }
    // Of what a new connector gets where nothing is said, TLS is not certain: no verdict without it, and the attack is named all the same.
    repo.gate("contoso", &["New-InboundConnector Evil -SenderDomains * -ConnectorType OnPremises -SenderIPAddresses 198.51.100.7"])
        .expect(14, &["drift-unknown", "does not say -RequireTls"]);
    repo.gate("contoso", &[])
        .expect(2, &["say what is to be judged"]);
    let pin = repo.pin();
    repo.run(&[
        "gate",
        "--now",
        NOW,
        "--root",
        &pin,
        "Remove-InboundConnector x",
    ])
    .expect(2, &["name it with --tenant"]);
}

#[test]
fn a_document_is_the_connector_as_it_is_to_be() {
    let repo = Repo::example();
    let mut export: Value = serde_json::from_str(&repo.read("exports/contoso.json")).unwrap();
    let mut row = connector(&mut export, RELAY).clone();
    repo.write("same.json", row.to_string());
    repo.gate("contoso", &["--document", "same.json"])
        .expect(0, &[]);
    row["SenderIPAddresses"]
        .as_array_mut()
        .unwrap()
        .push(json!("203.0.113.20"));
    repo.write("wider.json", row.to_string());
    repo.gate("contoso", &["--document", "wider.json"])
        .expect(14, &["203.0.113.20"]);
    let baseline = repo.read("baselines/contoso.yaml");
    let settings = baseline
        .split("    settings:\n")
        .nth(1)
        .unwrap()
        .split("  - name")
        .next()
        .unwrap();
    let settings: String = settings
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap()))
        .collect();
    repo.write(
        "relay.yaml",
        format!("apiVersion: connguard/v1\nkind: Connector\nname: {RELAY}\nsettings:\n{settings}"),
    );
    repo.gate("contoso", &["--document", "relay.yaml"])
        .expect(0, &[]);
    repo.write(
        "relay.yaml",
        format!("apiVersion: connguard/v1\nkind: Connector\nname: New one\nsettings:\n{settings}"),
    );
    repo.gate("contoso", &["--document", "relay.yaml"])
        .expect(14, &["drift-unknown", "would be a new connector"]);
    repo.write(
        "relay.yaml",
        "apiVersion: connguard/v1\nkind: Connector\nname: x\nsettings: { Enabled: true }\n",
    );
    repo.gate("contoso", &["--document", "relay.yaml"])
        .expect(1, &["relay.yaml:4:", "leave out"]);
    let schema = repo.run(&["schema", "connector"]).json();
    assert_eq!(schema["properties"]["kind"]["const"], "Connector");
}

#[test]
fn without_a_repository_the_rules_judge_a_line_on_an_export() {
    let repo = Repo::example();
    let alone = Repo::empty();
    alone.write("contoso.json", repo.read("exports/contoso.json"));
    alone
        .run(&[
            "gate",
            "--now",
            NOW,
            "--from",
            "contoso.json",
            "Set-InboundConnector 'Relay from data centre 1' -SenderIPAddresses 0.0.0.0/0",
        ])
        .expect(14, &["sender-addresses-unbounded"]);
}

#[test]
fn a_relay_that_was_slipped_an_address_is_not_switched_on_unseen() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        let relay = connector(export, RELAY);
        relay["Enabled"] = json!(false);
        relay["SenderIPAddresses"] = json!([
            "203.0.113.10",
            "203.0.113.48/28",
            "203.0.113.20",
            "203.0.113.21"
        ]);
    });
    for line in [
        "Set-InboundConnector 'Relay from data centre 1' -Enabled $true",
        "Set-InboundConnector 'Relay from data centre 1' -Enabled $true -SenderIPAddresses @{Remove='203.0.113.21'}",
    ] {
        let run = repo.gate("contoso", &[line]);
        assert_eq!(run.code, 14, "{line}: {run:?}");
    }
    repo.export("contoso", |export| {
        let relay = connector(export, RELAY);
        relay["Enabled"] = json!(true);
        relay["ConnectorType"] = json!("Partner");
    });
    let line = "Set-InboundConnector 'Relay from data centre 1' -ConnectorType OnPremises";
    assert_eq!(repo.gate("contoso", &[line]).code, 14);
}

#[test]
fn a_file_that_two_versions_of_powershell_read_differently_is_refused() {
    let repo = Repo::example();
    // Read as Windows-1252 the last byte of the letter is a quote, and the rest of the line runs.
    let line = "Set-InboundConnector 'Relay from data centre 1' -ErrorVariable '\u{0412} -SenderIPAddresses 198.51.100.7 #'\n";
    repo.write("change.ps1", line);
    repo.gate("contoso", &["--file", "change.ps1"])
        .expect(1, &["line 1 is not ASCII", "byte order mark"]);
    repo.write("change.ps1", format!("\u{feff}{line}"));
    repo.gate("contoso", &["--file", "change.ps1"])
        .expect(0, &["changes nothing"]);
    repo.write(
        "change.ps1",
        "Set-InboundConnector 'Relay from data centre 1' -Comment x`\n -Enabled $false\n",
    );
    repo.gate("contoso", &["--file", "change.ps1"])
        .expect(1, &["right behind a word"]);
}
