//! Signatures: who counts, who does not, and what is refused. Never 0, never 11 to 14 for drift.

use crate::harness::{NOW, Repo, project};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Checks the clean tenant and expects that nothing is trusted.
#[track_caller]
fn refused(repo: &Repo, words: &[&str]) {
    repo.check_with(&["--tenant", "contoso"]).expect(3, words);
}

#[test]
fn every_document_needs_its_threshold_of_distinct_people() {
    for (document, namespace) in [
        ("trust/root.yaml", "connguard-root"),
        ("policies/policy.yaml", "connguard-policy"),
        ("baselines/contoso.yaml", "connguard-baseline"),
    ] {
        let repo = Repo::example();
        repo.sign(namespace, document, &["alice"]);
        refused(
            &repo,
            &[
                &format!("{document} has 1 of 2 needed signatures (alice@contoso.com)"),
                "could sign: bob@contoso.com, carol@contoso.com",
            ],
        );
        // The same person's signature in a second file is still one person.
        let folder = document.replace(".yaml", ".sigs");
        repo.write(
            &format!("{folder}/bob@contoso.com.sig"),
            repo.read(&format!("{folder}/alice@contoso.com.sig")),
        );
        refused(&repo, &["1 of 2"]);
        repo.sign(namespace, document, &["alice", "carol"]);
        repo.check("contoso").expect(0, &[]);
        repo.sign(namespace, document, &[]);
        refused(&repo, &["0 of 2"]);
    }
}

#[test]
fn a_signature_is_good_for_one_document_of_one_kind() {
    let repo = Repo::example();
    repo.sign(
        "connguard-policy",
        "baselines/contoso.yaml",
        &["alice", "bob"],
    );
    refused(
        &repo,
        &["namespace \"connguard-policy\", not \"connguard-baseline\""],
    );
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "bob"],
    );
    for person in ["alice", "bob"] {
        let other = repo.read(&format!("baselines/fabrikam.sigs/{person}@contoso.com.sig"));
        repo.write(
            &format!("baselines/contoso.sigs/{person}@contoso.com.sig"),
            other,
        );
    }
    refused(&repo, &["the signature does not match"]);
}

#[test]
fn any_change_of_the_bytes_breaks_the_signature() {
    let changes: [(&str, &dyn Fn(String) -> String); 4] = [
        ("line ends rewritten by git", &|text| {
            text.replace('\n', "\r\n")
        }),
        ("indented otherwise", &|text| {
            text.replace("  - name", "    - name")
        }),
        ("a byte more", &|text| text + " "),
        ("a value", &|text| {
            text.replace("203.0.113.10", "203.0.113.11")
        }),
    ];
    for (what, change) in changes {
        let repo = Repo::example();
        repo.write(
            "baselines/contoso.yaml",
            change(repo.read("baselines/contoso.yaml")),
        );
        let run = repo.check("contoso");
        assert!(matches!(run.code, 3), "{what}: {run:?}");
    }
}

#[test]
fn a_baseline_of_another_tenant_is_refused() {
    let repo = Repo::example();
    for file in [
        "contoso.yaml",
        "contoso.sigs/alice@contoso.com.sig",
        "contoso.sigs/bob@contoso.com.sig",
    ] {
        let own = repo.read(&format!(
            "baselines/{}",
            file.replace("contoso.", "fabrikam.")
                .replace("@fabrikam.", "@contoso.")
        ));
        repo.write(&format!("baselines/{file}"), own);
    }
    refused(
        &repo,
        &["the baseline of the tenant \"fabrikam\", not of \"contoso\""],
    );
}

#[test]
fn the_keys_are_part_of_the_root() {
    let repo = Repo::example();
    repo.write(
        "trust/allowed_signers",
        repo.read("trust/allowed_signers") + "# a comment\n",
    );
    refused(&repo, &["not the file that the root names"]);
    for missing in [
        "trust/root.yaml",
        "trust/allowed_signers",
        "policies/policy.yaml",
        "baselines/contoso.yaml",
    ] {
        let repo = Repo::example();
        let pin = repo.pin();
        fs::remove_file(repo.path(missing)).unwrap();
        repo.run(&["check", "--tenant", "contoso", "--now", NOW, "--root", &pin])
            .expect(3, &[&format!("{missing} is missing")]);
    }
}

