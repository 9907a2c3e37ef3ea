//! Making roots, proposals and signatures, as people do it, beside the real `ssh-keygen` and `ssh-agent`.

use crate::harness::{NOW, Repo, Run, connector, project};
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};

/// A folder with one export and three people's keys.
fn fresh() -> Repo {
    let repo = Repo::empty();
    let mut export: Value =
        serde_json::from_str(&fs::read_to_string(project().join("exports/contoso.json")).unwrap())
            .unwrap();
    export["taken_at"] = json!("2026-11-21T11:00:00Z");
    // The relay without a certificate is a finding of its own, and not what is looked at here.
    connector(&mut export, "Relay from data centre 1")["TlsSenderCertificateName"] =
        json!("mail.contoso.com");
    repo.write("exports/contoso.json", export.to_string());
    for person in ["alice", "bob", "carol"] {
        for suffix in ["", ".pub"] {
            let name = format!("{person}{suffix}");
            repo.write(
                &format!("keys/{name}"),
                fs::read(project().join("tests/keys").join(&name)).unwrap(),
            );
        }
    }
    repo
}

fn signers(people: &[&str]) -> Vec<String> {
    people
        .iter()
        .flat_map(|person| {
            [
                "--signer".to_owned(),
                format!("{person}@contoso.com=keys/{person}.pub"),
            ]
        })
        .collect()
}

/// Runs with memory in a file of its own, at [`NOW`].
fn run(repo: &Repo, arguments: &[&str]) -> Run {
    let mut all = arguments.to_vec();
    all.extend(["--now", NOW, "--state", "memory/state.json"]);
    repo.run(&all)
}

/// A team of three with a threshold of two, its first baseline signed.
fn team() -> Repo {
    let repo = fresh();
    let mut arguments = vec![
        "trust".to_owned(),
        "init".to_owned(),
        "--key".to_owned(),
        "keys/alice".to_owned(),
    ];
    arguments.extend(signers(&["alice", "bob", "carol"]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&repo, &arguments).expect(
        0,
        &[
            "trust/root.yaml has 1 of 2 needed signatures",
            "next: connguard trust sign",
        ],
    );
    run(&repo, &["trust", "sign", "--key", "keys/bob", "--yes"]).expect(0, &["enough signatures"]);
    run(&repo, &["policy", "sign", "--key", "keys/bob", "--yes"]).expect(0, &["enough signatures"]);
    run(
        &repo,
        &[
            "baseline",
            "propose",
            "contoso",
            "--owner",
            "mail-team@contoso.com",
            "--reason",
            "CHG-1",
        ],
    )
    .expect(0, &["Relay from data centre 1"]);
    for person in ["alice", "carol"] {
        run(
            &repo,
            &[
                "baseline",
                "sign",
                "contoso",
                "--key",
                &format!("keys/{person}"),
                "--yes",
            ],
        )
        .expect(0, &[]);
    }
    run(&repo, &["check", "--root", &repo.pin()]).expect(0, &["CLEAN"]);
    repo
}

fn check(repo: &Repo) -> Run {
    run(repo, &["check", "--tenant", "contoso"])
}

#[test]
fn one_administrator_needs_two_commands() {
    let repo = fresh();
    run(
        &repo,
        &[
            "trust",
            "init",
            "--me",
            "--key",
            "keys/alice",
            "--as",
            "alice@contoso.com",
        ],
    )
    .expect(0, &["next: connguard baseline sign"]);
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            "keys/alice",
            "--yes",
        ],
    )
    .expect(0, &["approved anew"]);
    // Memory of the root that was made here stands for a pin.
    check(&repo).expect(0, &["CLEAN", "as an earlier run saw it"]);
    run(&repo, &["trust", "verify"]).expect(0, &["alice@contoso.com"]);
    run(&repo, &["baseline", "verify"]).expect(0, &["alice@contoso.com"]);
    // Nothing is overwritten.
    run(&repo, &["trust", "init", "--me", "--key", "keys/bob"])
        .expect(1, &["exists: nothing is overwritten"]);
}

