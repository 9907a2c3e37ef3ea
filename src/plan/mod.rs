//! The way back: ordered steps that turn the observed connectors into the approved ones.
//!
//! A plan is data. It is made from a snapshot and a verified baseline, bound to
//! both by their digests, and says of each step what is there, what is to be
//! there, why, and what is lost by it. How it is shown, and who carries it out,
//! is decided elsewhere. The order and the preferences are those that the
//! service leaves: set in place before disable, disable before create, and
//! nothing is removed but as a step of its own, at the end: a connector that is
//! gone may not be let back.

mod direction;
mod effect;
mod inverse;
mod limits;
mod make;
mod partners;
mod progress;
pub mod wire;

pub use effect::{apply, differs};
pub use inverse::inverse;
pub use limits::{Excess, exceeded};
pub use make::{Request, make, on_premises};
pub use progress::{Standing, progress};

use crate::connector::Guid;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::digest::Digest;
use crate::finding::{Direction, Severity, Subject};
use crate::snapshot::Organization;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Put everything back to what was approved.
    Revert,
    /// Only stop what widened: the first half of an incident.
    Contain,
    /// Undo another plan.
    Inverse,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Revert, Self::Contain, Self::Inverse];

    /// The word used in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revert => "revert",
            Self::Contain => "contain",
            Self::Inverse => "inverse",
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// `Set-InboundConnector -Enabled $false`
    Disable,
    /// `Set-InboundConnector` with other settings.
    Set,
    /// `Set-InboundConnector -Name`
    Rename,
    /// `New-InboundConnector`, disabled.
    Create,
    /// `Remove-InboundConnector`
    Remove,
    /// Something that a person has to do.
    Manual,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 6] = [
        Self::Disable,
        Self::Set,
        Self::Rename,
        Self::Create,
        Self::Remove,
        Self::Manual,
    ];

    /// The word used in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Set => "set",
            Self::Rename => "rename",
            Self::Create => "create",
            Self::Remove => "remove",
            Self::Manual => "manual",
        }
    }
}

/// A setting and the value that it is to have.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The setting, or `Name`.
    pub property: Property,
    /// What is there; `None` where there is no connector, or its record does not say.
    pub before: Option<Value>,
    /// What is to be there.
    pub after: Value,
    /// Whether it does not differ and is sent because the service checks it together with one that does.
    pub partner: bool,
}

/// A finding that a step answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Its rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// What identifies it across runs.
    pub fingerprint: String,
    /// What is wrong, in words.
    pub message: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// The connector, as it is called before the plan; `None` for what is about the tenant.
    pub connector: Option<Subject>,
    /// What it sets. Of a step that removes: everything that is lost.
    pub settings: Vec<Assignment>,
    /// What it does, or what a person has to do, in words.
    pub words: String,
    /// The findings that it answers.
    pub answers: Vec<Answer>,
    /// What it does to trust, from what is there.
    pub direction: Direction,
    /// Whether another step can undo it.
    pub reversible: bool,
    /// What is lost by it.
    pub lost: Option<String>,
}

impl Step {
    /// The value that it gives a setting.
    pub fn after(&self, property: Property) -> Option<&Value> {
        self.settings
            .iter()
            .find(|assignment| assignment.property == property)
            .map(|assignment| &assignment.after)
    }
}

/// The baseline that a plan leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its version.
    pub version: u64,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Who approved it.
    pub signers: Vec<String>,
}

/// Ordered steps for one organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it is for.
    pub purpose: Purpose,
    /// The tenant's local name.
    pub tenant: String,
    /// The organization.
    pub organization: Organization,
    /// Digest of the snapshot that it was made from.
    pub snapshot: Digest,
    /// When that was taken.
    pub taken_at: Option<Timestamp>,
    /// The baseline that it leads to.
    pub baseline: Target,
    /// Digest of the root by which that was verified.
    pub root: Digest,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on it is not to be carried out any more.
    pub expires: Timestamp,
    /// The plan that it undoes.
    pub inverse_of: Option<Digest>,
    /// How many connectors there are, and how many of them are on-premises.
    pub connectors: Count,
    /// The ids of all connectors that there are, sorted; empty where the plan cannot know them.
    pub ids: Vec<Guid>,
    /// The connectors that steps are about, whole: none of it may have changed when a step is carried out.
    pub observed: Vec<Observed>,
    /// What is to be done, in this order.
    pub steps: Vec<Step>,
    /// What a reader must know beside the steps.
    pub warnings: Vec<String>,
}

/// A connector as the plan found it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The connector.
    pub connector: Subject,
    /// Every setting that its record holds.
    pub settings: BTreeMap<Property, Value>,
}

/// A number of connectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub all: usize,
    /// Those of type OnPremises, or of a type that is not known.
    pub on_premises: usize,
}

impl Plan {
    /// Digest over everything that the plan says.
    pub fn digest(&self) -> Digest {
        Digest::of(wire::canonical(self).as_bytes())
    }

    /// Why it is not to be carried out any more.
    pub fn obstacle(&self, now: Timestamp) -> Option<String> {
        (now >= self.expires).then(|| {
            format!(
                "it expired at {}: what is there may be something else by now; make a new one",
                self.expires
            )
        })
    }

    /// How many steps do this.
    pub fn count(&self, action: Action) -> usize {
        self.steps
            .iter()
            .filter(|step| step.action == action)
            .count()
    }
}
