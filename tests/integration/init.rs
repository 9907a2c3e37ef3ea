//! An audit repository where there was none.

use crate::harness::{NOW, Repo, Run, key, project};

fn init(repo: &Repo, more: &[&str]) -> Run {
    let export = project().join("exports/contoso.json").display().to_string();
    let mut arguments = vec![
        "init",
        "audit",
        "--from",
        &export,
        "--now",
        NOW,
        "--state",
        "state.json",
    ];
    arguments.extend(more);
    repo.run(&arguments)
}

/// The same for Alice alone, who can sign at once.
fn init_alone(repo: &Repo, more: &[&str]) -> crate::harness::Run {
    let alice = key("alice");
    let mut arguments = vec![
        "--me",
        "--as",
        "alice@contoso.com",
        "--key",
        &alice,
        "--yes",
    ];
    arguments.extend(more);
    init(repo, &arguments)
}

#[test]
fn one_person_has_a_repository_in_which_check_works() {
    let repo = Repo::empty();
    init_alone(&repo, &[]).expect(0, &["The pin of this root", "sha256:"]);
    for path in [
        "connguard.yaml",
        "trust/root.yaml",
        "trust/allowed_signers",
        "policies/policy.yaml",
        "baselines/contoso.yaml",
        "exports/contoso.json",
        ".gitattributes",
        "CODEOWNERS",
        ".github/workflows/connguard-check.yml",
        ".github/workflows/connguard-gate.yml",
    ] {
        assert!(repo.path("audit").join(path).is_file(), "{path}");
    }
    assert!(
        repo.read("audit/baselines/contoso.yaml")
            .contains("relays: [203.0.113.10, 203.0.113.48/28]")
    );
    // A relay without a certificate is what the rules find; nothing differs from what was approved.
    repo.run(&[
        "check",
        "--config",
        "audit/connguard.yaml",
        "--now",
        "2026-11-20T12:00:00Z",
        "--state",
        "state.json",
    ])
    .expect(3, &["was issued at"]);
    repo.run(&[
        "check",
        "--config",
        "audit/connguard.yaml",
        "--now",
        NOW,
        "--state",
        "state.json",
    ])
    .expect(
        3,
        &[
            "the policy takes none older than 1d",
            "tls-certificate-not-pinned",
        ],
    );
    // And never a second time over it.
    let before = repo.read("audit/trust/root.yaml");
    init_alone(&repo, &[]).expect(1, &["nothing is overwritten"]);
    assert_eq!(repo.read("audit/trust/root.yaml"), before);
}

#[test]
fn several_people_sign_later_and_files_that_are_there_stay() {
    let repo = Repo::empty();
    repo.write("audit/.github/workflows/connguard-gate.yml", "mine\n");
    repo.write("audit/CODEOWNERS", "mine\n");
    let people: Vec<String> = ["alice", "bob"]
        .iter()
        .map(|name| format!("{name}@contoso.com={}.pub", key(name)))
        .collect();
    init(
        &repo,
        &[
            "--signer", &people[0], "--signer", &people[1], "--ci", "github", "--ci", "azure",
            "--ci", "gitlab",
        ],
    )
    .expect(
        0,
        &[
            "kept CODEOWNERS",
            "kept .github/workflows/connguard-gate.yml",
            "connguard baseline sign contoso, by each signer",
        ],
    );
    assert_eq!(repo.read("audit/CODEOWNERS"), "mine\n");
    assert_eq!(
        repo.read("audit/.github/workflows/connguard-gate.yml"),
        "mine\n"
    );
    assert!(
        repo.read("audit/azure-pipelines-gate.yml")
            .contains("connguard gate --base HEAD^1")
    );
    // Who can change the gate's pipeline must find no secret there.
    assert!(
        !repo
            .read("audit/azure-pipelines-gate.yml")
            .contains("HISTORY_KEY")
    );
    assert!(repo.read("audit/.gitlab-ci.yml").contains("codequality"));
    assert!(repo.read("audit/trust/root.yaml").contains("threshold: 2"));
    init(&Repo::empty(), &[]).expect(2, &["say who may sign"]);
    Repo::empty()
        .run(&["init", "x", "--me"])
        .expect(2, &["name an export to begin with"]);
    init(
        &Repo::empty(),
        &["--me", "--source", "https://git.example/connguard@main"],
    )
    .expect(2, &["40 hexadecimal digits"]);
}

/// A job of a workflow, from its name to the next one.
fn job<'w>(workflow: &'w str, name: &str) -> &'w str {
    let start = workflow.find(&format!("\n  {name}:\n")).unwrap() + 1;
    let rest = &workflow[start..];
    let end = rest
        .match_indices("\n  ")
        .find(|(at, _)| !rest[at + 3..].starts_with([' ', '#']))
        .map_or(rest.len(), |(at, _)| at);
    &rest[..end]
}

#[test]
fn who_reads_does_not_write_and_who_writes_does_not_read() {
    let repo = Repo::empty();
    let commit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let source = format!("https://git.example/connguard@{commit}");
    init_alone(&repo, &["--source", &source]);
    let check = repo.read("audit/.github/workflows/connguard-check.yml");
    let gate = repo.read("audit/.github/workflows/connguard-gate.yml");
    for workflow in [&check, &gate] {
        assert!(workflow.contains("\npermissions: {}\n"));
        assert!(workflow.contains(&format!("CONNGUARD_REV: \"{commit}\"")));
        for line in workflow.lines().filter(|line| line.contains("uses: ")) {
            let (_, pin) = line.split_once('@').unwrap();
            assert!(
                pin.len() > 40 && pin[..40].bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{line}"
            );
        }
        // No expression stands in a script: values reach it by its environment.
        for script in workflow.split("run: |").skip(1) {
            let script: String = script
                .lines()
                .skip(1)
                .take_while(|line| line.trim().is_empty() || line.starts_with("          "))
                .collect();
            assert!(!script.contains("${{"), "{script}");
        }
        assert!(
            !workflow.contains(&repo.read("audit/trust/root.yaml")[..20])
                || !workflow.contains("sha256:")
        );
    }
    let reads = job(&check, "check");
    assert!(reads.contains("id-token: write") && reads.contains("contents: read"));
    assert!(!reads.contains("secrets.") && !reads.contains("contents: write"));
    let records = job(&check, "record");
    assert!(records.contains("contents: write") && !records.contains("id-token"));
    assert!(!gate.contains("secrets.") && !gate.contains(": write"));
    assert!(gate.contains("on:\n  pull_request:\n"));
    // What others wrote is built where there is nothing to steal.
    let builds = job(&check, "build");
    assert!(builds.contains("cargo install") && builds.contains("permissions: {}"));
    assert!(!reads.contains("cargo install") && !records.contains("cargo install"));
    assert!(records.contains("environment: connguard"));
    assert!(
        repo.read("audit/CODEOWNERS")
            .contains("/.github/ alice@contoso.com")
    );
}
