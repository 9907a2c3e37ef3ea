//! `trust init`: the first root and a default policy, so that there is something to sign under.

use super::{LIFE, line_of, parse_person, person, seconds, signers_path, unwritable};
use crate::cli::config::{self, Config};
use crate::cli::console::Console;
use crate::cli::sign::{self, Found, SignArgs, Task};
use crate::cli::state::State;
use crate::cli::{Common, Failure, Outcome, TrustArgs, export_file, policy};
use crate::digest::Digest;
use crate::document::Source;
use crate::document::edit;
use crate::proposal::root::{Person, first_root, first_signers};
use crate::proposal::{Next, policy::first_policy};
use crate::review::{of_policy, of_root};
use crate::snapshot::Organization;
use crate::tenant::is_tenant_name;
use crate::trust::allowed_signers::{self, is_principal};
use crate::trust::chain::FOLDER;
use crate::trust::{Duty, Keyring, Sightings, SignedFile, files, root};
use clap::Args;
use jiff::Timestamp;
use ssh_key::PublicKey;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What keeps git from rewriting line ends, which signatures are over.
const ATTRIBUTES: [&str; 3] = ["trust/** -text", "policies/** -text", "baselines/** -text"];

#[derive(Debug, Default, Args)]
pub(in crate::cli) struct InitArgs {
    /// Let one person sign everything: you, with your own key
    #[arg(long)]
    pub me: bool,
    /// The name you sign under, such as alice@contoso.com [default: the comment of your key]
    #[arg(long = "as", value_name = "NAME", requires = "me")]
    pub name: Option<String>,
    /// Somebody who may sign, with the file of their public key; may be repeated
    #[arg(long, value_name = "NAME=FILE.pub", value_parser = parse_person)]
    pub signer: Vec<(String, PathBuf)>,
    /// How many must sign [default: one of one person, two of several]
    #[arg(long, value_name = "N")]
    pub threshold: Option<usize>,
    /// An export to begin with, where there is no connguard.yaml yet [default: exports/*.json]
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,
    /// Sign with this OpenSSH key [default: a key from ssh-agent or ~/.ssh]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Begin trust anew where an earlier run on this machine trusted another root in this folder
    #[arg(long)]
    pub anew: bool,
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// The one key at hand, and the name it signs under.
fn me(arguments: &InitArgs, console: &Console) -> Result<Person, Failure> {
    let keys = sign::keys(arguments.key.as_deref(), console)?;
    let found = match keys.as_slice() {
        [only] => only,
        [] => {
            return Err(Failure::run(
                "there is no key in ssh-agent or ~/.ssh to sign with",
                "make one with `ssh-keygen -t ed25519`, or name one with --key FILE",
            ));
        }
        several => {
            let comments: Vec<String> = several.iter().map(Found::words).collect();
            return Err(Failure::run(
                format!("there are several keys: {}", comments.join(", ")),
                "name yours with --key FILE; a .pub file where the key is in ssh-agent",
            ));
        }
    };
    let comment = found.comment();
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("USERNAME"))
        .unwrap_or_default();
    let name = [arguments.name.clone().unwrap_or_default(), comment, user]
        .into_iter()
        .find(|name| is_principal(name))
        .ok_or_else(|| {
            Failure::Usage(
                "say with --as under which name you sign, such as alice@contoso.com".to_owned(),
            )
        })?;
    Ok(Person {
        name,
        key: line_of(PublicKey::from(found.public_key().clone()))?,
    })
}

pub(super) fn init(common: &Common, arguments: &InitArgs, console: &Console) -> Outcome {
    let configured = config::find(common.config.as_deref())?;
    let folder = configured
        .as_deref()
        .map_or_else(|| PathBuf::from("."), crate::cli::repository::folder_of);
    let (digest, signed) = begin(&folder, configured.as_deref(), arguments, console)?;
    let next = if signed {
        "next: connguard baseline sign TENANT, and connguard check"
    } else {
        "next: connguard trust sign and connguard policy sign, by each signer; then connguard baseline propose TENANT"
    };
    console.text(&format!(
        "\nThe pin of this root, to be kept outside the repository (variable CONNGUARD_ROOT of your CI):\n  {digest}\n{next}\n"
    ))?;
    Ok(0)
}

