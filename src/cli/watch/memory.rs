//! What was told, in a file: neither a restart nor a second round tells it twice.

use super::feed::Operations;
use crate::assessment::Assessment;
use crate::cli::Failure;
use crate::cli::check::limited;
use crate::digest::Digest;
use crate::report::earlier::EarlierReport;
use crate::report::{Format, Report, write};
use std::collections::BTreeSet;
use std::path::Path;

/// The largest memory of an earlier round, in bytes.
const LARGEST: u64 = 512 * 1024 * 1024;

/// The file that remembers.
pub(super) struct Memory<'w>(pub &'w Path);

impl Memory<'_> {
    /// What was told before; nothing in the first round of all.
    pub fn read(&self) -> Result<Option<EarlierReport>, Failure> {
        if !self.0.exists() {
            return Ok(None);
        }
        let failed = |reason: String| {
            Failure::run(
                format!(
                    "{} does not say what was told before: {reason}",
                    self.0.display()
                ),
                "delete it, and everything that is wrong is told anew",
            )
        };
        let text = limited(self.0, LARGEST).map_err(failed)?;
        EarlierReport::read(&text).map(Some).map_err(failed)
    }

    /// Remembers that all of a report was told.
    pub fn write(&self, report: &Report<'_>) -> Result<(), Failure> {
        let mut text = String::new();
        let written: Result<(), std::fmt::Error> = write(report, Format::Json, &mut |piece| {
            text.push_str(piece);
            Ok(())
        });
        let beside = self.0.with_extension("part");
        written
            .map_err(std::io::Error::other)
            .and_then(|()| std::fs::write(&beside, text))
            .and_then(|()| std::fs::rename(&beside, self.0))
            .map_err(|error| {
                Failure::run(
                    format!(
                        "what was told cannot be remembered in {}: {error}",
                        self.0.display()
                    ),
                    "name a file that can be written with --memory",
                )
            })
    }
}

/// The rule of what the audit log says was done.
const OPERATION: &str = "connector-operation";

/// Puts beside what a round saw what it could not see: what the log said at last, and, of a tenant on which there is no
/// verdict, what was known of it. Else it would be told again as soon as it is seen again.
pub(super) fn complete(
    assessment: &mut Assessment,
    operations: &Operations,
    earlier: Option<&EarlierReport>,
) {
    let known = earlier.map_or_else(Vec::new, |own| own.findings(&assessment.tenant));
    let (of_log, of_state): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|own| own.rule == OPERATION);
    assessment.findings.retain(|own| own.rule != OPERATION);
    let said = operations.get(&assessment.tenant).cloned();
    assessment.findings.extend(said.unwrap_or(of_log));
    if !(assessment.errors.is_empty() && assessment.obstacles.is_empty()) {
        let key = assessment.key().to_owned();
        let seen: BTreeSet<Digest> = assessment
            .findings
            .iter()
            .map(|own| own.series(&key))
            .collect();
        let unseen = of_state.into_iter();
        let unseen = unseen.filter(|own| !seen.contains(&own.series(&key)));
        assessment.findings.extend(unseen);
    }
}
