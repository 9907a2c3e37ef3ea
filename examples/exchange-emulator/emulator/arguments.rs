//! The parameters of a call, bound to those that a cmdlet has.

use super::{
    lists::{self, Edit},
    record::Record,
    refusal::Refusal,
};
use serde_json::Value;

/// What a parameter takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Text; null is none.
    Text,
    /// True or false.
    Flag,
    /// A list of texts.
    List,
    /// A member of an enumeration.
    Member(&'static [&'static str]),
    /// A number of rows.
    Size,
}

/// A parameter that a cmdlet has.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether it has to be there.
    pub mandatory: bool,
}

/// An optional parameter.
pub const fn may(name: &'static str, takes: Takes) -> Parameter {
    Parameter {
        name,
        takes,
        mandatory: false,
    }
}

/// A mandatory parameter.
pub const fn must(name: &'static str, takes: Takes) -> Parameter {
    Parameter {
        name,
        takes,
        mandatory: true,
    }
}

/// The value of a parameter, converted.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Text, or none.
    Text(Option<String>),
    /// True or false.
    Flag(bool),
    /// What to do to a list.
    List(Edit),
    /// A number of rows; `None` is unlimited.
    Size(Option<usize>),
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub struct Arguments(Vec<(&'static str, Argument)>);

impl Arguments {
    /// Binds what is given to what the cmdlet has.
    pub fn bind(parameters: &[Parameter], given: &Record) -> Result<Self, Refusal> {
        let mut bound = Self::default();
        for (name, value) in given.iter().filter(|(name, _)| !name.contains('@')) {
            let mut known = parameters.iter();
            let parameter = known
                .find(|parameter| parameter.name.eq_ignore_ascii_case(name))
                .ok_or_else(|| Refusal::unknown_parameter(name))?;
            if bound.get(parameter.name).is_some() {
                return Err(Refusal::bad_value(name, "It is specified more than once."));
            }
            bound.0.push((parameter.name, convert(parameter, value)?));
        }
        let mut mandatory = parameters.iter().filter(|parameter| parameter.mandatory);
        match mandatory.find(|parameter| bound.get(parameter.name).is_none()) {
            Some(parameter) => Err(Refusal::missing_parameter(parameter.name)),
            None => Ok(bound),
        }
    }

    /// An argument by the parameter's name.
    pub fn get(&self, name: &str) -> Option<&Argument> {
        let mut all = self.0.iter();
        all.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Text that is given and not null.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Argument::Text(text)) => text.as_deref(),
            _ => None,
        }
    }

    /// Text without which there is nothing to do.
    pub fn needed(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::bad_value(name, "The argument is null or empty."))
    }

    /// The entries of a list that is given.
    pub fn list(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Argument::List(edit)) => edit.apply(&[], str::to_owned),
            _ => Vec::new(),
        }
    }

    /// The arguments as an audit record has them: in the parameters' spelling, and all of them text.
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let shown = |argument: &Argument| match argument {
            Argument::Text(text) => text.clone().unwrap_or_default(),
            Argument::Flag(true) => "True".to_owned(),
            Argument::Flag(false) => "False".to_owned(),
            Argument::List(edit) => edit.shown(),
            Argument::Size(Some(size)) => size.to_string(),
            Argument::Size(None) => "Unlimited".to_owned(),
        };
        let all = self.0.iter();
        all.map(|(name, argument)| (*name, shown(argument)))
            .collect()
    }

    /// Whether a flag or switch is given and true.
    pub fn is_set(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Argument::Flag(true)))
    }

    /// How many rows are wanted; `None` for all.
    pub fn size(&self) -> Option<usize> {
        match self.get("ResultSize") {
            Some(Argument::Size(size)) => *size,
            _ => Some(1000),
        }
    }

    /// Puts every argument that is a property into a record.
    pub fn apply(&self, record: &mut Record) {
        for (name, argument) in &self.0 {
            let value = match argument {
                Argument::Flag(flag) => Value::from(*flag),
                Argument::List(edit) => {
                    let before = super::record::list(record, name);
                    let normal = match *name {
                        "SenderDomains" => lists::address_space,
                        _ => |text: &str| text.trim().to_owned(),
                    };
                    edit.apply(&before, normal).into()
                }
                Argument::Text(text) if *name == "TlsSenderCertificateName" => {
                    text.clone().filter(|text| !text.is_empty()).into()
                }
                Argument::Text(text) => text.clone().unwrap_or_default().into(),
                Argument::Size(_) => continue,
            };
            if record.contains_key(*name) {
                record.insert((*name).to_owned(), value);
            }
        }
    }
}

