//! Carrying steps out: look, say what is about to be done, do it, look again, say what became of it.

use super::approval::described;
use super::cmdlet;
use super::outcome::{Fate, Outcomes};
use super::seen;
use super::session::Work;
use crate::caseless;
use crate::cli::Failure;
use crate::cli::interrupt;
use crate::cli::live::{self, Read};
use crate::connector::{Connector, Guid};
use crate::exchange::Kind;
use crate::exchange::write::Written;
use crate::history::act::{Act, Deed, State};
use crate::hostile_text::visible;
use crate::plan::{Action, Plan, Standing, Step, progress};
use crate::snapshot::Part;
use std::time::Duration;

/// How often a step is sent again that sets what is to be there, after its answer was lost and it was not seen.
const SENT_AGAIN: u32 = 2;

/// The parts by which it is known what is there: the connectors, and what proves that all were read.
const LOOKED_AT: [Part; 2] = [Part::InboundConnectors, Part::AcceptedDomains];

/// Carries the steps of a plan out.
pub(super) struct Carrier<'c, 'r> {
    pub work: &'c Work<'c, 'r>,
    pub plan: &'c Plan,
    deed: Deed,
    wait: Duration,
    by: String,
}

impl<'c, 'r> Carrier<'c, 'r> {
    pub fn new(
        work: &'c Work<'c, 'r>,
        plan: &'c Plan,
        deed: Deed,
        wait: Duration,
    ) -> Result<Self, Failure> {
        let by = by(work)?;
        Ok(Self {
            work,
            plan,
            deed,
            wait,
            by,
        })
    }

    /// What the history is told.
    pub fn act(&self, state: State, requests: &[String]) -> Act {
        Act {
            deed: self.deed.clone(),
            tenant: self.plan.tenant.clone(),
            state,
            by: self.by.clone(),
            requests: requests.to_vec(),
        }
    }

    /// Where every step stands by what is there now.
    pub fn standings(&self) -> Result<Vec<Standing>, Failure> {
        Ok(progress(self.plan, &self.connectors()?))
    }

    /// Carries out the steps that were chosen. One that fails ends the run; one that is
    /// not visible yet holds up only what comes after it on the same connector.
    pub fn carry_out(&self, chosen: &[usize], standings: &[Standing]) -> Result<Outcomes, Failure> {
        let unsettled = self.work.open_intents(self.plan)?;
        let mut outcomes = Outcomes::default();
        for (index, step) in self.plan.steps.iter().enumerate() {
            if step.action == Action::Manual {
                outcomes.add(index, Fate::ByHand);
                continue;
            }
            if !chosen.contains(&index) {
                let done = standings.get(index) == Some(&Standing::Done);
                outcomes.add(index, if done { Fate::DoneBefore } else { Fate::Left });
                continue;
            }
            if outcomes.ended() || outcomes.holds_up(self.plan, step) {
                outcomes.add(index, Fate::HeldUp);
                continue;
            }
            // Whatever was written before is shown and recorded, whatever becomes of this one.
            let fate = self
                .one(index, step, unsettled.contains(&(index + 1)))
                .unwrap_or_else(|failure| Fate::CutOff(format!("{failure} → {}", failure.help())));
            self.work.console.note(&format!(
                "{}. {}: {}",
                index + 1,
                described(step),
                fate.words()
            ));
            outcomes.add(index, fate);
            if interrupt::came().is_some() {
                outcomes.interrupt();
            }
        }
        Ok(outcomes)
    }

    /// Carries one step out.
    fn one(&self, index: usize, step: &Step, unsettled: bool) -> Result<Fate, Failure> {
        // What an earlier run may have made or removed has time to become visible before it is asked for once more.
        let delicate = matches!(step.action, Action::Create | Action::Remove);
        let standing = if unsettled && delicate {
            self.seen(index)?
        } else {
            self.standing(index)?
        };
        match standing {
            Standing::Done => return Ok(Fate::DoneBefore),
            Standing::Surprise(why) => return Ok(Fate::Surprise(why, Vec::new())),
            Standing::ByHand => return Ok(Fate::ByHand),
            Standing::Open => {}
        }
        let number = index + 1;
        let _in_hand = interrupt::Write::begin();
        self.note(State::Intent(number), step, &[])?;
        let fate = self.written(index, step)?;
        let requests = fate.requests().to_vec();
        let state = match &fate {
            Fate::Done(_) | Fate::DoneBefore => State::Done(number),
            Fate::NotSeen(_) => State::NotSeen(number),
            Fate::Unknown(_) | Fate::Surprise(..) => State::Unknown(number),
            _ => State::Failed(number),
        };
        self.note(state, step, &requests)?;
        Ok(fate)
    }

