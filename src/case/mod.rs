//! A case: what an investigation found, kept in a folder that people work through, and that a court can check.
//!
//! Everything in it is a file of its own; `SHA256SUMS` lists them as
//! `sha256sum -c` reads it. Evidence itself is not copied: its digests are.

pub mod archive;
mod checklist;

pub use checklist::{Checklist, Tick, TickError};

use crate::canonical;
use crate::digest::Digest;
use crate::report::investigation::{Format, View, render};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// `schema` of a case's own file.
pub const SCHEMA: &str = "connguard/case/v1";

/// The list of digests.
pub const SUMS: &str = "SHA256SUMS";

/// A case's own file.
pub const CASE: &str = "case.json";

/// What has been ticked off.
pub const CHECKLIST: &str = "checklist.json";

/// What a case is, across its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The tenant.
    pub tenant: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed, if it was.
    pub closed: Option<Timestamp>,
    /// Each run of the investigation, oldest first.
    pub runs: Vec<Run>,
}

/// A run of the investigation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When.
    pub at: Timestamp,
    /// What it came to.
    pub verdict: String,
    /// Digest of `investigation.json` then.
    pub investigation: String,
}

/// The files of a case, by their paths in its folder.
pub type Files = BTreeMap<String, Vec<u8>>;

impl Case {
    /// Opens a case.
    pub fn open(name: &str, tenant: &str, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            opened: now,
            closed: None,
            runs: Vec::new(),
        }
    }

    /// Reads a case's own file.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let case: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if case.schema == SCHEMA {
            Ok(case)
        } else {
            Err(format!(
                "its schema is {:?}, expected {SCHEMA}",
                case.schema
            ))
        }
    }

    /// The folder's name: the day on which it was opened, and its name.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.opened.strftime("%Y-%m-%d"), self.name)
    }

    /// Adds a run, and gives the files that it makes anew; what was ticked off stays ticked off.
    pub fn add(&mut self, view: &View, ticked: &Checklist, plans: Files) -> Files {
        let investigation = render(view, Format::Json);
        self.runs.push(Run {
            at: view.generated_at,
            verdict: view.verdict.name().to_owned(),
            investigation: Digest::of(investigation.as_bytes()).to_string(),
        });
        let mut files = plans;
        for format in [Format::Html, Format::Markdown, Format::Human] {
            let text = render(view, format);
            let text = match format {
                Format::Human => anstream::adapter::strip_str(&text).to_string(),
                _ => text,
            };
            files.insert(format!("report.{}", format.extension()), text.into_bytes());
        }
        files.insert("investigation.json".to_owned(), investigation.into_bytes());
        files.insert("timeline.json".to_owned(), written(&timeline(view)));
        files.insert("evidence.json".to_owned(), written(&evidence(view)));
        files.insert(CHECKLIST.to_owned(), ticked.with(&view.runbook).written());
        files.insert(CASE.to_owned(), self.written());
        files
    }

    /// Its own file.
    pub fn written(&self) -> Vec<u8> {
        written(&serde_json::to_value(self).unwrap_or_default())
    }
}

/// The list of digests of all files but itself, as `sha256sum` writes it.
pub fn sums(files: &Files) -> Vec<u8> {
    let mut text = String::new();
    for (path, bytes) in files.iter().filter(|(path, _)| *path != SUMS) {
        text.push_str(&format!("{}  {path}\n", Digest::of(bytes).hex()));
    }
    text.into_bytes()
}

fn written(json: &Json) -> Vec<u8> {
    canonical::to_string(json).into_bytes()
}

/// Everything that happened, oldest first: changes, what their actors did, states that were read.
fn timeline(view: &View) -> Json {
    let mut all: Vec<(Timestamp, Json)> = Vec::new();
    for change in &view.changes {
        all.push((change.at, json!({ "at": change.at, "what": "change", "connector": change.connector, "words": change.words })));
    }
    for triage in &view.actors {
        for operation in &triage.operations {
            all.push((
                operation.time,
                json!({ "at": operation.time, "what": "operation", "actor": triage.actor, "operation": operation.operation, "object": operation.object, "record": operation.record }),
            ));
        }
    }
    for state in &view.coverage.states {
        all.push((*state, json!({ "at": state, "what": "state read" })));
    }
    all.sort_by_key(|(at, _)| *at);
    Json::Array(all.into_iter().map(|(_, json)| json).collect())
}

/// What the case rests on: each file with its digest, and the time it covers.
fn evidence(view: &View) -> Json {
    json!({ "files": view.files, "coverage": view.coverage })
}
