//! The history against models simple enough to be right.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed"
)]

use connguard::git::{Git, Oid};
use connguard::history::append::{Addition, Appended};
use connguard::history::log::Filter;
use connguard::history::run::{Read, Run};
use connguard::history::{History, REF};
use connguard::snapshot::{Snapshot, SourceKind};
use connguard::source::export;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use tempfile::TempDir;

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "generator/mod.rs"]
mod generator;

const BEGIN: i64 = generator::BEGIN;

/// A connector of the model: which of a few values each of a few settings has.
type Connector = [u8; 4];
/// What there is at a time, by the connector's number.
type State = BTreeMap<u8, Connector>;

fn id(number: u8) -> String {
    format!("0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b{number:02}")
}

/// The settings of the model by name, as JSON.
fn settings(connector: &Connector) -> BTreeMap<&'static str, Value> {
    let names = ["Relay", "Other", "Third"];
    let addresses = [
        json!([]),
        json!(["203.0.113.10"]),
        json!(["198.51.100.7", "203.0.113.10"]),
    ];
    let comments = ["", "CHG-1", "CHG-2"];
    BTreeMap::from([
        ("Name", json!(names[usize::from(connector[0])])),
        (
            "SenderIPAddresses",
            addresses[usize::from(connector[1])].clone(),
        ),
        ("Comment", json!(comments[usize::from(connector[2])])),
        ("Enabled", json!(connector[3] != 0)),
    ])
}

fn snapshot(state: &State, time: i64) -> Snapshot {
    let connectors: Vec<Value> = state
        .iter()
        .map(|(number, connector)| {
            let mut record = generator::connector(&id(*number), "", "OnPremises", BEGIN);
            for (name, value) in settings(connector) {
                record[name] = value;
            }
            record
        })
        .collect();
    let text = generator::export(time, &connectors, &["contoso.com"]).to_string();
    export::read("export.json", text.as_bytes())
        .unwrap()
        .whole()
        .unwrap()
}

/// A history of these states, one run each.
fn record(states: &[State]) -> (TempDir, History, Vec<Oid>) {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("git")
        .args(["init", "-q", "--bare"])
        .arg(folder.path())
        .status();
    assert!(made.unwrap().success());
    let history = History::new(Git::at(folder.path()).unwrap(), REF.to_owned());
    let mut commits = Vec::new();
    for (number, state) in states.iter().enumerate() {
        let time = BEGIN + i64::try_from(number).unwrap() * 3600;
        let base = history.tip().unwrap();
        let before = base.and_then(|base| {
            let tree = history.git.commit(base).unwrap().tree;
            history.folder_of(tree, "contoso").unwrap()
        });
        let tenant = history
            .tenant_folder(before, &snapshot(state, time), None)
            .unwrap();
        let mut addition = Addition {
            base,
            tenants: BTreeMap::from([("contoso".to_owned(), tenant)]),
            documents: None,
            read: BTreeSet::from(["contoso".to_owned()]),
            run: Run {
                taken_at: Timestamp::from_second(time).unwrap(),
                exported_at: BTreeMap::new(),
                sources: BTreeSet::from([SourceKind::Export]),
                read: Read::Only(BTreeSet::new()),
                verdicts: BTreeMap::new(),
                clock_given: false,
                act: None,
                remark: connguard::history::remark::Remark::default(),
                rehearsal: false,
                version: "0".to_owned(),
            },
        };
        let text = ("title", "text");
        let who = "connguard <x@connguard.invalid>";
        let appended = addition
            .commit(&history, base, who, text, &|_| Ok(None))
            .unwrap();
        let Appended::Commit(commit) = appended else {
            panic!("nobody else writes");
        };
        history.git.move_ref(REF, base, commit, "test").unwrap();
        commits.push(commit);
    }
    (folder, history, commits)
}

fn states() -> impl Strategy<Value = Vec<State>> {
    let connector = (0u8..3, 0u8..3, 0u8..3, 0u8..2).prop_map(|(a, b, c, d)| [a, b, c, d]);
    let state = prop::collection::btree_map(0u8..3, connector, 0..3);
    prop::collection::vec(state, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every setting: since the run from which on every run saw its value, and before that what the run before saw.
    #[test]
    fn blame_names_the_right_snapshot(states in states()) {
        let (_folder, history, commits) = record(&states);
        let tip = *commits.last().unwrap();
        let last = states.len() - 1;
        for (number, connector) in &states[last] {
            let blame = history.blame(tip, "contoso", &id(*number)).unwrap();
            let present = |at: usize| states[at].get(number);
            let appeared = (0..=last).rev().take_while(|at| present(*at).is_some()).last().unwrap();
            prop_assert_eq!(blame.appeared.id, commits[appeared]);
            let mut checked = 0;
            for (name, value) in settings(connector) {
                let since = (appeared..=last)
                    .rev()
                    .take_while(|at| settings(present(*at).unwrap())[name] == value)
                    .last()
                    .unwrap();
                let before = (since > appeared).then(|| settings(present(since - 1).unwrap())[name].clone());
                let line = blame.lines.iter().find(|line| line.property.name() == name);
                // What was empty from the beginning is not said.
                let never_set = value == json!("") || value == json!([]);
                let Some(line) = line else {
                    prop_assert!(never_set && since == appeared, "{} is missing", name);
                    continue;
                };
                checked += 1;
                prop_assert_eq!(line.since.id, commits[since], "{}", name);
                prop_assert_eq!(line.value.clone(), Some(value));
                prop_assert_eq!(line.before.clone().map(Option::unwrap), before);
            }
            prop_assert!(checked >= 2);
        }
    }

    /// Each run says what its connectors have that those of the run before had not, and nothing else.
    #[test]
    fn the_log_says_what_differs(states in states()) {
        let (_folder, history, commits) = record(&states);
        let tip = *commits.last().unwrap();
        let filter = Filter { heartbeats: true, ..Filter::default() };
        let mut runs: Vec<_> = history.log(tip, &filter).map(Result::unwrap).collect();
        runs.reverse();
        prop_assert_eq!(runs.len(), states.len());
        let empty = State::new();
        for (at, run) in runs.iter().enumerate() {
            let (old, new) = (if at == 0 { &empty } else { &states[at - 1] }, &states[at]);
            let said = run.tenants.get("contoso");
            prop_assert_eq!(said.is_some(), old != new);
            for difference in said.into_iter().flatten() {
                let named = difference.connector.as_ref().unwrap().id.clone().unwrap();
                let number = (0..3).find(|number| id(*number) == named).unwrap();
                prop_assert_ne!(old.get(&number), new.get(&number));
            }
        }
    }

    /// What was recorded is read again as it was.
    #[test]
    fn a_snapshot_comes_back(states in states()) {
        let (_folder, history, commits) = record(&states);
        for (at, commit) in commits.iter().enumerate() {
            let entry = history.entry(*commit).unwrap();
            let mut read = history.state(&entry, "contoso").unwrap().unwrap().snapshot;
            read.source = SourceKind::Export;
            prop_assert_eq!(read.canonical(), snapshot(&states[at], BEGIN).canonical());
        }
    }
}
