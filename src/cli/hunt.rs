//! `connguard hunt`: the queries that count mail where it is.

use super::console::Console;
use super::repository::Repository;
use super::{Common, Failure, Outcome, TrustArgs};
use crate::connector::domain::Domain;
use crate::evidence::audit::AuditLog;
use crate::evidence::hunt::{Asked, Engine, QUERIES, Query};
use crate::evidence::traffic::Routes;
use crate::investigation::attribution::attribute;
use crate::investigation::attribution::state::State;
use crate::investigation::routes;
use crate::snapshot::{AcceptedDomain, Snapshot};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum HuntCommand {
    /// List the queries, with what each costs
    List,
    /// Print a query, ready to be run
    Show(Box<ShowArgs>),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its name
    name: String,
    /// Where it runs
    #[arg(long = "for", value_enum, default_value_t)]
    engine: Engine,
    /// How many days back
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
    days: u16,
    /// Connectors and accepted domains by which mail is counted: an exported file
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The tenant whose newest recorded state is used instead
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    tenant: Option<String>,
    /// One of the organization's own domains, with all below it; may be repeated
    #[arg(long, value_name = "DOMAIN", value_parser = parse_domain)]
    domain: Vec<Domain>,
    #[command(flatten)]
    trust: TrustArgs,
}

fn parse_domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).ok_or_else(|| "this is no domain name".to_owned())
}

pub(super) fn run(common: &Common, command: &HuntCommand, console: &Console) -> Outcome {
    match command {
        HuntCommand::List => {
            let mut text = String::new();
            for query in &QUERIES {
                let _ = writeln!(text, "{}  {}\n    {}", query.name, query.title, query.cost);
            }
            console.text(&text)?;
            Ok(0)
        }
        HuntCommand::Show(arguments) => show(common, arguments, console),
    }
}

fn show(common: &Common, arguments: &ShowArgs, console: &Console) -> Outcome {
    let query = Query::named(&arguments.name).ok_or_else(|| {
        let known: Vec<&str> = QUERIES.iter().map(|own| own.name).collect();
        Failure::Usage(format!(
            "there is no query {:?}; there are {}",
            arguments.name,
            known.join(", ")
        ))
    })?;
    let snapshot = snapshot(common, arguments, console)?;
    let mut routes = snapshot.as_ref().map(routes_of).unwrap_or_default();
    if !arguments.domain.is_empty() {
        let own = arguments.domain.iter().map(|domain| AcceptedDomain {
            domain: domain.clone(),
            match_sub_domains: true,
        });
        routes.domains.get_or_insert_default().extend(own);
    }
    let now = arguments.trust.now();
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let asked = Asked {
        engine: arguments.engine,
        window: (
            now - SignedDuration::from_hours(24 * i64::from(arguments.days)),
            now,
        ),
        routes: &routes,
    };
    let text = query.text(&asked);
    if routes.domains.is_none() && text.contains("let Own") {
        console.note("without the organization's own domains it cannot be told which mail leaves: name an export with --from, each domain with --domain, or a tenant that has a history with --tenant");
    }
    console.text(&text)?;
    Ok(0)
}

/// The connectors as an export or the history has them.
fn snapshot(
    common: &Common,
    arguments: &ShowArgs,
    console: &Console,
) -> Result<Option<Snapshot>, Failure> {
    if let Some(path) = &arguments.from {
        return Ok(Some(super::export_file::read(path, None)?.snapshot));
    }
    let Some(repository) = Repository::find(common, &arguments.trust, console)? else {
        return Ok(None);
    };
    // Which of several nobody said: the query is shown without any.
    if arguments.tenant.is_none() && repository.config.tenants.len() != 1 {
        return Ok(None);
    }
    let (name, _) = super::fetch::one_tenant(&repository.config, arguments.tenant.as_deref())?;
    let Some(past) = repository.past() else {
        return Ok(None);
    };
    let failed = |error: crate::history::HistoryError| super::past::failure(&error);
    let Some(tip) = past.tip else { return Ok(None) };
    let entry = past.history.entry(tip).map_err(failed)?;
    let state = past.history.state(&entry, name).map_err(failed)?;
    Ok(state.map(|state| state.snapshot))
}

fn routes_of(snapshot: &Snapshot) -> Routes {
    let states = [State {
        at: snapshot.taken_at.unwrap_or(Timestamp::UNIX_EPOCH),
        snapshot,
    }];
    let attribution = attribute(&states, &AuditLog::default());
    routes(&states, &[snapshot], None, &attribution)
}
