//! `connguard fetch`: connectors from a source, as the normalised snapshot.

use super::config::{self, Config, Tenant, TenantSource};
use super::console::Console;
use super::live::{self, Live, LiveArgs};
use super::targets::{From, parse_from};
use super::{Common, Failure, Outcome, export_file, parse_time_argument};
use crate::report::pipeline;
use crate::snapshot::{Completeness, Part, Snapshot};
use crate::source::script;
use clap::Args;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    /// The tenant whose configured source is read
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    tenant: Option<String>,
    /// Read an exported file instead
    #[arg(long, value_name = "FILE", value_parser = parse_from)]
    from: Option<From>,
    /// When an export that carries no time was made
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument, requires = "from")]
    taken_at: Option<Timestamp>,
    /// Print the PowerShell that exports an organization completely
    #[arg(long, conflicts_with_all = ["tenant", "from"])]
    script: bool,
    /// Print what the live service answered, in the form of an export that every command reads
    #[arg(long, conflicts_with_all = ["from", "script"])]
    export: bool,
    #[command(flatten)]
    live: LiveArgs,
}

pub(super) fn run(common: &Common, arguments: &FetchArgs, console: &Console) -> Outcome {
    if arguments.script {
        console.result(script::TEXT)?;
        return Ok(0);
    }
    let read = match &arguments.from {
        Some(From::Path(path)) => {
            Fetched::file(export_file::read(path, arguments.taken_at)?.whole()?)
        }
        Some(From::History(_)) => {
            return Err(Failure::Usage(
                "what the history holds is shown by connguard history show".to_owned(),
            ));
        }
        Some(From::Live) | None => read_tenant(common, arguments, console)?,
    };
    let snapshot = &read.snapshot;
    if arguments.export {
        let text = read.export.as_ref().ok_or_else(|| {
            Failure::Usage("the tenant is read from an export already".to_owned())
        })?;
        console.result(&pipeline::defuse_json(text))?;
        console.result("\n")?;
    } else {
        console.result(&pipeline::defuse_json(&snapshot.canonical()))?;
    }
    let taken_at = snapshot.taken_at.map_or_else(
        || "the export does not say when it was taken".to_owned(),
        |time| format!("taken {time}"),
    );
    console.note(&format!(
        "{} connectors, {}; {taken_at}",
        snapshot.records.len(),
        snapshot.digest()
    ));
    if let Some(failure) = read.failure {
        return Err(failure);
    }
    match snapshot.completeness(Part::InboundConnectors) {
        Completeness::Complete | Completeness::Assumed => Ok(0),
        incomplete => {
            console.note(&format!(
                "the connectors were not read completely: {}",
                incomplete.words()
            ));
            Ok(3)
        }
    }
}

/// What was read, as far as it could be.
struct Fetched {
    snapshot: Snapshot,
    /// What the live service answered, in the form of an export.
    export: Option<String>,
    /// Why it is not all.
    failure: Option<Failure>,
}

impl Fetched {
    const fn file(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            export: None,
            failure: None,
        }
    }
}

fn read_tenant(
    common: &Common,
    arguments: &FetchArgs,
    console: &Console,
) -> Result<Fetched, Failure> {
    let (path, config) = configuration(common)?;
    let (name, tenant) = one_tenant(&config, arguments.tenant.as_deref())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let exchange = match &tenant.source {
        TenantSource::Exchange(exchange) => exchange,
        TenantSource::Export(_) if arguments.from.is_some() => {
            return Err(live::not_configured(name));
        }
        TenantSource::Export(path) => {
            return Ok(Fetched::file(
                export_file::read_configured(folder, path)?.whole()?,
            ));
        }
    };
    let wide = LiveArgs {
        around: arguments.export,
        ..arguments.live.clone()
    };
    let live = Live::new(&wide, folder, console);
    let read = live
        .read(name, tenant, exchange, Timestamp::now())
        .map_err(|all| live::lost(&all))?;
    let problems = read.problems.into_result(Some(())).err().map(Failure::from);
    let failure = read.failures.first().map(|_| live::lost(&read.failures));
    Ok(Fetched {
        snapshot: read.snapshot,
        export: Some(read.export),
        failure: failure.or(problems),
    })
}

/// The configuration, of which there must be one.
pub(super) fn configuration(common: &Common) -> Result<(PathBuf, Config), Failure> {
    let path = config::find(common.config.as_deref())?;
    let path = path.ok_or_else(|| {
        Failure::run(
            "there is no connguard.yaml here or in a parent folder",
            "change to an audit repository, or read an exported file with --from",
        )
    })?;
    let config = Config::load(&path)?;
    Ok((path, config))
}

/// The tenant that is named, or the only one.
pub(super) fn one_tenant<'c>(
    config: &'c Config,
    asked: Option<&str>,
) -> Result<(&'c str, &'c Tenant), Failure> {
    let names: Vec<&str> = config.tenants.keys().map(String::as_str).collect();
    let name = match (asked, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(Failure::Usage(format!(
                "name one tenant with --tenant; there are {}",
                names.join(", ")
            )));
        }
    };
    let found = config.tenants.get_key_value(name);
    found
        .map(|(name, tenant)| (name.as_str(), tenant))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "there is no tenant {name:?}; there are {}",
                names.join(", ")
            ))
        })
}
