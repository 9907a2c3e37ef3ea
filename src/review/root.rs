//! One version of the root against the one before.

use super::Review;
use crate::document::time;
use crate::finding::{Direction, Severity};
use crate::trust::Keyring;
use crate::trust::root::Grant;
use crate::trust::signature::Touch;
use std::collections::{BTreeMap, BTreeSet};

/// Who may sign what in a root, and could not by the one before, and the other way round.
pub fn of_root(before: Option<&Keyring>, now: &Keyring) -> Review {
    let mut review = Review::default();
    let old: BTreeMap<String, &Grant> = before
        .map(|before| before.root.grants())
        .unwrap_or_default()
        .into_iter()
        .collect();
    let new: BTreeMap<String, &Grant> = now.root.grants().into_iter().collect();
    for (name, grant) in &new {
        role(
            &mut review,
            name,
            old.get(name).copied(),
            grant,
            before.is_none(),
        );
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        review.narrows(format!("role {name}"), "is held by nobody any more");
    }
    if let Some(before) = before
        && (before.root.touch, now.root.touch) == (Touch::Required, Touch::Optional)
    {
        review.widens(
            "touch",
            "hardware keys need no longer be touched",
            Severity::High,
        );
    }
    let longest = |keyring: &Keyring| {
        let emergency = keyring.root.emergency.as_ref()?;
        Some(time::words(emergency.max_validity))
    };
    if let Some(now_longest) = longest(now) {
        match before.and_then(longest) {
            Some(before) => review.changed(
                "emergency, max_validity",
                before,
                now_longest,
                Direction::Widens,
            ),
            None => review.neutral("emergency, max_validity", now_longest),
        }
    }
    review.life(before.map(|before| &before.root.header), &now.root.header);
    keys(&mut review, before, now);
    review.sorted()
}

fn keys(review: &mut Review, before: Option<&Keyring>, now: &Keyring) {
    let lines = |keyring: &Keyring| -> BTreeSet<(String, String)> {
        let lines = keyring.signers.lines().iter();
        lines
            .map(|line| (line.principal.clone(), line.words()))
            .collect()
    };
    let (old, new) = (before.map(lines).unwrap_or_default(), lines(now));
    for (person, key) in new.difference(&old) {
        let fingerprint = key.split(',').next().unwrap_or_default();
        let ends = key.contains(", until ") && !key.contains(", from ");
        let was_endless = old.contains(&(person.clone(), fingerprint.to_owned()));
        if ends && was_endless {
            review.narrows(format!("key of {person}"), format!("{key} only"));
            continue;
        }
        let direction = if before.is_some() {
            Direction::Widens
        } else {
            Direction::Neutral
        };
        let severity = if before.is_some() {
            Severity::Medium
        } else {
            Severity::Info
        };
        review.add(
            format!("key of {person}"),
            format!("{key} counts"),
            direction,
            severity,
        );
    }
    for (person, key) in old.difference(&new) {
        let ends = |(other, line): &(String, String)| {
            other == person && line.starts_with(&format!("{key}, until "))
        };
        if new.iter().any(ends) {
            continue;
        }
        review.narrows(
            format!("key of {person}"),
            format!("{key} counts no longer"),
        );
    }
}

fn role(review: &mut Review, name: &str, old: Option<&Grant>, grant: &Grant, is_first: bool) {
    let subject = format!("role {name}");
    let people = || {
        grant
            .principals
            .iter()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let Some(old) = old else {
        let words = format!("needs {} of {}", grant.threshold, people());
        let direction = if is_first {
            Direction::Neutral
        } else {
            Direction::Widens
        };
        let severity = if is_first {
            Severity::Info
        } else {
            Severity::High
        };
        return review.add(subject, words, direction, severity);
    };
    let threshold = format!(
        "needs {} signatures instead of {}",
        grant.threshold, old.threshold
    );
    match grant.threshold.cmp(&old.threshold) {
        std::cmp::Ordering::Less => review.widens(&subject, threshold, Severity::High),
        std::cmp::Ordering::Greater => review.narrows(&subject, threshold),
        std::cmp::Ordering::Equal => {}
    }
    for person in grant.principals.difference(&old.principals) {
        review.widens(
            &subject,
            format!("is held by {person}, too"),
            Severity::Medium,
        );
    }
    for person in old.principals.difference(&grant.principals) {
        review.narrows(&subject, format!("is no longer held by {person}"));
    }
}
