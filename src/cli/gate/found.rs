//! What was found out about a proposal: findings, mistakes, and why nothing can be said.

use crate::assessment;
use crate::digest::Digest;
use crate::document::Problems;
use crate::finding::Finding;
use crate::gate::signatures_missing;
use crate::trust::memory::{Seen, follows};
use crate::trust::{Header, Refusal};
use jiff::Timestamp;

/// What was found out about a proposal, or about one tenant's part of it.
#[derive(Default)]
pub(super) struct Found {
    /// Findings.
    pub findings: Vec<Finding>,
    /// Why nothing can be said.
    pub obstacles: Vec<String>,
    /// Mistakes in files.
    pub failures: Vec<assessment::Failure>,
    /// Whether more would be approved than is, and not enough people vouch for it.
    pub widens: bool,
}

impl Found {
    /// Takes down a finding once, by whichever root it was found.
    pub fn add(&mut self, finding: Finding) {
        let same = |other: &Finding| other.rule == finding.rule && other.added == finding.added;
        if !self.findings.iter().any(same) {
            self.findings.push(finding);
        }
    }

    /// Takes down why nothing can be said.
    pub fn obstacle(&mut self, reason: String) {
        if !self.obstacles.contains(&reason) {
            self.obstacles.push(reason);
        }
    }

    /// Takes down the mistakes in a file.
    pub fn problems(&mut self, problems: &Problems) {
        for problem in problems.iter() {
            self.failures.push(assessment::Failure {
                source: problem.place(),
                message: problem.message.clone(),
                help: problem
                    .help
                    .clone()
                    .unwrap_or_else(|| "correct the file and have it signed".to_owned()),
            });
        }
    }
}

impl Found {
    /// Takes down why a document is not believed: missing signatures are a finding, everything else lets nothing be said.
    pub fn refused(&mut self, refusal: &Refusal, widens: &[String]) {
        match refusal {
            Refusal::TooFew(short) => self.add(signatures_missing(short, widens)),
            other => self.obstacle(format!("{other} → {}", other.help())),
        }
    }

    /// Takes down what is wrong with a version that comes after another.
    pub fn continues(
        &mut self,
        path: &str,
        (version, digest): (u64, Digest),
        header: &Header,
        now: Digest,
    ) {
        let seen = Seen {
            digest,
            first_seen: None,
            tenant: None,
            version,
        };
        if digest != now
            && let Err(refusal) = follows(&seen, path, header, now)
        {
            self.obstacle(format!("{refusal} → {}", refusal.help()));
        }
    }

    /// Takes down that a version gives no verdict for its dates.
    pub fn expires(&mut self, path: &str, header: &Header, now: Timestamp) {
        if let Some(reason) = header.obstacle(path, now) {
            self.obstacle(reason);
        }
    }
}
