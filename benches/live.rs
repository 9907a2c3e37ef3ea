//! Reading the live service, against the emulator with 50 ms a request; and how checking grows with a fleet.
//!
//! `cargo bench --bench live`; `TENANTS=1000 JOBS=16 LARGE=10000 CHANGES=10` set sizes, `ONLY=one|fleet|files|watch`
//! takes one part. Prints ratios to what cannot be less: requests × latency ÷ concurrency, and ten times a tenth of a
//! fleet; and how long after a change `watch` alerts, at an interval, while the audit log has no answer.
//! Asserts nothing, as machines differ.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a benchmark for people"
)]

#[path = "../examples/exchange-emulator/emulator/mod.rs"]
#[allow(unused_imports, reason = "its tests are run elsewhere")]
mod emulator;
#[path = "shared/mod.rs"]
mod shared;

use connguard::digest::Digest;
use emulator::{Emulator, Options, identities};
use serde_json::{Value, json};
use shared::{NOW, make_fleet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LATENCY: Duration = Duration::from_millis(50);

fn main() {
    let number = |name: &str, usual: usize| {
        let value = std::env::var(name).ok();
        value.and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let only = std::env::var("ONLY").ok();
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("one") {
        one();
    }
    if wanted("fleet") {
        fleet(number("TENANTS", 1000), number("JOBS", 16));
    }
    if wanted("files") {
        files(number("LARGE", 10_000));
    }
    if wanted("watch") {
        watch(number("CHANGES", 10));
    }
}

/// What a single fetch adds to the time of its requests.
fn one() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = organizations(folder.path(), 1);
    let times: Vec<Duration> = (0..21)
        .map(|_| {
            let begin = Instant::now();
            let mut child = start(folder.path(), &["fetch", "--rehearsal"]);
            assert!(child.wait().unwrap().success());
            begin.elapsed()
        })
        .collect();
    let requests = emulator.requests().len() / times.len();
    let network = LATENCY * u32::try_from(requests).unwrap();
    let time = median(times);
    println!(
        "one fetch: {time:?} for {requests} requests of {LATENCY:?}: adds {:?}",
        time.saturating_sub(network)
    );
}

/// A fleet that is read, against the least that its requests take.
fn fleet(tenants: usize, jobs: usize) {
    let folder = tempfile::tempdir().unwrap();
    let emulator = organizations(folder.path(), tenants);
    let jobs_text = jobs.to_string();
    let arguments = [
        "check",
        "--rehearsal",
        "--format",
        "json",
        "--jobs",
        &jobs_text,
        "--now",
        NOW,
    ];
    let runs: Vec<(Duration, u64)> = (0..3)
        .map(|_| {
            let begin = Instant::now();
            let mut child = start(folder.path(), &arguments);
            let peak = peak_memory(&mut child);
            (begin.elapsed(), peak)
        })
        .collect();
    let requests = emulator.requests().len() / runs.len();
    let ideal = LATENCY.mul_f64(requests as f64 / jobs as f64);
    let time = median(runs.iter().map(|(time, _)| *time).collect());
    let peak = runs.iter().map(|(_, peak)| *peak).max().unwrap_or_default();
    println!(
        "{tenants} tenants, {requests} requests, {jobs} at a time: {time:?}, ideal {ideal:?}, ratio {:.2}; at most {} MiB",
        time.as_secs_f64() / ideal.as_secs_f64(),
        peak / 1024
    );
}

/// A fleet of files, and one ten times as large.
fn files(large: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (small_folder, large_folder) = (folder.path().join("small"), folder.path().join("large"));
    make_fleet(&small_folder, large / 10);
    make_fleet(&large_folder, large);
    let run = |folder: &Path| {
        let begin = Instant::now();
        let mut child = start(folder, &["check", "--format", "json", "--now", NOW]);
        child.wait().unwrap();
        begin.elapsed()
    };
    // In turn, so that a machine whose speed drifts is fair to both.
    let pairs: Vec<(Duration, Duration)> = (0..5)
        .map(|_| (run(&small_folder), run(&large_folder)))
        .collect();
    let mut ratios: Vec<f64> = pairs
        .iter()
        .map(|(small, large)| large.as_secs_f64() / small.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let memory = |folder: &Path| {
        let mut child = start(folder, &["check", "--format", "json", "--now", NOW]);
        peak_memory(&mut child) / 1024
    };
    println!(
        "{large} tenants of files: {:?}, {} of them {:?}, ratio {:.2} ({:.2} to {:.2}); at most {} MiB against {} MiB",
        median(pairs.iter().map(|pair| pair.1).collect()),
        large / 10,
        median(pairs.iter().map(|pair| pair.0).collect()),
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1],
        memory(&large_folder),
        memory(&small_folder)
    );
}

/// The longest time from a change to its alert.
fn watch(changes: usize) {
    const INTERVAL: Duration = Duration::from_secs(3);
    let folder = tempfile::tempdir().unwrap();
    let (emulator, mut organization) = rehearsal(folder.path());
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/", receiver.local_addr().unwrap());
    let root = fs::read_to_string(folder.path().join("trust/root.yaml")).unwrap();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args(["watch", "--tenant", "contoso", "--rehearsal"])
        .args(["--notify", "webhook=CONNGUARD_HOOK"])
        .args(["--interval", &format!("{}s", INTERVAL.as_secs())])
        .current_dir(folder.path())
        .env_clear()
        .env("CONNGUARD_SECRET", identities::SECRET)
        .env("CONNGUARD_ROOT", Digest::of(root.as_bytes()).to_string())
        .env("CONNGUARD_HOOK", hook)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(watch.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("(exit 0)")));
    std::thread::spawn(move || said.for_each(drop));
    let id = organization["organization"]["tenant_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let delays: Vec<Duration> = (0..changes)
        .map(|number| {
            // At every part of the interval.
            std::thread::sleep(INTERVAL.mul_f64(number as f64 / changes as f64));
            let addresses = &mut organization["inbound_connectors"][0]["SenderIPAddresses"];
            let address = json!(format!("198.51.100.{}", number + 1));
            addresses.as_array_mut().unwrap().push(address);
            let connectors = organization["inbound_connectors"].as_array().unwrap();
            let changed = Instant::now();
            assert!(emulator.set(&id, connectors.clone()));
            let (mut alert, _) = receiver.accept().unwrap();
            let delay = changed.elapsed();
            take(&mut alert);
            delay
        })
        .collect();
    watch.kill().unwrap();
    watch.wait().unwrap();
    let longest = delays.iter().max().copied().unwrap_or_default();
    println!(
        "watch: {changes} changes told {:?} after them (median), {longest:?} at most: the interval of {INTERVAL:?} and {:?}",
        median(delays),
        longest.saturating_sub(INTERVAL)
    );
}

/// Reads a message to its end and says thanks.
fn take(alert: &mut TcpStream) {
    let mut message = BufReader::new(&mut *alert);
    let mut length = 0;
    let mut line = String::new();
    while message.read_line(&mut line).unwrap() > 2 {
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    io::copy(&mut message.take(length), &mut io::sink()).unwrap();
    alert
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
}

/// The signed organization of the rehearsal, whose audit log never answers.
fn rehearsal(folder: &Path) -> (Emulator, Value) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rehearsal");
    for part in ["trust", "policies", "baselines"] {
        let done = Command::new("cp")
            .arg("-r")
            .args([example.join(part), folder.join(part)])
            .status();
        assert!(done.unwrap().success());
    }
    let path = example.join("organizations/contoso.json");
    let organization: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let emulator = Emulator::start(Options {
        tenants: vec![organization.clone()],
        latency: LATENCY,
        audit_polls: u32::MAX,
        ..Options::default()
    })
    .unwrap();
    let graph = format!("endpoints: {{ graph: \"{}\", ", emulator.graph());
    let config = fs::read_to_string(example.join("connguard.yaml")).unwrap();
    let config = config
        .replace("http://127.0.0.1:8440", &emulator.login())
        .replace("http://127.0.0.1:8441", &emulator.exchange())
        .replace("endpoints: { ", &graph);
    fs::write(folder.join("connguard.yaml"), config).unwrap();
    (emulator, organization)
}

/// An emulator of so many organizations, and a configuration that reads them all.
fn organizations(folder: &Path, tenants: usize) -> Emulator {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rehearsal/organizations/contoso.json");
    let one: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let id = |number: usize| format!("00000000-0000-4000-8000-{number:012}");
    let domain = |number: usize| format!("tenant{number}.onmicrosoft.com");
    let all = (0..tenants).map(|number| {
        let mut own = one.clone();
        own["organization"] = json!({ "tenant_id": id(number), "domain": domain(number) });
        own["accepted_domains"] = json!([{ "DomainName": domain(number), "InitialDomain": true }]);
        for connector in own["inbound_connectors"].as_array_mut().unwrap() {
            connector["OrganizationalUnitRoot"] = json!(domain(number));
        }
        own
    });
    let emulator = Emulator::start(Options {
        tenants: all.collect(),
        latency: LATENCY,
        ..Options::default()
    })
    .unwrap();
    let mut config = "apiVersion: connguard/v1\nkind: Config\ntenants:\n".to_owned();
    for number in 0..tenants {
        let _ = writeln!(
            config,
            "  tenant{number}: {{ organization: {{ tenant_id: {}, domain: {} }}, source: {{ exchange: {{ client_id: 11111111-1111-4111-8111-111111111111, credential: {{ secret_env: CONNGUARD_SECRET }}, endpoints: {{ login: \"{}\", exchange: \"{}\" }} }} }} }}",
            id(number),
            domain(number),
            emulator.login(),
            emulator.exchange()
        );
    }
    fs::write(folder.join("connguard.yaml"), config).unwrap();
    emulator
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("CONNGUARD_SECRET", identities::SECRET)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Peak memory in KiB of a run, looked at until it ends.
fn peak_memory(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}
