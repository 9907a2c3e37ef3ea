//! The gate on pull requests: what HEAD proposes, judged by what BASE says.

use crate::harness::{NOW, Repo, Run, connector};
use connguard::digest::Digest;
use serde_json::{Value, json};

/// The example, committed as the base of a pull request.
fn base() -> Repo {
    let repo = Repo::with_git();
    repo.commit();
    repo.git(&["branch", "-q", "base"]);
    repo
}

impl Repo {
    /// Commits what is here, and judges it against the base.
    fn proposed(&self, more: &[&str]) -> Run {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "proposed"]);
        self.judged(more)
    }

    fn judged(&self, more: &[&str]) -> Run {
        let pin = Digest::of(self.git(&["show", "base:trust/root.yaml"]).as_bytes()).to_string();
        let mut arguments = vec![
            "gate", "--base", "base", "--head", "HEAD", "--now", NOW, "--root", &pin,
        ];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// The next version of a document, with a change.
    fn next_version(&self, path: &str, from: &str, to: &str) {
        let old = Digest::of(self.read(path).as_bytes());
        self.replace(path, from, to);
        self.replace(
            path,
            "version: 1\n",
            &format!("version: 2\nprevious: {old}\n"),
        );
    }
}

const WIDER: (&str, &str) = (
    "[203.0.113.10, 203.0.113.48/28]",
    "[203.0.113.10, 203.0.113.48/28, 203.0.113.20]",
);
const NARROWER: (&str, &str) = ("[203.0.113.10, 203.0.113.48/28]", "[203.0.113.48/28]");
const CONTOSO: &str = "baselines/contoso.yaml";

#[test]
fn one_more_address_says_how_many_and_who_must_sign() {
    let repo = base();
    repo.next_version(CONTOSO, WIDER.0, WIDER.1);
    let run = repo.proposed(&["--format", "github"]);
    assert_eq!(run.code, 12, "{run:?}");
    let note = run
        .stdout
        .lines()
        .find(|line| line.contains("signatures-missing"))
        .unwrap();
    assert!(
        note.starts_with("::warning file=baselines/contoso.yaml,line=1,"),
        "{note}"
    );
    for words in [
        "admits 203.0.113.20 (1 address)",
        "0 of 2 needed signatures",
        "could sign: alice@contoso.com, bob@contoso.com, carol@contoso.com",
        "connguard baseline sign contoso",
    ] {
        assert!(note.contains(words), "{words}: {note}");
    }
    let place = run
        .stdout
        .lines()
        .find(|line| line.contains("change-widens"))
        .unwrap();
    assert!(
        place.starts_with("::notice file=baselines/contoso.yaml,line=26,"),
        "{place}"
    );
    // One signature is not enough, and one of another's bytes none; two are, and then it passes.
    repo.sign("connguard-baseline", CONTOSO, &["alice"]);
    repo.proposed(&[])
        .expect(12, &["1 of 2 needed signatures (alice@contoso.com)"]);
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.proposed(&[])
        .expect(0, &["change-widens", "the change may be made"]);
    repo.replace(
        CONTOSO,
        "owner: mail-team@contoso.com",
        "owner: somebody@contoso.com",
    );
    repo.proposed(&[]).expect(12, &["does not count"]);
}

#[test]
fn one_address_less_passes_unless_the_policy_wants_to_see_it() {
    let repo = base();
    repo.next_version(CONTOSO, NARROWER.0, NARROWER.1);
    repo.proposed(&[]).expect(
        0,
        &[
            "change-narrows",
            "no longer admits 203.0.113.10",
            "it only narrows, so the gate lets it pass",
        ],
    );
    let repo = Repo::with_git();
    repo.repolicy(
        "catalogue: default@1",
        "catalogue: default@1\ngate: { narrowing: review }",
    );
    repo.commit();
    repo.git(&["branch", "-q", "base"]);
    repo.next_version(CONTOSO, NARROWER.0, NARROWER.1);
    repo.proposed(&[]).expect(12, &["signatures-missing"]);
}