#[test]
fn a_team_signs_in_turn_and_every_step_says_what_is_missing() {
    let repo = team();
    check(&repo).expect(0, &["CLEAN"]);
    let verified = run(&repo, &["baseline", "verify", "--format", "json"])
        .expect(0, &[])
        .json();
    let document = &verified["documents"][0];
    assert_eq!(document["threshold"], 2);
    let names: Vec<&str> = document["signers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|who| who["principal"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["alice@contoso.com", "carol@contoso.com"]);
    fs::remove_file(repo.path("baselines/contoso.sigs/carol@contoso.com.sig")).unwrap();
    let missing = run(&repo, &["baseline", "verify", "--format", "json"])
        .expect(3, &[])
        .json();
    assert_eq!(
        missing["documents"][0]["could_sign"],
        json!(["bob@contoso.com", "carol@contoso.com"])
    );
    check(&repo).expect(3, &["1 of 2 needed signatures"]);
    // Without a yes nothing is signed: nobody can be asked here.
    run(&repo, &["baseline", "sign", "contoso", "--key", "keys/bob"])
        .expect(3, &["nothing was signed"]);
    check(&repo).expect(3, &[]);
}

#[test]
fn a_stranger_cannot_sign() {
    let repo = team();
    make_key(&repo, "mallory", "ed25519");
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            "keys/mallory",
            "--yes",
        ],
    )
    .expect(
        1,
        &[
            "is not a key that counts, of anybody who holds the baseline role",
            "could sign: alice@contoso.com",
        ],
    );
}

#[test]
fn a_proposal_keeps_what_people_wrote_and_shows_what_it_widens() {
    let repo = team();
    repo.commit();
    repo.replace(
        "baselines/contoso.yaml",
        "      Comment: CHG-4711\n",
        "      # why: see the wiki\n      Comment: CHG-4711   # the ticket\n",
    );
    repo.replace(
        "baselines/contoso.yaml",
        "# The inbound",
        "# Ours. The inbound",
    );
    repo.export("contoso", |export| {
        let relay = connector(export, "Relay from data centre 1");
        relay["SenderIPAddresses"]
            .as_array_mut()
            .unwrap()
            .push(json!("198.51.100.0/24"));
        connector(export, "Partner Fabrikam")["RequireTls"] = json!(false);
        let mut new = connector(export, "Relay from data centre 1").clone();
        new["Name"] = json!("Relay: \"two\" # no comment");
        new["Guid"] = json!("11111111-2222-4333-8444-555555555555");
        new["ExchangeObjectId"] = new["Guid"].clone();
        let all = export["inbound_connectors"].as_array_mut().unwrap();
        all.push(new);
        all.retain(|connector| connector["ConnectorSource"] != "HybridWizard");
    });
    run(&repo, &["baseline", "propose", "contoso", "--owner", "mail-team@contoso.com", "--no-acceptances"]).expect(
        0,
        &[
            "version 2 against version 1",
            "widens critical connector \"Relay from data centre 1\": SenderIPAddresses admits 198.51.100.0/24 (256 addresses)",
            "widens high connector \"Partner Fabrikam\": RequireTls TLS no longer required",
            "connector \"Relay: \\\"two\\\" # no comment\": is approved anew",
            "is no longer approved",
            "to be filled in",
        ],
    );
    let text = repo.read("baselines/contoso.yaml");
    for kept in [
        "# Ours. The inbound",
        "      # why: see the wiki\n",
        "Comment: CHG-4711   # the ticket\n",
        "version: 2\nprevious: sha256:",
    ] {
        assert!(text.contains(kept), "{kept:?} is not in\n{text}");
    }
    assert!(
        !repo
            .path("baselines/contoso.sigs/alice@contoso.com.sig")
            .exists(),
        "signatures of version 1 are left"
    );
    // What is to be filled in cannot be signed.
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            "keys/alice",
            "--yes",
        ],
    )
    .expect(1, &["this is still to be filled in"]);
    repo.replace("baselines/contoso.yaml", "reason: \"\"", "reason: CHG-2");
    for person in ["alice", "bob"] {
        run(
            &repo,
            &[
                "baseline",
                "sign",
                "contoso",
                "--key",
                &format!("keys/{person}"),
                "--yes",
            ],
        )
        .expect(0, &["widens"]);
    }
    let drift = check(&repo).expect(
        12,
        &["version 2, signed by alice@contoso.com, bob@contoso.com"],
    );
    assert!(!drift.stdout.contains("drift-"), "{}", drift.stdout);
    let review = run(
        &repo,
        &["baseline", "show", "contoso", "--diff", "--format", "json"],
    )
    .expect(0, &[])
    .json();
    assert_eq!(review["against"], 1);
    assert!(
        review["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["direction"] == "widens" && line["severity"] == "critical")
    );
    run(&repo, &["baseline", "show", "contoso"])
        .expect(0, &["SenderIPAddresses: 198.51.100.0/24, 203.0.113.10"]);
    // A second proposal of the same draft stays the same version.
    run(&repo, &["baseline", "propose", "contoso"]).expect(0, &["version 3 against version 2"]);
    run(&repo, &["baseline", "propose", "contoso"]).expect(0, &["version 3"]);
    assert!(repo.read("baselines/contoso.yaml").contains("version: 3\n"));
}

