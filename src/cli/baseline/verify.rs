//! `baseline verify`: who signed each baseline, and what is missing.

use super::tenants;
use crate::baseline::{self, Baseline, BaselineError};
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::status::{self, Shown, Status};
use crate::cli::{Common, Outcome, TrustArgs};
use crate::trust::Route;
use clap::Args;
use jiff::Timestamp;

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The tenants [default: all]
    tenant: Vec<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn verify(common: &Common, arguments: &VerifyArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let names = tenants(&repository, &arguments.tenant, true)?;
    let trust = match &repository.trust {
        Ok(trust) => trust,
        Err(refusal) => {
            let root = Status::refused(crate::trust::root::PATH, "root", refusal);
            return status::show(&[root], arguments.format, console);
        }
    };
    let now = arguments.trust.now();
    let list: Vec<Status> = names
        .iter()
        .map(
            |name| match Baseline::open(&repository.folder, name, trust) {
                Ok(baseline) => verified(&baseline, now),
                Err(BaselineError::Refused(refusal)) => {
                    Status::refused(&baseline::path(name), "baseline", &refusal)
                }
                Err(error) => Status::broken(
                    &baseline::path(name),
                    "baseline",
                    error.to_string(),
                    error.help(),
                ),
            },
        )
        .collect();
    status::show(&list, arguments.format, console)
}

fn verified(baseline: &Baseline, now: Timestamp) -> Status {
    let approval = baseline.approval();
    let (role, way) = match approval.route {
        Route::Signed => ("baseline", "signatures"),
        Route::Manifest => ("baseline", "manifest"),
        Route::Emergency => ("emergency", "emergency role"),
    };
    let status = Status::verified(
        &baseline.path,
        role,
        &baseline.approved.header,
        baseline.digest,
        (&approval.signers, approval.threshold),
        baseline.rollback,
        now,
    );
    Status {
        approved_by: Some(way),
        ..status
    }
}
