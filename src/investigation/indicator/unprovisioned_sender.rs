//! Mail leaves from a domain that is none of the organization's accepted domains: the third of the runbook's signs.

use super::measure::worst_share;
use super::shares::{self, Asked};
use super::{Case, Indicator, Sign};
use crate::policy::threshold::Threshold;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "unprovisioned-sender",
    title: "Mail from domains that are not the organization's",
    why: "Mail leaves from a domain that is none of the organization's accepted domains: the third of the runbook's signs.",
    of_mail: true,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    if case.examined.routes.domains.is_none() {
        return Sign::not_evaluated(
            INDICATOR.id,
            "the organization's accepted domains are not known",
        );
    }
    shares::judge(
        case,
        &Asked {
            indicator: INDICATOR.id,
            mails: Threshold::UnprovisionedMails,
            share: Threshold::UnprovisionedShare,
            what: "mails from domains that are not the organization's",
            on_premises_only: true,
            missing: |_| None,
            told: |cell| cell.mails,
            measure: |hours, _| worst_share(hours, |cell| (cell.unprovisioned, cell.senders)),
        },
    )
}
