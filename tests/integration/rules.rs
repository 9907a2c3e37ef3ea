//! Rules as data: the catalogue, rules of one's own, and their mistakes.

use crate::harness::{Repo, connector};
use serde_json::json;

const OWN_RULE: &str = "apiVersion: connguard/v1
kind: Rule
id: relays-carry-a-ticket
title: A relay without a change ticket
severity: medium
applies_to: { ConnectorType: OnPremises }
check:
  matches: { property: Comment, pattern: '^CHG-\\d+$' }
why: Who made it, and why, must be found at night too.
fix: Write the ticket into the comment.
examples:
  fires: [ { Comment: hello } ]
  quiet: [ { Comment: CHG-4711 } ]
";

/// Puts a rule of one's own into force.
fn install(repo: &Repo, rule: &str) {
    repo.write("policies/relays-carry-a-ticket.yaml", rule);
    let digest = connguard::digest::Digest::of(rule.as_bytes());
    repo.repolicy(
        "catalogue: default@1\n",
        &format!("catalogue: default@1\nrules: {{ relays-carry-a-ticket.yaml: \"{digest}\" }}\n"),
    );
}

#[test]
fn a_rule_of_ones_own_is_one_file_and_one_line() {
    let repo = Repo::example();
    install(&repo, OWN_RULE);
    repo.check("contoso").expect(0, &[]);
    repo.export("contoso", |export| {
        connector(export, "Relay from data centre 1")["Comment"] = json!("temporary")
    });
    repo.check("contoso").expect(
        12,
        &[
            "relays-carry-a-ticket",
            "drift-changed",
            "Write the ticket into the comment.",
        ],
    );
    repo.run(&["explain", "relays-carry-a-ticket"])
        .expect(0, &["own rule"]);
    repo.run(&["policy", "list"])
        .expect(0, &["A relay without a change ticket (own)"]);
    repo.run(&["policy", "test"])
        .expect(0, &["rules: 39", "failed: 0"]);
}

#[test]
fn rule_files_that_nobody_signed_for_are_refused() {
    let repo = Repo::example();
    repo.write("policies/relays-carry-a-ticket.yaml", OWN_RULE);
    repo.check_with(&["--tenant", "contoso"])
        .expect(1, &["the policy does not list this rule file"]);
    let repo = Repo::example();
    install(&repo, OWN_RULE);
    repo.write(
        "policies/relays-carry-a-ticket.yaml",
        OWN_RULE.replace("medium", "info"),
    );
    repo.check_with(&["--tenant", "contoso"])
        .expect(3, &["the file is not the one that the policy lists"]);
    // Nor can a compiled-in rule be loosened by editing its copy in the folder.
    let repo = Repo::example();
    repo.replace(
        "policies/tls-not-required.yaml",
        "severity: medium",
        "severity: info",
    );
    repo.check_with(&["--tenant", "contoso"])
        .expect(1, &["policies/tls-not-required.yaml"]);
}

#[test]
fn overrides_change_or_switch_off_one_rule_and_never_drift() {
    let relax = |override_text: &str| {
        let repo = Repo::example();
        repo.repolicy(
            "fail_on: low\n",
            &format!("fail_on: low\noverrides: {override_text}\n"),
        );
        repo
    };
    let findings = relax("{ deceptive-name: { off: true, reason: CHG-1, owner: a@contoso.com } }")
        .check("fabrikam")
        .findings();
    assert!(
        !findings
            .iter()
            .any(|finding| finding.starts_with("deceptive-name"))
    );
    let findings = relax("{ deceptive-name: { severity: info, tenants: [\"fab*\"], reason: CHG-1, owner: a@contoso.com } }").check("fabrikam").findings();
    assert!(
        findings.contains(&"deceptive-name info - Name".to_owned()),
        "{findings:?}"
    );
    let findings = relax("{ deceptive-name: { severity: info, tenants: [contoso], reason: CHG-1, owner: a@contoso.com } }").check("fabrikam").findings();
    assert!(
        findings.contains(&"deceptive-name high - Name".to_owned()),
        "{findings:?}"
    );
    relax("{ drift-unknown: { off: true, reason: CHG-1, owner: a@contoso.com } }")
        .check_with(&[])
        .expect(14, &["no policy changes them"]);
    relax("{ deceptive-nam: { off: true, reason: CHG-1, owner: a@contoso.com } }")
        .check_with(&[])
        .expect(14, &["did you mean `deceptive-name`?"]);
}

