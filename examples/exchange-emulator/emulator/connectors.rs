//! The cmdlets of inbound connectors.

use super::{
    arguments::Arguments,
    cmdlets::Call,
    record::{self, Record, flag, text},
    refusal::Refusal,
    tenant::{Data, Records},
    validate,
};
use std::sync::Arc;

/// `Get-InboundConnector`. An identity that is null or unknown gives all, as the real one does.
pub fn get(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let all = call.visible().connectors.clone();
    let wanted = arguments.text("Identity");
    let found = all
        .iter()
        .find(|record| wanted.is_some_and(|wanted| record::is(record, wanted)));
    Ok(found.map(|record| vec![Arc::clone(record)]).unwrap_or(all))
}

/// `New-InboundConnector`. A name counts as taken from the moment it is written, seen or not.
pub fn new(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let name = arguments.needed("Name")?;
    let place = &call.tenant.place;
    let mut record = record::complete_connector(Record::default(), place);
    for key in ["Guid", "ExchangeObjectId"] {
        record.insert(key.to_owned(), call.new_id.clone().into());
    }
    record.insert("SenderDomains".to_owned(), Vec::<String>::new().into());
    arguments.apply(&mut record);
    record::rename(&mut record, name, place);
    if arguments.get("RequireTls").is_none() {
        let by_address =
            validate::on_premises(&record) && text(&record, "TlsSenderCertificateName").is_none();
        record.insert("RequireTls".to_owned(), (!by_address).into());
    }
    validate::connector(&record)?;
    if call.options.prohibit_on_premises && validate::on_premises(&record) {
        return Err(Refusal::prohibited());
    }
    if call.options.create_disabled {
        record.insert("Enabled".to_owned(), false.into());
    }
    record::touch(&mut record, call.now, true);
    call.write(|data| {
        refuse_taken(data, name, None)?;
        let record = Arc::new(record);
        data.connectors.push(Arc::clone(&record));
        Ok(vec![record])
    })
}

/// `Set-InboundConnector`. The whole object has to be valid afterwards, not only what is set.
pub fn set(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let identity = arguments.needed("Identity")?;
    let name = match arguments.get("Name") {
        Some(_) => Some(arguments.needed("Name")?),
        None => None,
    };
    call.write(|data| {
        let old = find(data, identity, call)?;
        let mut record = Record::clone(&old);
        let renaming = name.filter(|name| text(&old, "Name") != Some(*name));
        let identity = record.get("Identity").cloned().unwrap_or_default();
        arguments.apply(&mut record);
        record.insert("Identity".to_owned(), identity);
        if let Some(name) = renaming {
            refuse_taken(data, name, Some(&old))?;
            record::rename(&mut record, name, &call.tenant.place);
        }
        validate::connector(&record)?;
        let grants = |record: &Record| validate::on_premises(record) && flag(record, "Enabled");
        if call.options.prohibit_on_premises && grants(&record) && !grants(&old) {
            return Err(Refusal::prohibited());
        }
        record::touch(&mut record, call.now, false);
        let record = Arc::new(record);
        for entry in &mut data.connectors {
            if Arc::ptr_eq(entry, &old) {
                *entry = Arc::clone(&record);
            }
        }
        Ok(Vec::new())
    })
}

/// `Remove-InboundConnector`.
pub fn remove(call: &Call, arguments: &Arguments) -> Result<Records, Refusal> {
    let identity = arguments.needed("Identity")?;
    call.write(|data| {
        let old = find(data, identity, call)?;
        data.connectors.retain(|entry| !Arc::ptr_eq(entry, &old));
        Ok(Vec::new())
    })
}

fn find(data: &Data, identity: &str, call: &Call) -> Result<Arc<Record>, Refusal> {
    let mut all = data.connectors.iter();
    all.find(|record| record::is(record, identity))
        .cloned()
        .ok_or_else(|| Refusal::not_found(identity, &call.tenant.place.forest))
}

fn refuse_taken(data: &Data, name: &str, but: Option<&Arc<Record>>) -> Result<(), Refusal> {
    let taken = data
        .connectors
        .iter()
        .filter(|entry| !but.is_some_and(|but| Arc::ptr_eq(entry, but)))
        .filter_map(|entry| text(entry, "Name"))
        .any(|other| other.to_lowercase() == name.to_lowercase());
    match taken {
        true => Err(Refusal::exists(name)),
        false => Ok(()),
    }
}
