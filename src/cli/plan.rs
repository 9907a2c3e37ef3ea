//! `connguard plan`: what is there, judged, and the steps to what was approved.

use super::check::{limited, write_report};
use super::console::Console;
use super::judging::{Judging, Looked};
use super::repository::Repository;
use super::targets::{Selection, Target, targets};
use super::{Common, Failure, Outcome, TrustArgs, parse_report};
use crate::hostile_text::visible;
use crate::parallel::in_parallel_by;
use crate::plan::{Plan, Purpose, Request, exceeded, inverse, make, on_premises, wire};
use crate::report::Judged;
use crate::report::plan::{PlanFormat, render};
use clap::Args;
use std::path::{Path, PathBuf};

pub(super) const AFTER_HELP: &str = "\
Exit codes:
  0   there is nothing to do
  1   the run could not be done; the message says what and where
  2   the command line does not fit
  3   no plan: the snapshot is incomplete or stale, a document is not verified, or the plan
      exceeds the limits of the policy
  10  there are steps to carry out
With --report the plan that undoes this one is written beside each file, as NAME.inverse.EXT.";

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    selection: Selection,
    /// Only stop what widened: the fast first half of an incident
    #[arg(long)]
    contain: bool,
    /// Format of standard output
    #[arg(long, value_enum, default_value_t = PlanFormat::Human)]
    format: PlanFormat,
    /// Also write the plan to a file, and the one that undoes it beside it; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_report::<PlanFormat>)]
    report: Vec<(PlanFormat, PathBuf)>,
    /// Let a plan pass that exceeds the policy's limits: say how many connectors it changes
    #[arg(long, value_name = "N")]
    changes: Option<usize>,
    /// Show a plan that was written as JSON, however old it is; its digest is checked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["contain", "changes", "tenant", "from", "taken_at"])]
    show: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Whether there are steps to carry out.
const STEPS: u8 = 10;

pub(super) fn run(common: &Common, arguments: &PlanArgs, console: &Console) -> Outcome {
    if let Some(path) = &arguments.show {
        if asks_for_one(arguments) {
            return Err(Failure::Usage(
                "a script is made from a verified baseline and never from a file: run connguard plan"
                    .to_owned(),
            ));
        }
        let plans = read(path)?;
        console.note("the file is whole, and nothing in it was verified: whoever wrote it chose every step, and whom it calls a signer");
        return show(arguments, &plans, true, console);
    }
    let repository = Repository::found(common, &arguments.trust, console)?;
    let mut alone = None;
    let judging = Judging::new(
        console,
        (&arguments.selection, &arguments.trust),
        Some(&repository),
        &mut alone,
        None,
    )?;
    let targets = targets(Some(&repository), &arguments.selection)?;
    if targets.len() > 1 && asks_for_one(arguments) {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "a script is for one organization: name it with --tenant; there are {}",
            names.join(", ")
        )));
    }
    let mut plans = Vec::new();
    let mut judged = Vec::new();
    let mut code = 0;
    let purpose = if arguments.contain {
        Purpose::Contain
    } else {
        Purpose::Revert
    };
    let all = in_parallel_by(judging.workers(&targets), &targets, |target| {
        let looked = judging.look(target);
        let verdict = judging.judge(target, &looked);
        let allowed = |touched: usize| arguments.changes == Some(touched);
        let made = plan(&judging, target, (&looked, &verdict), purpose, &allowed);
        (made, verdict)
    });
    for (made, verdict) in all {
        match made {
            Ok(plan) => plans.push(plan),
            Err(failure) => {
                console.failure(&failure);
                code = worst(code, failure.exit_code());
            }
        }
        judged.push(verdict);
    }
    let whole = code == 0;
    if !whole && !arguments.report.is_empty() {
        console.note("no file was written: a tenant in scope has no plan");
    }
    let shown = show(arguments, &plans, whole, console)?;
    let judged: Vec<&Judged> = judged.iter().collect();
    judging.remember(&judged, None)?;
    Ok(worst(code, shown))
}

fn asks_for_one(arguments: &PlanArgs) -> bool {
    let asked = arguments.report.iter().map(|(format, _)| *format);
    asked
        .chain([arguments.format])
        .any(|format| format == PlanFormat::Powershell)
}

/// An error before no plan, no plan before steps, steps before nothing.
fn worst(one: u8, other: u8) -> u8 {
    [1, 3, STEPS]
        .into_iter()
        .find(|code| [one, other].contains(code))
        .unwrap_or(0)
}

