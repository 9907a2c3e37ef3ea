//! Which tenants a run is about, and where each is read from.

use super::config::Tenant;
use super::live::LiveArgs;
use super::repository::Repository;
use super::{Failure, export_file, parse_time_argument};
use crate::snapshot::Organization;
use crate::tenant::is_tenant_name;
use clap::Args;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the command line says about tenants and sources.
#[derive(Debug, Default, Args)]
pub(super) struct Selection {
    /// Only this tenant; may be repeated
    #[arg(long, value_name = "NAME")]
    pub tenant: Vec<String>,
    /// Read this instead of the configured source: an exported file, a folder of <tenant>.json files, `live`, or `history[:REV]`
    #[arg(long, value_name = "SOURCE", value_parser = parse_from)]
    pub from: Option<From>,
    /// When an export that carries no time was made
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument, requires = "from")]
    pub taken_at: Option<Timestamp>,
    /// Only the I-th of N parts of all tenants, for runs beside each other; `report merge` joins their reports
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
    #[command(flatten)]
    pub live: LiveArgs,
    /// Whether nothing may sign in: a pull request is judged where anybody may propose one.
    #[arg(skip)]
    pub without_credentials: bool,
}

/// One of so many parts of a fleet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    part: usize,
    of: usize,
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let numbers = text
        .split_once('/')
        .and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((part, of)) if part >= 1 && part <= of => Ok(Shard { part, of }),
        _ => Err("write I/N with I from 1 to N, such as 2/8".to_owned()),
    }
}

/// A source that was named on the command line.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// An exported file, or a folder of them.
    Path(PathBuf),
    /// The history, at its newest run or another one.
    History(Option<String>),
    /// The live service of tenants that are configured with one.
    Live,
}

impl std::fmt::Display for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Live => f.write_str("live"),
            Self::History(None) => f.write_str("history"),
            Self::History(Some(revision)) => write!(f, "history:{revision}"),
        }
    }
}

/// `live`, `history`, `history:REV`, or a path; a file of such a name is `./live`.
pub(super) fn parse_from(text: &str) -> Result<From, String> {
    if text == "live" {
        return Ok(From::Live);
    }
    match text.strip_prefix("history") {
        Some("") => Ok(From::History(None)),
        Some(rest) if rest.starts_with(':') => match rest.trim_start_matches(':') {
            "" => Err(
                "write history:REV, such as history:tip~1 or history:2026-11-20T09:00:00Z"
                    .to_owned(),
            ),
            revision => Ok(From::History(Some(revision.to_owned()))),
        },
        _ => Ok(From::Path(PathBuf::from(text))),
    }
}

/// One tenant to be judged, and where its snapshot comes from.
pub(super) struct Target<'r> {
    pub name: String,
    pub configured: Option<&'r Tenant>,
    /// The file that was named instead.
    pub file: Option<PathBuf>,
}

impl Selection {
    /// Whether only the live service counts.
    pub const fn is_live(&self) -> bool {
        matches!(self.from, Some(From::Live))
    }

    /// The files or folder named instead of the configured sources.
    pub fn path(&self) -> Option<&Path> {
        match &self.from {
            Some(From::Path(path)) => Some(path),
            _ => None,
        }
    }
}

/// Every tenant that the policy or the configuration names: none can be left out unseen.
pub(super) fn all_names(repository: Option<&Repository>) -> BTreeSet<String> {
    repository.map(Repository::tenants).unwrap_or_default()
}

/// The tenants in scope.
pub(super) fn targets<'r>(
    repository: Option<&'r Repository>,
    selection: &Selection,
) -> Result<Vec<Target<'r>>, Failure> {
    let finder = Finder {
        repository,
        selection,
    };
    finder.targets()
}

struct Finder<'r, 's> {
    repository: Option<&'r Repository>,
    selection: &'s Selection,
}

