//! Why the service refuses a call, in the shape in which it says so.

use super::chance;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// An error of a cmdlet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The .NET type of the exception.
    pub kind: String,
    /// What is wrong.
    pub text: String,
}

impl Refusal {
    fn new(kind: &str, text: String) -> Self {
        let kind = kind.to_owned();
        Self { kind, text }
    }

    /// There is no such object.
    pub fn not_found(identity: &str, place: &str) -> Self {
        Self::new(
            "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
            format!(
                "The operation couldn't be performed because object '{identity}' couldn't be found on '{place}'."
            ),
        )
    }

    /// There is one of this name already.
    pub fn exists(name: &str) -> Self {
        Self::new(
            "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
            format!("The object '{name}' already exists."),
        )
    }

    /// A parameter that the cmdlet does not have.
    pub fn unknown_parameter(name: &str) -> Self {
        Self::new(
            "Microsoft.Exchange.Management.PSDirectInvoke.AmbiguousParameterSetException",
            format!("A parameter cannot be found that matches parameter name '{name}'."),
        )
    }

    /// A parameter that has to be there.
    pub fn missing_parameter(name: &str) -> Self {
        Self::new(
            "System.Management.Automation.ParameterBindingException",
            format!(
                "Cannot process command because of one or more missing mandatory parameters: {name}."
            ),
        )
    }

    /// A value that cannot be converted.
    pub fn bad_value(name: &str, why: &str) -> Self {
        Self::new(
            "Microsoft.Exchange.Management.PSDirectInvoke.ParameterTransformationException",
            format!("Cannot process argument transformation on parameter '{name}'. {why}"),
        )
    }

    /// A combination of properties that the service does not store.
    pub fn invalid(text: &str) -> Self {
        Self::new(
            "Microsoft.Exchange.Data.DataValidationException",
            text.to_owned(),
        )
    }

    /// The organization may not have on-premises connectors.
    pub fn prohibited() -> Self {
        Self::new(
            "Microsoft.Exchange.Management.SystemConfigurationTasks.OrganizationInboundConnectorProhibitedException",
            "For this service offering, you can't enable an inbound connector of the type OnPremises. Please contact Support to enable the connector.".to_owned(),
        )
    }

    /// The organization's configuration is still the shared one.
    pub fn dehydrated() -> Self {
        Self::new(
            "Microsoft.Exchange.Configuration.Tasks.InvalidOperationInDehydratedContextException",
            "The command you tried to run isn't currently allowed in your organization. To run this command, you first need to run the command: Enable-OrganizationCustomization.".to_owned(),
        )
    }

    /// A request that is no call of a cmdlet.
    pub fn request(text: &str) -> Self {
        Self::new("Microsoft.OData.ODataException", text.to_owned())
    }

    /// A link to the next page that is of no use.
    pub fn paging() -> Self {
        Self::new(
            "Microsoft.Exchange.Admin.OData.PagingException",
            "Expired or Invalid pagination request".to_owned(),
        )
    }

    /// The body of the answer: both shapes in one. Two of its names alternate, as nobody may rely on them.
    pub fn body(&self) -> Value {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let odd = COUNT.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        let (member, message) = match odd {
            false => ("internalexception", "Error executing cmdlet"),
            true => ("internalException", "Invalid Operation"),
        };
        let Self { kind, text } = self;
        let [one, two, three] = chance::bytes();
        let id = format!("Ex{one:02X}{two:02X}{three:02X}");
        let id = if odd { "" } else { &id };
        let mut inner = json!({
            "message": message,
            "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
            "stacktrace": "",
        });
        if let Some(inner) = inner.as_object_mut() {
            let exception = json!({"message": text, "type": kind, "stacktrace": ""});
            inner.insert(member.to_owned(), exception);
        }
        json!({
            "error": {
                "code": "BadRequest",
                "message": message,
                "details": [
                    {"code": "Context", "target": "", "message": format!("{id}|{kind}|{text}")},
                ],
                "innererror": inner,
            },
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": [],
        })
    }
}
