//! `connguard history`: what was observed, when, and whether anybody changed the record.

mod blame;
mod log;
mod show;
mod verify;

use super::config::{self, Config};
use super::console::Console;
use super::past::{self, Past};
use super::repository::name_of;
use super::state::State;
use super::{Common, Failure, Outcome, TrustArgs};
use crate::git::Git;
use crate::history::change::Difference;
use crate::history::documents::Recorded;
use crate::history::{Entry, History, HistoryError, REF, short};
use crate::hostile_text::visible;
use crate::trust::{Known, Refusal, Trust};
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// What changed from one run to the next, newest first
    Log(log::LogArgs),
    /// What one run saw
    Show(show::ShowArgs),
    /// What differs between two runs, with direction
    Diff(log::DiffArgs),
    /// Since when every setting of a connector has had its value, and what it was before
    Blame(blame::BlameArgs),
    /// Verify that nobody changed, forged, reordered or took back anything
    Verify(verify::VerifyArgs),
}

pub(super) fn run(common: &Common, command: &HistoryCommand, console: &Console) -> Outcome {
    match command {
        HistoryCommand::Log(arguments) => log::log(common, arguments, console),
        HistoryCommand::Show(arguments) => show::show(common, arguments, console),
        HistoryCommand::Diff(arguments) => log::diff(common, arguments, console),
        HistoryCommand::Blame(arguments) => blame::blame(common, arguments, console),
        HistoryCommand::Verify(arguments) => verify::verify(common, arguments, console),
    }
}

/// Which history is read.
#[derive(Debug, Default, Args)]
struct PlaceArgs {
    /// Read the history in this git repository, without an audit repository: the root is the one that the history holds
    #[arg(long, value_name = "FOLDER")]
    repository: Option<PathBuf>,
    /// Its ref [default: refs/heads/connguard/history]
    #[arg(long = "ref", value_name = "REF", requires = "repository")]
    name: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// A history that was opened to be read.
struct Reading {
    history: History,
    /// The root by which signatures are judged, or why there is none.
    trust: Option<Result<Trust, Refusal>>,
    state: Option<State>,
    /// By what memory knows it.
    name: String,
}

impl PlaceArgs {
    fn open(&self, common: &Common) -> Result<Reading, Failure> {
        let state = State::open(self.trust.state.as_deref())?;
        match &self.repository {
            Some(path) => self.open_alone(path, state),
            None => self.open_configured(common, state),
        }
    }

    fn open_configured(&self, common: &Common, state: Option<State>) -> Result<Reading, Failure> {
        let path = config::find(common.config.as_deref())?.ok_or_else(|| {
            Failure::run(
                "there is no connguard.yaml here or in a parent folder",
                "change to an audit repository, or name a history with --repository",
            )
        })?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let config = Config::load(&path)?;
        let history = Past::find(&folder, &config.history)?.ok_or_else(|| {
            Failure::run(
                "the audit repository is in no git repository, so it has no history",
                "git init, then connguard snapshot",
            )
        })?;
        let name = name_of(&folder);
        let known = Known {
            pin: self.trust.pin()?,
            memory: state.as_ref().map(|state| &state.memory),
            repository: &name,
        };
        let trust = Trust::open(&folder, known, self.trust.now());
        Ok(Reading {
            history,
            trust: Some(trust),
            state,
            name,
        })
    }

    /// A history alone holds all that is needed to verify it, but for the pin.
    fn open_alone(&self, path: &Path, state: Option<State>) -> Result<Reading, Failure> {
        let git = Git::at(path).map_err(|error| past::failure(&error.into()))?;
        let history = History::new(git, self.name.clone().unwrap_or_else(|| REF.to_owned()));
        let name = format!("{} {}", name_of(path), history.name);
        let tip = history
            .needed_tip()
            .map_err(|error| past::failure(&error))?;
        let tree = history
            .git
            .commit(tip)
            .map_err(|error| past::failure(&error.into()))?
            .tree;
        let known = Known {
            pin: self.trust.pin()?,
            memory: state.as_ref().map(|state| &state.memory),
            repository: &name,
        };
        let trust = Trust::open(&Recorded::new(&history, tree), known, self.trust.now());
        Ok(Reading {
            history,
            trust: Some(trust),
            state,
            name,
        })
    }
}

impl Reading {
    fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()?.as_ref().ok()
    }

