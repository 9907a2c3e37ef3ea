//! The speed of the history, as ratios to git itself on the same content in the same run.
//!
//! `cargo bench --bench history` makes histories in a temporary folder. `TENANTS` (10,000), `COMMITS` (10,000) and
//! `FLEET` (1,000) set the sizes, `ONLY` (write, unchanged, read) takes one of them, `KEEP=1` leaves what was made. Prints ratios; asserts nothing, as machines differ.

#![allow(
    missing_docs,
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a benchmark for people"
)]

#[path = "shared/mod.rs"]
mod shared;

use connguard::git::{Git, Oid};
use connguard::history::append::{Addition, Appended};
use connguard::history::run::{Read, Run};
use connguard::history::{History, REF, documents, place};
use connguard::parallel::in_parallel;
use connguard::snapshot::{Snapshot, SourceKind};
use connguard::source::export;
use connguard::trust::{Known, SignedFile, Trust};
use jiff::Timestamp;
use shared::{CONNECTORS, NOW, guid, make_fleet};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    let size = |name: &str, usual: usize| {
        let given = std::env::var(name).ok();
        given.and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let only = std::env::var("ONLY").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    if only.is_empty() || only == "write" {
        write(folder.path(), size("TENANTS", 10_000));
    }
    if only.is_empty() || only == "unchanged" {
        unchanged(&folder.path().join("fleet"), size("FLEET", 1_000));
    }
    if only.is_empty() || only == "read" {
        read(
            &folder.path().join("long"),
            size("FLEET", 1_000),
            size("COMMITS", 10_000),
        );
    }
    if std::env::var_os("KEEP").is_some() {
        println!("kept in {}", folder.keep().display());
    }
}

fn git(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}

fn run(mut command: Command) -> (Duration, String) {
    let begin = Instant::now();
    let output = command.output().unwrap();
    let time = begin.elapsed();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (time, String::from_utf8_lossy(&output.stdout).into_owned())
}

fn bare(folder: &Path) -> History {
    fs::create_dir_all(folder).unwrap();
    run(git(folder, &["init", "-q", "--bare", "."]));
    History::new(Git::at(folder).unwrap(), REF.to_owned())
}

fn snapshots(tenants: usize) -> Vec<(String, Snapshot)> {
    let numbers: Vec<usize> = (0..tenants).collect();
    in_parallel(&numbers, |number| {
        let name = format!("t{number:05}");
        let text = shared::export(&name, *number);
        let snapshot = export::read("export.json", text.as_bytes())
            .unwrap()
            .whole()
            .unwrap();
        (name, snapshot)
    })
}

/// What is signed and by whom.
struct Signer(PrivateKey);

impl Signer {
    fn ci() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/ci");
        Self(PrivateKey::read_openssh_file(&path).unwrap())
    }

    fn sign(&self, bytes: &[u8]) -> Result<Option<String>, String> {
        let signature = self.0.sign("git", HashAlg::Sha512, bytes).unwrap();
        Ok(Some(signature.to_pem(LineEnding::LF).unwrap()))
    }
}

