//! The questions that are put to the service, in the order in which one answer needs the other.

use super::checks::{self, Check, State};
use crate::cli::config::{Exchange, Tenant};
use crate::cli::live::Live;
use crate::exchange::service::Cmdlet;
use crate::exchange::{Endpoints, Fault, Kind, Service};
use serde_json::Value as Json;

/// Looks at a tenant from signing in to its settings.
pub(super) fn examine(live: &Live, tenant: &Tenant, exchange: &Exchange) -> Vec<Check> {
    let mut checks = Vec::new();
    let looked = live.with(tenant, exchange, |service, _| {
        let token = service.token()?;
        checks.push(Check::good("sign-in", exchange.identity.to_string()));
        checks.push(checks::clock(token.skew));
        let is_person = token.claims.upn.is_some();
        let readings = readings(service);
        let reads = readings.iter().all(|check| check.state != State::Broken);
        checks.extend(checks::grants(&token.claims, is_person, reads));
        checks.extend(readings);
        let cmdlets = service.cmdlets();
        checks.push(checks::power(&token.claims, &cmdlets));
        checks.push(checks::apart(exchange));
        let audit = row(service, "Get-AdminAuditLogConfig");
        checks.push(checks::AUDIT_LOG.judge(&audit));
        let organization = row(service, "Get-OrganizationConfig");
        checks.push(checks::DIRECT_SEND.judge(&organization));
        checks.extend(checks::hydrated(&organization));
        Ok(())
    });
    if let Err(fault) = looked {
        let id = if checks.is_empty() {
            "sign-in"
        } else {
            "service"
        };
        checks.push(Check::fault(id, State::Broken, &fault));
        return checks;
    }
    checks.push(checks::alert(&alerts(live, tenant, exchange)));
    checks
}

fn readings(service: &Service<'_>) -> Vec<Check> {
    let rows = |cmdlet: Cmdlet<'_>| Ok(whole(service, &cmdlet)?.len());
    vec![
        checks::reading(
            "connectors",
            true,
            &rows(Cmdlet::all("Get-InboundConnector")),
        ),
        checks::reading(
            "accepted-domains",
            true,
            &rows(Cmdlet::all("Get-AcceptedDomain")),
        ),
        checks::reading(
            "blocked-connectors",
            false,
            &rows(Cmdlet::plain("Get-BlockedConnector")),
        ),
    ]
}

/// The objects that a cmdlet returns, where they are all there are.
fn whole(service: &Service<'_>, cmdlet: &Cmdlet<'_>) -> Result<Vec<Json>, Fault> {
    let answer = service.list(cmdlet)?;
    let doubtful = |message: String| {
        let help = "try again; a warning of the service means that not all was returned";
        Fault::new(Kind::Malformed, cmdlet.name, message, help).after(&answer.requests)
    };
    if let Some(doubt) = answer.doubts.first() {
        return Err(doubtful(doubt.clone()));
    }
    let objects = answer.rows.iter().map(|row| serde_json::from_str(row));
    objects
        .collect::<Result<_, _>>()
        .map_err(|error| doubtful(error.to_string()))
}

/// The one object that a cmdlet returns.
fn row(service: &Service<'_>, cmdlet: &str) -> Result<Json, Fault> {
    let first = whole(service, &Cmdlet::plain(cmdlet))?.into_iter().next();
    first.ok_or_else(|| Fault::new(Kind::Malformed, cmdlet, "it returned nothing", "try again"))
}

/// Alert policies are cmdlets of another service, with a host and a token of its own.
fn alerts(live: &Live, tenant: &Tenant, exchange: &Exchange) -> Result<Vec<Json>, Fault> {
    live.with_endpoints(tenant, exchange, Endpoints::for_compliance, |service, _| {
        whole(service, &Cmdlet::plain("Get-ProtectionAlert"))
    })
}
