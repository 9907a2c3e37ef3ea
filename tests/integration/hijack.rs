//! Somebody who can write to the repository, or holds one key, tries to become everybody.

use crate::harness::{NOW, Repo, Run, project};
use connguard::digest::Digest;
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::fs;

const STATE: [&str; 4] = ["--now", NOW, "--state", "memory/state.json"];

fn run(repo: &Repo, arguments: &[&str]) -> Run {
    repo.run(&[arguments, &STATE[..]].concat())
}

fn check(repo: &Repo, more: &[&str]) -> Run {
    run(repo, &[&["check", "--tenant", "contoso"], more].concat())
}

fn key(person: &str) -> String {
    project()
        .join("tests/keys")
        .join(person)
        .to_str()
        .unwrap()
        .to_owned()
}

fn digest(repo: &Repo, path: &str) -> Digest {
    Digest::of(repo.read(path).as_bytes())
}

/// One version more, naming what stands there as the one before.
fn raise(repo: &Repo, path: &str, from: u64) {
    let before = digest(repo, path);
    let text = repo.read(path);
    let text: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("previous:"))
        .collect();
    repo.write(
        path,
        text.replacen(
            &format!("version: {from}\n"),
            &format!("version: {}\nprevious: {before}\n", from + 1),
            1,
        ),
    );
}

/// Replaces everything by documents that one stranger signed.
fn hijack(repo: &Repo, policy: &str) {
    let stranger = PrivateKey::read_openssh_file(project().join("tests/keys/carol")).unwrap();
    let public = fs::read_to_string(project().join("tests/keys/carol.pub")).unwrap();
    let signers = format!("mallory@contoso.com {public}");
    repo.write("trust/allowed_signers", &signers);
    let grant = "{ threshold: 1, principals: [mallory@contoso.com] }";
    repo.write("trust/root.yaml", format!("apiVersion: connguard/v1\nkind: Root\nversion: 1\nissued: 2026-11-18T09:00:00Z\nexpires: 2099-12-31T00:00:00Z\nallowed_signers: {}\nroles: {{ root: {grant}, policy: {grant}, baseline: {grant} }}\n", Digest::of(signers.as_bytes())));
    repo.write(
        "policies/policy.yaml",
        repo.read("policies/policy.yaml")
            .replace("fail_on: low", "fail_on: critical")
            + &policy.replace("ROOT", &digest(repo, "trust/root.yaml").to_string()),
    );
    for (path, namespace) in [
        ("trust/root", "connguard-root"),
        ("policies/policy", "connguard-policy"),
        ("baselines/contoso", "connguard-baseline"),
    ] {
        let _ = fs::remove_dir_all(repo.path(&format!("{path}.sigs")));
        let bytes = repo.read(&format!("{path}.yaml"));
        let armored = stranger
            .sign(namespace, HashAlg::Sha512, bytes.as_bytes())
            .unwrap()
            .to_pem(LineEnding::LF)
            .unwrap();
        repo.write(&format!("{path}.sigs/mallory@contoso.com.sig"), armored);
    }
}

#[test]
fn a_root_that_nobody_vouches_for_cannot_say_that_this_is_no_matter() {
    let restart = "trust_restarts: [ { root: \"ROOT\", owner: m, reason: r } ]\n";
    let repo = Repo::example();
    hijack(&repo, restart);
    check(&repo, &[]).expect(12, &["root-not-pinned"]);
    // Where an earlier run knew the organization by another root, in whatever folder.
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    let elsewhere = Repo::example();
    elsewhere.write("memory/state.json", repo.read("memory/state.json"));
    hijack(&elsewhere, restart);
    check(&elsewhere, &[]).expect(13, &["trust-restarted", "root-not-pinned"]);
    check(&elsewhere, &[]).expect(13, &["trust-restarted"]);
}

