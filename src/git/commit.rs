//! Commits as git stores them, and the bytes that their signatures are about.

use git2::Oid;

/// The header of a signature, as git writes and checks it.
const SIGNATURE: &str = "gpgsig";

/// A commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its folder.
    pub tree: Oid,
    /// The commits before it.
    pub parents: Vec<Oid>,
    /// When it was made, by the committer's clock, in seconds since 1970.
    pub time: i64,
    /// What it says.
    pub message: String,
    /// The armored signature, if it has one.
    pub signature: Option<String>,
    /// The bytes that the signature is about: all but the signature.
    pub signed: Vec<u8>,
}

impl Commit {
    /// The bytes of an unsigned commit. `who` is `Name <address>`.
    pub fn encode(tree: Oid, parent: Option<Oid>, who: &str, time: i64, message: &str) -> Vec<u8> {
        let parent = parent.map_or_else(String::new, |parent| format!("parent {parent}\n"));
        format!("tree {tree}\n{parent}author {who} {time} +0000\ncommitter {who} {time} +0000\n\n{message}").into_bytes()
    }

    /// Adds a signature to the bytes of an unsigned commit.
    pub fn sign(unsigned: &[u8], armored: &str) -> Vec<u8> {
        let end = header_end(unsigned).unwrap_or(unsigned.len());
        let (header, rest) = unsigned.split_at(end);
        // Continued lines begin with a space.
        let folded = armored.trim_end().replace('\n', "\n ");
        [header, format!("{SIGNATURE} {folded}\n").as_bytes(), rest].concat()
    }

    /// Reads the bytes of a commit; the reason when they are not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let end = header_end(bytes).ok_or("its header has no end")?;
        let (header, message) = bytes.split_at(end);
        let header = std::str::from_utf8(header).map_err(|_| "its header is not UTF-8")?;
        let message = message.strip_prefix(b"\n").unwrap_or_default();
        let mut commit = Self {
            tree: Oid::ZERO_SHA1,
            parents: Vec::new(),
            time: 0,
            message: String::from_utf8_lossy(message).into_owned(),
            signature: None,
            signed: Vec::with_capacity(bytes.len()),
        };
        let mut seen_tree = false;
        let mut in_signature = false;
        for line in header.split_inclusive('\n') {
            let plain = line.trim_end_matches('\n');
            if let Some(more) = plain.strip_prefix(' ') {
                match (&mut commit.signature, in_signature) {
                    (Some(signature), true) => {
                        signature.push('\n');
                        signature.push_str(more);
                    }
                    _ => commit.signed.extend_from_slice(line.as_bytes()),
                }
                continue;
            }
            let (key, value) = plain.split_once(' ').unwrap_or((plain, ""));
            in_signature = key == SIGNATURE;
            if in_signature {
                if commit.signature.replace(value.to_owned()).is_some() {
                    return Err("it has two signatures".to_owned());
                }
                continue;
            }
            commit.signed.extend_from_slice(line.as_bytes());
            match key {
                "tree" if !seen_tree => {
                    commit.tree = id(value)?;
                    seen_tree = true;
                }
                "tree" => return Err("it has two trees".to_owned()),
                "parent" => commit.parents.push(id(value)?),
                "committer" => commit.time = time(value)?,
                _ => {}
            }
        }
        commit.signed.push(b'\n');
        commit.signed.extend_from_slice(message);
        if seen_tree {
            Ok(commit)
        } else {
            Err("it has no tree".to_owned())
        }
    }
}

/// Where the empty line before the message begins.
fn header_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .map(|position| position + 1)
}

fn id(text: &str) -> Result<Oid, String> {
    let whole = text.len() == 40;
    Oid::from_str(text)
        .ok()
        .filter(|_| whole)
        .ok_or_else(|| format!("{text:?} is no object's name"))
}

/// The seconds in `Name <address> seconds zone`.
fn time(text: &str) -> Result<i64, String> {
    let mut words = text.rsplit(' ');
    words
        .nth(1)
        .and_then(|seconds| seconds.parse().ok())
        .ok_or_else(|| "its committer has no time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_goes_in_and_comes_out_again() -> Result<(), String> {
        let parent = Oid::from_str("1234567890123456789012345678901234567890")
            .map_err(|error| error.to_string())?;
        let who = "connguard <ci@contoso.com>";
        let unsigned = Commit::encode(parent, Some(parent), who, 1_700_000_000, "A\n\nb\n");
        let signed = Commit::sign(&unsigned, "-----BEGIN\nx\n-----END\n");
        let commit = Commit::parse(&signed)?;
        assert_eq!(commit.signed, unsigned);
        assert_eq!(commit.signature.as_deref(), Some("-----BEGIN\nx\n-----END"));
        assert_eq!((commit.tree, commit.time), (parent, 1_700_000_000));
        assert_eq!(commit.parents, [parent]);
        assert_eq!(commit.message, "A\n\nb\n");
        Ok(())
    }
}