#[test]
fn keys_count_in_their_time_and_namespace_only() {
    let key = |person: &str| {
        fs::read_to_string(project().join(format!("tests/keys/{person}.pub"))).unwrap()
    };
    let file = |options: &str| {
        format!(
            "# people\n\nalice@contoso.com {options} {}bob@contoso.com {}carol@contoso.com {}",
            key("alice"),
            key("bob"),
            key("carol")
        )
    };
    for (options, code, words) in [
        (
            "namespaces=\"connguard-root,connguard-policy,connguard-baseline\"",
            0,
            "clean",
        ),
        (
            "valid-after=\"20260101Z\",valid-before=\"203001010000Z\"",
            0,
            "clean",
        ),
        (
            "namespaces=\"connguard-root,connguard-policy\"",
            3,
            "may not sign in the namespace connguard-baseline",
        ),
        (
            "valid-before=\"20261121Z\"",
            3,
            "stopped counting at 2026-11-21T00:00:00Z",
        ),
        (
            "valid-after=\"20270101Z\"",
            3,
            "counts from 2027-01-01T00:00:00Z on only",
        ),
        ("valid-before=\"20300101\"", 3, "not a time like"),
        // A key that certifies others signs no documents.
        ("cert-authority", 3, "is not in trust/allowed_signers"),
        (
            "no-such-option",
            3,
            "the option \"no-such-option\" is not known",
        ),
    ] {
        let repo = Repo::example();
        repo.with_signers(&file(options));
        repo.check_with(&["--tenant", "contoso"])
            .expect(code, &[words]);
    }
    let mistakes = format!(
        "*@contoso.com {}mallory@contoso.com {}bob@contoso.com {}",
        key("alice"),
        key("bob"),
        key("bob")
    );
    let repo = Repo::example();
    repo.with_signers(&mistakes);
    refused(
        &repo,
        &[
            "trust/allowed_signers:1:1",
            "not exactly one principal",
            "trust/allowed_signers:3:1",
            "two principals",
        ],
    );
}

#[test]
fn a_root_that_cancels_itself_is_refused() {
    for (from, to, words) in [
        (
            "policy:   { threshold: 2",
            "policy:   { threshold: 1",
            "the lower one would cancel the higher",
        ),
        (
            "root:     { threshold: 2",
            "root:     { threshold: 0",
            "a whole number of at least 1",
        ),
        (
            "root:     { threshold: 2",
            "root:     { threshold: 4",
            "cannot be had from 3 people",
        ),
        (
            "alice@contoso.com, bob@contoso.com, carol@contoso.com] }\n  policy",
            "alice@contoso.com, bob@contoso.com, dave@contoso.com] }\n  policy",
            "no key for dave@contoso.com",
        ),
    ] {
        let repo = Repo::example();
        repo.replace("trust/root.yaml", from, to);
        repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
        refused(&repo, &[words]);
    }
}

#[test]
#[cfg(unix)]
fn links_are_not_followed() {
    for path in [
        "baselines/contoso.yaml",
        "baselines/contoso.sigs/alice@contoso.com.sig",
        "trust/root.yaml",
        "baselines/contoso.sigs",
        "trust",
    ] {
        let repo = Repo::example();
        let pin = repo.pin();
        fs::rename(repo.path(path), repo.path("moved")).unwrap();
        std::os::unix::fs::symlink(repo.path("moved"), repo.path(path)).unwrap();
        repo.run(&["check", "--tenant", "contoso", "--now", NOW, "--root", &pin])
            .expect(3, &["is not a regular file"]);
    }
    let repo = Repo::example();
    fs::rename(repo.path("exports/contoso.json"), repo.path("moved")).unwrap();
    std::os::unix::fs::symlink(repo.path("moved"), repo.path("exports/contoso.json")).unwrap();
    repo.check_with(&["--tenant", "contoso"])
        .expect(1, &["behind a link"]);
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    let repo = Repo::example();
    let trust = connguard::trust::Trust::open(
        repo.path("").as_path(),
        connguard::trust::Known::default(),
        NOW.parse().unwrap(),
    )
    .unwrap();
    for (path, step) in [
        ("baselines/contoso.yaml", 7),
        ("baselines/contoso.sigs/bob@contoso.com.sig", 1),
    ] {
        let bytes = fs::read(repo.path(path)).unwrap();
        for position in (0..bytes.len()).step_by(step) {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << (position % 8);
            repo.write(path, &changed);
            let file = connguard::trust::SignedFile::load(&repo.path(""), "baselines/contoso.yaml")
                .unwrap();
            // Armour that is spelled otherwise is the same signature; a document never is the same.
            if let Ok(signers) = trust.verify(connguard::trust::Duty::Baseline("contoso"), &file) {
                assert!(path.ends_with(".sig"), "byte {position} of {path}");
                assert_eq!(signers.len(), 2);
            }
        }
        repo.write(path, bytes);
    }
}

