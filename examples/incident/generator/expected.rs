//! What a careful investigator should find.

use super::audit::Record;
use super::connector::Connector;
use super::json::{Json, object};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What is to be said of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An unauthorized person made or changed it, and used it.
    Compromised,
    /// Something is wrong with it that a human must look at.
    Suspicious,
    /// Nothing speaks against it.
    NoSign,
}

impl Verdict {
    /// The word in `expected.json`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Compromised => "compromised",
            Verdict::Suspicious => "suspicious",
            Verdict::NoSign => "no sign",
        }
    }
}

/// The right answer to one folder.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// The seed.
    pub seed: u64,
    /// The verdict on each connector, by name, also on connectors that are in no export.
    pub connectors: BTreeMap<String, Verdict>,
    /// The account or application that ran the connector operations, then accounts that were misused to enable it.
    pub actors: Vec<String>,
    /// Ids of the audit records of the attack's connector operations.
    pub records: Vec<String>,
}

impl Expected {
    /// Nothing wrong with any of these connectors.
    pub fn new(scenario: &'static str, seed: u64, connectors: &[Connector]) -> Self {
        Expected {
            scenario,
            seed,
            connectors: connectors
                .iter()
                .map(|connector| (connector.name.clone(), Verdict::NoSign))
                .collect(),
            actors: Vec::new(),
            records: Vec::new(),
        }
    }

    /// This record is part of an attack on this connector.
    pub fn attack(&mut self, connector: &str, verdict: Verdict, record: &Record) {
        self.connectors.insert(connector.into(), verdict);
        self.records.push(record.id.clone());
    }

    /// The content of `expected.json`.
    pub fn json(&self) -> String {
        let connectors = self
            .connectors
            .iter()
            .map(|(name, verdict)| (Cow::Owned(name.clone()), verdict.name().into()))
            .collect();
        let expected = object([
            ("scenario", self.scenario.into()),
            ("seed", Json::Number(self.seed as i64)),
            ("connectors", Json::Object(connectors)),
            ("actors", self.actors.as_slice().into()),
            ("records", self.records.as_slice().into()),
        ]);
        expected.line() + "\n"
    }
}