#[test]
fn rules_that_the_proposed_state_breaks_count_even_when_it_is_signed() {
    let repo = base();
    repo.next_version(
        CONTOSO,
        WIDER.0,
        "[203.0.113.10, 203.0.113.48/28, 198.51.100.9]",
    );
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.proposed(&[])
        .expect(14, &["sender-address-not-allowed", "198.51.100.9"]);
    // HEAD's own rules are a second judgement: a list that makes room has to be signed for, and is BASE's until then.
    let repo = base();
    repo.next_version(
        CONTOSO,
        WIDER.0,
        "[203.0.113.10, 203.0.113.48/28, 198.51.100.9]",
    );
    repo.replace(
        CONTOSO,
        "relays: [203.0.113.0/26]",
        "relays: [203.0.113.0/26, 198.51.100.9]",
    );
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.proposed(&[])
        .expect(0, &["list relays: gains 198.51.100.9"]);
    let repo = base();
    repo.next_version("policies/policy.yaml", "catalogue: default@1", "catalogue: default@1\noverrides: { sender-address-not-allowed: { off: true, owner: o, reason: r } }");
    repo.sign(
        "connguard-policy",
        "policies/policy.yaml",
        &["alice", "bob"],
    );
    repo.next_version(
        CONTOSO,
        WIDER.0,
        "[203.0.113.10, 203.0.113.48/28, 198.51.100.9]",
    );
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.proposed(&[]).expect(
        14,
        &[
            "rule sender-address-not-allowed: is switched off",
            "sender-address-not-allowed",
        ],
    );
}

#[test]
fn a_connector_that_nobody_approved_is_not_slipped_into_the_baseline() {
    let repo = base();
    let unknown = "  - name: \"Rel\\u0430y Amsterdam\"
    id: e7d6c5b4-a3f2-4e10-9d8c-7b6a5f4e3d13
    owner: mail-team@fabrikam.com
    reason: CHG-1316
    settings:
      Enabled: true
      ConnectorType: OnPremises
      ConnectorSource: Default
      SenderIPAddresses: [192.0.2.0/24]
      RequireTls: false
      RestrictDomainsToIPAddresses: false
      RestrictDomainsToCertificate: false
      CloudServicesMailEnabled: false
      TreatMessagesAsInternal: false
      EFSkipLastIP: false
      EFTestMode: false
";
    repo.next_version(
        "baselines/fabrikam.yaml",
        "acceptances:\n",
        &format!("{unknown}acceptances:\n"),
    );
    repo.proposed(&["--tenant", "fabrikam"]).expect(
        14,
        &[
            "drift-hidden",
            "approves what is there now and was not approved: an enabled OnPremises connector",
        ],
    );
}

#[test]
fn drift_that_would_be_approved_is_named() {
    let repo = base();
    let path = "baselines/fabrikam.yaml";
    repo.next_version(
        path,
        "[203.0.113.130, 203.0.113.131]",
        "[203.0.113.130, 203.0.113.131, 198.51.100.7]",
    );
    repo.replace(
        path,
        "relays: [203.0.113.128/28]",
        "relays: [203.0.113.128/28, 198.51.100.7]",
    );
    let run = repo.proposed(&["--tenant", "fabrikam"]);
    run.expect(
        14,
        &[
            "drift-hidden",
            "approves what is there now and was not approved",
            "198.51.100.7",
        ],
    );
    repo.sign("connguard-baseline", path, &["alice", "bob"]);
    // Those who signed it saw it: it is shown, and passes.
    repo.proposed(&["--tenant", "fabrikam"])
        .expect(0, &["drift-hidden"]);
    // What was changed in the pull request itself is no evidence of what is there.
    let repo = base();
    repo.next_version(
        path,
        "[203.0.113.130, 203.0.113.131]",
        "[203.0.113.130, 203.0.113.131, 198.51.100.7]",
    );
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")["SenderIPAddresses"] =
            json!(["203.0.113.130", "203.0.113.131"])
    });
    repo.proposed(&["--tenant", "fabrikam"]).expect(
        14,
        &[
            "drift-hidden",
            "exports/fabrikam.json as well, which the gate does not judge",
        ],
    );
}

#[test]
fn what_is_there_comes_from_the_history_where_there_is_one() {
    let repo = Repo::with_git();
    repo.commit();
    repo.git(&["branch", "-q", "base"]);
    repo.snapshot(NOW, &[]);
    repo.next_version(CONTOSO, WIDER.0, WIDER.1);
    repo.proposed(&["--tenant", "contoso"])
        .expect(12, &["history", "signatures-missing"]);
}

