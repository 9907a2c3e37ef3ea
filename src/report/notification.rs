//! What is told to people elsewhere: the findings that are new, in words.
//!
//! Chat programs turn names into mentions and words into links. Nothing of a
//! tenant does so here: it is plain text, and what looks like an address of
//! anything is written so that nobody clicks on it by mistake.

use super::earlier::EarlierReport;
use super::{Judged, Report};
use crate::canonical;
use crate::finding::{Finding, Severity, Since, Status, excerpt};
use crate::hostile_text::visible;
use serde_json::{Value, json};

/// Who understands what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A program: `connguard/notification/v1`.
    Webhook,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams that takes adaptive cards.
    Teams,
}

impl Receiver {
    /// Every receiver, by its name on the command line.
    pub const ALL: [(&'static str, Self); 3] = [
        ("webhook", Self::Webhook),
        ("slack", Self::Slack),
        ("teams", Self::Teams),
    ];
}

/// At most so many findings are told; the report has all.
const MOST: usize = 20;

/// The message about what is new; `None` where nothing is.
///
/// Without anything to compare with, every open finding is new, and so is that
/// a tenant got no verdict: a check that sees nothing must not be silent.
pub fn message(
    report: &Report<'_>,
    earlier: Option<&EarlierReport>,
    receiver: Receiver,
) -> Option<String> {
    let new = new_findings(report);
    let blind = newly_blind(report, earlier);
    if new.is_empty() && blind.is_empty() {
        return None;
    }
    let conclusion = report.conclusion;
    let without = if blind.is_empty() {
        String::new()
    } else {
        format!(", {} without a verdict", blind.len())
    };
    let head = format!(
        "connguard: {} (exit {}), {} new{without}",
        conclusion.verdict.name(),
        conclusion.exit_code,
        if new.len() == 1 {
            "1 finding".to_owned()
        } else {
            format!("{} findings", new.len())
        }
    );
    let findings = new.iter().take(MOST);
    let mut lines: Vec<String> = blind
        .iter()
        .take(MOST)
        .map(|(tenant, reason)| {
            format!("no verdict on {tenant}: {}", defanged(&excerpt_of(reason)))
        })
        .chain(findings.map(|(tenant, finding)| line(*tenant, finding)))
        .collect();
    if new.len() > MOST {
        lines.push(format!("and {} more, in the report", new.len() - MOST));
    }
    let body = match receiver {
        Receiver::Webhook => webhook(report, &head, &new, &blind),
        Receiver::Slack => slack(&head, &lines),
        Receiver::Teams => teams(&head, &lines),
    };
    Some(canonical::to_string(&body))
}

/// Tenants that got no verdict, and did in the earlier run, with the reason.
pub fn newly_blind(report: &Report<'_>, earlier: Option<&EarlierReport>) -> Vec<(String, String)> {
    let reason = |judged: &Judged| {
        let assessment = &judged.assessment;
        let errors = assessment
            .errors
            .iter()
            .map(|failure| format!("{}: {}", failure.source, failure.message));
        errors.chain(assessment.obstacles.iter().cloned()).next()
    };
    report
        .tenants
        .iter()
        .filter_map(|judged| {
            let tenant = &judged.assessment.tenant;
            let word = judged.conclusion.verdict.name();
            let known = earlier.and_then(|earlier| earlier.verdict(tenant)) == Some(word);
            Some((tenant.clone(), reason(judged)?)).filter(|_| !known)
        })
        .collect()
}

type New<'r> = (Option<&'r str>, &'r Finding);

/// Open findings that were not there before, the worst first.
pub fn new_findings<'r>(report: &'r Report<'_>) -> Vec<New<'r>> {
    let own = report.findings.iter().map(|finding| (None, finding));
    let of_tenants = report.tenants.iter().flat_map(|tenant| {
        let name = tenant.assessment.tenant.as_str();
        let findings = tenant.assessment.findings.iter();
        findings.map(move |finding| (Some(name), finding))
    });
    let mut new: Vec<New<'_>> = own
        .chain(of_tenants)
        .filter(|(_, finding)| {
            finding.status == Status::Open
                && finding.decides
                && finding.severity > Severity::Info
                && finding.since != Some(Since::Open)
        })
        .collect();
    new.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    new
}

fn line(tenant: Option<&str>, finding: &Finding) -> String {
    let tenant = tenant.map(|tenant| format!("{tenant}: "));
    let connector = finding
        .connector
        .as_ref()
        .map(|own| format!("\"{}\": ", own.name));
    let text = format!(
        "{}{}{}{}",
        tenant.unwrap_or_default(),
        connector.unwrap_or_default(),
        finding
            .property
            .as_ref()
            .map(|property| format!("{property}: "))
            .unwrap_or_default(),
        finding.message
    );
    format!(
        "{} {}: {}",
        finding.severity,
        finding.rule,
        defanged(&excerpt_of(&text))
    )
}

/// Three messages of the usual length.
fn excerpt_of(text: &str) -> String {
    let parts: Vec<char> = text.chars().collect();
    let pieces = parts
        .chunks(120)
        .take(3)
        .map(|piece| piece.iter().collect::<String>());
    let shown: String = pieces.collect();
    if shown.len() < text.len() {
        format!("{shown} … ({})", excerpt("more in the report"))
    } else {
        shown
    }
}

/// A text in which nothing is a mention or a link: `[@]`, `[:]//` and `contoso[.]com`.
pub fn defanged(text: &str) -> String {
    let text = visible(text);
    let letters: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    for (index, c) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(index + 1);
        let is_letter = |c: Option<&char>| c.is_some_and(|c| c.is_alphabetic() || *c == '-');
        match c {
            '@' => shown.push_str("[@]"),
            ':' if after == Some(&'/') => shown.push_str("[:]"),
            // Names of hosts end in letters; addresses in numbers, which nothing makes a link of.
            '.' if is_letter(after) && before.is_some_and(|c| c.is_alphanumeric()) => {
                shown.push_str("[.]");
            }
            '<' => shown.push('‹'),
            '>' => shown.push('›'),
            c => shown.push(*c),
        }
    }
    shown
}

