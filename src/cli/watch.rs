//! `connguard watch`: for those who cannot wait for the schedule.
//!
//! One process that looks, tells what is new, and looks again. A round that
//! fails is said and forgotten: the next one begins anew. What was told is
//! remembered in a file, so that neither a restart nor a second round tells it
//! twice; what could not be told is told again.

use super::check::limited;
use super::config::Exchange;
use super::console::Console;
use super::judging::{Judging, Looked};
use super::live::{Live, LiveArgs, parse_wait};
use super::notify::{self, Notify};
use super::repository::Repository;
use super::snapshot::{self, SnapshotArgs};
use super::status::Shown;
use super::targets::{From, Selection, Target, targets};
use super::{Common, Failure, Outcome, TrustArgs};
use crate::builtin;
use crate::evidence::audit::{CONNECTOR_OPERATIONS, Collector, Topic};
use crate::evidence::date::Clock;
use crate::exchange::Endpoints;
use crate::finding::{Finding, Location, Severity, Subject};
use crate::investigation::attribution::Evidence;
use crate::parallel::in_parallel_by;
use crate::report::earlier::EarlierReport;
use crate::report::{Format, Judged, Report, write};
use crate::verdict;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(super) const AFTER_HELP: &str = "\
Each round reads the connectors, judges them as check does, asks the audit log who changed one, and
tells what is new. With --once it ends after one round, with the exit code of check: for cron.";

/// The audit log is up to a day late: each round asks for a little more.
const LATE: SignedDuration = SignedDuration::from_hours(26);

/// The largest memory of an earlier round, in bytes.
const LARGEST: u64 = 512 * 1024 * 1024;

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
    /// The file that remembers what was told
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
    let mut watch = Watch {
        common,
        arguments,
        console,
        receivers,
        seen: BTreeMap::new(),
    };
    loop {
        let begun = Instant::now();
        let outcome = watch.round();
        let code = match &outcome {
            Ok(code) => *code,
            Err(failure) => failure.exit_code(),
        };
        watch.alive(code);
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
        std::thread::sleep(arguments.interval.saturating_sub(begun.elapsed()));
    }
}

struct Watch<'w> {
    common: &'w Common,
    arguments: &'w WatchArgs,
    console: &'w Console,
    receivers: Vec<(Notify, reqwest::Url)>,
    /// The digest of each tenant's newest snapshot.
    seen: BTreeMap<String, String>,
}

