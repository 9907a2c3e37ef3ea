//! One version of a baseline against the one before.

use super::{About, Review};
use crate::baseline::{Acceptance, Approved, ApprovedConnector, ExpectedChange};
use crate::caseless;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::drift::Change;
use crate::finding::{Direction, Location, Severity, shorten};
use std::collections::BTreeSet;

/// What a baseline approves that the one before did not, and the other way round.
///
/// Without one before, everything is new.
pub fn of_baseline(before: Option<&Approved>, now: &Approved) -> Review {
    let mut review = Review::default();
    organization(&mut review, before, now);
    review.life(before.map(|before| &before.header), &now.header);
    if let Some(before) = before {
        for connector in &before.connectors {
            if partner(connector, now, before).is_none() {
                removed(&mut review, connector);
            }
        }
    }
    for connector in &now.connectors {
        match before.and_then(|before| partner(connector, before, now)) {
            Some(old) => changed(&mut review, old, connector),
            None => added(&mut review, connector),
        }
    }
    domains(&mut review, before, now);
    lists(&mut review, before, now);
    acceptances(&mut review, before, now);
    review.sorted()
}

/// The same connector in another version: by id, else by a name whose ids say nothing else.
fn partner<'a>(
    connector: &ApprovedConnector,
    other: &'a Approved,
    own: &Approved,
) -> Option<&'a ApprovedConnector> {
    let by_id = connector.id.as_ref().and_then(|id| {
        other
            .connectors
            .iter()
            .find(|candidate| candidate.id.as_ref() == Some(id))
    });
    by_id.or_else(|| {
        other.connectors.iter().find(|candidate| {
            let taken =
                candidate.id.is_some() && own.connectors.iter().any(|own| own.id == candidate.id);
            caseless::same(&candidate.name, &connector.name) && !taken
        })
    })
}

fn organization(review: &mut Review, before: Option<&Approved>, now: &Approved) {
    let show = |approved: &Approved| {
        let own = &approved.organization;
        let parts = [&own.domain, &own.tenant_id].map(|part| part.clone().unwrap_or_default());
        parts.join(", ")
    };
    match before {
        Some(before) if before.organization != now.organization => {
            let words = format!(
                "{}, and the version before is for {}",
                show(now),
                show(before)
            );
            review.widens("organization", words, Severity::Critical);
        }
        Some(_) => {}
        None => review.neutral("organization", show(now)),
    }
}

fn label(connector: &ApprovedConnector) -> String {
    format!("connector {:?}", connector.name)
}

fn is_enabled(connector: &ApprovedConnector) -> bool {
    connector.setting(Property::Enabled).as_deref() != Some(&Value::Boolean(false))
}

fn added(review: &mut Review, connector: &ApprovedConnector) {
    let on_premises = connector.connector_type() != Some(ConnectorType::Partner);
    let severity = match (on_premises, is_enabled(connector)) {
        (true, true) => Severity::Critical,
        _ => Severity::Medium,
    };
    // A partner's connector holds mail out; approving one opens nothing by itself.
    let direction = if on_premises {
        Direction::Widens
    } else {
        Direction::Neutral
    };
    let settings: Vec<String> = Property::settings()
        .filter_map(|property| fact(connector, property))
        .collect();
    let id = connector.id.as_deref().unwrap_or("not made yet");
    let words = format!(
        "is approved anew ({id}; owner {}, reason {}): {}",
        connector.owner,
        connector.reason,
        settings.join("; ")
    );
    review.add(label(connector), words, direction, severity);
    review.about(whole(connector));
    planned(review, connector, &[]);
}

/// A setting of a new connector, whole: whoever signs approves all of it.
fn fact(connector: &ApprovedConnector, property: Property) -> Option<String> {
    let value = connector.setting(property)?;
    if value.is_empty() {
        return None;
    }
    let count = match &*value {
        Value::Addresses(set) if set.count() > 1 => format!(" ({} addresses)", set.count()),
        _ => String::new(),
    };
    Some(format!(
        "{} {}{count}",
        property.name(),
        value.elements().join(", ")
    ))
}

/// Values that are approved beside the settings until a time, those of the version before left out.
fn planned(review: &mut Review, connector: &ApprovedConnector, known: &[ExpectedChange]) {
    let same = |one: &ExpectedChange, two: &ExpectedChange| {
        (one.property, &one.value, one.until) == (two.property, &two.value, two.until)
    };
    // A planned type weighs the others, too: by every type that it may be, the worst counts.
    let retyped = connector
        .expected_changes
        .iter()
        .any(|change| change.property == Property::ConnectorType);
    let kind = connector.connector_type().filter(|_| !retyped);
    for change in &connector.expected_changes {
        if known.iter().any(|earlier| same(earlier, change)) {
            continue;
        }
        let Some(approved) = connector.setting(change.property) else {
            continue;
        };
        let weighed = Change::new(
            change.property,
            approved.into_owned(),
            change.value.clone(),
            (kind, kind),
        );
        let words = format!(
            "until {}, {} {} as well ({})",
            change.until,
            change.property.name(),
            weighed.words,
            change.reason
        );
        review.add(label(connector), words, weighed.direction, weighed.severity);
        review.about(about(connector, &weighed));
    }
}

/// What a change of a document says is new against the version before, where drift says it of the baseline.
fn before_not_baseline(change: &Change) -> String {
    change
        .words
        .replace(
            "that the baseline does not",
            "that the version before does not",
        )
        .replace(
            "and the baseline approves",
            "and the version before approves",
        )
}

