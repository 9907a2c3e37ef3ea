//! The way back, through the binary: what a reviewer reads, and what a script does.

use crate::harness::{NOW, Repo, connector};
use serde_json::{Value, json};

impl Repo {
    /// `plan` of one tenant at [`NOW`] with the root pinned.
    fn plan(&self, tenant: &str, more: &[&str]) -> crate::harness::Run {
        let pin = self.pin();
        let mut arguments = vec!["plan", "--tenant", tenant, "--now", NOW, "--root", &pin];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// The plan of the attacked tenant in `plan.json` and `plan.ps1`, its inverse beside them.
    fn written_plan(&self) {
        let files = [
            "--report",
            "json=plan.json",
            "--report",
            "powershell=plan.ps1",
        ];
        self.plan("fabrikam", &files).expect(10, &[]);
    }
}

fn parse(script: &str) -> tree_sitter::Tree {
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .unwrap();
    parser.parse(script, None).unwrap()
}

/// Every command that a script calls.
fn commands(script: &str) -> Vec<String> {
    let tree = parse(script);
    assert!(!tree.root_node().has_error(), "{script}");
    let mut found = Vec::new();
    let mut open = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        if node.kind() == "command_name" {
            found.push(node.utf8_text(script.as_bytes()).unwrap().to_owned());
        }
        let mut cursor = node.walk();
        open.extend(node.children(&mut cursor));
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_attacked_tenant_has_a_way_back_and_the_clean_one_needs_none() {
    let repo = Repo::example();
    repo.plan("contoso", &[]).expect(0, &["nothing to do"]);
    repo.plan("fabrikam", &[]).expect(
        10,
        &[
            "1  disable",
            "Rel<U+0430>y Amsterdam",
            "- 198.51.100.7",
            "RequireTls: false → true",
            "4  remove",
            "cannot be undone",
            "Whoever made these changes may make them again",
        ],
    );
    let json = repo.plan("fabrikam", &["--format", "json"]).json();
    let schema = repo.run(&["schema", "plan"]).json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&json));
    let actions: Vec<&str> = json["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["disable", "set", "set", "remove"]);
    // Each step says why, by the fingerprints of what a check finds.
    let check = repo.check("fabrikam").json();
    let known = check["tenants"][0]["findings"].to_string();
    for step in json["steps"].as_array().unwrap() {
        for answer in step["answers"].as_array().unwrap() {
            assert!(known.contains(answer["fingerprint"].as_str().unwrap()));
        }
    }
    // Both tenants at once: each has its plan.
    let pin = repo.pin();
    let both = repo.run(&["plan", "--now", NOW, "--root", &pin, "--format", "json"]);
    assert_eq!(both.code, 10);
    assert_eq!(both.json()["plans"].as_array().unwrap().len(), 2);
}

#[test]
fn nothing_is_planned_from_what_gives_no_verdict() {
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        export["complete"]["inbound_connectors"] = json!("403")
    });
    repo.plan("fabrikam", &[])
        .expect(3, &["no plan for fabrikam", "not read completely"]);
    let repo = Repo::example();
    repo.replace("baselines/fabrikam.yaml", "CHG-1207", "CHG-1208");
    repo.plan("fabrikam", &[])
        .expect(3, &["no plan for fabrikam"]);
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")
            .as_object_mut()
            .unwrap()
            .remove("RequireTls");
    });
    repo.plan("fabrikam", &[]).expect(3, &["RequireTls"]);
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        export["inbound_connectors"] = json!("nonsense")
    });
    assert_eq!(repo.plan("fabrikam", &[]).code, 1);
}