    /// Sends a step, and looks what became of it.
    fn written(&self, index: usize, step: &Step) -> Result<Fate, Failure> {
        let id = step.connector.as_ref().and_then(|own| own.id.clone());
        let id = match id {
            Some(id) => Some(id),
            None if step.action == Action::Create => None,
            None => self.made(step)?,
        };
        let Some(first) = cmdlet::of(step, id.as_ref()) else {
            return Ok(Fate::ByHand);
        };
        let mut requests = Vec::new();
        let mut cmdlet = first;
        let mut emptied = false;
        let mut again = 0;
        loop {
            match self.work.write(&cmdlet)? {
                Written::Done(page) => {
                    for doubt in &page.doubts {
                        self.work.console.note(doubt);
                    }
                    requests.push(page.request);
                    return Ok(match self.seen(index)? {
                        Standing::Done => Fate::Done(requests),
                        Standing::Surprise(why) => Fate::Surprise(why, requests),
                        _ => Fate::NotSeen(requests),
                    });
                }
                Written::Refused(fault) => {
                    requests.extend(fault.requests.iter().cloned());
                    if fault.kind == Kind::Refused
                        && !emptied
                        && let Some(other) = cmdlet::with_empty_lists(step, id.as_ref())
                    {
                        emptied = true;
                        cmdlet = other;
                        continue;
                    }
                    // A name that is taken may be taken by what an earlier request made.
                    let made = step.action == Action::Create && fault.kind == Kind::Refused;
                    if made && self.seen(index)? == Standing::Done {
                        return Ok(Fate::Done(requests));
                    }
                    return Ok(Fate::Failed(fault.after(&requests)));
                }
                Written::Unknown(fault) => {
                    requests.extend(fault.requests.iter().cloned());
                    self.work.console.note(&format!(
                        "{fault}: nobody knows whether it was carried out; looking"
                    ));
                    match self.seen(index)? {
                        Standing::Done => return Ok(Fate::Done(requests)),
                        // Somebody else is at it: nothing is sent over what they did.
                        Standing::Surprise(why) => return Ok(Fate::Surprise(why, requests)),
                        Standing::Open | Standing::ByHand => {}
                    }
                    // To set the same values twice does no harm; to make or remove a connector twice may.
                    let repeatable =
                        matches!(step.action, Action::Set | Action::Disable | Action::Rename);
                    if !repeatable || again == SENT_AGAIN {
                        return Ok(Fate::Unknown(fault.after(&requests)));
                    }
                    again += 1;
                }
            }
        }
    }

    /// The id of a connector that an earlier step made.
    fn made(&self, step: &Step) -> Result<Option<Guid>, Failure> {
        let name = step.connector.as_ref().map(|own| &own.name);
        let all = self.connectors()?;
        let made = all.into_iter().find(|own| {
            let known = own.id().is_some_and(|id| self.plan.ids.contains(id));
            !known && name.is_some_and(|name| caseless::same(&own.name, name))
        });
        Ok(made.and_then(|own| own.id().cloned()))
    }

    fn standing(&self, index: usize) -> Result<Standing, Failure> {
        let standings = self.standings()?;
        Ok(standings.get(index).cloned().unwrap_or(Standing::ByHand))
    }

    /// Where a step stands once it had time to become visible. A look that fails says nothing; the next one may.
    fn seen(&self, index: usize) -> Result<Standing, Failure> {
        let is_done = |seen: &Result<Standing, Failure>| matches!(seen, Ok(Standing::Done));
        let last = seen::until(self.wait, || self.standing(index), is_done);
        Ok(last.unwrap_or_else(|failure| {
            self.work.console.failure(&failure);
            Standing::Open
        }))
    }

    /// The connectors that are there now, all of them, and of the right organization.
    fn connectors(&self) -> Result<Vec<Connector>, Failure> {
        let target = self.work.target;
        let Some(tenant) = target.configured else {
            return Err(live::not_configured(&target.name));
        };
        let origin = live::origin(&target.name);
        let live = &self.work.judging.live;
        let now = self.work.judging.now;
        let read = live
            .with(tenant, self.work.exchange, |service, _| {
                live.read_by(service, &origin, tenant, (&LOOKED_AT, now))
            })
            .map_err(|fault| self.work.lost(&fault))??;
        let Read {
            snapshot,
            problems,
            failures,
            ..
        } = read;
        if !failures.is_empty() {
            return Err(live::lost(&failures));
        }
        let snapshot = problems.into_result(Some(snapshot))?;
        if let Some(contradiction) = self.plan.organization.contradiction(&snapshot.organization) {
            return Err(super::refused(
                format!("this is another organization than the plan is for: {contradiction}"),
                "sign in to the right one",
            ));
        }
        if !snapshot.has(Part::InboundConnectors) {
            return Err(Failure::run(
                format!(
                    "{origin}: the connectors were not read completely: {}",
                    snapshot.completeness(Part::InboundConnectors).words()
                ),
                "run it again: it does only what is left",
            ));
        }
        Ok(snapshot.connectors().cloned().collect())
    }

    /// Commits what is about to be done, or was.
    fn note(&self, state: State, step: &Step, requests: &[String]) -> Result<(), Failure> {
        let title = format!("{}: {state} of {}", self.plan.tenant, self.plan.steps.len());
        let text = format!("  {}", visible(&described(step)));
        self.work
            .recorder
            .note(&self.act(state, requests), (&title, &text))
            .map(|_| ())
    }
}

/// Which identity writes, in words.
pub(super) fn by(work: &Work<'_, '_>) -> Result<String, Failure> {
    let identity = work.judging.live.identity(work.exchange);
    let identity = identity.map_err(|fault| Failure::run(fault.to_string(), fault.help))?;
    Ok(visible(&identity.to_string()))
}
