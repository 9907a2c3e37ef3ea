//! `connguard apply` and `connguard unblock`: the only commands that write to an organization.
//!
//! Everything is looked at before anything is written, each write stands
//! between two commits of the history, and what became of it is read back. A
//! run that was cut off is run again, and does what is left.

mod approval;
mod carrier;
mod cmdlet;
mod outcome;
mod seen;
mod session;
mod unblock;

pub(super) use unblock::{UnblockArgs, unblock};

use super::console::Console;
use super::live::{LiveArgs, Role};
use super::status::Shown;
use super::targets::{From, Selection};
use super::{Common, Failure, Outcome, TrustArgs};
use crate::cli::interrupt;
use crate::cli::plan;
use crate::cli::snapshot::SnapshotArgs;
use crate::digest::Digest;
use crate::history::act::{Deed, State};
use crate::plan::{Action, Plan, Purpose, Standing, Step, progress};
use crate::report::plan::{PlanFormat, render};
use crate::trust::header::CLOCK_SKEW;
use carrier::Carrier;
use clap::Args;
use outcome::Outcomes;
use session::Session;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const AFTER_HELP: &str = "\
Exit codes:
  0   every step that was to be carried out is, and was seen
  1   a step failed, or the run could not be done; the message says which and why
  2   the command line does not fit
  3   refused; or something was written and is not visible yet: run it again later
  130, 143  interrupted; the write in hand was finished and recorded
It can be interrupted at any point and run again: it does only what is left.";

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// The plan, as `connguard plan --format json` wrote it
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Approve the plan of this digest, instead of being asked
    #[arg(long, value_name = "sha256:DIGEST", value_parser = approval::parse)]
    approve: Option<Digest>,
    /// Also carry out the steps that take a connector away: they cannot be undone
    #[arg(long)]
    remove: bool,
    /// Also carry out the steps that let mail in which is held out now
    #[arg(long)]
    switch_on: bool,
    /// Let a plan pass that exceeds the policy's limits: say how many connectors it changes
    #[arg(long, value_name = "N")]
    changes: Option<usize>,
    #[command(flatten)]
    writing: WritingArgs,
}

/// What every command takes that writes.
#[derive(Debug, Args)]
struct WritingArgs {
    /// How long to wait for what was written to be visible
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = super::live::parse_wait)]
    wait: Duration,
    /// Sign the commits with this OpenSSH key [default: the variable CONNGUARD_HISTORY_KEY, a key or its file; else a key in ssh-agent that holds the history role]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Fetch the history from this remote before, and push to it after; never forced
    #[arg(long, value_name = "REMOTE")]
    push: Option<String>,
    /// How to write what was done
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

impl WritingArgs {
    /// What the history records this run with.
    fn recording(&self, tenant: &str) -> SnapshotArgs {
        let mut live = self.live.clone();
        live.role = Role::Writer;
        live.around = true;
        SnapshotArgs {
            selection: Selection {
                tenant: vec![tenant.to_owned()],
                from: Some(From::Live),
                live,
                ..Selection::default()
            },
            key: self.key.clone(),
            push: self.push.clone(),
            within: None,
            format: self.format,
            trust: self.trust.clone(),
        }
    }
}