#[test]
fn a_review_compares_with_what_was_approved_only() {
    let repo = Repo::example();
    let path = "baselines/contoso.yaml";
    repo.commit();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    // An unsigned version 2 that widens, and a version 3 that changes nothing about it.
    raise(&repo, path, 1);
    repo.replace(path, "203.0.113.10", "203.0.113.10, 198.51.100.0/24");
    repo.sign("connguard-baseline", path, &["carol"]);
    repo.commit();
    raise(&repo, path, 2);
    let signed = run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            &key("alice"),
            "--yes",
        ],
    );
    signed.expect(
        0,
        &[
            "was not signed by enough people: everything is shown as new",
            "is approved anew",
            "198.51.100.0/24",
            "follows versions that no run here has seen: the newest was 1",
        ],
    );
    // A version 2 beside the one that was seen is not even offered.
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    repo.write(
        path,
        repo.read(path).replace(
            "version: 1\n",
            &format!("version: 2\nprevious: sha256:{}\n", "1".repeat(64)),
        ),
    );
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            &key("alice"),
            "--yes",
        ],
    )
    .expect(3, &["is a fork"]);
}

#[test]
fn whoever_signs_is_told_that_nothing_vouches_for_the_root() {
    let repo = Repo::example();
    for command in [&["baseline", "sign", "contoso"][..], &["policy", "sign"]] {
        repo.run(&[command, &["--key", &key("alice"), "--yes", "--now", NOW]].concat())
            .expect(0, &["is neither pinned nor remembered"]);
    }
    // Under a root that cannot be believed nothing is signed at all.
    repo.sign("connguard-root", "trust/root.yaml", &["alice"]);
    for command in [
        &["baseline", "sign", "contoso"][..],
        &["policy", "sign"],
        &["baseline", "sign", "--all"],
        &["baseline", "propose", "contoso"],
    ] {
        repo.run(&[command, &["--now", NOW]].concat())
            .expect(3, &["1 of 2 needed signatures"]);
    }
}

#[test]
fn a_new_root_is_compared_with_the_one_it_names() {
    let repo = Repo::example();
    let pin = repo.pin();
    run(&repo, &["trust", "rotate", "--no-sign", "--root", &pin]).expect(0, &[]);
    repo.replace(
        "trust/root.yaml",
        "  baseline: { threshold: 2",
        "  baseline: { threshold: 1",
    );
    let shown = ["role baseline: needs 1 signatures instead of 2"];
    let sign = |repo: &Repo| {
        run(
            repo,
            &[
                "trust",
                "sign",
                "--key",
                &key("alice"),
                "--yes",
                "--root",
                &pin,
            ],
        )
    };
    sign(&repo).expect(0, &shown);
    // Another root laid in the place of the one before would hide that.
    repo.replace(
        "trust/roots/1/root.yaml",
        "  baseline: { threshold: 2",
        "  baseline: { threshold: 1",
    );
    sign(&repo).expect(
        3,
        &[
            "the root before, in trust/roots/1, is not to be believed",
            "names another one",
        ],
    );
    // One that the new root does name, and the pin does not lead to.
    let forged = digest(&repo, "trust/roots/1/root.yaml").to_string();
    repo.replace("trust/root.yaml", &pin, &forged);
    sign(&repo).expect(3, &["is not to be believed", "pinned"]);
}

