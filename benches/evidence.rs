//! The speed and memory of `connguard investigate`, as ratios to others that do the same work in the same run.
//!
//! `cargo bench --bench evidence` writes a message trace of ten million rows (2 GB) into a temporary folder, and an
//! audit log of a million; `ROWS` sets the first and with it a tenth for the second, `ROUNDS` (3) how often all take
//! turns, `ONLY=mail|audit` takes one of them, `KEEP=1` leaves what was made. Mail is counted beside by DuckDB, on
//! all processors, in SQL; it comes from PyPI, or is that of the Python that `DUCKDB_PYTHON` names. Every count of
//! every hour and connector must be the same. The log is parsed beside by the same parsers, and nothing else.
//! Prints ratios; asserts only that the work was the same, as machines differ.

#![allow(
    missing_docs,
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark for people"
)]

#[path = "shared/evidence.rs"]
mod evidence;
#[path = "shared/mod.rs"]
mod shared;

use connguard::connector::address::AddressSet;
use connguard::connector::domain::Domain;
use connguard::evidence::traffic::{Approved, Route, Routes, Traffic};
use connguard::evidence::{Progress, read_mail, survey};
use connguard::finding::Subject;
use connguard::snapshot::AcceptedDomain;
use evidence::{OWN_DOMAINS, RELAYS};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{NOW, guid};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    let number = |name: &str, usual: u64| {
        let value = std::env::var(name).ok();
        value.and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let (rows, rounds) = (number("ROWS", 10_000_000), number("ROUNDS", 3));
    let only = std::env::var("ONLY").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("KEEP").is_some();
    if only.is_empty() || only == "mail" {
        mail(folder.path(), rows, rounds);
        if !keep {
            fs::remove_dir_all(folder.path().join("mail")).unwrap();
        }
    }
    if only.is_empty() || only == "audit" {
        audit(folder.path(), rows.div_ceil(10), rounds);
    }
    if keep {
        println!("kept in {}", folder.keep().display());
    }
}