pub(super) fn run(common: &Common, arguments: &ApplyArgs, console: &Console) -> Outcome {
    let plan = one_plan(&arguments.plan)?;
    let now = arguments.writing.trust.now();
    if plan.purpose == Purpose::Inverse {
        return Err(refused(
            "this plan undoes a revert: it opens again what was closed, and that is for people",
            "carry it out by hand, with the script that connguard plan wrote beside it",
        ));
    }
    if let Some(reason) = plan.obstacle(now) {
        return Err(refused(reason, "connguard plan makes a new one"));
    }
    if plan.made_at.duration_since(now) > CLOCK_SKEW {
        return Err(refused(
            format!(
                "it says that it was made at {}, which is later than now",
                plan.made_at
            ),
            "connguard plan makes a new one; find out who wrote this one",
        ));
    }
    let recording = arguments.writing.recording(&plan.tenant);
    let repository = session::repository(common, &recording, console)?;
    let session = Session::new(&repository, &recording, console)?;
    session.with_judging(|work| {
        let looked = work.look()?;
        let fresh = plan::plan(
            work.judging,
            work.target,
            (&looked.0, &looked.1),
            plan.purpose,
            // A run that was cut off left fewer to be changed than the plan was approved for.
            &|touched| arguments.changes.is_some_and(|most| touched <= most),
        )?;
        if plan.expires.duration_since(plan.made_at) > work.plans_are_good_for() {
            return Err(refused(
                "it says that it is good for longer than the policy lets plans be",
                "connguard plan makes a new one; find out who wrote this one",
            ));
        }
        work.never_completed(&plan)?;
        let connectors = session::connectors(&looked.0)?;
        let standings = progress(&plan, &connectors);
        if arguments.approve.is_none() {
            // What each step sets, before anything is asked.
            console.say_as_it_is(&render(&[&plan], PlanFormat::Human, now));
        }
        let chosen = chosen(&plan, &standings, arguments, console)?;
        in_both(&plan, &fresh, &standings, &chosen)?;
        let deed = Deed::Apply(plan.digest());
        let carrier = Carrier::new(work, &plan, deed, arguments.writing.wait)?;
        if chosen.is_empty() && standings.contains(&Standing::Open) {
            let outcomes = Outcomes::of(&standings);
            outcomes.show((&plan, console), None, (State::Stopped, &fresh), arguments.writing.format)?;
            return Ok(outcomes.code(&plan));
        }
        approval::ask(&plan, &standings, &chosen, arguments.approve, console)?;
        let begun = work.record(&carrier.act(State::Begun, &[]))?;
        if let Some(reason) = begun.unpushed {
            return Err(refused(
                format!("nothing was written, as the history cannot be pushed: {reason}"),
                "a write that leaves no trace where others see it is worse than a late one: mend that first, or leave --push out",
            ));
        }
        // What was done elsewhere is known only now that the history was fetched.
        work.never_completed(&plan)?;
        let outcomes = carrier.carry_out(&chosen, &standings)?;
        finish(&carrier, outcomes, &fresh, arguments.writing.format)
    })
}

/// Reads everything once more, records it, and says what became of the plan.
fn finish(
    carrier: &Carrier<'_, '_>,
    mut outcomes: Outcomes,
    fresh: &Plan,
    format: Shown,
) -> Outcome {
    let plan = carrier.plan;
    match carrier.standings() {
        Ok(standings) => outcomes.prove(&standings),
        Err(failure) => {
            carrier.work.console.failure(&failure);
            outcomes.unproven();
        }
    }
    let code = outcomes.code(plan);
    let state = if code == 0 && outcomes.is_whole() {
        State::Completed
    } else {
        State::Stopped
    };
    let act = carrier.act(state, &outcomes.requests());
    let recorded = carrier.work.record(&act);
    outcomes.show(
        (plan, carrier.work.console),
        recorded.as_ref().ok(),
        (state, fresh),
        format,
    )?;
    let recorded = recorded?;
    if let Some(reason) = &recorded.unpushed {
        carrier.work.console.note(&format!(
            "recorded here and not pushed: {reason} → connguard snapshot --push pushes it"
        ));
    }
    Ok(interrupt::came().unwrap_or(code))
}

fn one_plan(path: &Path) -> Result<Plan, Failure> {
    let mut plans = plan::read(path)?;
    match (plans.pop(), plans.is_empty()) {
        (Some(plan), true) => Ok(plan),
        _ => Err(Failure::Usage(
            "a plan of one tenant is carried out at a time: connguard plan --tenant NAME"
                .to_owned(),
        )),
    }
}