#[test]
fn versions_go_on_from_the_one_in_force() {
    let older = |change: &dyn Fn(&Repo)| {
        let repo = base();
        change(&repo);
        repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
        repo.proposed(&[])
    };
    older(&|repo| repo.replace(CONTOSO, WIDER.0, WIDER.1)).expect(3, &["is a fork"]);
    older(&|repo| {
        repo.next_version(CONTOSO, WIDER.0, WIDER.1);
        repo.replace(CONTOSO, "previous: sha256:", "previous: sha256:0");
        let text = repo.read(CONTOSO);
        let line = text
            .lines()
            .find(|line| line.starts_with("previous:"))
            .unwrap()
            .to_owned();
        repo.replace(CONTOSO, &line, &line[..line.len() - 1]);
    })
    .expect(3, &["is a fork"]);
    // Back to an older version, with its own good signatures.
    let repo = base();
    repo.next_version(CONTOSO, NARROWER.0, NARROWER.1);
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.commit();
    repo.git(&["branch", "-q", "-f", "base"]);
    repo.git(&["checkout", "-q", "HEAD~1", "--", "baselines"]);
    repo.proposed(&[]).expect(3, &["rolled back"]);
    // Taken away altogether.
    let repo = base();
    std::fs::remove_file(repo.path(CONTOSO)).unwrap();
    repo.proposed(&[])
        .expect(3, &["baselines/contoso.yaml is missing"]);
}

#[test]
fn the_root_in_force_decides_who_signs() {
    // A root that lets one person sign everything, signed by that one: neither it nor what it allows counts.
    let repo = base();
    repo.next_version("trust/root.yaml", "threshold: 2", "threshold: 1");
    let root = repo
        .read("trust/root.yaml")
        .replace("threshold: 2", "threshold: 1");
    repo.write("trust/root.yaml", root);
    repo.git(&["show", "base:trust/root.yaml"]);
    repo.write(
        "trust/roots/1/root.yaml",
        repo.git(&["show", "base:trust/root.yaml"]),
    );
    repo.write(
        "trust/roots/1/allowed_signers",
        repo.git(&["show", "base:trust/allowed_signers"]),
    );
    for person in ["alice", "bob"] {
        let path = format!("root.sigs/{person}@contoso.com.sig");
        repo.write(
            &format!("trust/roots/1/{path}"),
            repo.git(&["show", &format!("base:trust/{path}")]),
        );
    }
    repo.sign("connguard-root", "trust/root.yaml", &["carol"]);
    repo.next_version(CONTOSO, WIDER.0, WIDER.1);
    repo.sign("connguard-baseline", CONTOSO, &["carol"]);
    let run = repo.proposed(&["--format", "json"]);
    assert_eq!(run.code, 12, "{run:?}");
    let json = run.json();
    let of_run: Vec<String> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        of_run.contains(&"signatures-missing".to_owned()),
        "{of_run:?}"
    );
    assert!(of_run.contains(&"approved-alone".to_owned()), "{of_run:?}");
    assert!(json.to_string().contains("needs 1 signatures instead of 2"));
    let missing: Vec<&Value> = json["tenants"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["rule"] == "signatures-missing")
        .collect();
    assert_eq!(missing.len(), 1, "{json}");
    // Signed by two of the old root it counts, and what one alone signed under it still does not count by the old one.
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    repo.proposed(&[])
        .expect(12, &["baselines/contoso.yaml has 1 of 2 needed signatures"]);
}

#[test]
fn an_unsigned_policy_and_unlisted_rules_do_not_pass() {
    let repo = base();
    repo.next_version("policies/policy.yaml", "fail_on: low", "fail_on: critical");
    repo.proposed(&[]).expect(
        12,
        &[
            "policies/policy.yaml has 0 of 2 needed signatures",
            "fail_on: critical instead of low",
        ],
    );
    let repo = base();
    repo.write(
        "policies/extra.yaml",
        "apiVersion: connguard/v1\nkind: Rule\n",
    );
    repo.proposed(&[])
        .expect(1, &["policies/extra.yaml", "does not list this rule file"]);
    let repo = base();
    repo.replace(
        "connguard.yaml",
        "exports/fabrikam.json",
        "exports/contoso.json",
    );
    repo.proposed(&[]).expect(
        12,
        &[
            "fabrikam is read from exports/contoso.json instead of exports/fabrikam.json",
            "is no export of it",
        ],
    );
    let repo = base();
    repo.write("connguard.yaml", "nonsense: [");
    repo.proposed(&[]).expect(1, &["connguard.yaml:1:"]);
    let repo = base();
    repo.replace(CONTOSO, "      Enabled: true\n", "      Enabld: true\n");
    repo.proposed(&[]).expect(1, &["did you mean `Enabled`?"]);
}

