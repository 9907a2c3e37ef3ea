//! `connguard watch`: for those who cannot wait for the schedule.
//!
//! One process that looks, tells what is new, and looks again. A round that
//! fails is said and forgotten: the next one begins anew. What was told is
//! remembered in a file, so that neither a restart nor a second round tells it
//! twice; what could not be told is told again.
//!
//! ```text
//! connectors ──► judged ──► told ─┐
//!                                 ├─► until the next round
//! audit log ──► (minutes) ──► told ┘
//! ```

mod feed;
mod memory;

use super::console::Console;
use super::judging::Judging;
use super::live::{LiveArgs, parse_wait};
use super::notify::{self, Notify};
use super::repository::Repository;
use super::snapshot::{self, SnapshotArgs};
use super::status::Shown;
use super::targets::{From, Selection, targets};
use super::{Common, Failure, Outcome, TrustArgs};
use crate::parallel::in_parallel_by;
use crate::report::earlier::EarlierReport;
use crate::report::{Judged, Report};
use crate::verdict;
use clap::Args;
use feed::{Asking, Feed, Operations};
use jiff::Timestamp;
use memory::{Memory, complete};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) const AFTER_HELP: &str = "\
Each round reads the connectors, judges them as check does, and tells what is new. The audit log is
asked beside it who changed one, as its answers take minutes; they are told when they come. With
--once it ends after one round and one answer, with the exit code of check: for cron.";

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Only this tenant; may be repeated
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// From the beginning of one round to that of the next
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_wait)]
    interval: Duration,
    /// One round, and its exit code
    #[arg(long)]
    once: bool,
    /// Tell what is new: webhook, slack or teams, and the variable CONNGUARD_… that holds the address; may be repeated
    #[arg(long, value_name = "KIND=VARIABLE")]
    notify: Vec<String>,
    /// The file that remembers what was told; a second receiver has one of its own beside it
    #[arg(long, value_name = "FILE", default_value = "connguard-watch.json")]
    memory: PathBuf,
    /// Write the time and the outcome of each round to this file: a sign of life for what watches the watcher
    #[arg(long, value_name = "FILE")]
    alive: Option<PathBuf>,
    /// Record what is seen in the history when it changed, as snapshot does
    #[arg(long)]
    record: bool,
    /// Sign what is recorded with this OpenSSH key [default: as for `snapshot`]
    #[arg(long, value_name = "FILE", requires = "record")]
    key: Option<PathBuf>,
    /// Do not ask the audit log who changed a connector
    #[arg(long)]
    no_audit: bool,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(common: &Common, arguments: &WatchArgs, console: &Console) -> Outcome {
    let receivers = notify::prepared(&arguments.notify, arguments.live.rehearsal)?;
    std::thread::scope(|scope| {
        let asking = Asking {
            common,
            arguments,
            console,
        };
        let mut watch = Watch {
            common,
            arguments,
            console,
            receivers,
            seen: BTreeMap::new(),
            feed: (!arguments.no_audit).then(|| Feed::start(scope, asking)),
            operations: Operations::new(),
        };
        loop {
            let next = Instant::now() + arguments.interval;
            let until = (!arguments.once).then_some(next);
            let outcome = watch.round(until);
            if let Err(failure) = &outcome {
                watch.alive(failure.exit_code());
            }
            if arguments.once {
                return outcome;
            }
            if let Err(failure) = outcome {
                // A mistake on the command line does not mend itself.
                if matches!(failure, Failure::Usage(_)) {
                    return Err(failure);
                }
                console.failure(&failure);
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    })
}

struct Watch<'w> {
    common: &'w Common,
    arguments: &'w WatchArgs,
    console: &'w Console,
    receivers: Vec<(Notify, reqwest::Url)>,
    /// The digest of each tenant's newest snapshot that was recorded.
    seen: BTreeMap<String, String>,
    feed: Option<Feed>,
    /// What the audit log said at last.
    operations: Operations,
}

impl Watch<'_> {
    /// Looks once, tells what is new, and records what changed; then waits for what the audit log says of it.
    fn round(&mut self, until: Option<Instant>) -> Outcome {
        let arguments = self.arguments;
        let repository = Repository::found(self.common, &arguments.trust, self.console)?;
        let selection = self.selection();
        let mut alone = None;
        let judging = Judging::new(
            self.console,
            (&selection, &arguments.trust),
            Some(&repository),
            &mut alone,
            None,
        )?;
        let targets = targets(Some(&repository), &selection)?;
        if let Some(feed) = &self.feed {
            feed.ask();
        }
        let tenants = in_parallel_by(judging.workers(&targets), &targets, |target| {
            judging.judge(target, &judging.look(target))
        });
        let mut report = judging.report(tenants, &targets);
        let mut code = report.conclusion.exit_code;
        let told = self.tell(&mut report);
        let judged: Vec<&Judged> = report.tenants.iter().collect();
        judging.remember(&judged, None)?;
        self.console.say(&format!(
            "{} {} (exit {code})",
            report.now,
            report.conclusion.verdict.name()
        ));
        for own in report.tenants.iter().map(|own| &own.assessment) {
            let errors = own.errors.iter();
            let failed = errors.map(|own| format!("{}: {}", own.source, own.message));
            for why in failed.chain(own.obstacles.iter().cloned()) {
                self.console.say(&format!("{}: {why}", own.tenant));
            }
        }
        // Recorded even where nobody could be told, and again until it is.
        let seen = self.seen_by(&report);
        if arguments.record && seen != self.seen {
            let recorded = snapshot::run(self.common, &self.recording(), self.console)?;
            code = verdict::worst(&[code, recorded]);
            self.seen = seen;
        }
        told?;
        self.alive(code);
        let answered = self.feed.as_ref().and_then(|feed| feed.answered(until));
        if let Some(operations) = answered {
            self.operations.extend(operations);
            self.tell(&mut report)?;
        }
        Ok(code)
    }

    /// Tells each receiver what is new to it, and remembers that it was told.
    fn tell(&self, report: &mut Report<'_>) -> Result<(), Failure> {
        if self.receivers.is_empty() {
            return self.tell_one(&self.arguments.memory, &[], report);
        }
        let mut told = Ok(());
        for (place, receiver) in self.receivers.iter().enumerate() {
            let memory = match place {
                0 => self.arguments.memory.clone(),
                // One that is not reached must not make the others hear everything twice.
                _ => self
                    .arguments
                    .memory
                    .with_extension(format!("{}.json", receiver.0.variable())),
            };
            told = told.and(self.tell_one(&memory, std::slice::from_ref(receiver), report));
        }
        told
    }

    fn tell_one(
        &self,
        memory: &Path,
        receiver: &[(Notify, reqwest::Url)],
        report: &mut Report<'_>,
    ) -> Result<(), Failure> {
        let memory = Memory(memory);
        let earlier = memory.read()?;
        for tenant in &mut report.tenants {
            complete(&mut tenant.assessment, &self.operations, earlier.as_ref());
        }
        mark(report, earlier.as_ref());
        notify::tell(receiver, report, earlier.as_ref(), self.console)?;
        memory.write(report)
    }

    fn selection(&self) -> Selection {
        Selection {
            tenant: self.arguments.tenant.clone(),
            from: Some(From::Live),
            live: self.arguments.live.clone(),
            ..Selection::default()
        }
    }

    fn recording(&self) -> SnapshotArgs {
        SnapshotArgs {
            selection: self.selection(),
            key: self.arguments.key.clone(),
            push: None,
            within: None,
            format: Shown::Human,
            trust: self.arguments.trust.clone(),
        }
    }

    /// The digest of each tenant's newest snapshot, whether it was seen in this round or in one before.
    fn seen_by(&self, report: &Report<'_>) -> BTreeMap<String, String> {
        let mut seen = self.seen.clone();
        seen.extend(report.tenants.iter().filter_map(|judged| {
            let snapshot = judged.assessment.snapshot.as_ref()?;
            Some((
                judged.assessment.tenant.clone(),
                snapshot.digest.to_string(),
            ))
        }));
        seen
    }

    /// A sign of life; that it cannot be given is no reason to die.
    fn alive(&self, code: u8) {
        let Some(path) = &self.arguments.alive else {
            return;
        };
        let at = Timestamp::now();
        let text = format!("{{\"at\":\"{at}\",\"exit_code\":{code}}}\n");
        if let Err(error) = std::fs::write(path, text) {
            self.console.say(&format!(
                "no sign of life could be written to {}: {error}",
                path.display()
            ));
        }
    }
}

/// Says of each finding whether it is new to whoever was told what was found earlier; without that all of it is.
fn mark(report: &mut Report<'_>, earlier: Option<&EarlierReport>) {
    let tenants = report.tenants.iter_mut();
    let of_tenants = tenants.flat_map(|tenant| &mut tenant.assessment.findings);
    for finding in of_tenants.chain(&mut report.findings) {
        finding.since = None;
    }
    let Some(earlier) = earlier else { return };
    for tenant in &mut report.tenants {
        earlier.mark(&mut tenant.assessment);
    }
    let key = report.own_key();
    earlier.mark_own(&mut report.findings, &key);
}
