//! How far a plan got: what is there, held against the states that its steps lead through.
//!
//! A plan may have been carried out in part, by a run that was cut off. Each
//! connector is then in one of the states between two of its steps, or it is a
//! surprise, and nothing more is done to it. What the plan did not find there
//! and no step made is a surprise, too.

use super::effect::carry_out;
use super::{Action, Observed, Plan, Step, effect};
use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::finding::{Subject, excerpt};
use std::collections::BTreeSet;

/// Where a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What it leads to is there.
    Done,
    /// What it begins with is there, or will be after the steps before it.
    Open,
    /// A person does it.
    ByHand,
    /// The connector is in no state that the plan knows: why.
    Surprise(String),
}

/// Where each step of a plan stands, by the connectors that are there.
pub fn progress(plan: &Plan, connectors: &[Connector]) -> Vec<Standing> {
    let mut standings: Vec<Standing> = plan
        .steps
        .iter()
        .map(|step| match step.action {
            Action::Manual => Standing::ByHand,
            _ => Standing::Open,
        })
        .collect();
    let subjects: BTreeSet<&Subject> = plan
        .steps
        .iter()
        .filter_map(|step| step.connector.as_ref())
        .collect();
    for subject in subjects {
        let own: Vec<usize> = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| {
                step.connector.as_ref() == Some(subject) && step.action != Action::Manual
            })
            .map(|(index, _)| index)
            .collect();
        let reached = Path { plan, subject }.reached(&own, connectors);
        for (position, index) in own.iter().enumerate() {
            if let Some(standing) = standings.get_mut(*index) {
                *standing = match &reached {
                    Ok(done) if position < *done => Standing::Done,
                    Ok(_) => Standing::Open,
                    Err(why) => Standing::Surprise(why.clone()),
                };
            }
        }
    }
    standings
}

/// The states that a plan leads one connector through.
struct Path<'p> {
    plan: &'p Plan,
    subject: &'p Subject,
}

impl Path<'_> {
    /// How many of its steps are done; the furthest state that fits counts.
    fn reached(&self, steps: &[usize], connectors: &[Connector]) -> Result<usize, String> {
        let there = self.find(connectors);
        let mut state = self.first();
        let mut fitting = self.fits(state.as_ref(), there).then_some(0);
        for (position, step) in steps
            .iter()
            .filter_map(|index| self.plan.steps.get(*index))
            .enumerate()
        {
            state = self.after(step, state);
            if self.fits(state.as_ref(), there) {
                fitting = Some(position + 1);
            }
        }
        fitting.ok_or_else(|| self.surprise(there))
    }

    /// The connector as the plan found it; none where a step is to make it.
    fn first(&self) -> Option<Connector> {
        let is_it = |own: &&Observed| own.connector == *self.subject;
        self.plan.observed.iter().find(is_it).map(|own| Connector {
            name: own.connector.name.clone(),
            exchange_object_id: own.connector.id.clone(),
            settings: own.settings.clone(),
            ..Connector::default()
        })
    }

    fn after(&self, step: &Step, state: Option<Connector>) -> Option<Connector> {
        let mut connectors: Vec<Connector> = state.into_iter().collect();
        carry_out(step, &mut connectors);
        connectors.pop()
    }

    /// The connector, by its id; one that a step is to make by its name, among those that the plan did not find.
    fn find<'c>(&self, connectors: &'c [Connector]) -> Option<&'c Connector> {
        let is_it = |connector: &&Connector| match &self.subject.id {
            Some(id) => connector.has_id(id),
            None => {
                let known = connector.id().is_some_and(|id| self.plan.ids.contains(id));
                !known && caseless::same(&connector.name, &self.subject.name)
            }
        };
        connectors.iter().find(is_it)
    }

    fn fits(&self, state: Option<&Connector>, there: Option<&Connector>) -> bool {
        match (state, there) {
            (None, None) => true,
            (Some(state), Some(there)) => self.differing(state, there).is_empty(),
            _ => false,
        }
    }

    /// What the plan knows of the connector and is otherwise. What is left to a person may have been done or not.
    fn differing(&self, state: &Connector, there: &Connector) -> Vec<Property> {
        let by_hand: BTreeSet<Property> = self
            .plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Manual)
            .filter(|step| step.connector.as_ref() == Some(self.subject))
            .flat_map(|step| step.settings.iter().map(|assignment| assignment.property))
            .collect();
        effect::differs(state, there)
            .into_iter()
            .filter(|property| *property == Property::Name || state.settings.contains_key(property))
            .filter(|property| !by_hand.contains(property))
            .collect()
    }

    fn surprise(&self, there: Option<&Connector>) -> String {
        let name = excerpt(&self.subject.name);
        match (self.first(), there) {
            (_, None) => format!("{name:?} is gone, and the plan does not remove it before this"),
            (None, Some(_)) => {
                format!("{name:?} is there, and it is not what the plan would have made")
            }
            (Some(first), Some(there)) => {
                let names: Vec<&str> = self
                    .differing(&first, there)
                    .iter()
                    .map(|property| property.name())
                    .collect();
                format!(
                    "{name:?} is no longer as the plan found it ({})",
                    names.join(", ")
                )
            }
        }
    }
}