/// The plan of a tenant; where there is no verdict there is none. `allowed` says of one that exceeds the limits,
/// by the number of connectors that it changes, whether it may pass.
pub(super) fn plan(
    judging: &Judging<'_>,
    target: &Target<'_>,
    (looked, judged): (&Looked, &Judged),
    purpose: Purpose,
    allowed: &dyn Fn(usize) -> bool,
) -> Result<Plan, Failure> {
    let tenant = &target.name;
    let assessment = &judged.assessment;
    if let Some(failure) = assessment.errors.first() {
        return Err(Failure::run(
            format!(
                "no plan for {tenant}: {}: {}",
                failure.source, failure.message
            ),
            failure.help.clone(),
        ));
    }
    let refused = |message: String, help: &str| Failure::Refused {
        message,
        help: help.to_owned(),
    };
    if !assessment.obstacles.is_empty() {
        return Err(refused(
            format!(
                "no plan for {tenant}, as there is no verdict: {}",
                assessment.obstacles.join("; ")
            ),
            "a plan needs a complete snapshot of now and a verified baseline; connguard check says more",
        ));
    }
    let repository = judging.repository.and_then(|repository| {
        Some((
            repository.trust.as_ref().ok()?,
            repository.verified_policy()?,
        ))
    });
    let (Some((trust, policy)), Some(Ok(baseline)), Ok(Some(observed))) =
        (repository, &looked.baseline, &looked.observed)
    else {
        return Err(refused(
            format!("no plan for {tenant}: there is no verified baseline to lead to"),
            "connguard check says what is missing",
        ));
    };
    let warnings = trust.floor().is_none().then(|| {
        format!("The root was not compared with a pin: whoever can write to the audit repository could have replaced what was approved. If {} is the root you trust, give it with --root.", trust.digest())
    });
    let plan = make(&Request {
        purpose,
        tenant,
        baseline,
        snapshot: &observed.snapshot,
        findings: &assessment.findings,
        key: assessment.key(),
        may_be_absent: &policy.document.may_be_absent,
        root: trust.digest(),
        limits: policy.document.plan,
        warnings: warnings.into_iter().collect(),
        now: judging.now,
    })
    .map_err(|reason| {
        refused(
            format!("no plan for {tenant}: {reason}"),
            "export again with the script from `connguard fetch --script`",
        )
    })?;
    let excess = exceeded(
        &policy.document.plan,
        &plan,
        &on_premises(&observed.snapshot, baseline),
    );
    match excess {
        Some(excess) if !allowed(excess.touched) => Err(refused(
            format!(
                "the plan for {tenant} exceeds the limits of the policy: {}",
                excess.reasons.join("; ")
            ),
            &format!(
                "find out why so much differs: is it the right baseline? If the plan is meant, say how many connectors it changes: --changes {}; to allow it for good, have `plan: {{ max_share: … }}` of the policy signed",
                excess.touched
            ),
        )),
        _ => Ok(plan),
    }
}

/// Shows plans; files are written only where every tenant in scope has one.
fn show(arguments: &PlanArgs, plans: &[Plan], whole: bool, console: &Console) -> Outcome {
    let now = arguments.trust.now();
    let all: Vec<&Plan> = plans.iter().collect();
    if !all.is_empty() {
        console.result(&render(&all, arguments.format, now))?;
    }
    let mut code = if plans.iter().all(|plan| plan.steps.is_empty()) {
        0
    } else {
        STEPS
    };
    let undone: Vec<Plan> = plans.iter().map(inverse).collect();
    let undone: Vec<&Plan> = undone.iter().collect();
    for (format, path) in arguments.report.iter().filter(|_| whole) {
        // Of a plan that undoes one there is nothing to be written beside it.
        let is_inverse = plans.iter().any(|plan| plan.purpose == Purpose::Inverse);
        let beside = (!is_inverse).then(|| (beside(path), &undone));
        for (path, plans) in [(path.clone(), &all)].into_iter().chain(beside) {
            let text = render(plans, *format, now);
            let text = anstream::adapter::strip_str(&text).to_string();
            match write_report(&path, &text) {
                Ok(()) => console.note(&format!("wrote {}", path.display())),
                Err(failure) => {
                    console.failure(&failure);
                    code = worst(code, failure.exit_code());
                }
            }
        }
    }
    Ok(code)
}

/// `plan.json` → `plan.inverse.json`
fn beside(path: &Path) -> PathBuf {
    let extension = path.extension().map_or_else(
        || "inverse".to_owned(),
        |extension| format!("inverse.{}", extension.to_string_lossy()),
    );
    path.with_extension(extension)
}

/// The largest plan that is read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads plans from a file.
pub(super) fn read(path: &Path) -> Result<Vec<Plan>, Failure> {
    let shown = visible(&path.to_string_lossy());
    let failed = |reason: String| {
        Failure::run(
            format!("{shown} cannot be shown as a plan: {reason}"),
            "name a file that `connguard plan --format json` wrote",
        )
    };
    let text = limited(path, LARGEST).map_err(failed)?;
    wire::read_all(&text).map_err(failed)
}