/// Records snapshots in one commit.
fn append(
    history: &History,
    seen: &[(String, Snapshot)],
    second: i64,
    documents: Option<&Documents>,
) -> Oid {
    let base = history.tip().unwrap();
    let top = match base {
        Some(base) => history
            .tenants(history.git.commit(base).unwrap().tree)
            .unwrap(),
        None => BTreeMap::new(),
    };
    let folders = in_parallel(seen, |(name, snapshot)| {
        let baseline = documents.and_then(|documents| documents.baselines.get(name));
        let folder = history
            .tenant_folder(top.get(name).copied(), snapshot, baseline)
            .unwrap();
        (name.clone(), folder)
    });
    let mut addition = Addition {
        base,
        tenants: folders.into_iter().collect(),
        documents: documents
            .map(|documents| history.documents_folder(None, &documents.shared).unwrap()),
        read: seen.iter().map(|(name, _)| name.clone()).collect(),
        run: Run {
            taken_at: Timestamp::from_second(second).unwrap(),
            exported_at: BTreeMap::new(),
            sources: BTreeSet::from([SourceKind::Export]),
            read: Read::Only(BTreeSet::new()),
            verdicts: BTreeMap::new(),
            clock_given: false,
            act: None,
            remark: connguard::history::remark::Remark::default(),
            rehearsal: false,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    };
    let signer = Signer::ci();
    let who = "connguard <ci@contoso.com>";
    let appended = addition.commit(history, base, who, ("title", ""), &|bytes| {
        signer.sign(bytes)
    });
    let Appended::Commit(commit) = appended.unwrap() else {
        panic!("nobody else writes");
    };
    history.git.move_ref(REF, base, commit, "bench").unwrap();
    commit
}

/// The signed documents of an audit repository.
struct Documents {
    shared: BTreeMap<String, Vec<u8>>,
    baselines: BTreeMap<String, SignedFile>,
}

/// The first snapshot against `git fast-import` of the same tree, and one in which ten connectors changed.
fn write(folder: &Path, tenants: usize) {
    let mut seen = snapshots(tenants);
    let history = bare(&folder.join("ours"));
    let begin = Instant::now();
    let commit = append(&history, &seen, 1_790_000_000, None);
    let first = begin.elapsed();

    let stream = folder.join("stream");
    fast_import_stream(&folder.join("ours"), commit, &stream);
    let theirs = folder.join("theirs");
    fs::create_dir_all(&theirs).unwrap();
    run(git(&theirs, &["init", "-q", "--bare", "."]));
    let mut import = git(&theirs, &["fast-import", "--quiet"]);
    import.stdin(fs::File::open(&stream).unwrap());
    let (imported, _) = run(import);
    let tree =
        |place: &Path, name: &str| run(git(place, &["rev-parse", &format!("{name}^{{tree}}")])).1;
    assert_eq!(
        tree(&folder.join("ours"), REF),
        tree(&theirs, "refs/heads/imported")
    );
    println!("first snapshot of {tenants} tenants x {CONNECTORS} connectors:");
    println!(
        "  ours {first:?}, git fast-import {imported:?}: ratio {:.2}",
        ratio(first, imported)
    );
    println!(
        "  packs {} MiB, git's {} MiB",
        size_of(&folder.join("ours/objects")) >> 20,
        size_of(&theirs.join("objects")) >> 20
    );

    let before = size_of(&folder.join("ours/objects"));
    for index in 0..10 {
        let at = index * tenants / 10;
        let mut export: serde_json::Value =
            serde_json::from_str(&shared::export(&seen[at].0, at)).unwrap();
        export["inbound_connectors"][3]["Comment"] = serde_json::json!("CHG-4712");
        seen[at].1 = export::read("export.json", export.to_string().as_bytes())
            .unwrap()
            .whole()
            .unwrap();
    }
    let begin = Instant::now();
    append(&history, &seen, 1_790_003_600, None);
    let following = begin.elapsed();
    println!(
        "10 connectors changed: {following:?}, {:.2} of the first; the repository grew by {} KiB",
        ratio(following, first),
        (size_of(&folder.join("ours/objects")) - before) >> 10
    );
}

fn ratio(one: Duration, two: Duration) -> f64 {
    one.as_secs_f64() / two.as_secs_f64()
}

fn size_of(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                size_of(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}

/// What `git fast-import` reads to make the same tree.
fn fast_import_stream(repository: &Path, commit: Oid, path: &Path) {
    let (_, list) = run(git(repository, &["ls-tree", "-r", &commit.to_string()]));
    let mut batch = git(repository, &["cat-file", "--batch"]);
    let mut child = batch
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ids: Vec<String> = list.lines().map(|line| line[12..52].to_owned()).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for id in ids {
            writeln!(stdin, "{id}").unwrap();
        }
    });
    let mut stream = std::io::BufWriter::new(fs::File::create(path).unwrap());
    stream
        .write_all(
            b"commit refs/heads/imported\ncommitter x <x@x.invalid> 1790000000 +0000\ndata 0\n",
        )
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    for line in list.lines() {
        use std::io::{BufRead as _, Read as _};
        let mut header = String::new();
        out.read_line(&mut header).unwrap();
        let size: usize = header.trim().rsplit(' ').next().unwrap().parse().unwrap();
        let mut content = vec![0; size + 1];
        out.read_exact(&mut content).unwrap();
        writeln!(stream, "M 100644 inline {}", &line[53..]).unwrap();
        writeln!(stream, "data {size}").unwrap();
        stream.write_all(&content).unwrap();
    }
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
}

