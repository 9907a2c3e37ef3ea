//! Verdicts and exit codes of `connguard check`.

use crate::harness::{NOW, Repo, connector};
use serde_json::json;

const RELAY: &str = "Relay from data centre 1";

#[test]
fn the_example_shows_the_attack_and_a_clean_tenant() {
    let run = Repo::example().run(&["check", "--now", NOW]);
    run.expect(
        14,
        &[
            "fabrikam DRIFT (critical)",
            "drift-widened: SenderIPAddresses: admits 198.51.100.7 (1 address) that the baseline does not",
            "drift-unknown: an enabled OnPremises connector that nobody approved; it admits 192.0.2.0/24 (256 addresses)",
            "RequireTls: TLS no longer required",
            "deceptive-name: Name holds \"Rel\u{430}y\", which mixes alphabets",
            "-Identity e7d6c5b4-a3f2-4e10-9d8c-7b6a5f4e3d13 -Enabled $false",
            "contoso CLEAN",
            "root-not-pinned",
            "exit 14",
        ],
    );
}

#[test]
fn a_pinned_clean_tenant_is_clean_and_an_unpinned_one_says_so() {
    let repo = Repo::example();
    repo.check("contoso").expect(0, &["\"verdict\": \"clean\""]);
    let run = repo.run(&[
        "check", "--tenant", "contoso", "--now", NOW, "--format", "json",
    ]);
    assert_eq!(run.code, 12);
    let json = run.json();
    assert_eq!(json["findings"][0]["rule"], "root-not-pinned");
    assert_eq!(json["tenants"][0]["verdict"], "clean");
    assert_eq!(json["out_of_scope"], json!(["fabrikam"]));
}

#[test]
fn the_pin_may_come_from_the_environment_and_must_not_be_empty() {
    let repo = Repo::example();
    let arguments = ["check", "--tenant", "contoso", "--now", NOW];
    assert_eq!(
        repo.run_with(&arguments, &[("CONNGUARD_ROOT", &repo.pin())])
            .code,
        0
    );
    repo.run_with(&arguments, &[("CONNGUARD_ROOT", "")])
        .expect(2, &["CONNGUARD_ROOT is set to \"\""]);
    let other = format!("sha256:{}", "0".repeat(64));
    repo.run_with(&arguments, &[("CONNGUARD_ROOT", &other)])
        .expect(3, &["not the pinned root"]);
}

#[test]
fn a_snapshot_without_a_time_too_old_or_from_the_future_gives_no_verdict() {
    let repo = Repo::example();
    repo.repolicy("max_snapshot_age: 36500d", "max_snapshot_age: 24h");
    repo.check("contoso")
        .expect(3, &["1d 4h old", "\"verdict\": \"not-compared\""]);
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T13:00:00Z")
    });
    repo.check("contoso").expect(3, &["in the future"]);
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T11:00:00Z")
    });
    repo.check("contoso").expect(0, &[]);
}

#[test]
fn bare_exports_need_a_time_and_say_what_was_assumed() {
    let repo = Repo::example();
    let export: serde_json::Value =
        serde_json::from_str(&repo.read("exports/contoso.json")).unwrap();
    repo.write("bare.json", export["inbound_connectors"].to_string());
    repo.rebaseline(
        "contoso",
        "accepted_domains: [contoso.onmicrosoft.com, contoso.com]\n",
        "",
    );
    repo.check_with(&["--tenant", "contoso", "--from", "bare.json"])
        .expect(3, &["nothing says when the snapshot was taken"]);
    let taken = [
        "--tenant",
        "contoso",
        "--from",
        "bare.json",
        "--taken-at",
        "2026-11-21T11:00:00Z",
    ];
    repo.check_with(&taken).expect(
        0,
        &[
            "inbound_connectors assumed complete",
            "named on the command line",
            "accepted_domains not read",
        ],
    );
}