impl<'r> Finder<'r, '_> {
    fn targets(&self) -> Result<Vec<Target<'r>>, Failure> {
        let names = all_names(self.repository);
        if let Some(unknown) = self
            .selection
            .tenant
            .iter()
            .find(|asked| self.repository.is_some() && !names.contains(*asked))
        {
            let known: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            return Err(Failure::Usage(format!(
                "there is no tenant {unknown:?}; there are {}",
                known.join(", ")
            )));
        }
        let asked: Vec<&String> = names
            .iter()
            .filter(|name| {
                self.selection.tenant.is_empty() || self.selection.tenant.contains(*name)
            })
            .collect();
        let asked = match self.selection.shard {
            None => asked,
            Some(shard) => asked
                .into_iter()
                .enumerate()
                .filter(|(index, _)| index % shard.of == shard.part - 1)
                .map(|(_, name)| name)
                .collect(),
        };
        match self.selection.path() {
            None => Ok(asked
                .into_iter()
                .map(|name| self.target(name, None))
                .collect()),
            Some(path) if path.is_dir() => self.targets_in(path, &asked),
            Some(path) => Ok(vec![self.target_of_file(path, &asked)?]),
        }
    }

    fn target(&self, name: &str, file: Option<PathBuf>) -> Target<'r> {
        let configured = self
            .repository
            .and_then(|repository| repository.config.tenants.get(name));
        Target {
            name: name.to_owned(),
            configured,
            file,
        }
    }

    /// A folder of exports: `<tenant>.json` for every tenant in scope, or, without a repository, every such file.
    fn targets_in(&self, folder: &Path, asked: &[&String]) -> Result<Vec<Target<'r>>, Failure> {
        let file = |name: &str| folder.join(format!("{name}.json"));
        if self.repository.is_some() {
            return Ok(asked
                .iter()
                .map(|name| self.target(name, Some(file(name))))
                .collect());
        }
        let entries = std::fs::read_dir(folder).map_err(|error| {
            Failure::run(
                format!("cannot read {}: {error}", folder.display()),
                "name a folder of exports",
            )
        })?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".json")
                    .map(str::to_owned)
            })
            .filter(|name| is_tenant_name(name))
            .collect();
        names.retain(|name| {
            self.selection.tenant.is_empty() || self.selection.tenant.contains(name)
        });
        names.sort_unstable();
        if names.is_empty() {
            return Err(Failure::run(
                format!("{} holds no export", folder.display()),
                "name a folder of <tenant>.json files, or one file",
            ));
        }
        Ok(names
            .iter()
            .map(|name| self.target(name, Some(file(name))))
            .collect())
    }

    /// One exported file: for the one tenant in scope, else for the one whose organization it names.
    fn target_of_file(&self, path: &Path, asked: &[&String]) -> Result<Target<'r>, Failure> {
        let file = Some(path.to_owned());
        if let [only] = asked {
            return Ok(self.target(only, file));
        }
        // What is wrong with the file is said when it is judged.
        let organization = export_file::read(path, self.selection.taken_at)
            .map(|export| export.snapshot.organization)
            .unwrap_or_default();
        let Some(repository) = self.repository else {
            let name = self
                .selection
                .tenant
                .first()
                .cloned()
                .unwrap_or_else(|| name_of(&organization));
            return Ok(self.target(&name, file));
        };
        let is_it = |name: &&&String| {
            repository
                .config
                .tenants
                .get(**name)
                .is_some_and(|tenant| tenant.organization.confirms(&organization))
        };
        match asked.iter().filter(is_it).collect::<Vec<_>>().as_slice() {
            [only] => Ok(self.target(only, file)),
            _ => Err(Failure::Usage(format!(
                "{} does not say which of the tenants it is; name it with --tenant",
                path.display()
            ))),
        }
    }
}

/// What a tenant is called that no repository names: the first label of its domain.
pub(super) fn name_of(organization: &Organization) -> String {
    let label = organization
        .domain
        .as_deref()
        .and_then(|domain| domain.split('.').next())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if is_tenant_name(&label) {
        label
    } else {
        "export".to_owned()
    }
}