#[test]
fn a_review_shows_everything_that_widens() {
    let repo = Repo::example();
    let pin = repo.pin();
    repo.write("old.yaml", repo.read("baselines/contoso.yaml"));
    let show = |repo: &Repo, words: &[&str]| {
        repo.run(&[
            "baseline", "show", "contoso", "--diff", "old.yaml", "--now", NOW,
        ])
        .expect(3, words);
    };
    let partner = "  - name: Partner X\n    owner: o\n    reason: r\n    settings: { Enabled: true, ConnectorType: Partner, ConnectorSource: Default, RequireTls: false, RestrictDomainsToIPAddresses: false, RestrictDomainsToCertificate: true, CloudServicesMailEnabled: true, TreatMessagesAsInternal: true, EFSkipLastIP: false, EFTestMode: true, TrustedOrganizations: [mallory.example] }\n    expected_changes:\n      - { property: ConnectorType, value: OnPremises, until: 2099-01-01T00:00:00Z, reason: r }\n      - { property: SenderDomains, value: [\"*\"], until: 2099-01-01T00:00:00Z, reason: r }\n";
    repo.replace(
        "baselines/contoso.yaml",
        "connectors:\n",
        &format!("connectors:\n{partner}"),
    );
    show(
        &repo,
        &[
            "TreatMessagesAsInternal true",
            "TrustedOrganizations mallory.example",
            "widens critical connector \"Partner X\": until 2099-01-01T00:00:00Z, ConnectorType became OnPremises",
        ],
    );
    repo.write(
        "baselines/contoso.yaml",
        repo.read("old.yaml")
            .replace("tenant_id: 3b1e6f0a", "tenant_id: 4b1e6f0a"),
    );
    show(&repo, &["widens critical organization"]);
    // Roots: the first match decides, and an emergency that never ends is none.
    repo.replace("trust/root.yaml", "  baseline: { threshold: 2, principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com] }", "  baseline:\n    - { tenants: [\"con*\"], threshold: 2, principals: [alice@contoso.com, bob@contoso.com] }\n    - { tenants: [\"*\"], threshold: 1, principals: [carol@contoso.com] }\n  emergency: { threshold: 1, max_validity: 7d, principals: [carol@contoso.com] }");
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    let _ = pin;
    run(&repo, &["trust", "rotate", "--no-sign"]).expect(0, &[]);
    let text = repo.read("trust/root.yaml");
    let lines: Vec<&str> = text.lines().collect();
    let first = lines
        .iter()
        .position(|line| line.contains("[\"con*\"]"))
        .unwrap();
    let mut swapped = lines.clone();
    swapped.swap(first, first + 1);
    repo.write(
        "trust/root.yaml",
        swapped
            .join("\n")
            .replace("max_validity: 7d", "max_validity: 36500d")
            + "\n",
    );
    run(&repo, &["trust", "sign", "--key", &key("alice"), "--yes"]).expect(
        0,
        &[
            "widens high role baseline 1 of *",
            "widens medium emergency, max_validity: 36500d instead of 7d",
        ],
    );
    // Policies: a first one that is lenient says so.
    repo.replace(
        "policies/policy.yaml",
        "catalogue: default@1",
        "catalogue: none",
    );
    let repo2 = Repo::example();
    repo2.replace(
        "policies/policy.yaml",
        "catalogue: default@1",
        "catalogue: none",
    );
    run(&repo2, &["policy", "sign", "--key", &key("alice"), "--yes"]).expect(
        0,
        &[
            "widens medium catalogue: none",
            "widens medium max_snapshot_age: 36500d",
        ],
    );
}

