//! What the policy settles beside rules: how much a plan may change, and what the gate lets through.

use super::threshold::{Threshold, Thresholds};
use crate::document::{Content, Node, Reader};
use jiff::SignedDuration;

/// The limits of plans, as `plan:` of the policy gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanLimits {
    /// How many of a hundred connectors one plan may disable or change.
    pub max_share: u64,
    /// Whether one plan may disable or change every on-premises connector.
    pub all_on_premises: bool,
    /// The share counts where there are at least so many connectors: of two, one is half.
    pub from: u64,
    /// How long a plan is good.
    pub valid_for: SignedDuration,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self {
            max_share: 50,
            all_on_premises: false,
            from: 5,
            valid_for: SignedDuration::from_hours(24),
        }
    }
}

/// What the gate does with a change that only narrows trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Narrowing {
    /// It passes.
    #[default]
    Pass,
    /// It is judged like any other.
    Review,
}

/// `plan: { max_share: 50, all_on_premises: false, from: 5, valid_for: 24h }`
pub(super) fn plan_limits(reader: &Reader<'_>, node: &Node) -> Option<PlanLimits> {
    let usual = PlanLimits::default();
    let mut fields = reader.fields(node, "the limits of plans")?;
    let share_node = fields.optional("max_share");
    let max_share = share_node.map_or(Some(usual.max_share), |node| reader.number(node, 0));
    let all_on_premises = fields
        .optional("all_on_premises")
        .map_or(Some(usual.all_on_premises), |node| reader.boolean(node));
    let from = fields
        .optional("from")
        .map_or(Some(usual.from), |node| reader.number(node, 0));
    let valid_for = fields
        .optional("valid_for")
        .map_or(Some(usual.valid_for), |node| reader.duration(node));
    fields.finish();
    if let (Some(node), Some(share)) = (share_node, max_share)
        && share > 100
    {
        reader.wrong(
            node.span.clone(),
            format!("{share} of a hundred is more than all"),
            "write a number from 0 to 100",
        );
        return None;
    }
    Some(PlanLimits {
        max_share: max_share?,
        all_on_premises: all_on_premises?,
        from: from?,
        valid_for: valid_for?,
    })
}

/// `investigation: { volume-rise.mails: 200 }`: the numbers by which indicators judge, by their names.
pub(super) fn investigation(reader: &Reader<'_>, node: &Node) -> Option<Thresholds> {
    let mut thresholds = Thresholds::default();
    let all = reader.entries(
        node,
        "thresholds of the investigation",
        |reader, key, node| {
            let threshold = Threshold::named(&key.name);
            let number = match node.content {
                Content::Float(number) => Some(number),
                #[allow(clippy::cast_precision_loss, reason = "thresholds are small")]
                Content::Integer(number) => Some(number as f64),
                _ => None,
            };
            let number = number.filter(|number| number.is_finite() && *number >= 0.0);
            match (threshold, number) {
                (Some(threshold), Some(number)) => Some((threshold, number)),
                (None, _) => {
                    let known: Vec<&str> = Threshold::ALL.iter().map(|own| own.name()).collect();
                    reader.wrong(
                        key.span.clone(),
                        format!("there is no threshold {:?}", key.name),
                        format!("one of {}", known.join(", ")),
                    );
                    None
                }
                (Some(_), None) => {
                    reader.expected(node, "a number", "write a number that is not negative")
                }
            }
        },
    )?;
    for (_, (threshold, number)) in all {
        thresholds.set(threshold, number);
    }
    Some(thresholds)
}

/// `gate: { narrowing: review }`
pub(super) fn gate(reader: &Reader<'_>, node: &Node) -> Option<Narrowing> {
    let mut fields = reader.fields(node, "what the gate lets through")?;
    let narrowing = fields
        .optional("narrowing")
        .map_or(Some(Narrowing::default()), |node| {
            reader.word(
                node,
                &[("pass", Narrowing::Pass), ("review", Narrowing::Review)],
            )
        });
    fields.finish();
    narrowing
}
