//! A step as a cmdlet of Exchange.

use crate::connector::Guid;
use crate::exchange::service::Cmdlet;
use crate::plan::{Action, Step};
use serde_json::{Map, Value as Json};

/// The cmdlet of a step. A connector is named by its id, never by a name that somebody chose.
///
/// `Get-InboundConnector -Identity` answers an unknown name with every connector, so
/// nothing here is ever looked up by the service.
pub(super) fn of(step: &Step, id: Option<&Guid>) -> Option<Cmdlet<'static>> {
    let mut parameters = Map::new();
    let name = match step.action {
        Action::Create => {
            let name = step.connector.as_ref()?.name.clone();
            parameters.insert("Name".to_owned(), Json::String(name));
            "New-InboundConnector"
        }
        Action::Disable | Action::Set | Action::Rename => "Set-InboundConnector",
        Action::Remove => "Remove-InboundConnector",
        Action::Manual => return None,
    };
    if step.action != Action::Create {
        parameters.insert("Identity".to_owned(), Json::String(id?.clone()));
    }
    if step.action != Action::Remove {
        for assignment in &step.settings {
            let property = assignment.property;
            parameters.insert(
                property.name().to_owned(),
                assignment.after.as_sent(property),
            );
        }
    }
    Some(Cmdlet {
        name,
        parameters: Json::Object(parameters),
    })
}

/// The same with lists emptied by `[]`, where the service does not take `null`; none where it makes no difference.
pub(super) fn with_empty_lists(step: &Step, id: Option<&Guid>) -> Option<Cmdlet<'static>> {
    let mut cmdlet = of(step, id)?;
    let parameters = cmdlet.parameters.as_object_mut()?;
    let mut changed = false;
    for assignment in step
        .settings
        .iter()
        .filter(|own| own.property.kind().is_list())
    {
        if let Some(value) = parameters.get_mut(assignment.property.name())
            && value.is_null()
        {
            *value = Json::Array(Vec::new());
            changed = true;
        }
    }
    changed.then_some(cmdlet)
}