#[test]
fn nothing_that_changes_passes_and_other_files_are_named() {
    let repo = base();
    repo.write(".github/workflows/check.yml", "on: push\n");
    repo.proposed(&[]).expect(
        0,
        &[".github/workflows/check.yml as well, which decides how checks are run"],
    );
    let repo = base();
    repo.judged(&[]).expect(0, &["the change may be made"]);
    repo.run(&["gate", "--base", "nowhere", "--head", "HEAD"])
        .expect(1, &["no revision \"nowhere\""]);
    repo.run(&["gate", "--base", "base"]).expect(2, &["--head"]);
    // A link in the place of a signed document is no document.
    let repo = base();
    std::fs::rename(repo.path(CONTOSO), repo.path("elsewhere.yaml")).unwrap();
    std::os::unix::fs::symlink("../elsewhere.yaml", repo.path(CONTOSO)).unwrap();
    repo.proposed(&[]).expect(3, &["not a regular file"]);
}

#[test]
fn evidence_cannot_be_swapped_unseen() {
    // Another file without the attacker's connector, the same file changed, the history and the tenant moved away.
    let clean = |repo: &Repo, path: &str| {
        let mut export: Value = serde_json::from_str(&repo.read("exports/fabrikam.json")).unwrap();
        export["inbound_connectors"]
            .as_array_mut()
            .unwrap()
            .retain(|row| row["ConnectorSource"] != "AdminUI");
        repo.write(path, export.to_string());
    };
    let repo = base();
    clean(&repo, "exports/clean.json");
    repo.replace(
        "connguard.yaml",
        "exports/fabrikam.json",
        "exports/clean.json",
    );
    repo.proposed(&[]).expect(
        12,
        &[
            "evidence-changed",
            "would no longer be found",
            "drift-unknown on",
        ],
    );
    let repo = base();
    clean(&repo, "exports/fabrikam.json");
    repo.proposed(&[]).expect(12, &["evidence-changed"]);
    let repo = base();
    repo.replace(
        "connguard.yaml",
        "tenants:\n",
        "history: { repository: ../elsewhere }\ntenants:\n",
    );
    repo.proposed(&[])
        .expect(12, &["the history lies somewhere else"]);
    let repo = base();
    let config = repo.read("connguard.yaml");
    repo.write(
        "connguard.yaml",
        config.split("  fabrikam:").next().unwrap(),
    );
    repo.proposed(&[])
        .expect(12, &["fabrikam is no longer configured"]);
    // A newer export in which nothing is missed is none of it.
    let repo = base();
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T08:00:00Z")
    });
    repo.proposed(&[]).expect(0, &["evidence-changed"]);
}

