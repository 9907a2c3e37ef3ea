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

use serde_json::{Value, json};
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CONNECTORS: usize = 20;
const NOW: &str = "2026-11-21T12:00:00Z";

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

/// Makes an audit repository of clean tenants, signed by the example's keys.
fn make_fleet(folder: &Path, tenants: usize) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for place in ["trust/root.sigs", "policies", "baselines", "exports"] {
        fs::create_dir_all(folder.join(place)).unwrap();
    }
    for file in [
        "trust/root.yaml",
        "trust/allowed_signers",
        "trust/root.sigs/alice@contoso.com.sig",
        "trust/root.sigs/bob@contoso.com.sig",
    ] {
        fs::copy(project.join(file), folder.join(file)).unwrap();
    }
    let names: Vec<String> = (0..tenants).map(|number| format!("t{number}")).collect();
    let policy = json!({
        "apiVersion": "connguard/v1", "kind": "Policy", "version": 1, "issued": "2026-11-18T09:00:00Z", "expires": "2099-12-31T00:00:00Z",
        "tenants": names.iter().map(|name| (name.clone(), json!({ "sources": ["export"] }))).collect::<serde_json::Map<_, _>>(),
        "max_snapshot_age": "24h", "catalogue": "default@1",
    });
    write_signed(
        folder,
        "policies/policy",
        "connguard-policy",
        &serde_json::to_string_pretty(&policy).unwrap(),
    );
    let mut config = String::from("apiVersion: connguard/v1\nkind: Config\ntenants:\n");
    for (number, name) in names.iter().enumerate() {
        let organization = format!(
            "{{ tenant_id: {}, domain: {name}.onmicrosoft.com }}",
            guid(number, 0)
        );
        config += &format!(
            "  {name}:\n    organization: {organization}\n    source: {{ export: exports/{name}.json }}\n"
        );
        fs::write(
            folder.join(format!("exports/{name}.json")),
            export(name, number),
        )
        .unwrap();
        write_signed(
            folder,
            &format!("baselines/{name}"),
            "connguard-baseline",
            &baseline(name, number, &organization),
        );
    }
    fs::write(folder.join("connguard.yaml"), config).unwrap();
}

fn guid(tenant: usize, connector: usize) -> String {
    format!("{tenant:08x}-0000-4000-8000-{connector:012x}")
}

fn write_signed(folder: &Path, path: &str, namespace: &str, text: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.join(format!("{path}.yaml")), text).unwrap();
    fs::create_dir_all(folder.join(format!("{path}.sigs"))).unwrap();
    for person in ["alice", "bob"] {
        let key = PrivateKey::read_openssh_file(project.join("tests/keys").join(person)).unwrap();
        let signature = key
            .sign(namespace, HashAlg::Sha512, text.as_bytes())
            .unwrap()
            .to_pem(LineEnding::LF)
            .unwrap();
        fs::write(
            folder.join(format!("{path}.sigs/{person}@contoso.com.sig")),
            signature,
        )
        .unwrap();
    }
}

fn export(name: &str, number: usize) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut export: Value =
        serde_json::from_str(&fs::read_to_string(project.join("exports/contoso.json")).unwrap())
            .unwrap();
    let template = export["inbound_connectors"][0].clone();
    let domain = format!("{name}.onmicrosoft.com");
    let connectors = (0..CONNECTORS).map(|index| {
        let mut row = template.clone();
        row["Name"] = json!(format!("Relay number {index}"));
        row["ExchangeObjectId"] = json!(guid(number, index + 1));
        row["Guid"] = row["ExchangeObjectId"].clone();
        row["OrganizationalUnitRoot"] = json!(domain);
        row["SenderIPAddresses"] = json!([
            format!("203.0.113.{}", index * 4),
            format!("198.51.100.{}/30", index * 4)
        ]);
        row["TlsSenderCertificateName"] = json!("mail.contoso.com");
        row
    });
    export["inbound_connectors"] = connectors.collect();
    export["taken_at"] = json!("2026-11-21T11:00:00Z");
    export["organization"] = json!({ "tenant_id": guid(number, 0), "domain": domain });
    serde_json::to_string_pretty(&export).unwrap()
}

fn baseline(name: &str, number: usize, organization: &str) -> String {
    let mut text = format!(
        "apiVersion: connguard/v1\nkind: Baseline\ntenant: {name}\norganization: {organization}\nversion: 1\nissued: 2026-11-18T09:00:00Z\nexpires: 2099-12-31T00:00:00Z\naccepted_domains: [contoso.onmicrosoft.com, contoso.com]\nconnectors:\n"
    );
    for index in 0..CONNECTORS {
        text += &format!(
            "  - name: Relay number {index}\n    id: {}\n    owner: mail-team@contoso.com\n    reason: CHG-4711\n    settings:\n      Enabled: true\n      ConnectorType: OnPremises\n      ConnectorSource: Default\n      Comment: CHG-4711\n      SenderDomains: [\"*\"]\n      SenderIPAddresses: [203.0.113.{}, 198.51.100.{}/30]\n      RequireTls: true\n      TlsSenderCertificateName: mail.contoso.com\n      RestrictDomainsToIPAddresses: false\n      RestrictDomainsToCertificate: false\n      CloudServicesMailEnabled: false\n      TreatMessagesAsInternal: false\n      EFSkipLastIP: true\n      EFTestMode: false\n",
            guid(number, index + 1),
            index * 4,
            index * 4
        );
    }
    text
}