/// A setting of a connector, and where its value stands.
fn about(connector: &ApprovedConnector, change: &Change) -> About {
    About {
        connector: connector.subject(),
        property: Some(change.property),
        added: change.added.clone(),
        removed: change.removed.clone(),
        count: change.count,
        location: connector.location_of(change.property),
    }
}

/// A connector as a whole.
fn whole(connector: &ApprovedConnector) -> About {
    About {
        connector: connector.subject(),
        property: None,
        added: Vec::new(),
        removed: Vec::new(),
        count: None,
        location: connector.location.clone(),
    }
}

fn removed(review: &mut Review, connector: &ApprovedConnector) {
    let words = "is no longer approved";
    match connector.connector_type() {
        Some(ConnectorType::Partner) => review.widens(label(connector), words, Severity::High),
        _ => review.narrows(label(connector), words),
    }
    // Where it stood is in the version before: in this one it stands nowhere.
    let location = Location {
        line: 1,
        column: 1,
        ..connector.location.clone()
    };
    review.about(About {
        location,
        ..whole(connector)
    });
}

fn changed(review: &mut Review, old: &ApprovedConnector, new: &ApprovedConnector) {
    let label = label(new);
    if old.name != new.name {
        review.neutral(&label, format!("was {:?} before", old.name));
    }
    if old.id != new.id && old.id.is_some() {
        let words = "has another id: the one that was approved is gone, and this one was made under its name";
        review.widens(&label, words, Severity::High);
    }
    let types = (old.connector_type(), new.connector_type());
    for property in Property::settings() {
        let (Some(before), Some(now)) = (old.setting(property), new.setting(property)) else {
            continue;
        };
        if before != now {
            let change = Change::new(property, before.into_owned(), now.into_owned(), types);
            let words = format!("{} {}", property.name(), before_not_baseline(&change));
            review.add(&label, words, change.direction, change.severity);
            review.about(about(new, &change));
        }
    }
    planned(review, new, &old.expected_changes);
    review.changed(
        &format!("{label}, owner"),
        &old.owner,
        &new.owner,
        Direction::Neutral,
    );
    review.changed(
        &format!("{label}, reason"),
        &old.reason,
        &new.reason,
        Direction::Neutral,
    );
}

fn domains(review: &mut Review, before: Option<&Approved>, now: &Approved) {
    let of = |approved: &Approved| -> Option<BTreeSet<String>> {
        let domains = approved.accepted_domains.as_ref()?;
        Some(domains.iter().map(ToString::to_string).collect())
    };
    let subject = "accepted domains";
    match (before.and_then(of), of(now)) {
        (Some(before), Some(now)) => {
            for domain in now.difference(&before) {
                review.widens(
                    subject,
                    format!("{domain} is the organization's own"),
                    Severity::Medium,
                );
            }
            for domain in before.difference(&now) {
                review.narrows(
                    subject,
                    format!("{domain} is no longer the organization's own"),
                );
            }
        }
        (Some(_), None) => {
            review.widens(
                subject,
                "are no longer approved, so a new one is no drift",
                Severity::Medium,
            );
        }
        (None, Some(now)) => {
            review.neutral(subject, now.into_iter().collect::<Vec<_>>().join(", "))
        }
        (None, None) => {}
    }
}

fn lists(review: &mut Review, before: Option<&Approved>, now: &Approved) {
    let names: BTreeSet<&String> = before
        .into_iter()
        .chain([now])
        .flat_map(|approved| approved.lists.iter().map(|(name, _)| name))
        .collect();
    for name in names {
        let of = |approved: &Approved| -> BTreeSet<String> {
            approved
                .lists
                .get(name)
                .unwrap_or_default()
                .iter()
                .cloned()
                .collect()
        };
        let (old, new) = (before.map(of).unwrap_or_default(), of(now));
        let difference = |one: &BTreeSet<String>, two: &BTreeSet<String>| -> Vec<String> {
            one.difference(two).cloned().collect()
        };
        let (gained, lost) = (difference(&new, &old), difference(&old, &new));
        if !gained.is_empty() {
            review.widens(
                format!("list {name}"),
                format!("gains {}", shorten(&gained)),
                Severity::Medium,
            );
        }
        // Rules about a list that is not there do not apply, and an empty one allows nothing.
        let gone = now.lists.get(name).is_none();
        if gone {
            review.widens(
                format!("list {name}"),
                format!(
                    "is no longer there, so rules about it do not apply: {}",
                    shorten(&lost)
                ),
                Severity::High,
            );
        } else if !lost.is_empty() {
            review.narrows(format!("list {name}"), format!("loses {}", shorten(&lost)));
        }
    }
}

fn acceptances(review: &mut Review, before: Option<&Approved>, now: &Approved) {
    let same = |one: &Acceptance, two: &Acceptance| {
        (&one.rule, &one.connector, &one.values, one.expires)
            == (&two.rule, &two.connector, &two.values, two.expires)
    };
    let earlier = before.map_or(&[][..], |before| &before.acceptances);
    for acceptance in &now.acceptances {
        if !earlier.iter().any(|old| same(old, acceptance)) {
            let words = format!(
                "of connector {} is tolerated until {}: {}",
                acceptance.connector, acceptance.expires, acceptance.reason
            );
            review.widens(format!("rule {}", acceptance.rule), words, Severity::Medium);
        }
    }
    for acceptance in earlier {
        if !now.acceptances.iter().any(|new| same(acceptance, new)) {
            let words = format!(
                "of connector {} is no longer tolerated",
                acceptance.connector
            );
            review.narrows(format!("rule {}", acceptance.rule), words);
        }
    }
}
