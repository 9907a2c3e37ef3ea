//! The page of an investigation: one that can be handed on.

use super::chart::{self, Axis, Bar, Lane, Mark};
use super::page;
use crate::investigation::actor::Triage;
use crate::investigation::attribution::Known;
use crate::investigation::indicator::Sign;
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

    #[allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "called from the template")]
    fn tone(&self, verdict: &CaseVerdict) -> &'static str {
        match verdict {
            CaseVerdict::Compromised | CaseVerdict::Suspicious => "bad",
            CaseVerdict::NotEnoughEvidence => "warn",
            CaseVerdict::NoSign => "good",
        }
    }

    #[allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "called from the template")]
    fn day_and_time(&self, at: &Timestamp) -> String {
        at.strftime("%-d %B %Y, %H:%M UTC").to_string()
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
            Known::ShortLived => Some("No state ever showed it: reconstructed from the record that created it."),
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
        let all: Vec<String> = sign.numbers.iter().map(|own| format!("{}: {}", own.name, own.value)).collect();
        all.join(", ")
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn limits(&self, sign: &Sign) -> String {
        let all: Vec<String> = sign.thresholds.iter().map(|own| format!("{} = {}", own.name, own.value)).collect();
        format!("thresholds: {}", all.join(", "))
    }

    #[allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "called from the template")]
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
        let mut words: Vec<String> = changes.flat_map(|(_, change)| change.words.clone()).collect();
        words.extend(own.drift.iter().map(|drift| format!("from the baseline: {drift}")));
        words
    }

    /// What happened to a connector, with the numbers of the list.
    fn changes_of(&self, own: &Connector) -> Vec<(usize, &Change)> {
        let numbered = self.view.changes.iter().enumerate();
        numbered
            .filter(|(_, change)| change.connector == own.connector || change.connector.id.is_none() && change.connector.name == own.connector.name)
            .map(|(index, change)| (index + 1, change))
            .collect()
    }

    /// The verdict in sentences that need no knowledge of connectors.
    fn summary(&self) -> Vec<String> {
        let view = self.view;
        let mut said = Vec::new();
        let of = |verdict: CaseVerdict| view.connectors.iter().filter(|own| own.verdict == verdict).collect::<Vec<_>>();
        let bad = of(CaseVerdict::Compromised);
        for own in bad.iter().chain(&of(CaseVerdict::Suspicious)) {
            said.push(self.sentence(own));
        }
        let unsure = of(CaseVerdict::NotEnoughEvidence).len();
        let fine = of(CaseVerdict::NoSign).len();
        if fine > 0 {
            said.push(format!("{} shows no sign of compromise in the evidence that was looked at.", count(fine)));
        }
        if unsure > 0 {
            said.push(format!("About {} nothing can be said: evidence is missing.", count(unsure).to_lowercase()));
        }
        if view.connectors.is_empty() {
            said.push("No connector was found in the evidence.".to_owned());
        }
        said
    }

    fn sentence(&self, own: &Connector) -> String {
        let name = &own.connector.name;
        let what = match own.verdict {
            CaseVerdict::Compromised => "was created or altered by somebody who may not, and used or made by a known means of attack",
            _ => "shows signs that somebody has to explain",
        };
        let mut sentence = format!("The connector \u{201c}{}\u{201d} {what}.", crate::finding::excerpt(name));
        let changes = self.changes_of(own);
        if let Some((_, change)) = changes.iter().find(|(_, change)| change.direction == Some("widens")) {
            let who = change.records.first().map_or_else(|| ", and no record says by whom".to_owned(), |record| format!(", by {}", record.actor.words()));
            sentence.push_str(&format!(" It was changed on {}{who}.", self.day_and_time(&change.at)));
        }
        let mails: u64 = own.mail.iter().map(|hour| hour.mails).sum();
        let filtered: u64 = own.mail.iter().map(|hour| hour.filtered).sum();
        if mails > 0 {
            sentence.push_str(&format!(" {mails} mails went through it in the time that is covered, of which {filtered} were filtered as spam."));
        }
        sentence
    }

    fn axis(&self) -> Option<Axis> {
        let view = self.view;
        let mail = view.coverage.mail.iter().flat_map(|mail| [mail.first, mail.last]);
        let changes = view.changes.iter().map(|change| change.at);
        Axis::over(mail.chain(changes).chain(view.coverage.states.iter().copied()))
    }

    fn volume(&self, own: &Connector, number: &usize) -> Option<String> {
        if own.mail.is_empty() {
            return None;
        }
        let axis = self.axis()?;
        let bars: Vec<Bar> = own
            .mail
            .iter()
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
            .map(|(number, change)| Mark { at: change.at, number })
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
        let title = format!("Mail through {}", own.connector.name);
        Some(chart::volume(&format!("v{number}"), &title, &description, &chart::joined(&bars, axis), &marks, axis))
    }

    fn time_line(&self) -> Option<String> {
        let view = self.view;
        let axis = self.axis()?;
        let mut lanes = vec![Lane {
            name: "Changes of connectors",
            moments: view.changes.iter().enumerate().map(|(index, change)| (change.at, Some(index + 1))).collect(),
            mail: Vec::new(),
        }];
        let names: Vec<String> = view.actors.iter().map(|triage| triage.actor.words()).collect();
        for (triage, name) in view.actors.iter().zip(&names).take(MOST_LANES) {
            lanes.push(Lane {
                name,
                moments: triage.operations.iter().map(|operation| (operation.time, None)).collect(),
                mail: Vec::new(),
            });
        }
        let labels: Vec<String> = view.connectors.iter().map(|own| format!("Mail through {}", own.connector.name)).collect();
        for (own, name) in view.connectors.iter().zip(&labels).filter(|(own, _)| !own.mail.is_empty()).take(MOST_LANES) {
            let most = own.mail.iter().map(|hour| hour.mails).max().unwrap_or(1).max(1);
            lanes.push(Lane {
                name,
                moments: Vec::new(),
                mail: own.mail.iter().filter(|hour| hour.mails > 0).map(|hour| (hour.hour, to_f64(hour.mails) / to_f64(most))).collect(),
            });
        }
        let description = format!(
            "{} changes of connectors, {} actors, and the mail of {} connectors. The list below tells each change.",
            view.changes.len(),
            view.actors.len(),
            labels.len()
        );
        Some(chart::time_line("timeline-chart", "Changes, actors and mail over time", &description, &lanes, axis))
    }
}

/// So many actors and connectors have a lane of their own.
const MOST_LANES: usize = 6;

fn count(connectors: usize) -> String {
    match connectors {
        1 => "One connector".to_owned(),
        many => format!("Each of {many} connectors"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of mail stay far below 2^53")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
