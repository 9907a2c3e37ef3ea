//! Signs of compromise, one file each: what was measured, against which threshold, or why it was not.

mod actor;
mod connector_blocked;
mod create_burst_delete;
pub mod measure;
mod new_recipients;
mod outside_address;
mod sender_mismatch;
mod shares;
mod spam_share;
mod unapproved_change;
mod unprovisioned_sender;
mod volume_rise;

pub use volume_rise::{Band, band};

use super::Examined;
use super::actor::Triage;
use super::attribution::Change;
use crate::evidence::traffic::{Cell, Hour, Traffic};
use crate::policy::threshold::{Threshold, Thresholds};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// How much a sign says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// It says nothing about such a connector.
    NotApplicable,
    /// Evidence is missing.
    NotEvaluated,
    /// It was looked at, and nothing is unusual.
    Quiet,
    /// It is unusual, and may have a good reason.
    Weak,
    /// By itself a reason to act.
    Strong,
}

impl Strength {
    /// The word in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not applicable",
            Self::NotEvaluated => "not evaluated",
            Self::Quiet => "quiet",
            Self::Weak => "weak",
            Self::Strong => "strong",
        }
    }
}

/// One number of a sign.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Number {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
}

/// A threshold that was held against it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Limit {
    /// Its name, as `--set` takes it.
    pub name: &'static str,
    /// The number in force.
    pub value: f64,
}

/// What an indicator says of a connector.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Sign {
    /// The indicator's id.
    pub indicator: &'static str,
    /// How much it says.
    pub strength: Strength,
    /// What was measured, as a multiple of the first threshold: from 1 on it counts. Null where nothing was.
    pub score: Option<f64>,
    /// What was found, in words.
    pub message: String,
    /// The numbers behind it.
    pub numbers: Vec<Number>,
    /// The thresholds by which it was judged.
    pub thresholds: Vec<Limit>,
    /// When it was so, if at certain hours: their beginnings.
    #[schemars(with = "Vec<String>")]
    pub hours: Vec<Timestamp>,
    /// Audit records that it rests on.
    pub records: Vec<String>,
}

impl Sign {
    fn new(indicator: &'static str, strength: Strength, message: impl Into<String>) -> Self {
        Self {
            indicator,
            strength,
            score: None,
            message: message.into(),
            numbers: Vec::new(),
            thresholds: Vec::new(),
            hours: Vec::new(),
            records: Vec::new(),
        }
    }

    fn not_evaluated(indicator: &'static str, why: impl Into<String>) -> Self {
        Self::new(indicator, Strength::NotEvaluated, why)
    }

    fn not_applicable(indicator: &'static str, why: impl Into<String>) -> Self {
        Self::new(indicator, Strength::NotApplicable, why)
    }

    fn number(mut self, name: &str, value: f64) -> Self {
        self.numbers.push(Number {
            name: name.to_owned(),
            // What is finer tells nobody anything, and differs between machines.
            value: (value * 1000.0).round() / 1000.0,
        });
        self
    }

    fn limits(mut self, thresholds: &Thresholds, names: &[Threshold]) -> Self {
        self.thresholds = names
            .iter()
            .map(|own| Limit {
                name: own.name(),
                value: thresholds.get(*own),
            })
            .collect();
        self
    }

    fn scored(mut self, measured: f64, limit: f64) -> Self {
        let score = if limit > 0.0 {
            measured / limit
        } else {
            measured
        };
        self.score = Some((score * 100.0).round() / 100.0);
        self
    }

    fn at(mut self, hours: impl IntoIterator<Item = Hour>) -> Self {
        let times = hours
            .into_iter()
            .filter_map(|hour| Timestamp::from_second(hour * 3600).ok());
        self.hours = times.take(MOST_HOURS).collect();
        self
    }
}

/// So many hours of a sign are named.
const MOST_HOURS: usize = 72;