fn connguard(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_connguard"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

/// The whole command over a fleet in which nothing changed.
fn unchanged(folder: &Path, tenants: usize) {
    make_fleet(folder, tenants);
    run(git(folder, &["init", "-q", "."]));
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/ci");
    let snapshot = |now: &str| {
        connguard(
            folder,
            &[
                "snapshot",
                "--now",
                now,
                "--state",
                "state.json",
                "--key",
                key.to_str().unwrap(),
            ],
        )
    };
    let (first, _) = run(snapshot(NOW));
    let mut times: Vec<Duration> = (1..6)
        .map(|minute| run(snapshot(&format!("2026-11-21T12:0{minute}:00Z"))).0)
        .collect();
    times.sort();
    println!(
        "whole `snapshot` of {tenants} signed tenants: first {first:?}, unchanged {:?} (median of 5)",
        times[2]
    );
}

/// Reading and verifying a long history.
fn read(folder: &Path, tenants: usize, commits: usize) {
    let audit = folder.join("audit");
    make_fleet(&audit, tenants);
    let history = bare(&folder.join("history"));
    let now: Timestamp = NOW.parse().unwrap();
    let trust = Trust::open(&audit, Known::default(), now).unwrap();
    let inside = |path: &str| Some(place::of_document(path)?.split_once('/')?.1.to_owned());
    let shared = documents::in_force(&audit, &trust, None).unwrap();
    let documents = Documents {
        shared: shared
            .into_iter()
            .filter_map(|(path, bytes)| Some((inside(&path)?, bytes)))
            .collect(),
        baselines: (0..tenants)
            .map(|number| {
                let file = SignedFile::load(&audit, &format!("baselines/t{number}.yaml")).unwrap();
                (format!("t{number}"), file)
            })
            .collect(),
    };
    let numbers: Vec<usize> = (0..tenants).collect();
    let first: Vec<(String, Snapshot)> = in_parallel(&numbers, |number| {
        (format!("t{number}"), changed(*number, 0))
    });
    let begin = now.as_second() - i64::try_from(commits).unwrap() * 60;
    append(&history, &first, begin, Some(&documents));
    for commit in 1..commits {
        let number = commit * 7 % tenants;
        let one = [(format!("t{number}"), changed(number, commit))];
        append(
            &history,
            &one,
            begin + i64::try_from(commit).unwrap() * 60,
            None,
        );
    }
    let place = folder.join("history");
    run(git(&place, &["gc", "-q"]));
    let config = fs::read_to_string(audit.join("connguard.yaml")).unwrap();
    fs::write(
        audit.join("connguard.yaml"),
        format!("{config}history: {{ repository: ../history }}\n"),
    )
    .unwrap();
    println!(
        "{commits} signed commits of {tenants} tenants, {} MiB after git gc:",
        size_of(&place) >> 20
    );

    let path = format!("t7/inbound-connectors/{}.json", guid(7, 4));
    let blame = || {
        run(connguard(
            &audit,
            &[
                "history",
                "blame",
                &guid(7, 4),
                "--tenant",
                "t7",
                "--now",
                NOW,
            ],
        ))
        .0
    };
    let log = || run(git(&place, &["log", "--format=%H", REF, "--", &path])).0;
    let (ours, theirs) = (median(blame), median(log));
    println!(
        "  history blame {ours:?}, git log -- path {theirs:?}: ratio {:.2}",
        ratio(ours, theirs)
    );

    let verify = |state: &str| {
        run(connguard(
            &audit,
            &["history", "verify", "--now", NOW, "--state", state],
        ))
        .0
    };
    let full = verify("new.json");
    let again = median(|| verify("new.json"));
    let signers = format!(
        "gpg.ssh.allowedSignersFile={}",
        audit.join("trust/allowed_signers").display()
    );
    let sample = commits.min(300);
    let shown = git(
        &place,
        &[
            "-c",
            "gpg.format=ssh",
            "-c",
            &signers,
            "log",
            "--show-signature",
            "-n",
            &sample.to_string(),
            "--format=%H",
            REF,
        ],
    );
    let (some, _) = run(shown);
    let theirs = some.mul_f64(commits as f64 / sample as f64);
    println!(
        "  history verify {full:?}, again {again:?}; git log --show-signature {theirs:?} (from {sample} commits): {:.0} times faster",
        ratio(theirs, full)
    );
}

fn median(measure: impl Fn() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..5).map(|_| measure()).collect();
    times.sort();
    times[2]
}

/// A tenant of the fleet, of whom one connector changes from commit to commit.
fn changed(number: usize, commit: usize) -> Snapshot {
    let mut export: serde_json::Value =
        serde_json::from_str(&shared::export(&format!("t{number}"), number)).unwrap();
    if commit > 0 {
        export["inbound_connectors"][commit % CONNECTORS]["Comment"] =
            serde_json::json!(format!("CHG-{commit}"));
    }
    export::read("export.json", export.to_string().as_bytes())
        .unwrap()
        .whole()
        .unwrap()
}
