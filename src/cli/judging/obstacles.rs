//! Why no tenant of a repository can get a verdict.

use crate::assessment;
use crate::cli::TrustArgs;
use crate::cli::repository::Repository;
use crate::document::Problems;
use crate::policy::PolicyError;
use crate::trust::Refusal;
use crate::trust::header::CLOCK_SKEW;

/// Why no tenant of the repository can get a verdict.
#[derive(Default)]
pub(super) struct Obstacles {
    /// Documents that cannot be believed: no verdict.
    pub reasons: Vec<String>,
    /// Documents that are signed and malformed: an error.
    pub failures: Vec<assessment::Failure>,
    /// The mistakes behind them, to be shown once with their lines.
    pub problems: Option<Problems>,
}

impl Obstacles {
    pub fn without_repository() -> Self {
        Self {
            reasons: vec![
                "there is no audit repository, so nothing says what was approved".to_owned(),
            ],
            ..Self::default()
        }
    }
}

/// `clock` is why the time of the run cannot be believed, if it cannot.
pub(super) fn obstacles(repository: &Repository, clock: Option<String>) -> Obstacles {
    let mut obstacles = Obstacles::default();
    match &repository.trust {
        Err(refusal) => obstacles.refused(refusal),
        Ok(trust) => obstacles.reasons.extend(trust.obstacle()),
    }
    obstacles.reasons.extend(clock);
    match &repository.policy {
        Some(Err(PolicyError::Refused(refusal))) => obstacles.refused(refusal),
        Some(Err(error @ PolicyError::Malformed(problems))) => {
            obstacles
                .failures
                .extend(failures_of(problems, &error.help()));
            obstacles.problems = Some(problems.clone());
        }
        _ => {}
    }
    obstacles
}

impl Obstacles {
    fn refused(&mut self, refusal: &Refusal) {
        self.reasons.push(format!("{refusal} → {}", refusal.help()));
        if let Refusal::Malformed(problems) = refusal {
            self.problems = Some(problems.clone());
        }
    }
}

pub(super) fn failures_of(problems: &Problems, help: &str) -> Vec<assessment::Failure> {
    let failure = |problem: &crate::document::Problem| assessment::Failure {
        source: problem.place(),
        message: problem.message.clone(),
        help: problem.help.clone().unwrap_or_else(|| help.to_owned()),
    };
    problems.iter().map(failure).collect()
}

/// Keys and documents count in their time only, so a clock that runs behind an earlier run's proves nothing.
pub(super) fn clock_set_back(repository: &Repository, arguments: &TrustArgs) -> Option<String> {
    let seen = repository.state.as_ref()?.memory.clock()?;
    let now = arguments.now();
    let back = arguments.now.is_none() && seen.duration_since(now) > CLOCK_SKEW;
    back.then(|| format!("the clock says {now}, and an earlier run saw {seen}: it was set back; if it was that run's clock that was wrong, correct `clock` in the state file"))
}
