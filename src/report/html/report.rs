//! The page of a check: the same parts as that of an investigation.

use super::page;
use crate::finding::{Finding, Severity, Status, excerpt};
use crate::report::{Judged, Report};
use askama::Template;
use jiff::Timestamp;
use serde_json::Value as Json;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    report: &'r Report<'r>,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct Item<'f> {
    finding: &'f Finding,
    accepted: bool,
}

/// Renders the page.
pub fn render(report: &Report<'_>) -> String {
    page(Page { report }.render())
}

impl Item<'_> {
    fn tone(&self) -> &'static str {
        match self.finding.severity {
            _ if self.accepted => "good",
            Severity::High | Severity::Critical => "bad",
            Severity::Low | Severity::Medium => "warn",
            Severity::Info => "",
        }
    }

    #[allow(
        clippy::unused_self,
        clippy::ref_option,
        reason = "called from the template"
    )]
    fn value(&self, value: &Option<Json>) -> String {
        match value {
            None | Some(Json::Null) => "empty".to_owned(),
            Some(Json::String(text)) if text.is_empty() => "empty".to_owned(),
            Some(Json::String(text)) => excerpt(text),
            Some(other) => excerpt(&other.to_string()),
        }
    }
}

impl Page<'_> {
    fn headline(&self) -> String {
        match self.report.tenants.as_slice() {
            [only] => {
                let domain = only.assessment.organization.domain.clone();
                domain.unwrap_or_else(|| only.assessment.tenant.clone())
            }
            all => format!("{} tenants", all.len()),
        }
    }

    #[allow(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "called from the template"
    )]
    fn tone(&self, exit_code: &u8) -> &'static str {
        match exit_code {
            0 => "good",
            3 | 11 | 12 => "warn",
            _ => "bad",
        }
    }

    #[allow(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "called from the template"
    )]
    fn time(&self, at: &Timestamp) -> String {
        at.strftime("%-d %B %Y, %H:%M UTC").to_string()
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn joined(&self, words: &[String]) -> String {
        words.join(", ")
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn worst(&self, own: &Judged) -> &'static str {
        let worst = own
            .assessment
            .open()
            .filter(|finding| finding.decides)
            .map(|finding| finding.severity)
            .max();
        worst.map_or("none", Severity::name)
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn approved(&self, own: &Judged) -> String {
        own.assessment.baseline.as_ref().map_or_else(
            || "nothing verified".to_owned(),
            |baseline| {
                let signers: Vec<&str> = baseline
                    .signers
                    .iter()
                    .map(|signer| signer.principal.as_str())
                    .collect();
                format!("version {}, {}", baseline.version, signers.join(", "))
            },
        )
    }

    #[allow(clippy::unused_self, reason = "called from the template")]
    fn item(&self, finding: &Finding) -> String {
        page(
            Item {
                finding,
                accepted: finding.status == Status::Accepted,
            }
            .render(),
        )
    }
}
