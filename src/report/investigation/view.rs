//! An investigation as programs read it: `connguard/investigation/v1`. The schema only grows, and every other format
//! is made from the same view.

use crate::evidence::FileReport;
use crate::evidence::traffic::{Cell, Hour};
use crate::finding::Subject;
use crate::investigation::actor::Triage;
use crate::investigation::attribution::{ChangeKind, Evidence, Known};
use crate::investigation::indicator::{self, Sign};
use crate::investigation::runbook::Runbook;
use crate::investigation::verdict::CaseVerdict;
use crate::investigation::{Coverage, Investigation, Judged};
use crate::policy::threshold::{Threshold, Thresholds};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// `schema` of an investigation.
pub const SCHEMA: &str = "connguard/investigation/v1";

/// What was asked for.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Options {
    /// The time given with `--now`; null when the clock was used.
    #[schemars(with = "Option<String>")]
    pub now: Option<Timestamp>,
    /// What was given with `--from`.
    pub from: Vec<String>,
    /// Thresholds that are not the usual ones.
    pub thresholds: BTreeMap<String, f64>,
    /// The case, where it is one.
    pub case: Option<String>,
    /// Whether addresses of this machine may have stood for the service.
    pub rehearsal: bool,
}

/// Everything that an investigation found out.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct View {
    /// Always `connguard/investigation/v1`.
    pub schema: &'static str,
    /// The program.
    pub tool: Tool,
    /// Time of the run, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub generated_at: Timestamp,
    /// What was asked for.
    pub options: Options,
    /// The tenant's local name.
    pub tenant: String,
    /// The organization.
    pub organization: Organization,
    /// The worst of all connectors: `compromised`, `suspicious`, `not enough evidence` or `no sign`.
    pub verdict: CaseVerdict,
    /// 14, 13, 3 or 0.
    pub exit_code: u8,
    /// What was approved; null where nobody signed anything that could be verified.
    pub baseline: Option<Baseline>,
    /// Which time the evidence covers.
    pub coverage: Coverage,
    /// The files, and what each was found to be.
    pub files: Vec<FileReport>,
    /// The connectors, worst first.
    pub connectors: Vec<Connector>,
    /// What happened to connectors, oldest first.
    pub changes: Vec<Change>,
    /// Who changed connectors.
    pub actors: Vec<Triage>,
    /// What is wrong with the evidence, and where it disagrees.
    pub findings: Vec<Finding>,
    /// The four steps.
    pub runbook: Runbook,
}

/// The program that wrote it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `connguard`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// The organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Organization {
    /// Its GUID.
    pub tenant_id: Option<String>,
    /// Its initial domain.
    pub domain: Option<String>,
}

/// What was approved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Baseline {
    /// Its version.
    pub version: u64,
    /// Digest of its file.
    pub digest: String,
    /// Who signed it.
    pub signers: Vec<String>,
}

/// A connector and what was found about it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Connector {
    /// Which.
    pub connector: Subject,
    /// Whether it lets somebody send as the organization.
    pub on_premises: bool,
    /// Whether it is there by the newest state; null where none says.
    pub is_there: Option<bool>,
    /// What it comes to.
    pub verdict: CaseVerdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Every indicator.
    pub signs: Vec<Sign>,
    /// How it differs from what was approved.
    pub drift: Vec<String>,
    /// Who changed it: places in `actors`.
    pub actors: Vec<usize>,
    /// Its mail, hour by hour, from the first to the last hour of the trace; hours without any are left out.
    pub mail: Vec<HourOfMail>,
}

/// The mail of an hour.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HourOfMail {
    /// Its beginning.
    #[schemars(with = "String")]
    pub hour: Timestamp,
    /// Mails, one for each recipient.
    pub mails: u64,
    /// Filtered as spam, quarantined or put into Junk.
    pub filtered: u64,
    /// The mails that are normal for its weekday and hour; null where nothing is called normal.
    pub normal: Option<f64>,
    /// The most that is still normal.
    pub upper: Option<f64>,
}

/// What happened to a connector.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Change {
    /// Which.
    pub connector: Subject,
    /// How it is known.
    pub known: Known,
    /// What became of it.
    pub kind: ChangeKind,
    /// When, as exactly as anything says.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The last state that did not show it.
    #[schemars(with = "Option<String>")]
    pub after: Option<Timestamp>,
    /// The first state that does.
    #[schemars(with = "Option<String>")]
    pub before: Option<Timestamp>,
    /// `widens`, `narrows`, `neutral`; null where nobody knows what was there before.
    pub direction: Option<&'static str>,
    /// Each difference, in words.
    pub words: Vec<String>,
    /// The records that say so.
    pub records: Vec<Evidence>,
    /// What no record explains.
    pub unexplained: Vec<String>,
}

