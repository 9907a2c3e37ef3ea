//! Mail through the connector from addresses that were never approved for it.

use super::measure::to_f64;
use super::{Case, Indicator, Sign, Strength};
use crate::evidence::traffic::{Approved, Cell};
use crate::policy::threshold::Threshold;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "address-outside-list",
    title: "Mail through the connector from an address that was not approved",
    why: "Step 1 of the runbook holds the sending address against the organization's real ones. An address that was slipped into a list shows here when it is used.",
    of_mail: true,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    let mail = match case.mail() {
        Ok(mail) => mail,
        Err(why) => return Sign::not_evaluated(INDICATOR.id, why),
    };
    let route = case.examined.routes.routes.get(case.route);
    match route.map(|route| &route.approved) {
        Some(Approved::These(_)) => {}
        _ if case.examined.is_new => {
            return Sign::not_applicable(
                INDICATOR.id,
                "the connector is new: no address of it was ever approved",
            );
        }
        _ => {
            return Sign::not_applicable(INDICATOR.id, "it is not recognised by addresses");
        }
    }
    let mut all = Cell::default();
    for cell in mail.hours.values() {
        all.add(cell);
    }
    if all.addresses == 0 && all.mails > 0 {
        return Sign::not_evaluated(
            INDICATOR.id,
            "the trace does not say where the mail came from",
        );
    }
    let limit = case.thresholds.get(Threshold::OutsideMails);
    let outside = to_f64(all.outside);
    let strength = if outside >= limit {
        Strength::Strong
    } else if all.outside > 0 {
        Strength::Weak
    } else {
        Strength::Quiet
    };
    let hours = mail
        .hours
        .iter()
        .filter(|(_, cell)| cell.outside > 0)
        .map(|(hour, _)| *hour);
    Sign::new(
        INDICATOR.id,
        strength,
        format!(
            "{outside:.0} of {} mails came from addresses that are not on its approved list",
            all.addresses
        ),
    )
    .scored(outside, limit)
    .number("mails from other addresses", outside)
    .number("mails whose address is known", to_f64(all.addresses))
    .limits(case.thresholds, &[Threshold::OutsideMails])
    .at(hours)
}