#[test]
fn what_the_baseline_decides_and_the_snapshot_lacks_is_not_compared() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        connector(export, RELAY)
            .as_object_mut()
            .unwrap()
            .remove("EFTestMode");
    });
    repo.check("contoso").expect(
        3,
        &["EFTestMode of \\\"Relay from data centre 1\\\" could not be compared"],
    );

    let repo = Repo::example();
    repo.export("contoso", |export| {
        connector(export, RELAY)
            .as_object_mut()
            .unwrap()
            .remove("SenderIPAddresses");
    });
    repo.check("contoso").expect(
        14,
        &["SenderIPAddresses of \\\"Relay from data centre 1\\\" could not be compared"],
    );

    let repo = Repo::example();
    repo.export("contoso", |export| {
        connector(export, RELAY)
            .as_object_mut()
            .unwrap()
            .remove("ClientHostNames");
    });
    repo.check("contoso").expect(0, &[]);
    repo.export("contoso", |export| {
        export["complete"]["accepted_domains"] = json!("403 Forbidden")
    });
    repo.check("contoso")
        .expect(3, &["accepted_domains could not be compared"]);
}

#[test]
fn the_policy_may_tolerate_an_absent_setting() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        for row in export["inbound_connectors"].as_array_mut().unwrap() {
            row.as_object_mut()
                .unwrap()
                .remove("TreatMessagesAsInternal");
        }
    });
    repo.check("contoso").expect(3, &[]);
    repo.repolicy("fail_on: low\n", "fail_on: low\nmay_be_absent: { TreatMessagesAsInternal: the service stopped returning it }\n");
    // The rules about it still cannot be judged, so they have to be switched off as well.
    repo.check("contoso")
        .expect(3, &["treated-as-internal could not be judged"]);
    let off = "{ off: true, reason: CHG-1, owner: mail-team@contoso.com }";
    repo.repolicy("fail_on: low\n", &format!("fail_on: low\noverrides: {{ treated-as-internal: {off}, internal-mail-misplaced: {off} }}\n"));
    repo.check("contoso").expect(0, &[]);
}

#[test]
fn an_incomplete_read_is_never_an_absent_connector() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        export["inbound_connectors"] = json!([]);
        export["complete"]["inbound_connectors"] = json!("429 Too Many Requests");
    });
    let run = repo.check("contoso").expect(3, &["429 Too Many Requests"]);
    assert_eq!(run.findings(), ["acceptance-unused info - -"]);
}

#[test]
fn no_connectors_count_only_with_proof_that_the_read_worked() {
    let repo = Repo::example();
    let baseline = repo.read("baselines/contoso.yaml");
    let start = baseline.find("connectors:\n").unwrap();
    repo.write(
        "baselines/contoso.yaml",
        format!("{}connectors: []\n", &baseline[..start]),
    );
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["bob", "carol"],
    );
    repo.export("contoso", |export| {
        export["inbound_connectors"] = json!([null])
    });
    repo.check("contoso").expect(0, &["\"verdict\": \"clean\""]);
    repo.export("contoso", |export| export["accepted_domains"] = json!([]));
    repo.check("contoso")
        .expect(3, &["no accepted domain that would prove"]);
    for empty in ["", "[]", "[null]", "null", "\u{feff}"] {
        repo.write("empty.json", empty);
        repo.check_with(&[
            "--tenant",
            "contoso",
            "--from",
            "empty.json",
            "--taken-at",
            NOW,
        ])
        .expect(3, &["proves nothing"]);
    }
}

#[test]
fn the_wrong_organization_is_an_error() {
    let repo = Repo::example();
    repo.check_with(&["--tenant", "contoso", "--from", "exports/fabrikam.json"])
        .expect(1, &["another organization", "77aa2c4e"]);
    let export: serde_json::Value =
        serde_json::from_str(&repo.read("exports/fabrikam.json")).unwrap();
    repo.write("bare.json", export["inbound_connectors"].to_string());
    repo.check_with(&[
        "--tenant",
        "contoso",
        "--from",
        "bare.json",
        "--taken-at",
        NOW,
    ])
    .expect(1, &["fabrikam.onmicrosoft.com"]);
}

#[test]
fn an_export_named_on_the_command_line_finds_its_tenant() {
    let repo = Repo::example();
    let run = repo.check_with(&["--from", "exports/contoso.json", "--format", "json"]);
    assert_eq!(
        (run.code, run.json()["tenants"][0]["tenant"].as_str()),
        (0, Some("contoso"))
    );
    assert_eq!(repo.check_with(&["--from", "exports"]).code, 14);
}