    fn entry(&self, revision: &str) -> Result<Entry, Failure> {
        let entry = self.history.entry_named(revision);
        entry.map_err(|error| past::failure(&error))
    }

    /// Who signed an entry, in words and for programs.
    fn signer(&self, entry: &Entry) -> (String, Json) {
        let Some(trust) = self.trust() else {
            let claim = if entry.commit.signature.is_some() {
                "signed, not checked"
            } else {
                "unsigned"
            };
            return (claim.to_owned(), Json::Null);
        };
        match crate::history::verify::signer(&self.history, trust, entry) {
            Ok(Some(principal)) => (format!("signed by {principal}"), Json::from(principal)),
            Ok(None) => ("unsigned".to_owned(), Json::Null),
            Err(flaw) => (format!("NOT BELIEVABLE: {}", flaw.message), Json::Null),
        }
    }

    /// An entry for programs.
    fn json(&self, entry: &Entry) -> Json {
        let (_, signer) = self.signer(entry);
        let sources: Vec<&str> = entry
            .run
            .sources
            .iter()
            .map(|source| source.name())
            .collect();
        json!({
            "commit": entry.id.to_string(),
            "parent": entry.parent().map(|parent| parent.to_string()),
            "taken_at": entry.run.taken_at,
            "exported_at": entry.run.exported_at,
            "sources": sources,
            "read": entry.run.read.to_string(),
            "verdicts": entry.run.verdicts.iter().map(|(verdict, count)| (verdict.name(), *count)).collect::<std::collections::BTreeMap<_, _>>(),
            "clock_given": entry.run.clock_given,
            "version": entry.run.version,
            "signed_by": signer,
            "act": entry.run.act.as_ref().map(|act| json!({
                "deed": act.deed.to_string(),
                "tenant": act.tenant,
                "state": act.state.to_string(),
                "by": act.by,
                "requests": act.requests,
            })),
        })
    }

    /// One line about an entry.
    fn line(&self, entry: &Entry) -> String {
        let (signed, _) = self.signer(entry);
        let given = if entry.run.clock_given {
            ", time given by hand"
        } else {
            ""
        };
        let act = match &entry.run.act {
            Some(act) => format!("; {}, by {}", act.words(), visible(&act.by)),
            None => String::new(),
        };
        format!(
            "{}  {}  {}{given}; read {}{act}",
            short(entry.id),
            entry.run.taken_at,
            visible(&signed),
            entry.run.read
        )
    }

    /// The only tenant of an entry, or the one that was named.
    fn tenant(&self, entry: &Entry, named: Option<&str>) -> Result<String, Failure> {
        let tenants = self
            .history
            .tenants(entry.commit.tree)
            .map_err(|error| past::failure(&error))?;
        let names: Vec<&str> = tenants.keys().map(String::as_str).collect();
        match (named, names.as_slice()) {
            (Some(name), _) if tenants.contains_key(name) => Ok(name.to_owned()),
            (Some(name), _) => Err(Failure::Usage(format!(
                "the history holds no tenant {name:?} at {}; there are {}",
                short(entry.id),
                names.join(", ")
            ))),
            (None, [only]) => Ok((*only).to_owned()),
            (None, _) => Err(Failure::Usage(format!(
                "name a tenant with --tenant; there are {}",
                names.join(", ")
            ))),
        }
    }
}

/// Differences by tenant, indented below the run that found them.
fn differences(
    tenants: &std::collections::BTreeMap<String, Vec<Difference>>,
    documents: &[String],
) -> String {
    let mut text = String::new();
    for (tenant, differences) in tenants {
        let _ = writeln!(text, "  {tenant}");
        for line in super::snapshot::lines(differences) {
            let _ = writeln!(text, "    {line}");
        }
    }
    if !documents.is_empty() {
        let _ = writeln!(
            text,
            "  signed documents: {}",
            visible(&documents.join(", "))
        );
    }
    text
}

fn failed(error: HistoryError) -> Failure {
    past::failure(&error)
}
