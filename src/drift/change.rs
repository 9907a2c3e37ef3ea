//! One setting's change from approved to observed: how it moved, what that does to trust, in words.

use crate::connector::address::AddressSet;
use crate::connector::certificate::CertificateName;
use crate::connector::domain::DomainSet;
use crate::connector::property::{ConnectorType, Empty, Move, Property};
use crate::connector::value::Value;
use crate::connector::{connector_type, names::NameSet};
use crate::finding::{Direction, Severity, excerpt, shorten};

/// How one setting moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The setting.
    pub property: Property,
    /// The approved value.
    pub expected: Value,
    /// The observed value.
    pub observed: Value,
    /// What it does to trust.
    pub direction: Direction,
    /// How bad it is.
    pub severity: Severity,
    /// Canonical elements that are there and were not approved.
    pub added: Vec<String>,
    /// Canonical elements that were approved and are not there.
    pub removed: Vec<String>,
    /// How many addresses `added` stands for.
    pub count: Option<u128>,
    /// What happened, in words.
    pub words: String,
}

/// How a value moved, before it is weighed.
#[derive(Default)]
struct Movement {
    moves: Vec<Move>,
    added: Vec<String>,
    removed: Vec<String>,
    count: Option<u128>,
    words: Vec<String>,
}

/// What stands for "everything" where an empty list is no restriction.
const EVERYTHING: &str = "*";

impl Change {
    /// Weighs a change. Where the type changed or is not known, it is weighed
    /// by every type it may be, and the worst counts.
    pub fn new(
        property: Property,
        expected: Value,
        observed: Value,
        types: (Option<ConnectorType>, Option<ConnectorType>),
    ) -> Self {
        let candidates = match types {
            (Some(one), Some(two)) if one == two => vec![one],
            _ => vec![ConnectorType::OnPremises, ConnectorType::Partner],
        };
        let mut worst = (Direction::Neutral, Severity::Info);
        let mut movement = Movement::default();
        for candidate in candidates {
            let widening = property.widening(candidate);
            let as_candidate = move_of(property, &expected, &observed, widening.empty);
            let judged = as_candidate
                .moves
                .iter()
                .map(|&a_move| widening.judge(a_move))
                .max()
                .unwrap_or((Direction::Neutral, Severity::Low));
            if judged > worst {
                (worst, movement) = (judged, as_candidate);
            }
        }
        let (direction, severity) = worst;
        Self {
            property,
            expected,
            observed,
            direction,
            severity,
            added: movement.added,
            removed: movement.removed,
            count: movement.count,
            words: movement.words.join("; "),
        }
    }
}

fn move_of(property: Property, expected: &Value, observed: &Value, empty: Empty) -> Movement {
    match (expected, observed) {
        (Value::Boolean(_), Value::Boolean(now)) => boolean(property, *now),
        (Value::Certificate(before), Value::Certificate(now)) => {
            certificate(before.as_ref(), now.as_ref())
        }
        (Value::Addresses(before), Value::Addresses(now)) => {
            addresses(property, before, now, empty)
        }
        (Value::Domains(before), Value::Domains(now)) => domains(before, now, empty),
        (Value::Names(before), Value::Names(now)) => names(before, now, empty),
        (Value::Enumeration(_), Value::Enumeration(now)) if property == Property::ConnectorType => {
            kind_of_connector(expected, observed, connector_type(&now.0))
        }
        _ => plain(expected, observed),
    }
}

fn plain(expected: &Value, observed: &Value) -> Movement {
    let show = |value: &Value| {
        if value.is_empty() {
            "empty".to_owned()
        } else {
            format!("{:?}", excerpt(&value.elements().join(", ")))
        }
    };
    Movement {
        moves: vec![Move::Changed],
        added: observed.elements(),
        removed: expected.elements(),
        count: None,
        words: vec![format!(
            "is {} instead of {}",
            show(observed),
            show(expected)
        )],
    }
}

fn kind_of_connector(expected: &Value, observed: &Value, now: Option<ConnectorType>) -> Movement {
    let (a_move, words) = match now {
        Some(ConnectorType::OnPremises) => (
            Move::BecameOnPremises,
            "became OnPremises: who matches it sends as the organisation",
        ),
        Some(ConnectorType::Partner) => (
            Move::BecamePartner,
            "became Partner: it no longer relays for the organisation",
        ),
        None => (
            Move::BecameOnPremises,
            "became a type that connguard does not know, and may relay for the organisation",
        ),
    };
    Movement {
        moves: vec![a_move],
        words: vec![words.to_owned()],
        ..plain(expected, observed)
    }
}

fn boolean(property: Property, now: bool) -> Movement {
    let words = match (property, now) {
        (Property::RequireTls, false) => "TLS no longer required".to_owned(),
        (Property::RequireTls, true) => "TLS is required now".to_owned(),
        (Property::Enabled, true) => "switched on".to_owned(),
        (Property::Enabled, false) => "switched off".to_owned(),
        (Property::RestrictDomainsToIPAddresses, false) => {
            "mail from its domains is no longer held to its addresses".to_owned()
        }
        (Property::RestrictDomainsToCertificate, false) => {
            "mail from its domains is no longer held to its certificate".to_owned()
        }
        (Property::TreatMessagesAsInternal, true) => {
            "its mail counts as internal and skips spam filtering".to_owned()
        }
        (Property::CloudServicesMailEnabled, true) => {
            "headers that only the organisation's own servers may set are believed".to_owned()
        }
        (Property::EFSkipLastIP, false) => {
            "Enhanced Filtering no longer skips the last hop".to_owned()
        }
        (Property::EFTestMode, true) => "Enhanced Filtering only reports".to_owned(),
        (_, now) => format!("is {now} instead of {}", !now),
    };
    let a_move = if now { Move::On } else { Move::Off };
    Movement {
        moves: vec![a_move],
        added: vec![now.to_string()],
        removed: vec![(!now).to_string()],
        count: None,
        words: vec![words],
    }
}

