//! What an attacker who can choose values, or a tool that loses them, must not achieve:
//! that a run says less than it would have said.

use crate::harness::{NOW, Repo, connector};
use serde_json::{Value, json};

const RELAY: &str = "Relay from data centre 1";
const PARTNER: &str = "Partner Fabrikam";

/// Checks the clean tenant after its export was changed.
fn after(change: impl FnOnce(&mut Value)) -> crate::harness::Run {
    let repo = Repo::example();
    repo.export("contoso", change);
    repo.check("contoso")
}

/// An unknown relay with one property of the attacker's choice.
fn rogue(property: &str, value: Value) -> crate::harness::Run {
    after(|export| {
        let mut row = connector(export, RELAY).clone();
        row["Name"] = json!("Rogue");
        for key in ["Guid", "ExchangeObjectId"] {
            row[key] = json!("00000000-0000-4000-8000-000000000001");
        }
        row[property] = value;
        export["inbound_connectors"]
            .as_array_mut()
            .unwrap()
            .push(row);
    })
}

#[test]
fn a_value_that_is_hard_to_read_does_not_hide_its_connector() {
    for (property, value) in [
        ("TlsSenderCertificateName", json!("System.contoso.example")),
        ("TlsSenderCertificateName", json!("mail.contoso.com...")),
        ("TrustedOrganizations", json!(["System.Object[]"])),
        ("EFUsers", json!(["x..."])),
        ("RequireTls", json!("no")),
        ("ConnectorType", json!(7)),
        ("WhenCreatedUTC", json!("yesterday")),
        ("Brand", json!({ "new": "x".repeat(1000) })),
    ] {
        rogue(property, value).expect(14, &["drift-unknown", "Rogue"]);
    }
    // An unreadable list is unknown, and not empty.
    let run =
        after(|export| connector(export, RELAY)["SenderIPAddresses"] = json!(["System.Object[]"]));
    let run = run.expect(
        1,
        &[
            "the name of a type",
            "SenderIPAddresses of \\\"Relay from data centre 1\\\" could not be compared",
        ],
    );
    assert!(
        run.findings()
            .iter()
            .all(|finding| !finding.starts_with("drift-")),
        "{:?}",
        run.findings()
    );
}

#[test]
fn a_block_is_found_under_either_id_and_without_its_connector() {
    for (id, words) in [
        ("00000000-0000-4000-8000-000000000009", "has blocked it"),
        (
            "00000000-0000-4000-8000-000000000008",
            "is not in the snapshot",
        ),
    ] {
        let run = after(|export| {
            connector(export, RELAY)["Guid"] = json!("00000000-0000-4000-8000-000000000009");
            export["blocked_connectors"] = json!([{ "ConnectorId": id }]);
        });
        run.expect(13, &["connector-blocked", words]);
    }
}

#[test]
fn a_domain_that_only_looks_approved_is_another() {
    for odd in [
        "fabri\u{ad}kam.com",
        "fabrikam\u{200b}.com",
        "\u{ff46}abrikam.com",
        "fabrikam\u{3002}com",
        "fabrikam.com\u{a0}",
    ] {
        let run = after(|export| {
            connector(export, PARTNER)["SenderDomains"] = json!([odd, "*.fabrikam.com"])
        });
        let findings = run.expect(11, &[]).findings();
        assert!(
            findings.contains(&"sender-domain-malformed low - SenderDomains".to_owned()),
            "{odd:?}: {findings:?}"
        );
    }
    let run = after(|export| {
        connector(export, "Inbound from 5d1e9c77-40b8-4a0e-8f5d-2b7c6a914e02")["TlsSenderCertificateName"] =
            json!("mail.conto\u{ad}so.com")
    });
    run.expect(14, &["drift-widened"]);
}

#[test]
fn a_part_is_believed_only_as_far_as_it_goes() {
    let wrapped = |more: Value| {
        after(move |export| {
            let mut wrapper = more;
            wrapper["value"] = export["inbound_connectors"].take();
            export["inbound_connectors"] = wrapper;
        })
    };
    wrapped(json!({})).expect(0, &[]);
    wrapped(json!({ "@odata.nextLink": "https://example.com" })).expect(3, &["next page"]);
    wrapped(json!({ "@adminapi.warnings": ["There are more results"] }))
        .expect(3, &["more results"]);
    for nothing in [Value::Null, json!([]), json!([null])] {
        after(|export| export["accepted_domains"] = nothing)
            .expect(3, &["accepted_domains could not be compared"]);
    }
    for nothing in [Value::Null, json!({ "value": null })] {
        let run = after(|export| export["inbound_connectors"] = nothing).expect(3, &["holds null"]);
        assert!(!run.stdout.contains("drift-missing"));
    }
}

