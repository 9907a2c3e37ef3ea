//! Created, used and deleted within a day: how the campaign of 2022 worked.

use super::measure::to_f64;
use super::{Case, Indicator, Sign, Strength};
use crate::investigation::attribution::ChangeKind;
use crate::policy::threshold::Threshold;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "create-burst-delete",
    title: "Created, used for a burst of mail, and deleted",
    why: "Attackers create a connector for each campaign and delete it afterwards: it falls between daily snapshots, and only the audit log shows it (reference section 6, P13).",
    of_mail: false,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    if case.evidence.log.is_none() {
        return Sign::not_evaluated(INDICATOR.id, "there is no audit log");
    }
    let limits = [Threshold::ShortLifeHours];
    let limit = case.thresholds.get(limits[0]);
    let short = case
        .changes
        .iter()
        .find(|change| change.kind == ChangeKind::CreatedAndRemoved);
    let Some(change) = short else {
        return Sign::new(
            INDICATOR.id,
            Strength::Quiet,
            "it was not created and deleted",
        )
        .limits(case.thresholds, &limits);
    };
    let (Some(first), Some(last)) = (change.records.first(), change.records.last()) else {
        return Sign::not_evaluated(INDICATOR.id, "no record says when");
    };
    let hours = last.time.duration_since(first.time).as_secs_f64() / 3600.0;
    let span = (
        first.time.as_second().div_euclid(3600),
        last.time.as_second().div_euclid(3600),
    );
    let mails: Option<u64> = case.mail().ok().map(|mail| {
        mail.hours
            .range(span.0..=span.1 + 1)
            .map(|(_, cell)| cell.mails)
            .sum()
    });
    let strength = if hours <= limit {
        Strength::Strong
    } else {
        Strength::Weak
    };
    let through = mails.map_or_else(
        || "no trace says how much mail went through it".to_owned(),
        |mails| format!("{mails} mails went through it"),
    );
    let mut sign = Sign::new(
        INDICATOR.id,
        strength,
        format!("it existed for {hours:.1} hours; {through}"),
    )
    .scored(limit, hours.max(0.01))
    .number("hours", hours)
    .number("mails", to_f64(mails.unwrap_or_default()))
    .limits(case.thresholds, &limits);
    sign.records = change
        .records
        .iter()
        .map(|own| own.record.clone())
        .collect();
    sign
}
