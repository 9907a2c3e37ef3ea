//! `connguard case`: work through a case that `investigate --case` opened.

pub(super) mod folder;

use super::console::Console;
use super::{Common, Failure, Outcome, TrustArgs};
use crate::case::{CHECKLIST, Case, Checklist, SUMS, Tick, TickError, archive, sums};
use crate::hostile_text::visible;
use crate::tenant::{TENANT_NAME_HELP, is_tenant_name};
use clap::{Args, Subcommand};
use folder::CaseFolder;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum CaseCommand {
    /// List the cases there are
    List(PlaceArgs),
    /// Show how far a case is: its runs, and what of the runbook is done
    Show(NameArgs),
    /// Tick an item of the runbook off
    Tick(TickArgs),
    /// Close a case of which everything is done
    Close(NameArgs),
    /// Write a case as one archive, whose list of digests `sha256sum -c` checks
    Export(ExportArgs),
    /// Say whether the files of a case are what its list of digests says
    Verify(NameArgs),
    /// Delete a case: its folder, and its ref in git; a history that was told of it keeps its digest
    Delete(DeleteArgs),
}

/// Where cases lie.
#[derive(Clone, Debug, Args)]
pub(super) struct PlaceArgs {
    /// The folder of cases
    #[arg(long, value_name = "DIR", default_value = "cases")]
    cases: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// The case
    #[arg(value_parser = parse_name)]
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(super) struct TickArgs {
    /// The case
    #[arg(value_parser = parse_name)]
    name: String,
    /// The item, as `case show` names it
    item: String,
    /// What was done, and by whom
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The case
    #[arg(value_parser = parse_name)]
    name: String,
    /// The archive
    #[arg(long, value_name = "FILE.tar")]
    to: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The case
    #[arg(value_parser = parse_name)]
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// A case's name is a part of a path and of a ref.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    if is_tenant_name(text) {
        Ok(text.to_owned())
    } else {
        Err(TENANT_NAME_HELP.to_owned())
    }
}

pub(super) fn run(common: &Common, command: &CaseCommand, console: &Console) -> Outcome {
    match command {
        CaseCommand::List(place) => list(&place.cases, console),
        CaseCommand::Show(own) => show(&CaseFolder::find(&own.place.cases, &own.name)?, console),
        CaseCommand::Tick(own) => tick(common, own, console),
        CaseCommand::Close(own) => close(common, own, console),
        CaseCommand::Export(own) => export(own, console),
        CaseCommand::Verify(own) => {
            verify(&CaseFolder::find(&own.place.cases, &own.name)?, console)
        }
        CaseCommand::Delete(own) => delete(common, own, console),
    }
}

fn list(cases: &Path, console: &Console) -> Outcome {
    let mut text = String::new();
    for folder in CaseFolder::all(cases)? {
        let case = folder.case()?;
        let open = folder.checklist()?.open().count();
        let state = match case.closed {
            Some(at) => format!("closed {}", at.strftime("%Y-%m-%d")),
            None => format!("{open} to do"),
        };
        let verdict = case
            .runs
            .last()
            .map_or("not investigated", |run| &run.verdict);
        let _ = writeln!(
            text,
            "{}  {}  {}  {state}",
            case.folder(),
            case.tenant,
            visible(verdict)
        );
    }
    console.text(&text)?;
    Ok(0)
}

fn show(folder: &CaseFolder, console: &Console) -> Outcome {
    let case = folder.case()?;
    let list = folder.checklist()?;
    let mut text = format!("{}  {}\n", case.folder(), case.tenant);
    for run in &case.runs {
        let _ = writeln!(
            text,
            "  {}  {}  {}",
            run.at,
            visible(&run.verdict),
            visible(&run.investigation)
        );
    }
    let mut step = 0;
    let mut items: Vec<_> = list.items.iter().collect();
    items.sort_unstable_by_key(|(id, own)| (own.step, (*id).clone()));
    for (id, own) in items {
        if own.step != step {
            step = own.step;
            let _ = writeln!(text, "step {step}");
        }
        let mark = match (&own.done, own.demanded) {
            (Some(_), _) => "[x]",
            (None, true) => "[ ]",
            (None, false) => " - ",
        };
        let _ = writeln!(text, "  {mark} {}  {}", visible(id), visible(&own.title));
        if let Some(done) = &own.done {
            let _ = writeln!(text, "        {}  {}", done.at, visible(&done.note));
        }
    }
    match case.closed {
        Some(at) => {
            let _ = writeln!(text, "closed {at}");
        }
        None => {
            let _ = writeln!(text, "{} to do", list.open().count());
        }
    }
    console.text(&text)?;
    Ok(0)
}

/// A case that is worked on: not closed, and as it was left.
fn open(cases: &Path, name: &str) -> Result<CaseFolder, Failure> {
    let folder = CaseFolder::find(cases, name)?;
    if let Some(at) = folder.case()?.closed {
        return Err(Failure::Refused {
            message: format!(
                "the case {name:?} was closed on {}",
                at.strftime("%Y-%m-%d")
            ),
            help: "open another one under another name: connguard investigate --case".to_owned(),
        });
    }
    folder.intact()?;
    Ok(folder)
}

