//! The envelope's sender (P1) and the header's (P2) of outbound mail have different domains: the second of the runbook's signs.

use super::measure::worst_share;
use super::shares::{self, Asked};
use super::{Case, Indicator, Sign};
use crate::policy::threshold::Threshold;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "sender-mismatch",
    title: "Envelope and header name different domains",
    why: "The envelope's sender (P1) and the header's (P2) of outbound mail have different domains: the second of the runbook's signs.",
    of_mail: true,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    shares::judge(
        case,
        &Asked {
            indicator: INDICATOR.id,
            mails: Threshold::MismatchMails,
            share: Threshold::MismatchShare,
            what: "mails whose envelope and header name different domains",
            on_premises_only: true,
            missing: |traffic| {
                (!traffic.knows_headers).then_some(
                    "no trace says what the header's sender is; EmailEvents of Defender does",
                )
            },
            told: |cell| cell.headers,
            measure: |hours, _| worst_share(hours, |cell| (cell.mismatched, cell.headers)),
        },
    )
}