#[test]
fn no_tenant_is_left_out_unseen() {
    let repo = Repo::example();
    let config = repo.read("connguard.yaml");
    let fabrikam = config.find("  fabrikam:").unwrap();
    repo.write("connguard.yaml", &config[..fabrikam]);
    repo.check_with(&[])
        .expect(3, &["demands a verdict on \"fabrikam\""]);

    let repo = Repo::example();
    repo.repolicy("  contoso: { sources: [export] }\n", "");
    repo.check("contoso")
        .expect(3, &["does not list the tenant"]);
    repo.check_with(&["--tenant", "nobody"])
        .expect(2, &["there are contoso, fabrikam"]);
}

#[test]
fn a_source_that_the_policy_does_not_list_gives_no_verdict() {
    let repo = Repo::example();
    repo.repolicy("contoso: { sources: [export] }", "contoso:");
    repo.check("contoso")
        .expect(3, &["rest on exchange or history only"]);
    // What the operator names is the operator's own word.
    repo.check_with(&["--tenant", "contoso", "--from", "exports/contoso.json"])
        .expect(0, &[]);
}

#[test]
fn a_planned_change_is_approved_until_its_end() {
    let change = |until: &str| {
        format!(
            "    expected_changes:\n      - {{ property: RequireTls, value: false, until: {until}, reason: CHG-4801 }}\n  - name: Inbound"
        )
    };
    for (until, code) in [("2026-12-15T00:00:00Z", 0), ("2026-11-15T00:00:00Z", 14)] {
        let repo = Repo::example();
        repo.rebaseline("contoso", "  - name: Inbound", &change(until));
        repo.export("contoso", |export| {
            connector(export, RELAY)["RequireTls"] = json!(false)
        });
        repo.repolicy("fail_on: low\n", "fail_on: high\n");
        repo.check("contoso").expect(code, &[]);
    }
}

#[test]
fn an_acceptance_holds_for_its_value_and_its_time_only() {
    let repo = Repo::example();
    repo.rebaseline(
        "contoso",
        "expires: 2099-12-31T00:00:00Z\n",
        "expires: 2026-11-30T00:00:00Z\n",
    );
    repo.check("contoso")
        .expect(11, &["acceptance-expires-soon"]);
    let late = repo.run(&[
        "check",
        "--tenant",
        "contoso",
        "--now",
        "2026-12-01T00:00:00Z",
        "--root",
        &repo.pin(),
        "--format",
        "json",
    ]);
    // The baseline itself expired on that day as well.
    late.expect(3, &["acceptance-expired", "tls-certificate-not-pinned"]);

    let repo = Repo::example();
    repo.rebaseline("contoso", "    value: null", "    value: mail.contoso.com");
    assert_eq!(
        repo.check("contoso").expect(11, &[]).findings(),
        [
            "tls-certificate-not-pinned low - TlsSenderCertificateName",
            "acceptance-unused info - -"
        ]
    );
}

#[test]
fn expired_documents_give_no_verdict_but_show_what_they_find() {
    for (document, namespace) in [
        ("trust/root.yaml", "connguard-root"),
        ("policies/policy.yaml", "connguard-policy"),
        ("baselines/fabrikam.yaml", "connguard-baseline"),
    ] {
        let repo = Repo::example();
        repo.replace(
            document,
            "expires: 2099-12-31T00:00:00Z\n",
            "expires: 2026-11-20T00:00:00Z\n",
        );
        repo.sign(namespace, document, &["alice", "bob"]);
        let run = repo
            .check("fabrikam")
            .expect(14, &["expired at 2026-11-20", "drift-unknown"]);
        assert_eq!(
            run.json()["tenants"][0]["verdict"],
            "not-compared",
            "{document}"
        );
    }
}

#[test]
fn without_verified_documents_the_compiled_in_rules_still_speak() {
    let repo = Repo::empty();
    std::fs::copy(
        Repo::example().path("exports/fabrikam.json"),
        repo.path("fabrikam.json"),
    )
    .unwrap();
    let run = repo.run(&["check", "--from", "fabrikam.json", "--now", NOW]);
    run.expect(
        14,
        &[
            "fabrikam NOT-COMPARED",
            "relay-by-address-without-tls",
            "there is no audit repository",
            "no verified root",
        ],
    );
    repo.run(&["check"])
        .expect(1, &["there is no connguard.yaml"]);

    let repo = Repo::example();
    repo.replace("baselines/fabrikam.yaml", "CHG-1207", "CHG-1208");
    let run = repo.check("fabrikam").expect(
        13,
        &[
            "relay-by-address-without-tls",
            "deceptive-name",
            "0 of 2 needed signatures",
        ],
    );
    assert!(
        !run.stdout.contains("drift-"),
        "nothing unsigned is compared"
    );
}

