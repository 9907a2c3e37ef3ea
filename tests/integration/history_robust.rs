//! The history among other processes, other clones, and repositories that are not as they should be.

use crate::generator::{self, connector as record};
use crate::harness::{NOW, Repo, connector, key};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A run of `snapshot` that goes on in the background.
fn start(folder: &Path, pin: &str, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args(["snapshot", "--root", pin, "--key", &key("ci")])
        .args(more)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn count(repo: &Repo) -> usize {
    let counted = repo.git(&["rev-list", "--count", "refs/heads/connguard/history"]);
    counted.trim().parse().unwrap()
}

/// The history verified by the clock, as these runs were made by it.
fn verified(repo: &Repo) {
    repo.run(&["history", "verify", "--root", &repo.pin()])
        .expect(0, &["signed"]);
}

#[test]
fn two_runs_at_once_both_land() {
    let repo = Repo::with_git();
    let pin = repo.pin();
    for _ in 0..3 {
        let runs: Vec<Child> = (0..4)
            .map(|number| {
                let tenant = ["contoso", "fabrikam"][number % 2];
                start(&repo.path(""), &pin, &["--tenant", tenant])
            })
            .collect();
        for run in runs {
            let output = run.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert_eq!(count(&repo), 12);
    verified(&repo);
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn a_run_that_is_killed_leaves_the_old_history_or_the_new_one() {
    let repo = Repo::with_git();
    let pin = repo.pin();
    let mut last = 0;
    for delay in 0..24 {
        let mut run = start(&repo.path(""), &pin, &[]);
        std::thread::sleep(std::time::Duration::from_millis(delay));
        let _ = run.kill();
        let _ = run.wait();
        // What a run that died holds locked is said, with the file that is to be taken away.
        let lock = repo.path(".git/refs/heads/connguard/history.lock");
        if lock.exists() {
            fs::remove_file(lock).unwrap();
        }
        if repo.path(".git/refs/heads/connguard/history").exists() {
            verified(&repo);
            let now = count(&repo);
            assert!(now == last || now == last + 1, "{last} {now}");
            last = now;
        }
    }
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn a_ref_that_another_process_holds_is_said() {
    let repo = Repo::with_git();
    repo.snapshot(NOW, &[]).expect(0, &[]);
    repo.write(".git/refs/heads/connguard/history.lock", "");
    repo.snapshot(NOW, &[]).expect(
        1,
        &[
            "is being written by another process",
            ".lock",
            "take it away",
        ],
    );
    assert_eq!(count(&repo), 1);
}

/// Two clones of one remote, and the remote.
fn clones() -> (Repo, Repo, Repo) {
    let remote = Repo::empty();
    remote.git(&["init", "-q", "--bare", "."]);
    let one = Repo::with_git();
    let two = Repo::with_git();
    for repo in [&one, &two] {
        repo.git(&["remote", "add", "origin", remote.path("").to_str().unwrap()]);
    }
    (remote, one, two)
}

#[test]
fn two_clones_push_to_one_remote() {
    let (remote, one, two) = clones();
    let pin = one.pin();
    let push = ["--push", "origin"];
    for round in 0..3 {
        // Of different tenants: two runs that see the same in the same second are the same commit.
        let runs = [(&one, "contoso"), (&two, "fabrikam")].map(|(repo, tenant)| {
            start(
                &repo.path(""),
                &pin,
                &["--push", "origin", "--tenant", tenant],
            )
        });
        for run in runs {
            let output = run.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{round}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert_eq!(count(&remote), 6);
    for repo in [&one, &two] {
        start(&repo.path(""), &pin, &push).wait().unwrap();
        verified(repo);
    }
    assert_eq!(count(&two), 8, "the second saw everything of the first");
}

/// `snapshot` by the clock, with git at hand.
fn pushed(repo: &Repo, code: i32, words: &[&str]) {
    let output = start(&repo.path(""), &repo.pin(), &["--push", "origin"])
        .wait_with_output()
        .unwrap();
    let all = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{all}");
    for word in words {
        assert!(all.contains(word), "{word:?} is not in {all}");
    }
}

#[test]
fn what_cannot_be_pushed_is_recorded_and_pushed_later() {
    let (remote, one, two) = clones();
    pushed(&one, 0, &["recorded"]);
    let away = remote.path("").with_extension("away");
    fs::rename(remote.path(""), &away).unwrap();
    pushed(&one, 3, &["recorded here and not pushed"]);
    fs::rename(&away, remote.path("")).unwrap();
    pushed(&one, 0, &[]);
    assert_eq!((count(&remote), count(&one)), (3, 3));
    // Two that have parted are not joined, and nothing is forced.
    two.run(&[
        "snapshot",
        "--root",
        &two.pin(),
        "--key",
        &key("ci"),
        "--tenant",
        "fabrikam",
    ])
    .expect(0, &[]);
    pushed(&two, 3, &["have parted", "rewrites neither"]);
    assert_eq!(count(&remote), 3);
    // What the remote holds is verified before anything is built on it.
    let (remote, one, two) = clones();
    pushed(&one, 0, &[]);
    let tree = format!(
        "{}^{{tree}}",
        remote
            .git(&["rev-parse", "refs/heads/connguard/history"])
            .trim()
    );
    let forged = remote.git(&[
        "commit-tree",
        "-p",
        "refs/heads/connguard/history",
        "-m",
        "x",
        &tree,
    ]);
    remote.git(&["update-ref", "refs/heads/connguard/history", forged.trim()]);
    pushed(&two, 3, &["the remote's history is not what was recorded"]);
    assert!(!two.path(".git/refs/heads/connguard/history").exists());
}

#[test]
fn another_repository_may_hold_the_history_and_brings_nothing_else() {
    let repo = Repo::with_git();
    let beside = Repo::empty();
    beside.git(&["init", "-q", "--bare", "history.git"]);
    let path = beside.path("history.git");
    let configure = |repository: &str, name: &str| {
        let base = fs::read_to_string(crate::harness::project().join("connguard.yaml")).unwrap();
        repo.write(
            "connguard.yaml",
            format!("{base}history: {{ repository: {repository:?}, ref: {name} }}\n"),
        );
    };
    let good = "refs/heads/connguard/eu";
    configure(path.to_str().unwrap(), good);
    repo.snapshot(NOW, &[]).expect(0, &["recorded"]);
    assert_eq!(
        beside
            .git(&["-C", "history.git", "rev-list", "--count", good])
            .trim(),
        "1"
    );
    repo.history(&["verify"]).expect(0, &[good]);
    assert!(
        repo.git(&["status", "--porcelain"])
            .lines()
            .all(|line| line.starts_with("??"))
    );

    // A configuration that could run something is refused by every command that would read it.
    beside.git(&["-C", "history.git", "config", "core.fsmonitor", "/tmp/evil"]);
    let commands: [&[&str]; 3] = [&["snapshot"], &["check"], &["history", "log"]];
    for command in commands {
        repo.run(command).expect(
            if command == ["check"] { 14 } else { 3 },
            &["sets core.fsmonitor"],
        );
    }
    repo.check("contoso").expect(3, &["sets core.fsmonitor"]);
    beside.git(&["-C", "history.git", "config", "--unset", "core.fsmonitor"]);
    repo.check("contoso").expect(0, &[]);

    configure(path.to_str().unwrap(), "refs/heads/main");
    repo.check("contoso")
        .expect(3, &["refs/heads/main", "a history is a ref below"]);
    repo.git(&["init", "-q", "--bare", "inside.git"]);
    configure("inside.git", good);
    repo.check("contoso")
        .expect(3, &["lies inside the audit repository"]);
    configure("../nothing-there.git", good);
    repo.run(&["snapshot"])
        .expect(3, &["is no git repository", "git init --bare"]);
    configure("https://git.example/x", good);
    repo.run(&["snapshot"]).expect(
        1,
        &[
            "the folder of a git repository on this machine",
            "connguard.yaml:",
        ],
    );
}

#[test]
fn repositories_that_are_not_as_they_should_be() {
    // None at all.
    let repo = Repo::example();
    repo.snapshot(NOW, &[])
        .expect(1, &["is in no git repository", "git init"]);
    repo.check("contoso").expect(0, &[]);
    // With objects of another kind.
    let repo = Repo::example();
    repo.git(&["init", "-q", "--object-format=sha256"]);
    repo.snapshot(NOW, &[])
        .expect(1, &["of a kind that cannot be read", "SHA-1"]);
    // Cut off when it was cloned.
    let source = Repo::with_git();
    for hour in 1..4 {
        source
            .snapshot(&format!("2026-11-21T0{hour}:00:00Z"), &[])
            .expect(0, &[]);
    }
    let repo = Repo::example();
    repo.git(&["init", "-q"]);
    let url = format!("file://{}", source.path("").display());
    repo.git(&[
        "fetch",
        "-q",
        "--depth=2",
        &url,
        "connguard/history:connguard/history",
    ]);
    repo.snapshot(NOW, &[])
        .expect(1, &["is a shallow clone", "fetch --unshallow"]);
    repo.history(&["verify"]).expect(1, &["is a shallow clone"]);
    // Named in connguard.yaml, it is no leave to judge without it.
    let beside = Repo::with_git();
    let config = beside.read("connguard.yaml");
    let place = repo.path("").display().to_string();
    beside.write(
        "connguard.yaml",
        format!("{config}history: {{ repository: {place:?} }}\n"),
    );
    beside.check("contoso").expect(
        3,
        &[
            "the history that connguard.yaml names cannot be read",
            "shallow",
        ],
    );
    // The code may be cut off where the history is whole.
    source.commit();
    source.git(&["commit", "-q", "--allow-empty", "-m", "another"]);
    let repo = Repo::empty();
    repo.git(&["clone", "-q", "--depth=1", &url, "."]);
    repo.git(&[
        "fetch",
        "-q",
        "origin",
        "connguard/history:connguard/history",
    ]);
    repo.history(&["verify"]).expect(0, &["3 commits verified"]);
    // A commit of somebody's own on the ref.
    let repo = Repo::with_git();
    repo.commit();
    repo.git(&["update-ref", "refs/heads/connguard/history", "HEAD"]);
    repo.snapshot(NOW, &[])
        .expect(3, &["no run of connguard made it"]);
}

#[cfg(unix)]
#[test]
fn a_repository_that_cannot_be_written_or_belongs_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
    let refs = repo.path(".git/refs/heads/connguard");
    let objects = repo.path(".git/objects");
    let allow = |mode: u32| {
        for folder in [&refs, &objects] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o555);
    // Whoever may do everything is stopped by no permission: then there is nothing to see.
    if fs::write(refs.join("probe"), "").is_err() {
        repo.snapshot(NOW, &[])
            .expect(1, &["can be read and written"]);
        assert_eq!(count(&repo), 1);
    }
    allow(0o755);
    repo.snapshot(NOW, &[]).expect(0, &[]);
}

#[test]
fn no_name_becomes_a_path() {
    let repo = Repo::with_git();
    let names = [
        "CON",
        "../../../etc/passwd",
        "a\nTaken-At: 1999-01-01T00:00:00Z",
        "nul.json",
        "x\u{202e}y",
        "::error::",
        "-rf",
    ];
    let connectors: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let id = format!("0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5c{index:02}");
            let mut connector = record(&id, name, "OnPremises", generator::BEGIN);
            if index == 0 {
                // Without an id the name is all there is, and no path either.
                for key in ["ExchangeObjectId", "Guid"] {
                    connector[key] = serde_json::Value::Null;
                }
            }
            connector
        })
        .collect();
    repo.write(
        "exports/contoso.json",
        generator::export(generator::BEGIN, &connectors, &["contoso.com"]).to_string(),
    );
    let run = repo
        .snapshot("2026-11-21T01:00:00Z", &["--tenant", "contoso"])
        .expect(0, &[]);
    assert!(
        !run.stdout.contains('\u{202e}') && !run.stdout.lines().any(|line| line.starts_with("::"))
    );
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "connguard/history",
        "contoso/inbound-connectors/",
    ]);
    for file in files.lines() {
        let stem = file
            .trim_start_matches("contoso/inbound-connectors/")
            .trim_end_matches(".json");
        assert!(
            stem.trim_start_matches("name-")
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
            "{file}"
        );
    }
    assert_eq!(files.lines().count(), names.len());
    // No name reaches the trailers or the terminal.
    let taken = repo.git(&[
        "log",
        "-1",
        "--format=%(trailers:key=Taken-At,valueonly)",
        "connguard/history",
    ]);
    assert_eq!(taken.trim(), "2026-11-21T01:00:00Z");
    let message = repo.git(&["log", "-1", "--format=%B", "connguard/history"]);
    assert!(!message.contains('\u{202e}'), "{message}");
    repo.history(&["verify"]).expect(0, &[]);
    let log = repo.history(&["log"]).expect(0, &["::error::"]);
    assert!(
        !log.stdout
            .lines()
            .any(|line| line.trim_start().starts_with("::"))
    );
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let repo = Repo::with_git();
    repo.export("contoso", |export| {
        let relay = connector(export, "Relay from data centre 1");
        relay["SomethingNew"] = json!({ "b": [1, { "a": null }], "a": "x" });
    });
    repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
    for tenant in ["contoso", "fabrikam"] {
        let file = format!("exports/{tenant}.json");
        let fetched = repo.run(&["fetch", "--from", &file]).expect(0, &[]).json();
        let shown = repo
            .history(&["show", "--tenant", tenant, "--format", "json"])
            .expect(0, &[])
            .json();
        let mut stored = shown["tenants"][0]["snapshot"].clone();
        stored["source"] = json!("export");
        assert_eq!(stored, fetched);
    }
}

#[test]
fn what_somebody_did_to_the_remote_is_said() {
    let (remote, one, two) = clones();
    pushed(&one, 0, &["pushed to origin"]);
    pushed(&one, 0, &[]);
    pushed(&two, 0, &[]);
    let history = "refs/heads/connguard/history";
    // Set back, or deleted: filled up again, and said.
    let back = remote.git(&["rev-parse", &format!("{history}~1")]);
    remote.git(&["update-ref", history, back.trim()]);
    pushed(
        &two,
        0,
        &[
            "the remote lacks 1 commit",
            "somebody set the remote's ref back",
        ],
    );
    remote.git(&["update-ref", "-d", history]);
    pushed(
        &two,
        0,
        &["the remote has no history yet", "somebody deleted its ref"],
    );
    // Built on by a stranger: that is no parting of two histories.
    let tree = format!("{}^{{tree}}", remote.git(&["rev-parse", history]).trim());
    let forged = remote.git(&["commit-tree", "-p", history, "-m", "hello", &tree]);
    remote.git(&["update-ref", history, forged.trim()]);
    pushed(
        &two,
        3,
        &[
            "the remote's history is not what was recorded",
            "no run of connguard made it",
        ],
    );
}

#[test]
fn what_a_repository_brings_is_not_run_by_pushing() {
    // A folder of the work tree that is called like a remote, with a hook of its own.
    let repo = Repo::with_git();
    repo.git(&["init", "-q", "--bare", "origin"]);
    repo.write(
        "origin/hooks/pre-receive",
        "#!/bin/sh\ntouch \"$OLDPWD/../pwned\" ../pwned pwned\n",
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = repo.path("origin/hooks/pre-receive");
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let wrote = |repo: &Repo| repo.path("pwned").exists() || repo.path("origin/pwned").exists();
    pushed(&repo, 1, &["has no remote \"origin\""]);
    repo.git(&["remote", "add", "origin", "./origin"]);
    pushed(&repo, 1, &["lies inside the repository"]);
    assert!(!wrote(&repo));
    // A configuration that git and the library may read differently.
    let repo = Repo::with_git();
    repo.git(&["remote", "add", "origin", "ssh://git.example/x"]);
    repo.git(&["config", "includeIf.onbranch:main.path", "evil"]);
    pushed(&repo, 3, &["sets includeif.onbranch:main.path"]);
    // A remote whose hooks run elsewhere on this machine sees none of our secrets.
    let (remote, one, _) = clones();
    remote.write("hooks/pre-receive", "#!/bin/sh\nenv >seen\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = remote.path("hooks/pre-receive");
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let key = fs::read_to_string(key("ci")).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args(["snapshot", "--push", "origin", "--root", &one.pin()])
        .current_dir(one.path(""))
        .env("CONNGUARD_HISTORY_KEY", key)
        .env("CONNGUARD_STATE", one.path("state.json"))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(!remote.read("seen").contains("CONNGUARD_"));
}

#[test]
fn a_remote_that_refuses_loses_no_observation() {
    let (remote, one, _) = clones();
    pushed(&one, 0, &[]);
    remote.write("hooks/pre-receive", "#!/bin/sh\nexit 1\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = remote.path("hooks/pre-receive");
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for _ in 0..3 {
        pushed(&one, 3, &["recorded here and not pushed"]);
    }
    assert_eq!((count(&one), count(&remote)), (4, 1));
    fs::remove_file(remote.path("hooks/pre-receive")).unwrap();
    pushed(&one, 0, &["the remote lacks 3 commits"]);
    assert_eq!(count(&remote), 5);
}

#[test]
fn a_history_that_is_known_cannot_be_made_unreadable() {
    type Break = fn(&Repo);
    let breaks: [Break; 4] = [
        |repo| fs::rename(repo.path(".git"), repo.path("away")).unwrap(),
        |repo| {
            let config = repo.read("connguard.yaml") + "history: { repository: ../nonexistent }\n";
            repo.write("connguard.yaml", config);
        },
        |repo| {
            let history = "refs/heads/connguard/history";
            repo.git(&["symbolic-ref", history, "refs/heads/connguard/other"]);
        },
        |repo| {
            repo.git(&["config", "core.repositoryformatversion", "1"]);
            repo.git(&["config", "extensions.foo", "1"]);
        },
    ];
    for break_it in breaks {
        let repo = Repo::with_git();
        repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
        let tip = repo.tip();
        let check = ["--tenant", "contoso", "--history-pin", &tip];
        repo.check_with(&check).expect(0, &[]);
        break_it(&repo);
        repo.check_with(&check).expect(3, &["cannot be read"]);
    }
}

#[test]
fn clocks_that_differ_a_little_wedge_nothing() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T12:00:00Z", &[]).expect(0, &[]);
    repo.snapshot("2026-11-21T11:58:00Z", &[]).expect(0, &[]);
    repo.snapshot("2026-11-21T11:54:00Z", &[])
        .expect(3, &["the clock was set back"]);
    repo.history(&["verify"]).expect(0, &["2 commits verified"]);
    // What a run was told of the time says nothing about this machine's clock.
    repo.history(&["verify", "--state", "state.json"])
        .expect(0, &[]);
    assert!(
        !repo.read("state.json").contains("\"clock\": \"2026-11-21"),
        "{}",
        repo.read("state.json")
    );
}

#[test]
fn connectors_that_nothing_tells_apart_are_not_read_completely() {
    let repo = Repo::with_git();
    repo.export("contoso", |export| {
        let mut twin = export["inbound_connectors"][0].clone();
        for key in ["ExchangeObjectId", "Guid"] {
            twin[key] = serde_json::Value::Null;
        }
        twin["Name"] = json!("Twin");
        let list = export["inbound_connectors"].as_array_mut().unwrap();
        list.push(twin.clone());
        twin["SenderIPAddresses"] = json!(["192.0.2.66"]);
        list.push(twin);
    });
    repo.snapshot(NOW, &["--tenant", "contoso"]).expect(
        3,
        &["not read completely: two connectors have no id and the name \"Twin\""],
    );
    // Nor does a value that nests deeper than any file is read again stop the record.
    let repo = Repo::with_git();
    repo.export("contoso", |export| {
        let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
        export["inbound_connectors"][0]["Deep"] = deep;
    });
    repo.snapshot(NOW, &["--tenant", "contoso"]).expect(0, &[]);
    repo.history(&["verify"]).expect(0, &[]);
}
