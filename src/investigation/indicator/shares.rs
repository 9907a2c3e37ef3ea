//! How a share of mail is judged: the same for every sign that is one.

use super::measure::Share;
use super::{Case, Sign, Strength};
use crate::evidence::traffic::{Cell, Hour, Traffic};
use crate::policy::threshold::Threshold;
use std::collections::BTreeMap;

/// A share may differ by so many standard deviations of chance.
const CHANCE: f64 = 6.0;

/// What is asked of mail.
pub(super) struct Asked {
    pub indicator: &'static str,
    /// So many mails too many.
    pub mails: Threshold,
    /// And at least this share.
    pub share: Threshold,
    /// What the part is, in words.
    pub what: &'static str,
    /// Whether it says something about mail of the organization only.
    pub on_premises_only: bool,
    /// Why a trace cannot answer.
    pub missing: fn(&Traffic) -> Option<&'static str>,
    /// Of how many mails of an hour a trace tells it.
    pub told: fn(&Cell) -> u64,
    /// By the connector's mail and the first hour of any.
    pub measure: fn(&BTreeMap<Hour, Cell>, Hour) -> Option<Share>,
}

pub(super) fn judge(case: &Case<'_>, asked: &Asked) -> Sign {
    if asked.on_premises_only && !case.is_on_premises() {
        return Sign::not_applicable(
            asked.indicator,
            "mail through a Partner connector is the partner's, not the organization's",
        );
    }
    let mail = match case.mail() {
        Ok(mail) => mail,
        Err(why) => return Sign::not_evaluated(asked.indicator, why),
    };
    if let Some(why) = (asked.missing)(mail.traffic) {
        return Sign::not_evaluated(asked.indicator, why);
    }
    // A trace that tells it of other mail says nothing of this.
    let sum = |of: fn(&Cell) -> u64| mail.hours.values().map(of).sum::<u64>();
    if sum(|cell| cell.mails) > 0 && sum(asked.told) == 0 {
        let why = "the trace does not say it of the mail through this connector";
        return Sign::not_evaluated(asked.indicator, format!("{why}{}", mail.aside()));
    }
    let limits = [asked.mails, asked.share];
    let Some(share) = (asked.measure)(
        mail.hours,
        mail.traffic.window.map_or(0, |(first, _)| first),
    ) else {
        return Sign::new(
            asked.indicator,
            Strength::Quiet,
            format!("there was no such mail{}", mail.aside()),
        )
        .limits(case.thresholds, &limits);
    };
    let [mails, least_share] = limits.map(|limit| case.thresholds.get(limit));
    let unusual = share.excess >= mails
        && share.part >= least_share * share.whole
        && share.deviations >= CHANCE;
    let (part, whole) = share.overall;
    // What has been so all the time may have been wrong all the time.
    let always = part >= mails && part >= least_share * whole;
    let strength = match (unusual, always) {
        // Mail of no known connector only stands for this one's.
        (true, _) if mail.stands_for => Strength::Weak,
        (true, _) => Strength::Strong,
        (false, true) => Strength::Weak,
        (false, false) => Strength::Quiet,
    };
    let percent = |part: f64, whole: f64| {
        if whole > 0.0 {
            100.0 * part / whole
        } else {
            0.0
        }
    };
    let message = match (unusual, always) {
        (true, _) => format!(
            "{:.0} of {:.0} within 24 hours ({:.1} %) are {}, where {:.1} % is usual",
            share.part,
            share.whole,
            percent(share.part, share.whole),
            asked.what,
            100.0 * share.usual
        ),
        (false, _) => format!(
            "{part:.0} of {whole:.0} ({:.1} %) are {}{}",
            percent(part, whole),
            asked.what,
            if always {
                ", all through the trace"
            } else {
                ""
            }
        ),
    };
    let measured = (share.excess / mails).min(share.part / (least_share * share.whole).max(1.0));
    Sign::new(
        asked.indicator,
        strength,
        format!("{message}{}", mail.aside()),
    )
    .scored(measured.max(0.0), 1.0)
    .number("in the worst 24 hours", share.part)
    .number("of", share.whole)
    .number("usual share", share.usual)
    .number("too many", share.excess.max(0.0))
    .number("standard deviations of chance", share.deviations.max(0.0))
    .number("in all", part)
    .number("of all", whole)
    .limits(case.thresholds, &limits)
    .at((share.window.0..=share.window.1).filter(|_| unusual))
}