fn convert(parameter: &Parameter, value: &Value) -> Result<Argument, Refusal> {
    let refuse = |why: &str| Err(Refusal::bad_value(parameter.name, why));
    match parameter.takes {
        Takes::Text => match value {
            Value::Null => Ok(Argument::Text(None)),
            Value::String(text) => Ok(Argument::Text(Some(text.clone()))),
            Value::Number(_) | Value::Bool(_) => Ok(Argument::Text(Some(value.to_string()))),
            _ => refuse("Cannot convert value to type System.String."),
        },
        Takes::Flag => match flag(value) {
            Some(flag) => Ok(Argument::Flag(flag)),
            None => refuse("Cannot convert value to type System.Boolean."),
        },
        Takes::List => Edit::parse(parameter.name, value).map(Argument::List),
        Takes::Member(members) => member(parameter.name, members, value),
        Takes::Size => match size(value) {
            Some(size) => Ok(Argument::Size(size)),
            None => refuse("Cannot convert value to type Unlimited."),
        },
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn size(value: &Value) -> Option<Option<usize>> {
    match value {
        Value::String(text) if text.eq_ignore_ascii_case("unlimited") => Some(None),
        Value::String(text) => text.parse().ok().map(Some),
        Value::Number(number) => usize::try_from(number.as_u64()?).ok().map(Some),
        _ => None,
    }
}

/// A member by its name, or by a beginning that only one has, as PowerShell does it.
fn member(name: &str, members: &[&str], value: &Value) -> Result<Argument, Refusal> {
    let given = value.as_str().unwrap_or_default().to_lowercase();
    let exact = members.iter().find(|member| member.to_lowercase() == given);
    let mut begun = members
        .iter()
        .filter(|member| !given.is_empty() && member.to_lowercase().starts_with(&given));
    let only = begun.next().filter(|_| begun.next().is_none());
    match exact.or(only) {
        Some(member) => Ok(Argument::Text(Some((*member).to_owned()))),
        None => Err(Refusal::bad_value(
            name,
            &format!(
                "Cannot convert value {value}. The possible enumeration values are \"{}\".",
                members.join(",")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PARAMETERS: &[Parameter] = &[
        must("Name", Takes::Text),
        may("Enabled", Takes::Flag),
        may("ConnectorType", Takes::Member(&["Partner", "OnPremises"])),
        may("ResultSize", Takes::Size),
    ];

    fn bind(given: Value) -> Result<Arguments, Refusal> {
        Arguments::bind(PARAMETERS, given.as_object().unwrap())
    }

    #[test]
    fn names_are_in_any_case_and_members_may_be_begun() {
        let bound = bind(json!({"NAME": "a", "enabled": "True", "ConnectorType": "on"})).unwrap();
        assert_eq!(bound.text("Name"), Some("a"));
        assert!(bound.is_set("Enabled"));
        assert_eq!(bound.text("ConnectorType"), Some("OnPremises"));
        assert_eq!(bound.size(), Some(1000));
        let size = |size: Value| {
            bind(json!({"Name": "a", "ResultSize": size}))
                .unwrap()
                .size()
        };
        assert_eq!(size(json!("Unlimited")), None);
        assert_eq!(size(json!(0)), Some(0));
    }

    #[test]
    fn audit_records_have_texts_in_the_parameters_spelling() {
        let parameters = [
            may("SenderIPAddresses", Takes::List),
            may("EFUsers", Takes::List),
            may("Enabled", Takes::Flag),
            may("Comment", Takes::Text),
        ];
        let given = json!({"comment": null, "efusers": {"@odata.type": "#Exchange.GenericHashTable", "Add": "a", "Remove": ["b"]},
            "ENABLED": "true", "senderIPAddresses": ["192.0.2.1", "192.0.2.2"]});
        let bound = Arguments::bind(&parameters, given.as_object().unwrap()).unwrap();
        let mut shown = bound.shown();
        shown.sort_unstable();
        assert_eq!(
            json!(shown),
            json!([
                ["Comment", ""],
                ["EFUsers", "+a;-b"],
                ["Enabled", "True"],
                ["SenderIPAddresses", "192.0.2.1;192.0.2.2"],
            ])
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (given, kind) in [
            (json!({}), "ParameterBindingException"),
            (
                json!({"Name": "a", "Nmae": "b"}),
                "AmbiguousParameterSetException",
            ),
            (
                json!({"Name": "a", "name": "b"}),
                "ParameterTransformationException",
            ),
            (json!({"Name": ["a"]}), "ParameterTransformationException"),
            (
                json!({"Name": "a", "Enabled": null}),
                "ParameterTransformationException",
            ),
            (
                json!({"Name": "a", "ConnectorType": "Other"}),
                "ParameterTransformationException",
            ),
            (
                json!({"Name": "a", "ConnectorType": ""}),
                "ParameterTransformationException",
            ),
        ] {
            let refusal = bind(given.clone()).unwrap_err();
            assert!(refusal.kind.ends_with(kind), "{given}: {refusal:?}");
        }
        let refusal = bind(json!({"Name": "a", "ConnectorType": "Other"})).unwrap_err();
        assert!(refusal.text.contains("Partner,OnPremises"));
    }
}