/// Makes and signs root and policy in a folder; gives the root's digest, and whether enough people signed.
pub(in crate::cli) fn begin(
    folder: &Path,
    configured: Option<&Path>,
    arguments: &InitArgs,
    console: &Console,
) -> Result<(Digest, bool), Failure> {
    let now = arguments.trust.now();
    for path in [root::PATH.to_owned(), signers_path()] {
        if folder.join(&path).exists() {
            return Err(Failure::run(
                format!("{path} exists: nothing is overwritten"),
                "connguard trust rotate makes the next root",
            ));
        }
    }
    if let Some(state) = State::open(arguments.trust.state.as_deref())?
        && let Some(known) = state
            .memory
            .remembered_root(&crate::cli::repository::name_of(folder))
        && !arguments.anew
    {
        return Err(Failure::Refused {
            message: format!("an earlier run trusted another root in this folder: {known}"),
            help: "restore trust/ from a revision you trust; only if trust is to begin anew, say --anew".to_owned(),
        });
    }
    let mut people: Vec<Person> = arguments
        .signer
        .iter()
        .map(person)
        .collect::<Result<_, _>>()?;
    if arguments.me {
        people.push(me(arguments, console)?);
    }
    if people.is_empty() {
        return Err(Failure::Usage(
            "say who may sign: --me for you alone, or --signer NAME=FILE.pub for each person"
                .to_owned(),
        ));
    }
    let names: BTreeSet<&String> = people.iter().map(|person| &person.name).collect();
    let threshold = arguments.threshold.unwrap_or(names.len().min(2));
    let first = Next {
        version: 1,
        previous: None,
        issued: seconds(now),
        expires: seconds(now + LIFE),
    };
    let signers = first_signers(&people);
    let root = first_root(&people, threshold, &signers, &first);
    // Checked before anything is written.
    root::Root::parse(Source {
        path: root::PATH,
        text: &root,
    })?;
    allowed_signers::AllowedSigners::parse(Source {
        path: &signers_path(),
        text: &signers,
    })?;
    let (config, tenants) = tenants(folder, configured, &arguments.from)?;
    let mut wrote = vec![root::PATH.to_owned(), signers_path()];
    let write = |path: &str, text: &str| {
        files::write(folder, path, text.as_bytes()).map_err(|error| unwritable(&error))
    };
    if let Some(config) = config {
        write(config::FILE_NAME, &config)?;
        wrote.push(config::FILE_NAME.to_owned());
    }
    write(&signers_path(), &signers)?;
    write(root::PATH, &root)?;
    if !folder.join(crate::policy::PATH).exists() {
        write(crate::policy::PATH, &first_policy(&tenants, &first))?;
        wrote.push(crate::policy::PATH.to_owned());
    }
    if attributes(folder)? {
        wrote.push(".gitattributes".to_owned());
    }
    console.note(&format!("wrote {}", wrote.join(", ")));
    let signed = sign_both(folder, arguments, now, console)?;
    let digest = finish(folder, arguments, &root, signed, console)?;
    Ok((digest, signed))
}

/// The tenants of the configuration; where there is none, one is made from exports.
fn tenants(
    folder: &Path,
    configured: Option<&Path>,
    from: &[PathBuf],
) -> Result<(Option<String>, BTreeSet<String>), Failure> {
    if let Some(path) = configured {
        let config = Config::load(path)?;
        return Ok((None, config.tenants.into_keys().collect()));
    }
    let mut exports: Vec<PathBuf> = from.to_vec();
    if exports.is_empty() {
        let entries = std::fs::read_dir(folder.join("exports"))
            .into_iter()
            .flatten();
        exports = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .collect();
        exports.sort_unstable();
    }
    let mut text = String::from(
        "# Where each tenant is read from.\napiVersion: connguard/v1\nkind: Config\ntenants:\n",
    );
    let mut names = BTreeSet::new();
    for path in &exports {
        let (name, organization) = tenant_of(path)?;
        let inside = path
            .canonicalize()
            .ok()
            .zip(folder.canonicalize().ok())
            .and_then(|(path, folder)| {
                Some(
                    path.strip_prefix(folder)
                        .ok()?
                        .to_string_lossy()
                        .replace('\\', "/"),
                )
            })
            .ok_or_else(|| {
                Failure::run(
                    format!("{} lies outside the audit repository", path.display()),
                    "copy it into the folder `exports`",
                )
            })?;
        let field = |value: Option<String>| edit::scalar(&value.unwrap_or_default());
        text += &format!(
            "  {name}:\n    organization: {{ tenant_id: {}, domain: {} }}\n    source: {{ export: {} }}\n",
            field(organization.tenant_id),
            field(organization.domain),
            edit::scalar(&inside)
        );
        names.insert(name);
    }
    if names.is_empty() {
        return Err(Failure::run(
            "there is no connguard.yaml, and no export to begin with",
            "run the script that `connguard fetch --script` prints and put its file into `exports`, or name it with --from",
        ));
    }
    Ok((Some(text), names))
}