#[test]
fn a_flaw_gets_an_acceptance_to_be_filled_in() {
    let repo = team();
    repo.export("contoso", |export| {
        connector(export, "Relay from data centre 1")["TlsSenderCertificateName"] = Value::Null;
    });
    run(&repo, &["baseline", "propose", "contoso"]).expect(0, &["to be filled in"]);
    let text = repo.read("baselines/contoso.yaml");
    assert!(
        text.contains("- rule: tls-certificate-not-pinned\n"),
        "{text}"
    );
    repo.write(
        "baselines/contoso.yaml",
        text.replace("owner: \"\"", "owner: mail-team@contoso.com")
            .replace("reason: \"\"", "reason: CHG-3"),
    );
    for person in ["bob", "carol"] {
        run(
            &repo,
            &[
                "baseline",
                "sign",
                "contoso",
                "--key",
                &format!("keys/{person}"),
                "--yes",
            ],
        )
        .expect(0, &[]);
    }
    check(&repo).expect(0, &["1 accepted"]);
}

#[test]
fn nothing_is_proposed_from_what_was_not_read_whole() {
    let repo = team();
    let before = repo.read("baselines/contoso.yaml");
    repo.export("contoso", |export| {
        connector(export, "Partner Fabrikam")
            .as_object_mut()
            .unwrap()
            .remove("RequireTls");
    });
    run(&repo, &["baseline", "propose", "contoso"])
        .expect(1, &["\"Partner Fabrikam\" lacks RequireTls"]);
    repo.export("contoso", |export| {
        export["complete"]["inbound_connectors"] = json!("403");
    });
    run(&repo, &["baseline", "propose", "contoso"]).expect(1, &["not read completely"]);
    assert_eq!(repo.read("baselines/contoso.yaml"), before);
}

#[test]
fn a_policy_gets_its_digests_dates_and_version_from_the_program() {
    let repo = team();
    repo.commit();
    let rule = "apiVersion: connguard/v1\nkind: Rule\nid: relays-carry-a-ticket\ntitle: A relay names its ticket\nseverity: low\napplies_to: { ConnectorType: OnPremises }\ncheck:\n  matches: { property: Comment, pattern: 'CHG-1' }\nwhy: w\nfix: f\nexamples: { fires: [ { Comment: x } ], quiet: [ { Comment: CHG-1 } ] }\n";
    repo.write("policies/relays-carry-a-ticket.yaml", rule);
    check(&repo).expect(1, &["does not list this rule file"]);
    run(&repo, &["policy", "propose"]).expect(
        0,
        &[
            "version 2 against version 1",
            "narrows",
            "relays-carry-a-ticket.yaml",
        ],
    );
    for person in ["alice", "bob"] {
        run(
            &repo,
            &[
                "policy",
                "sign",
                "--key",
                &format!("keys/{person}"),
                "--yes",
            ],
        )
        .expect(0, &[]);
    }
    check(&repo).expect(11, &["relays-carry-a-ticket"]);
    // Loosening is shown as what it is.
    repo.commit();
    repo.replace("policies/policy.yaml", "max_snapshot_age: 24h", "max_snapshot_age: 72h\noverrides: { relays-carry-a-ticket: { off: true, owner: a, reason: CHG-9 } }");
    run(&repo, &["policy", "propose"]).expect(
        0,
        &[
            "widens medium max_snapshot_age: 3d instead of 1d",
            "is switched off: CHG-9",
        ],
    );
}

