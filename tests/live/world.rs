//! A rehearsal in a folder of its own: the emulator with one organization, and an audit repository that reads it.

use crate::emulator::{Emulator, Fault, Options};
use crate::harness::{NOW, Repo, Run, key, project};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

/// The tenant of the rehearsal.
pub const TENANT: &str = "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01";
pub const RELAY: &str = "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01";
pub const PARTNER: &str = "9c2d4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e03";

/// What the rehearsal's identities prove themselves with.
pub const SECRET: &str = crate::emulator::identities::SECRET;

pub struct World {
    pub emulator: Emulator,
    pub repo: Repo,
}

/// The organization as it was approved.
pub fn organization() -> Value {
    let path = project().join("examples/rehearsal/organizations/contoso.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

impl World {
    /// The organization as it was approved.
    pub fn new() -> Self {
        Self::with(Options::default(), |_| ())
    }

    /// The organization after somebody was in it.
    pub fn attacked() -> Self {
        Self::with(Options::default(), attack)
    }

    /// With faults that begin with the first request.
    pub fn faulty(faults: &[&str], change: impl FnOnce(&mut Value)) -> Self {
        let options = Options {
            faults: faults
                .iter()
                .map(|fault| fault.parse::<Fault>().unwrap())
                .collect(),
            ..Options::default()
        };
        Self::with(options, change)
    }

    pub fn with(mut options: Options, change: impl FnOnce(&mut Value)) -> Self {
        let mut organization = organization();
        change(&mut organization);
        options.tenants.insert(0, organization);
        let emulator = Emulator::start(options).unwrap();
        let repo = Repo::empty();
        for part in ["trust", "policies", "baselines"] {
            copy(
                &project().join("examples/rehearsal").join(part),
                &repo.path(part),
            );
        }
        let config =
            fs::read_to_string(project().join("examples/rehearsal/connguard.yaml")).unwrap();
        let config = config
            .replace("http://127.0.0.1:8440", &emulator.login())
            .replace("http://127.0.0.1:8441", &emulator.exchange());
        let graph = format!("endpoints: {{ graph: \"{}\", ", emulator.graph());
        let config = config.replace("endpoints: { ", &graph);
        repo.write("connguard.yaml", config);
        Self { emulator, repo }
    }

    /// The binary with the rehearsal's secrets, as of a time at which everything is in force.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let pin = self.repo.pin();
        let key = key("ci");
        let mut all = arguments.to_vec();
        all.push("--rehearsal");
        if !matches!(arguments.first(), Some(&("fetch" | "doctor"))) {
            all.extend(["--now", NOW]);
        }
        let mut variables = vec![
            ("CONNGUARD_SECRET", SECRET),
            ("CONNGUARD_APPLY_SECRET", SECRET),
            ("CONNGUARD_ROOT", pin.as_str()),
            ("CONNGUARD_HISTORY_KEY", key.as_str()),
        ];
        variables.extend(environment);
        self.repo.run_with(&all, &variables)
    }

    /// The same, not waited for.
    pub fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_connguard"))
            .args(arguments)
            .args(["--rehearsal"])
            .current_dir(self.repo.path(""))
            .env_clear()
            .env("CONNGUARD_SECRET", SECRET)
            .env("CONNGUARD_APPLY_SECRET", SECRET)
            .env("CONNGUARD_ROOT", self.repo.pin())
            .env("CONNGUARD_HISTORY_KEY", key("ci"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// `check` with short patience.
    pub fn check(&self) -> Run {
        self.run(&[
            "check",
            "--format",
            "json",
            "--timeout",
            "2500ms",
            "--budget",
            "20s",
        ])
    }

    /// Begins a history, and has the plan of now as plan.json; gives its digest.
    pub fn planned(&self, more: &[&str]) -> String {
        if !self.repo.path(".git").exists() {
            self.repo.git(&["init", "-q"]);
        }
        let mut arguments = vec!["plan", "--report", "json=plan.json"];
        arguments.extend(more);
        self.run(&arguments).expect(10, &[]);
        let plan: Value = serde_json::from_str(&self.repo.read("plan.json")).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    }

    /// The names of the cmdlets that were carried out and changed something.
    pub fn written(&self) -> Vec<String> {
        self.emulator
            .writes(TENANT)
            .into_iter()
            .map(|(cmdlet, _)| cmdlet)
            .collect()
    }

    /// The connector of a name, as the service has it; none where there is none.
    pub fn connector(&self, name: &str) -> Option<Value> {
        let mut all = self.emulator.connectors(TENANT).into_iter();
        all.find(|own| own["Name"] == name)
    }
}

/// What an attacker does: a relay of his own, an address in an old one, a partner that is gone.
pub fn attack(organization: &mut Value) {
    let connectors = organization["inbound_connectors"].as_array_mut().unwrap();
    connectors.retain(|own| own["ExchangeObjectId"] != PARTNER);
    let relay = connectors
        .iter_mut()
        .find(|own| own["ExchangeObjectId"] == RELAY)
        .unwrap();
    relay["SenderIPAddresses"]
        .as_array_mut()
        .unwrap()
        .push(json!("198.51.100.7"));
    let mut own = relay.clone();
    own["Name"] = json!("Ran_xkqpd");
    for key in ["ExchangeObjectId", "Guid"] {
        own[key] = json!("d0891898-d7b2-431d-8619-019772e49525");
    }
    own["SenderIPAddresses"] = json!(["198.51.100.0/24"]);
    own["Comment"] = json!("");
    connectors.push(own);
}

/// Does something with every item, many at a time: most of it is waiting.
pub fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(item);
                }
            });
        }
    });
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
