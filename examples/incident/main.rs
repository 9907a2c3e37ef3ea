//! Makes folders of exported evidence, as an incident responder receives them, each with the right answer beside it.
//!
//! ```text
//! incident --list
//! incident --scenario NAME --seed N DIR
//! ```
#![warn(missing_docs)]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it makes what it indexes, and a scenario that cannot be made is a mistake of its own"
)]

mod generator;

use generator::Scenario;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: incident --scenario NAME --seed N DIR\n       incident --list";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--list"] {
        for scenario in Scenario::ALL {
            println!("{}", scenario.name());
        }
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (mut scenario, mut seed, mut folder) = (None, None, None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--scenario" => scenario = arguments.next(),
            "--seed" => seed = arguments.next(),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let (Some(name), Some(seed), Some(folder)) = (scenario, seed, folder) else {
        return Err(USAGE.into());
    };
    let scenario = Scenario::ALL
        .into_iter()
        .find(|scenario| scenario.name() == name)
        .ok_or_else(|| format!("no scenario {name}; --list shows them"))?;
    let seed = seed.parse().map_err(|_| format!("not a seed: {seed}"))?;
    generator::write(scenario, seed, &folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(())
}