#[test]
fn a_root_is_rotated_by_the_old_people_and_the_new() {
    let repo = team();
    let pin = repo.pin();
    make_key(&repo, "dave", "ed25519");
    // Carol's signature under the baseline would no longer count: refused, unless that is meant.
    run(
        &repo,
        &[
            "trust",
            "rotate",
            "--add",
            "dave@contoso.com=keys/dave.pub",
            "--remove",
            "carol@contoso.com",
            "--key",
            "keys/alice",
            "--yes",
        ],
    )
    .expect(
        3,
        &[
            "would no longer count: baselines/contoso.yaml has 1 of 2",
            "nothing was written",
        ],
    );
    assert_eq!(repo.pin(), pin);
    run(
        &repo,
        &[
            "trust",
            "rotate",
            "--add",
            "dave@contoso.com=keys/dave.pub",
            "--remove",
            "carol@contoso.com",
            "--accept-gap",
            "--key",
            "keys/alice",
            "--yes",
        ],
    )
    .expect(
        0,
        &[
            "widens medium",
            "is held by dave@contoso.com, too",
            "is no longer held by carol@contoso.com",
            "1 of 2 needed signatures",
        ],
    );
    check(&repo).expect(3, &["trust/root.yaml has 1 of 2 needed signatures"]);
    // Dave alone is not enough for the root before: it does not know him.
    run(&repo, &["trust", "sign", "--key", "keys/dave", "--yes"]).expect(0, &[]);
    check(&repo).expect(3, &["trust/root.yaml has 1 of 2 needed signatures"]);
    run(&repo, &["trust", "sign", "--key", "keys/bob", "--yes"]).expect(0, &[]);
    run(
        &repo,
        &["baseline", "sign", "contoso", "--key", "keys/dave", "--yes"],
    )
    .expect(0, &["enough signatures"]);
    for pinned in [&pin, &repo.pin()] {
        run(&repo, &["check", "--tenant", "contoso", "--root", pinned])
            .expect(0, &["root version 2 (pinned)"]);
    }
    run(&repo, &["trust", "verify", "--root", &pin, "-v"])
        .expect(0, &["root version 1:", "dave@contoso.com"]);
    // The chain is needed: without the root before, the pin leads nowhere.
    fs::rename(repo.path("trust/roots"), repo.path("elsewhere")).unwrap();
    run(&repo, &["check", "--tenant", "contoso", "--root", &pin])
        .expect(3, &["no root below trust/roots is it"]);
    fs::rename(repo.path("elsewhere"), repo.path("trust/roots")).unwrap();
    // An earlier root cannot be changed either.
    repo.replace("trust/roots/1/root.yaml", "# Who may", "# who may");
    run(&repo, &["check", "--tenant", "contoso", "--root", &pin]).expect(3, &["trust/roots"]);
}

