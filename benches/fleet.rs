//! The speed and memory of `connguard check`, as ratios to the bare work in the same run.
//!
//! `cargo bench` makes a fleet of signed tenants in a temporary folder, runs the
//! real binary over it, and times beside it what cannot be avoided: the same
//! parsers over the same bytes and the same number of bare signature checks, on
//! as many threads. Prints ratios; asserts nothing, as machines differ.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark for people"
)]

#[path = "shared/mod.rs"]
#[allow(dead_code)]
mod shared;

use serde_json::Value;
use shared::{CONNECTORS, NOW, make_fleet};
use ssh_key::SshSig;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn main() {
    let tenants: usize = std::env::var("TENANTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let folder = tempfile::tempdir().unwrap();

    let small = folder.path().join("small");
    make_fleet(&small, 1);
    let runs: Vec<Duration> = (0..30).map(|_| check(&small)).collect();
    println!(
        "one tenant of {CONNECTORS} connectors, whole process: {:?} (median of {})",
        median(runs),
        30
    );

    let large = folder.path().join("large");
    make_fleet(&large, tenants);
    let work = BareWork::load(&large, tenants);
    // In turn, so that a machine whose speed drifts is fair to both.
    let pairs: Vec<(Duration, Duration)> = (0..9).map(|_| (check(&large), work.run())).collect();
    let ratios: Vec<f64> = pairs
        .iter()
        .map(|(time, bare)| time.as_secs_f64() / bare.as_secs_f64())
        .collect();
    let memory = peak_memory(&large);
    println!("{tenants} tenants of {CONNECTORS} connectors, two signatures each:");
    println!(
        "  check     {:?}, at most {} MiB",
        median(pairs.iter().map(|pair| pair.0).collect()),
        memory / 1024
    );
    println!(
        "  bare work {:?}",
        median(pairs.iter().map(|pair| pair.1).collect())
    );
    let mut sorted = ratios;
    sorted.sort_by(f64::total_cmp);
    println!(
        "  ratio     {:.2} (median of 9; {:.2} to {:.2})",
        sorted[4], sorted[0], sorted[8]
    );
    println!(
        "binary: {:.1} MiB",
        fs::metadata(env!("CARGO_BIN_EXE_connguard")).unwrap().len() as f64 / f64::from(1 << 20)
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// One whole run.
fn start(folder: &Path) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args(["check", "--now", NOW, "--format", "json"])
        .current_dir(folder)
        .env_clear()
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Wall time of one whole run, with nothing else going on.
fn check(folder: &Path) -> Duration {
    let begin = Instant::now();
    let code = start(folder).wait().unwrap().code();
    let time = begin.elapsed();
    assert_eq!(
        code,
        Some(12),
        "every tenant is clean, and the root is not pinned"
    );
    time
}

/// Peak memory in KiB of one whole run. In a run of its own: looking at it takes time.
fn peak_memory(folder: &Path) -> u64 {
    let mut child = start(folder);
    let mut peak = 0;
    // The high-water mark is gone with the process, so it is read while it runs.
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(high_water(child.id()));
        std::thread::sleep(Duration::from_micros(500));
    }
    peak
}

fn high_water(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

/// What any program of this kind has to do: read the files, parse them, check the signatures.
struct BareWork {
    files: Vec<(PathBuf, PathBuf, Vec<PathBuf>)>,
}

impl BareWork {
    fn load(folder: &Path, tenants: usize) -> Self {
        let files = (0..tenants).map(|number| {
            let name = format!("t{number}");
            let signature = |person: &str| {
                folder.join(format!("baselines/{name}.sigs/{person}@contoso.com.sig"))
            };
            (
                folder.join(format!("exports/{name}.json")),
                folder.join(format!("baselines/{name}.yaml")),
                vec![signature("alice"), signature("bob")],
            )
        });
        Self {
            files: files.collect(),
        }
    }

    fn run(&self) -> Duration {
        let start = Instant::now();
        let next = AtomicUsize::new(0);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((export, baseline, signatures)) =
                        self.files.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let export: Value =
                            serde_json::from_slice(&fs::read(export).unwrap()).unwrap();
                        let text = fs::read_to_string(baseline).unwrap();
                        let document: Value = serde_yaml::from_str(&text).unwrap();
                        for signature in signatures {
                            let signature = SshSig::from_pem(fs::read(signature).unwrap()).unwrap();
                            let key = ssh_key::PublicKey::from(signature.public_key().clone());
                            key.verify("connguard-baseline", text.as_bytes(), &signature)
                                .unwrap();
                        }
                        std::hint::black_box((export, document));
                    }
                });
            }
        });
        start.elapsed()
    }
}