#[test]
fn an_attack_outranks_an_error_and_an_error_a_mild_finding() {
    let repo = Repo::example();
    repo.write("exports/contoso.json", "{");
    repo.check_with(&[])
        .expect(14, &["contoso ERROR", "this is not JSON"]);

    let repo = Repo::example();
    repo.write("exports/fabrikam.json", "{");
    repo.export("contoso", |export| {
        connector(export, RELAY)["Comment"] = json!("changed")
    });
    repo.check_with(&[])
        .expect(1, &["drift-changed", "fabrikam ERROR"]);
}

#[test]
fn fail_on_can_only_be_made_stricter() {
    let repo = Repo::example();
    repo.repolicy("fail_on: low\n", "fail_on: high\n");
    repo.export("contoso", |export| {
        connector(export, RELAY)["Comment"] = json!("changed")
    });
    repo.check("contoso").expect(0, &["drift-changed"]);
    repo.check_with(&["--tenant", "contoso", "--fail-on", "low"])
        .expect(11, &[]);
    repo.check_with(&["--tenant", "contoso", "--fail-on", "critical"])
        .expect(2, &["looser than the policy"]);
    repo.check_with(&["--fail-on", "info"]).expect(2, &[]);
}

#[test]
fn the_same_inputs_give_the_same_bytes_in_any_order() {
    let repo = Repo::example();
    let first = repo.check("fabrikam");
    assert_eq!(first.stdout, repo.check("fabrikam").stdout);
    repo.export("fabrikam", |export| {
        let rows = export["inbound_connectors"].as_array_mut().unwrap();
        rows.reverse();
        for row in rows {
            row["OriginatingServer"] = json!("OTHER.EURP201A001.PROD.OUTLOOK.COM");
            for key in ["SenderIPAddresses", "SenderDomains"] {
                row[key].as_array_mut().unwrap().reverse();
            }
        }
    });
    let digest = |run: &crate::harness::Run| run.json()["tenants"][0]["snapshot"]["digest"].clone();
    let second = repo.check("fabrikam");
    assert_eq!(digest(&first), digest(&second));
    assert_eq!(first.findings(), second.findings());
}

#[test]
fn microsofts_block_and_twin_names_are_findings() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        export["blocked_connectors"] =
            json!([{ "ConnectorId": "0F3C8A1E-7D20-4C55-9B1A-6E2F3D4C5B01" }]);
        let mut twin = connector(export, RELAY).clone();
        twin["Name"] = json!("RELAY FROM DATA CENTRE 1");
        for key in ["Guid", "ExchangeObjectId"] {
            twin[key] = json!("00000000-0000-4000-8000-000000000001");
        }
        export["inbound_connectors"]
            .as_array_mut()
            .unwrap()
            .push(twin);
    });
    let findings = repo.check("contoso").expect(14, &[]).findings();
    for expected in [
        "connector-blocked high - -",
        "duplicate-name medium - Name",
        "drift-unknown critical widens -",
    ] {
        assert!(findings.contains(&expected.to_owned()), "{findings:?}");
    }
}

#[test]
fn reports_are_written_beside_standard_output() {
    let repo = Repo::example();
    let run = repo.check_with(&[
        "--format",
        "human",
        "--report",
        "json=out.json",
        "--report",
        "sarif=out.sarif",
    ]);
    assert_eq!(run.code, 14);
    for file in ["out.json", "out.sarif"] {
        assert!(serde_json::from_str::<serde_json::Value>(&repo.read(file)).is_ok());
    }
    // A report that cannot be written is an error, and hides neither the result nor an attack.
    let report = ["--report", "json=no/such/folder.json"];
    repo.check_with(&report)
        .expect(14, &["cannot write no/such/folder.json", "drift-unknown"]);
    repo.check_with(&[&report[..], &["--tenant", "contoso"]].concat())
        .expect(1, &["cannot write no/such/folder.json", "contoso CLEAN"]);
    repo.check_with(&["--report", "pdf=x"])
        .expect(2, &["there is no format"]);
}
