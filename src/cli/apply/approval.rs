//! Who says that a plan may be carried out: a person at the terminal, or a digest on the command line.

use super::refused;
use crate::cli::Failure;
use crate::cli::console::Console;
use crate::digest::Digest;
use crate::finding::excerpt;
use crate::hostile_text::visible;
use crate::plan::{Plan, Standing, Step};
use std::fmt::Write as _;

pub(super) fn parse(text: &str) -> Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| {
        "the digest of a plan is `sha256:` and 64 hexadecimal digits, as connguard plan shows it"
            .to_owned()
    })
}

/// Asks, unless the command line approves just this plan.
pub(super) fn ask(
    plan: &Plan,
    standings: &[Standing],
    chosen: &[usize],
    approved: Option<Digest>,
    console: &Console,
) -> Result<(), Failure> {
    let digest = plan.digest();
    if let Some(approved) = approved {
        if approved == digest {
            return Ok(());
        }
        return Err(refused(
            format!("--approve names {approved}, and the plan is {digest}"),
            "review the plan that is to be carried out, and approve that one",
        ));
    }
    let mut question = format!("\n{digest} in {}\n", visible(&plan.tenant));
    for (index, (step, standing)) in plan.steps.iter().zip(standings).enumerate() {
        let mark = match standing {
            Standing::Done => "done before",
            Standing::ByHand => "by hand",
            _ if chosen.contains(&index) => "now",
            _ => "left out",
        };
        let _ = writeln!(
            question,
            "  {:>2}. {:<11} {}",
            index + 1,
            mark,
            described(step)
        );
    }
    let _ = write!(
        question,
        "Type the tenant's name to carry out {} of these steps: ",
        chosen.len()
    );
    match console.ask(&question)? {
        Some(answer) if answer.trim() == plan.tenant => Ok(()),
        Some(_) => Err(refused(
            "it was not approved: nothing was written",
            "run it again",
        )),
        None => Err(refused(
            "nobody approved the plan, and there is no terminal to ask on",
            format!("review it, then give its digest: --approve {digest}"),
        )),
    }
}

/// Asks about one step that is carried out only where somebody says so.
pub(super) fn step(
    number: usize,
    step: &Step,
    why: &str,
    console: &Console,
) -> Result<bool, Failure> {
    let question = format!("{number}. {}: {why}. Include it? [y/N] ", described(step));
    let answer = console.ask(&question)?;
    Ok(answer.is_some_and(|answer| matches!(answer.trim(), "y" | "Y" | "yes")))
}

/// A step in one line.
pub(super) fn described(step: &Step) -> String {
    let connector = step.connector.as_ref();
    let name = connector.map_or_else(String::new, |own| {
        let id = own
            .id
            .as_deref()
            .map_or_else(String::new, |id| format!(" {id}"));
        format!(" {:?}{id}", excerpt(&own.name))
    });
    visible(&format!("{}{name}", step.action.name()))
}
