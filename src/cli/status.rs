//! Of each signed document: who signed it, with which key, and what is missing.

use super::console::Console;
use super::{Failure, Outcome};
use crate::canonical;
use crate::digest::Digest;
use crate::hostile_text::visible;
use crate::report::pipeline;
use crate::trust::{Header, Refusal, Rejected, Rollback, Signer};
use clap::ValueEnum;
use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use serde::Serialize;
use std::fmt::Write as _;

/// `schema` of the JSON form.
const SCHEMA: &str = "connguard/verification/v1";

/// How a command that shows something writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Shown {
    /// For people at a terminal
    #[default]
    Human,
    /// For programs
    Json,
}

/// One document.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    pub path: String,
    pub role: &'static str,
    pub verified: bool,
    pub version: Option<u64>,
    pub digest: Option<Digest>,
    pub issued: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub threshold: Option<usize>,
    pub signers: Vec<Who>,
    pub rejected: Vec<Why>,
    pub could_sign: Vec<String>,
    /// `checked`, `first seen` or `not checked`.
    pub rollback: &'static str,
    /// `signatures`, `manifest` or `emergency`.
    pub approved_by: Option<&'static str>,
    pub problem: Option<String>,
    pub help: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Who {
    pub principal: String,
    pub key: String,
    pub authority: Option<String>,
    pub valid_after: Option<Timestamp>,
    pub valid_before: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub(super) struct Why {
    pub path: String,
    pub reason: String,
}

impl From<&Signer> for Who {
    fn from(signer: &Signer) -> Self {
        Self {
            principal: signer.principal.clone(),
            key: signer.key.clone(),
            authority: signer.authority.clone(),
            valid_after: signer.valid_after,
            valid_before: signer.valid_before,
        }
    }
}

impl From<&Rejected> for Why {
    fn from(rejected: &Rejected) -> Self {
        Self {
            path: rejected.path.clone(),
            reason: rejected.reason.clone(),
        }
    }
}

impl Status {
    fn of(path: &str, role: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            role,
            verified: false,
            version: None,
            digest: None,
            issued: None,
            expires: None,
            threshold: None,
            signers: Vec::new(),
            rejected: Vec::new(),
            could_sign: Vec::new(),
            rollback: Rollback::NotChecked.name(),
            approved_by: None,
            problem: None,
            help: None,
        }
    }

    /// A document whose signatures are enough. It still counts for nothing once it has expired.
    pub fn verified(
        path: &str,
        role: &'static str,
        header: &Header,
        digest: Digest,
        (signers, threshold): (&[Signer], usize),
        rollback: Rollback,
        now: Timestamp,
    ) -> Self {
        let problem = header.obstacle(path, now);
        Self {
            verified: problem.is_none(),
            version: Some(header.version),
            digest: Some(digest),
            issued: Some(header.issued),
            expires: Some(header.expires),
            threshold: Some(threshold),
            signers: signers.iter().map(Who::from).collect(),
            rollback: rollback.name(),
            problem,
            ..Self::of(path, role)
        }
    }

    /// A document that is not believed.
    pub fn refused(path: &str, role: &'static str, refusal: &Refusal) -> Self {
        let status = Self {
            problem: Some(refusal.to_string()),
            help: Some(refusal.help()),
            ..Self::of(path, role)
        };
        let Refusal::TooFew(short) = refusal else {
            return status;
        };
        Self {
            threshold: Some(short.threshold),
            signers: short.signers.iter().map(Who::from).collect(),
            rejected: short.rejected.iter().map(Why::from).collect(),
            could_sign: short.could_sign.clone(),
            problem: Some(format!(
                "{} of {} needed signatures",
                short.signers.len(),
                short.threshold
            )),
            ..status
        }
    }

    /// A document that cannot be read or understood.
    pub fn broken(path: &str, role: &'static str, problem: String, help: String) -> Self {
        Self {
            problem: Some(problem),
            help: Some(help),
            ..Self::of(path, role)
        }
    }
}

/// Shows every document; 3 where one is not believed.
pub(super) fn show(list: &[Status], shown: Shown, console: &Console) -> Outcome {
    match shown {
        Shown::Human => console.text(&human(list))?,
        Shown::Json => json(list, console)?,
    }
    Ok(if list.iter().all(|status| status.verified) {
        0
    } else {
        3
    })
}

fn json(list: &[Status], console: &Console) -> Result<(), Failure> {
    let document = serde_json::json!({ "schema": SCHEMA, "documents": list });
    console.result(&pipeline::defuse_json(&canonical::to_string(&document)))
}

fn human(list: &[Status]) -> String {
    let mut text = String::new();
    for status in list {
        let verdict = if status.verified {
            "verified".green().bold().to_string()
        } else {
            "not verified".red().bold().to_string()
        };
        let version = status
            .version
            .map(|version| format!(" version {version}"))
            .unwrap_or_default();
        let _ = writeln!(text, "{}{version}  {verdict}", visible(&status.path).bold());
        if let Some(problem) = &status.problem {
            let _ = writeln!(text, "  {}", visible(problem));
        }
        for who in &status.signers {
            let _ = writeln!(text, "  signed by {}", visible(&person(who)));
        }
        for why in &status.rejected {
            let _ = writeln!(
                text,
                "  {} does not count: {}",
                visible(&why.path),
                visible(&why.reason)
            );
        }
        if !status.could_sign.is_empty() {
            let _ = writeln!(
                text,
                "  could sign: {}",
                visible(&status.could_sign.join(", "))
            );
        }
        if let (Some(threshold), Some(expires)) = (status.threshold, status.expires) {
            let way = status
                .approved_by
                .filter(|way| *way != "signatures")
                .map(|way| format!(", by the {way}"))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "  the {} role needs {threshold}{way}; expires {expires}; rollback {}",
                status.role, status.rollback
            );
        }
        if let Some(digest) = status.digest {
            let _ = writeln!(text, "  {digest}");
        }
        if let Some(help) = &status.help {
            let _ = writeln!(text, "  → {}", visible(help));
        }
    }
    text
}

fn person(who: &Who) -> String {
    let mut text = format!("{} with {}", who.principal, who.key);
    if let Some(authority) = &who.authority {
        text.push_str(&format!(", certified by {authority}"));
    }
    for (word, time) in [("from", who.valid_after), ("until", who.valid_before)] {
        if let Some(time) = time {
            text.push_str(&format!(", which counts {word} {time}"));
        }
    }
    text
}
