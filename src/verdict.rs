//! Assessments → verdict → exit code. Reads assessments and nothing else.
//!
//! The exit code answers the first of these that holds, for one tenant and over
//! several: an attack (14, 13) is never masked by a time-out, an error (1) or a
//! missing verdict (3) is never hidden by a mild finding (12, 11).

use crate::assessment::Assessment;
use crate::finding::{Finding, Severity, Status};

/// What a run says of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything was compared, and nothing that counts was found.
    Clean,
    /// Something that counts was found.
    Drift,
    /// There is nothing trustworthy to compare.
    NotCompared,
    /// The run failed.
    Error,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Clean, Self::Drift, Self::NotCompared, Self::Error];

    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Drift => "drift",
            Self::NotCompared => "not-compared",
            Self::Error => "error",
        }
    }
}

/// The exit codes of runs, the worst first.
const WORST_FIRST: [u8; 7] = [14, 13, 1, 3, 12, 11, 0];

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code.
    pub exit_code: u8,
}

/// Judges one assessment.
pub fn of_tenant(assessment: &Assessment, fail_on: Severity) -> Conclusion {
    let findings = code_of_findings(&assessment.findings, fail_on);
    let mut codes = vec![findings];
    let mut verdict = if findings == 0 {
        Verdict::Clean
    } else {
        Verdict::Drift
    };
    if !assessment.obstacles.is_empty() {
        codes.push(3);
        verdict = Verdict::NotCompared;
    }
    if !assessment.errors.is_empty() {
        codes.push(1);
        verdict = Verdict::Error;
    }
    Conclusion {
        verdict,
        exit_code: worst(&codes),
    }
}

/// Judges a whole run: its tenants, and the findings of the run itself.
pub fn of_run(tenants: &[Conclusion], findings: &[Finding], fail_on: Severity) -> Conclusion {
    let own = code_of_findings(findings, fail_on);
    let mut codes: Vec<u8> = tenants.iter().map(|tenant| tenant.exit_code).collect();
    codes.push(own);
    let of_tenants = tenants.iter().map(|tenant| tenant.verdict).max();
    let of_itself = if own == 0 {
        Verdict::Clean
    } else {
        Verdict::Drift
    };
    // A run over no tenants has looked at nothing.
    let verdict = of_tenants.map_or(Verdict::NotCompared, |verdict| verdict.max(of_itself));
    if tenants.is_empty() {
        codes.push(3);
    }
    Conclusion {
        verdict,
        exit_code: worst(&codes),
    }
}

fn code_of_findings(findings: &[Finding], fail_on: Severity) -> u8 {
    let counted = findings.iter().filter(|finding| {
        finding.status == Status::Open && finding.severity >= fail_on && finding.decides
    });
    match counted.map(|finding| finding.severity).max() {
        None | Some(Severity::Info) => 0,
        Some(Severity::Low) => 11,
        Some(Severity::Medium) => 12,
        Some(Severity::High) => 13,
        Some(Severity::Critical) => 14,
    }
}

/// The worst of several exit codes.
pub fn worst(codes: &[u8]) -> u8 {
    WORST_FIRST
        .into_iter()
        .find(|code| codes.contains(code))
        .unwrap_or(1)
}
