//! The gate on cmdlet lines and connector documents: the snapshot that they would give, judged.

use super::GateArgs;
use crate::change::{Proposed, apply, cmdlet, directions, document, replace};
use crate::cli::console::Console;
use crate::cli::judging::{Judging, Looked, Observed};
use crate::cli::repository::Repository;
use crate::cli::targets::targets;
use crate::cli::{Common, Failure, Outcome};
use crate::document::{Problem, Problems, Source};
use crate::gate::{let_narrowing_pass, opened_further, since};
use crate::policy::settings::Narrowing;
use crate::report::Judged;
use crate::snapshot::Snapshot;
use crate::verdict;
use std::io::Read as _;
use std::path::Path;

/// The largest change that is read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What is proposed.
enum Change {
    /// Cmdlet lines: where they stand, and their text.
    Lines(String, String),
    /// A connector document: its path and bytes.
    Document(String, Vec<u8>),
}

pub(super) fn run(common: &Common, arguments: &GateArgs, console: &Console) -> Outcome {
    let prepared = arguments
        .written
        .prepare(arguments.selection.live.rehearsal)?;
    let change = change(arguments)?;
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
    let targets = targets(repository.as_ref(), &arguments.selection)?;
    let [target] = targets.as_slice() else {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "a change is made in one organization: name it with --tenant; there are {}",
            names.join(", ")
        )));
    };
    let looked = judging.look(target);
    let before = judging.judge(target, &looked);
    let (judged, looked) = match looked.observed {
        Ok(Some(observed)) => {
            let proposed = proposed(&observed.snapshot, &change)?;
            for note in &proposed.notes {
                console.note(note);
            }
            let directions = directions(&observed.snapshot, &proposed.snapshot);
            let looked = Looked {
                baseline: looked.baseline,
                observed: Ok(Some(Observed {
                    snapshot: proposed.snapshot,
                    ..observed
                })),
            };
            let mut after = judging.judge(target, &looked);
            since(&before.assessment, &mut after.assessment);
            let policy = repository.as_ref().and_then(Repository::verified_policy);
            let narrowing = policy.map_or(Narrowing::default(), |policy| policy.document.narrowing);
            if narrowing == Narrowing::Pass {
                let_narrowing_pass(&before.assessment, &mut after.assessment, &directions);
            }
            opened_further(&mut after.assessment, &directions);
            let conclusion = verdict::of_tenant(&after.assessment, judging.fail_on);
            let after = Judged {
                conclusion,
                ..after
            };
            (after, looked)
        }
        // Where nothing could be read, nothing can be said of what it would become.
        _ => (before, looked),
    };
    drop(looked);
    let mut report = judging.report_of(
        vec![judged],
        &targets,
        Some((change.name().to_owned(), Vec::new())),
    );
    let code = arguments.written.write(&mut report, &prepared, console)?;
    let judged: Vec<&Judged> = report.tenants.iter().collect();
    judging.remember(&judged, None)?;
    Ok(code)
}

/// Refuses a file that two versions of PowerShell read as two texts: without a mark the old one takes it for
/// a code page, in which the bytes of a letter can hold a quote.
fn unambiguous(path: &str, bytes: &[u8]) -> Result<(), Problems> {
    let marked = [&[0xEF, 0xBB, 0xBF][..], &[0xFF, 0xFE], &[0xFE, 0xFF]]
        .iter()
        .any(|mark| bytes.starts_with(mark));
    let foreign = bytes.iter().position(|byte| !byte.is_ascii());
    let Some(at) = foreign.filter(|_| !marked) else {
        return Ok(());
    };
    let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
    let problem = Problem::of_file(
        path,
        format!(
            "line {line} is not ASCII, and without a byte order mark Windows PowerShell reads it as another text than PowerShell 7"
        ),
    );
    Err(problem
        .help("save the file as UTF-8 with a byte order mark")
        .into())
}

impl Change {
    fn name(&self) -> &str {
        match self {
            Self::Lines(path, _) | Self::Document(path, _) => path,
        }
    }
}

fn change(arguments: &GateArgs) -> Result<Change, Failure> {
    if let Some(path) = &arguments.document {
        let name = shown(path);
        return Ok(Change::Document(name, bytes(path)?));
    }
    if let Some(path) = &arguments.file {
        let (name, bytes) = if path == Path::new("-") {
            ("(standard input)".to_owned(), input()?)
        } else {
            (shown(path), bytes(path)?)
        };
        unambiguous(&name, &bytes)?;
        let text = crate::source::text::decode(&name, &bytes).map_err(Problems::from)?;
        return Ok(Change::Lines(name, text));
    }
    if arguments.lines.is_empty() {
        return Err(Failure::Usage(
            "say what is to be judged: a cmdlet line, --file, --document, or --base and --head"
                .to_owned(),
        ));
    }
    Ok(Change::Lines(
        "(command line)".to_owned(),
        arguments.lines.join("\n"),
    ))
}

fn proposed(snapshot: &Snapshot, change: &Change) -> Result<Proposed, Problems> {
    match change {
        Change::Lines(path, text) => {
            let source = Source { path, text };
            apply(snapshot, &cmdlet::read(source)?, source)
        }
        Change::Document(path, bytes) => Ok(replace(snapshot, document::read(path, bytes)?)),
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    limited(file).map_err(|reason| unreadable(path, &reason))
}

fn input() -> Result<Vec<u8>, Failure> {
    limited(std::io::stdin().lock()).map_err(|reason| unreadable(Path::new("-"), &reason))
}

fn limited(reader: impl std::io::Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, reason: &str) -> Failure {
    Problems::from(
        Problem::of_file(shown(path), format!("cannot read the change: {reason}"))
            .help("name a file that can be read"),
    )
    .into()
}
