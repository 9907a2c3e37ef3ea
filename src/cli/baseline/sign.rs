//! `baseline sign`: what a version changes, and the signature; the first one is proposed on the way.

use super::propose::{Asked, SourceArgs, Work};
use super::{fleet, keyring, parse, tenants, title, version_before};
use crate::cli::console::Console;
use crate::cli::repository::Repository;
use crate::cli::sign::{self as signing, SignArgs, Task};
use crate::cli::{Common, Failure, Outcome, TrustArgs};
use crate::review::of_baseline;
use crate::trust::{Duty, Keyring, Route};
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct BaselineSignArgs {
    /// The tenant
    tenant: Vec<String>,
    /// Sign every tenant's baseline by one signature over baselines/manifest.yaml
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn sign_all(
    common: &Common,
    arguments: &BaselineSignArgs,
    console: &Console,
) -> Outcome {
    let repository = Repository::needed(common, &arguments.trust, console)?;
    let now = arguments.trust.now();
    if arguments.all {
        return fleet::sign(&repository, &arguments.sign, now, console);
    }
    let names = tenants(&repository, &arguments.tenant, false)?;
    let mut code = 0;
    for name in &names {
        let work = Work {
            repository: &repository,
            tenant: name,
            now,
            console,
        };
        code = code.max(sign_one(&work, arguments)?);
    }
    Ok(code)
}

fn sign_one(work: &Work<'_>, arguments: &BaselineSignArgs) -> Outcome {
    one(work, &arguments.source, &arguments.sign)
}

/// Shows what a tenant's baseline approves, and signs it; without one, the first is proposed.
pub(in crate::cli) fn one(work: &Work<'_>, source: &SourceArgs, sign: &SignArgs) -> Outcome {
    let console = work.console;
    let trust = work.repository.verified_root()?;
    let keyring = keyring(work.repository)?;
    let drafted = work.read()?.is_none();
    if drafted {
        // The first baseline of a small team: what is there, approved as found.
        let found = format!("approved as found, {}", work.now.strftime("%Y-%m-%d"));
        let source = SourceArgs {
            live: source.live.clone(),
            from: source.from.clone(),
            owner: source
                .owner
                .clone()
                .or_else(|| Some(first_holder(&keyring, work.tenant))),
            reason: source.reason.clone().or(Some(found)),
        };
        work.propose(&Asked {
            source: &source,
            expires: work.usual_end(false),
            acceptances: false,
            lists: false,
            // The question before the signature shows it.
            explained: false,
        })?;
    }
    let path = work.path();
    let text = work.read()?.unwrap_or_default();
    let approved = parse(&path, &text)?;
    if approved.tenant != work.tenant {
        return Err(Failure::run(
            format!("{path} is the baseline of {:?}", approved.tenant),
            "restore the tenant's own baseline",
        ));
    }
    let before = version_before(work.repository, &path, &approved, console)?;
    let task = Task {
        folder: &work.repository.folder,
        path: &path,
        bytes: text.as_bytes(),
        duties: vec![Duty::Baseline(work.tenant)],
        keyrings: vec![&keyring],
        now: work.now,
    };
    let mut lines = of_baseline(before.as_ref(), &approved).sorted();
    signing::warn(
        &mut lines,
        trust,
        &task,
        &approved.key(Route::Signed),
        &approved.header,
    )?;
    signing::sign(
        &task,
        sign,
        &title(&path, before.as_ref(), &approved),
        &lines,
        console,
    )
    .inspect(|code| {
        // A draft that was made for this question and declined is not left lying about to be signed later.
        if drafted && *code != 0 {
            let _ = std::fs::remove_file(work.repository.folder.join(&path));
        }
    })
}

/// Who answers for the first baseline where nobody was named.
fn first_holder(keyring: &Keyring, tenant: &str) -> String {
    let grant = keyring.root.grant(Duty::Baseline(tenant));
    grant
        .and_then(|grant| grant.principals.first().cloned())
        .unwrap_or_default()
}