fn certificate(before: Option<&CertificateName>, now: Option<&CertificateName>) -> Movement {
    let (a_move, words) = match (before, now) {
        (None, Some(now)) => (
            Move::Gained,
            format!("accepts the certificate {now}, and the baseline approves none"),
        ),
        (Some(before), None) => (
            Move::Lost,
            format!("no longer demands the certificate {before}"),
        ),
        (Some(before), Some(now)) if now.covers(before) => (
            Move::Wider,
            format!("accepts {now}, which covers more than {before}"),
        ),
        (Some(before), Some(now)) if before.covers(now) => {
            (Move::Narrower, format!("accepts only {now} of {before}"))
        }
        (Some(before), Some(now)) => (
            Move::Swapped,
            format!("accepts the certificate {now} instead of {before}"),
        ),
        (None, None) => (Move::Changed, String::new()),
    };
    let shown = |name: Option<&CertificateName>| name.iter().map(ToString::to_string).collect();
    Movement {
        moves: vec![a_move],
        added: shown(now),
        removed: shown(before),
        count: None,
        words: vec![words],
    }
}

/// Handles a list that was or became empty where that means "everything".
fn unrestricted(
    before_empty: bool,
    now_empty: bool,
    before: Vec<String>,
    now: Vec<String>,
    what: &str,
) -> Option<Movement> {
    if now_empty {
        let words = format!("applies to every {what}: the list is empty now");
        return Some(Movement {
            moves: vec![Move::Gained],
            added: vec![EVERYTHING.to_owned()],
            removed: before,
            count: None,
            words: vec![words],
        });
    }
    if before_empty {
        let words = format!(
            "is limited to {}, and the baseline approves every {what}",
            shorten(&now)
        );
        return Some(Movement {
            moves: vec![Move::Lost],
            added: now,
            removed: vec![EVERYTHING.to_owned()],
            count: None,
            words: vec![words],
        });
    }
    None
}

fn addresses(property: Property, before: &AddressSet, now: &AddressSet, empty: Empty) -> Movement {
    if empty == Empty::Everything
        && let Some(movement) = unrestricted(
            before.is_empty(),
            now.is_empty(),
            before.blocks(),
            now.blocks(),
            "address",
        )
    {
        return movement;
    }
    let (gained, lost) = (now.difference(before), before.difference(now));
    let mut movement = Movement {
        added: gained.blocks(),
        removed: lost.blocks(),
        count: Some(gained.count()),
        ..Movement::default()
    };
    let verb = if property == Property::EFSkipIPs {
        "skips"
    } else {
        "admits"
    };
    if !gained.is_empty() {
        movement.moves.push(Move::Gained);
        movement.words.push(format!(
            "{verb} {} that the baseline does not",
            counted(&gained)
        ));
    }
    if !lost.is_empty() {
        movement.moves.push(Move::Lost);
        movement
            .words
            .push(format!("no longer {verb} {}", counted(&lost)));
    }
    if now.is_empty() {
        movement.moves.push(Move::Emptied);
    }
    movement
}

fn domains(before: &DomainSet, now: &DomainSet, empty: Empty) -> Movement {
    if empty == Empty::Everything
        && let Some(movement) = unrestricted(
            before.is_empty(),
            now.is_empty(),
            before.entries(),
            now.entries(),
            "domain",
        )
    {
        return movement;
    }
    let mut movement = listed(
        now.difference(before),
        before.difference(now),
        now.is_empty(),
    );
    if movement.moves.is_empty() {
        // The same domains, at another cost or spelled with more entries.
        movement = plain(
            &Value::Domains(before.clone()),
            &Value::Domains(now.clone()),
        );
    }
    movement
}

fn names(before: &NameSet, now: &NameSet, empty: Empty) -> Movement {
    let keys = |set: &NameSet| set.keys().map(str::to_owned).collect();
    if empty == Empty::Everything
        && let Some(movement) = unrestricted(
            before.is_empty(),
            now.is_empty(),
            keys(before),
            keys(now),
            "one",
        )
    {
        return movement;
    }
    listed(
        now.difference(before),
        before.difference(now),
        now.is_empty(),
    )
}

fn listed(gained: Vec<String>, lost: Vec<String>, is_empty: bool) -> Movement {
    let mut movement = Movement::default();
    if !gained.is_empty() {
        movement.moves.push(Move::Gained);
        movement.words.push(format!(
            "holds {} that the baseline does not",
            shorten(&gained)
        ));
    }
    if !lost.is_empty() {
        movement.moves.push(Move::Lost);
        movement
            .words
            .push(format!("no longer holds {}", shorten(&lost)));
    }
    if is_empty {
        movement.moves.push(Move::Emptied);
    }
    Movement {
        added: gained,
        removed: lost,
        ..movement
    }
}

/// "198.51.100.0/24 (256 addresses)"
fn counted(set: &AddressSet) -> String {
    let count = set.count();
    let unit = if count == 1 { "address" } else { "addresses" };
    format!("{} ({count} {unit})", shorten(&set.blocks()))
}