impl Watch<'_> {
    /// Looks once, tells what is new, and records what changed.
    fn round(&mut self) -> Outcome {
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
        let tenants = in_parallel_by(judging.workers(&targets), &targets, |target| {
            let looked = judging.look(target);
            let mut judged = judging.judge(target, &looked);
            if !arguments.no_audit {
                let found = self.operations(&repository, target, &looked);
                judged.assessment.findings.extend(found);
            }
            judged
        });
        let mut report = judging.report(tenants, &targets);
        let earlier = self.memory()?;
        self.mark(&mut report, earlier.as_ref());
        let mut code = report.conclusion.exit_code;
        notify::tell(&self.receivers, &report, earlier.as_ref(), self.console)?;
        self.remember(&report)?;
        let judged: Vec<&Judged> = report.tenants.iter().collect();
        judging.remember(&judged, None)?;
        self.console.say(&format!(
            "{} {} (exit {code})",
            report.now,
            report.conclusion.verdict.name()
        ));
        if self.changed(&report) && arguments.record {
            let recorded = snapshot::run(self.common, &self.recording(), self.console)?;
            code = verdict::worst(&[code, recorded]);
        }
        Ok(code)
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

    /// Whether any tenant looks other than in the round before.
    fn changed(&mut self, report: &Report<'_>) -> bool {
        let mut changed = false;
        for judged in &report.tenants {
            let Some(snapshot) = &judged.assessment.snapshot else {
                continue;
            };
            let digest = snapshot.digest.to_string();
            let before = self
                .seen
                .insert(judged.assessment.tenant.clone(), digest.clone());
            changed |= before != Some(digest);
        }
        changed
    }

    /// What was told before; nothing in the first round of all.
    fn memory(&self) -> Result<Option<EarlierReport>, Failure> {
        let path = &self.arguments.memory;
        if !path.exists() {
            return Ok(None);
        }
        let failed = |reason: String| {
            Failure::run(
                format!(
                    "{} does not say what was told before: {reason}",
                    path.display()
                ),
                "delete it, and everything that is wrong is told anew",
            )
        };
        let text = limited(path, LARGEST).map_err(failed)?;
        EarlierReport::read(&text).map(Some).map_err(failed)
    }

    fn mark(&self, report: &mut Report<'_>, earlier: Option<&EarlierReport>) {
        let Some(earlier) = earlier else { return };
        for tenant in &mut report.tenants {
            earlier.mark(&mut tenant.assessment);
        }
        let key = report.own_key();
        earlier.mark_own(&mut report.findings, &key);
    }

    fn remember(&self, report: &Report<'_>) -> Result<(), Failure> {
        let mut text = String::new();
        let written: Result<(), std::fmt::Error> = write(report, Format::Json, &mut |piece| {
            text.push_str(piece);
            Ok(())
        });
        let path = &self.arguments.memory;
        let beside = path.with_extension("part");
        written
            .map_err(std::io::Error::other)
            .and_then(|()| std::fs::write(&beside, text))
            .and_then(|()| std::fs::rename(&beside, path))
            .map_err(|error| {
                Failure::run(
                    format!(
                        "what was told cannot be remembered in {}: {error}",
                        path.display()
                    ),
                    "name a file that can be written with --memory",
                )
            })
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

    /// What the audit log says was done to connectors lately, as findings that are told once.
    fn operations(
        &self,
        repository: &Repository,
        target: &Target<'_>,
        looked: &Looked,
    ) -> Vec<Finding> {
        let exchange = target
            .configured
            .and_then(|tenant| Some((tenant, tenant.exchange()?)));
        let (Some((tenant, exchange)), Ok(Some(_))) = (exchange, &looked.observed) else {
            return Vec::new();
        };
        match self.asked(repository, (tenant, exchange)) {
            Ok(found) => found,
            Err(fault) => {
                self.console.say(&format!(
                    "{}: who changed connectors could not be asked: {fault} → {}",
                    target.name, fault.help
                ));
                Vec::new()
            }
        }
    }

    fn asked(
        &self,
        repository: &Repository,
        (tenant, exchange): (&super::config::Tenant, &Exchange),
    ) -> Result<Vec<Finding>, crate::exchange::Fault> {
        let live = Live::new(&self.arguments.live, &repository.folder, self.console);
        let to = self.arguments.trust.now();
        let window = (to - LATE, to + SignedDuration::from_mins(5));
        let answer =
            live.with_endpoints(tenant, exchange, Endpoints::for_graph, |service, _| {
                service.audit_records(window, &["exchangeAdmin"], &CONNECTOR_OPERATIONS)
            })?;
        let mut collector = Collector::default();
        let mut clock = Clock::new(None);
        for (index, row) in answer.rows.iter().enumerate() {
            let data: serde_json::Value = serde_json::from_str(row).unwrap_or_default();
            let data = match data.get("auditData") {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            collector.add(&data, &mut clock, || Location {
                path: "the audit log".to_owned(),
                line: index + 1,
                column: 1,
            });
        }
        let log = collector.finish();
        if log.unread_about_connectors > 0 || !answer.doubts.is_empty() {
            self.console.say(&format!("the audit log was not read whole: {} records about connectors could not be read; {}", log.unread_about_connectors, answer.doubts.join("; ")));
        }
        Ok(log
            .about(Topic::Connector)
            .filter(|own| !own.is_service())
            .map(finding)
            .collect())
    }
}

/// What somebody did to a connector. It decides nothing: whether it was approved the comparison says.
fn finding(record: &crate::evidence::audit::AuditRecord) -> Finding {
    let evidence = Evidence::of(record);
    let mut finding = builtin::finding("connector-operation", Severity::Low, record.place.clone());
    let name = record
        .parameter("Name")
        .or(record.parameter("Identity"))
        .unwrap_or(&record.object);
    finding.connector = Some(Subject {
        id: None,
        name: name.to_owned(),
    });
    let address = record
        .client_ip
        .map(|own| format!(" from {own}"))
        .unwrap_or_default();
    let sent: Vec<String> = evidence
        .sent
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    finding.message = format!(
        "{} by {}{address} at {}: {}",
        record.operation,
        evidence.actor.words(),
        record.time,
        crate::finding::shorten(&sent)
    );
    finding.added = vec![record.id.clone()];
    finding
}