#[test]
#[cfg(unix)]
fn nothing_is_written_through_a_link() {
    let repo = Repo::example();
    let victim = repo.path("victim");
    for name in [
        "baselines/.contoso.yaml.new",
        "baselines/contoso.sigs/.alice@contoso.com.sig.new",
        "baselines/contoso.sigs/alice@contoso.com.sig",
    ] {
        repo.write("victim", "untouched");
        let _ = fs::remove_file(repo.path(name));
        std::os::unix::fs::symlink(&victim, repo.path(name)).unwrap();
        run(
            &repo,
            &[
                "baseline",
                "sign",
                "contoso",
                "--key",
                &key("alice"),
                "--yes",
                "--root",
                &repo.pin(),
            ],
        );
        run(
            &repo,
            &["baseline", "propose", "contoso", "--root", &repo.pin()],
        );
        assert_eq!(repo.read("victim"), "untouched", "{name}");
    }
    fs::remove_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    fs::create_dir(repo.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(repo.path("elsewhere"), repo.path("baselines/contoso.sigs"))
        .unwrap();
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            &key("alice"),
            "--yes",
            "--root",
            &repo.pin(),
        ],
    )
    .expect(1, &["is not a regular file"]);
    assert_eq!(fs::read_dir(repo.path("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_broken_export_makes_nothing_forgotten() {
    let repo = Repo::example();
    let pin = repo.pin();
    let path = "baselines/contoso.yaml";
    check(&repo, &["--root", &pin]).expect(0, &[]);
    let old: Vec<(String, String)> = [
        "baselines/contoso.yaml",
        "baselines/contoso.sigs/alice@contoso.com.sig",
        "baselines/contoso.sigs/bob@contoso.com.sig",
    ]
    .map(|path| (path.to_owned(), repo.read(path)))
    .into();
    raise(&repo, path, 1);
    repo.sign("connguard-baseline", path, &["alice", "bob"]);
    let export = repo.read("exports/contoso.json");
    repo.write("exports/contoso.json", "{");
    check(&repo, &["--root", &pin]).expect(1, &[]);
    repo.write("exports/contoso.json", export);
    for (path, text) in old {
        repo.write(&path, text);
    }
    check(&repo, &["--root", &pin]).expect(3, &["was rolled back"]);
}

#[test]
fn one_signature_poisons_no_memory() {
    let repo = Repo::example();
    let pin = repo.pin();
    let own = digest(&repo, "baselines/contoso.yaml");
    let manifest = |version: u64, people: &[&str]| {
        repo.write("baselines/manifest.yaml", format!("apiVersion: connguard/v1\nkind: Manifest\nversion: {version}\nprevious: sha256:{}\nissued: 2026-11-18T09:00:00Z\nexpires: 2099-12-31T00:00:00Z\nbaselines:\n  contoso: {{ version: 1, digest: {own} }}\n", "2".repeat(64)));
        repo.sign("connguard-baseline", "baselines/manifest.yaml", people);
    };
    manifest(999_999_999, &["carol"]);
    check(&repo, &["--root", &pin]).expect(0, &[]);
    fs::remove_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    manifest(7, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(0, &["CLEAN"]);
    manifest(6, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(3, &["baselines/manifest.yaml was rolled back"]);
    // No version leaves none to come after it.
    manifest(18_446_744_073_709_551_615, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(3, &["leaves none to come after it"]);
}

#[test]
fn an_emergency_outranks_nothing_afterwards() {
    let repo = Repo::example();
    repo.replace("trust/root.yaml", "roles:\n", "roles:\n  emergency: { threshold: 1, max_validity: 7d, principals: [carol@contoso.com] }\n");
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    let pin = repo.pin();
    let path = "baselines/contoso.yaml";
    check(&repo, &["--root", &pin]).expect(0, &[]);
    let signed = repo.read(path);
    raise(&repo, path, 1);
    repo.replace(path, "version: 2", "version: 900000000");
    repo.replace(
        path,
        "expires: 2099-12-31T00:00:00Z",
        "expires: 2026-11-24T09:00:00Z",
    );
    repo.sign("connguard-baseline", path, &["carol"]);
    check(&repo, &["--root", &pin]).expect(12, &["baseline-emergency"]);
    repo.write(path, signed);
    raise(&repo, path, 1);
    repo.sign("connguard-baseline", path, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(0, &["CLEAN"]);
}

#[test]
fn a_name_and_its_organization_belong_together() {
    // Another organization's old baseline under a name that is known for this one.
    let repo = Repo::example();
    let pin = repo.pin();
    check(&repo, &["--root", &pin]).expect(0, &[]);
    for path in [
        "baselines/contoso.yaml",
        "connguard.yaml",
        "exports/contoso.json",
    ] {
        repo.write(path, repo.read(path).replace("3b1e6f0a", "aaaaaaaa"));
    }
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "bob"],
    );
    check(&repo, &["--root", &pin]).expect(
        3,
        &["an earlier run knew \"contoso\" as the organization 3b1e6f0a"],
    );
    // Another name for an organization that is known, by a signer of that other name alone.
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    let text = repo
        .read("baselines/contoso.yaml")
        .replace("tenant: contoso\n", "tenant: fabrikam\n")
        .replace(
            "version: 1\n",
            &format!("version: 999\nprevious: sha256:{}\n", "3".repeat(64)),
        );
    repo.write("baselines/fabrikam.yaml", text);
    repo.sign(
        "connguard-baseline",
        "baselines/fabrikam.yaml",
        &["alice", "bob"],
    );
    run(
        &repo,
        &["check", "--tenant", "fabrikam", "--root", &repo.pin()],
    )
    .expect(
        13,
        &["this is no next version of that baseline", "not compared"],
    );
    check(&repo, &["--root", &repo.pin()]).expect(0, &["CLEAN"]);
}

#[test]
fn a_line_to_be_pasted_runs_nothing_else() {
    let repo = Repo::example();
    let name = "a$(touch${IFS}ran)";
    let public = fs::read_to_string(project().join("tests/keys/bob.pub")).unwrap();
    let old = digest(&repo, "trust/allowed_signers").to_string();
    let signers = repo
        .read("trust/allowed_signers")
        .lines()
        .filter(|line| !line.starts_with("bob"))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        + &format!("{name} {public}");
    repo.write("trust/allowed_signers", &signers);
    repo.replace(
        "trust/root.yaml",
        &old,
        &Digest::of(signers.as_bytes()).to_string(),
    );
    repo.write(
        "trust/root.yaml",
        repo.read("trust/root.yaml")
            .replace("bob@contoso.com", &format!("\"{name}\"")),
    );
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            &format!("{}.pub", key("bob")),
        ],
    )
    .expect(3, &["trust/root.yaml"]);
    let run = run(
        &repo,
        &[
            "trust",
            "sign",
            "--key",
            &format!("{}.pub", key("bob")),
            "--yes",
        ],
    );
    assert!(run.code != 0 && !run.stdout.contains("touch"), "{run:?}");
}

#[test]
fn a_key_with_an_end_of_its_own_ends_now_when_its_owner_leaves() {
    let repo = Repo::example();
    let old = digest(&repo, "trust/allowed_signers").to_string();
    let signers = repo.read("trust/allowed_signers").replace(
        "carol@contoso.com ssh",
        "carol@contoso.com valid-before=\"20990101Z\" ssh",
    );
    repo.write("trust/allowed_signers", &signers);
    repo.replace(
        "trust/root.yaml",
        &old,
        &Digest::of(signers.as_bytes()).to_string(),
    );
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    run(
        &repo,
        &[
            "trust",
            "rotate",
            "--retire",
            "carol@contoso.com",
            "--no-sign",
        ],
    )
    .expect(0, &["until 2026-11-21T12:00:01Z counts"]);
    assert!(
        repo.read("trust/allowed_signers")
            .contains("carol@contoso.com valid-before=\"20261121120001Z\" ssh-ed25519")
    );
}

#[test]
fn memory_knows_a_root_again_that_is_pinned_anew() {
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    run(&repo, &["trust", "rotate", "--key", &key("alice"), "--yes"]).expect(0, &[]);
    run(&repo, &["trust", "sign", "--key", &key("bob"), "--yes"]).expect(0, &["enough signatures"]);
    // The new root descends from the one that is known: nothing began anew, and nothing is forgotten.
    let seen =
        check(&repo, &["--root", &repo.pin()]).expect(0, &["no version older than seen before"]);
    assert!(!seen.stdout.contains("trust-restarted"));
}

#[test]
fn nobody_is_retired_whom_the_threshold_needs() {
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    let before = repo.read("trust/root.yaml");
    run(
        &repo,
        &[
            "trust",
            "rotate",
            "--retire",
            "alice@contoso.com",
            "--retire",
            "bob@contoso.com",
            "--no-sign",
        ],
    )
    .expect(
        3,
        &["the root role needs 2 signatures, and 1 of its people have a key that counts"],
    );
    assert_eq!(repo.read("trust/root.yaml"), before);
    // What others will refuse is said, though this machine has seen it.
    run(
        &repo,
        &[
            "trust",
            "rotate",
            "--retire",
            "bob@contoso.com",
            "--no-sign",
            "--accept-gap",
        ],
    )
    .expect(0, &["narrows key of bob@contoso.com"]);
}

#[test]
fn a_changed_document_comes_with_no_invitation_to_sign_it() {
    let repo = Repo::example();
    repo.write(
        "baselines/contoso.yaml",
        repo.read("baselines/contoso.yaml") + "#\n",
    );
    let refused = check(&repo, &["--root", &repo.pin()])
        .expect(3, &["find out who changed baselines/contoso.yaml"]);
    assert!(
        !refused.stdout.contains("baseline sign"),
        "{}",
        refused.stdout
    );
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
    check(&repo, &["--root", &repo.pin()])
        .expect(3, &["have it signed: connguard baseline sign contoso"]);
}

#[test]
fn another_root_is_not_begun_unasked() {
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    fs::remove_dir_all(repo.path("trust")).unwrap();
    let again = [
        "trust",
        "init",
        "--me",
        "--key",
        &key("alice"),
        "--as",
        "alice@contoso.com",
    ];
    run(&repo, &again).expect(3, &["an earlier run trusted another root in this folder"]);
    assert!(!repo.path("trust").exists());
    run(&repo, &[&again[..], &["--anew"]].concat()).expect(0, &["wrote trust/root.yaml"]);
}

#[test]
fn a_declined_draft_is_not_left_to_be_signed_later() {
    let repo = Repo::example();
    fs::remove_file(repo.path("baselines/contoso.yaml")).unwrap();
    fs::remove_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            &key("alice"),
            "--root",
            &repo.pin(),
        ],
    )
    .expect(3, &["nothing was signed"]);
    assert!(!repo.path("baselines/contoso.yaml").exists());
}

