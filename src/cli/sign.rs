//! Signing: which key, whose it is, and the question before it.

use super::console::Console;
use super::{Failure, Outcome};
use crate::digest::Digest;
use crate::finding::{Direction, Severity};
use crate::hostile_text::visible;
use crate::review::{Line, Review};
use crate::signing::agent::{Agent, Identity};
use crate::signing::{KeyFile, SigningError, SigningKey, usual_keys};
use crate::trust::{Duty, Header, Key, Keyring, SignedFile, Trust, files};
use clap::Args;
use jiff::Timestamp;
use ssh_key::public::KeyData;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, Args)]
pub(super) struct SignArgs {
    /// Sign with this OpenSSH key: a private one, or a public one whose private half is in ssh-agent [default: a key that may sign, from ssh-agent or ~/.ssh]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// A key that was found, before it is ready.
pub(super) enum Found {
    /// In an agent.
    Agent(Agent, Identity),
    /// In a file.
    File(PathBuf, KeyFile),
}

impl Found {
    pub fn public_key(&self) -> &KeyData {
        match self {
            Self::Agent(_, identity) => &identity.key,
            Self::File(_, file) => file.public_key(),
        }
    }

    /// The comment given to the key, which is often its owner's name.
    pub fn comment(&self) -> String {
        match self {
            Self::Agent(_, identity) => identity.comment.clone(),
            // The comment of an encrypted key is encrypted, too; the public half beside it has it.
            Self::File(path, KeyFile::Locked(_)) => {
                let beside = format!("{}.pub", path.display());
                KeyFile::read(Path::new(&beside))
                    .map_or_else(|_| String::new(), |file| file.comment())
            }
            Self::File(_, file) => file.comment(),
        }
    }

    /// How messages name it.
    pub fn words(&self) -> String {
        match self {
            Self::Agent(_, identity) => format!("{:?} in ssh-agent", identity.comment),
            Self::File(path, _) => path.display().to_string(),
        }
    }
}

fn agent() -> Option<Agent> {
    let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty())?;
    Some(Agent::at(PathBuf::from(socket)))
}

/// Every key that the agent holds, where there is one.
pub(super) fn agent_keys(console: &Console) -> Vec<Found> {
    let Some(agent) = agent() else {
        return Vec::new();
    };
    match agent.identities() {
        Ok(identities) => identities
            .into_iter()
            .map(|identity| Found::Agent(agent.clone(), identity))
            .collect(),
        Err(error) => {
            console.detail(&error.to_string());
            Vec::new()
        }
    }
}

/// The key named on the command line, or every key at hand: in the agent, then where OpenSSH keeps them.
pub(super) fn keys(named: Option<&Path>, console: &Console) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    let identities = agent_keys(console);
    if let Some(path) = named {
        let file = KeyFile::read(path).map_err(|error| unusable(&error))?;
        // An agent that holds the other half of a public key signs for it.
        if matches!(file, KeyFile::Public(_)) {
            let in_agent = identities
                .into_iter()
                .find(|identity| identity.public_key() == file.public_key());
            return Ok(vec![in_agent.unwrap_or(Found::File(path.to_owned(), file))]);
        }
        return Ok(vec![Found::File(path.to_owned(), file)]);
    }
    found.extend(identities);
    if let Some(home) = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")) {
        for path in usual_keys(Path::new(&home)) {
            match KeyFile::read(&path) {
                Ok(file)
                    if found
                        .iter()
                        .any(|earlier| earlier.public_key() == file.public_key()) => {}
                Ok(file) => found.push(Found::File(path, file)),
                Err(error) => console.detail(&error.to_string()),
            }
        }
    }
    Ok(found)
}

fn unusable(error: &SigningError) -> Failure {
    Failure::run(
        error.to_string(),
        "name a key made by ssh-keygen with --key, or add it to ssh-agent",
    )
}

/// What is to be signed, as whom, by which keyrings.
pub(super) struct Task<'a> {
    /// The audit repository.
    pub folder: &'a Path,
    /// The document, relative to it.
    pub path: &'a str,
    /// Its bytes as they were reviewed: these are signed, whatever the file holds by then.
    pub bytes: &'a [u8],
    /// What is asked for; of a manifest, the baseline of every tenant in it.
    pub duties: Vec<Duty<'a>>,
    /// Roots by which the signature may count: for a new root also the one before.
    pub keyrings: Vec<&'a Keyring>,
    /// When.
    pub now: Timestamp,
}

