//! Step 1 of the runbook asks how much of the connector's mail was filtered as spam, quarantined or put into Junk.

use super::measure::worst_share;
use super::shares::{self, Asked};
use super::{Case, Indicator, Sign};
use crate::policy::threshold::Threshold;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "spam-share",
    title: "Mail through the connector is taken for spam",
    why: "Step 1 of the runbook asks how much of the connector's mail was filtered as spam, quarantined or put into Junk.",
    of_mail: true,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    shares::judge(
        case,
        &Asked {
            indicator: INDICATOR.id,
            mails: Threshold::SpamMails,
            share: Threshold::SpamShare,
            what: "mails that were filtered as spam, quarantined or put into Junk",
            on_premises_only: false,
            missing: |traffic| {
                (!traffic.knows_fates).then_some("no trace says what became of the mail")
            },
            told: |cell| cell.fates,
            measure: |hours, _| worst_share(hours, |cell| (cell.filtered, cell.fates)),
        },
    )
}
