//! `connguard init`: an audit repository where there was none.
//!
//! It puts together what `trust init` and `baseline propose` do, and writes the
//! pipelines. Nothing that is there is overwritten.

use super::baseline::propose::{Asked, SourceArgs, Work};
use super::baseline::sign;
use super::config;
use super::console::Console;
use super::live::LiveArgs;
use super::repository::Repository;
use super::sign::SignArgs;
use super::trust::{init as trust, parse_person};
use super::{Common, Failure, Outcome, TrustArgs};
use crate::proposal::ci::{Origin, System, code_owners, pipelines};
use crate::trust::{files, root};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder; it may be a git repository already
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// An export to begin with, copied into the folder `exports` [default: exports/*.json]
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Let one person sign everything: you, with your own key
    #[arg(long)]
    me: bool,
    /// The name you sign under, such as alice@contoso.com [default: the comment of your key]
    #[arg(long = "as", value_name = "NAME", requires = "me")]
    name: Option<String>,
    /// Somebody who may sign, with the file of their public key; may be repeated
    #[arg(long, value_name = "NAME=FILE.pub", value_parser = parse_person)]
    signer: Vec<(String, PathBuf)>,
    /// How many must sign [default: one of one person, two of several]
    #[arg(long, value_name = "N")]
    threshold: Option<usize>,
    /// Who answers for the connectors that are there [default: the first signer]
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// Why they exist [default: approved as found, with the date]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Pipelines to write; may be repeated [default: github]
    #[arg(long, value_enum, value_name = "SYSTEM")]
    ci: Vec<System>,
    /// Write no pipelines
    #[arg(long, conflicts_with = "ci")]
    no_ci: bool,
    /// Where the pipelines get connguard from [default: the variables CONNGUARD_SOURCE and CONNGUARD_REV there]
    #[arg(long, value_name = "URL@COMMIT", value_parser = parse_origin)]
    source: Option<Origin>,
    /// Who is asked to review changes (CODEOWNERS); may be repeated [default: signers with a mail address]
    #[arg(long, value_name = "OWNER")]
    code_owner: Vec<String>,
    /// Begin trust anew where an earlier run on this machine trusted another root in this folder
    #[arg(long)]
    anew: bool,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// `https://host/path@COMMIT`
fn parse_origin(text: &str) -> Result<Origin, String> {
    let (address, commit) = text
        .rsplit_once('@')
        .ok_or("write URL@COMMIT, with the whole commit")?;
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '_' | '~');
    if !address.starts_with("https://") || !address.chars().all(plain) {
        return Err("the address of a git repository begins with https://".to_owned());
    }
    if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("a commit is named by all its 40 hexadecimal digits".to_owned());
    }
    Ok(Origin {
        address: address.to_owned(),
        commit: commit.to_owned(),
    })
}

pub(super) fn run(arguments: &InitArgs, console: &Console) -> Outcome {
    let folder = &arguments.folder;
    nothing_there(folder)?;
    let exports = exports(arguments, console)?;
    let people = people(arguments, console)?;
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error.to_string()))?;
    let exports = copied(folder, &exports, console)?;
    // What may fail comes before what could not be made a second time.
    beside(folder, files_beside(arguments, folder), console)?;
    let asked = trust_arguments(arguments, people, exports);
    let (pin, signed) = trust::begin(folder, None, &asked, console)?;
    let common = Common::of(folder.join(config::FILE_NAME));
    let baselines = baselines(&common, arguments, signed, console)?;
    beside(folder, owners(arguments, folder), console)?;
    let next = next_steps(arguments, signed, &baselines);
    console.text(&format!(
        "\nThe pin of this root, to be kept outside the repository (variable CONNGUARD_ROOT of your CI):\n  {pin}\n{next}\n"
    ))?;
    Ok(0)
}