impl<'a> Task<'a> {
    /// The first duty: all are of one role.
    fn duty(&self) -> Duty<'a> {
        self.duties.first().copied().unwrap_or(Duty::Root)
    }
}

/// Whose key it is, by any of the keyrings, and whether that person holds the role.
fn holder(task: &Task<'_>, key: &KeyData) -> Option<String> {
    task.keyrings.iter().find_map(|keyring| {
        let line = keyring.signers.of_key(key)?;
        let is_baseline = matches!(task.duty(), Duty::Baseline(_));
        let emergency = is_baseline.then_some(Duty::Emergency);
        let holds = task
            .duties
            .iter()
            .copied()
            .chain(emergency)
            .filter_map(|duty| keyring.root.grant(duty))
            .any(|grant| grant.principals.contains(&line.principal));
        let counts = line.refusal(task.duty().namespace(), task.now).is_none();
        (holds && counts).then(|| line.principal.clone())
    })
}

/// Shows what changes, asks, signs, and says what is still missing.
pub(super) fn sign(
    task: &Task<'_>,
    arguments: &SignArgs,
    title: &str,
    review: &Review,
    console: &Console,
) -> Outcome {
    let keys = keys(arguments.key.as_deref(), console)?;
    let candidates: Vec<(String, &Found)> = keys
        .iter()
        .filter_map(|found| Some((holder(task, found.public_key())?, found)))
        .collect();
    let Some((principal, found)) = candidates.first() else {
        return Err(nobody(task, &keys, arguments));
    };
    console.text(&super::review::render(title, review))?;
    if !confirmed(
        &format!("Sign {} as {principal}?", task.path),
        arguments.yes,
        console,
    )? {
        return Ok(3);
    }
    let made = make(task, found, principal, console)?;
    if files::read(task.folder, task.path).ok().as_deref() != Some(task.bytes) {
        return Err(Failure::Refused {
            message: format!(
                "{} was changed while it was reviewed: nothing was signed",
                task.path
            ),
            help: "look at it again".to_owned(),
        });
    }
    let signature = match made {
        Made::Signature(signature) => signature,
        Made::Elsewhere(line) => {
            console.text(&format!("{line}\n"))?;
            console.note(&format!(
                "connguard cannot use this key itself: run the line above over what was shown, {}, then verify",
                Digest::of(task.bytes)
            ));
            return Ok(3);
        }
    };
    let path = format!("{}/{principal}.sig", files::signature_folder(task.path));
    files::write(task.folder, &path, signature.as_bytes())
        .map_err(|error| Failure::run(error.to_string(), "check the folder and its permissions"))?;
    console.note(&format!("signed {} as {principal}: {path}", task.path));
    said(task, console)
}

/// What is still missing after a signature.
fn said(task: &Task<'_>, console: &Console) -> Outcome {
    let file = SignedFile::load(task.folder, task.path)
        .map_err(|error| Failure::run(error.to_string(), "check the folder and its permissions"))?;
    for keyring in &task.keyrings {
        let refused = task
            .duties
            .iter()
            .find_map(|duty| keyring.verify(*duty, &file, task.now).err());
        console.note(&refused.map_or_else(
            || {
                format!(
                    "{} has enough signatures by version {} of the root",
                    task.path, keyring.root.header.version
                )
            },
            |refusal| refusal.to_string(),
        ));
    }
    Ok(0)
}

enum Made {
    Signature(String),
    /// The line that makes it with OpenSSH alone.
    Elsewhere(String),
}

fn make(
    task: &Task<'_>,
    found: &Found,
    principal: &str,
    console: &Console,
) -> Result<Made, Failure> {
    let key = match found {
        Found::Agent(agent, identity) => {
            SigningKey::Agent(agent.clone(), Box::new(identity.key.clone()))
        }
        Found::File(path, KeyFile::Public(_)) => {
            return Ok(Made::Elsewhere(by_hand(
                task,
                &path.display().to_string(),
                principal,
            )));
        }
        // RSA keys in files are left to OpenSSH: signing with them needs more arithmetic than is worth carrying.
        Found::File(path, _) if found.public_key().is_rsa() => {
            return Ok(Made::Elsewhere(by_hand(
                task,
                &path.display().to_string(),
                principal,
            )));
        }
        Found::File(_, KeyFile::Open(key)) => SigningKey::File(key.clone()),
        Found::File(path, KeyFile::Locked(key)) => {
            let passphrase = console.passphrase(&format!("Passphrase of {}: ", path.display()))?;
            SigningKey::unlock(key, &passphrase).map_err(|error| unusable(&error))?
        }
    };
    key.sign(task.duty().namespace(), task.bytes)
        .map(Made::Signature)
        .map_err(|error| unusable(&error))
}