#[test]
fn the_script_does_only_what_the_plan_says_and_writes_nothing_unasked() {
    let repo = Repo::example();
    let script = repo.plan("fabrikam", &["--format", "powershell"]).stdout;
    assert!(script.is_ascii());
    let called = commands(&script);
    let writing: Vec<&String> = called
        .iter()
        .filter(|name| !name.starts_with("Assert-") && name.ends_with("-InboundConnector"))
        .collect();
    assert_eq!(
        writing,
        [
            "Get-InboundConnector",
            "Remove-InboundConnector",
            "Set-InboundConnector"
        ]
    );
    for line in script.lines().filter(|line| {
        let line = line.trim_start();
        ["Set-Inb", "New-Inb", "Remove-Inb"]
            .iter()
            .any(|start| line.starts_with(start))
    }) {
        assert!(
            line.ends_with("-WhatIf:$dry -Confirm:$false -ErrorAction Stop"),
            "{line}"
        );
        assert!(line.contains("-Identity '"), "{line}");
    }
    let position = |text: &str| script.find(text).unwrap_or_else(|| panic!("{text}"));
    // The organization, then every value that was there, then the first write; at the end everything is read again.
    let first_write = position("\nSet-InboundConnector");
    assert!(position("TenantID -ne '77aa2c4e") < first_write);
    assert!(script.rfind("\nAssert-Setting ").unwrap() < first_write);
    assert!(
        script.rfind("\n    Wait-Setting ").unwrap()
            > script.rfind("Remove-InboundConnector").unwrap()
    );
    assert!(position("Confirm-Step 'e7d6c5b4") < position("Remove-InboundConnector -Identity"));
    // The same text by whatever code page or encoding old and new PowerShell read it.
    for encoding in [
        encoding_rs::WINDOWS_1252,
        encoding_rs::WINDOWS_1251,
        encoding_rs::SHIFT_JIS,
        encoding_rs::UTF_8,
    ] {
        let (text, _, failed) = encoding.decode(script.as_bytes());
        assert!(!failed);
        assert_eq!(text, script, "{}", encoding.name());
        assert_eq!(commands(&text), called);
    }
    let wide: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (text, _, failed) = encoding_rs::UTF_16LE.decode(&wide);
    assert!(!failed);
    assert_eq!(commands(&text), called);
    // For two organizations there is no script.
    let pin = repo.pin();
    repo.run(&[
        "plan",
        "--now",
        NOW,
        "--root",
        &pin,
        "--format",
        "powershell",
    ])
    .expect(2, &["name it with --tenant"]);
}

#[test]
fn names_and_comments_of_the_tenant_never_become_code() {
    let evil = [
        "'; Remove-InboundConnector -Identity x; '",
        "\u{2019}; calc #",
        "\u{201b}$(calc)",
        "`\"$env:X`\"",
        "a\nRemove-InboundConnector b\n",
        "#> calc <#",
        "'@\ncalc\n@'",
        "##vso[task.setvariable]x ##[error]",
        "\u{202e}evil\u{0}\u{1b}[31m",
        "\u{1F600}\u{0410}",
    ];
    for text in evil {
        let repo = Repo::example();
        // Approved and gone, so that the plan makes it anew; and unknown and there, so that it goes.
        let yaml = serde_json::to_string(text).unwrap();
        repo.rebaseline(
            "fabrikam",
            "name: Partner Contoso",
            &format!("name: {yaml}"),
        );
        repo.rebaseline("fabrikam", "Comment: CHG-1207", &format!("Comment: {yaml}"));
        repo.export("fabrikam", |export| {
            connector(export, "Partner Contoso")["ExchangeObjectId"] =
                json!("c3d4e5f6-a7b8-4c90-9a1b-2c3d4e5f6aff");
            connector(export, "Partner Contoso")["Guid"] =
                json!("c3d4e5f6-a7b8-4c90-9a1b-2c3d4e5f6aff");
            connector(export, "Partner Contoso")["Comment"] = json!(text);
        });
        let run = repo.plan("fabrikam", &["--format", "powershell"]);
        assert_eq!(run.code, 10, "{text:?}: {run:?}");
        let script = run.stdout;
        assert!(script.is_ascii(), "{text:?}");
        assert!(
            !script.contains("##vso[") && !script.contains("##["),
            "{text:?}"
        );
        let called = commands(&script);
        assert!(!called.iter().any(|name| name == "calc"), "{called:?}");
        // The text is there, as an expression that gives just it.
        assert!(script.contains("New-InboundConnector -Name "), "{script}");
        let harmless = commands(
            &Repo::example()
                .plan("fabrikam", &["--format", "powershell"])
                .stdout,
        );
        for name in called {
            assert!(
                harmless.contains(&name) || name == "New-InboundConnector",
                "{name}"
            );
        }
    }
}

#[test]
fn a_plan_is_shown_however_old_and_only_unchanged() {
    let repo = Repo::example();
    repo.written_plan();
    let plan: Value = serde_json::from_str(&repo.read("plan.json")).unwrap();
    let undone: Value = serde_json::from_str(&repo.read("plan.inverse.json")).unwrap();
    assert_eq!(undone["inverse_of"], plan["digest"]);
    assert!(repo.read("plan.inverse.ps1").contains("purpose    inverse"));
    repo.run(&[
        "plan",
        "--show",
        "plan.json",
        "--now",
        "2030-01-01T00:00:00Z",
        "--format",
        "markdown",
    ])
    .expect(10, &["**Expired:**", "make a new one", "take out"]);
    repo.run(&["plan", "--show", "plan.json", "--now", NOW])
        .expect(10, &["good until"]);
    repo.replace("plan.json", "203.0.113.131", "203.0.113.132");
    repo.run(&["plan", "--show", "plan.json"])
        .expect(1, &["it was changed"]);
    repo.write("plan.json", "{}");
    repo.run(&["plan", "--show", "plan.json"])
        .expect(1, &["cannot be shown as a plan"]);
}

