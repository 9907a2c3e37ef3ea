//! JUnit XML, for whatever shows test results: a suite a tenant, a case a finding.
//!
//! A finding that decides is a failure; one that only informs, is tolerated or
//! was open before is skipped, with the reason. What kept a run from a verdict
//! is an error, never a passed test. Only what Jenkins' schema knows is written.

use super::{Judged, Report, aside, sentence};
use crate::finding::{Finding, Location, Status};
use crate::hostile_text::visible;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;

/// A test that did not simply pass: `failure`, `error` or `skipped`.
struct Outcome {
    element: &'static str,
    kind: String,
    message: String,
}

struct Case {
    name: String,
    class: String,
    outcome: Option<Outcome>,
    out: String,
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

impl Suite {
    fn count(&self, element: &str) -> usize {
        let is = |case: &&Case| {
            let outcome = case.outcome.as_ref();
            outcome.is_some_and(|outcome| outcome.element == element)
        };
        self.cases.iter().filter(is).count()
    }
}

/// Renders the report.
pub fn render(report: &Report<'_>) -> String {
    let mut suites = Vec::new();
    if !report.findings.is_empty() {
        let own = report.findings.iter();
        suites.push(Suite {
            name: "this run".to_owned(),
            cases: own.map(|finding| case(report, finding, None)).collect(),
        });
    }
    suites.extend(report.tenants.iter().map(|tenant| suite(report, tenant)));
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // A vector takes everything that is written into it.
    let _ = write(&mut writer, &suites);
    let mut text = String::from_utf8(writer.into_inner()).unwrap_or_default();
    text.push('\n');
    text
}

fn write(writer: &mut Writer<Vec<u8>>, suites: &[Suite]) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let sum = |count: &dyn Fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>().to_string();
    writer
        .create_element("testsuites")
        .with_attributes([
            ("name", "connguard"),
            ("tests", sum(&|suite| suite.cases.len()).as_str()),
            ("failures", sum(&|suite| suite.count("failure")).as_str()),
            ("errors", sum(&|suite| suite.count("error")).as_str()),
        ])
        .write_inner_content(|writer| suites.iter().try_for_each(|own| write_suite(writer, own)))?;
    Ok(())
}

fn write_suite(writer: &mut Writer<Vec<u8>>, suite: &Suite) -> io::Result<()> {
    let count = |element| suite.count(element).to_string();
    writer
        .create_element("testsuite")
        .with_attributes([
            ("name", text(&suite.name).as_str()),
            ("tests", suite.cases.len().to_string().as_str()),
            ("failures", count("failure").as_str()),
            ("errors", count("error").as_str()),
            ("skipped", count("skipped").as_str()),
        ])
        .write_inner_content(|writer| {
            suite
                .cases
                .iter()
                .try_for_each(|own| write_case(writer, own))
        })?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case) -> io::Result<()> {
    writer
        .create_element("testcase")
        .with_attributes([
            ("name", text(&case.name).as_str()),
            ("classname", text(&case.class).as_str()),
        ])
        .write_inner_content(|writer| {
            if let Some(outcome) = &case.outcome {
                writer
                    .create_element(outcome.element)
                    .with_attributes([
                        ("type", text(&outcome.kind).as_str()),
                        ("message", text(&outcome.message).as_str()),
                    ])
                    .write_empty()?;
            }
            if !case.out.is_empty() {
                writer
                    .create_element("system-out")
                    .write_text_content(BytesText::new(&text(&case.out)))?;
            }
            Ok(())
        })?;
    Ok(())
}

/// Text without what XML cannot hold; the rest is escaped where it is written.
fn text(text: &str) -> String {
    visible(text)
        .chars()
        .map(|c| {
            if matches!(c, '\u{fffe}' | '\u{ffff}') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn suite(report: &Report<'_>, tenant: &Judged) -> Suite {
    let assessment = &tenant.assessment;
    let reasons: Vec<String> = assessment
        .errors
        .iter()
        .map(|failure| format!("{}: {} ({})", failure.source, failure.message, failure.help))
        .chain(
            assessment
                .obstacles
                .iter()
                .map(|reason| format!("no verdict: {reason}")),
        )
        .collect();
    let verdict = Case {
        name: "verdict".to_owned(),
        class: assessment.tenant.clone(),
        outcome: (!reasons.is_empty()).then(|| Outcome {
            element: "error",
            kind: tenant.conclusion.verdict.name().to_owned(),
            message: reasons.join("; "),
        }),
        out: String::new(),
    };
    let findings = assessment.findings.iter();
    let cases = findings.map(|finding| case(report, finding, Some(tenant)));
    Suite {
        name: assessment.tenant.clone(),
        cases: std::iter::once(verdict).chain(cases).collect(),
    }
}

fn case(report: &Report<'_>, finding: &Finding, of: Option<&Judged>) -> Case {
    let parts = [
        Some(finding.rule.as_str()),
        finding.connector.as_ref().map(|own| own.name.as_str()),
        finding.property.as_deref(),
    ];
    let name: Vec<&str> = parts.into_iter().flatten().collect();
    let fail_on = of.map_or(report.own_fail_on, |_| report.fail_on);
    let decides = finding.status == Status::Open && finding.decides && finding.severity >= fail_on;
    let aside = aside(finding);
    let tenant = of.map(|judged| judged.assessment.tenant.as_str());
    let key = of.map_or_else(
        || report.own_key(),
        |judged| judged.assessment.key().to_owned(),
    );
    let places: Vec<String> = finding.locations.iter().map(Location::to_string).collect();
    Case {
        name: name.join(" / "),
        class: tenant.unwrap_or("connguard").to_owned(),
        outcome: Some(Outcome {
            element: if decides { "failure" } else { "skipped" },
            kind: finding.severity.name().to_owned(),
            message: format!("{aside}{}: {}", finding.severity, sentence(finding, tenant)),
        }),
        out: format!(
            "fix: {} At: {}. Fingerprint: {}",
            finding.fix,
            places.join(", "),
            finding.fingerprint(&key).hex()
        ),
    }
}