fn webhook(report: &Report<'_>, head: &str, new: &[New<'_>], blind: &[(String, String)]) -> Value {
    let key = |tenant: Option<&str>| {
        let judged = report
            .tenants
            .iter()
            .find(|judged| Some(judged.assessment.tenant.as_str()) == tenant);
        judged.map_or_else(
            || report.own_key(),
            |judged| judged.assessment.key().to_owned(),
        )
    };
    let findings: Vec<Value> = new
        .iter()
        .map(|(tenant, finding)| {
            json!({
                "tenant": tenant,
                "rule": finding.rule,
                "severity": finding.severity.name(),
                "connector": finding.connector.as_ref().map(|own| json!({ "id": own.id, "name": visible(&own.name) })),
                "property": finding.property,
                "message": visible(&finding.message),
                "fingerprint": finding.fingerprint(&key(*tenant)).hex(),
            })
        })
        .collect();
    json!({
        "schema": "connguard/notification/v1",
        "summary": head,
        "verdict": report.conclusion.verdict.name(),
        "exit_code": report.conclusion.exit_code,
        "generated_at": report.now.to_string(),
        "findings": findings,
        "no_verdict": blind.iter().map(|(tenant, reason)| json!({ "tenant": tenant, "reason": visible(reason) })).collect::<Vec<_>>(),
    })
}

/// Blocks of plain text. Slack reads `&`, `<` and `>` in the short text that stands for them, so it has none.
fn slack(head: &str, lines: &[String]) -> Value {
    let block = |text: &str| json!({ "type": "section", "text": { "type": "plain_text", "text": text, "emoji": false } });
    let blocks: Vec<Value> = std::iter::once(head)
        .chain(lines.iter().map(String::as_str))
        .map(block)
        .collect();
    json!({
        "text": head,
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// Text runs, in which Teams reads no Markdown.
fn teams(head: &str, lines: &[String]) -> Value {
    let run = |text: &str, weight: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] });
    let body: Vec<Value> = std::iter::once(run(head, "Bolder"))
        .chain(lines.iter().map(|line| run(line, "Default")))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": body,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::defanged;

    #[test]
    fn nothing_is_a_link_or_a_mention() {
        assert_eq!(
            defanged("<!channel> @here https://evil.example/x 198.51.100.7 mail.contoso.com"),
            "‹!channel› [@]here https[:]//evil[.]example/x 198.51.100.7 mail[.]contoso[.]com"
        );
    }
}