/// All indicators of mail, against the same aggregate in SQL.
fn mail(folder: &Path, rows: u64, rounds: u64) {
    let case = folder.join("mail");
    fs::create_dir(&case).unwrap();
    evidence::write_exports(&case);
    let trace = case.join("trace.csv");
    evidence::write_trace(&trace, rows);
    println!(
        "{rows} rows of a message trace, {} MB:",
        fs::metadata(&trace).unwrap().len() / 1_000_000
    );
    let duck = Duck::find(folder);
    let mut ours = Runs::default();
    let mut theirs = Runs::default();
    let mut counted = None;
    let mut said = Value::Null;
    for _ in 0..rounds {
        said = investigate(&case, &mut ours);
        if let Some(duck) = &duck {
            let run = duck.run(&trace, folder);
            theirs.add(run.wall, run.processors);
            counted = Some(run);
        }
    }
    println!(
        "  connguard  {}, at most {} MiB",
        ours.words(),
        peak_memory(&case) / 1024
    );
    let file = said["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["form"] == "trace-csv")
        .unwrap();
    assert_eq!(file["rows"], json!(rows), "every row was read");
    assert_eq!(file["rejected"]["count"], json!(0), "every row was counted");
    let Some(counted) = counted else {
        println!(
            "  DuckDB is not here (no network, and no DUCKDB_PYTHON): there is nothing to compare with"
        );
        return;
    };
    assert_eq!(counted.rows, rows, "DuckDB read every row");
    // What the binary says of its connectors, and everything that the same code counted.
    let told = told(&said);
    let difference = first_difference(&told, &counted.told());
    assert!(
        difference.is_none(),
        "mails and filtered mails: {difference:?}"
    );
    let own = cells(&traffic(&trace));
    let difference = first_difference(&own, &counted.cells);
    assert!(difference.is_none(), "the cells: {difference:?}");
    println!(
        "  DuckDB     {}, at most {} MiB (version {}, {} processors, without its start)",
        theirs.words(),
        counted.memory / 1024,
        counted.version,
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    println!("  ratio      {}", ours.against(&theirs));
    let sum = |place: usize| own.values().map(|cell| cell[place]).sum::<u64>();
    println!(
        "  the same in both: {} cells, {} mails, {} filtered, {} failed, {} unprovisioned, {} outside, {} external, {} first contacts",
        own.len(),
        sum(0),
        sum(1),
        sum(2),
        sum(4),
        sum(6),
        sum(7),
        sum(8)
    );
}

/// The log, against the same parsers and nothing else.
fn audit(folder: &Path, rows: u64, rounds: u64) {
    let case = folder.join("audit");
    fs::create_dir(&case).unwrap();
    evidence::write_exports(&case);
    let log = case.join("log.csv");
    evidence::write_log(&log, rows);
    println!(
        "{rows} rows of an audit log, {} MB:",
        fs::metadata(&log).unwrap().len() / 1_000_000
    );
    let mut ours = Runs::default();
    let mut bare = Runs::default();
    for _ in 0..rounds {
        let report = investigate(&case, &mut ours);
        let file = report["files"]
            .as_array()
            .unwrap()
            .iter()
            .find(|file| file["form"] == "audit-csv")
            .unwrap()
            .clone();
        assert_eq!(file["rows"], json!(rows), "every row was read");
        assert_eq!(file["rejected"]["count"], json!(0), "every row was counted");
        let (begin, before) = (Instant::now(), processor_time(OWN));
        assert_eq!(bare_parsing(&log), rows, "every row was parsed");
        bare.add(begin.elapsed(), processor_time(OWN) - before);
    }
    println!(
        "  connguard    {}, at most {} MiB",
        ours.words(),
        peak_memory(&case) / 1024
    );
    println!("  bare parsing {}, in one thread", bare.words());
    println!("  ratio        {}", ours.against(&bare));
}

/// Each row by the CSV crate, each `AuditData` by serde_json into a value.
fn bare_parsing(log: &Path) -> u64 {
    let mut reader = csv::Reader::from_reader(File::open(log).unwrap());
    let place = reader
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "AuditData")
        .unwrap();
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).unwrap() {
        let data: Value = serde_json::from_slice(&record[place]).unwrap();
        std::hint::black_box(data);
        rows += 1;
    }
    rows
}

fn start(folder: &Path, output: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args([
            "investigate",
            "--from",
            ".",
            "--format",
            "json",
            "--now",
            NOW,
        ])
        .current_dir(folder)
        .env_clear()
        .stdout(output)
        .spawn()
        .unwrap()
}

/// One whole run, with nothing else going on, and what it says.
fn investigate(folder: &Path, runs: &mut Runs) -> Value {
    // A hidden file is no evidence.
    let path = folder.join(".report.json");
    let (begin, before) = (Instant::now(), processor_time(CHILDREN));
    let code = start(folder, File::create(&path).unwrap().into())
        .wait()
        .unwrap()
        .code();
    runs.add(begin.elapsed(), processor_time(CHILDREN) - before);
    assert!(
        matches!(code, Some(0 | 3 | 13 | 14)),
        "it ended with {code:?}"
    );
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Where `/proc/self/stat` has the time of this process, in user mode and in the kernel, and that of its children.
const OWN: usize = 11;
const CHILDREN: usize = 13;

/// What all processors together took: it says more than the clock where a machine has other work.
fn processor_time(whose: usize) -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |place: usize| {
        fields
            .get(place)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default()
    };
    Duration::from_millis((ticks(whose) + ticks(whose + 1)) * 10)
}

