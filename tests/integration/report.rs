//! Formats: one assessment, everything in each of them, one exit code.

use crate::harness::{NOW, Repo, connector, project};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[track_caller]
fn valid(schema: &Value, instance: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

fn sarif_schema() -> Value {
    let text = std::fs::read_to_string(project().join("tests/schemas/sarif-2.1.0.json")).unwrap();
    // The published pattern has a stray bracket, which not every engine of regular expressions takes.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_exit_code_does_not_depend_on_the_format() {
    let repo = Repo::example();
    for format in ["human", "json", "sarif"] {
        assert_eq!(repo.check_with(&["--format", format]).code, 14);
        assert_eq!(
            repo.check_with(&["--format", format, "--tenant", "contoso"])
                .code,
            0
        );
    }
}

#[test]
fn every_finding_is_in_every_format() {
    let repo = Repo::example();
    let json = repo.check_with(&["--format", "json"]).json();
    let sarif = repo.check_with(&["--format", "sarif"]).json();
    let human = repo.check_with(&["--format", "human"]).stdout;
    let fingerprints: BTreeSet<String> = json["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|tenant| tenant["findings"].as_array().unwrap())
        .map(|finding| {
            finding["fingerprint"]
                .as_str()
                .unwrap()
                .replace("sha256:", "")
        })
        .collect();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let in_sarif: BTreeSet<String> = results
        .iter()
        .map(|result| {
            result["partialFingerprints"]["connguard/v1"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(fingerprints, in_sarif);
    assert!(fingerprints.len() > 10);
    for result in results {
        assert!(human.contains(result["ruleId"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        let line = usize::try_from(place["region"]["startLine"].as_u64().unwrap()).unwrap();
        // A person can act there: the line exists, in the baseline.
        assert!(uri.starts_with("baselines/"), "{uri}");
        assert!(repo.read(uri).lines().count() >= line);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][index];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("Fix"));
    }
    let accepted = results
        .iter()
        .filter(|result| result["suppressions"].is_array())
        .count();
    assert_eq!(accepted, 2);
}

#[test]
fn a_second_address_is_a_new_finding_of_the_same_series() {
    let repo = Repo::example();
    let ids = |repo: &Repo| {
        let json = repo.check("fabrikam").json();
        let findings = json["tenants"][0]["findings"].as_array().unwrap().clone();
        let widened = findings
            .into_iter()
            .find(|finding| {
                finding["rule"] == "drift-widened" && finding["property"] == "SenderIPAddresses"
            })
            .unwrap();
        (widened["fingerprint"].clone(), widened["series"].clone())
    };
    let first = ids(&repo);
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")["SenderIPAddresses"]
            .as_array_mut()
            .unwrap()
            .push(json!("198.51.100.8"))
    });
    let second = ids(&repo);
    assert_ne!(first.0, second.0);
    assert_eq!(first.1, second.1);
    // Neither moves when the text of the baseline does.
    repo.rebaseline(
        "fabrikam",
        "# The approved",
        "# A longer comment\n#\n# The approved",
    );
    assert_eq!(ids(&repo), second);
}

#[test]
fn json_and_sarif_fit_their_schemas() {
    let repo = Repo::example();
    let report: Value = serde_json::from_str(&repo.run(&["schema", "report"]).stdout).unwrap();
    let broken = Repo::example();
    broken.write("exports/contoso.json", "{");
    broken.replace("trust/root.yaml", "version: 1", "version: 2");
    for run in [&repo, &broken] {
        valid(&report, &run.check_with(&["--format", "json"]).json());
        valid(
            &sarif_schema(),
            &run.check_with(&["--format", "sarif"]).json(),
        );
    }
    let sarif = broken.check_with(&["--format", "sarif"]).json();
    assert_eq!(
        sarif["runs"][0]["invocations"][0]["executionSuccessful"],
        json!(false)
    );
}

/// Names, comments and addresses as an attacker would choose them.
const HOSTILE: [&str; 10] = [
    "\u{1b}[2J\u{1b}[31mred",
    "::error file=x::pwned",
    "\n::set-output name=x::y",
    "##vso[task.setvariable variable=x]y",
    "##[error]x",
    "a\u{202e}b\u{2066}c",
    "[click](https://example.com)",
    "zero\u{200b}width\u{feff}",
    "'; Remove-Item / #",
    "\r\n\u{7}\u{0}\u{9b}31m",
];

#[test]
fn hostile_text_comes_out_inert() {
    for name in HOSTILE {
        let repo = Repo::example();
        repo.export("fabrikam", |export| {
            let row = connector(export, "Relay Amsterdam");
            row["Name"] = json!(name);
            row["Comment"] = json!(name);
            row["SenderIPAddresses"] = json!([name]);
            row[name] = json!(name);
        });
        for format in ["human", "json", "sarif"] {
            for arguments in [
                vec![
                    "check", "--now", NOW, "--color", "never", "--format", format,
                ],
                vec!["fetch", "--tenant", "fabrikam"],
            ] {
                let run = repo.run(&arguments);
                for text in [&run.stdout, &run.stderr] {
                    assert!(
                        !text.lines().any(|line| line.trim_start().starts_with("::")),
                        "{name:?}: {text}"
                    );
                    assert!(
                        !text.contains("##vso[") && !text.contains("##["),
                        "{name:?}: {text}"
                    );
                    if format == "human" && arguments[0] == "check" {
                        assert!(
                            !text
                                .chars()
                                .any(|c| c != '\n' && connguard::hostile_text::is_dangerous(c)),
                            "{name:?}: {text}"
                        );
                    }
                    assert!(!text.contains('\u{1b}'), "{name:?}: {text}");
                }
            }
        }
        let sarif = repo.check_with(&["--format", "sarif"]).json();
        valid(&sarif_schema(), &sarif);
        let messages: Vec<&str> = sarif["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["message"]["text"].as_str().unwrap())
            .collect();
        assert!(
            messages.iter().all(|message| !message.contains("[click](")),
            "{messages:?}"
        );
    }
}

#[test]
fn colours_come_only_where_they_are_asked_for() {
    let repo = Repo::example();
    assert!(
        !repo
            .check_with(&["--tenant", "contoso"])
            .stdout
            .contains('\u{1b}')
    );
    assert!(
        repo.check_with(&["--tenant", "contoso", "--color", "always"])
            .stdout
            .contains('\u{1b}')
    );
}

#[test]
fn one_finding_fits_on_a_screen() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        connector(export, "Partner Fabrikam")["RequireTls"] = json!(false)
    });
    repo.repolicy("fail_on: low\n", "fail_on: low\noverrides: { certificate-without-tls: { off: true, owner: a, reason: b } }\n");
    repo.rebaseline("contoso", "acceptances:", "acceptances:\n  - { rule: tls-not-required, connector: 9c2d4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e03, property: RequireTls, value: false, owner: a, reason: b, expires: 2099-12-31T00:00:00Z }");
    let run = repo.check_with(&["--tenant", "contoso"]).expect(
        13,
        &[
            "- RequireTls: true",
            "+ RequireTls: false",
            "TLS no longer required",
        ],
    );
    assert!(run.stdout.lines().count() <= 40, "{}", run.stdout);
    assert!(
        run.stdout.lines().all(|line| line.chars().count() <= 140),
        "{}",
        run.stdout
    );
}
