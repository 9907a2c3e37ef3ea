//! What earlier runs saw: older versions, forks, other roots and clocks set back. Each refusal ends with 3.

use crate::harness::{NOW, Repo, Run};
use std::fs;

fn check(repo: &Repo, more: &[&str]) -> Run {
    let mut arguments = vec![
        "check",
        "--tenant",
        "contoso",
        "--state",
        "memory/state.json",
    ];
    arguments.extend(more);
    repo.run(&arguments)
}

/// As at [`NOW`], with the root pinned.
fn pinned(repo: &Repo) -> Run {
    check(repo, &["--now", NOW, "--root", &repo.pin()])
}

/// The document with another version, signed by two people.
fn next(repo: &Repo, path: &str, namespace: &str, change: impl FnOnce(String) -> String) {
    let before = connguard::digest::Digest::of(repo.read(path).as_bytes());
    let text = change(repo.read(path)).replacen(
        "version: 1\n",
        &format!("version: 2\nprevious: {before}\n"),
        1,
    );
    repo.write(path, text);
    repo.sign(namespace, path, &["alice", "bob"]);
}

fn files(repo: &Repo, path: &str) -> Vec<(String, String)> {
    let folder = path.replace(".yaml", ".sigs");
    let mut files = vec![(path.to_owned(), repo.read(path))];
    for entry in fs::read_dir(repo.path(&folder)).unwrap() {
        let name = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
        let text = repo.read(&name);
        files.push((name, text));
    }
    files
}

fn put_back(repo: &Repo, files: &[(String, String)]) {
    for (path, text) in files {
        repo.write(path, text);
    }
}

const DOCUMENTS: [(&str, &str); 3] = [
    ("baselines/contoso.yaml", "connguard-baseline"),
    ("policies/policy.yaml", "connguard-policy"),
    ("trust/root.yaml", "connguard-root"),
];

#[test]
fn an_older_version_is_refused_by_name() {
    for (path, namespace) in DOCUMENTS {
        let repo = Repo::example();
        let pin = repo.pin();
        let run = |repo: &Repo| check(repo, &["--now", NOW, "--root", &pin]);
        run(&repo).expect(0, &["versions remembered from now on"]);
        let old = files(&repo, path);
        if path.starts_with("trust/") {
            keep_root(&repo);
        }
        next(&repo, path, namespace, |text| text + "# two\n");
        run(&repo).expect(0, &["no version older than seen before"]);
        put_back(&repo, &old);
        run(&repo).expect(
            3,
            &[&format!(
                "{path} was rolled back: it is version 1, and version 2 was seen"
            )],
        );
    }
}

fn keep_root(repo: &Repo) {
    for (path, text) in files(repo, "trust/root.yaml") {
        repo.write(&path.replace("trust/", "trust/roots/1/"), text);
    }
    repo.write(
        "trust/roots/1/allowed_signers",
        repo.read("trust/allowed_signers"),
    );
}

#[test]
fn another_document_of_a_version_is_a_fork() {
    for (path, namespace) in DOCUMENTS.iter().take(2) {
        let repo = Repo::example();
        pinned(&repo).expect(0, &[]);
        repo.write(path, repo.read(path) + "# another\n");
        repo.sign(namespace, path, &["alice", "bob"]);
        pinned(&repo).expect(3, &[&format!("{path} is a fork: its version 1 is sha256:")]);
        // A version 2 that does not follow the one seen is one, too.
        next(&repo, path, namespace, |text| text);
        pinned(&repo).expect(3, &["is a fork: its version 2 names sha256:"]);
    }
}

#[test]
fn a_gap_is_reported_and_passes() {
    let repo = Repo::example();
    pinned(&repo).expect(0, &[]);
    let text = repo.read("baselines/contoso.yaml");
    repo.write(
        "baselines/contoso.yaml",
        text.replacen(
            "version: 1\n",
            &format!("version: 5\nprevious: sha256:{}\n", "0".repeat(64)),
            1,
        ),
    );
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "bob"],
    );
    pinned(&repo).expect(
        0,
        &[
            "version-gap",
            "is version 5, and the newest that an earlier run saw is 1",
        ],
    );
}

#[test]
fn a_baseline_is_remembered_by_its_organization() {
    // Under another local name the older baseline of the same organization is no less old.
    let repo = Repo::example();
    let old = files(&repo, "baselines/contoso.yaml");
    next(
        &repo,
        "baselines/contoso.yaml",
        "connguard-baseline",
        |text| text,
    );
    pinned(&repo).expect(0, &[]);
    for (path, text) in &old {
        if !path.ends_with(".sig") {
            repo.write(
                &path.replace("contoso", "renamed"),
                text.replace("tenant: contoso\n", "tenant: renamed\n"),
            );
        }
    }
    repo.sign(
        "connguard-baseline",
        "baselines/renamed.yaml",
        &["alice", "bob"],
    );
    repo.repolicy("  contoso:", "  renamed: { sources: [export] }\n  contoso:");
    let config = repo.read("connguard.yaml");
    repo.write(
        "connguard.yaml",
        config.replace("  contoso:\n", "  renamed:\n"),
    );
    let run = repo.run(&[
        "check",
        "--tenant",
        "renamed",
        "--state",
        "memory/state.json",
        "--now",
        NOW,
        "--root",
        &repo.pin(),
    ]);
    // The policy was changed without a new version as well; both are named.
    run.expect(3, &["baselines/renamed.yaml was rolled back"]);
}

