//! What the program says about itself: schemas, completions, the manual page.

use super::console::Console;
use super::{Failure, Outcome};
use crate::canonical;
use crate::schema;
use clap::Command;

/// Kinds of documents that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SchemaKind {
    /// connguard.yaml
    Config,
    /// trust/root.yaml
    Root,
    /// policies/policy.yaml
    Policy,
    /// policies/<rule-id>.yaml
    Rule,
    /// baselines/<tenant>.yaml
    Baseline,
    /// baselines/manifest.yaml
    Manifest,
    /// what `connguard fetch --script` exports
    Export,
    /// what `connguard fetch` prints
    Snapshot,
    /// `connguard check --format json`
    Report,
    /// `connguard plan --format json`
    Plan,
    /// what `connguard gate --document` reads
    Connector,
    /// `connguard investigate --format json`
    Investigation,
    /// one row of what `connguard hunt show mail-by-hour` returns
    Traffic,
}

pub(super) fn schema(kind: SchemaKind, console: &Console) -> Outcome {
    let schema = match kind {
        SchemaKind::Config => schema::config(),
        SchemaKind::Root => schema::root(),
        SchemaKind::Policy => schema::policy(),
        SchemaKind::Rule => schema::rule(),
        SchemaKind::Baseline => schema::baseline(),
        SchemaKind::Manifest => schema::manifest(),
        SchemaKind::Export => schema::export(),
        SchemaKind::Snapshot => schema::snapshot(),
        SchemaKind::Report => crate::report::json::schema(),
        SchemaKind::Connector => schema::connector(),
        SchemaKind::Plan => crate::plan::wire::schema(),
        SchemaKind::Investigation => crate::report::investigation::view::schema(),
        SchemaKind::Traffic => crate::evidence::traffic::row_schema(),
    };
    console.result(&canonical::to_string(&schema))?;
    Ok(0)
}

pub(super) fn completions(
    command: &mut Command,
    shell: clap_complete::Shell,
    console: &Console,
) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "connguard", &mut script);
    console.result(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// One page for the program and one section for each subcommand.
pub(super) fn man(command: Command, console: &Console) -> Outcome {
    let mut page = Vec::new();
    let failed = |error| {
        Failure::run(
            format!("cannot make the manual page: {error}"),
            "report this",
        )
    };
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(failed)?;
    for subcommand in command.get_subcommands() {
        let name = format!("connguard-{}", subcommand.get_name());
        clap_mangen::Man::new(subcommand.clone().display_name(name))
            .render(&mut page)
            .map_err(failed)?;
    }
    console.result(&String::from_utf8_lossy(&page))?;
    Ok(0)
}
