//! The key that signs snapshots.

use super::Failure;
use super::console::Console;
use super::sign::{Found, agent_keys};
use crate::signing::{KeyFile, SigningKey};
use crate::trust::{Duty, Trust};
use jiff::Timestamp;
use ssh_key::public::KeyData;
use std::path::Path;

/// The variable that holds the key, or names its file.
pub const VARIABLE: &str = "CONNGUARD_HISTORY_KEY";

/// A key that signs snapshots, and whose it is.
pub(super) struct HistoryKey {
    pub key: SigningKey,
    /// Who holds it by the root's allowed_signers; `None` where nobody there does.
    pub principal: Option<String>,
}

/// The key named on the command line or in the environment, else one in the agent that holds the history role.
pub(super) fn find(
    named: Option<&Path>,
    trust: Option<&Trust>,
    now: Timestamp,
    console: &Console,
) -> Result<Option<HistoryKey>, Failure> {
    let file = match (named, std::env::var_os(VARIABLE)) {
        (Some(path), _) => Some((path.display().to_string(), KeyFile::read(path))),
        (None, Some(value)) if value.is_empty() => {
            return Err(Failure::Usage(format!(
                "the variable {VARIABLE} is set and empty: name a key, or unset it"
            )));
        }
        (None, Some(value)) => {
            let text = value.to_string_lossy();
            let key = if text.trim_start().starts_with("-----BEGIN") {
                KeyFile::parse(&text)
            } else {
                KeyFile::read(Path::new(&value))
            };
            Some((format!("the variable {VARIABLE}"), key))
        }
        (None, None) => None,
    };
    let Some((place, file)) = file else {
        return Ok(in_agent(trust, now, console));
    };
    let unusable = |reason: String| {
        Failure::run(
            format!("the key in {place} cannot sign: {reason}"),
            "name an OpenSSH key made by ssh-keygen, such as ed25519; RSA keys and tokens sign through ssh-agent",
        )
    };
    let file = file.map_err(|error| unusable(error.to_string()))?;
    let principal = holder(trust, file.public_key(), now).map_err(|reason| {
        Failure::run(
            format!("the key in {place} does not count: {reason}"),
            "give its owner the history role in the next version of the root: connguard trust rotate",
        )
    })?;
    let key = match file {
        KeyFile::Open(key) => SigningKey::File(key),
        KeyFile::Locked(key) => {
            let passphrase = console.passphrase(&format!("Passphrase of {place}: "))?;
            SigningKey::unlock(&key, &passphrase).map_err(|error| unusable(error.to_string()))?
        }
        KeyFile::Public(key) => {
            let held = agent_keys(console)
                .into_iter()
                .find_map(|found| match found {
                    Found::Agent(agent, identity) if identity.key == *key.key_data() => {
                        Some(SigningKey::Agent(agent, Box::new(identity.key)))
                    }
                    _ => None,
                });
            held.ok_or_else(|| {
                unusable("it is a public key, and no agent holds the private one".to_owned())
            })?
        }
    };
    Ok(Some(HistoryKey { key, principal }))
}

fn in_agent(trust: Option<&Trust>, now: Timestamp, console: &Console) -> Option<HistoryKey> {
    agent_keys(console).into_iter().find_map(|found| {
        let principal = holder(trust, found.public_key(), now).ok().flatten()?;
        match found {
            Found::Agent(agent, identity) => Some(HistoryKey {
                key: SigningKey::Agent(agent, Box::new(identity.key)),
                principal: Some(principal),
            }),
            Found::File(..) => None,
        }
    })
}

/// Who holds a key; the reason when the root gives the history role to others.
fn holder(trust: Option<&Trust>, key: &KeyData, now: Timestamp) -> Result<Option<String>, String> {
    let Some(trust) = trust else {
        return Ok(None);
    };
    let Some(grant) = trust.root().grant(Duty::History) else {
        return Ok(None);
    };
    let line = trust.keyring().signers.of_key(key);
    let line = line.ok_or("it is not in trust/allowed_signers")?;
    if let Some(refusal) = line.refusal(Duty::History.namespace(), now) {
        return Err(refusal);
    }
    if grant.principals.contains(&line.principal) {
        Ok(Some(line.principal.clone()))
    } else {
        Err(format!("{} does not hold the history role", line.principal))
    }
}