#[test]
fn microsoft_may_have_switched_it_off() {
    let switched_off = |repo: &Repo| {
        repo.export("fabrikam", |export| {
            connector(export, "Relay Amsterdam")["Enabled"] = json!(false);
        });
    };
    let repo = Repo::example();
    switched_off(&repo);
    repo.export("fabrikam", |export| {
        export["complete"]["blocked_connectors"] = json!("403");
    });
    let step = |repo: &Repo| -> Value {
        let plan = repo.plan("fabrikam", &["--format", "json"]).json();
        let steps = plan["steps"].as_array().unwrap().clone();
        let on = |step: &&Value| {
            step["settings"]
                .as_array()
                .unwrap()
                .iter()
                .any(|setting| setting["property"] == "Enabled" && setting["after"] == true)
        };
        steps.iter().find(on).unwrap().clone()
    };
    assert_eq!(step(&repo)["action"], "manual");
    assert!(
        step(&repo)["words"]
            .as_str()
            .unwrap()
            .contains("Get-BlockedConnector")
    );
    let repo = Repo::example();
    switched_off(&repo);
    assert_eq!(
        step(&repo)["action"],
        "set",
        "the evidence was read, and is empty"
    );
}

#[test]
fn a_plan_that_changes_too_much_is_refused_with_its_numbers() {
    let repo = Repo::example();
    // Five connectors that nobody approved: is it the right baseline?
    repo.export("contoso", |export| {
        for number in 1..=5 {
            let mut row = connector(export, "Relay from data centre 1").clone();
            row["Name"] = json!(format!("R{number}"));
            row["ExchangeObjectId"] =
                json!(format!("0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5c{number:02}"));
            row["Guid"] = row["ExchangeObjectId"].clone();
            export["inbound_connectors"]
                .as_array_mut()
                .unwrap()
                .push(row);
        }
    });
    repo.plan("contoso", &[])
        .expect(3, &["5 of 8 connectors (62 %)", "--changes 5"]);
    repo.plan("contoso", &["--changes", "4"]).expect(3, &[]);
    repo.plan("contoso", &["--changes", "5"])
        .expect(10, &["5 to disable"]);
    repo.repolicy(
        "catalogue: default@1",
        "catalogue: default@1\nplan: { max_share: 70, valid_for: 2h }",
    );
    repo.plan("contoso", &[])
        .expect(10, &["good until 2026-11-21T14:00:00Z"]);
    repo.repolicy("max_share: 70", "max_share: 170");
    repo.plan("contoso", &[]).expect(1, &["170 of a hundred"]);
}

#[test]
fn not_all_relays_are_changed_at_once_unless_the_policy_lets_it() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        connector(export, "Relay from data centre 1")["Comment"] = json!("changed");
    });
    repo.plan("contoso", &[]).expect(10, &["1 to set"]);
    repo.export("contoso", |export| {
        let hybrid = "Inbound from 5d1e9c77-40b8-4a0e-8f5d-2b7c6a914e02";
        connector(export, hybrid)["Comment"] = json!("changed");
    });
    repo.plan("contoso", &[])
        .expect(3, &["all 2 on-premises connectors", "--changes 2"]);
    repo.repolicy(
        "catalogue: default@1",
        "catalogue: default@1\nplan: { all_on_premises: true }",
    );
    repo.plan("contoso", &[]).expect(10, &["2 to set"]);
}

#[test]
fn containing_stops_what_widened_and_nothing_else() {
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")["Comment"] = json!("harmless");
    });
    let plan = repo
        .plan("fabrikam", &["--contain", "--format", "json"])
        .json();
    assert_eq!(plan["purpose"], "contain");
    let text = plan["steps"].to_string();
    assert!(
        !text.contains("\"remove\"") && !text.contains("harmless"),
        "{text}"
    );
    assert_eq!(plan["steps"].as_array().unwrap().len(), 3);
}

#[test]
fn a_forged_plan_becomes_no_script_and_is_called_unverified() {
    let repo = Repo::example();
    repo.plan("fabrikam", &["--report", "json=plan.json"])
        .expect(10, &[]);
    repo.run(&["plan", "--show", "plan.json", "--format", "powershell"])
        .expect(2, &["never from a file"]);
    repo.run(&["plan", "--show", "plan.json", "--now", NOW])
        .expect(10, &["nothing in it was verified"]);
    let mut plan: Value = serde_json::from_str(&repo.read("plan.json")).unwrap();
    plan["tenant"] = json!("x\nStart-Process calc\n# ");
    repo.write("plan.json", plan.to_string());
    let run = repo.run(&["plan", "--show", "plan.json"]).expect(1, &[]);
    // The digest that would fit is not given away.
    assert!(!run.stderr.contains("sha256:"), "{run:?}");
}

