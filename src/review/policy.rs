//! One version of the policy against the one before.

use super::Review;
use crate::document::time;
use crate::finding::{Direction, Severity};
use crate::policy::document::{Catalogue, Document, Override};
use crate::policy::settings::{Narrowing, PlanLimits};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// What a policy lets pass that the one before did not, and the other way round.
pub fn of_policy(before: Option<&Document>, now: &Document) -> Review {
    let mut review = Review::default();
    match before {
        Some(before) => compare(&mut review, before, now),
        None => first(&mut review, now),
    }
    review.sorted()
}

fn first(review: &mut Review, now: &Document) {
    for (tenant, sources) in &now.tenants {
        let kinds: Vec<&str> = sources.iter().map(|kind| kind.name()).collect();
        review.neutral(
            format!("tenant {tenant}"),
            format!("must get a verdict from {}", kinds.join(" or ")),
        );
    }
    let lenient = now.fail_on > Severity::Low;
    review.first("fail_on", now.fail_on.name(), lenient);
    let day = SignedDuration::from_hours(24);
    review.first(
        "max_snapshot_age",
        time::words(now.max_snapshot_age),
        now.max_snapshot_age > day,
    );
    review.first(
        "catalogue",
        catalogue(now),
        now.catalogue == Catalogue::Nothing,
    );
    if let Some(heartbeat) = now.heartbeat {
        review.first("heartbeat", time::words(heartbeat), false);
    }
    if let Some(window) = now.change_window {
        review.first("change_window", time::words(window), true);
    }
    settled(review, PlanLimits::default(), Narrowing::default(), now);
    for (name, entries) in now.lists.iter() {
        review.neutral(format!("list {name}"), entries.join(", "));
    }
    review.life(None, &now.header);
    for (name, digest) in &now.rules {
        review.neutral(format!("rule file {name}"), digest.to_string());
    }
    exceptions(review, None, now);
}

fn compare(review: &mut Review, before: &Document, now: &Document) {
    for tenant in before.tenants.keys() {
        if !now.tenants.contains_key(tenant) {
            review.widens(
                format!("tenant {tenant}"),
                "need no longer get a verdict",
                Severity::High,
            );
        }
    }
    for (tenant, sources) in &now.tenants {
        match before.tenants.get(tenant) {
            None => review.neutral(format!("tenant {tenant}"), "must get a verdict, too"),
            Some(earlier) => {
                for kind in sources.iter().filter(|kind| !earlier.contains(kind)) {
                    let words = format!("may be judged from {}, too", kind.name());
                    review.widens(format!("tenant {tenant}"), words, Severity::Medium);
                }
                for kind in earlier.iter().filter(|kind| !sources.contains(kind)) {
                    review.narrows(
                        format!("tenant {tenant}"),
                        format!("is no longer judged from {}", kind.name()),
                    );
                }
            }
        }
    }
    review.changed(
        "fail_on",
        before.fail_on,
        now.fail_on,
        wider(now.fail_on > before.fail_on),
    );
    let age = |document: &Document| time::words(document.max_snapshot_age);
    review.changed(
        "max_snapshot_age",
        age(before),
        age(now),
        wider(now.max_snapshot_age > before.max_snapshot_age),
    );
    let heartbeat = |document: &Document| {
        document
            .heartbeat
            .map_or_else(|| "every run".to_owned(), time::words)
    };
    review.changed(
        "heartbeat",
        heartbeat(before),
        heartbeat(now),
        wider(now.heartbeat > before.heartbeat),
    );
    let window = |document: &Document| {
        document
            .change_window
            .map_or_else(|| "none".to_owned(), time::words)
    };
    review.changed(
        "change_window",
        window(before),
        window(now),
        wider(now.change_window > before.change_window),
    );
    settled(review, before.plan, before.narrowing, now);
    let thresholds = |document: &Document| {
        let changed: Vec<String> = document
            .investigation
            .changed()
            .map(|(name, number)| format!("{name} = {number}"))
            .collect();
        if changed.is_empty() {
            "the usual ones".to_owned()
        } else {
            changed.join(", ")
        }
    };
    // Which way makes an indicator quieter differs: whoever signs looks at each.
    review.changed(
        "thresholds of the investigation",
        thresholds(before),
        thresholds(now),
        Direction::Widens,
    );
    let fewer = now.catalogue == Catalogue::Nothing;
    review.changed("catalogue", catalogue(before), catalogue(now), wider(fewer));
    review.life(Some(&before.header), &now.header);
    lists(review, before, now);
    rules(review, before, now);
    exceptions(review, Some(before), now);
}

