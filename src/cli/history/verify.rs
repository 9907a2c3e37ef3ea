//! `history verify`: whether the record is what was recorded.

use super::PlaceArgs;
use crate::canonical;
use crate::cli::console::Console;
use crate::cli::past::Past;
use crate::cli::status::Shown;
use crate::cli::{Common, Failure, Outcome};
use crate::git::Oid;
use crate::history::verify::{Kind, Verified};
use crate::history::{History, short};
use crate::hostile_text::visible;
use crate::report::counted;
use crate::report::pipeline;
use crate::trust::{Memory, Sightings};
use clap::Args;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Histories of so few commits are verified whole every time: it takes no time worth saving.
const SHORT: usize = 1000;

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// Look again at all that an earlier run verified; short histories are always looked at whole
    #[arg(long)]
    full: bool,
    /// Take this history in place of the one that an earlier run saw
    #[arg(long)]
    anew: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) fn verify(common: &Common, arguments: &VerifyArgs, console: &Console) -> Outcome {
    let mut reading = arguments.place.open(common)?;
    if let Some(Err(refusal)) = &reading.trust {
        return Err(Failure::Refused {
            message: format!(
                "without a root that can be believed nobody's signature counts: {refusal}"
            ),
            help: refusal.help(),
        });
    }
    let known = reading
        .state
        .as_ref()
        .map(|state| state.memory.clone())
        .unwrap_or_default();
    let mut memory = if arguments.anew {
        Memory::default()
    } else {
        known
    };
    let tip = reading.history.tip().map_err(super::failed)?;
    let few = tip.is_none_or(|tip| reading.history.from(tip).take(SHORT + 1).count() <= SHORT);
    let trust = reading.trust.take().and_then(Result::ok);
    let past = Past::open(
        reading.history,
        &arguments.place.trust,
        (trust.as_ref(), &reading.name),
        &mut memory,
        arguments.full || few,
    )?;
    let past = if arguments.anew { past.anew() } else { past };
    past.history.needed_tip().map_err(super::failed)?;
    let obstacle = past.obstacle(arguments.place.trust.now());
    match arguments.format {
        Shown::Human => console.text(&page(&past, obstacle.as_deref()))?,
        Shown::Json => {
            let text = canonical::to_string(&json_of(&past, obstacle.as_deref()));
            console.result(&pipeline::defuse_json(&text))?;
        }
    }
    let Some(Ok(verified)) = past.verified.as_ref().filter(|_| obstacle.is_none()) else {
        return Ok(3);
    };
    if let (Some(state), Some(trust)) = (&reading.state, &trust) {
        if trust.floor().is_none() {
            console.note(&format!(
                "the root is neither pinned nor remembered, so whoever made it may have made the history, too: {}",
                trust.digest()
            ));
        }
        let tip = Sightings {
            repository: reading.name.clone(),
            roots: trust.chain().to_vec(),
            known_by: trust.known_by().to_vec(),
            history: past.remembered(),
            ..Sightings::default()
        };
        let clock = arguments
            .place
            .trust
            .now
            .is_none()
            .then(|| arguments.place.trust.now());
        let mut all = verified.sightings.clone();
        all.push((tip, clock));
        if let Some(note) = state.remember(&all)? {
            console.note(&note);
        }
    }
    Ok(if verified.signed { 0 } else { 3 })
}

fn from(history: &History, verified: &Verified) -> String {
    let entry = history.entry(verified.first);
    entry.map_or_else(
        |_| short(verified.first),
        |entry| format!("{} ({})", short(entry.id), entry.run.taken_at),
    )
}

fn page(past: &Past, obstacle: Option<&str>) -> String {
    let mut text = String::new();
    match &past.verified {
        Some(Ok(verified)) => {
            let state = match (verified.commits, verified.signed) {
                (0, true) => "nothing new since it was verified; signed".to_owned(),
                (0, false) => "nothing new since it was looked at; UNSIGNED".to_owned(),
                (count, true) => format!("{} verified, signed", counted(count, "commit")),
                (count, false) => format!(
                    "{} looked at, UNSIGNED: whoever can write to the repository can have made them",
                    counted(count, "commit")
                ),
            };
            let _ = writeln!(text, "{}: {state}", past.history.name);
            let _ = writeln!(text, "  from {}", from(&past.history, verified));
            let _ = writeln!(text, "  to   {} ({})", short(verified.tip), verified.newest);
            if verified.signed && verified.unsigned > 0 {
                let _ = writeln!(
                    text,
                    "  the first {} unsigned: nobody held the role then, and what followed was signed on top of them",
                    if verified.unsigned == 1 {
                        "commit is".to_owned()
                    } else {
                        format!("{} commits are", verified.unsigned)
                    }
                );
            }
            if let Some(obstacle) = obstacle {
                let _ = writeln!(text, "  {}", visible(obstacle));
            }
        }
        Some(Err(flaws)) => {
            let _ = writeln!(text, "{}: NOT what was recorded", past.history.name);
            for flaw in flaws {
                let _ = writeln!(
                    text,
                    "  {}  {}  {}",
                    flaw.kind.name(),
                    flaw.commit,
                    visible(&flaw.message)
                );
                let _ = writeln!(text, "    → {}", flaw.kind.help());
            }
            if let Some(good) = last_good(past) {
                let _ = writeln!(
                    text,
                    "  the last good commit is {good}: once you know what happened, git update-ref {} {good}",
                    past.history.name
                );
            }
        }
        None => {}
    }
    text
}

/// The commit before the first bad one, or the newest one that is known, where the ref was set back from it.
fn last_good(past: &Past) -> Option<Oid> {
    let Some(Err(flaws)) = &past.verified else {
        return None;
    };
    let flaw = flaws.first()?;
    match flaw.kind {
        Kind::Reset | Kind::Rewritten => flaw.known,
        _ => {
            let commit = past.history.git.commit(flaw.commit).ok()?;
            commit.parents.first().copied()
        }
    }
}

fn json_of(past: &Past, obstacle: Option<&str>) -> Json {
    let verified = past
        .verified
        .as_ref()
        .and_then(|verified| verified.as_ref().ok());
    let flaws = past
        .verified
        .as_ref()
        .and_then(|verified| verified.as_ref().err());
    let flaws: Vec<Json> = flaws
        .into_iter()
        .flatten()
        .map(|flaw| {
            json!({
                "kind": flaw.kind,
                "commit": flaw.commit.to_string(),
                "message": flaw.message,
                "help": flaw.kind.help(),
            })
        })
        .collect();
    json!({
        "schema": "connguard/history-verification/v1",
        "ref": past.history.name,
        "verified": verified.is_some_and(|verified| verified.signed) && obstacle.is_none(),
        "signed": verified.is_some_and(|verified| verified.signed),
        "tip": past.tip.map(|tip| tip.to_string()),
        "first": verified.map(|verified| verified.first.to_string()),
        "commits": verified.map(|verified| verified.commits),
        "newest": verified.map(|verified| verified.newest),
        "last_good": last_good(past).map(|commit| commit.to_string()),
        "problem": obstacle,
        "flaws": flaws,
    })
}