fn tick(common: &Common, own: &TickArgs, console: &Console) -> Outcome {
    let folder = open(own.place.cases.as_path(), &own.name)?;
    let mut list = folder.checklist()?;
    let tick = Tick {
        at: own.place.trust.now(),
        note: own.note.clone(),
    };
    match list.tick(&own.item, tick) {
        Ok(()) => {}
        Err(TickError::Unknown) => {
            let known: Vec<&str> = list.items.keys().map(String::as_str).collect();
            return Err(Failure::Usage(format!(
                "the case has no item {:?}; there are {}",
                own.item,
                known.join(", ")
            )));
        }
        Err(TickError::Before(all)) => {
            return Err(Failure::Refused {
                message: format!("not before the revert is done: {}", all.join(", ")),
                help: "unblocked now, the connector would send for the attacker again; do and tick those first".to_owned(),
            });
        }
    }
    folder.write([(CHECKLIST.to_owned(), list.written())].into())?;
    folder.keep(
        common,
        &own.place.trust,
        console,
        &format!("tick {}", own.item),
    )?;
    console.note(&format!("{} to do", list.open().count()));
    Ok(0)
}

fn close(common: &Common, own: &NameArgs, console: &Console) -> Outcome {
    let folder = open(own.place.cases.as_path(), &own.name)?;
    let mut case = folder.case()?;
    let open: Vec<String> = folder
        .checklist()?
        .open()
        .map(|(id, _)| id.clone())
        .collect();
    if !open.is_empty() {
        return Err(Failure::Refused {
            message: format!("the case is not done: {}", open.join(", ")),
            help: format!(
                "do them, and tick each off: connguard case tick {} ITEM",
                own.name
            ),
        });
    }
    case.closed = Some(own.place.trust.now());
    folder.write([(crate::case::CASE.to_owned(), case.written())].into())?;
    folder.keep(common, &own.place.trust, console, "close")?;
    console.note("closed");
    Ok(0)
}

fn export(own: &ExportArgs, console: &Console) -> Outcome {
    let folder = CaseFolder::find(&own.place.cases, &own.name)?;
    folder.intact()?;
    let mut files = folder.files()?;
    files.insert(SUMS.to_owned(), sums(&files));
    let name = folder.case()?.folder();
    let failed = |error: std::io::Error| {
        Failure::run(
            format!("cannot write {}: {error}", own.to.display()),
            "name a file in a folder that exists and can be written",
        )
    };
    let bytes = archive::write(&name, &files).map_err(failed)?;
    std::fs::write(&own.to, bytes).map_err(failed)?;
    console.note(&format!(
        "wrote {}; tar -xf it, then: cd {name} && sha256sum -c {SUMS}",
        own.to.display()
    ));
    Ok(0)
}

fn verify(folder: &CaseFolder, console: &Console) -> Outcome {
    let (broken, new) = folder.differences()?;
    if broken.is_empty() && new.is_empty() {
        let files = folder.files()?.len();
        console.text(&format!("{files} files are what {SUMS} says\n"))?;
        return Ok(0);
    }
    for words in broken.iter().chain(&new) {
        console.text(&format!("{}\n", visible(words)))?;
    }
    Ok(1)
}

fn delete(common: &Common, own: &DeleteArgs, console: &Console) -> Outcome {
    let folder = CaseFolder::find(&own.place.cases, &own.name)?;
    if !own.yes {
        let question = format!("Delete {} and its ref? [y/N] ", folder.path().display());
        match console.ask(&question)? {
            Some(answer) if matches!(answer.trim(), "y" | "Y" | "yes") => {}
            Some(_) => return Ok(3),
            None => {
                return Err(Failure::Refused {
                    message: "nobody said yes, and there is no terminal to ask on".to_owned(),
                    help: "give --yes".to_owned(),
                });
            }
        }
    }
    folder.delete(common)?;
    console.note("deleted; a history that was told of it keeps its digest");
    Ok(0)
}

/// A case as `investigate` adds to it.
pub(super) fn opened(
    cases: &Path,
    name: &str,
    tenant: &str,
    now: jiff::Timestamp,
) -> Result<(CaseFolder, Case, Checklist), Failure> {
    match CaseFolder::find(cases, name) {
        Ok(folder) => {
            let case = folder.case()?;
            if case.tenant != tenant {
                return Err(Failure::Usage(format!(
                    "the case {name:?} is of the tenant {:?}, not of {tenant:?}",
                    case.tenant
                )));
            }
            let list = folder.checklist()?;
            Ok((folder, case, list))
        }
        Err(Failure::Usage(_)) => {
            let case = Case::open(name, tenant, now);
            Ok((
                CaseFolder::at(cases.join(case.folder()), name),
                case,
                Checklist::default(),
            ))
        }
        Err(other) => Err(other),
    }
}