/// A root where Carol alone signs for one tenant, and may act in an emergency.
fn delegated(repo: &Repo) -> String {
    repo.replace(
        "trust/root.yaml",
        "  baseline: { threshold: 2, principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com] }",
        "  baseline:\n    - { tenants: [fabrikam], threshold: 1, principals: [carol@contoso.com] }\n    - { threshold: 2, principals: [alice@contoso.com, bob@contoso.com] }\n  emergency: { threshold: 1, max_validity: 7d, principals: [carol@contoso.com] }",
    );
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    repo.pin()
}

#[test]
fn an_emergency_is_no_version_to_compare_with() {
    let repo = Repo::example();
    let pin = delegated(&repo);
    let path = "baselines/contoso.yaml";
    repo.commit();
    raise(&repo, path, 1);
    repo.replace(path, "203.0.113.10", "203.0.113.10, 198.51.100.0/24");
    repo.replace(
        path,
        "expires: 2099-12-31T00:00:00Z",
        "expires: 2026-11-24T09:00:00Z",
    );
    repo.sign("connguard-baseline", path, &["carol"]);
    repo.commit();
    raise(&repo, path, 2);
    run(
        &repo,
        &[
            "baseline",
            "sign",
            "contoso",
            "--key",
            &key("alice"),
            "--yes",
            "--root",
            &pin,
        ],
    )
    .expect(
        0,
        &[
            "was not signed by enough people: everything is shown as new",
            "198.51.100.0/24",
        ],
    );
}