#[test]
fn a_tenant_that_could_not_be_read_is_never_called_clean() {
    let repo = Repo::with_git();
    std::fs::remove_file(repo.path("exports/fabrikam.json")).unwrap();
    repo.commit();
    repo.git(&["branch", "-q", "base"]);
    repo.write("README.md", "x");
    let run = repo.proposed(&["--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let json = run.json();
    assert_eq!(json["tenants"][1]["verdict"], "error");
    assert_eq!(json["verdict"], "error");
    assert_eq!(json["counts"]["clean"], 1);
    // Where more is to be approved, and nobody signed it, that nothing was looked at decides.
    let path = "baselines/fabrikam.yaml";
    repo.next_version(
        path,
        "[203.0.113.130, 203.0.113.131]",
        "[203.0.113.130, 203.0.113.131, 203.0.113.132]",
    );
    let run = repo.proposed(&[]);
    assert_eq!(run.code, 1, "{run:?}");
}

#[test]
fn what_narrows_and_does_something_else_besides_has_to_be_signed() {
    let repo = base();
    repo.next_version(CONTOSO, NARROWER.0, NARROWER.1);
    let partner = repo
        .read(CONTOSO)
        .split("  - name: Partner Fabrikam\n")
        .nth(1)
        .unwrap()
        .split("acceptances:")
        .next()
        .unwrap()
        .to_owned();
    let evil = partner.replace(
        "9c2d4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e03",
        "9c2d4e6f-8a1b-4c3d-9e5f-0a1b2c3d4eff",
    );
    repo.replace(
        CONTOSO,
        "acceptances:\n",
        &format!("  - name: Evil partner\n{evil}acceptances:\n"),
    );
    repo.proposed(&[])
        .expect(12, &["signatures-missing", "Evil partner"]);
}

#[test]
fn who_signs_what_was_merged_unsigned_passes() {
    let repo = base();
    repo.next_version(CONTOSO, NARROWER.0, NARROWER.1);
    repo.proposed(&[]).expect(0, &[]);
    repo.git(&["branch", "-q", "-f", "base"]);
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.proposed(&["--tenant", "contoso"]).expect(0, &[]);
}

#[test]
fn fewer_signers_by_whatever_way_are_named() {
    let roots = |change: &dyn Fn(&str) -> String| {
        let repo = base();
        for path in [
            "root.yaml",
            "allowed_signers",
            "root.sigs/alice@contoso.com.sig",
            "root.sigs/bob@contoso.com.sig",
        ] {
            repo.write(
                &format!("trust/roots/1/{path}"),
                repo.git(&["show", &format!("base:trust/{path}")]),
            );
        }
        repo.next_version("trust/root.yaml", "kind: Root", "kind: Root");
        repo.write("trust/root.yaml", change(&repo.read("trust/root.yaml")));
        repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
        repo.proposed(&[])
    };
    let line = |root: &str| {
        root.lines()
            .find(|line| line.trim_start().starts_with("baseline:"))
            .unwrap()
            .to_owned()
    };
    let people = "principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com]";
    roots(&|root| {
        root.replace(
            &line(root),
            &format!("  baseline: [{{ tenants: [\"*\"], threshold: 1, {people} }}]"),
        )
    })
    .expect(12, &["one person alone can approve a baseline"]);
    roots(&|root| root.replace(&line(root), &format!("{}\n  emergency: {{ threshold: 1, max_validity: 7d, principals: [carol@contoso.com] }}", line(root))))
        .expect(12, &["one person alone can approve a baseline"]);
    roots(&|root| root.to_owned()).expect(0, &[]);
}

#[test]
fn whatever_changes_is_mentioned() {
    let named = |path: &str| {
        let repo = base();
        repo.write(path, "x");
        let run = repo.proposed(&["--format", "json"]).json().to_string();
        assert!(run.contains(path), "{path}: {run}");
    };
    for path in [
        "trust/x/evil.sh",
        "policies/x.sh",
        "baselines/readme.txt",
        "baselines/CONTOSO.yaml",
        "trust/roots/9/x",
    ] {
        named(path);
    }
    // Many other files do not push a workflow out of sight.
    let repo = base();
    for number in 0..60 {
        repo.write(&format!(".a/{number}"), "x");
    }
    repo.write(".github/workflows/z.yml", "x");
    repo.proposed(&[]).expect(
        0,
        &[".github/workflows/z.yml as well, which decides how checks are run"],
    );
    // A document that becomes a link, with the same content.
    let repo = base();
    let blob = repo.git(&["rev-parse", &format!("HEAD:{CONTOSO}")]);
    repo.git(&[
        "update-index",
        "--cacheinfo",
        &format!("120000,{},{CONTOSO}", blob.trim()),
    ]);
    repo.git(&["commit", "-q", "-m", "link"]);
    repo.judged(&[]).expect(3, &["not a regular file"]);
}

#[test]
fn an_unsigned_history_is_no_evidence_and_no_obstacle() {
    let repo = Repo::with_git();
    repo.commit();
    repo.git(&["branch", "-q", "base"]);
    let pin = repo.pin();
    repo.run(&["snapshot", "--now", NOW, "--root", &pin]);
    repo.next_version(CONTOSO, WIDER.0, WIDER.1);
    repo.sign("connguard-baseline", CONTOSO, &["alice", "bob"]);
    repo.proposed(&["--tenant", "contoso"]).expect(
        0,
        &[
            "exports/contoso.json",
            "version 2 is signed by alice@contoso.com, bob@contoso.com",
        ],
    );
}