#[test]
fn who_leaves_signs_no_more_and_what_they_signed_stands() {
    let repo = team();
    // A run by its own clock has to have seen the baseline; the example's times are not of today.
    let state = ["--state", "memory/state.json"];
    let long = |text: String| {
        text.replace("expires: 20", "expires: 40").replace(
            "issued: 2026-11-21T12:00:00Z",
            "issued: 2020-01-01T00:00:00Z",
        )
    };
    for (path, namespace) in [
        ("trust/root.yaml", "connguard-root"),
        ("policies/policy.yaml", "connguard-policy"),
        ("baselines/contoso.yaml", "connguard-baseline"),
    ] {
        repo.write(path, long(repo.read(path)));
        repo.sign(namespace, path, &["alice", "carol"]);
    }
    fs::remove_dir_all(repo.path("memory")).unwrap();
    repo.export("contoso", |export| {
        export["taken_at"] = json!(jiff::Timestamp::now().to_string())
    });
    let checked = |words: &[&str], code: i32| {
        repo.run(&[&["check", "--tenant", "contoso"], &state[..]].concat())
            .expect(code, words);
    };
    checked(&["CLEAN"], 12);
    checked(&["CLEAN"], 0);
    repo.run(
        &[
            &[
                "trust",
                "rotate",
                "--retire",
                "carol@contoso.com",
                "--key",
                "keys/alice",
                "--yes",
            ],
            &state[..],
        ]
        .concat(),
    )
    .expect(0, &["until"]);
    repo.run(&[&["trust", "sign", "--key", "keys/bob", "--yes"], &state[..]].concat())
        .expect(0, &[]);
    checked(&["CLEAN"], 0);
    // Somebody who never saw them has no proof that she signed in her time.
    repo.run(&[
        "check",
        "--tenant",
        "contoso",
        "--now",
        "2027-01-01T00:00:00Z",
        "--root",
        &repo.pin(),
    ])
    .expect(3, &["stopped counting"]);
    run_sign_as_carol(&repo, &state);
}

fn run_sign_as_carol(repo: &Repo, state: &[&str]) {
    repo.commit();
    repo.run(
        &[
            &[
                "baseline",
                "propose",
                "contoso",
                "--now",
                "2026-11-22T00:00:00Z",
            ],
            state,
        ]
        .concat(),
    )
    .expect(0, &[]);
    let later = ["--now", "2027-01-01T00:00:00Z"];
    let sign = [
        "baseline",
        "sign",
        "contoso",
        "--key",
        "keys/carol",
        "--yes",
    ];
    repo.run(&[&sign, &later[..], state].concat()).expect(
        1,
        &[
            "is not a key that counts",
            "could sign: alice@contoso.com, bob@contoso.com;",
        ],
    );
    // With ssh-keygen she can, and it is worth nothing.
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "carol"],
    );
    repo.run(
        &[
            &[
                "check",
                "--tenant",
                "contoso",
                "--now",
                "2027-01-01T00:00:00Z",
            ],
            state,
        ]
        .concat(),
    )
    .expect(3, &["this key of carol@contoso.com stopped counting"]);
}

