//! One file per subcommand: arguments → settings → calls; and how errors are shown.

mod apply;
mod baseline;
mod case;
mod check;
mod config;
mod console;
mod doctor;
mod explain;
mod export_file;
mod fetch;
mod gate;
mod history;
mod history_key;
mod hunt;
mod init;
mod interrupt;
mod investigate;
mod judging;
mod live;
mod notify;
mod past;
mod plan;
mod policy;
mod previous;
mod problems;
mod progress;
mod push;
mod reference;
mod report;
mod repository;
mod review;
mod sign;
mod snapshot;
mod state;
mod status;
mod targets;
mod trust;
mod watch;

use crate::digest::Digest;
use crate::document::time::parse_time;
use crate::finding::Severity;
use crate::git::Oid;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use console::Console;
use jiff::Timestamp;
use std::path::PathBuf;
use std::process::ExitCode;

/// Policy-as-code auditor for Exchange Online inbound connectors.
///
/// Compares an organization's inbound connectors with a baseline that enough
/// people signed, judges them by rules, says in words who may send mail who
/// could not before, and fails when somebody should look.
#[derive(Debug, Parser)]
#[command(
    name = "connguard",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
struct Common {
    /// Configuration of the audit repository [default: connguard.yaml here or in a parent folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = clap::ColorChoice::Auto)]
    color: clap::ColorChoice,
    /// Print the result and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Show no progress bar; commands that are done at once have none
    #[arg(long, global = true)]
    no_progress: bool,
    /// Also say what is read and verified
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl Common {
    /// What every subcommand takes, for the repository of one configuration.
    fn of(config: PathBuf) -> Self {
        Self {
            config: Some(config),
            color: clap::ColorChoice::Auto,
            quiet: false,
            no_progress: false,
            verbose: false,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an audit repository: root, policy, first baseline and pipelines; overwrites nothing
    Init(init::InitArgs),
    /// Compare connectors with the signed baseline under the policy
    #[command(after_help = check::AFTER_HELP)]
    Check(check::CheckArgs),
    /// Say how to turn the observed connectors into the approved ones
    #[command(after_help = plan::AFTER_HELP)]
    Plan(plan::PlanArgs),
    /// Carry a reviewed plan out on the live service, and prove that it converged
    #[command(after_help = apply::AFTER_HELP)]
    Apply(apply::ApplyArgs),
    /// Let a connector send again that Microsoft blocked, once nothing about it drifts
    Unblock(apply::UnblockArgs),
    /// Judge a change before it is made: a pull request, a connector document or a cmdlet line
    #[command(after_help = gate::AFTER_HELP)]
    Gate(gate::GateArgs),
    /// Find out from evidence whether a connector was compromised: who, when, with which mail, and what to do
    #[command(after_help = investigate::AFTER_HELP)]
    Investigate(investigate::InvestigateArgs),
    /// Work through a case that `investigate --case` opened
    #[command(subcommand)]
    Case(case::CaseCommand),
    /// Print the queries that count mail where it is, in Defender or Sentinel
    #[command(subcommand)]
    Hunt(hunt::HuntCommand),
    /// Look again and again, and tell what is new at once
    #[command(after_help = watch::AFTER_HELP)]
    Watch(watch::WatchArgs),
    /// Say whether a tenant can be read and what is missing; and whether its identity can do more than it should
    #[command(after_help = doctor::AFTER_HELP)]
    Doctor(doctor::DoctorArgs),
    /// Read connectors and print the normalised snapshot; writes nothing
    Fetch(fetch::FetchArgs),
    /// Read connectors, judge them, and commit what was seen to the history
    Snapshot(snapshot::SnapshotArgs),
    /// Read the history of snapshots, and verify that nobody changed it
    #[command(subcommand)]
    History(history::HistoryCommand),
    /// Propose, show, sign and verify what is approved
    #[command(subcommand)]
    Baseline(baseline::BaselineCommand),
    /// Make, sign, verify and renew the root of trust
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// Work with reports that runs wrote
    #[command(subcommand)]
    Report(report::ReportCommand),
    /// Work with the policy and the rules in force
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Explain a rule or one of connguard's own findings
    Explain {
        /// Its id, as findings show it
        rule: String,
    },
    /// Print the JSON Schema of a kind of document
    Schema {
        /// The kind
        kind: reference::SchemaKind,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// How a command ends when nothing worse happened.
type Outcome = Result<u8, Failure>;

/// Why a command could not be done.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that does not fit: exit 2.
    Usage(String),
    /// Reading, writing or understanding something failed: exit 1.
    Run {
        /// What went wrong, and where.
        message: String,
        /// How to go on.
        help: String,
    },
    /// Something is not to be believed, so nothing was done: exit 3.
    Refused {
        /// What, and why.
        message: String,
        /// How to go on.
        help: String,
    },
    /// Mistakes in files, each with its place: exit 1.
    Problems(crate::document::Problems),
}

impl Failure {
    fn run(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Run {
            message: message.into(),
            help: help.into(),
        }
    }

    /// How to go on; the mistakes in files say that themselves.
    fn help(&self) -> &str {
        match self {
            Self::Run { help, .. } | Self::Refused { help, .. } => help,
            Self::Usage(_) | Self::Problems(_) => "see --help",
        }
    }

    const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Run { .. } | Self::Problems(_) => 1,
            Self::Refused { .. } => 3,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(message) | Self::Run { message, .. } | Self::Refused { message, .. } => {
                f.write_str(message)
            }
            Self::Problems(problems) => write!(f, "{problems}"),
        }
    }
}

impl From<crate::document::Problems> for Failure {
    fn from(problems: crate::document::Problems) -> Self {
        Self::Problems(problems)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            return ExitCode::from(
                Console::new(clap::ColorChoice::Auto, false, false).usage(&error),
            );
        }
    };
    let console = Console::new(cli.common.color, cli.common.quiet, cli.common.verbose)
        .with_progress(!cli.common.no_progress);
    interrupt::watch();
    match run(&cli, &console) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            console.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: &Cli, console: &Console) -> Outcome {
    match &cli.command {
        Command::Init(arguments) => init::run(arguments, console),
        Command::Check(arguments) => check::run(&cli.common, arguments, console),
        Command::Plan(arguments) => plan::run(&cli.common, arguments, console),
        Command::Apply(arguments) => apply::run(&cli.common, arguments, console),
        Command::Unblock(arguments) => apply::unblock(&cli.common, arguments, console),
        Command::Gate(arguments) => gate::run(&cli.common, arguments, console),
        Command::Case(command) => case::run(&cli.common, command, console),
        Command::Hunt(command) => hunt::run(&cli.common, command, console),
        Command::Investigate(arguments) => investigate::run(&cli.common, arguments, console),
        Command::Watch(arguments) => watch::run(&cli.common, arguments, console),
        Command::Doctor(arguments) => doctor::run(&cli.common, arguments, console),
        Command::Fetch(arguments) => fetch::run(&cli.common, arguments, console),
        Command::Snapshot(arguments) => snapshot::run(&cli.common, arguments, console),
        Command::History(command) => history::run(&cli.common, command, console),
        Command::Baseline(command) => baseline::run(&cli.common, command, console),
        Command::Trust(command) => trust::run(&cli.common, command, console),
        Command::Policy(command) => policy::run(&cli.common, command, console),
        Command::Report(command) => report::run(command, console),
        Command::Explain { rule } => explain::run(&cli.common, rule, console),
        Command::Schema { kind } => reference::schema(*kind, console),
        Command::Completions { shell } => {
            reference::completions(&mut Cli::command(), *shell, console)
        }
        Command::Man => reference::man(Cli::command(), console),
    }
}

/// The time of the run and the root that is trusted.
#[derive(Clone, Debug, Default, Args)]
struct TrustArgs {
    /// Digest of a root to trust [default: the variable CONNGUARD_ROOT]
    #[arg(long, value_name = "sha256:DIGEST", value_parser = parse_pin)]
    root: Option<Digest>,
    /// Judge as at this time instead of now; the report says so
    #[arg(long, value_name = "TIME", value_parser = parse_time_argument)]
    now: Option<Timestamp>,
    /// File that remembers the versions seen [default: the variable CONNGUARD_STATE, else connguard/state.json in the user's state folder]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// A commit that the history must hold, and from which on it is verified [default: the variable CONNGUARD_HISTORY_PIN]
    #[arg(long, value_name = "COMMIT", value_parser = parse_commit)]
    history_pin: Option<Oid>,
}

impl TrustArgs {
    /// The pinned commit of the history; set but empty is a mistake, not "none".
    fn history_pin(&self) -> Result<Option<Oid>, Failure> {
        if self.history_pin.is_some() {
            return Ok(self.history_pin);
        }
        let Some(value) = std::env::var_os(past::PIN) else {
            return Ok(None);
        };
        let text = value.to_string_lossy();
        parse_commit(&text).map(Some).map_err(|reason| {
            Failure::Usage(format!(
                "the variable {} is set to {text:?}: {reason}",
                past::PIN
            ))
        })
    }