/// Writes files that stand beside the documents; one that is there stays.
fn beside(folder: &Path, all: Vec<(String, String)>, console: &Console) -> Result<(), Failure> {
    let mut written = vec![];
    for (path, text) in all {
        if std::fs::symlink_metadata(folder.join(&path)).is_ok() {
            console.note(&format!("kept {path}: it is there already"));
            continue;
        }
        files::write(folder, &path, text.as_bytes())
            .map_err(|error| unwritable(folder, &error.to_string()))?;
        written.push(path);
    }
    if !written.is_empty() {
        console.note(&format!("wrote {}", written.join(", ")));
    }
    Ok(())
}

/// Refuses a folder that is an audit repository, or a part of one, already.
fn nothing_there(folder: &Path) -> Result<(), Failure> {
    let own = [
        config::FILE_NAME,
        root::PATH,
        "trust/allowed_signers",
        "policies",
        "baselines",
    ];
    match own.into_iter().find(|path| folder.join(path).exists()) {
        None => Ok(()),
        Some(path) => Err(Failure::run(
            format!(
                "{} is there already: nothing is overwritten",
                folder.join(path).display()
            ),
            "name an empty folder or another git repository; connguard trust init, policy propose and baseline propose add what is missing",
        )),
    }
}

/// The exports to begin with: those named, those in the folder, or the one that a person names.
fn exports(arguments: &InitArgs, console: &Console) -> Result<Vec<PathBuf>, Failure> {
    if !arguments.from.is_empty() {
        return Ok(arguments.from.clone());
    }
    let entries = std::fs::read_dir(arguments.folder.join("exports"))
        .into_iter()
        .flatten();
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|own| own == "json"))
        .collect();
    found.sort_unstable();
    if !found.is_empty() {
        return Ok(found);
    }
    let answer = console
        .ask("An export to begin with (made by the script of `connguard fetch --script`): ")?;
    match answer.map(|answer| answer.trim().to_owned()) {
        Some(path) if !path.is_empty() => Ok(vec![PathBuf::from(path)]),
        _ => Err(Failure::Usage(
            "name an export to begin with: --from FILE; `connguard fetch --script` prints the script that makes one"
                .to_owned(),
        )),
    }
}

/// Whether one person signs: as it was said, or as it is answered.
fn people(arguments: &InitArgs, console: &Console) -> Result<bool, Failure> {
    if arguments.me || !arguments.signer.is_empty() {
        return Ok(arguments.me);
    }
    let answer = console.ask(
        "May you alone sign, with your own key? A team lets two of three sign: --signer. [y/N] ",
    )?;
    match answer {
        Some(answer) if answer.trim().eq_ignore_ascii_case("y") => Ok(true),
        _ => Err(Failure::Usage(
            "say who may sign: --me for you alone, or --signer NAME=FILE.pub for each person"
                .to_owned(),
        )),
    }
}

/// The exports inside the folder: one from elsewhere is copied, under its tenant's name.
fn copied(folder: &Path, exports: &[PathBuf], console: &Console) -> Result<Vec<PathBuf>, Failure> {
    let whole = folder
        .canonicalize()
        .map_err(|error| unwritable(folder, &error.to_string()))?;
    let mut inside = Vec::new();
    for export in exports {
        let (name, _) = trust::tenant_of(export)?;
        if export
            .canonicalize()
            .is_ok_and(|path| path.starts_with(&whole))
        {
            inside.push(export.clone());
            continue;
        }
        let path = format!("exports/{name}.json");
        let bytes =
            std::fs::read(export).map_err(|error| unwritable(export, &error.to_string()))?;
        // Left there by a run that could not go on, it is the same file.
        if std::fs::read(folder.join(&path)).is_ok_and(|there| there == bytes) {
            inside.push(folder.join(path));
            continue;
        }
        if folder.join(&path).exists() {
            return Err(Failure::run(
                format!("{path} is there already: nothing is overwritten"),
                "name that one with --from, or rename yours",
            ));
        }
        files::write(folder, &path, &bytes)
            .map_err(|error| unwritable(folder, &error.to_string()))?;
        console.note(&format!("copied {} to {path}", export.display()));
        inside.push(folder.join(path));
    }
    Ok(inside)
}

