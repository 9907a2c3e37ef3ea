//! `connguard check`: the main job, from configuration to exit code.

use super::console::Console;
use super::judging::{Judging, Looked};
use super::notify::{self, Notify};
use super::repository::Repository;
use super::targets::{Selection, Target, targets};
use super::{Common, Failure, Outcome, TrustArgs, parse_fail_on, parse_report};
use crate::assessment;
use crate::finding::Severity;
use crate::parallel::in_parallel_by;
use crate::report::earlier::EarlierReport;
use crate::report::{Format, Judged, Report, write};
use crate::verdict;
use clap::Args;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

pub(super) const AFTER_HELP: &str = "\
Exit codes:
  0   every tenant in scope is clean
  1   the run could not be done; the message says what and where
  2   the command line does not fit
  3   no verdict: nothing trustworthy to compare
  11  open findings, the worst is low        13  the worst is high
  12  the worst is medium                    14  the worst is critical
Of several the first of 14, 13, 1, 3, 12, 11 is taken: an attack is never hidden by an
error, and a mild finding never hides that something was not looked at.";

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    written: Written,
    /// Fail on this severity already; only stricter than the policy
    #[arg(long, value_name = "SEVERITY", value_parser = parse_fail_on)]
    fail_on: Option<Severity>,
    /// Keep what the live service answered in this folder, as <TENANT>.json, for a snapshot that is taken elsewhere
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// What a run writes, and where.
#[derive(Debug, Args)]
pub(super) struct Written {
    /// Format of standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Also write a report to a file; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_report::<Format>)]
    report: Vec<(Format, PathBuf)>,
    /// Say what is new, open and resolved since the run that wrote this report as JSON
    #[arg(long, value_name = "FILE")]
    pub since_report: Option<PathBuf>,
    /// Tell what is new: webhook, slack or teams, and the variable CONNGUARD_… that holds the address; may be repeated
    #[arg(long, value_name = "KIND=VARIABLE")]
    notify: Vec<String>,
}

/// What was written by an earlier run, and whom this one tells: known before anything is judged.
pub(super) struct Prepared {
    earlier: Option<EarlierReport>,
    receivers: Vec<(Notify, reqwest::Url)>,
}

impl Written {
    /// Reads what a report is to be compared with, and where it is told.
    pub fn prepare(&self, rehearsal: bool) -> Result<Prepared, Failure> {
        Ok(Prepared {
            earlier: self.since_report.as_deref().map(earlier).transpose()?,
            receivers: notify::prepared(&self.notify, rehearsal)?,
        })
    }

    /// Writes a report to standard output and to files, and says how the run ends.
    pub fn write(
        &self,
        report: &mut Report<'_>,
        prepared: &Prepared,
        console: &Console,
    ) -> Outcome {
        if let Some(earlier) = &prepared.earlier {
            for tenant in &mut report.tenants {
                earlier.mark(&mut tenant.assessment);
            }
            let key = report.own_key();
            earlier.mark_own(&mut report.findings, &key);
        }
        let report = &*report;
        console.pieces(|out| write(report, self.format, &mut |piece| out(piece)))?;
        // What was found is out before a file can fail, and a file that fails does not hide it.
        let mut code = report.conclusion.exit_code;
        for (format, path) in &self.report {
            if let Err(failure) = write_pieces(path, report, *format) {
                console.failure(&failure);
                code = verdict::worst(&[code, failure.exit_code()]);
            }
        }
        if let Err(failure) = notify::tell(
            &prepared.receivers,
            report,
            prepared.earlier.as_ref(),
            console,
        ) {
            console.failure(&failure);
            code = verdict::worst(&[code, failure.exit_code()]);
        }
        Ok(code)
    }
}

/// The text of a regular file that is not larger than it has reason to be.
pub(super) fn limited(path: &Path, largest: u64) -> Result<String, String> {
    let is_file = std::fs::metadata(path).map(|metadata| metadata.is_file());
    if !is_file.map_err(|error| error.to_string())? {
        return Err("it is not a file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(largest + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > largest {
        return Err(format!("it is larger than {} MiB", largest >> 20));
    }
    Ok(text)
}

/// The largest earlier report that is read, in bytes.
const LARGEST_REPORT: u64 = 512 * 1024 * 1024;

fn earlier(path: &Path) -> Result<EarlierReport, Failure> {
    let failed = |reason: String| {
        Failure::run(
            format!("{} is no earlier report: {reason}", path.display()),
            "name a file that --report json=FILE wrote; leave --since-report out of the first run",
        )
    };
    let text = limited(path, LARGEST_REPORT).map_err(failed)?;
    EarlierReport::read(&text).map_err(failed)
}

pub(super) fn run(common: &Common, arguments: &CheckArgs, console: &Console) -> Outcome {
    let prepared = arguments
        .written
        .prepare(arguments.selection.live.rehearsal)?;
    let repository =
        Repository::unless_from(common, &arguments.selection, &arguments.trust, console)?;
    let mut alone = None;
    let judging = Judging::new(
        console,
        (&arguments.selection, &arguments.trust),
        repository.as_ref(),
        &mut alone,
        arguments.fail_on,
    )?;
    let judging = match arguments.keep {
        Some(_) => judging.with_surroundings(),
        None => judging,
    };
    let targets = targets(repository.as_ref(), &arguments.selection)?;
    let steps = console.progress(targets.len());
    let tenants = in_parallel_by(judging.workers(&targets), &targets, |target| {
        let looked = judging.look(target);
        let kept = keep(arguments.keep.as_deref(), target, &looked);
        let mut judged = judging.judge(target, &looked);
        if let Err(failure) = kept {
            judged.assessment.errors.push(failure);
            judged.conclusion = verdict::of_tenant(&judged.assessment, judging.fail_on);
        }
        steps.done(!judged.assessment.errors.is_empty());
        judged
    });
    drop(steps);
    let mut report = judging.report(tenants, &targets);
    let mut code = arguments.written.write(&mut report, &prepared, console)?;
    let judged: Vec<&Judged> = report.tenants.iter().collect();
    if let Err(failure) = judging.remember(&judged, None) {
        console.failure(&failure);
        code = verdict::worst(&[code, failure.exit_code()]);
    }
    Ok(code)
}

/// Keeps what the live service answered of a tenant, where that is asked for.
fn keep(
    folder: Option<&Path>,
    target: &Target<'_>,
    looked: &Looked,
) -> Result<(), assessment::Failure> {
    let (Some(folder), Ok(Some(observed))) = (folder, &looked.observed) else {
        return Ok(());
    };
    let Some(text) = &observed.export else {
        return Ok(());
    };
    let path = folder.join(format!("{}.json", target.name));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| assessment::Failure {
            source: path.display().to_string(),
            message: format!("what was read could not be kept: {error}"),
            help: "name a folder that can be written".to_owned(),
        })
}

/// Writes a report to a file, without colours.
fn write_pieces(path: &Path, report: &Report<'_>, format: Format) -> Result<(), Failure> {
    let written = std::fs::File::create(path).and_then(|file| {
        let mut file = std::io::BufWriter::new(file);
        write(report, format, &mut |piece| {
            write!(file, "{}", anstream::adapter::strip_str(piece))
        })?;
        file.flush()
    });
    written.map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::run(
        format!("cannot write {}: {error}", path.display()),
        "name a file in a folder that exists and can be written",
    )
}

pub(super) fn write_report(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| not_written(path, &error))
}
