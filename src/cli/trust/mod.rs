//! `connguard trust`: the first root, the next one, its signatures, and whether all of it can be believed.

pub(super) mod init;
mod rotate;
mod sign;
mod verify;

use init::InitArgs;
use rotate::RotateArgs;
use sign::TrustSignArgs;
use verify::TrustVerifyArgs;

use crate::cli::console::Console;
use crate::cli::{Common, Failure, Outcome};
use crate::proposal::root::Person;
use crate::trust::allowed_signers::{self, is_principal};
use crate::trust::chain::FOLDER;
use crate::trust::files;
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use ssh_key::PublicKey;
use std::path::PathBuf;

/// How long a root or a policy counts.
pub(super) const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

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

/// `NAME=FILE.pub`
pub(super) fn parse_person(text: &str) -> Result<(String, PathBuf), String> {
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
        TrustCommand::Init(arguments) => init::init(common, arguments, console),
        TrustCommand::Sign(arguments) => sign::sign(common, arguments, console),
        TrustCommand::Verify(arguments) => verify::verify(common, arguments, console),
        TrustCommand::Rotate(arguments) => rotate::rotate(common, arguments, console),
    }
}

pub(super) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

pub(super) fn unwritable(error: &files::FileError) -> Failure {
    Failure::run(error.to_string(), "check the folder and its permissions")
}

/// A person with the public key of a file.
pub(super) fn person((name, file): &(String, PathBuf)) -> Result<Person, Failure> {
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
pub(super) fn line_of(mut key: PublicKey) -> Result<String, Failure> {
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

pub(super) fn signers_path() -> String {
    format!("{FOLDER}/{}", allowed_signers::FILE_NAME)
}
