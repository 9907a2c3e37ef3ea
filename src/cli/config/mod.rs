//! `connguard.yaml`: where each tenant is read from. Unsigned, so nothing in it decides a verdict.

mod exchange;

pub use exchange::Exchange;

use super::Failure;
use crate::baseline::organization;
use crate::document::{Node, Problem, Problems, Reader, Source};
use crate::snapshot::Organization;
use crate::tenant::{TENANT_NAME_HELP, is_tenant_name};
use crate::trust::files::{self, Documents};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The file's name.
pub const FILE_NAME: &str = "connguard.yaml";

/// What the file says.
#[derive(Debug)]
pub struct Config {
    /// Tenants by name.
    pub tenants: BTreeMap<String, Tenant>,
    /// Where the snapshots are kept.
    pub history: HistoryPlace,
}

/// Where the snapshots are kept. Whether that is let pass is decided where it is opened.
#[derive(Debug, Default)]
pub struct HistoryPlace {
    /// A git repository on this machine, from the audit repository's folder; `None` for that of the audit repository itself.
    pub repository: Option<String>,
    /// The ref; `None` for the usual one.
    pub name: Option<String>,
}

/// Where one tenant is read from.
#[derive(Debug)]
pub struct Tenant {
    /// Which organization it is.
    pub organization: Organization,
    /// What it is read from.
    pub source: TenantSource,
}

/// What a tenant is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantSource {
    /// An exported file, relative to the audit repository.
    Export(String),
    /// The live service.
    Exchange(Box<Exchange>),
}

impl Tenant {
    /// The exported file that it is read from, where it is one.
    pub fn export(&self) -> Option<&str> {
        match &self.source {
            TenantSource::Export(path) => Some(path),
            TenantSource::Exchange(_) => None,
        }
    }

    /// The live service that it is read from, where it is that.
    pub fn exchange(&self) -> Option<&Exchange> {
        match &self.source {
            TenantSource::Export(_) => None,
            TenantSource::Exchange(exchange) => Some(exchange),
        }
    }
}

impl std::fmt::Display for TenantSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Export(path) => f.write_str(path),
            Self::Exchange(exchange) => write!(f, "{exchange}"),
        }
    }
}

/// Something that one configuration says otherwise than another.
pub struct Difference {
    /// What, in words.
    pub words: String,
    /// Whether what is known of a tenant is taken away or comes from somewhere else.
    pub moves_evidence: bool,
}

impl Config {
    /// In what another configuration differs.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.tenants.keys().chain(other.tenants.keys()).collect();
        let mut found = Vec::new();
        for name in names {
            let (words, moves_evidence) = match (self.tenants.get(name), other.tenants.get(name)) {
                (Some(_), None) => (format!("{name} is no longer configured"), true),
                (None, Some(_)) => (format!("{name} is configured, too"), false),
                (Some(old), Some(new)) if old.organization != new.organization => {
                    (format!("{name} is another organization from then on"), true)
                }
                // What another export comes to is judged by what both files hold; of the service nobody here knows.
                (Some(old), Some(new)) if old.source != new.source => (
                    format!(
                        "{name} is read from {} instead of {}",
                        new.source, old.source
                    ),
                    old.export().is_none() || new.export().is_none(),
                ),
                _ => continue,
            };
            found.push(Difference {
                words,
                moves_evidence,
            });
        }
        if (&self.history.repository, &self.history.name)
            != (&other.history.repository, &other.history.name)
        {
            found.push(Difference {
                words: "the history lies somewhere else from then on".to_owned(),
                moves_evidence: true,
            });
        }
        found
    }
}

/// Finds the configuration: the file that was named, else the one here or in the nearest parent folder.
pub fn find(named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = named {
        return if path.is_file() {
            Ok(Some(path.to_owned()))
        } else {
            Err(Failure::run(
                format!("{} is not a file", path.display()),
                "name the connguard.yaml of an audit repository",
            ))
        };
    }
    let here = std::env::current_dir().map_err(|error| {
        Failure::run(
            format!("cannot tell the current folder: {error}"),
            "change to a folder that exists",
        )
    })?;
    Ok(here
        .ancestors()
        .map(|folder| folder.join(FILE_NAME))
        .find(|path| path.is_file()))
}