/// Peak memory in KiB of one whole run. In a run of its own: looking at it takes time.
fn peak_memory(folder: &Path) -> u64 {
    let mut child = start(folder, Stdio::null());
    let mut peak = 0;
    // The high-water mark is gone with the process, so it is read while it runs.
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

/// What several runs took, by the clock and of all processors.
#[derive(Default)]
struct Runs {
    wall: Vec<Duration>,
    processors: Vec<Duration>,
}

impl Runs {
    fn add(&mut self, wall: Duration, processors: Duration) {
        self.wall.push(wall);
        self.processors.push(processors);
    }

    fn words(&self) -> String {
        let all = sorted(&self.wall);
        format!(
            "{:.2?} (median of {}; {:.2?} to {:.2?}), {:.2?} of processors",
            median(&self.wall),
            all.len(),
            all[0],
            all[all.len() - 1],
            median(&self.processors)
        )
    }

    /// The ratio of medians, and that of each round.
    fn against(&self, other: &Self) -> String {
        let ratio = |own: &Duration, other: &Duration| own.as_secs_f64() / other.as_secs_f64();
        let mut each: Vec<f64> = self
            .wall
            .iter()
            .zip(&other.wall)
            .map(|(own, other)| ratio(own, other))
            .collect();
        each.sort_by(f64::total_cmp);
        format!(
            "{:.2} (of medians; rounds {:.2} to {:.2}); {:.2} of processors' time",
            ratio(&median(&self.wall), &median(&other.wall)),
            each[0],
            each[each.len() - 1],
            ratio(&median(&self.processors), &median(&other.processors))
        )
    }
}

fn sorted(times: &[Duration]) -> Vec<Duration> {
    let mut times = times.to_vec();
    times.sort();
    times
}

fn median(times: &[Duration]) -> Duration {
    sorted(times)[times.len() / 2]
}

/// Mails, filtered, failed, senders, unprovisioned, addresses, outside, external and first contacts of an hour and connector.
type Cells = BTreeMap<(i64, usize), [u64; 9]>;

/// A Python that has DuckDB.
struct Duck {
    python: PathBuf,
}

/// What DuckDB counted, and what it took.
struct Counted {
    wall: Duration,
    processors: Duration,
    memory: u64,
    rows: u64,
    version: String,
    cells: Cells,
}

impl Duck {
    fn find(folder: &Path) -> Option<Self> {
        let given = std::env::var_os("DUCKDB_PYTHON").map(PathBuf::from);
        let python = given.or_else(|| {
            let place = folder.join("venv");
            let done = |command: &mut Command| {
                command
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success())
            };
            let python = place.join("bin/python");
            let made = done(Command::new("python3").args(["-m", "venv"]).arg(&place))
                && done(Command::new(&python).args(["-m", "pip", "install", "--quiet", "duckdb"]));
            made.then_some(python)
        })?;
        let here = Command::new(&python)
            .args(["-c", "import duckdb"])
            .stderr(Stdio::null())
            .status();
        here.is_ok_and(|status| status.success())
            .then_some(Self { python })
    }

    fn run(&self, trace: &Path, folder: &Path) -> Counted {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let out = folder.join("cells.csv");
        let addresses: Vec<Value> = RELAYS
            .iter()
            .enumerate()
            .flat_map(|(index, relay)| {
                relay
                    .addresses()
                    .map(move |(address, approved)| json!([address, index, approved]))
            })
            .collect();
        let setup =
            json!({ "addresses": addresses, "domains": OWN_DOMAINS, "connectors": RELAYS.len() });
        let mut child = Command::new(&self.python)
            .arg(project.join("benches/shared/aggregate.py"))
            .args([trace, &out])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(setup.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "DuckDB failed");
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let cells = fs::read_to_string(out).unwrap();
        Counted {
            wall: Duration::from_secs_f64(words[0].parse().unwrap()),
            processors: Duration::from_secs_f64(words[1].parse().unwrap()),
            memory: words[2].parse().unwrap(),
            rows: words[3].parse().unwrap(),
            version: words[4].to_owned(),
            cells: cells
                .lines()
                .map(|line| {
                    let numbers: Vec<u64> = line
                        .split(',')
                        .map(|number| number.parse().unwrap())
                        .collect();
                    let place = (
                        i64::try_from(numbers[0]).unwrap(),
                        usize::try_from(numbers[1]).unwrap(),
                    );
                    (place, std::array::from_fn(|index| numbers[index + 2]))
                })
                .collect(),
        }
    }
}