/// The organization of an export, and the name it gets: that of its file.
pub(in crate::cli) fn tenant_of(path: &Path) -> Result<(String, Organization), Failure> {
    let organization = export_file::read(path, None)?.whole()?.organization;
    if organization.tenant_id.is_none() || organization.domain.is_none() {
        return Err(Failure::run(
            format!("{} does not say whose connectors it holds", path.display()),
            "export with the script from `connguard fetch --script`, or write connguard.yaml by hand",
        ));
    }
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let name = if is_tenant_name(&stem) {
        stem
    } else {
        crate::cli::targets::name_of(&organization)
    };
    Ok((name, organization))
}

/// Adds what keeps git from rewriting signed bytes, unless it is there.
fn attributes(folder: &Path) -> Result<bool, Failure> {
    let path = folder.join(".gitattributes");
    let mut text = std::fs::read_to_string(&path).unwrap_or_default();
    let all = text.lines().any(|line| line.trim() == "* -text");
    let missing: Vec<&str> = ATTRIBUTES
        .into_iter()
        .filter(|wanted| !all && !text.lines().any(|line| line.trim() == *wanted))
        .collect();
    if missing.is_empty() {
        return Ok(false);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text += "# Signatures are over exact bytes: git must not rewrite line ends.\n";
    for line in missing {
        text += line;
        text.push('\n');
    }
    files::write(folder, ".gitattributes", text.as_bytes()).map_err(|error| unwritable(&error))?;
    Ok(true)
}

/// Signs root and policy where the caller's key is one of those that may; says whether that is enough.
fn sign_both(
    folder: &Path,
    arguments: &InitArgs,
    now: Timestamp,
    console: &Console,
) -> Result<bool, Failure> {
    let keyring = Keyring::load(folder, FOLDER)
        .map_err(|refusal| Failure::run(refusal.to_string(), refusal.help()))?;
    let keys = sign::keys(arguments.key.as_deref(), console)?;
    let mine = keys
        .iter()
        .any(|found| keyring.signers.of_key(found.public_key()).is_some());
    if !mine {
        return Ok(false);
    }
    let sign_arguments = SignArgs {
        key: arguments.key.clone(),
        // Whoever makes the first root has said what is to be in it.
        yes: true,
    };
    let read = |path: &str| files::read(folder, path).map_err(|error| unwritable(&error));
    let (root_bytes, policy_bytes) = (read(root::PATH)?, read(crate::policy::PATH)?);
    let task = |path: &'static str, duty: Duty<'static>| Task {
        folder,
        path,
        bytes: if duty == Duty::Root {
            &root_bytes
        } else {
            &policy_bytes
        },
        duties: vec![duty],
        keyrings: vec![&keyring],
        now,
    };
    sign::sign(
        &task(root::PATH, Duty::Root),
        &sign_arguments,
        "trust/root.yaml version 1, the first:",
        &of_root(None, &keyring),
        console,
    )?;
    let policy = policy::parse(&String::from_utf8_lossy(&policy_bytes))?;
    sign::sign(
        &task(crate::policy::PATH, Duty::Policy),
        &sign_arguments,
        "policies/policy.yaml version 1, the first:",
        &of_policy(None, &policy),
        console,
    )?;
    Ok([
        (root::PATH, Duty::Root),
        (crate::policy::PATH, Duty::Policy),
    ]
    .into_iter()
    .all(|(path, duty)| {
        SignedFile::load(folder, path).is_ok_and(|file| keyring.verify(duty, &file, now).is_ok())
    }))
}

/// Remembers the root that its maker has just seen.
fn finish(
    folder: &Path,
    arguments: &InitArgs,
    root: &str,
    signed: bool,
    console: &Console,
) -> Result<Digest, Failure> {
    let digest = Digest::of(root.as_bytes());
    // One that others have yet to sign may still be changed.
    if let Some(state) = State::open(arguments.trust.state.as_deref())?.filter(|_| signed) {
        let run = Sightings {
            repository: crate::cli::repository::name_of(folder),
            roots: vec![(1, digest)],
            known_by: vec![digest],
            ..Sightings::default()
        };
        let clock = arguments.trust.now.is_none().then(|| arguments.trust.now());
        if let Some(note) = state.remember(&[(run, clock)])? {
            console.note(&note);
        }
    }
    Ok(digest)
}