#[test]
fn the_script_looks_at_the_whole_connector_and_at_every_other_one() {
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")["Enabled"] = json!(false);
    });
    let script = repo.plan("fabrikam", &["--format", "powershell"]).stdout;
    let first_write = script.find("\nSet-InboundConnector").unwrap();
    let checks = &script[..first_write];
    for setting in [
        "SenderIPAddresses",
        "TlsSenderCertificateName",
        "EFUsers",
        "Name",
        "ConnectorType",
    ] {
        assert!(
            checks.contains(&format!(
                "Assert-Setting 'b1f2a3c4-d5e6-4f70-8a9b-0c1d2e3f4a11' '{setting}'"
            )),
            "{setting}"
        );
    }
    assert!(checks.contains("Assert-Connectors @('b1f2a3c4-d5e6-4f70-8a9b-0c1d2e3f4a11', 'c3d4e5f6-a7b8-4c90-9a1b-2c3d4e5f6a12', 'e7d6c5b4-a3f2-4e10-9d8c-7b6a5f4e3d13')"));
    // To switch a relay on is a step of its own, after everything else is right, and asked for.
    let plan = repo.plan("fabrikam", &["--format", "json"]).json();
    let steps = plan["steps"].as_array().unwrap();
    let on = &steps[steps.len() - 2];
    assert_eq!(on["settings"].as_array().unwrap().len(), 1);
    assert_eq!(on["settings"][0]["after"], true);
    assert_eq!(on["direction"], "widens");
    assert!(script.contains("if (Confirm-Step 'b1f2a3c4-d5e6-4f70-8a9b-0c1d2e3f4a11' 'This lets mail in that is held out now.') {"));
}

#[test]
fn every_call_of_the_service_stops_at_an_error() {
    // Cmdlets of a module do not see a script's preferences: an error that they only report would go unseen.
    let repo = Repo::example();
    let plan = repo.plan("fabrikam", &["--format", "powershell"]).stdout;
    let export = repo.run(&["fetch", "--script"]).stdout;
    for script in [plan, export] {
        let calls = script
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let calls = calls.filter(|line| {
            [
                "Get-Inbound",
                "Get-Accepted",
                "Get-Blocked",
                "Set-Inbound",
                "New-Inbound",
                "Remove-Inbound",
                "Get-ConnectionInf",
            ]
            .iter()
            .any(|name| line.contains(name))
        });
        for line in calls {
            assert!(line.contains("-ErrorAction Stop"), "{line}");
        }
    }
}

#[test]
fn a_refused_plan_leaves_the_files_of_an_earlier_one() {
    let repo = Repo::example();
    repo.plan("fabrikam", &["--report", "json=plan.json"])
        .expect(10, &["wrote plan.json", "wrote plan.inverse.json"]);
    let before = repo.read("plan.json");
    repo.replace("baselines/fabrikam.yaml", "CHG-1207", "CHG-1208");
    repo.plan("fabrikam", &["--report", "json=plan.json"])
        .expect(3, &["no file was written"]);
    assert_eq!(repo.read("plan.json"), before);
}

#[test]
fn plans_of_several_tenants_are_shown_again() {
    let repo = Repo::example();
    let pin = repo.pin();
    repo.run(&[
        "plan",
        "--now",
        NOW,
        "--root",
        &pin,
        "--report",
        "json=both.json",
    ])
    .expect(10, &[]);
    repo.run(&["plan", "--show", "both.json", "--now", NOW])
        .expect(
            10,
            &["plan to put back contoso", "plan to put back fabrikam"],
        );
}

#[test]
fn the_inverse_touches_nothing_that_is_gone_and_switches_no_relay_on() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        // Switched on by somebody, and approved as off.
        export["complete"]["blocked_connectors"] = json!("403");
    });
    repo.rebaseline(
        "contoso",
        "      Enabled: true\n      ConnectorType: OnPremises\n      ConnectorSource: Default",
        "      Enabled: false\n      ConnectorType: OnPremises\n      ConnectorSource: Default",
    );
    repo.plan("contoso", &["--report", "json=plan.json"])
        .expect(10, &["Enabled: true → false"]);
    let undone: Value = serde_json::from_str(&repo.read("plan.inverse.json")).unwrap();
    let actions: Vec<&str> = undone["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["manual"], "{undone:#}");
    // The attacker's connector is removed by the plan, so nothing of the inverse is about it.
    repo.written_plan();
    let undone: Value = serde_json::from_str(&repo.read("plan.inverse.json")).unwrap();
    assert!(
        !undone["steps"].to_string().contains("e7d6c5b4"),
        "{undone:#}"
    );
    assert!(
        undone["warnings"]
            .to_string()
            .contains("Not undone: remove")
    );
    assert!(!repo.read("plan.inverse.ps1").contains("e7d6c5b4"));
    assert!(repo.read("plan.inverse.ps1").contains("THIS UNDOES A PLAN"));
}
