//! Step 1 of the runbook asks whether the recipients are plausible: a campaign writes to strangers.

use super::measure::worst_share;
use super::shares::{self, Asked};
use super::{Case, Indicator, Sign};
use crate::evidence::traffic::{Cell, Hour};
use crate::policy::threshold::Threshold;
use std::collections::BTreeMap;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "new-recipients",
    title: "Recipients whom the organization never wrote to",
    why: "Step 1 of the runbook asks whether the recipients are plausible: a campaign writes to strangers.",
    of_mail: true,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    shares::judge(
        case,
        &Asked {
            indicator: INDICATOR.id,
            mails: Threshold::NewRecipients,
            share: Threshold::NewRecipientsShare,
            what: "recipients whom nobody in the organization had written to before",
            on_premises_only: true,
            missing: |traffic| {
                (!traffic.knows_recipients)
                    .then_some("without accepted domains it cannot be told who is outside")
            },
            told: |cell| cell.mails,
            measure: |hours, first| {
                worst_share(&after_warm_up(hours, first), |cell| {
                    (cell.first_contacts, cell.external)
                })
            },
        },
    )
}

/// In the first week of a trace everybody is written to for the first time.
const WARM_UP: i64 = 7 * 24;

fn after_warm_up(hours: &BTreeMap<Hour, Cell>, first: Hour) -> BTreeMap<Hour, Cell> {
    hours
        .range(first + WARM_UP..)
        .map(|(hour, cell)| (*hour, *cell))
        .collect()
}
