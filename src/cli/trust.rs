//! `connguard trust`: the first root, the next one, its signatures, and whether all of it can be believed.

use super::baseline::{keyring, text_of};
use super::config::{self, Config};
use super::console::Console;
use super::repository::Repository;
use super::sign::{self, Found, SignArgs, Task};
use super::state::State;
use super::status::{self, Shown, Status};
use super::{Common, Failure, Outcome, TrustArgs, fetch, parse_time_argument, policy, review};
use crate::digest::Digest;
use crate::document::Source;
use crate::document::edit;
use crate::proposal::root::{Person, Rotation, first_root, first_signers, next_root, next_signers};
use crate::proposal::{Next, ProposalError, policy::first_policy};
use crate::review::{of_policy, of_root};
use crate::snapshot::Organization;
use crate::tenant::is_tenant_name;
use crate::trust::allowed_signers::{self, is_principal};
use crate::trust::chain::{self, FOLDER, folder_of};
use crate::trust::{
    Duty, Floor, Keyring, Refusal, Sightings, SignedFile, Trust, files, manifest, root,
};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use ssh_key::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How long a root or a policy counts.
const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What keeps git from rewriting line ends, which signatures are over.
const ATTRIBUTES: [&str; 3] = ["trust/** -text", "policies/** -text", "baselines/** -text"];

#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// Make the first root and a default policy, and sign them where the key is at hand; overwrites nothing
    Init(InitArgs),
    /// Show what the root changes, and sign it
    Sign(TrustSignArgs),
    /// Say of root, policy and manifest who signed them, with which key, and what is missing
    Verify(TrustVerifyArgs),
    /// Write the next root: other people, other thresholds, or the same for another year
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
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
    /// An export to begin with, where there is no connguard.yaml yet [default: exports/*.json]
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Sign with this OpenSSH key [default: a key from ssh-agent or ~/.ssh]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Begin trust anew where an earlier run on this machine trusted another root in this folder
    #[arg(long)]
    anew: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
pub(super) struct TrustSignArgs {
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
pub(super) struct TrustVerifyArgs {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// Somebody who joins, or a further key of somebody who holds roles; may be repeated
    #[arg(long, value_name = "NAME=FILE.pub", value_parser = parse_person)]
    add: Vec<(String, PathBuf)>,
    /// Somebody whose key was lost to others: what it signed has to be signed again; may be repeated
    #[arg(long, value_name = "NAME")]
    remove: Vec<String>,
    /// Somebody who leaves: what they signed before stays good where a run has seen it; may be repeated
    #[arg(long, value_name = "NAME")]
    retire: Vec<String>,
    /// How many must sign from now on
    #[arg(long, value_name = "N")]
    threshold: Option<usize>,
    /// When the new root ends [default: in a year]
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    expires: Option<Timestamp>,
    /// Go on although documents would no longer have enough signatures
    #[arg(long)]
    accept_gap: bool,
    /// Write the root and leave signing for later
    #[arg(long)]
    no_sign: bool,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// `NAME=FILE.pub`
fn parse_person(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text
        .rsplit_once('=')
        .ok_or_else(|| "write NAME=FILE.pub, such as alice@contoso.com=alice.pub".to_owned())?;
    if !is_principal(name) {
        return Err(format!(
            "{name:?} cannot name a signer: write it in ASCII, without spaces or patterns"
        ));
    }
    Ok((name.to_owned(), PathBuf::from(file)))
}

pub(super) fn run(common: &Common, command: &TrustCommand, console: &Console) -> Outcome {
    match command {
        TrustCommand::Init(arguments) => init(common, arguments, console),
        TrustCommand::Sign(arguments) => sign(common, arguments, console),
        TrustCommand::Verify(arguments) => verify(common, arguments, console),
        TrustCommand::Rotate(arguments) => rotate(common, arguments, console),
    }
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn unwritable(error: &files::FileError) -> Failure {
    Failure::run(error.to_string(), "check the folder and its permissions")
}

/// A person with the public key of a file.
fn person((name, file): &(String, PathBuf)) -> Result<Person, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::run(
            format!("cannot read {}: {error}", file.display()),
            "name the .pub file of an OpenSSH key",
        )
    })?;
    let key = PublicKey::from_openssh(text.trim()).map_err(|error| {
        Failure::run(
            format!("{} is not a public key: {error}", file.display()),
            "name the .pub file, not the private key",
        )
    })?;
    Ok(Person {
        name: name.clone(),
        key: line_of(key)?,
    })
}