impl Config {
    /// Reads the file; all mistakes at once.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let shown = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // Like every file of the repository never through a link: an error would quote what it leads to.
        let folder = path.parent().unwrap_or(Path::new(""));
        let bytes = files::read(folder, &shown).map_err(|error| {
            Failure::run(error.to_string(), "put the configuration itself there")
        })?;
        Self::from_bytes(&shown, bytes)
    }

    /// The configuration of an audit repository that is not read from its folder.
    pub fn of(documents: &impl Documents) -> Result<Self, Failure> {
        let bytes = documents.read(FILE_NAME).map_err(|error| {
            Failure::run(error.to_string(), "commit the configuration itself there")
        })?;
        Self::from_bytes(FILE_NAME, bytes)
    }

    fn from_bytes(shown: &str, bytes: Vec<u8>) -> Result<Self, Failure> {
        let text = String::from_utf8(bytes).map_err(|error| {
            Problems::from(
                Problem::of_file(
                    shown,
                    format!(
                        "the file is not UTF-8 after byte {}",
                        error.utf8_error().valid_up_to()
                    ),
                )
                .help("save it as UTF-8"),
            )
        })?;
        Ok(Self::parse(Source {
            path: shown,
            text: &text,
        })?)
    }

    /// Reads the text of the file.
    pub fn parse(source: Source<'_>) -> Result<Self, Problems> {
        let reader = Reader::new(source);
        let config = reader.parse().and_then(|node| read(&reader, &node));
        reader.finish(config)
    }
}

fn read(reader: &Reader<'_>, node: &Node) -> Option<Config> {
    let mut fields = reader.fields(node, "the configuration")?;
    fields.header("Config");
    let tenants = fields.required("tenants").and_then(|node| {
        reader.entries(node, "tenants by name", |reader, key, value| {
            if !is_tenant_name(&key.name) {
                reader.wrong(
                    key.span.clone(),
                    format!("{:?} is not a name for a tenant", key.name),
                    TENANT_NAME_HELP,
                );
                return None;
            }
            read_tenant(reader, value)
        })
    });
    let history = fields.optional("history").map_or_else(
        || Some(HistoryPlace::default()),
        |node| read_history(reader, node),
    );
    fields.finish();
    Some(Config {
        tenants: tenants?.into_iter().collect(),
        history: history?,
    })
}

fn read_history(reader: &Reader<'_>, node: &Node) -> Option<HistoryPlace> {
    let mut fields = reader.fields(node, "a history")?;
    let repository = fields.optional("repository");
    let name = fields.optional("ref").map(|node| reader.text(node));
    fields.finish();
    let repository = repository.map(|node| {
        let text = reader.text(node)?;
        // A file may be named host:path on no system that git does not take for a remote one.
        if text.contains("://") || text.contains('@') || text.is_empty() {
            return reader.expected(
                node,
                "the folder of a git repository on this machine",
                "clone it beside the audit repository and name the clone; `connguard snapshot --push REMOTE` sends what is recorded",
            );
        }
        Some(text)
    });
    Some(HistoryPlace {
        repository: match repository {
            None => None,
            Some(text) => Some(text?),
        },
        name: match name {
            None => None,
            Some(text) => Some(text?),
        },
    })
}

fn read_tenant(reader: &Reader<'_>, node: &Node) -> Option<Tenant> {
    let mut fields = reader.fields(node, "a tenant")?;
    let organization = fields
        .required("organization")
        .and_then(|node| organization(reader, node));
    let source = fields
        .required("source")
        .and_then(|node| read_source(reader, node));
    fields.finish();
    Some(Tenant {
        organization: organization?,
        source: source?,
    })
}

fn read_source(reader: &Reader<'_>, node: &Node) -> Option<TenantSource> {
    let mut fields = reader.fields(node, "a source")?;
    let export = fields.optional("export");
    let exchange = fields.optional("exchange");
    fields.finish();
    match (export, exchange) {
        (Some(node), None) => read_path(reader, node).map(TenantSource::Export),
        (None, Some(node)) => {
            let exchange = exchange::read(reader, node)?;
            Some(TenantSource::Exchange(Box::new(exchange)))
        }
        _ => reader.expected(
            node,
            "one source",
            "write either { export: FILE } or { exchange: … }",
        ),
    }
}

/// The file is taken for hostile: it may name files of the repository and no others.
fn read_path(reader: &Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?;
    let inside = !text.contains('\\')
        && Path::new(&text)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
    if inside {
        Some(text)
    } else {
        reader.expected(
            node,
            "a file inside the audit repository",
            "write a path such as exports/contoso.json; use --from for files elsewhere",
        )
    }
}
