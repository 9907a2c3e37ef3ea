//! `connguard policy`: the rules in force, and whether they do what they say.

use super::console::Console;
use super::repository::Repository;
use super::{Common, Failure, Outcome, TrustArgs};
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use crate::finding::Severity;
use crate::hostile_text::visible;
use crate::policy::catalogue;
use crate::policy::rule::Rule;
use crate::policy::{Policy, Rules};
use crate::trust::files;
use clap::Subcommand;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// List the rules in force, with what the policy changes about them
    List,
    /// Run the examples of rules
    Test {
        /// Rule files [default: every rule in force, and every rule file of the audit repository]
        files: Vec<PathBuf>,
    },
}

pub(super) fn run(common: &Common, command: &PolicyCommand, console: &Console) -> Outcome {
    match command {
        PolicyCommand::List => list(common, console),
        PolicyCommand::Test { files } => test(common, files, console),
    }
}

fn list(common: &Common, console: &Console) -> Outcome {
    let repository = Repository::find(
        common,
        &TrustArgs {
            root: None,
            now: None,
            state: None,
        },
        console,
    )?;
    let policy = repository.as_ref().and_then(Repository::verified_policy);
    if repository.is_some() && policy.is_none() {
        console.note(
            "the policy of this repository could not be verified; these are the compiled-in rules",
        );
    }
    let alone;
    let rules = match policy {
        Some(policy) => &policy.rules,
        None => {
            alone = Rules::catalogue_alone()?;
            &alone
        }
    };
    console.text(&table(rules, policy))?;
    Ok(0)
}

fn table(rules: &Rules, policy: Option<&Policy>) -> String {
    let mut text = String::new();
    let width = rules
        .iter()
        .map(|rule| rule.id.len())
        .max()
        .unwrap_or_default();
    for rule in rules.iter() {
        let origin = if rule.from_catalogue { "" } else { " (own)" };
        let _ = writeln!(
            text,
            "{:8}  {:width$}  {}{origin}",
            rule.severity.name(),
            rule.id,
            visible(&rule.title)
        );
        for change in policy
            .into_iter()
            .flat_map(|policy| &policy.document.overrides)
            .filter(|change| change.rule == rule.id)
        {
            let what = change.severity.map_or_else(
                || "switched off".to_owned(),
                |severity: Severity| format!("severity {severity}"),
            );
            let whom = if change.tenants.is_empty() {
                "for every tenant".to_owned()
            } else {
                format!("for {}", change.tenants.join(", "))
            };
            let _ = writeln!(
                text,
                "{:8}  {:width$}    {} {}: {} ({})",
                "",
                "",
                what,
                visible(&whom),
                visible(&change.reason),
                visible(&change.owner)
            );
        }
    }
    text
}

fn test(common: &Common, files: &[PathBuf], console: &Console) -> Outcome {
    let mut rules = Vec::new();
    let mut problems = Problems::default();
    if files.is_empty() {
        rules.extend(Rules::catalogue_alone()?.into_rules());
        if let Some(config) = super::config::find(common.config.as_deref())? {
            let repository = config.parent().unwrap_or(Path::new(""));
            for name in rule_files(repository)? {
                load(
                    repository,
                    &format!("policies/{name}"),
                    &mut rules,
                    &mut problems,
                );
            }
        }
    }
    for path in files {
        load(
            Path::new(""),
            &path.to_string_lossy().replace('\\', "/"),
            &mut rules,
            &mut problems,
        );
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut text = String::new();
    let mut failed = 0;
    let mut run = 0;
    for rule in &rules {
        run += rule.examples.fires.len() + rule.examples.quiet.len();
        for failure in rule.test() {
            failed += 1;
            let _ = writeln!(
                text,
                "{}: {}",
                visible(&rule.location.path),
                visible(&failure)
            );
        }
    }
    let _ = writeln!(
        text,
        "rules: {}, examples: {run}, failed: {failed}",
        rules.len()
    );
    console.text(&text)?;
    Ok(u8::from(failed > 0))
}

/// Names of a repository's rule files that are no copies of compiled-in ones, which are tested anyway.
fn rule_files(repository: &Path) -> Result<Vec<String>, Failure> {
    let folder = repository.join("policies");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::run(
                format!("cannot read {}: {error}", folder.display()),
                "check the folder and its permissions",
            ));
        }
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| name.ends_with(".yaml") && name != "policy.yaml")
        .collect();
    names.retain(|name| {
        files::read(repository, &format!("policies/{name}"))
            .map_or(true, |bytes| !catalogue::holds(name, Digest::of(&bytes)))
    });
    names.sort();
    Ok(names)
}

/// Reads a rule file, never through a link: its mistakes are quoted, and the folder may be anybody's.
fn load(folder: &Path, path: &str, rules: &mut Vec<Rule>, problems: &mut Problems) {
    let text = match files::read(folder, path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            return problems
                .push(Problem::of_file(path, "the file is not UTF-8").help("save it as UTF-8"));
        }
        Err(error) => {
            return problems
                .push(Problem::of_file(path, error.to_string()).help("name a rule file"));
        }
    };
    match Rule::parse(Source { path, text: &text }, false) {
        Ok(rule) => rules.push(rule),
        Err(of_rule) => problems.extend(of_rule),
    }
}
