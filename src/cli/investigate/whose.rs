//! Whose evidence it is: the organization, its tenant in the audit repository, and what was approved for it.

use super::InvestigateArgs;
use crate::baseline::Baseline;
use crate::cli::Failure;
use crate::cli::config::Tenant;
use crate::cli::console::Console;
use crate::cli::fetch::one_tenant;
use crate::cli::repository::Repository;
use crate::cli::targets::{From, name_of};
use crate::evidence::Configuration;
use crate::evidence::audit::AuditLog;
use crate::snapshot::{Organization, Snapshot};

/// The organization that evidence is of.
pub(super) struct Owner {
    /// Its tenant, or a name made from what it is called.
    pub tenant: String,
    /// The organization.
    pub organization: Organization,
    /// Whether it is a tenant of the audit repository.
    pub in_repository: bool,
    /// What was approved for it; `None` where nothing is verified.
    pub baseline: Option<Baseline>,
}

/// Whether files alone are looked at, of a tenant that nobody named: they say themselves whose they are.
fn files_say(arguments: &InvestigateArgs) -> bool {
    let paths = |own: &From| matches!(own, From::Path(_));
    arguments.tenant.is_none()
        && !arguments.from.is_empty()
        && arguments.from.iter().all(paths)
        && !arguments.hunt
}

/// The tenant that was named, or the only one of the audit repository; `None` where files are to say it.
pub(super) fn named<'r>(
    arguments: &InvestigateArgs,
    repository: Option<&'r Repository>,
) -> Result<Option<(&'r str, &'r Tenant)>, Failure> {
    match repository {
        Some(repository) if !files_say(arguments) => {
            one_tenant(&repository.config, arguments.tenant.as_deref()).map(Some)
        }
        _ => Ok(None),
    }
}

/// The organization that everything read is of, as a tenant of the audit repository where it is one.
pub(super) fn owner(
    named: Option<(&str, &Tenant)>,
    repository: Option<&Repository>,
    configuration: &Configuration,
    snapshots: &[Snapshot],
    console: &Console,
) -> Result<Owner, Failure> {
    let organization = organization(configuration, snapshots, named.map(|(_, own)| own))?;
    let tenant = named.or_else(|| repository.and_then(|own| tenant_of(own, &organization)));
    if tenant.is_none() && repository.is_some() {
        console
            .note("the evidence is of no tenant of this audit repository: nothing of the repository is used");
    }
    let Some((name, tenant)) = tenant else {
        return Ok(Owner {
            tenant: name_of(&organization),
            organization,
            in_repository: false,
            baseline: None,
        });
    };
    let organization = self::organization(configuration, snapshots, Some(tenant))?;
    Ok(Owner {
        tenant: name.to_owned(),
        in_repository: true,
        baseline: baseline(repository, name, &organization, console),
        organization,
    })
}

/// The tenant whose organization files name.
fn tenant_of<'r>(
    repository: &'r Repository,
    organization: &Organization,
) -> Option<(&'r str, &'r Tenant)> {
    let tenants = repository.config.tenants.iter();
    tenants
        .filter(|(_, tenant)| tenant.organization.confirms(organization))
        .map(|(name, tenant)| (name.as_str(), tenant))
        .next()
}

/// Whose evidence it is. Files of two organizations are not one case.
fn organization(
    configuration: &Configuration,
    snapshots: &[Snapshot],
    tenant: Option<&Tenant>,
) -> Result<Organization, Failure> {
    let mut known = tenant
        .map(|own| own.organization.clone())
        .unwrap_or_default();
    let all = configuration
        .exports
        .iter()
        .map(|own| &own.snapshot)
        .chain(snapshots);
    for snapshot in all {
        let own = &snapshot.organization;
        if let Some(contradiction) = known.contradiction(own) {
            return Err(Failure::run(
                format!(
                    "{} is of another organization: {contradiction}",
                    snapshot.origin
                ),
                "investigate one organization at a time: leave the files of others out",
            ));
        }
        known.tenant_id = known.tenant_id.or_else(|| own.tenant_id.clone());
        known.domain = known.domain.or_else(|| own.domain.clone());
    }
    Ok(known)
}

/// A log of another organization would say of this one that nothing was done.
pub(super) fn is_log_of(log: &AuditLog, organization: &Organization) -> Result<(), Failure> {
    let ids: Vec<&str> = log
        .organizations
        .iter()
        .filter(|own| crate::connector::parse_guid(own).is_some())
        .map(String::as_str)
        .collect();
    let own = organization
        .tenant_id
        .as_deref()
        .map(str::to_ascii_lowercase);
    let foreign = ids.iter().find(|id| match &own {
        Some(own) => own != *id,
        None => ids.first() != Some(id),
    });
    match foreign {
        None => Ok(()),
        Some(id) => Err(Failure::run(
            format!("the audit log has records of another organization, {id}"),
            "investigate one organization at a time: leave the files of others out",
        )),
    }
}

/// The verified baseline of the organization; without one what was there first is the guide, and the report says so.
fn baseline(
    repository: Option<&Repository>,
    tenant: &str,
    organization: &Organization,
    console: &Console,
) -> Option<Baseline> {
    let repository = repository?;
    let trust = match &repository.trust {
        Ok(trust) => trust,
        Err(refusal) => {
            console.note(&format!("no baseline is used: {refusal}"));
            return None;
        }
    };
    match Baseline::open(&repository.content, tenant, trust) {
        Ok(baseline) => {
            match baseline.approved.organization.contradiction(organization) {
                None => Some(baseline),
                Some(contradiction) => {
                    console.note(&format!("no baseline is used: the evidence is of another organization, {contradiction}"));
                    None
                }
            }
        }
        Err(error) => {
            console.note(&format!("no baseline is used: {error}"));
            None
        }
    }
}
