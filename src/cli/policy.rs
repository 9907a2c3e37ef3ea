//! `connguard policy`: the rules in force, and whether they do what they say.

use super::console::Console;
use super::repository::Repository;
use super::sign::{self, SignArgs, Task};
use super::{Common, Failure, Outcome, TrustArgs, baseline, parse_time_argument, previous, review};
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use crate::finding::Severity;
use crate::hostile_text::visible;
use crate::policy::document::Document;
use crate::policy::rule::Rule;
use crate::policy::{PATH, catalogue};
use crate::policy::{Policy, Rules};
use crate::proposal::policy::next_policy;
use crate::proposal::{Next, ProposalError};
use crate::review::of_policy;
use crate::trust::{Duty, Header, Key, SignedFile, files};
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How long a policy counts.
const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Write version, dates and the digests of rule files into the policy; nothing counts before it is signed
    Propose {
        /// When it ends [default: in a year]
        #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
        expires: Option<Timestamp>,
        #[command(flatten)]
        trust: TrustArgs,
    },
    /// Show what the policy changes, and sign it
    Sign {
        #[command(flatten)]
        sign: SignArgs,
        #[command(flatten)]
        trust: TrustArgs,
    },
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
        PolicyCommand::Propose { expires, trust } => propose(common, *expires, trust, console),
        PolicyCommand::Sign { sign, trust } => sign_policy(common, sign, trust, console),
        PolicyCommand::List => list(common, console),
        PolicyCommand::Test { files } => test(common, files, console),
    }
}

/// A policy that nobody has to have signed.
pub(super) fn parse(text: &str) -> Result<Document, Failure> {
    let rules = catalogue::load()?;
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    Ok(Document::parse(Source { path: PATH, text }, &ids)?)
}

fn text_of_policy(repository: &Repository) -> Result<String, Failure> {
    baseline::text_of(repository, PATH)?.ok_or_else(|| {
        Failure::run(
            format!("{PATH} is missing"),
            "connguard trust init writes a first one",
        )
    })
}

/// The version before a policy, where git has it.
fn before(
    repository: &Repository,
    document: &Document,
    console: &Console,
) -> Result<Option<Document>, Failure> {
    let approved = previous::Document {
        path: PATH,
        duty: Duty::Policy,
        key: Key::Policy,
    };
    let before = previous::approved(repository, &approved, &document.header, console)
        .map(|text| parse(&text))
        .transpose()?;
    Ok(before.filter(|before| previous::is_next(&before.header, &document.header, console)))
}

fn propose(
    common: &Common,
    expires: Option<Timestamp>,
    trust: &TrustArgs,
    console: &Console,
) -> Outcome {
    let repository = Repository::needed(common, trust, console)?;
    let now = trust.now();
    let text = text_of_policy(&repository)?;
    let rules = rule_files(&repository.folder)?
        .into_iter()
        .map(|name| {
            let bytes =
                files::read(&repository.folder, &format!("policies/{name}")).map_err(|error| {
                    Failure::run(error.to_string(), "restore the rule file, or take it away")
                })?;
            Ok((name, Digest::of(&bytes)))
        })
        .collect::<Result<BTreeMap<String, Digest>, Failure>>()?;
    let (version, previous) = follows(&repository, &text, console)?;
    let second = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    let next = Next {
        version,
        previous,
        issued: second(now),
        expires: expires.unwrap_or_else(|| second(now + LIFE)),
    };
    let tenants = repository.config.tenants.keys().cloned().collect();
    let proposed = next_policy(&text, &next, &rules, &tenants).map_err(|error| match error {
        ProposalError::Malformed(problems) => Failure::Problems(problems),
        error => Failure::run(error.to_string(), "write `tenants` on lines of its own"),
    })?;
    let document = parse(&proposed)?;
    files::write(&repository.folder, PATH, proposed.as_bytes())
        .and_then(|()| files::remove_signatures(&repository.folder, PATH))
        .map_err(|error| Failure::run(error.to_string(), "check the folder and its permissions"))?;
    console.note(&format!(
        "wrote {PATH}; it counts for nothing until it is signed"
    ));
    let old = before(&repository, &document, console)?;
    console.text(&review::render(
        &title(old.as_ref(), &document),
        &of_policy(old.as_ref(), &document),
    ))?;
    Ok(0)
}

/// Version of the next policy, and digest of the one it follows: the one in force, or the one committed last.
fn follows(
    repository: &Repository,
    text: &str,
    console: &Console,
) -> Result<(u64, Option<Digest>), Failure> {
    let after = |text: &str| -> Result<(u64, Option<Digest>), Failure> {
        Ok((
            header_of(text)?.version + 1,
            Some(Digest::of(text.as_bytes())),
        ))
    };
    if signatures_count(repository) {
        return after(text);
    }
    match previous::committed(&repository.folder, PATH, console) {
        Some(committed) if committed != text => after(&committed),
        _ => {
            let header = header_of(text)?;
            Ok((header.version, header.previous))
        }
    }
}

/// Whether enough people signed the file as it is, whatever rule files have changed since.
fn signatures_count(repository: &Repository) -> bool {
    let Ok(trust) = &repository.trust else {
        return false;
    };
    SignedFile::load(&repository.folder, PATH)
        .is_ok_and(|file| trust.verify(Duty::Policy, &file).is_ok())
}

fn header_of(text: &str) -> Result<Header, Failure> {
    Ok(parse(text)?.header)
}

fn title(old: Option<&Document>, new: &Document) -> String {
    match old {
        Some(old) => format!(
            "{PATH} version {} against version {}:",
            new.header.version, old.header.version
        ),
        None => format!("{PATH} version {}:", new.header.version),
    }
}

fn sign_policy(
    common: &Common,
    arguments: &SignArgs,
    trust: &TrustArgs,
    console: &Console,
) -> Outcome {
    let repository = Repository::needed(common, trust, console)?;
    let verified = repository.verified_root()?;
    let text = text_of_policy(&repository)?;
    let document = parse(&text)?;
    let old = before(&repository, &document, console)?;
    let keyring = baseline::keyring(&repository)?;
    let task = Task {
        folder: &repository.folder,
        path: PATH,
        bytes: text.as_bytes(),
        duties: vec![Duty::Policy],
        keyrings: vec![&keyring],
        now: trust.now(),
    };
    let mut lines = of_policy(old.as_ref(), &document).sorted();
    sign::warn(&mut lines, verified, &task, &Key::Policy, &document.header)?;
    sign::sign(
        &task,
        arguments,
        &title(old.as_ref(), &document),
        &lines,
        console,
    )
}

fn list(common: &Common, console: &Console) -> Outcome {
    let repository = Repository::find(common, &TrustArgs::default(), console)?;
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
    names.sort_unstable();
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
