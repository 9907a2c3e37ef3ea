//! What an investigation leaves behind: a case in a folder and on a ref, and what the history did not know yet.

use super::InvestigateArgs;
use super::inputs::Inputs;
use crate::case::Files;
use crate::cli::case;
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::snapshot::{Recorder, SnapshotArgs};
use crate::cli::status::Shown;
use crate::cli::targets::Selection;
use crate::cli::{Common, Failure};
use crate::digest::Digest;
use crate::history::remark::{Attributed, CaseMark, Remark};
use crate::investigation::Investigation;
use crate::investigation::attribution::{Change, ChangeKind, Known};
use crate::plan::{self, Purpose};
use crate::report::investigation::View;
use crate::report::plan::{PlanFormat, render};
use std::collections::BTreeMap;

/// Keeps what was found out: in a case, and in the history, as far as that is wanted.
pub(super) fn keep(
    common: &Common,
    arguments: &InvestigateArgs,
    (investigation, view, inputs): (&Investigation<'_>, &View, &Inputs),
    repository: Option<&Repository>,
    console: &Console,
) -> Result<(), Failure> {
    let case = match &arguments.case {
        Some(name) => Some(case(
            common,
            arguments,
            (investigation, view, name),
            repository,
            console,
        )?),
        None => None,
    };
    match arguments.record {
        true => history(
            arguments,
            (investigation, inputs),
            case,
            repository,
            console,
        ),
        false => Ok(()),
    }
}

/// Adds the investigation to its case, and gives what the history is to keep of it.
fn case(
    common: &Common,
    arguments: &InvestigateArgs,
    (investigation, view, name): (&Investigation<'_>, &View, &str),
    repository: Option<&Repository>,
    console: &Console,
) -> Result<CaseMark, Failure> {
    let now = arguments.trust.now();
    let (folder, mut case, ticked) = case::opened(&arguments.cases, name, &view.tenant, now)?;
    if case.closed.is_some() {
        return Err(Failure::Refused {
            message: format!("the case {name:?} is closed"),
            help: "open another one under another name".to_owned(),
        });
    }
    let plans = plans(investigation, repository, console);
    let files = case.add(view, &ticked, plans);
    // Plans by what was there earlier must not be carried out now.
    folder.clear("plans")?;
    let digest: Digest = folder.write(files)?;
    folder.keep(common, &arguments.trust, console, view.verdict.name())?;
    console.note(&format!(
        "the case is in {}; connguard case show {name} says what is to do",
        folder.path().display()
    ));
    Ok(CaseMark {
        name: name.to_owned(),
        digest,
        verdict: view.verdict.name().to_owned(),
    })
}

/// The plans that contain and revert, where a verified baseline says what was approved.
fn plans(
    investigation: &Investigation<'_>,
    repository: Option<&Repository>,
    console: &Console,
) -> Files {
    let question = &investigation.question;
    let mut files = Files::new();
    let verified =
        repository.and_then(|own| Some((own.trust.as_ref().ok()?, own.verified_policy()?)));
    let (Some((trust, policy)), Some(baseline), Some(state)) =
        (verified, question.baseline, question.states.last())
    else {
        console.note("the case has no plans: without a verified baseline a person has to decide what is put back");
        return files;
    };
    for purpose in [Purpose::Contain, Purpose::Revert] {
        let made = plan::make(&plan::Request {
            purpose,
            tenant: question.tenant,
            baseline,
            snapshot: state.snapshot,
            findings: &[],
            key: baseline
                .approved
                .organization
                .tenant_id
                .as_deref()
                .unwrap_or_default(),
            may_be_absent: &policy.document.may_be_absent,
            root: trust.digest(),
            limits: policy.document.plan,
            warnings: Vec::new(),
            now: question.now,
        });
        match made {
            Ok(plan) => {
                for (format, extension) in [
                    (PlanFormat::Json, "json"),
                    (PlanFormat::Powershell, "ps1"),
                    (PlanFormat::Markdown, "md"),
                ] {
                    let text = render(&[&plan], format, question.now);
                    files.insert(
                        format!("plans/{}.{extension}", purpose.name()),
                        text.into_bytes(),
                    );
                }
            }
            Err(reason) => console.note(&format!(
                "the case has no plan to {}: {reason}",
                purpose.name()
            )),
        }
    }
    files
}

/// Adds to the history who made the changes that it holds, and that there is a case.
fn history(
    arguments: &InvestigateArgs,
    (investigation, inputs): (&Investigation<'_>, &Inputs),
    case: Option<CaseMark>,
    repository: Option<&Repository>,
    console: &Console,
) -> Result<(), Failure> {
    let repository = repository.ok_or_else(|| {
        Failure::run(
            "there is no audit repository here, so there is no history to add to",
            "change to an audit repository, or leave --record out",
        )
    })?;
    let remark = Remark {
        attributed: attributed(investigation, inputs, &known(repository)?),
        case,
    };
    if remark.is_empty() {
        console.note("the history knows all of it already");
        return Ok(());
    }
    let recording = SnapshotArgs {
        selection: Selection {
            tenant: vec![investigation.question.tenant.to_owned()],
            live: arguments.live.clone(),
            ..Selection::default()
        },
        key: arguments.key.clone(),
        push: arguments.push.clone(),
        within: None,
        format: Shown::Human,
        trust: arguments.trust.clone(),
    };
    let recorder = Recorder::new(&recording, repository, console)?;
    let title = format!(
        "{}: who made {} of its changes",
        investigation.question.tenant,
        remark.attributed.len()
    );
    let commit = recorder.remark(&remark, (&title, ""))?;
    console.note(&format!("recorded as {}", crate::history::short(commit)));
    Ok(())
}

/// What the history was told before.
fn known(repository: &Repository) -> Result<Vec<Attributed>, Failure> {
    let past = repository.needed_past()?;
    let Some(tip) = past.tip else {
        return Ok(Vec::new());
    };
    let mut known = Vec::new();
    for entry in past.history.from(tip) {
        let entry = entry.map_err(|error| crate::cli::past::failure(&error))?;
        known.extend(entry.run.remark.attributed.iter().cloned());
    }
    Ok(known)
}

/// Who made each setting what a run saw, by the record that says so.
fn attributed(
    investigation: &Investigation<'_>,
    inputs: &Inputs,
    known: &[Attributed],
) -> Vec<Attributed> {
    let mut found: Vec<Attributed> = Vec::new();
    for change in &investigation.question.attribution.changes {
        let commit = change.between.1.and_then(|at| inputs.runs.get(&at));
        let (Some(commit), Some(connector)) = (commit, &change.connector.id) else {
            continue;
        };
        // Who sent another value than the state shows did not make it what it is.
        if change.known == Known::Contradicted {
            continue;
        }
        for (property, record) in made_by(change) {
            let Some(id) = crate::connector::parse_guid(&record.record) else {
                continue;
            };
            let own = Attributed {
                tenant: investigation.question.tenant.to_owned(),
                commit: *commit,
                connector: connector.clone(),
                property,
                record: id,
                time: record.time,
                actor: crate::finding::excerpt(&actor(record)),
            };
            if !known.contains(&own) && !found.contains(&own) {
                found.push(own);
            }
        }
    }
    found
}

fn actor(record: &crate::investigation::attribution::Evidence) -> String {
    let address = record
        .client_ip
        .map(|own| format!(" from {own}"))
        .unwrap_or_default();
    format!("{}{address}", record.actor.words())
}

/// Each setting of a change with the last record that names it; a connector that appeared, as a whole.
fn made_by(change: &Change) -> BTreeMap<String, &crate::investigation::attribution::Evidence> {
    let mut made = BTreeMap::new();
    for record in &change.records {
        if matches!(change.kind, ChangeKind::Created | ChangeKind::Recreated) {
            made.entry("*".to_owned()).or_insert(record);
        }
        for (property, _) in &change.values {
            let named = record
                .sent
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(property.name()));
            if named {
                made.insert(property.name().to_owned(), record);
            }
        }
    }
    made
}