#[test]
fn catalogue_none_leaves_drift_and_own_rules() {
    let repo = Repo::example();
    install(&repo, OWN_RULE);
    repo.repolicy("catalogue: default@1", "catalogue: none");
    let findings = repo.check("fabrikam").findings();
    assert!(
        findings.iter().all(|finding| finding.starts_with("drift-")
            || finding.starts_with("relays-carry")
            || finding.starts_with("acceptance-")),
        "{findings:?}"
    );
    assert!(findings.contains(&"drift-unknown critical widens -".to_owned()));
}

#[test]
fn an_own_rule_that_names_an_undefined_list_is_a_mistake() {
    let repo = Repo::example();
    let rule = OWN_RULE
        .replace(
            "matches: { property: Comment, pattern: '^CHG-\\d+$' }",
            "addresses_within: { property: SenderIPAddresses, allow: [\"@nowhere\"] }",
        )
        .replace("{ Comment: hello }", "{ SenderIPAddresses: [192.0.2.1] }")
        .replace("{ Comment: CHG-4711 }", "{}")
        .replace(
            "examples:\n",
            "examples:\n  with: { lists: { nowhere: [203.0.113.1] } }\n",
        );
    install(&repo, &rule);
    repo.check_with(&["--tenant", "contoso"])
        .expect(1, &["names the list @nowhere"]);
    // In the catalogue an undefined list means that the rule does not apply.
    let repo = Repo::example();
    repo.rebaseline("contoso", "  relays: [203.0.113.0/26]\n", "");
    repo.check("contoso").expect(0, &[]);
}

