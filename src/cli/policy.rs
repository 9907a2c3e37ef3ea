//! `connguard policy`: the rules in force, and whether they do what they say.

use super::console::Console;
use super::repository::Repository;
use super::{Common, Failure, Outcome, TrustArgs};
use crate::document::{Problem, Problems, Source};
use crate::finding::Severity;
use crate::hostile_text::visible;
use crate::policy::rule::Rule;
use crate::policy::{Policy, Rules};
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
            let folder = config.parent().unwrap_or(Path::new("")).join("policies");
            for path in rule_files(&folder)? {
                load(&path, &mut rules, &mut problems);
            }
        }
    }
    for path in files {
        load(path, &mut rules, &mut problems);
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
        "{} rules, {run} examples, {failed} failed",
        rules.len()
    );
    console.text(&text)?;
    Ok(u8::from(failed > 0))
}

/// Rule files of a repository that are not copies of compiled-in ones, which are tested anyway.
fn rule_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::run(
                format!("cannot read {}: {error}", folder.display()),
                "check the folder and its permissions",
            ));
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
                && path.file_name().is_some_and(|name| name != "policy.yaml")
        })
        .collect();
    paths.retain(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        std::fs::read(path).map_or(true, |bytes| {
            !crate::policy::catalogue::holds(&name, crate::digest::Digest::of(&bytes))
        })
    });
    paths.sort();
    Ok(paths)
}

fn load(path: &Path, rules: &mut Vec<Rule>, problems: &mut Problems) {
    let shown = path.to_string_lossy().replace('\\', "/");
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return problems.push(
                Problem::of_file(shown, format!("cannot read the rule: {error}"))
                    .help("name a rule file"),
            );
        }
    };
    match Rule::parse(
        Source {
            path: &shown,
            text: &text,
        },
        false,
    ) {
        Ok(rule) => rules.push(rule),
        Err(of_rule) => problems.extend(of_rule),
    }
}