fn trust_arguments(arguments: &InitArgs, me: bool, exports: Vec<PathBuf>) -> trust::InitArgs {
    trust::InitArgs {
        me,
        name: arguments.name.clone(),
        signer: arguments.signer.clone(),
        threshold: arguments.threshold,
        from: exports,
        key: arguments.sign.key.clone(),
        anew: arguments.anew,
        trust: arguments.trust.clone(),
    }
}

/// Proposes the first baseline of every tenant from what is there, and signs it where the key at hand may.
/// Gives the tenants whose baselines are still to be signed.
fn baselines(
    common: &Common,
    arguments: &InitArgs,
    signed: bool,
    console: &Console,
) -> Result<Vec<String>, Failure> {
    let repository = Repository::found(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    let source = SourceArgs {
        from: None,
        live: LiveArgs::default(),
        owner: arguments
            .owner
            .clone()
            .or_else(|| signers(&repository.folder).into_iter().next()),
        reason: Some(
            arguments
                .reason
                .clone()
                .unwrap_or_else(|| format!("approved as found, {}", now.strftime("%Y-%m-%d"))),
        ),
    };
    let mut open = Vec::new();
    for tenant in repository.tenants() {
        let work = Work {
            repository: &repository,
            tenant: &tenant,
            now,
            console,
        };
        work.propose(&Asked {
            source: &source,
            expires: work.usual_end(false),
            acceptances: false,
            lists: true,
            explained: !signed,
        })?;
        let can_ask = arguments.sign.yes || console.can_ask();
        let done = signed && can_ask && sign::one(&work, &source, &arguments.sign)? == 0;
        if !done {
            open.push(tenant);
        }
    }
    Ok(open)
}

/// Pipelines.
fn files_beside(arguments: &InitArgs, folder: &Path) -> Vec<(String, String)> {
    let whole = folder.canonicalize().unwrap_or_default();
    let name = whole.to_string_lossy().into_owned();
    let systems: Vec<System> = match (&arguments.ci, arguments.no_ci) {
        (_, true) => Vec::new(),
        (asked, false) if asked.is_empty() => vec![System::Github],
        (asked, false) => asked.clone(),
    };
    systems
        .into_iter()
        .flat_map(|system| pipelines(system, arguments.source.as_ref(), &name))
        .collect()
}

/// `CODEOWNERS`, by who signs where nobody was named.
fn owners(arguments: &InitArgs, folder: &Path) -> Vec<(String, String)> {
    let mut owners = arguments.code_owner.clone();
    if owners.is_empty() {
        owners = signers(folder)
            .into_iter()
            .filter(|name| name.contains('@'))
            .collect();
    }
    if owners.is_empty() {
        return Vec::new();
    }
    vec![("CODEOWNERS".to_owned(), code_owners(&owners))]
}

/// Who may sign, in the order in which they stand there.
fn signers(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("trust/allowed_signers")).unwrap_or_default();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn next_steps(arguments: &InitArgs, signed: bool, open: &[String]) -> String {
    let mut steps = Vec::new();
    if !signed {
        steps.push("connguard trust sign and connguard policy sign, by each signer".to_owned());
    }
    for tenant in open {
        steps.push(format!("connguard baseline sign {tenant}, by each signer"));
    }
    steps.push("connguard check".to_owned());
    steps.push("commit all of it (git init, where there is no repository)".to_owned());
    steps.push("give a key of its own the history role, and begin the history: connguard trust rotate --history ci@contoso.com=ci.pub, then connguard snapshot --key ci".to_owned());
    if !arguments.no_ci {
        steps.push("set the variables that the pipelines name at their top".to_owned());
    }
    let steps: Vec<String> = steps.iter().map(|step| format!("  - {step}")).collect();
    format!("next:\n{}", steps.join("\n"))
}

fn unwritable(path: &Path, reason: &str) -> Failure {
    Failure::run(
        format!("{}: {reason}", path.display()),
        "check the folder and its permissions",
    )
}