#[test]
fn connectors_without_an_organization_or_an_id_are_not_compared() {
    let anonymous = |with_ids: bool| {
        after(|export| {
            export["organization"] = json!({});
            for row in export["inbound_connectors"].as_array_mut().unwrap() {
                let row = row.as_object_mut().unwrap();
                row.remove("OrganizationalUnitRoot");
                if !with_ids {
                    row.remove("Guid");
                    row.remove("ExchangeObjectId");
                }
            }
        })
    };
    // An id is an organization's own, so it says whose connectors these are.
    anonymous(true).expect(0, &[]);
    anonymous(false).expect(
        3,
        &["does not say which organization", "ExchangeObjectId of"],
    );
}

#[test]
fn a_name_in_another_case_is_no_second_value() {
    for key in [
        "isvalid",
        "exchangeobjectid",
        "NAME",
        "organizationalunitroot",
        "requiretls",
    ] {
        let run = after(|export| connector(export, RELAY)[key] = Value::Null);
        run.expect(1, &["occurs twice in one record"]);
    }
}

#[test]
fn no_clock_overflows() {
    let repo = Repo::example();
    let pin = repo.pin();
    for now in ["9999-12-30T22:00:00Z", "0000-01-01T00:00:00Z"] {
        let run = repo.run(&["check", "--tenant", "contoso", "--now", now, "--root", &pin]);
        assert!(matches!(run.code, 0 | 3), "{run:?}");
    }
}

#[test]
fn long_expressions_and_odd_patterns_are_bounded() {
    let repo = Repo::empty();
    let rule = |check: &str| {
        format!(
            "apiVersion: connguard/v1\nkind: Rule\nid: x\ntitle: x\nseverity: low\ncheck:\n  {check}\nwhy: x\nfix: x\nexamples: {{ fires: [ {{}} ], quiet: [ {{}} ] }}\n"
        )
    };
    for (check, words) in [
        (
            format!("expression: 1{} > 0", "+1".repeat(900)),
            "levels deep",
        ),
        (
            format!("expression: 1{} > 0", "+1".repeat(5000)),
            "longer than 2048 bytes",
        ),
        (
            format!("expression: {}true{}", "(".repeat(900), ")".repeat(900)),
            "x.yaml",
        ),
        (format!("expression: {}true", "!".repeat(1500)), "x.yaml"),
    ] {
        repo.write("x.yaml", rule(&check));
        repo.run(&["policy", "test", "x.yaml"]).expect(1, &[words]);
    }
}

#[test]
fn many_connectors_and_long_lists_take_time_in_proportion() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        let template = connector(export, RELAY).clone();
        let rows = export["inbound_connectors"].as_array_mut().unwrap();
        for number in 0..400 {
            let mut row = template.clone();
            row["Name"] = json!(format!("Relay {number} {}", "x".repeat(200)));
            row["ExchangeObjectId"] = json!(format!("00000000-0000-4000-8000-{number:012}"));
            row["Guid"] = row["ExchangeObjectId"].clone();
            rows.push(row);
        }
        let many: Vec<String> = (0..60_000)
            .map(|number| format!("10.{}.{}.1", number / 256, number % 256))
            .collect();
        connector(export, PARTNER)["SenderIPAddresses"] = json!(many);
    });
    repo.run(&[
        "check", "--tenant", "contoso", "--now", NOW, "--format", "json",
    ])
    .expect(14, &[]);
    let twins: Vec<Value> = (0..20_000).map(|_| json!({ "Name": "a", "ConnectorType": "Partner", "Guid": "00000000-0000-4000-8000-000000000001" })).collect();
    repo.write("twins.json", json!(twins).to_string());
    repo.run(&["fetch", "--from", "twins.json"])
        .expect(1, &["two records have the id", "and at least"]);
}

#[test]
#[cfg(unix)]
fn files_that_lead_elsewhere_are_not_quoted() {
    let secret = Repo::empty();
    secret.write("secret", "password: hunter2\n");
    for file in ["connguard.yaml", "policies/own.yaml"] {
        let repo = Repo::example();
        let _ = std::fs::remove_file(repo.path(file));
        std::os::unix::fs::symlink(secret.path("secret"), repo.path(file)).unwrap();
        for arguments in [&["policy", "test"][..], &["check"]] {
            let run = repo.run(arguments);
            assert!(
                !run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"),
                "{run:?}"
            );
            assert!(
                run.code != 0 || (file == "connguard.yaml" && arguments[0] == "policy"),
                "{run:?}"
            );
        }
    }
}

#[test]
fn mistakes_on_the_command_line_are_inert_too() {
    let run = Repo::example().run(&["check", "--format", "x\n::error::y ##vso[x]"]);
    assert_eq!(run.code, 2);
    assert!(
        !run.stderr.lines().any(|line| line.starts_with("::")) && !run.stderr.contains("##vso["),
        "{}",
        run.stderr
    );
}
