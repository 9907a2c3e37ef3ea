//! What somebody may do who can write to the history's repository: each is named as what it is, with the commit where it begins.

use crate::harness::{LATER, Repo, key};
use serde_json::{Value, json};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const REF: &str = "refs/heads/connguard/history";

/// A history of five runs, of which each found something new.
fn recorded() -> Repo {
    let repo = Repo::with_git();
    for hour in 1..=5 {
        repo.export("contoso", |export| {
            export["taken_at"] = json!(format!("2026-11-21T0{hour}:00:00Z"));
            export["inbound_connectors"][0]["Comment"] = json!(format!("CHG-{hour}"));
        });
        repo.snapshot(&format!("2026-11-21T0{hour}:01:00Z"), &[])
            .expect(0, &["recorded"]);
    }
    repo
}

/// The commits, oldest first.
fn commits(repo: &Repo) -> Vec<String> {
    let list = repo.git(&["rev-list", "--reverse", REF]);
    list.lines().map(str::to_owned).collect()
}

fn content(repo: &Repo, commit: &str) -> String {
    repo.git(&["cat-file", "commit", commit])
}

/// Stores a commit as these bytes, whatever they say.
fn store(repo: &Repo, bytes: &str) -> String {
    let mut child = Command::new("git")
        .args(["hash-object", "-t", "commit", "-w", "--stdin"])
        .current_dir(repo.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(bytes.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn set(repo: &Repo, commit: &str) {
    repo.git(&["update-ref", REF, commit]);
}

/// The commit on top of another parent, with the signature that it had.
fn moved(repo: &Repo, commit: &str, parent: &str) -> String {
    let bytes = content(repo, commit);
    let old = bytes
        .lines()
        .find(|line| line.starts_with("parent "))
        .unwrap()
        .to_owned();
    store(repo, &bytes.replacen(&old, &format!("parent {parent}"), 1))
}

/// The commit without its signature.
fn unsigned(bytes: &str) -> String {
    let mut inside = false;
    let lines = bytes.split_inclusive('\n').filter(|line| {
        inside = line.starts_with("gpgsig ") || (inside && line.starts_with(' '));
        !inside
    });
    lines.collect()
}

/// The bytes of a commit, signed by somebody.
fn signed(bytes: &str, person: &str) -> String {
    let bytes = unsigned(bytes);
    let key = PrivateKey::read_openssh_file(std::path::Path::new(&key(person))).unwrap();
    let signature = key.sign("git", HashAlg::Sha512, bytes.as_bytes()).unwrap();
    let armored = signature.to_pem(LineEnding::LF).unwrap();
    let folded = armored.trim_end().replace('\n', "\n ");
    let (header, message) = bytes.split_once("\n\n").unwrap();
    format!("{header}\ngpgsig {folded}\n\n{message}")
}

/// What `history verify` finds: the kind of the first flaw, and its commit; also that `check` rests nothing on it.
#[track_caller]
fn found(repo: &Repo, more: &[&str]) -> (String, String, String) {
    let mut arguments = vec!["verify", "--format", "json"];
    arguments.extend(more);
    let verified = repo.history(&arguments).expect(3, &[]).json();
    assert_eq!(verified["verified"], false);
    let flaw = &verified["flaws"][0];
    let pin = repo.pin();
    let mut check = vec!["check", "--from", "history", "--root", &pin, "--now", LATER];
    check.extend(more);
    repo.run(&check)
        .expect(3, &["the history is not what was recorded"]);
    let word = |name: &str| flaw[name].as_str().unwrap().to_owned();
    (word("kind"), word("commit"), word("message"))
}

#[test]
fn an_amended_commit() {
    let repo = recorded();
    let all = commits(&repo);
    let amended = store(
        &repo,
        &content(&repo, &all[2]).replace("1 change", "nothing new"),
    );
    let next = moved(&repo, &all[3], &amended);
    set(&repo, &moved(&repo, &all[4], &next));
    let (kind, commit, message) = found(&repo, &[]);
    assert_eq!((kind.as_str(), commit), ("amended", amended));
    assert!(
        message.contains("was changed after it was signed"),
        "{message}"
    );
    // As `git commit --amend` does it, without a key.
    let repo = recorded();
    let all = commits(&repo);
    let amended = store(&repo, &unsigned(&content(&repo, &all[4])));
    set(&repo, &amended);
    let (kind, commit, _) = found(&repo, &[]);
    assert_eq!((kind.as_str(), commit), ("unsigned", amended));
}

#[test]
fn a_dropped_commit() {
    let repo = recorded();
    let all = commits(&repo);
    let next = moved(&repo, &all[3], &all[1]);
    set(&repo, &moved(&repo, &all[4], &next));
    let (kind, commit, message) = found(&repo, &[]);
    assert_eq!((kind.as_str(), commit), ("dropped", next));
    assert!(
        message.contains(&all[2][..10]) && message.contains("left out"),
        "{message}"
    );
}

#[test]
fn swapped_parents() {
    let repo = recorded();
    let all = commits(&repo);
    let second = moved(&repo, &all[3], &all[1]);
    let third = moved(&repo, &all[2], &second);
    set(&repo, &moved(&repo, &all[4], &third));
    let (kind, commit, message) = found(&repo, &[]);
    assert_eq!((kind.as_str(), commit), ("reordered", second));
    assert!(message.contains("the order was changed"), "{message}");
}

#[test]
fn a_commit_signed_by_a_stranger() {
    for (person, word) in [
        ("alice", "does not hold the history role"),
        ("ci", "is not in trust/allowed_signers"),
    ] {
        let repo = recorded();
        let all = commits(&repo);
        let bytes = content(&repo, &all[4]).replace("1 change", "nothing new");
        let bytes = if person == "alice" {
            signed(&bytes, "alice")
        } else {
            let pair = ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
            let stranger = PrivateKey::from(pair);
            let path = repo.path("stranger");
            fs::write(
                &path,
                stranger.to_openssh(LineEnding::LF).unwrap().as_bytes(),
            )
            .unwrap();
            signed(&bytes, path.to_str().unwrap())
        };
        let forged = store(&repo, &bytes);
        set(&repo, &forged);
        let (kind, commit, message) = found(&repo, &[]);
        assert_eq!((kind.as_str(), commit), ("stranger", forged));
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn an_edited_blob() {
    let repo = recorded();
    let all = commits(&repo);
    let path = "contoso/inbound-connectors/0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01.json";
    let object = |commit: &str| {
        let id = repo.git(&["rev-parse", &format!("{commit}:{path}")]);
        let id = id.trim();
        repo.path(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))
    };
    // Another blob's bytes under its name: the address that was added is one that was not.
    let (from, to) = (object(&all[1]), object(&all[2]));
    fs::remove_file(&to).unwrap();
    fs::copy(from, &to).unwrap();
    let (kind, commit, message) = found(&repo, &[]);
    assert_eq!((kind.as_str(), commit), ("damaged", all[2].clone()));
    assert!(message.contains("was edited or is damaged"), "{message}");
    fs::remove_file(&to).unwrap();
    assert_eq!(found(&repo, &[]).0, "damaged");
}

#[test]
fn a_branch_that_was_reset_to_last_week() {
    let repo = recorded();
    let all = commits(&repo);
    let memory = ["--state", "memory.json"];
    repo.history(&["verify", "--state", "memory.json"])
        .expect(0, &["5 commits verified"]);
    set(&repo, &all[2]);
    let (kind, commit, message) = found(&repo, &memory);
    assert_eq!((kind.as_str(), commit), ("reset", all[2].clone()));
    assert!(
        message.contains("the ref was set back: it lacks 2 newer commits"),
        "{message}"
    );
    // Without a memory of its own a machine sees it by a pin.
    assert_eq!(found(&repo, &["--history-pin", &all[3]]).0, "reset");
    repo.history(&["verify"]).expect(0, &["3 commits verified"]);
    // Nothing is recorded on top of it, and the whole ref gone is no new beginning.
    repo.snapshot("2026-11-21T09:00:00Z", &memory)
        .expect(3, &["nothing was recorded"]);
    repo.git(&["update-ref", "-d", REF]);
    repo.history(&["verify", "--state", "memory.json"])
        .expect(3, &["the history is gone"]);
    repo.snapshot("2026-11-21T09:00:00Z", &memory)
        .expect(3, &["the history is gone"]);
    // Whoever means it can say so.
    repo.snapshot("2026-11-21T09:00:00Z", &["--state", "other.json"])
        .expect(0, &[]);
    repo.history(&["verify", "--state", "memory.json"])
        .expect(3, &["was replaced"]);
    repo.history(&["verify", "--anew", "--state", "memory.json"])
        .expect(0, &[]);
    repo.history(&["verify", "--state", "memory.json"])
        .expect(0, &[]);
}

#[test]
fn a_history_rewritten_by_the_holder_of_the_key() {
    let repo = recorded();
    let all = commits(&repo);
    repo.history(&["verify", "--state", "memory.json"])
        .expect(0, &[]);
    // Good signatures all the way: only what an earlier run saw contradicts.
    let other = store(
        &repo,
        &signed(
            &content(&repo, &all[2]).replace("1 change", "nothing new"),
            "ci",
        ),
    );
    let next = store(
        &repo,
        &signed(&content(&repo, &all[3]).replace(&all[2], &other), "ci"),
    );
    set(&repo, &next);
    repo.history(&["verify"]).expect(0, &["4 commits verified"]);
    let (kind, commit, message) = found(&repo, &["--state", "memory.json"]);
    assert_eq!((kind.as_str(), commit), ("rewritten", other));
    assert!(
        message.contains("the first of 3 that are gone"),
        "{message}"
    );
}

/// A commit on top of the tip, made by the holder of the key from the tip's own.
fn forged(repo: &Repo, change: impl FnOnce(String) -> String) -> String {
    let tip = repo.tip();
    let bytes = content(repo, &tip);
    let parent = bytes
        .lines()
        .find(|line| line.starts_with("parent "))
        .unwrap()
        .to_owned();
    let bytes = bytes.replacen(&parent, &format!("parent {tip}"), 1);
    let commit = store(repo, &signed(&change(bytes), "ci"));
    set(repo, &commit);
    commit
}

#[test]
fn what_no_run_would_have_written() {
    type Change = fn(&Repo, String) -> String;
    let cases: [(&str, &str, Change); 8] = [
        ("time", "a run before it at", |_, bytes| {
            bytes.replace(
                "Taken-At: 2026-11-21T05:01:00Z",
                "Taken-At: 2026-11-21T04:01:00Z",
            )
        }),
        ("time", "and was committed at", |_, bytes| {
            bytes.replace("Taken-At: 2026-11-21T05", "Taken-At: 2026-11-21T07")
        }),
        ("time", "which is later than it was read", |_, bytes| {
            bytes.replace(
                "Source: export",
                "Exported-At: 2040-01-01T00:00:00Z contoso\nSource: export",
            )
        }),
        ("foreign", "no trailer Read", |_, bytes| {
            bytes.replace("Read: contoso, fabrikam\n", "")
        }),
        ("merged", "2 parents", |repo, bytes| {
            let first = &commits(repo)[0];
            bytes.replacen("\nauthor", &format!("\nparent {first}\nauthor"), 1)
        }),
        ("tree", "contoso is gone", |repo, bytes| {
            with_tree(repo, &bytes, |tree| tree.without_tenant("contoso"))
        }),
        ("tree", "is no name of a tenant", |repo, bytes| {
            with_tree(repo, &bytes, |tree| tree.add("Evil"))
        }),
        ("tree", "did not read contoso completely", |repo, bytes| {
            with_tree(repo, &bytes, |tree| tree.without_connectors("contoso"))
                .replace("Read: contoso, fabrikam", "Read: fabrikam")
        }),
    ];
    for (kind, words, change) in cases {
        let repo = recorded();
        let commit = forged(&repo, |bytes| change(&repo, bytes));
        let (found, at, message) = found(&repo, &[]);
        assert_eq!((found.as_str(), &at), (kind, &commit), "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn an_older_root_put_back() {
    let repo = recorded();
    // The recorded root is none of ours: a key that it gives the role to signs nothing here.
    let commit = forged(&repo, |bytes| {
        with_tree(&repo, &bytes, |tree| {
            let root = repo
                .read("trust/root.yaml")
                .replace("threshold: 2", "threshold: 1");
            tree.put("_documents/trust/root.yaml", &root)
        })
    });
    let (kind, at, message) = found(&repo, &[]);
    assert_eq!((kind.as_str(), at), ("root", commit));
    assert!(message.contains("none of the chain"), "{message}");
}

/// A tree that is changed by way of an index of its own.
struct Tree<'r> {
    repo: &'r Repo,
    index: String,
}

impl Tree<'_> {
    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.repo.path(""))
            .env("GIT_INDEX_FILE", &self.index)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn without_tenant(&self, tenant: &str) {
        self.git(&["rm", "-q", "--cached", "-r", tenant]);
    }

    fn without_connectors(&self, tenant: &str) {
        self.git(&[
            "rm",
            "-q",
            "--cached",
            "-r",
            &format!("{tenant}/inbound-connectors"),
        ]);
    }

    fn put(&self, path: &str, text: &str) {
        self.repo.write("blob", text);
        let id = self.git(&["hash-object", "-w", "blob"]);
        self.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{id},{path}"),
        ]);
    }

    fn add(&self, folder: &str) {
        self.put(&format!("{folder}/snapshot.json"), "{}");
    }
}

/// The commit with another tree.
fn with_tree(repo: &Repo, bytes: &str, change: impl FnOnce(&Tree<'_>)) -> String {
    let index = repo.path("index").display().to_string();
    let tree = Tree { repo, index };
    let old = bytes.lines().next().unwrap().to_owned();
    tree.git(&["read-tree", old.trim_start_matches("tree ")]);
    change(&tree);
    let new = tree.git(&["write-tree"]);
    bytes.replacen(&old, &format!("tree {new}"), 1)
}

#[test]
fn a_clean_history_is_clean() {
    let repo = recorded();
    let verified: Value = repo
        .history(&["verify", "--format", "json"])
        .expect(0, &[])
        .json();
    assert_eq!(
        (&verified["verified"], &verified["commits"]),
        (&json!(true), &json!(5))
    );
}

#[test]
fn nothing_is_recorded_under_a_root_that_cannot_be_believed() {
    let repo = recorded();
    let tip = repo.tip();
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let key = key("ci");
    let run = |more: &[&str]| {
        let mut arguments = vec!["snapshot", "--now", "2026-11-21T09:00:00Z"];
        arguments.extend(more);
        repo.run(&arguments)
    };
    run(&["--root", other, "--key", &key])
        .expect(3, &["nothing was recorded", "is not the pinned root"]);
    // A root that waits for signatures, or is gone, is no leave to go on unsigned.
    repo.replace("trust/root.yaml", "version: 1\n", "version: 1\n# waits\n");
    run(&[]).expect(3, &["nothing was recorded"]);
    fs::remove_dir_all(repo.path("trust")).unwrap();
    run(&["--key", &key]).expect(3, &["nothing was recorded", "trust/root.yaml is missing"]);
    assert_eq!(repo.tip(), tip);
}

#[test]
fn what_nobody_signed_is_not_made_good_by_what_follows() {
    // Before the first signed run somebody puts a commit of his own there, without the root that says who signs.
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T10:00:00Z", &[]).expect(0, &[]);
    let bytes = with_tree(&repo, &unsigned(&content(&repo, &repo.tip())), |tree| {
        tree.git(&["rm", "-q", "--cached", "-r", "_documents"]);
    });
    let forged = store(&repo, &bytes);
    set(&repo, &forged);
    repo.write("exports/contoso.json", "{");
    repo.snapshot("2026-11-21T11:00:00Z", &[])
        .expect(3, &["nothing was recorded", "it is unsigned"]);
    assert_eq!(found(&repo, &[]).0, "unsigned");
}

#[test]
fn a_tree_without_end() {
    let repo = recorded();
    forged(&repo, |bytes| {
        with_tree(&repo, &bytes, |tree| {
            let deep = "d/".repeat(400);
            tree.put(&format!("_documents/{deep}file"), "x");
        })
    });
    let (kind, _, message) = found(&repo, &[]);
    assert_eq!(kind, "tree", "{message}");
    repo.history(&["log"]).expect(0, &[]);
}