#[test]
fn a_fleet_is_signed_by_one_signature() {
    let repo = Repo::empty();
    for (number, tenant) in ["eu-1", "eu-2", "us-1"].into_iter().enumerate() {
        let text = fs::read_to_string(project().join("exports/contoso.json")).unwrap();
        let mut export: Value = serde_json::from_str(
            &text
                .replace(
                    "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01",
                    &format!("3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b0{number}"),
                )
                .replace(
                    "contoso.onmicrosoft.com",
                    &format!("{tenant}.onmicrosoft.com"),
                ),
        )
        .unwrap();
        export["taken_at"] = json!("2026-11-21T11:00:00Z");
        connector(&mut export, "Relay from data centre 1")["TlsSenderCertificateName"] =
            json!("mail.contoso.com");
        repo.write(&format!("exports/{tenant}.json"), export.to_string());
    }
    for person in ["alice", "bob", "carol"] {
        for suffix in ["", ".pub"] {
            let name = format!("{person}{suffix}");
            repo.write(
                &format!("keys/{name}"),
                fs::read(project().join("tests/keys").join(&name)).unwrap(),
            );
        }
    }
    let mut arguments = vec![
        "trust".to_owned(),
        "init".to_owned(),
        "--key".to_owned(),
        "keys/alice".to_owned(),
    ];
    arguments.extend(signers(&["alice", "bob", "carol"]));
    run(
        &repo,
        &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .expect(0, &[]);
    // Alice and Bob for Europe, Carol with Bob for the rest.
    repo.replace("trust/root.yaml", "  baseline: { threshold: 2, principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com] }", "  baseline:\n    - { tenants: [\"eu-*\"], threshold: 2, principals: [alice@contoso.com, bob@contoso.com] }\n    - { threshold: 2, principals: [bob@contoso.com, carol@contoso.com] }");
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    run(&repo, &["policy", "sign", "--key", "keys/bob", "--yes"]).expect(0, &[]);
    run(
        &repo,
        &[
            "baseline", "propose", "--all", "--owner", "o", "--reason", "r",
        ],
    )
    .expect(0, &[]);
    let ends: std::collections::BTreeSet<String> = ["eu-1", "eu-2", "us-1"]
        .iter()
        .map(|tenant| {
            repo.read(&format!("baselines/{tenant}.yaml"))
                .lines()
                .find(|line| line.starts_with("expires"))
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(
        ends.len() > 1,
        "all baselines of a fleet end on one day: {ends:?}"
    );
    run(
        &repo,
        &["baseline", "sign", "--all", "--key", "keys/alice", "--yes"],
    )
    .expect(
        0,
        &[
            "baselines/manifest.yaml: 3 baselines",
            "eu-1, eu-2, us-1: connector",
        ],
    );
    run(&repo, &["check"]).expect(3, &["baselines/manifest.yaml has 1 of 2 needed signatures"]);
    let draft = repo.read("baselines/manifest.yaml");
    run(
        &repo,
        &["baseline", "sign", "--all", "--key", "keys/bob", "--yes"],
    )
    .expect(0, &["approved anew"]);
    assert_eq!(
        repo.read("baselines/manifest.yaml"),
        draft,
        "the second signer signs what the first one signed"
    );
    let half = run(&repo, &["check", "--format", "json"])
        .expect(3, &[])
        .json();
    let verdicts: Vec<&str> = half["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| tenant["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["clean", "clean", "not-compared"]);
    run(
        &repo,
        &["baseline", "sign", "--all", "--key", "keys/carol", "--yes"],
    )
    .expect(0, &["enough signatures"]);
    let whole = run(&repo, &["check", "--format", "json"])
        .expect(0, &[])
        .json();
    assert_eq!(whole["tenants"][0]["baseline"]["approved_by"], "manifest");
    // A baseline that the manifest does not name is refused, also with an older one's signatures.
    repo.replace("baselines/eu-1.yaml", "reason: r", "reason: s");
    run(&repo, &["check", "--tenant", "eu-1"]).expect(
        3,
        &["is not the baseline that baselines/manifest.yaml names"],
    );
}

/// Makes a key with the real `ssh-keygen`.
fn make_key(repo: &Repo, name: &str, kind: &str) {
    let made = Command::new("ssh-keygen")
        .args([
            "-q",
            "-t",
            kind,
            "-N",
            "",
            "-C",
            &format!("{name}@contoso.com"),
            "-f",
        ])
        .arg(repo.path(&format!("keys/{name}")))
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn ssh_keygen_verifies(repo: &Repo, principal: &str, document: &str, signature: &str) -> bool {
    Command::new("ssh-keygen")
        .args([
            "-Y",
            "verify",
            "-f",
            "trust/allowed_signers",
            "-n",
            "connguard-baseline",
            "-I",
            principal,
            "-s",
            signature,
        ])
        .current_dir(repo.path(""))
        .stdin(Stdio::from(fs::File::open(repo.path(document)).unwrap()))
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn ssh_keygen_accepts_what_we_sign() {
    for kind in ["ed25519", "ecdsa"] {
        let repo = fresh();
        make_key(&repo, "dave", kind);
        run(&repo, &["trust", "init", "--me", "--key", "keys/dave"]).expect(0, &[]);
        run(
            &repo,
            &["baseline", "sign", "contoso", "--key", "keys/dave", "--yes"],
        )
        .expect(0, &[]);
        assert!(
            ssh_keygen_verifies(
                &repo,
                "dave@contoso.com",
                "baselines/contoso.yaml",
                "baselines/contoso.sigs/dave@contoso.com.sig"
            ),
            "{kind}"
        );
        check(&repo).expect(0, &[]);
    }
}

#[test]
fn a_key_that_only_openssh_can_use_gets_its_line() {
    let repo = fresh();
    make_key(&repo, "dave", "rsa");
    let mut arguments = vec!["trust", "init", "--threshold", "1", "--key", "keys/alice"];
    arguments.extend([
        "--signer",
        "alice@contoso.com=keys/alice.pub",
        "--signer",
        "dave@contoso.com=keys/dave.pub",
    ]);
    run(&repo, &arguments).expect(0, &[]);
    run(
        &repo,
        &[
            "baseline", "propose", "contoso", "--owner", "o", "--reason", "r",
        ],
    )
    .expect(0, &[]);
    let printed = run(
        &repo,
        &["baseline", "sign", "contoso", "--key", "keys/dave", "--yes"],
    )
    .expect(
        3,
        &["ssh-keygen -Y sign -n connguard-baseline -f keys/dave"],
    );
    let line = printed
        .stdout
        .lines()
        .find(|line| line.starts_with("ssh-keygen"))
        .unwrap()
        .to_owned();
    fs::create_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    let done = Command::new("sh")
        .args(["-c", &line])
        .current_dir(repo.path(""))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    check(&repo).expect(0, &["dave@contoso.com"]);
}

/// A real agent that ends with the test.
#[cfg(unix)]
struct Agent(std::process::Child, std::path::PathBuf);

#[cfg(unix)]
impl Agent {
    fn start(repo: &Repo) -> Self {
        let socket = repo.path("agent.sock");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !socket.exists() {
            std::thread::yield_now();
        }
        Self(child, socket)
    }

    fn add(&self, repo: &Repo, key: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = repo.path(&format!("keys/{key}"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let added = Command::new("ssh-add")
            .arg(path)
            .env("SSH_AUTH_SOCK", &self.1)
            .output()
            .unwrap();
        assert!(
            added.status.success(),
            "{}",
            String::from_utf8_lossy(&added.stderr)
        );
    }
}

#[cfg(unix)]
impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[cfg(unix)]
fn keys_in_an_agent_sign() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let repo = fresh();
        make_key(&repo, "dave", kind);
        let agent = Agent::start(&repo);
        agent.add(&repo, "dave");
        let socket = agent.1.to_str().unwrap().to_owned();
        let run = |arguments: &[&str]| {
            let mut all = arguments.to_vec();
            all.extend(["--now", NOW, "--state", "memory/state.json"]);
            repo.run_with(&all, &[("SSH_AUTH_SOCK", &socket)])
        };
        run(&["trust", "init", "--me"]).expect(0, &["dave@contoso.com"]);
        run(&["baseline", "sign", "contoso", "--yes"]).expect(0, &["enough signatures"]);
        assert!(
            ssh_keygen_verifies(
                &repo,
                "dave@contoso.com",
                "baselines/contoso.yaml",
                "baselines/contoso.sigs/dave@contoso.com.sig"
            ),
            "{kind}"
        );
        run(&["check"]).expect(0, &["CLEAN"]);
    }
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    use connguard::signing::{KeyFile, SigningKey};
    let repo = fresh();
    let path = repo.path("keys/locked");
    let made = Command::new("ssh-keygen")
        .args([
            "-q",
            "-t",
            "ed25519",
            "-C",
            "dave@contoso.com",
            "-N",
            "correct horse",
            "-f",
        ])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success());
    let Ok(KeyFile::Locked(key)) = KeyFile::read(&path) else {
        panic!("an encrypted key is not seen as one");
    };
    assert!(SigningKey::unlock(&key, "wrong").is_err());
    let armored = SigningKey::unlock(&key, "correct horse")
        .unwrap()
        .sign("connguard-baseline", b"bytes")
        .unwrap();
    assert!(armored.starts_with("-----BEGIN SSH SIGNATURE-----"));
    // Without a terminal nobody can be asked for it, and nothing is signed.
    run(&repo, &["trust", "init", "--me", "--key", "keys/locked"]).expect(1, &["passphrase"]);
}
