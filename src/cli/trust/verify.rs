//! `trust verify`: who signed root, policy and manifest, and what is missing.

use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::status::{self, Shown, Status};
use crate::cli::{Common, Outcome, TrustArgs};
use crate::digest::Digest;
use crate::trust::{Duty, Refusal, Rollback, SignedFile, manifest, root};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct TrustVerifyArgs {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn verify(common: &Common, arguments: &TrustVerifyArgs, console: &Console) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    let trust = match &repository.trust {
        Ok(trust) => trust,
        Err(refusal) => {
            return status::show(
                &[Status::refused(root::PATH, "root", refusal)],
                arguments.format,
                console,
            );
        }
    };
    let mut list = Vec::new();
    let mut file =
        |path: &str, duty: Duty<'_>, header: &crate::trust::Header, digest: Digest, rollback| {
            let threshold = trust.root().grant(duty).map_or(0, |grant| grant.threshold);
            let status = SignedFile::load(&repository.folder, path)
                .map_err(Refusal::from)
                .and_then(|file| trust.verify(duty, &file));
            list.push(match status {
                Ok(signers) => Status::verified(
                    path,
                    duty.role(),
                    header,
                    digest,
                    (&signers, threshold),
                    rollback,
                    now,
                ),
                Err(refusal) => Status::refused(path, duty.role(), &refusal),
            });
        };
    file(
        root::PATH,
        Duty::Root,
        &trust.root().header,
        trust.digest(),
        trust.rollback(),
    );
    if let Some(policy) = repository.verified_policy() {
        file(
            crate::policy::PATH,
            Duty::Policy,
            &policy.document.header,
            policy.digest,
            policy.rollback,
        );
    }
    if let Ok(Some(manifest)) = trust.manifest() {
        for tenant in manifest.entries.keys().take(1) {
            file(
                manifest::PATH,
                Duty::Baseline(tenant),
                &manifest.header,
                manifest.digest,
                Rollback::NotChecked,
            );
        }
    }
    if let Some(Err(error)) = &repository.policy {
        list.push(match error {
            crate::policy::PolicyError::Refused(refusal) => {
                Status::refused(crate::policy::PATH, "policy", refusal)
            }
            error => Status::broken(
                crate::policy::PATH,
                "policy",
                error.to_string(),
                error.help(),
            ),
        });
    }
    if let Err(refusal) = trust.manifest() {
        list.push(Status::refused(manifest::PATH, "baseline", refusal));
    }
    if arguments.format == Shown::Human {
        for (version, digest) in trust.chain() {
            console.detail(&format!("root version {version}: {digest}"));
        }
        if trust.floor().is_none() {
            console.note("the root vouches for itself: nothing is pinned or remembered");
        }
    }
    status::show(&list, arguments.format, console)
}
