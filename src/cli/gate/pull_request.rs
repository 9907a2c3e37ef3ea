//! The gate on a pull request: what HEAD proposes, judged by what BASE says.

use super::GateArgs;
use super::found::Found;
use super::proposal::Proposal;
use super::tenant::Gate;
use crate::baseline;
use crate::cli::config::{self, Config};
use crate::cli::console::Console;
use crate::cli::judging::Judging;
use crate::cli::past::Past;
use crate::cli::repository::{Repository, folder_of};
use crate::cli::targets::{From, Selection, Target, targets};
use crate::cli::{Common, Failure, Outcome};
use crate::finding::{Finding, Severity};
use crate::gate::{evidence_changed, not_judged};
use crate::report::Judged;
use crate::trust::manifest;
use crate::versions::Committed;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(super) fn run(
    common: &Common,
    arguments: &GateArgs,
    (base, head): (&str, &str),
    console: &Console,
) -> Outcome {
    let prepared = arguments
        .written
        .prepare(arguments.selection.live.rehearsal)?;
    let folder = config::find(common.config.as_deref())?
        .map_or_else(|| PathBuf::from("."), |path| folder_of(&path));
    let commit = |name: &str| {
        Committed::at(&folder, name).map_err(|error| Failure::run(error.to_string(), error.help()))
    };
    let (base, head) = (commit(base)?, commit(head)?);
    let change = format!("{} to {}", base.commit, head.commit);
    if !head
        .holds(&base)
        .map_err(|error| Failure::run(error.to_string(), error.help()))?
    {
        console.note("HEAD does not hold every commit of BASE: what those changed looks taken back here; merge BASE into it first");
    }
    let files = changed_files(&base, &head)?;
    let repository = Repository::at(&folder, base, &arguments.trust, console)?;
    repository.verified_root()?;
    let selection = selection(arguments, &repository);
    let mut alone = None;
    let judging = Judging::new(
        console,
        (&selection, &arguments.trust),
        Some(&repository),
        &mut alone,
        arguments.fail_on,
    )?;
    let mut of_all = Found::default();
    let proposal = Proposal::open(&repository, &head, &arguments.trust, &mut of_all)?;
    let head_config = configuration(&repository, &head, &files, &mut of_all);
    let mut all = targets(Some(&repository), &selection)?;
    all.extend(new_tenants(
        &repository,
        head_config.as_ref(),
        &proposal,
        &selection,
    ));
    of_all.findings.extend(unjudged(&files, &all));
    let gate = Gate {
        judging: &judging,
        config: head_config.as_ref(),
        repository: &repository,
        head: &head,
        proposal: &proposal,
        files: &files,
        of_all: &of_all,
    };
    let tenants = all.iter().map(|target| gate.tenant(target)).collect();
    let mut report = judging.report_of(tenants, &all, Some((change, of_all.findings)));
    let code = arguments.written.write(&mut report, &prepared, console)?;
    let judged: Vec<&Judged> = report.tenants.iter().collect();
    judging.remember(&judged, None)?;
    Ok(code)
}

/// What is there is known from the history, unless the operator names another source: no pull request gets a credential.
fn selection(arguments: &GateArgs, repository: &Repository) -> Selection {
    // What nobody vouches for is no evidence: then the export in BASE is.
    let signed = |past: &Past| matches!(&past.verified, Some(Ok(verified)) if verified.signed);
    let recorded = repository
        .past()
        .is_some_and(|past| past.tip.is_some() && past.is_good() && signed(past));
    Selection {
        tenant: arguments.selection.tenant.clone(),
        from: arguments
            .selection
            .from
            .clone()
            .or_else(|| recorded.then_some(From::History(None))),
        taken_at: arguments.selection.taken_at,
        shard: arguments.selection.shard,
        live: arguments.selection.live.clone(),
        without_credentials: arguments.selection.from.is_none(),
    }
}

/// The files that differ between two commits.
fn changed_files(base: &Committed, head: &Committed) -> Result<BTreeSet<String>, Failure> {
    let files = |commit: &Committed| {
        commit
            .files()
            .map_err(|error| Failure::run(error.to_string(), error.help()))
    };
    let (old, new) = (files(base)?, files(head)?);
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    Ok(paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .cloned()
        .collect())
}

/// Files that the gate says nothing about.
fn unjudged(files: &BTreeSet<String>, tenants: &[Target<'_>]) -> Vec<Finding> {
    let others: Vec<String> = files
        .iter()
        .filter(|path| !is_judged(path, tenants))
        .cloned()
        .collect();
    not_judged(&others)
}

/// Whether a file is read as a document, or as a signature of one.
fn is_judged(path: &str, tenants: &[Target<'_>]) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_signature = name.ends_with(".sig");
    let of_root = |folder: &str| folder == "trust" || folder.starts_with("trust/roots/");
    match folder {
        "" => name == config::FILE_NAME,
        "policies" => name.ends_with(".yaml"),
        "policies/policy.sigs" | "baselines/manifest.sigs" => is_signature,
        "baselines" => {
            path == manifest::PATH
                || tenants
                    .iter()
                    .any(|target| path == baseline::path(&target.name))
        }
        _ if folder.strip_suffix("/root.sigs").is_some_and(of_root) => is_signature,
        _ if of_root(folder) => matches!(name, "root.yaml" | "allowed_signers"),
        _ => {
            is_signature
                && tenants
                    .iter()
                    .any(|target| folder == format!("baselines/{}.sigs", target.name))
        }
    }
}

/// HEAD's configuration: its mistakes, and what it says otherwise than BASE's.
fn configuration(
    repository: &Repository,
    head: &Committed,
    files: &BTreeSet<String>,
    found: &mut Found,
) -> Option<Config> {
    if !files.contains(config::FILE_NAME) {
        return None;
    }
    let config = match Config::of(head) {
        Ok(config) => config,
        Err(Failure::Problems(problems)) => {
            found.problems(&problems);
            return None;
        }
        Err(failure) => {
            found.obstacle(format!("{failure} → {}", failure.help()));
            return None;
        }
    };
    for difference in repository.config.differences(&config) {
        let mut finding = evidence_changed(config::FILE_NAME, &difference.words, &[]);
        if difference.moves_evidence {
            finding.severity = Severity::Medium;
        }
        found.add(finding);
    }
    Some(config)
}

/// Tenants that HEAD has and BASE does not.
fn new_tenants<'r>(
    repository: &'r Repository,
    config: Option<&Config>,
    proposal: &Proposal<'_>,
    selection: &Selection,
) -> Vec<Target<'r>> {
    let known = repository.tenants();
    let policy = proposal.policy.as_ref();
    let names: BTreeSet<&String> = config
        .into_iter()
        .flat_map(|config| config.tenants.keys())
        .chain(
            policy
                .into_iter()
                .flat_map(|(policy, _)| policy.tenants.keys()),
        )
        .filter(|name| !known.contains(*name))
        .filter(|name| selection.tenant.is_empty() || selection.tenant.contains(*name))
        .collect();
    names
        .into_iter()
        .map(|name| Target {
            name: name.clone(),
            configured: None,
            file: None,
        })
        .collect()
}