#[test]
fn a_replaced_root_is_seen_without_a_pin() {
    let repo = Repo::example();
    check(&repo, &["--now", NOW]).expect(12, &["root-not-pinned"]);
    check(&repo, &["--now", NOW]).expect(0, &["as an earlier run saw it"]);
    // Whoever can write to the repository makes a root of their own.
    repo.write(
        "trust/root.yaml",
        repo.read("trust/root.yaml") + "# mallory\n",
    );
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    check(&repo, &["--now", NOW]).expect(3, &["trust/root.yaml is not the remembered root"]);
    // With a pin trust begins anew, which is said until the policy acknowledges it.
    let pin = repo.pin();
    check(&repo, &["--now", NOW, "--root", &pin]).expect(13, &["trust-restarted"]);
    check(&repo, &["--now", NOW, "--root", &pin]).expect(13, &["trust-restarted"]);
    next(&repo, "policies/policy.yaml", "connguard-policy", |text| {
        text + &format!(
            "trust_restarts: [ {{ root: \"{pin}\", owner: alice@contoso.com, reason: CHG-1 }} ]\n"
        )
    });
    check(&repo, &["--now", NOW, "--root", &pin]).expect(0, &["CLEAN"]);
}

#[test]
fn a_clock_set_back_gives_no_verdict() {
    let repo = Repo::example();
    check(&repo, &["--root", &repo.pin()]).expect(0, &[]);
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let state = repo.read("memory/state.json");
    let clock = state
        .lines()
        .find(|line| line.contains("\"clock\""))
        .unwrap()
        .to_owned();
    repo.write(
        "memory/state.json",
        state.replace(&clock, &format!("  \"clock\": \"{later}\",")),
    );
    check(&repo, &["--root", &repo.pin()]).expect(3, &["it was set back"]);
    // Without memory a document says so itself: it is not of this time yet.
    let run = repo.run(&[
        "check",
        "--tenant",
        "contoso",
        "--now",
        "2026-11-18T08:00:00Z",
        "--root",
        &repo.pin(),
    ]);
    run.expect(3, &["which is later than the time of this run"]);
}

#[test]
fn documents_end_and_say_so_before() {
    for (path, namespace) in DOCUMENTS {
        let repo = Repo::example();
        repo.replace(
            path,
            "expires: 2099-12-31T00:00:00Z",
            "expires: 2026-11-25T00:00:00Z",
        );
        repo.sign(namespace, path, &["alice", "bob"]);
        repo.check_with(&["--tenant", "contoso"])
            .expect(11, &["document-expires-soon", "in 3d 12h"]);
        repo.replace(
            path,
            "expires: 2026-11-25T00:00:00Z",
            "expires: 2026-11-20T00:00:00Z",
        );
        repo.sign(namespace, path, &["alice", "bob"]);
        repo.check_with(&["--tenant", "contoso"])
            .expect(3, &[&format!("{path} expired at 2026-11-20")]);
    }
}

#[test]
fn memory_that_cannot_be_read_is_no_empty_memory() {
    let repo = Repo::example();
    for (text, words) in [
        ("", "is not a state file"),
        ("{}", "is not a state file"),
        (
            "{\"schema\":\"x\",\"clock\":null,\"lineages\":[]}",
            "its schema is",
        ),
    ] {
        repo.write("memory/state.json", text);
        pinned(&repo).expect(1, &[words]);
    }
    fs::remove_file(repo.path("memory/state.json")).unwrap();
    // A file that was named and cannot be written is an error; the verdict is out all the same.
    repo.write("blocked", "");
    let run = repo.run(&[
        "check",
        "--tenant",
        "contoso",
        "--now",
        NOW,
        "--root",
        &repo.pin(),
        "--state",
        "blocked/state.json",
    ]);
    run.expect(1, &[]);
    repo.run_with(
        &["check", "--tenant", "contoso", "--now", NOW],
        &[("CONNGUARD_STATE", "")],
    )
    .expect(2, &["CONNGUARD_STATE is set and empty"]);
}

#[test]
fn what_is_kept_is_kept_where_the_platform_keeps_state() {
    let repo = Repo::example();
    let home = repo.path("home");
    let environment = [("HOME", home.to_str().unwrap())];
    let run = |more: &[&str]| {
        let mut arguments = vec!["check", "--tenant", "contoso", "--now", NOW];
        arguments.extend(more);
        repo.run_with(&arguments, &environment)
    };
    run(&[]).expect(12, &["root-not-pinned"]);
    assert!(home.join(".local/state/connguard/state.json").is_file());
    run(&[]).expect(0, &[]);
    // Two runs at once both land.
    std::thread::scope(|scope| {
        for tenant in ["contoso", "fabrikam"] {
            let repo = &repo;
            scope.spawn(move || {
                repo.run(&[
                    "check",
                    "--tenant",
                    tenant,
                    "--now",
                    NOW,
                    "--root",
                    &repo.pin(),
                    "--state",
                    "both/state.json",
                ])
            });
        }
    });
    let state = repo.read("both/state.json");
    assert_eq!(state.matches("\"baseline ").count(), 2, "{state}");
}