/// Type and base64 of a key, without its comment: that is anybody's text.
fn line_of(mut key: PublicKey) -> Result<String, Failure> {
    key.set_comment("");
    key.to_openssh()
        .map(|line| line.trim().to_owned())
        .map_err(|error| {
            Failure::run(
                format!("the public key cannot be written: {error}"),
                "choose another key",
            )
        })
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

fn init(common: &Common, arguments: &InitArgs, console: &Console) -> Outcome {
    let now = arguments.trust.now();
    let configured = config::find(common.config.as_deref())?;
    let folder = configured
        .as_deref()
        .and_then(Path::parent)
        .filter(|folder| *folder != Path::new(""))
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
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
            .remembered_root(&super::repository::name_of(&folder))
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
    let (config, tenants) = tenants(&folder, configured.as_deref(), &arguments.from)?;
    let mut wrote = vec![root::PATH.to_owned(), signers_path()];
    let write = |path: &str, text: &str| {
        files::write(&folder, path, text.as_bytes()).map_err(|error| unwritable(&error))
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
    if attributes(&folder)? {
        wrote.push(".gitattributes".to_owned());
    }
    console.note(&format!("wrote {}", wrote.join(", ")));
    let signed = sign_both(&folder, arguments, now, console)?;
    finish(&folder, arguments, &root, signed, console)
}

fn signers_path() -> String {
    format!("{FOLDER}/{}", allowed_signers::FILE_NAME)
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
        exports.sort();
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
fn tenant_of(path: &Path) -> Result<(String, Organization), Failure> {
    let organization = fetch::read(path, None)?.whole()?.organization;
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
        .to_lowercase();
    let name = if is_tenant_name(&stem) {
        stem
    } else {
        super::check::name_of(&organization)
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

/// Remembers the root that its maker has just seen, and says how to go on.
fn finish(
    folder: &Path,
    arguments: &InitArgs,
    root: &str,
    signed: bool,
    console: &Console,
) -> Outcome {
    let digest = Digest::of(root.as_bytes());
    // One that others have yet to sign may still be changed.
    if let Some(state) = State::open(arguments.trust.state.as_deref())?.filter(|_| signed) {
        let run = Sightings {
            repository: super::repository::name_of(folder),
            roots: vec![(1, digest)],
            known_by: vec![digest],
            documents: Vec::new(),
        };
        let clock = arguments.trust.now.is_none().then(|| arguments.trust.now());
        if let Some(note) = state.remember(&run, clock)? {
            console.note(&note);
        }
    }
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

/// The root before the one in the folder, kept whole, and vouched for by the one that is trusted.
///
/// What a review compares with decides what it shows: another root laid there would hide every change.
fn root_before(
    repository: &Repository,
    current: &Keyring,
    now: Timestamp,
    console: &Console,
) -> Result<Option<Keyring>, Failure> {
    let header = &current.root.header;
    if header.version == 1 {
        return Ok(None);
    }
    let folder = folder_of(header.version - 1);
    let refuse = |reason: String| {
        Failure::Refused {
            message: format!("the root before, in {folder}, is not to be believed: {reason}"),
            help: "restore trust/roots from a revision you trust; connguard trust rotate keeps earlier roots there".to_owned(),
        }
    };
    let before = Keyring::load(&repository.folder, &folder)
        .map_err(|refusal| refuse(refusal.to_string()))?;
    if header.previous != Some(before.digest) {
        return Err(refuse(format!(
            "it is {}, and the new root names another one",
            before.digest
        )));
    }
    match repository.floor {
        // The new root itself has been trusted already.
        Some(Floor::Pinned(digest) | Floor::Remembered(digest)) if digest == current.digest => {}
        Some(floor) => {
            chain::follow(&repository.folder, &folder, Some(floor), |_| None, now)
                .map_err(|refusal| refuse(refusal.to_string()))?;
        }
        None => console
            .note("no root is pinned or remembered: the root before is believed as it lies there"),
    }
    Ok(Some(before))
}

fn sign(common: &Common, arguments: &TrustSignArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    sign_root(&repository, &arguments.sign, arguments.trust.now(), console)
}

fn sign_root(
    repository: &Repository,
    arguments: &SignArgs,
    now: Timestamp,
    console: &Console,
) -> Outcome {
    let current = keyring(repository)?;
    let before = root_before(repository, &current, now, console)?;
    let title = match &before {
        Some(before) => format!(
            "{} version {} against version {}:",
            root::PATH,
            current.root.header.version,
            before.root.header.version
        ),
        None => format!("{} version 1, the first:", root::PATH),
    };
    let task = Task {
        folder: &repository.folder,
        path: root::PATH,
        bytes: &current.file.bytes,
        duties: vec![Duty::Root],
        // It needs the signatures of the root before as well as its own.
        keyrings: before.iter().chain([&current]).collect(),
        now,
    };
    sign::sign(
        &task,
        arguments,
        &title,
        &of_root(before.as_ref(), &current),
        console,
    )
}

fn verify(common: &Common, arguments: &TrustVerifyArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    let trust = match &repository.trust {
        Ok(trust) => trust,
        Err(refusal) => {
            return status::show(
                &[Status::refused(root::PATH, "root", refusal)],
                arguments.format,
                console,
            );
        }
    };
    let mut list = Vec::new();
    let mut file =
        |path: &str, duty: Duty<'_>, header: &crate::trust::Header, digest: Digest, rollback| {
            let threshold = trust.root().grant(duty).map_or(0, |grant| grant.threshold);
            let status = SignedFile::load(&repository.folder, path)
                .map_err(Refusal::from)
                .and_then(|file| trust.verify(duty, &file));
            list.push(match status {
                Ok(signers) => Status::verified(
                    path,
                    duty.role(),
                    header,
                    digest,
                    (&signers, threshold),
                    rollback,
                    now,
                ),
                Err(refusal) => Status::refused(path, duty.role(), &refusal),
            });
        };
    file(
        root::PATH,
        Duty::Root,
        &trust.root().header,
        trust.digest(),
        trust.rollback(),
    );
    if let Some(policy) = repository.verified_policy() {
        file(
            crate::policy::PATH,
            Duty::Policy,
            &policy.document.header,
            policy.digest,
            policy.rollback,
        );
    }
    if let Ok(Some(manifest)) = trust.manifest() {
        for tenant in manifest.entries.keys().take(1) {
            file(
                manifest::PATH,
                Duty::Baseline(tenant),
                &manifest.header,
                manifest.digest,
                manifest.rollback,
            );
        }
    }
    if let Some(Err(error)) = &repository.policy {
        list.push(match error {
            crate::policy::PolicyError::Refused(refusal) => {
                Status::refused(crate::policy::PATH, "policy", refusal)
            }
            error => Status::broken(
                crate::policy::PATH,
                "policy",
                error.to_string(),
                error.help(),
            ),
        });
    }
    if let Err(refusal) = trust.manifest() {
        list.push(Status::refused(manifest::PATH, "baseline", refusal));
    }
    if arguments.format == Shown::Human {
        for (version, digest) in trust.chain() {
            console.detail(&format!("root version {version}: {digest}"));
        }
        if trust.floor().is_none() {
            console.note("the root vouches for itself: nothing is pinned or remembered");
        }
    }
    status::show(&list, arguments.format, console)
}

fn rotate(common: &Common, arguments: &RotateArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    let trust = repository.verified_root()?;
    let rotation = Rotation {
        add: arguments.add.iter().map(person).collect::<Result<_, _>>()?,
        remove: arguments.remove.clone(),
        retire: arguments.retire.clone(),
        threshold: arguments.threshold,
    };
    strangers(trust, &rotation)?;
    let current = trust.root();
    let read = |path: &str| -> Result<String, Failure> {
        text_of(&repository, path)?
            .ok_or_else(|| Failure::run(format!("{path} is missing"), "restore it"))
    };
    let signers = next_signers(&read(&signers_path())?, &rotation, now);
    let next = Next {
        version: current.header.version + 1,
        previous: Some(trust.digest()),
        issued: seconds(now),
        expires: arguments.expires.unwrap_or_else(|| seconds(now + LIFE)),
    };
    let root =
        next_root(&read(root::PATH)?, &rotation, &signers, &next).map_err(|error| match error {
            ProposalError::Malformed(problems) => Failure::Problems(problems),
            error => Failure::run(
                format!("the next root cannot be made: {error}"),
                "edit trust/root.yaml by hand, raise its version and name the one before",
            ),
        })?;
    let new = Keyring::of_texts(&root, &signers)
        .map_err(|refusal| Failure::run(refusal.to_string(), refusal.help()))?;
    let soon = now + SignedDuration::from_secs(2);
    let unreachable = new.beyond_reach(soon);
    if !unreachable.is_empty() {
        return Err(Failure::Refused {
            message: format!(
                "nobody could complete anything under the new root: {}",
                unreachable.join("; ")
            ),
            help: "add people or lower --threshold in the same command".to_owned(),
        });
    }
    for path in unseen_gaps(&repository, trust, &new, soon) {
        console.note(&format!("{path} will be refused by machines that have not seen it yet: have it signed again soon"));
    }
    let gaps = gaps(&repository, trust, &new);
    for gap in &gaps {
        console.note(gap);
    }
    if !gaps.is_empty() && !arguments.accept_gap {
        console.note("nothing was written: these documents would give no verdict until they are signed again; --accept-gap goes on");
        return Ok(3);
    }
    keep_whole(&repository.folder, current.header.version)?;
    let write = |path: &str, text: &str| {
        files::write(&repository.folder, path, text.as_bytes()).map_err(|error| unwritable(&error))
    };
    write(&signers_path(), &signers)?;
    write(root::PATH, &root)?;
    files::remove_signatures(&repository.folder, root::PATH).map_err(|error| unwritable(&error))?;
    console.note(&format!(
        "wrote {} version {}; version {} is kept in {}; until it is signed, no check gives a verdict",
        root::PATH,
        next.version,
        current.header.version,
        folder_of(current.header.version)
    ));
    if arguments.no_sign {
        let title = format!(
            "{} version {} against version {}:",
            root::PATH,
            next.version,
            current.header.version
        );
        console.text(&review::render(
            &title,
            &of_root(Some(trust.keyring()), &new),
        ))?;
        return Ok(0);
    }
    sign_root(&repository, &arguments.sign, now, console)
}

/// Names that the root does not know cannot leave it.
fn strangers(trust: &Trust, rotation: &Rotation) -> Result<(), Failure> {
    let leaving = rotation.remove.iter().chain(&rotation.retire);
    for name in leaving {
        if trust.keyring().signers.of_principal(name).next().is_none() {
            return Err(Failure::Usage(format!(
                "{name:?} has no key in trust/allowed_signers"
            )));
        }
    }
    Ok(())
}

/// The documents that count where a run has seen them, and nowhere else once keys have ended.
fn unseen_gaps(
    repository: &Repository,
    trust: &Trust,
    new: &Keyring,
    at: Timestamp,
) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut look = |path: String, duty: Duty<'_>| {
        let Ok(file) = SignedFile::load(&repository.folder, &path) else {
            return;
        };
        let seen = trust.moment(file.digest());
        if new.verify(duty, &file, seen).is_ok() && new.verify(duty, &file, at).is_err() {
            gaps.push(path);
        }
    };
    look(crate::policy::PATH.to_owned(), Duty::Policy);
    for tenant in &repository.tenants() {
        look(crate::baseline::path(tenant), Duty::Baseline(tenant));
    }
    gaps
}

/// The documents that have enough signatures now and would not by another root.
fn gaps(repository: &Repository, trust: &Trust, new: &Keyring) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut look = |path: &str, duty: Duty<'_>| {
        let Ok(file) = SignedFile::load(&repository.folder, path) else {
            return;
        };
        let at = trust.moment(file.digest());
        if let (Ok(_), Err(refusal)) = (trust.verify(duty, &file), new.verify(duty, &file, at)) {
            gaps.push(format!("would no longer count: {refusal}"));
        }
    };
    look(crate::policy::PATH, Duty::Policy);
    let tenants = repository.tenants();
    for tenant in &tenants {
        look(&crate::baseline::path(tenant), Duty::Baseline(tenant));
    }
    if let Ok(Some(manifest)) = trust.manifest()
        && let Some(tenant) = manifest.entries.keys().next()
    {
        look(manifest::PATH, Duty::Baseline(tenant));
    }
    gaps
}

/// Copies the root in force, its keys and its signatures to where earlier roots lie.
fn keep_whole(folder: &Path, version: u64) -> Result<(), Failure> {
    let target = folder_of(version);
    let file = SignedFile::load(folder, root::PATH).map_err(|error| unwritable(&error))?;
    let keys = files::read(folder, &signers_path()).map_err(|error| unwritable(&error))?;
    let mut copies: BTreeMap<String, &[u8]> = BTreeMap::new();
    copies.insert(format!("{target}/root.yaml"), &file.bytes);
    copies.insert(format!("{target}/{}", allowed_signers::FILE_NAME), &keys);
    let own = files::signature_folder(root::PATH);
    for signature in &file.signatures {
        let name = signature.path.strip_prefix(&own).unwrap_or(&signature.path);
        copies.insert(format!("{target}/root.sigs{name}"), &signature.bytes);
    }
    for (path, bytes) in copies {
        files::write(folder, &path, bytes).map_err(|error| unwritable(&error))?;
    }
    Ok(())
}
