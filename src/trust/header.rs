//! What every signed document says of itself.

use crate::digest::Digest;
use crate::document::{Fields, Reader};
use jiff::{SignedDuration, Timestamp};

/// How far ahead of the clock a document may be issued: machines' clocks differ.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The highest version that is taken: one change a second for thirty years.
const HIGHEST_VERSION: u64 = 1_000_000_000;

/// Version, chain and life of a signed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Rises by one with every change.
    pub version: u64,
    /// Digest of the version before; `None` in version 1.
    pub previous: Option<Digest>,
    /// When it was made, by its own word: no proof of age.
    pub issued: Timestamp,
    /// From when on it gives no verdict.
    pub expires: Timestamp,
}

impl Header {
    /// Reads the header's fields, `apiVersion` and `kind` included.
    pub fn read(reader: &Reader<'_>, fields: &mut Fields<'_, '_, '_>, kind: &str) -> Option<Self> {
        fields.header(kind);
        let version_node = fields.required("version");
        let version = version_node
            .and_then(|node| Some((node, reader.number(node, 1)?)))
            .and_then(|(node, version)| {
                if version <= HIGHEST_VERSION {
                    return Some(version);
                }
                reader.wrong(
                    node.span.clone(),
                    format!("a version above {HIGHEST_VERSION} leaves none to come after it"),
                    "raise the version before by one",
                );
                None
            });
        let previous_node = fields.optional("previous");
        let previous = previous_node.and_then(|node| reader.digest(node));
        let issued = fields.required("issued").and_then(|node| reader.time(node));
        let expires_node = fields.required("expires");
        let expires = expires_node.and_then(|node| reader.time(node));
        match (version, previous_node) {
            (Some(1), Some(node)) => reader.wrong(
                node.span.clone(),
                "version 1 has no version before it",
                "take `previous` out, or raise `version`",
            ),
            (Some(version), None) if version > 1 => {
                let span = version_node.map_or_else(|| fields.span(), |node| node.span.clone());
                let help = format!(
                    "add `previous: sha256:…`, what `git show REVISION:{} | sha256sum` prints for the revision with version {}",
                    reader.source().path,
                    version - 1
                );
                reader.wrong(
                    span,
                    format!("version {version} must name the version before it"),
                    help,
                );
            }
            _ => {}
        }
        if let (Some(issued), Some(expires), Some(node)) = (issued, expires, expires_node)
            && expires <= issued
        {
            reader.wrong(
                node.span.clone(),
                "`expires` must be later than `issued`",
                "correct one of the two dates",
            );
        }
        Some(Self {
            version: version?,
            previous,
            issued: issued?,
            expires: expires?,
        })
    }

    /// Why a document gives no verdict now: it has expired, or is not of this time yet.
    pub fn obstacle(&self, path: &str, now: Timestamp) -> Option<String> {
        if self.is_expired(now) {
            return Some(format!(
                "{path} expired at {}: have a new version signed",
                self.expires
            ));
        }
        if self.issued.duration_since(now) > CLOCK_SKEW {
            return Some(format!(
                "{path} was issued at {}, which is later than the time of this run, {now}: the clock was set back, or the document was dated ahead",
                self.issued
            ));
        }
        None
    }

    /// Whether it gives no verdict any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }
}
