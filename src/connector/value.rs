//! The value of a setting in its normal form.
//!
//! Everything that makes two spellings of one value equal is decided here,
//! once: whatever reads a setting (an export, a baseline, a rule) hands over
//! what it found as [`Raw`], and gets back a [`Value`] that can be compared.
//!
//! `null`, `""`, `[]` and absent are one value for lists and texts. A missing
//! boolean or enumeration is unknown, and has no value at all.

use super::address::AddressSet;
use super::certificate::CertificateName;
use super::domain::DomainSet;
use super::names::NameSet;
use super::property::{Kind, Property};
use crate::finding::excerpt;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// A value as it was found, before anything is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// `null`, or not there.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object, which no setting is.
    Object,
}

impl Raw {
    /// Names what was found, for error messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(text) => format!("the number {}", excerpt(text)),
            Self::Text(text) => format!("the text {:?}", excerpt(text)),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Object => "an object".to_owned(),
        }
    }
}

/// Why a raw value is not a value of its property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// What was expected and what was found.
    pub message: String,
    /// How to go on.
    pub help: Option<String>,
}

/// The value of a setting in its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A word, in the spelling found.
    Enumeration(Word),
    /// Free text, `""` when empty.
    Text(String),
    /// A certificate name, if there is one.
    Certificate(Option<CertificateName>),
    /// Addresses.
    Addresses(AddressSet),
    /// Domain patterns.
    Domains(DomainSet),
    /// Names or references.
    Names(NameSet),
}

/// A word that is compared without case and shown as found.
#[derive(Clone, Debug)]
pub struct Word(pub String);

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Word {}

impl Value {
    /// The normal form of a raw value; `None` when a boolean or enumeration is absent.
    ///
    /// Malformed elements of lists are kept: the tenant's own data is never
    /// refused for what it says, only for what cannot be read.
    pub fn read(property: Property, raw: &Raw) -> Result<Option<Self>, ValueError> {
        let value = match (property.kind(), raw) {
            (Kind::Boolean | Kind::Enumeration, Raw::Null) => return Ok(None),
            (Kind::Boolean, Raw::Boolean(value)) => Self::Boolean(*value),
            (Kind::Enumeration, Raw::Text(text)) => match whole(property, text)?.trim() {
                "" => return Ok(None),
                word => Self::Enumeration(Word(word.to_owned())),
            },
            (Kind::Text, Raw::Null) => Self::Text(String::new()),
            (Kind::Text, Raw::Text(text)) => Self::Text(text.clone()),
            (Kind::Certificate, Raw::Null) => Self::Certificate(None),
            (Kind::Certificate, Raw::Text(text)) => {
                let text = whole(property, text)?;
                Self::Certificate((!text.trim().is_empty()).then(|| CertificateName::parse(text)))
            }
            (kind, Raw::Null | Raw::List(_) | Raw::Text(_)) if kind.is_list() => {
                Self::list(property, &elements(property, raw)?)
            }
            _ => return Err(mismatch(property, raw)),
        };
        Ok(Some(value))
    }

    /// Reads what [`Value::to_json`] wrote; `None` when it is no value of the property.
    ///
    /// What looks cut off in a foreign file is a value here: it was read once already.
    pub fn from_json(property: Property, json: &Json) -> Option<Self> {
        let value = match (property.kind(), json) {
            (Kind::Boolean, Json::Bool(value)) => Self::Boolean(*value),
            (Kind::Enumeration, Json::String(word)) => Self::Enumeration(Word(word.clone())),
            (Kind::Text, Json::String(text)) => Self::Text(text.clone()),
            (Kind::Certificate, Json::Null) => Self::Certificate(None),
            (Kind::Certificate, Json::String(name)) => {
                Self::Certificate(Some(CertificateName::parse(name)))
            }
            (kind, Json::Array(items)) if kind.is_list() => {
                let items: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
                Self::list(property, &items?)
            }
            _ => return None,
        };
        Some(value)
    }

    fn list(property: Property, items: &[&str]) -> Self {
        let items = items.iter().copied();
        match property.kind() {
            Kind::Addresses => Self::Addresses(AddressSet::from_entries(items)),
            Kind::Domains => Self::Domains(DomainSet::from_entries(items)),
            Kind::References => Self::Names(NameSet::from_references(items)),
            _ => Self::Names(NameSet::from_entries(items)),
        }
    }

    /// What absence of the setting means: empty for lists and texts, unknown (`None`) for the rest.
    pub fn absent(property: Property) -> Option<Self> {
        Self::read(property, &Raw::Null).ok().flatten()
    }