impl Counted {
    /// Mails and filtered mails through connectors.
    fn told(&self) -> BTreeMap<(i64, usize), (u64, u64)> {
        let through = self
            .cells
            .iter()
            .filter(|((_, connector), _)| *connector < RELAYS.len());
        through
            .map(|(place, cell)| (*place, (cell[0], cell[1])))
            .collect()
    }
}

/// The same, as a report has it.
fn told(report: &Value) -> BTreeMap<(i64, usize), (u64, u64)> {
    let mut all = BTreeMap::new();
    for connector in report["connectors"].as_array().unwrap() {
        let name = connector["connector"]["name"].as_str().unwrap();
        let index = RELAYS.iter().position(|relay| relay.name == name).unwrap();
        for hour in connector["mail"].as_array().unwrap() {
            let time: Timestamp = hour["hour"].as_str().unwrap().parse().unwrap();
            let counts = (
                hour["mails"].as_u64().unwrap(),
                hour["filtered"].as_u64().unwrap(),
            );
            if counts.0 > 0 {
                all.insert((time.as_second() / 3600, index), counts);
            }
        }
    }
    all
}

struct Trace<'p>(&'p Path);

impl connguard::evidence::File for Trace<'_> {
    fn path(&self) -> &str {
        "trace.csv"
    }

    fn size(&self) -> u64 {
        fs::metadata(self.0).unwrap().len()
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(File::open(self.0)?))
    }
}

/// What the program counts before it judges. It prints only some of it.
fn traffic(trace: &Path) -> Traffic {
    let set =
        |addresses: &[String]| AddressSet::parse(addresses.iter().map(String::as_str)).unwrap();
    let routes = RELAYS.iter().zip(0..).map(|(relay, index)| {
        let all: Vec<String> = relay.addresses().map(|(address, _)| address).collect();
        let approved: Vec<String> = relay
            .addresses()
            .filter(|(_, approved)| *approved)
            .map(|(address, _)| address)
            .collect();
        Route {
            connector: Subject {
                id: Some(guid(0, index)),
                name: relay.name.to_owned(),
            },
            names: vec![relay.name.to_ascii_lowercase()],
            addresses: set(&all),
            approved: Approved::These(set(&approved)),
            on_premises: relay.on_premises(),
        }
    });
    let domain = |name: &&str| AcceptedDomain {
        domain: Domain::parse(name).unwrap(),
        match_sub_domains: false,
    };
    let routes = Routes {
        routes: routes.collect(),
        domains: Some(OWN_DOMAINS.iter().map(domain).collect()),
    };
    let file = Trace(trace);
    let found = survey(&[&file]).unwrap();
    let (traffic, _) = read_mail(&found, &routes, &Progress(&|_| {})).unwrap();
    assert_eq!(
        traffic.recipients_followed, 1,
        "every recipient is followed"
    );
    traffic
}

fn cells(traffic: &Traffic) -> Cells {
    let mut all = Cells::new();
    for (connector, hours) in traffic.hours.iter().enumerate() {
        for (hour, own) in hours {
            let counts = [
                own.mails,
                own.filtered,
                own.failed,
                own.senders,
                own.unprovisioned,
                own.addresses,
                own.outside,
                own.external,
                own.first_contacts,
            ];
            all.insert((*hour, connector), counts);
        }
    }
    all
}

/// A place, and what each of two has there.
type Difference<V> = ((i64, usize), Option<V>, Option<V>);

/// The first place at which only one of them has something so.
fn first_difference<V: Copy + PartialEq>(
    own: &BTreeMap<(i64, usize), V>,
    other: &BTreeMap<(i64, usize), V>,
) -> Option<Difference<V>> {
    let mut places = own.keys().chain(other.keys());
    let place = places.find(|place| own.get(place) != other.get(place))?;
    Some((*place, own.get(place).copied(), other.get(place).copied()))
}