/// The line with which OpenSSH signs.
fn by_hand(task: &Task<'_>, key: &str, principal: &str) -> String {
    let folder = files::signature_folder(task.path);
    format!(
        "ssh-keygen -Y sign -n {} -f {} < {} > {}",
        task.duty().namespace(),
        quoted(key),
        quoted(task.path),
        quoted(&format!("{folder}/{principal}.sig"))
    )
}

/// A word as a shell takes it for itself.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_@+-".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Adds what whoever signs has to know beside the changes: that nothing vouches for the root
/// by which they were shown, and that versions were never seen.
///
/// What memory would refuse anyway is not offered for signing.
pub(super) fn warn(
    review: &mut Review,
    trust: &Trust,
    task: &Task<'_>,
    key: &Key,
    header: &Header,
) -> Result<(), Failure> {
    refused_by_memory(trust, task, key, header)?;
    if let Some(seen) = trust.newest_seen(key)
        && header.version > seen.version.saturating_add(1)
    {
        let words = format!(
            "follows versions that no run here has seen: the newest was {}",
            seen.version
        );
        above_all(review, format!("version {}", header.version), words);
    }
    warn_of_root(review, trust);
    Ok(())
}

/// Refuses to sign what an earlier run's memory contradicts.
pub(super) fn refused_by_memory(
    trust: &Trust,
    task: &Task<'_>,
    key: &Key,
    header: &Header,
) -> Result<(), Failure> {
    let remembered = trust.remembered(key, task.path, header, Digest::of(task.bytes));
    remembered.map(|_| ()).map_err(|refusal| Failure::Refused {
        message: refusal.to_string(),
        help: refusal.help(),
    })
}

/// Says that nothing vouches for the root, if nothing does.
pub(super) fn warn_of_root(review: &mut Review, trust: &Trust) {
    if trust.floor().is_none() {
        let words = format!(
            "is neither pinned nor remembered, so whoever can write here may have made it: {}",
            trust.digest()
        );
        above_all(review, "trust/root.yaml".to_owned(), words);
    }
}

/// A line above everything else: it says what the rest is worth.
fn above_all(review: &mut Review, subject: String, words: String) {
    let line = Line {
        subject,
        words,
        direction: Direction::Widens,
        severity: Severity::High,
        about: None,
    };
    review.lines.insert(0, line);
}

fn nobody(task: &Task<'_>, keys: &[Found], arguments: &SignArgs) -> Failure {
    let role = task.duty().role();
    let could: BTreeSet<&str> = task
        .keyrings
        .iter()
        .filter_map(|keyring| Some((keyring, keyring.root.grant(task.duty())?)))
        .flat_map(|(keyring, grant)| {
            let people = grant.principals.iter().map(String::as_str);
            people.filter(|name| keyring.may_sign(name, task.duty().namespace(), task.now))
        })
        .collect();
    let could: Vec<&str> = could.into_iter().collect();
    let tried: Vec<String> = keys.iter().map(Found::words).collect();
    let message = match (&arguments.key, tried.as_slice()) {
        (Some(path), _) => format!(
            "{} is not a key that counts, of anybody who holds the {role} role for {}",
            path.display(),
            task.path
        ),
        (None, []) => "there is no key in ssh-agent or ~/.ssh to sign with".to_owned(),
        (None, tried) => format!(
            "none of these keys counts for anybody who holds the {role} role for {}: {}",
            task.path,
            tried.join(", ")
        ),
    };
    Failure::run(
        message,
        format!(
            "could sign: {}; name a key with --key FILE, or, for a certificate, sign by hand: {}",
            could.join(", "),
            by_hand(task, "KEY", "NAME")
        ),
    )
}

/// Asks, unless that was answered on the command line. Without a terminal nobody can answer.
pub(super) fn confirmed(question: &str, yes: bool, console: &Console) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    match console.ask(&format!("{} [y/N] ", visible(question)))? {
        Some(answer) => {
            let agreed = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
            if !agreed {
                console.note("nothing was signed");
            }
            Ok(agreed)
        }
        None => {
            console.note(
                "nothing was signed: there is no terminal to ask on, and --yes was not given",
            );
            Ok(false)
        }
    }
}