    /// Whether it is one of `null`, `""` and `[]`.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Boolean(_) | Self::Enumeration(_) => false,
            Self::Text(text) => text.is_empty(),
            Self::Certificate(name) => name.is_none(),
            Self::Addresses(set) => set.is_empty(),
            Self::Domains(set) => set.is_empty(),
            Self::Names(set) => set.is_empty(),
        }
    }

    /// The canonical elements: those of a list, or the value itself as the only one.
    pub fn elements(&self) -> Vec<String> {
        match self {
            Self::Boolean(value) => vec![value.to_string()],
            Self::Enumeration(word) => vec![word.0.clone()],
            Self::Text(text) if text.is_empty() => Vec::new(),
            Self::Text(text) => vec![text.clone()],
            Self::Certificate(name) => name.iter().map(ToString::to_string).collect(),
            Self::Addresses(set) => set.entries().map(str::to_owned).collect(),
            Self::Domains(set) => set.entries(),
            Self::Names(set) => set.keys().map(str::to_owned).collect(),
        }
    }

    /// The canonical JSON of the value, the same for every spelling of it.
    pub fn to_json(&self) -> Json {
        // Texts, booleans and lists of texts are all there is: none of them can fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Value {
    /// The value as a cmdlet takes it: what is empty is emptied by `null`, a text by the empty text.
    ///
    /// That `null` empties a list is documented for PowerShell and inferred for the admin API (reference, section 2.2).
    pub fn as_sent(&self, property: Property) -> Json {
        if self.is_empty() && property.kind() != Kind::Text {
            return Json::Null;
        }
        match self.to_json() {
            // A cost is only understood in the form that the service returns.
            Json::Array(items) if property.kind() == Kind::Domains => {
                let item = |item: Json| match item {
                    Json::String(text) if text.contains(';') => {
                        Json::String(format!("smtp:{text}"))
                    }
                    other => other,
                };
                Json::Array(items.into_iter().map(item).collect())
            }
            json => json,
        }
    }
}

/// The values of `ConnectorSource` that a cmdlet takes; the service returns more (reference, section 2.1).
const SETTABLE_SOURCES: [&str; 3] = ["Default", "HybridWizard", "Migrated"];

impl Value {
    /// Whether a cmdlet takes it as `ConnectorSource`.
    pub fn is_settable_source(&self) -> bool {
        matches!(self, Self::Enumeration(Word(word)) if SETTABLE_SOURCES.iter().any(|known| known.eq_ignore_ascii_case(word)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Text(text) | Self::Enumeration(Word(text)) => serializer.serialize_str(text),
            Self::Certificate(None) => serializer.serialize_none(),
            Self::Certificate(Some(name)) => serializer.collect_str(name),
            Self::Addresses(set) => serializer.collect_seq(set.entries()),
            Self::Domains(set) => serializer.collect_seq(set.entries()),
            Self::Names(set) => serializer.collect_seq(set.keys()),
        }
    }
}

/// The texts of a list, or of a single text that an old export joined with spaces.
fn elements(property: Property, raw: &Raw) -> Result<Vec<&str>, ValueError> {
    let items = match raw {
        Raw::List(items) => items
            .iter()
            .map(|item| match item {
                Raw::Text(text) => whole(property, text),
                other => Err(ValueError {
                    message: format!(
                        "`{}` holds {} where a text belongs",
                        property.name(),
                        other.describe()
                    ),
                    help: Some(format!("expected {}", property.kind().expected())),
                }),
            })
            .collect::<Result<Vec<_>, _>>()?,
        Raw::Text(text) => joined(property, whole(property, text)?)?,
        _ => Vec::new(),
    };
    Ok(items
        .into_iter()
        .map(str::trim_ascii)
        .filter(|item| !item.is_empty())
        .collect())
}

fn joined(property: Property, text: &str) -> Result<Vec<&str>, ValueError> {
    // A reference may be a path with spaces in it, so one text cannot be taken apart.
    if property.kind() == Kind::References && text.trim().contains(char::is_whitespace) {
        return Err(ValueError {
            message: format!("`{}` is one text with spaces in it, so its elements cannot be told apart", property.name()),
            help: Some("export with `ConvertTo-Json -Depth 4`, or with the script from `connguard fetch --script`".to_owned()),
        });
    }
    // No element of the other kinds holds a comma, and people join with them.
    let parts = text.split(|c: char| c.is_ascii_whitespace() || c == ',');
    parts.map(|part| whole(property, part)).collect()
}

/// Refuses what PowerShell writes instead of a value: a type name or a cut-off list.
fn whole(property: Property, text: &str) -> Result<&str, ValueError> {
    let trimmed = text.trim_ascii();
    let (what, help) = if is_type_name(trimmed) {
        (
            "holds the name of a type instead of a value",
            "PowerShell cut nested values off: export with `ConvertTo-Json -Depth 4`, or with the script from `connguard fetch --script`",
        )
    } else if trimmed.ends_with("...") || trimmed.ends_with('…') {
        (
            "is cut off",
            "set `$FormatEnumerationLimit = -1` and export with `ConvertTo-Json -Depth 4`, or use the script from `connguard fetch --script`",
        )
    } else {
        return Ok(text);
    };
    Err(ValueError {
        message: format!("`{}` {what}: {:?}", property.name(), excerpt(trimmed)),
        help: Some(help.to_owned()),
    })
}

/// Names of .NET types as PowerShell writes them. A domain may begin with `System.` as well, so only shapes that no value has count.
fn is_type_name(text: &str) -> bool {
    let generic = text.contains('`') && text.contains('[');
    let array = text.ends_with("[]");
    let dotnet = text.starts_with("System.")
        || text.starts_with("Microsoft.Exchange.Data.")
        || text.starts_with("Deserialized.");
    dotnet
        && (generic
            || array
            || text.starts_with("System.Collections.")
            || matches!(text, "System.Object" | "System.String"))
}

fn mismatch(property: Property, raw: &Raw) -> ValueError {
    let help = match (property.kind(), raw) {
        (Kind::Enumeration, Raw::Number(_)) => {
            Some("export enumerations by name: `ConvertTo-Json -EnumsAsStrings`".to_owned())
        }
        _ => None,
    };
    ValueError {
        message: format!(
            "`{}` must be {}, not {}",
            property.name(),
            property.kind().expected(),
            raw.describe()
        ),
        help,
    }
}