    /// The pin from the command line or the environment; set but empty is a mistake, not "none".
    fn pin(&self) -> Result<Option<Digest>, Failure> {
        if self.root.is_some() {
            return Ok(self.root);
        }
        let Some(value) = std::env::var_os("CONNGUARD_ROOT") else {
            return Ok(None);
        };
        let text = value.to_string_lossy();
        parse_pin(&text).map(Some).map_err(|reason| {
            Failure::Usage(format!(
                "the variable CONNGUARD_ROOT is set to {text:?}: {reason}"
            ))
        })
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }
}

fn parse_commit(text: &str) -> Result<Oid, String> {
    Oid::from_str(text)
        .ok()
        .filter(|_| text.len() == 40)
        .ok_or_else(|| "a commit is named by all its 40 hexadecimal digits".to_owned())
}

fn parse_pin(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| {
        "a pin is `sha256:` and 64 hexadecimal digits, the digest of trust/root.yaml".to_owned()
    })
}

fn parse_time_argument(text: &str) -> Result<Timestamp, String> {
    parse_time(text)
        .ok_or_else(|| "write a time with offset, such as 2026-11-20T09:00:00Z".to_owned())
}

fn parse_fail_on(text: &str) -> Result<Severity, String> {
    match Severity::parse(text) {
        Some(Severity::Info) | None => Err("one of low, medium, high, critical".to_owned()),
        Some(severity) => Ok(severity),
    }
}

/// `--report FORMAT=FILE`
fn parse_report<F: clap::ValueEnum>(text: &str) -> Result<(F, PathBuf), String> {
    let (format, file) = text
        .split_once('=')
        .ok_or_else(|| "write FORMAT=FILE, such as json=connguard.json".to_owned())?;
    let format = F::from_str(format, false).map_err(|_| {
        let known: Vec<String> = F::value_variants()
            .iter()
            .filter_map(|known| Some(known.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!("there is no format {format:?}: one of {}", known.join(", "))
    })?;
    if file.is_empty() {
        return Err("name a file after the `=`".to_owned());
    }
    Ok((format, PathBuf::from(file)))
}
