//! What became of each step, for people, for programs and as an exit code.

use super::{Apart, apart};
use crate::canonical;
use crate::cli::Failure;
use crate::cli::console::Console;
use crate::cli::snapshot::Recorded;
use crate::cli::status::Shown;
use crate::exchange::Fault;
use crate::finding::Severity;
use crate::history::act::State;
use crate::history::short;
use crate::hostile_text::visible;
use crate::plan::{Action, Plan, Standing, Step};
use crate::report::{counted, pipeline};
use serde_json::json;
use std::fmt::Write as _;

/// `schema` of the JSON form.
const SCHEMA: &str = "connguard/applied/v1";

/// What became of one step.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It was carried out, and seen.
    Done(Vec<String>),
    /// It was there already.
    DoneBefore,
    /// It was carried out, and is not visible yet.
    NotSeen(Vec<String>),
    /// Its answer was lost, and it is not visible.
    Unknown(Fault),
    /// The service refused it.
    Failed(Fault),
    /// The connector is not as the plan knows it.
    Surprise(String, Vec<String>),
    /// A step before it, on the same connector, did not end well; or the run ended.
    HeldUp,
    /// Looking or recording failed: nobody knows more than the history says.
    CutOff(String),
    /// It was not chosen.
    Left,
    /// A person does it.
    ByHand,
}

impl Fate {
    const fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::DoneBefore => "done-before",
            Self::NotSeen(_) => "not-seen",
            Self::Unknown(_) => "unknown",
            Self::Failed(_) => "failed",
            Self::Surprise(..) => "changed-meanwhile",
            Self::HeldUp => "held-up",
            Self::CutOff(_) => "cut-off",
            Self::Left => "left",
            Self::ByHand => "by-hand",
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        let requests = crate::exchange::fault::named(self.requests());
        match self {
            Self::Done(_) => format!("done, and seen{requests}"),
            Self::DoneBefore => "was there already".to_owned(),
            Self::NotSeen(_) => format!("WRITTEN, NOT YET VISIBLE{requests}: run it again later"),
            Self::Unknown(fault) => format!(
                "NOT KNOWN WHETHER IT WAS CARRIED OUT: {fault}: run it again later, it looks first"
            ),
            Self::Failed(fault) => format!("FAILED: {fault} → {}", fault.help),
            Self::Surprise(why, _) => format!("STOPPED{requests}: {why}"),
            Self::HeldUp => "NOT CARRIED OUT, as what comes before it did not end well".to_owned(),
            Self::CutOff(why) => {
                format!("CUT OFF: {why}; run it again: it looks first, and does what is left")
            }
            Self::Left => "left".to_owned(),
            Self::ByHand => "to be done by hand".to_owned(),
        }
    }

    /// The requests that were sent for it.
    pub fn requests(&self) -> &[String] {
        match self {
            Self::Done(requests) | Self::NotSeen(requests) | Self::Surprise(_, requests) => {
                requests
            }
            Self::Unknown(fault) | Self::Failed(fault) => &fault.requests,
            _ => &[],
        }
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::CutOff(_) => 1,
            Self::NotSeen(_) | Self::Unknown(_) | Self::Surprise(..) | Self::HeldUp => 3,
            Self::Done(_) | Self::DoneBefore | Self::Left | Self::ByHand => 0,
        }
    }
}

/// What became of every step.
#[derive(Default)]
pub(super) struct Outcomes {
    all: Vec<(usize, Fate)>,
    interrupted: bool,
    /// Whether the last look could not be made.
    unproven: bool,
}

impl Outcomes {
    /// Of a plan of which nothing is carried out.
    pub fn of(standings: &[Standing]) -> Self {
        let fate = |standing: &Standing| match standing {
            Standing::Done => Fate::DoneBefore,
            Standing::ByHand => Fate::ByHand,
            Standing::Open | Standing::Surprise(_) => Fate::Left,
        };
        Self {
            all: standings.iter().map(fate).enumerate().collect(),
            ..Self::default()
        }
    }

    /// Holds what was done against the last look: what is done must be there still.
    pub fn prove(&mut self, standings: &[Standing]) {
        for (index, fate) in &mut self.all {
            let done = matches!(fate, Fate::Done(_) | Fate::DoneBefore);
            match standings.get(*index) {
                Some(Standing::Surprise(why)) if done => {
                    *fate = Fate::Surprise(why.clone(), fate.requests().to_vec());
                }
                Some(Standing::Open) if done => *fate = Fate::NotSeen(fate.requests().to_vec()),
                _ => {}
            }
        }
    }

    /// The last look could not be made: nothing is proven.
    pub fn unproven(&mut self) {
        self.unproven = true;
    }

    /// Whether nothing is left to be carried out.
    pub fn is_whole(&self) -> bool {
        let over = |fate: &Fate| matches!(fate, Fate::Done(_) | Fate::DoneBefore | Fate::ByHand);
        self.all.iter().all(|(_, fate)| over(fate))
    }

