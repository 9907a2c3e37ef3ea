//! The page of an investigation: one that can be handed on.

use super::chart::{self, Axis, Bar, Lane, Mark};
use super::page;
use crate::investigation::actor::Triage;
use crate::investigation::attribution::Known;
use crate::investigation::indicator::{Sign, Strength};
use crate::investigation::runbook::ItemState;
use crate::investigation::verdict::CaseVerdict;
use crate::report::investigation::view::{Change, Connector, View};
use askama::Template;
use jiff::Timestamp;

#[derive(Template)]
#[template(path = "investigation.html")]
struct Page<'v> {
    view: &'v View,
}

/// Renders the page.
pub fn render(view: &View) -> String {
    page(Page { view }.render())
}

impl Page<'_> {
    fn organization(&self) -> String {
        let domain = self.view.organization.domain.clone();
        domain.unwrap_or_else(|| self.view.tenant.clone())
    }

    #[allow(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "called from the template"
    )]
    fn tone(&self, verdict: &CaseVerdict) -> &'static str {
        match verdict {
            CaseVerdict::Compromised | CaseVerdict::Suspicious => "bad",
            CaseVerdict::NotEnoughEvidence => "warn",
            CaseVerdict::NoSign => "good",
        }
    }

    #[allow(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "called from the template"
    )]
    fn day_and_time(&self, at: &Timestamp) -> String {
        at.strftime("%-d %B %Y, %H:%M UTC").to_string()
    }

    /// The latest time that anything in the evidence tells of.
    fn last_evidence(&self) -> Option<String> {
        let coverage = &self.view.coverage;
        let mail = coverage.mail.as_ref().map(|mail| mail.last);
        let last = coverage.states.iter().copied().chain(mail).max()?;
        Some(self.day_and_time(&last))
    }

    /// What the runbook demands first, without its commands.
    fn to_do(&self) -> Vec<String> {
        let items = self.view.runbook.steps.iter().flat_map(|step| &step.items);
        let all: Vec<String> = items
            .filter(|item| item.state == ItemState::ToDo)
            .map(|item| item.title.clone())
            .collect();
        let more = all.len().saturating_sub(MOST_SAID);
        let mut said: Vec<String> = all.into_iter().take(MOST_SAID).collect();
        if more > 0 {
            said.push(format!("and {more} more"));
        }
        said
    }

    /// Why, in the words of the indicators; of one about which too little is known, what is missing.
    #[allow(clippy::unused_self, reason = "called from the template")]
    fn why(&self, own: &Connector) -> Vec<String> {
        if own.verdict == CaseVerdict::NotEnoughEvidence {
            return own.reasons.clone();
        }
        let counted = own
            .signs
            .iter()
            .filter(|sign| sign.strength >= Strength::Weak);
        counted
            .map(|sign| {
                let weak = if sign.strength == Strength::Weak {
                    " (weak)"
                } else {
                    ""
                };
                format!("{}{weak}", View::title_of(sign.indicator))
            })
            .collect()
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn sessions(&self, triage: &Triage) -> String {
        match triage.sessions.len() {
            1 => "one session".to_owned(),
            many => format!("{many} sessions"),
        }
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn joined(&self, words: &[String]) -> String {
        words.join("; ")
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn known(&self, change: &Change) -> Option<&'static str> {
        match change.known {
            Known::Attributed => None,
            Known::WithoutRecord => Some("No audit record explains it."),
            Known::RecordOnly => Some("Known by the record alone: no state shows it."),
            Known::Contradicted => Some("Record and state disagree."),
            Known::ShortLived => {
                Some("No state ever showed it: reconstructed from the record that created it.")
            }
        }
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn addresses(&self, triage: &Triage) -> String {
        let all: Vec<String> = triage.addresses.iter().map(ToString::to_string).collect();
        all.join(", ")
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn title_of(&self, indicator: &str) -> &'static str {
        View::title_of(indicator)
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn numbers(&self, sign: &Sign) -> String {
        let all: Vec<String> = sign
            .numbers
            .iter()
            .map(|own| format!("{}: {}", own.name, rounded(own.value)))
            .collect();
        all.join(", ")
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn limits(&self, sign: &Sign) -> String {
        let all: Vec<String> = sign
            .thresholds
            .iter()
            .map(|own| format!("{} = {}", own.name, own.value))
            .collect();
        format!("thresholds: {}", all.join(", "))
    }

    #[allow(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "called from the template"
    )]
    fn state(&self, state: &ItemState) -> &'static str {
        match state {
            ItemState::ToDo => "todo",
            ItemState::Unknown => "unknown",
            ItemState::Answered | ItemState::NothingToDo => "done",
        }
    }

    /// Everything in which a connector differs: by what happened to it, and from the baseline.
    fn differences(&self, own: &Connector) -> Vec<String> {
        let changes = self.changes_of(own).into_iter();
        let mut words: Vec<String> = changes
            .flat_map(|(_, change)| change.words.clone())
            .collect();
        words.extend(
            own.drift
                .iter()
                .map(|drift| format!("from the baseline: {drift}")),
        );
        words
    }

    /// What happened to a connector, with the numbers of the list.
    fn changes_of(&self, own: &Connector) -> Vec<(usize, &Change)> {
        let numbered = self.view.changes.iter().enumerate();
        numbered
            .filter(|(_, change)| {
                change.connector == own.connector
                    || change.connector.id.is_none() && change.connector.name == own.connector.name
            })
            .map(|(index, change)| (index + 1, change))
            .collect()
    }

    /// The verdict in sentences that need no knowledge of connectors.
    fn summary(&self) -> Vec<String> {
        let view = self.view;
        let mut said = Vec::new();
        let of = |verdict: CaseVerdict| {
            view.connectors
                .iter()
                .filter(|own| own.verdict == verdict)
                .collect::<Vec<_>>()
        };
        let bad = of(CaseVerdict::Compromised);
        let suspicious = of(CaseVerdict::Suspicious);
        for own in bad.iter().chain(&suspicious).take(MOST_SAID) {
            said.push(self.sentence(own));
        }
        let more = (bad.len() + suspicious.len()).saturating_sub(MOST_SAID);
        if more > 0 {
            said.push(format!(
                "{more} more connectors are suspicious or compromised; the table below names them."
            ));
        }
        let unsure = of(CaseVerdict::NotEnoughEvidence).len();
        let fine = of(CaseVerdict::NoSign).len();
        if fine > 0 {
            let who = match (fine, fine == view.connectors.len()) {
                (1, true) => "The connector shows".to_owned(),
                (1, false) => "One other shows".to_owned(),
                (many, true) => format!("All {many} connectors show"),
                (many, false) => format!("The other {many} show"),
            };
            said.push(format!(
                "{who} no sign of compromise in the evidence that was looked at."
            ));
        }
        if unsure > 0 {
            let who = if unsure == 1 {
                "one connector".to_owned()
            } else {
                format!("{unsure} connectors")
            };
            said.push(format!(
                "About {who} nothing can be said: evidence is missing."
            ));
        }
        if view.connectors.is_empty() {
            said.push("No connector was found in the evidence.".to_owned());
        }
        said
    }

    fn sentence(&self, own: &Connector) -> String {
        let name = &own.connector.name;
        let what = match own.verdict {
            CaseVerdict::Compromised => {
                "was created or altered by somebody who may not, and used or made by a known means of attack"
            }
            _ => "shows signs that somebody has to explain",
        };
        let mut sentence = format!(
            "The connector \u{201c}{}\u{201d} {what}.",
            crate::finding::excerpt(name)
        );
        let changes = self.changes_of(own);
        if let Some((_, change)) = changes
            .iter()
            .find(|(_, change)| change.direction == Some("widens"))
        {
            let who = change.records.first().map_or_else(
                || ", and no record says by whom".to_owned(),
                |record| format!(", by {}", crate::finding::excerpt(&record.actor.words())),
            );
            sentence.push_str(&format!(
                " It was changed on {}{who}.",
                self.day_and_time(&change.at)
            ));
        }
        let mails: u64 = own.mail.iter().map(|hour| hour.mails).sum();
        let filtered: u64 = own.mail.iter().map(|hour| hour.filtered).sum();
        if mails > 0 {
            sentence.push_str(&format!(" {} mails went through it in the time that is covered, of which {} were filtered as spam.", grouped(mails), grouped(filtered)));
        }
        sentence
    }

    fn axis(&self) -> Option<Axis> {
        let view = self.view;
        let mail = view
            .coverage
            .mail
            .iter()
            .flat_map(|mail| [mail.first, mail.last]);
        let changes = view.changes.iter().map(|change| change.at);
        // A state from long before would leave no room for what happened.
        Axis::over(mail.chain(changes)).or_else(|| Axis::over(view.coverage.states.iter().copied()))
    }

    fn volume(&self, own: &Connector, number: &usize) -> Option<String> {
        self.chart(own, &format!("v{number}"), "", self.axis()?)
    }

    /// The days around the changes, where the whole is too long to show them.
    fn zoom(&self, own: &Connector, number: &usize) -> Option<String> {
        const DAY: i64 = 86_400;
        let changes: Vec<Timestamp> = self
            .changes_of(own)
            .iter()
            .map(|(_, change)| change.at)
            .collect();
        let unusual = own
            .mail
            .iter()
            .filter(|hour| hour.upper.is_some_and(|upper| to_f64(hour.mails) > upper));
        let times: Vec<Timestamp> = changes
            .iter()
            .copied()
            .chain(unusual.map(|hour| hour.hour))
            .collect();
        if changes.is_empty() {
            return None;
        }
        let axis = self.axis()?.around(&times, DAY, 2 * DAY)?;
        self.chart(own, &format!("z{number}"), " around its changes", axis)
    }

    fn chart(&self, own: &Connector, id: &str, part: &str, axis: Axis) -> Option<String> {
        if own.mail.is_empty() {
            return None;
        }
        let bars: Vec<Bar> = own
            .mail
            .iter()
            .filter(|hour| axis.holds(hour.hour))
            .map(|hour| Bar {
                at: hour.hour,
                mails: to_f64(hour.mails),
                filtered: to_f64(hour.filtered),
                normal: hour.normal,
                upper: hour.upper,
            })
            .collect();
        let marks: Vec<Mark> = self
            .changes_of(own)
            .into_iter()
            .filter(|(_, change)| axis.holds(change.at))
            .map(|(number, change)| Mark {
                at: change.at,
                number,
            })
            .collect();
        let most = own.mail.iter().max_by_key(|hour| hour.mails)?;
        let all: u64 = own.mail.iter().map(|hour| hour.mails).sum();
        let unusual = own
            .mail
            .iter()
            .filter(|hour| hour.upper.is_some_and(|upper| to_f64(hour.mails) > upper))
            .count();
        let description = format!(
            "{all} mails in all. The busiest hour began on {} with {} mails. {unusual} hours lie above what is normal for their weekday and hour. {} changes of the connector are marked.",
            self.day_and_time(&most.hour),
            most.mails,
            marks.len()
        );
        let title = format!("Mail through {}{part}", own.connector.name);
        Some(chart::volume(
            id,
            &title,
            &description,
            &chart::joined(&bars, axis),
            &marks,
            axis,
        ))
    }

    fn time_line(&self) -> Option<String> {
        let view = self.view;
        let axis = self.axis()?;
        let mut lanes = vec![Lane {
            name: "Changes of connectors",
            moments: view
                .changes
                .iter()
                .enumerate()
                .map(|(index, change)| (change.at, Some(index + 1)))
                .collect(),
            mail: Vec::new(),
        }];
        let names: Vec<String> = view
            .actors
            .iter()
            .map(|triage| triage.actor.words())
            .collect();
        for (triage, name) in view.actors.iter().zip(&names).take(MOST_LANES) {
            lanes.push(Lane {
                name,
                moments: triage
                    .operations
                    .iter()
                    .filter(|operation| axis.holds(operation.time))
                    .map(|operation| (operation.time, None))
                    .collect(),
                mail: Vec::new(),
            });
        }
        let labels: Vec<String> = view
            .connectors
            .iter()
            .map(|own| format!("Mail through {}", own.connector.name))
            .collect();
        for (own, name) in view
            .connectors
            .iter()
            .zip(&labels)
            .filter(|(own, _)| !own.mail.is_empty())
            .take(MOST_LANES)
        {
            let most = own
                .mail
                .iter()
                .map(|hour| hour.mails)
                .max()
                .unwrap_or(1)
                .max(1);
            lanes.push(Lane {
                name,
                moments: Vec::new(),
                mail: own
                    .mail
                    .iter()
                    .filter(|hour| hour.mails > 0)
                    .map(|hour| (hour.hour, to_f64(hour.mails) / to_f64(most)))
                    .collect(),
            });
        }
        let description = format!(
            "{} changes of connectors, {} actors, and the mail of {} connectors. The list below tells each change.",
            view.changes.len(),
            view.actors.len(),
            labels.len()
        );
        Some(chart::time_line(
            "timeline-chart",
            "Changes, actors and mail over time",
            &description,
            &lanes,
            axis,
        ))
    }
}

/// So many sentences and things to do stand in the summary.
const MOST_SAID: usize = 6;

/// So many actors and connectors have a lane of their own.
const MOST_LANES: usize = 6;

/// Counts whole, shares with two digits that say something.
fn rounded(value: f64) -> String {
    if value.abs() >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{}", (value * 1000.0).round() / 1000.0)
    }
}

/// A number that can be read: 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of mail stay far below 2^53"
)]
fn to_f64(count: u64) -> f64 {
    count as f64
}