/// Something that is wrong with the evidence.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// Its id; `connguard explain` says more.
    pub rule: String,
    /// `info` to `critical`.
    pub severity: &'static str,
    /// The connector, where it is about one.
    pub connector: Option<Subject>,
    /// One line.
    pub title: String,
    /// What is wrong here.
    pub message: String,
    /// What to do.
    pub fix: String,
    /// File and line.
    pub place: String,
}

impl View {
    /// Those who changed connectors, and the others whose work may have to do with it, each under its title.
    pub fn groups_of_actors(&self) -> [(&'static str, Vec<&Triage>); 2] {
        let (changed, others) = self.actors.iter().partition(|own| own.changed_connectors);
        [
            ("Who did it", changed),
            ("Who else changed rules, roles or applications", others),
        ]
    }

    /// The view of an investigation.
    pub fn of(investigation: &Investigation<'_>, options: Options) -> Self {
        let question = &investigation.question;
        Self {
            schema: SCHEMA,
            tool: Tool {
                name: "connguard",
                version: env!("CARGO_PKG_VERSION"),
            },
            generated_at: question.now,
            options,
            tenant: question.tenant.to_owned(),
            organization: Organization {
                tenant_id: question.organization.tenant_id.clone(),
                domain: question.organization.domain.clone(),
            },
            verdict: investigation.verdict,
            exit_code: crate::verdict::worst(&[
                investigation.verdict.exit_code(),
                u8::from(question.failed),
            ]),
            baseline: question.baseline.map(|own| Baseline {
                version: own.approved.header.version,
                digest: own.digest.to_string(),
                signers: own
                    .signers()
                    .iter()
                    .map(|signer| signer.principal.clone())
                    .collect(),
            }),
            coverage: investigation.coverage.clone(),
            files: question.files.clone(),
            connectors: investigation
                .connectors
                .iter()
                .map(|own| connector(investigation, own))
                .collect(),
            changes: question.attribution.changes.iter().map(change).collect(),
            actors: investigation.actors.clone(),
            findings: investigation.findings.iter().map(finding).collect(),
            runbook: investigation.runbook.clone(),
        }
    }

    /// The title of an indicator.
    pub fn title_of(id: &str) -> &'static str {
        indicator::find(id).map_or("", |own| own.title)
    }

    /// What a threshold means.
    pub fn meaning_of(name: &str) -> &'static str {
        Threshold::named(name).map_or("", |own| own.row().meaning)
    }
}

fn connector(investigation: &Investigation<'_>, own: &Judged) -> Connector {
    let question = &investigation.question;
    Connector {
        connector: own.subject.clone(),
        on_premises: own.on_premises,
        is_there: own.is_there,
        verdict: own.verdict,
        reasons: own.reasons.clone(),
        signs: own.signs.clone(),
        drift: own.drift.clone(),
        actors: own.actors.clone(),
        mail: question
            .traffic
            .and_then(|traffic| {
                Some(hours(
                    traffic.of(own.route)?,
                    &traffic.days,
                    &question.thresholds,
                ))
            })
            .unwrap_or_default(),
    }
}

fn hours(
    mail: &BTreeMap<Hour, Cell>,
    days: &BTreeSet<i64>,
    thresholds: &Thresholds,
) -> Vec<HourOfMail> {
    if mail.is_empty() {
        return Vec::new();
    }
    #[allow(clippy::cast_precision_loss, reason = "days are few")]
    let knows_normal = days.len() as f64 >= thresholds.get(Threshold::RiseDays);
    let round = |value: f64| (value * 10.0).round() / 10.0;
    indicator::band(mail, days, thresholds)
        .into_iter()
        .filter_map(|band| {
            let cell = mail.get(&band.hour).copied().unwrap_or_default();
            if cell.mails == 0 && band.normal == 0.0 {
                return None;
            }
            Some(HourOfMail {
                hour: Timestamp::from_second(band.hour * 3600).ok()?,
                mails: cell.mails,
                filtered: cell.filtered,
                normal: knows_normal.then(|| round(band.normal)),
                upper: knows_normal.then(|| round(band.upper)),
            })
        })
        .collect()
}

fn change(own: &crate::investigation::attribution::Change) -> Change {
    Change {
        connector: own.connector.clone(),
        known: own.known,
        kind: own.kind,
        at: own.at,
        after: own.between.0,
        before: own.between.1,
        direction: own.direction.map(crate::finding::Direction::name),
        words: own.words.clone(),
        records: own.records.clone(),
        unexplained: own.unexplained.clone(),
    }
}

fn finding(own: &crate::finding::Finding) -> Finding {
    let place = own.locations.first();
    Finding {
        rule: own.rule.clone(),
        severity: own.severity.name(),
        connector: own.connector.clone(),
        title: own.title.clone(),
        message: own.message.clone(),
        fix: own.fix.clone(),
        place: place.map(ToString::to_string).unwrap_or_default(),
    }
}

/// The schema of an investigation.
pub fn schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(View)).unwrap_or_default()
}