#[test]
fn all_mistakes_of_a_rule_come_at_once_with_their_places() {
    let repo = Repo::empty();
    repo.write(
        "broken.yaml",
        "apiVersion: connguard/v2
kind: Rule
id: brokn
title: x
severity: hihg
applies_to: { Enabld: true }
check:
  all:
    - addresses_wthin: { property: SenderIPAddresses, allow: [] }
    - equals: { property: RequireTls, value: \"yes\" }
    - addresses_within: { property: Comment, allow: [203.0.113.1/40] }
    - matches: { property: Name, pattern: '(' }
wy: because
fix: x
examples: { fires: [], quiet: [ { Nme: x } ] }
",
    );
    repo.run(&["policy", "test", "broken.yaml"]).expect(
        1,
        &[
            "broken.yaml:1:13",
            "expected `apiVersion: connguard/v1`",
            "broken.yaml:3:5",
            "as the file is named",
            "broken.yaml:5:11",
            "one of `info`, `low`",
            "broken.yaml:6:15",
            "did you mean `Enabled`?",
            "broken.yaml:9:7",
            "did you mean `addresses_within`?",
            "broken.yaml:10:46",
            "must be true or false",
            "broken.yaml:11:37",
            "not of the kind",
            "broken.yaml:11:54",
            "is not an IP address",
            "broken.yaml:12:43",
            "regular expression is malformed",
            "broken.yaml:13:1",
            "`wy` is not known",
            "`why` is missing",
        ],
    );
}

/// Tests a rule whose check is this expression.
fn expression(text: &str) -> crate::harness::Run {
    let repo = Repo::empty();
    let rule = OWN_RULE.replace(
        "matches: { property: Comment, pattern: '^CHG-\\d+$' }",
        text,
    );
    repo.write("relays-carry-a-ticket.yaml", rule);
    repo.run(&["policy", "test", "relays-carry-a-ticket.yaml"])
}

#[test]
fn expressions_are_checked_when_the_rule_is_loaded() {
    expression("expression: connector.Comment.startsWith(\"CHG-\")").expect(0, &["failed: 0"]);
    for (text, place, words) in [
        (
            "expression: connector.Coment == \"x\"",
            "8:24",
            "did you mean `Comment`?",
        ),
        (
            "expression: conector.Comment == \"x\"",
            "8:15",
            "there is no variable `conector`",
        ),
        (
            "expression: connector.RequireTls == \"true\"",
            "8:36",
            "can never be equal",
        ),
        (
            "expression: connector.Comment",
            "8:24",
            "must be true or false",
        ),
        (
            "expression: connector.Comment.frobnicate()",
            "8:4",
            "there is no function `frobnicate`",
        ),
        (
            "expression: connector.SenderDomains.contains(\"x\")",
            "8:",
            "needs a text",
        ),
        ("expression: connector.Comment == ", "8:", "malformed"),
        (
            "expression: '\"x\" in connector.Comment'",
            "8:",
            "asks whether a text is in a text",
        ),
        (
            "expression: connector.EFUsers.all(a, connector.EFUsers.all(b, connector.EFUsers.all(c, true)))",
            "8:",
            "nested more than 2 deep",
        ),
        (
            "expression: |\n    connector.Comment == \"CHG-4711\"\n    && connector.Nme == \"x\"",
            "10:17",
            "no setting `Nme`",
        ),
    ] {
        expression(text).expect(1, &[&format!("relays-carry-a-ticket.yaml:{place}"), words]);
    }
}

#[test]
fn an_expression_that_fails_is_not_evaluated_and_never_passed() {
    let repo = Repo::example();
    let rule = OWN_RULE
        .replace(
            "matches: { property: Comment, pattern: '^CHG-\\d+$' }",
            "expression: connector.SenderIPAddresses[0] != \"192.0.2.1\"",
        )
        .replace("{ Comment: hello }", "{ SenderIPAddresses: [192.0.2.1] }")
        .replace(
            "{ Comment: CHG-4711 }",
            "{ SenderIPAddresses: [192.0.2.2] }",
        );
    install(&repo, &rule);
    // The hybrid connector has no address at all, so the index is out of bounds.
    repo.check_with(&["--tenant", "contoso"]).expect(
        3,
        &[
            "could not be judged on \"Inbound from",
            "0 failed, 1 accepted",
        ],
    );
}

#[test]
fn examples_that_do_not_do_as_they_say_fail() {
    let repo = Repo::empty();
    repo.write(
        "relays-carry-a-ticket.yaml",
        OWN_RULE.replace("{ Comment: hello }", "{ Comment: CHG-1 }"),
    );
    repo.run(&["policy", "test", "relays-carry-a-ticket.yaml"])
        .expect(1, &["example 1 of `fires` does not fire"]);
}

#[test]
fn a_choice_is_settled_by_approval_and_a_flaw_is_not() {
    let repo = Repo::example();
    repo.rebaseline(
        "contoso",
        "      EFSkipLastIP: true\n",
        "      EFSkipLastIP: false\n",
    );
    repo.export("contoso", |export| {
        connector(export, "Relay from data centre 1")["EFSkipLastIP"] = json!(false)
    });
    repo.check("contoso").expect(0, &[]);
    repo.rebaseline(
        "contoso",
        "      TreatMessagesAsInternal: false\n",
        "      TreatMessagesAsInternal: true\n",
    );
    repo.export("contoso", |export| {
        for row in export["inbound_connectors"].as_array_mut().unwrap() {
            row["TreatMessagesAsInternal"] = json!(true);
        }
    });
    let findings = repo.check("contoso").findings();
    assert!(
        findings.contains(&"treated-as-internal critical - TreatMessagesAsInternal".to_owned()),
        "{findings:?}"
    );
    assert!(
        !findings.iter().any(|finding| finding.starts_with("drift-")),
        "{findings:?}"
    );
}

#[test]
fn a_disabled_relay_is_at_most_medium() {
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        connector(export, "Rel\u{430}y Amsterdam")["Enabled"] = json!(false)
    });
    let json = repo.check("fabrikam").json();
    let findings = json["tenants"][0]["findings"].as_array().unwrap();
    let severities: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["connector"]["id"] == "e7d6c5b4-a3f2-4e10-9d8c-7b6a5f4e3d13")
        .map(|finding| finding["severity"].as_str().unwrap())
        .collect();
    assert!(
        !severities.is_empty()
            && severities
                .iter()
                .all(|severity| !matches!(*severity, "critical" | "high")),
        "{severities:?}"
    );
}

#[test]
fn every_rule_of_the_catalogue_can_be_explained() {
    let repo = Repo::empty();
    let list = repo.run(&["policy", "list"]).expect(0, &[]).stdout;
    let ids: Vec<&str> = list
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert!(ids.len() >= 38);
    for id in ids.into_iter().chain(["drift-unknown", "root-not-pinned"]) {
        repo.run(&["explain", id]).expect(0, &["Why", "Fix"]);
    }
    repo.run(&["explain", "drift-unknwon"])
        .expect(2, &["did you mean \"drift-unknown\"?"]);
}