/// How much a plan may change, and what the gate lets through.
fn settled(review: &mut Review, before: PlanLimits, narrowing: Narrowing, now: &Document) {
    let plan = now.plan;
    let laxer = plan.max_share > before.max_share
        || plan.from > before.from
        || plan.valid_for > before.valid_for
        || (plan.all_on_premises && !before.all_on_premises);
    let words = |limits: PlanLimits| {
        format!(
            "{} % of the connectors, {} on-premises ones, from {} connectors on, good for {}",
            limits.max_share,
            if limits.all_on_premises {
                "also all"
            } else {
                "never all"
            },
            limits.from,
            time::words(limits.valid_for)
        )
    };
    review.changed("limits of plans", words(before), words(plan), wider(laxer));
    let gate = |narrowing| match narrowing {
        Narrowing::Pass => "lets changes pass that only narrow trust",
        Narrowing::Review => "judges changes that narrow trust like any other",
    };
    review.changed(
        "gate",
        gate(narrowing),
        gate(now.narrowing),
        wider(now.narrowing == Narrowing::Pass),
    );
}

fn catalogue(document: &Document) -> String {
    match document.catalogue {
        Catalogue::Default(revision) => format!("default@{revision}"),
        Catalogue::Nothing => "none".to_owned(),
    }
}

const fn wider(widens: bool) -> Direction {
    if widens {
        Direction::Widens
    } else {
        Direction::Narrows
    }
}

fn lists(review: &mut Review, before: &Document, now: &Document) {
    let names: BTreeSet<&String> = before
        .lists
        .iter()
        .chain(now.lists.iter())
        .map(|(name, _)| name)
        .collect();
    for name in names {
        let show = |document: &Document| match document.lists.get(name) {
            Some(entries) => format!("[{}]", entries.join(", ")),
            None => "not defined".to_owned(),
        };
        review.changed(
            &format!("list {name}"),
            show(before),
            show(now),
            Direction::Widens,
        );
    }
}

fn rules(review: &mut Review, before: &Document, now: &Document) {
    for name in before
        .rules
        .keys()
        .filter(|name| !now.rules.contains_key(*name))
    {
        review.widens(
            format!("rule file {name}"),
            "is no longer in force",
            Severity::Medium,
        );
    }
    for (name, digest) in &now.rules {
        match before.rules.get(name) {
            None => review.narrows(format!("rule file {name}"), "is in force, too"),
            Some(old) => {
                review.changed(&format!("rule file {name}"), old, digest, Direction::Widens)
            }
        }
    }
}

/// What weakens rules, or tolerates something.
fn exceptions(review: &mut Review, before: Option<&Document>, now: &Document) {
    let key = |change: &Override| (change.rule.clone(), change.severity, change.tenants.clone());
    let earlier = before.map_or(&[][..], |before| &before.overrides);
    for change in &now.overrides {
        if !earlier.iter().any(|old| key(old) == key(change)) {
            let what = change.severity.map_or_else(
                || "is switched off".to_owned(),
                |severity| format!("has the severity {severity}"),
            );
            let whom = if change.tenants.is_empty() {
                String::new()
            } else {
                format!(" for {}", change.tenants.join(", "))
            };
            review.widens(
                format!("rule {}", change.rule),
                format!("{what}{whom}: {}", change.reason),
                Severity::Medium,
            );
        }
    }
    for old in earlier {
        if !now.overrides.iter().any(|change| key(old) == key(change)) {
            review.narrows(format!("rule {}", old.rule), "is no longer overridden");
        }
    }
    for (property, reason) in &now.may_be_absent {
        if !before.is_some_and(|before| before.may_be_absent.contains_key(property)) {
            let words = format!("may be absent from records: {reason}");
            review.widens(property.name(), words, Severity::Medium);
        }
    }
    for restart in &now.trust_restarts {
        let known = before.is_some_and(|before| {
            before
                .trust_restarts
                .iter()
                .any(|old| old.root == restart.root)
        });
        if !known {
            let words = format!("begins trust anew, and was meant: {}", restart.reason);
            review.widens(format!("root {}", restart.root), words, Severity::High);
        }
    }
}
