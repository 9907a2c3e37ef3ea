//! The cmdlets around connectors: domains, blocks, settings, rules and alerts.

use super::{
    arguments::Arguments,
    cmdlets::Call,
    record::{self, Record, text},
    refusal::Refusal,
    tenant::{self, Records},
};
use serde_json::Value;
use std::sync::Arc;

/// `Get-AcceptedDomain`.
pub fn domains(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    chosen(&call.visible().domains, call, arguments)
}

/// `Get-TransportRule`.
pub fn rules(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    chosen(&call.visible().rules, call, arguments)
}

/// `Get-ProtectionAlert`.
pub fn alerts(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    chosen(&call.visible().alerts, call, arguments)
}

/// `Get-OrganizationConfig`.
pub fn organization(call: &Call, _: &Arguments) -> Result<Records, Refusal> {
    Ok(call.visible().organization.clone())
}

/// `Get-AdminAuditLogConfig`.
pub fn audit(call: &Call, _: &Arguments) -> Result<Records, Refusal> {
    Ok(call.visible().audit.clone())
}

/// All objects, or the one that is asked for.
fn chosen(all: &Records, call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let Some(identity) = arguments.text("Identity") else {
        return Ok(all.clone());
    };
    let mut all = all.iter();
    all.find(|record| record::is(record, identity))
        .map(|record| vec![Arc::clone(record)])
        .ok_or_else(|| Refusal::not_found(identity, &call.tenant.place.forest))
}

/// `Set-OrganizationConfig`.
pub fn set_organization(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    call.write(|data| {
        for config in &mut data.organization {
            arguments.apply(Arc::make_mut(config));
        }
        Ok(Vec::new())
    })
}

fn blocks(record: &Record, connector: &str) -> bool {
    text(record, "ConnectorId").is_some_and(|id| id.eq_ignore_ascii_case(connector))
}

/// `Get-BlockedConnector`.
pub fn blocked(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let mut all = call.visible().blocked.clone();
    if let Some(id) = arguments.text("ConnectorId") {
        all.retain(|record| blocks(record, id));
    }
    Ok(all)
}

/// `Remove-BlockedConnector`.
pub fn unblock(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let id = arguments.needed("ConnectorId")?;
    call.write(|data| {
        let before = data.blocked.len();
        data.blocked.retain(|record| !blocks(record, id));
        match data.blocked.len() < before {
            true => Ok(Vec::new()),
            false => Err(Refusal::not_found(id, &call.tenant.place.forest)),
        }
    })
}

/// `New-TransportRule`, for what hides a connector's traces: no condition is understood.
pub fn new_rule(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let name = arguments.needed("Name")?;
    let mut record = Record::default();
    for key in [
        "Name",
        "Comments",
        "RemoveHeader",
        "SetHeaderName",
        "SetHeaderValue",
        "RouteMessageOutboundConnector",
    ] {
        if let Some(value) = arguments.text(key) {
            record.insert(key.to_owned(), value.into());
        }
    }
    if arguments.get("Enabled").is_some() && !arguments.is_set("Enabled") {
        record.insert("State".to_owned(), "Disabled".into());
    }
    record.insert("SenderIpRanges".to_owned(), Value::Array(Vec::new()));
    record.insert("Guid".to_owned(), call.new_id.clone().into());
    arguments.apply(&mut record);
    call.write(|data| {
        if data.rules.iter().any(|rule| record::is(rule, name)) {
            return Err(Refusal::exists(name));
        }
        record.insert("Priority".to_owned(), data.rules.len().into());
        record::touch(&mut record, call.now, true);
        let record = Arc::new(tenant::rule(record, &call.tenant.place));
        data.rules.push(Arc::clone(&record));
        Ok(vec![record])
    })
}

/// `Remove-TransportRule`.
pub fn remove_rule(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let identity = arguments.needed("Identity")?;
    call.write(|data| {
        let before = data.rules.len();
        data.rules.retain(|rule| !record::is(rule, identity));
        match data.rules.len() < before {
            true => Ok(Vec::new()),
            false => Err(Refusal::not_found(identity, &call.tenant.place.forest)),
        }
    })
}