/// The steps that this run is to carry out, by their positions.
fn chosen(
    plan: &Plan,
    standings: &[Standing],
    arguments: &ApplyArgs,
    console: &Console,
) -> Result<Vec<usize>, Failure> {
    let surprises: Vec<&str> = standings
        .iter()
        .filter_map(|standing| match standing {
            Standing::Surprise(why) => Some(why.as_str()),
            _ => None,
        })
        .collect();
    if let Some(first) = surprises.first() {
        return Err(refused(
            format!("something is not as the plan left or found it: {first}"),
            "find out who changed it (connguard history diff), then make a new plan",
        ));
    }
    let mut chosen = Vec::new();
    for (index, (step, standing)) in plan.steps.iter().zip(standings).enumerate() {
        if *standing != Standing::Open {
            continue;
        }
        let apart = apart(step);
        let wanted = match apart {
            None => true,
            Some(Apart::Remove) if arguments.remove => true,
            Some(Apart::SwitchOn) if arguments.switch_on => true,
            // Who approves by digest has to say these beforehand; others are asked for each.
            Some(_) if arguments.approve.is_some() => false,
            Some(why) => approval::step(index + 1, step, why.words(), console)?,
        };
        if wanted {
            chosen.push(index);
        }
    }
    Ok(chosen)
}

/// Steps that are carried out only where somebody says so for them alone.
#[derive(Clone, Copy)]
enum Apart {
    Remove,
    SwitchOn,
}

impl Apart {
    const fn words(self) -> &'static str {
        match self {
            Self::Remove => "it cannot be undone",
            Self::SwitchOn => "it lets mail in that is held out now",
        }
    }

    const fn flag(self) -> &'static str {
        match self {
            Self::Remove => "--remove",
            Self::SwitchOn => "--switch-on",
        }
    }
}

fn apart(step: &Step) -> Option<Apart> {
    use crate::finding::Direction::Widens;
    match step.action {
        Action::Remove => Some(Apart::Remove),
        Action::Set | Action::Disable if step.direction == Widens => Some(Apart::SwitchOn),
        _ => None,
    }
}

/// Refuses what a plan made now from the verified baseline would not do.
fn in_both(
    plan: &Plan,
    fresh: &Plan,
    standings: &[Standing],
    chosen: &[usize],
) -> Result<(), Failure> {
    if let Some(contradiction) = fresh.organization.contradiction(&plan.organization) {
        return Err(refused(
            format!("the plan is for another organization: {contradiction}"),
            "make a plan for this one",
        ));
    }
    for index in chosen {
        let Some(step) = plan.steps.get(*index) else {
            continue;
        };
        if fresh.steps.iter().any(|other| same(step, other)) {
            continue;
        }
        let made = step.connector.as_ref().is_some_and(|own| own.id.is_none())
            && standings.iter().zip(&plan.steps).any(|(standing, other)| {
                other.action == Action::Create
                    && other.connector == step.connector
                    && *standing == Standing::Done
            });
        let help = if made {
            "the connector was made anew: approve a baseline with its new id (connguard baseline propose), then make a new plan"
        } else {
            "make a new plan: what was approved, or what is there, is something else by now"
        };
        return Err(refused(
            format!(
                "step {} ({}) is not one that a plan made now would have",
                index + 1,
                step.action.name()
            ),
            help,
        ));
    }
    Ok(())
}

/// Whether two steps do the same to the same, and say the same of it: what a reviewer read must be what is true.
fn same(one: &Step, other: &Step) -> bool {
    let values = |step: &Step| -> Vec<_> {
        let settings = step.settings.iter();
        settings
            .map(|own| (own.property, own.before.clone(), own.after.clone()))
            .collect()
    };
    let said = |step: &Step| {
        (
            step.direction,
            step.reversible,
            step.words.clone(),
            step.lost.clone(),
        )
    };
    one.action == other.action
        && one.connector == other.connector
        && values(one) == values(other)
        && said(one) == said(other)
}

fn refused(message: impl Into<String>, help: impl Into<String>) -> Failure {
    Failure::Refused {
        message: message.into(),
        help: help.into(),
    }
}