    pub fn add(&mut self, index: usize, fate: Fate) {
        self.all.push((index, fate));
    }

    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Whether nothing more is written.
    pub fn ended(&self) -> bool {
        let stops =
            |fate: &Fate| matches!(fate, Fate::Failed(_) | Fate::Surprise(..) | Fate::CutOff(_));
        self.interrupted || self.all.iter().any(|(_, fate)| stops(fate))
    }

    /// Whether a step before this one, on the same connector, is not known to be done.
    pub fn holds_up(&self, plan: &Plan, step: &Step) -> bool {
        self.all.iter().any(|(index, fate)| {
            let own = plan.steps.get(*index);
            own.is_some_and(|own| own.connector == step.connector)
                && matches!(
                    fate,
                    Fate::NotSeen(_) | Fate::Unknown(_) | Fate::Left | Fate::HeldUp
                )
        })
    }

    pub fn requests(&self) -> Vec<String> {
        let all = self.all.iter().flat_map(|(_, fate)| fate.requests());
        all.cloned().collect()
    }

    /// How the run ends: a step that failed before one that is not known. What was left out is no failure,
    /// unless it is what closes a hole.
    pub fn code(&self, plan: &Plan) -> u8 {
        let mut codes: Vec<u8> = self.all.iter().map(|(_, fate)| fate.code()).collect();
        let closes = |index: usize| {
            let step = plan
                .steps
                .get(index)
                .filter(|step| step.action == Action::Set);
            step.is_some_and(|step| {
                step.answers
                    .iter()
                    .any(|own| own.severity >= Severity::High)
            })
        };
        let left_open =
            |(index, fate): &(usize, Fate)| matches!(fate, Fate::Left) && closes(*index);
        if self.all.iter().any(left_open) {
            codes.push(3);
        }
        if self.unproven {
            codes.push(1);
        }
        [1, 3]
            .into_iter()
            .find(|code| codes.contains(code))
            .unwrap_or(0)
    }

    /// Writes what was done.
    pub fn show(
        &self,
        (plan, console): (&Plan, &Console),
        recorded: Option<&Recorded>,
        (state, fresh): (State, &Plan),
        format: Shown,
    ) -> Result<(), Failure> {
        match format {
            Shown::Human => console.text(&self.page(plan, recorded, (state, fresh))),
            Shown::Json => {
                let json = self.json(plan, recorded, state);
                console.result(&pipeline::defuse_json(&canonical::to_string(&json)))
            }
        }
    }

    fn page(
        &self,
        plan: &Plan,
        recorded: Option<&Recorded>,
        (state, fresh): (State, &Plan),
    ) -> String {
        let how = match state {
            _ if self.interrupted => "INTERRUPTED: run it again, it does what is left",
            State::Completed => "carried out to its end",
            _ if self.code(plan) == 0 => "carried out, but for what is left",
            _ => "NOT CARRIED OUT TO ITS END",
        };
        let mut text = format!("plan {} for {}: {how}\n", plan.digest(), plan.tenant);
        for (index, fate) in &self.all {
            let Some(step) = plan.steps.get(*index) else {
                continue;
            };
            let hint = match (fate, apart(step)) {
                (Fate::Left, Some(apart)) => format!(
                    ": only with {}, as {}",
                    Apart::flag(apart),
                    Apart::words(apart)
                ),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "  {:>2}. {}\n      {}{hint}",
                index + 1,
                super::approval::described(step),
                visible(&fate.words())
            );
        }
        let known = |step: &&Step| plan.steps.iter().any(|own| super::same(own, step));
        let more = fresh.steps.iter().filter(|step| !known(step)).count();
        if more > 0 {
            let _ = writeln!(
                text,
                "{} that the plan does not have would be needed as well: make a new one",
                counted(more, "step")
            );
        }
        for done in recorded.into_iter().flat_map(|own| &own.done) {
            let _ = writeln!(
                text,
                "now {}: {}{}",
                done.name,
                done.judged.conclusion.verdict.name(),
                recorded
                    .and_then(|own| own.commit)
                    .map_or_else(String::new, |commit| format!(
                        "; recorded {}",
                        short(commit)
                    ))
            );
        }
        text
    }

    fn json(&self, plan: &Plan, recorded: Option<&Recorded>, state: State) -> serde_json::Value {
        let steps: Vec<_> = self
            .all
            .iter()
            .filter_map(|(index, fate)| {
                let step = plan.steps.get(*index)?;
                Some(json!({
                    "step": index + 1,
                    "action": step.action.name(),
                    "connector": step.connector.as_ref().map(|own| json!({ "id": own.id, "name": own.name })),
                    "outcome": fate.word(),
                    "message": fate.words(),
                    "requests": fate.requests(),
                }))
            })
            .collect();
        let verdict = recorded
            .and_then(|own| own.done.first())
            .map(|done| done.judged.conclusion.verdict.name());
        json!({
            "schema": SCHEMA,
            "plan": plan.digest().to_string(),
            "tenant": plan.tenant,
            "state": state.word(),
            "steps": steps,
            "commit": recorded.and_then(|own| own.commit).map(|commit| commit.to_string()),
            "verdict": verdict,
        })
    }
}