#[test]
fn signers_of_one_tenant_decide_nothing_for_another() {
    // By a baseline that names the other organization and follows its newest version.
    let repo = Repo::example();
    let pin = delegated(&repo);
    check(&repo, &["--root", &pin]).expect(0, &[]);
    let before = digest(&repo, "baselines/contoso.yaml");
    let own = repo.read("baselines/fabrikam.yaml");
    for version in [2, 900_000_000] {
        let text = repo
            .read("baselines/contoso.yaml")
            .replace("tenant: contoso\n", "tenant: fabrikam\n");
        repo.write(
            "baselines/fabrikam.yaml",
            text.replace(
                "version: 1\n",
                &format!("version: {version}\nprevious: {before}\n"),
            ),
        );
        repo.sign("connguard-baseline", "baselines/fabrikam.yaml", &["carol"]);
        run(&repo, &["check", "--tenant", "fabrikam", "--root", &pin]);
        check(&repo, &["--root", &pin]).expect(0, &["CLEAN"]);
    }
    // By a manifest that names only one's own.
    let repo = Repo::example();
    let pin = delegated(&repo);
    let entry =
        |tenant: &str, digest: Digest| format!("  {tenant}: {{ version: 1, digest: {digest} }}\n");
    let manifest = |version: u64, entries: &str, people: &[&str]| {
        repo.write("baselines/manifest.yaml", format!("apiVersion: connguard/v1\nkind: Manifest\nversion: {version}\n{}issued: 2026-11-18T09:00:00Z\nexpires: 2099-12-31T00:00:00Z\nbaselines:\n{entries}", if version > 1 { format!("previous: sha256:{}\n", "4".repeat(64)) } else { String::new() }));
        repo.sign("connguard-baseline", "baselines/manifest.yaml", people);
    };
    fs::remove_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    let contoso = entry("contoso", digest(&repo, "baselines/contoso.yaml"));
    manifest(1, &contoso, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(0, &[]);
    repo.write("baselines/fabrikam.yaml", &own);
    manifest(
        999_999_999,
        &entry("fabrikam", Digest::of(own.as_bytes())),
        &["carol"],
    );
    run(&repo, &["check", "--tenant", "fabrikam", "--root", &pin]);
    manifest(1, &contoso, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(0, &["CLEAN"]);
}

#[test]
fn an_organization_may_change_in_the_next_version_and_stay() {
    let repo = Repo::example();
    let pin = repo.pin();
    let path = "baselines/contoso.yaml";
    check(&repo, &["--root", &pin]).expect(0, &[]);
    raise(&repo, path, 1);
    for file in [path, "connguard.yaml", "exports/contoso.json"] {
        repo.write(file, repo.read(file).replace("3b1e6f0a", "aaaaaaaa"));
    }
    repo.sign("connguard-baseline", path, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(0, &["CLEAN"]);
    raise(&repo, path, 2);
    repo.sign("connguard-baseline", path, &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(0, &["CLEAN"]);
}

#[test]
fn memory_that_cannot_be_written_hides_no_attack() {
    let repo = Repo::example();
    repo.write("blocked", "");
    repo.run(&[
        "check",
        "--now",
        NOW,
        "--root",
        &repo.pin(),
        "--state",
        "blocked/state.json",
    ])
    .expect(1, &["cannot read the versions seen"]);
    fs::create_dir_all(repo.path("memory/state.json.new")).unwrap();
    run(&repo, &["check", "--root", &repo.pin()]).expect(14, &["drift-unknown", "cannot write"]);
}

#[test]
fn what_an_alias_repeats_is_bounded_in_bytes() {
    let repo = Repo::example();
    let mut text = repo.read("connguard.yaml") + &format!("a: &a ['{}']\n", "x".repeat(1_000_000));
    for (name, before) in [("b", "a"), ("c", "b"), ("d", "c")] {
        text += &format!(
            "{name}: &{name} [{}]\n",
            [format!("*{before}").as_str(); 10].join(",")
        );
    }
    repo.write("connguard.yaml", text);
    run(&repo, &["check"]).expect(1, &["the file holds more than 250000 values"]);
}

#[test]
fn a_root_that_names_another_one_before_it_does_not_descend() {
    let repo = Repo::example();
    let pin = repo.pin();
    run(&repo, &["trust", "rotate", "--no-sign", "--root", &pin]).expect(0, &[]);
    repo.replace(
        "trust/root.yaml",
        &pin,
        &format!("sha256:{}", "5".repeat(64)),
    );
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    check(&repo, &["--root", &pin]).expect(3, &["does not follow version 1"]);
}