/// Runs the real `ssh-keygen`, or says that it is not there.
fn ssh_keygen(arguments: &[&str], folder: &Path) -> Option<bool> {
    match Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
    {
        Ok(output) => Some(output.status.success()),
        Err(_) => {
            eprintln!("no ssh-keygen on this machine: its signatures are not compared with ours");
            None
        }
    }
}

#[test]
fn signatures_of_ssh_keygen_count_for_every_kind_of_key() {
    for (kind, bits) in [
        ("ed25519", "256"),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("ecdsa", "521"),
        ("rsa", "2048"),
        ("rsa", "3072"),
    ] {
        let repo = Repo::example();
        let key = repo.path("key");
        let Some(made) = ssh_keygen(
            &[
                "-q",
                "-t",
                kind,
                "-b",
                bits,
                "-N",
                "",
                "-f",
                key.to_str().unwrap(),
            ],
            &repo.path(""),
        ) else {
            return;
        };
        assert!(made);
        let public = fs::read_to_string(repo.path("key.pub")).unwrap();
        let other = |person: &str| {
            fs::read_to_string(project().join(format!("tests/keys/{person}.pub"))).unwrap()
        };
        repo.with_signers(&format!(
            "alice@contoso.com {}bob@contoso.com {}carol@contoso.com {public}",
            other("alice"),
            other("bob")
        ));
        repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
        let document = repo.path("baselines/contoso.yaml");
        let signed = ssh_keygen(
            &[
                "-q",
                "-Y",
                "sign",
                "-n",
                "connguard-baseline",
                "-f",
                key.to_str().unwrap(),
                document.to_str().unwrap(),
            ],
            &repo.path(""),
        );
        assert_eq!(signed, Some(true));
        fs::rename(
            repo.path("baselines/contoso.yaml.sig"),
            repo.path("baselines/contoso.sigs/carol@contoso.com.sig"),
        )
        .unwrap();
        repo.check("contoso").expect(0, &["carol@contoso.com"]);
        repo.write(
            "baselines/contoso.yaml",
            repo.read("baselines/contoso.yaml") + "\n",
        );
        refused(&repo, &["0 of 2"]);
    }
}

#[test]
fn ssh_keygen_accepts_the_examples_signatures() {
    let repo = Repo::example();
    for (document, namespace) in [
        ("trust/root", "connguard-root"),
        ("policies/policy", "connguard-policy"),
        ("baselines/contoso", "connguard-baseline"),
        ("baselines/fabrikam", "connguard-baseline"),
    ] {
        for person in ["alice@contoso.com", "bob@contoso.com"] {
            let command = Command::new("ssh-keygen")
                .args([
                    "-Y",
                    "verify",
                    "-f",
                    "trust/allowed_signers",
                    "-I",
                    person,
                    "-n",
                    namespace,
                    "-s",
                ])
                .arg(repo.path(&format!("{document}.sigs/{person}.sig")))
                .current_dir(repo.path(""))
                .stdin(fs::File::open(repo.path(&format!("{document}.yaml"))).unwrap())
                .output();
            let Ok(output) = command else { return };
            assert!(
                output.status.success(),
                "{document}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
