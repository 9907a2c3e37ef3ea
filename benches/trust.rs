//! The speed of verification, as ratios to OpenSSH's own and to the bare cryptographic operation.
//!
//! `cargo bench --bench trust` signs a fleet of baselines with three keys,
//! verifies all of them through the library, and beside it runs
//! `ssh-keygen -Y verify` for a sample of the signatures. Prints ratios;
//! asserts nothing, as machines differ.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark for people"
)]

use connguard::trust::signature::{Signature, Touch};
use connguard::trust::{Duty, Known, SignedFile, Trust};
use signature::Verifier as _;
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BASELINES: usize = 1000;
const SAMPLE: usize = 200;
const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];
const NAMESPACE: &str = "connguard-baseline";

fn main() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for path in ["trust/root.sigs", "baselines"] {
        fs::create_dir_all(folder.join(path)).unwrap();
    }
    for file in [
        "root.yaml",
        "allowed_signers",
        "root.sigs/alice@contoso.com.sig",
        "root.sigs/bob@contoso.com.sig",
    ] {
        fs::copy(
            project.join("trust").join(file),
            folder.join("trust").join(file),
        )
        .unwrap();
    }
    let keys = PEOPLE.map(|person| {
        PrivateKey::read_openssh_file(project.join("tests/keys").join(person)).unwrap()
    });
    let text = fs::read_to_string(project.join("baselines/contoso.yaml")).unwrap();
    for number in 0..BASELINES {
        let text = format!("{text}# {number}\n");
        let path = folder.join(format!("baselines/t{number}"));
        fs::write(path.with_extension("yaml"), &text).unwrap();
        fs::create_dir(path.with_extension("sigs")).unwrap();
        for (person, key) in PEOPLE.iter().zip(&keys) {
            let armored = key
                .sign(NAMESPACE, HashAlg::Sha512, text.as_bytes())
                .unwrap()
                .to_pem(LineEnding::LF)
                .unwrap();
            fs::write(
                path.with_extension("sigs")
                    .join(format!("{person}@contoso.com.sig")),
                armored,
            )
            .unwrap();
        }
    }

    let ours = all(folder);
    let theirs = ssh_keygen(folder);
    println!(
        "{BASELINES} baselines with {} signatures each, one thread:",
        PEOPLE.len()
    );
    println!("  connguard   {ours:?}");
    println!("  ssh-keygen  {theirs:?} ({SAMPLE} runs, for as many signatures)");
    println!(
        "  ratio       {:.0} times faster",
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
    one(folder);
}

/// Reads and verifies every baseline.
fn all(folder: &Path) -> Duration {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let start = Instant::now();
    let trust = Trust::open(folder, Known::default(), now).unwrap();
    for number in 0..BASELINES {
        let file = SignedFile::load(folder, &format!("baselines/t{number}.yaml")).unwrap();
        assert_eq!(
            trust
                .verify(Duty::Baseline("contoso"), &file)
                .unwrap()
                .len(),
            PEOPLE.len()
        );
    }
    start.elapsed()
}

/// `ssh-keygen -Y verify` once a signature, scaled from a sample.
fn ssh_keygen(folder: &Path) -> Duration {
    let start = Instant::now();
    for number in 0..SAMPLE {
        let person = format!("{}@contoso.com", PEOPLE[number % PEOPLE.len()]);
        let signature = folder.join(format!("baselines/t{number}.sigs/{person}.sig"));
        let document = fs::File::open(folder.join(format!("baselines/t{number}.yaml"))).unwrap();
        let status = Command::new("ssh-keygen")
            .args([
                "-Y",
                "verify",
                "-f",
                "trust/allowed_signers",
                "-I",
                &person,
                "-n",
                NAMESPACE,
                "-s",
            ])
            .arg(signature)
            .current_dir(folder)
            .stdin(Stdio::from(document))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }
    let share = (BASELINES * PEOPLE.len()) as f64 / SAMPLE as f64;
    start.elapsed().mul_f64(share)
}

/// One check of an armored signature against the bare ed25519 operation over the same bytes.
fn one(folder: &Path) {
    let bytes = fs::read(folder.join("baselines/t0.yaml")).unwrap();
    let armored = fs::read(folder.join("baselines/t0.sigs/alice@contoso.com.sig")).unwrap();
    let parsed = SshSig::from_pem(&armored).unwrap();
    let signed = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, &bytes).unwrap();
    let rounds = 3000;
    let time = |work: &dyn Fn()| {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            for _ in 0..rounds {
                work();
            }
            best = best.min(start.elapsed() / rounds);
        }
        best
    };
    let whole = time(&|| {
        let signature = Signature::parse(black_box(&armored)).unwrap();
        signature
            .verify(NAMESPACE, black_box(&bytes), Touch::Required)
            .unwrap();
    });
    let bare = time(&|| {
        parsed
            .public_key()
            .verify(black_box(&signed), parsed.signature())
            .unwrap();
    });
    println!(
        "one ed25519 check: {whole:?}, the bare operation {bare:?}, ratio {:.2}",
        whole.as_secs_f64() / bare.as_secs_f64()
    );
}
