//! The manifest of a fleet: one signature over many baselines.

use super::files::{Documents, FileError, SignedFile};
use super::header::Header;
use super::keyring::{Attested, Keyring, text};
use super::refusal::Refusal;
use super::root::Duty;
use crate::digest::Digest;
use crate::document::{Node, Problems, Reader, Source};
use crate::tenant::{TENANT_NAME_HELP, is_tenant_name};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Where the manifest lies in an audit repository.
pub const PATH: &str = "baselines/manifest.yaml";

/// A manifest with the signatures that are good; whose they must be, each tenant says.
#[derive(Debug)]
pub struct Manifest {
    /// Version and life.
    pub header: Header,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Baselines by tenant.
    pub entries: BTreeMap<String, Entry>,
    attested: Attested,
}

/// One baseline in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its version.
    pub version: u64,
    /// Digest of its bytes.
    pub digest: Digest,
}

impl Manifest {
    /// Reads the manifest, if there is one. Its keys must count now, whenever it was first seen: it speaks
    /// for tenants with signers of their own, of whom some may have seen it and others not. Nothing of it is parsed before somebody's signature was good.
    pub(super) fn open(
        documents: &(impl Documents + ?Sized),
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<Option<Self>, Refusal> {
        let file = match SignedFile::load(documents, PATH) {
            Err(FileError::Missing(_)) => return Ok(None),
            other => other?,
        };
        let attested = keyring.attest(Duty::Baseline("").namespace(), &file, now);
        attested.by_anybody(&file.path)?;
        let source = Source {
            path: &file.path,
            text: text(&file.path, &file.bytes)?,
        };
        let (header, entries) = parse(source).map_err(Refusal::Malformed)?;
        Ok(Some(Self {
            header,
            digest: file.digest(),
            entries,
            attested,
        }))
    }

    /// Whose signatures are good.
    pub(super) const fn attested(&self) -> &Attested {
        &self.attested
    }
}

/// Reads the text of a manifest. Whether it may be believed is not decided here.
pub fn parse(source: Source<'_>) -> Result<(Header, BTreeMap<String, Entry>), Problems> {
    let reader = Reader::new(source);
    let read = reader.parse().and_then(|node| read(&reader, &node));
    reader.finish(read)
}

fn read(reader: &Reader<'_>, node: &Node) -> Option<(Header, BTreeMap<String, Entry>)> {
    let mut fields = reader.fields(node, "a manifest")?;
    let header = Header::read(reader, &mut fields, "Manifest");
    let entries = fields.required("baselines").and_then(|node| {
        reader.entries(node, "baselines by tenant", |reader, key, node| {
            if !is_tenant_name(&key.name) {
                reader.wrong(
                    key.span.clone(),
                    format!("{:?} is not a name for a tenant", key.name),
                    TENANT_NAME_HELP,
                );
                return None;
            }
            let mut fields = reader.fields(node, "a baseline of the manifest")?;
            let version = fields
                .required("version")
                .and_then(|node| reader.number(node, 1));
            let digest = fields
                .required("digest")
                .and_then(|node| reader.digest(node));
            fields.finish();
            Some(Entry {
                version: version?,
                digest: digest?,
            })
        })
    });
    fields.finish();
    Some((header?, entries?.into_iter().collect()))
}
