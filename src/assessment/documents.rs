//! What the signed documents themselves give reason to say.

use super::Judge;
use crate::baseline::Baseline;
use crate::builtin;
use crate::document::time;
use crate::finding::{Finding, Location, Severity};
use crate::policy::{self, Policy};
use crate::trust::root;
use crate::trust::{Floor, Header, Rollback, Route, Trust, manifest};
use jiff::{SignedDuration, Timestamp};

/// How long before its end a document is reported.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Judge<'_> {
    pub(super) fn documents(&mut self) {
        let Some(baseline) = self.case.baseline else {
            return;
        };
        let header = &baseline.approved.header;
        let found = &mut self.assessment.findings;
        if baseline.approval().route == Route::Emergency {
            found.push(emergency(baseline));
        } else {
            found.extend(expires_soon(&baseline.path, header, self.case.now));
        }
        found.extend(gap(&baseline.path, header, baseline.rollback));
    }
}

/// Findings about the root, the policy and the manifest, which are of no single tenant.
///
/// `restarted` says that an earlier run trusted a root from which this one does not descend.
pub fn of_run(
    trust: &Trust,
    policy: Option<&Policy>,
    restarted: bool,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = &trust.root().header;
    found.extend(trust.floor().is_none().then(|| not_pinned(trust)));
    let acknowledged = policy.is_some_and(|policy| {
        let restarts = &policy.document.trust_restarts;
        let known = |root| trust.chain().iter().any(|(_, digest)| *digest == root);
        restarts.iter().any(|restart| known(restart.root))
    });
    // Nobody acknowledges themselves: the word of a policy counts under a root that the operator pinned.
    let pinned = matches!(trust.floor(), Some(Floor::Pinned(_)));
    if restarted && !(acknowledged && pinned) {
        found.push(trust_restarted(trust));
    }
    found.extend(expires_soon(root::PATH, root, now));
    found.extend(gap(root::PATH, root, trust.rollback()));
    if let Some(policy) = policy {
        let header = &policy.document.header;
        found.extend(expires_soon(policy::PATH, header, now));
        found.extend(gap(policy::PATH, header, policy.rollback));
    }
    if let Ok(Some(manifest)) = trust.manifest() {
        found.extend(expires_soon(manifest::PATH, &manifest.header, now));
    }
    found
}

/// A finding about a history that nobody vouches for.
pub fn of_history(place: &str) -> Finding {
    Finding {
        message: "nobody whom the root gives the history role signed its newest snapshot"
            .to_owned(),
        ..builtin::finding("history-unsigned", Severity::Info, beginning(place))
    }
}

fn beginning(path: &str) -> Location {
    Location {
        path: path.to_owned(),
        line: 1,
        column: 1,
    }
}

fn not_pinned(trust: &Trust) -> Finding {
    Finding {
        message: format!(
            "whoever can write to the repository could have replaced the root; if {} is the one you trust, pin it",
            trust.digest()
        ),
        ..builtin::finding("root-not-pinned", Severity::Medium, beginning(root::PATH))
    }
}

fn trust_restarted(trust: &Trust) -> Finding {
    let first = trust
        .chain()
        .first()
        .map(|(_, digest)| *digest)
        .unwrap_or(trust.digest());
    Finding {
        message: format!(
            "an earlier run on this machine trusted another root for this folder or for one of these organizations, and {first} does not descend from it"
        ),
        added: vec![first.to_string()],
        ..builtin::finding("trust-restarted", Severity::High, beginning(root::PATH))
    }
}

fn emergency(baseline: &Baseline) -> Finding {
    let names: Vec<&str> = baseline
        .signers()
        .iter()
        .map(|signer| signer.principal.as_str())
        .collect();
    Finding {
        message: format!(
            "{} approved it alone; it counts until {}",
            names.join(", "),
            baseline.approved.header.expires
        ),
        added: vec![baseline.digest.to_string()],
        ..builtin::finding(
            "baseline-emergency",
            Severity::Medium,
            beginning(&baseline.path),
        )
    }
}

fn expires_soon(path: &str, header: &Header, now: Timestamp) -> Option<Finding> {
    let left = header.expires.duration_since(now);
    (left.is_positive() && left <= NOTICE).then(|| Finding {
        message: format!(
            "{path} expires at {}, in {}",
            header.expires,
            time::words(left)
        ),
        added: vec![path.to_owned(), header.expires.to_string()],
        ..builtin::finding("document-expires-soon", Severity::Low, beginning(path))
    })
}

fn gap(path: &str, header: &Header, rollback: Rollback) -> Option<Finding> {
    let Rollback::Gap { seen } = rollback else {
        return None;
    };
    Some(Finding {
        message: format!(
            "{path} is version {}, and the newest that an earlier run saw is {seen}",
            header.version
        ),
        added: vec![path.to_owned(), header.version.to_string()],
        ..builtin::finding("version-gap", Severity::Info, beginning(path))
    })
}