/// A connector, and everything there is to judge it by.
pub struct Case<'a> {
    /// Which connector, and what states and records say it is.
    pub examined: &'a Examined<'a>,
    /// Its place among the routes.
    pub route: usize,
    /// What happened to it.
    pub changes: &'a [&'a Change],
    /// What its changes' actors are and did.
    pub triage: &'a [&'a Triage],
    /// The numbers in force.
    pub thresholds: &'a Thresholds,
    /// Connectors, of this investigation, by what each is.
    pub evidence: &'a super::Known<'a>,
}

impl Case<'_> {
    /// The connector's mail, hour by hour; or why it is not known. Where nothing ties mail to it, all outbound mail
    /// that no other connector explains stands for it: what went through it is among that.
    fn mail(&self) -> Result<Mail<'_>, String> {
        static NONE: BTreeMap<Hour, Cell> = BTreeMap::new();
        let traffic = self.evidence.traffic;
        let Some(traffic) = traffic.filter(|own| own.window.is_some()) else {
            return Err("there is no message trace".to_owned());
        };
        let own = traffic.of(self.route).unwrap_or(&NONE);
        let route = self.examined.routes.routes.get(self.route);
        let by_address = route.is_some_and(|route| !route.addresses.is_empty());
        if by_address || traffic.knows_connectors() {
            return Ok(Mail {
                hours: own,
                traffic,
                stands_for: false,
            });
        }
        if route.is_some_and(|route| !route.on_premises) {
            return Err(
                "nothing ties mail to it: it has no addresses, and the trace names no connectors"
                    .to_owned(),
            );
        }
        if self.examined.routes.domains.is_none() {
            return Err("nothing ties mail to it, and without accepted domains outbound mail cannot be told".to_owned());
        }
        let other = traffic
            .of(self.examined.routes.routes.len())
            .unwrap_or(&NONE);
        Ok(Mail {
            hours: other,
            traffic,
            stands_for: true,
        })
    }

    /// Whether mail through it is the organization's own.
    fn is_on_premises(&self) -> bool {
        let route = self.examined.routes.routes.get(self.route);
        route.is_none_or(|route| route.on_premises)
    }
}

/// The mail of a connector.
struct Mail<'m> {
    hours: &'m BTreeMap<Hour, Cell>,
    traffic: &'m Traffic,
    /// Whether it is the mail of no known connector, among which that of this one is.
    stands_for: bool,
}

impl Mail<'_> {
    /// What is said of mail that only stands for the connector's.
    fn aside(&self) -> &'static str {
        if self.stands_for {
            "; by all outbound mail that no connector with addresses explains, as nothing ties mail to this one"
        } else {
            ""
        }
    }
}

/// An indicator: its id, what it looks for, and how it judges.
pub struct Indicator {
    /// Its id.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// What Microsoft's runbook or the reference calls it, and why it is a sign.
    pub why: &'static str,
    /// Whether it looks at mail.
    pub of_mail: bool,
    /// Judges a connector.
    pub judge: fn(&Case<'_>) -> Sign,
}

/// Every indicator, in the order of the runbook.
pub static ALL: &[Indicator] = &[
    unapproved_change::INDICATOR,
    volume_rise::INDICATOR,
    sender_mismatch::INDICATOR,
    unprovisioned_sender::INDICATOR,
    connector_blocked::INDICATOR,
    spam_share::INDICATOR,
    new_recipients::INDICATOR,
    outside_address::INDICATOR,
    create_burst_delete::INDICATOR,
    actor::INDICATOR,
];

/// Finds one by its id.
pub fn find(id: &str) -> Option<&'static Indicator> {
    ALL.iter().find(|own| own.id == id)
}

impl Indicator {
    /// The thresholds that are named after it.
    pub fn thresholds(&self) -> Vec<Threshold> {
        let own = |threshold: &&Threshold| threshold.name().split('.').next() == Some(self.id);
        Threshold::ALL.iter().filter(own).copied().collect()
    }
}
