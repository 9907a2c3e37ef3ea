//! What a cmdlet answered: rows, or the reason why not.
//!
//! Rows stay the text that they are; the reader of connectors takes them apart.

use super::fault::{Fault, Kind};
use super::http::{Reply, Worth};
use crate::document::Source;
use crate::document::json::{self, Shape};
use crate::finding::excerpt;
use serde_json::Value as Json;

/// What a cmdlet returned, over all pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its objects, as JSON text.
    pub rows: Vec<String>,
    /// Why they may not be all there are.
    pub doubts: Vec<String>,
    /// The ids of the requests.
    pub requests: Vec<String>,
}

/// One page of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Its objects, as JSON text.
    pub rows: Vec<String>,
    /// Why they may not be all there are.
    pub doubts: Vec<String>,
    /// The address of the next page.
    pub next: Option<String>,
    /// The id of the request.
    pub request: String,
}

/// What an answer to a cmdlet is worth. `lists` is for those that return objects, which must return a list then.
pub fn worth(what: &str, lists: bool, reply: Reply) -> Worth<Page> {
    match reply.status {
        200..=299 => match page(lists, &reply) {
            Ok(page) => Worth::Good(page),
            // A page of a proxy, or an answer that was cut off with its length right.
            Err(why) => Worth::Again(Fault::new(
                Kind::Malformed,
                what,
                why,
                "find out what answers in the place of the service: a proxy, or a page for signing in",
            )),
        },
        _ => Worth::Never(refusal(what, lists, &reply)),
    }
}

fn page(lists: bool, reply: &Reply) -> Result<Page, String> {
    let kind = reply.header("content-type").unwrap_or_default();
    if reply.body.is_empty() && !lists {
        return Ok(Page {
            rows: Vec::new(),
            doubts: Vec::new(),
            next: None,
            request: reply.request.clone(),
        });
    }
    let text = std::str::from_utf8(&reply.body).map_err(|_| "the answer is no text".to_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    if !kind.to_ascii_lowercase().contains("json") {
        return Err(format!("the answer is no JSON, but {:?}", excerpt(kind)));
    }
    let source = Source {
        path: "the answer",
        text,
    };
    let broken = |problem: crate::document::Problem| format!("the answer is broken: {problem}");
    let root = json::Value::parse(source).map_err(broken)?;
    let members = root.object().map_err(broken)?;
    // A stream that breaks after its status says so in the body.
    if members.iter().any(|(key, _)| {
        key.eq_ignore_ascii_case("error") || key.eq_ignore_ascii_case("@odata.error")
    }) {
        return Err("the answer ends with an error".to_owned());
    }
    let member = |name: &str| {
        members
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let rows = match member("value") {
        Some(value) if value.shape() == Shape::Array => {
            let items = value.array().map_err(broken)?;
            let is_null = |item: &&json::Value<'_>| item.shape() == Shape::Null;
            let nulls = items.iter().filter(is_null).count();
            // One alone is an array that PowerShell made of nothing; beside rows it stands for one that is lost.
            if nulls > 0 && items.len() > 1 {
                return Err("the answer holds null in the place of an object".to_owned());
            }
            items
                .iter()
                .filter(|item| !is_null(item))
                .map(|item| item.raw_text().to_owned())
                .collect()
        }
        None if !lists => Vec::new(),
        Some(value) if !lists && value.shape() == Shape::Null => Vec::new(),
        Some(_) | None => return Err("the answer holds no list of objects".to_owned()),
    };
    let mut doubts = Vec::new();
    if let Some(warnings) = member("@adminapi.warnings") {
        for warning in warnings.array().map_err(broken)? {
            let words = warning.text().map_err(broken)?;
            doubts.push(format!("the service warned: {}", excerpt(&words)));
        }
    }
    // What else says that there is more, in whatever spelling of the protocol.
    let more = members.iter().find(|(key, _)| {
        let key = key.to_ascii_lowercase();
        key != "@odata.nextlink" && (key.contains("nextlink") || key.contains("deltalink"))
            || key == "@odata.nextlink" && member("@odata.nextLink").is_none()
    });
    if let Some((key, _)) = more {
        doubts.push(format!(
            "the answer has more pages, named {:?}",
            excerpt(key)
        ));
    }
    let next = match member("@odata.nextLink") {
        Some(link) => link.optional_text().map_err(broken)?,
        None => None,
    };
    Ok(Page {
        rows,
        doubts,
        next,
        request: reply.request.clone(),
    })
}

/// Why the service refused a cmdlet.
fn refusal(what: &str, reads: bool, reply: &Reply) -> Fault {
    let fault = |kind: Kind, message: String, help: &str| Fault::new(kind, what, message, help);
    match reply.status {
        401 => fault(
            Kind::Unauthorized,
            "the service does not accept the token (401)".to_owned(),
            "the application needs the app role Exchange.ManageAsApp of Office 365 Exchange Online, with admin consent; connguard doctor looks at it",
        ),
        403 if !reads => fault(
            Kind::Forbidden,
            "the identity may not run this (403)".to_owned(),
            "give the identity that applies the directory role Exchange Administrator, to unblock also Security Administrator; new roles take up to half an hour",
        ),
        403 => fault(
            Kind::Forbidden,
            "the identity may not run this (403)".to_owned(),
            "give the application the directory role Global Reader to read; new roles take up to half an hour; connguard doctor says which is missing",
        ),
        404 => fault(
            Kind::Refused,
            "the service knows no such organization (404)".to_owned(),
            "check tenant_id and cloud in connguard.yaml",
        ),
        300..=399 => fault(
            Kind::Foreign,
            format!(
                "the service led to another host ({}); the token is not sent there",
                reply.status
            ),
            "find out what answers in the place of the service",
        ),
        status => {
            let said = said(&reply.body);
            let help = said.as_ref().and_then(|said| help_for(said)).unwrap_or(
                "look at what the service says; with the request id its support finds the request",
            );
            let words = match &said {
                Some(said) => said.words(),
                None => "it gave no reason that can be read".to_owned(),
            };
            fault(
                Kind::Refused,
                format!("the service refused it ({status}): {words}"),
                help,
            )
        }
    }
}

/// What an error body says.
struct Said {
    /// The .NET type of the exception.
    exception: Option<String>,
    text: String,
}

impl Said {
    fn words(&self) -> String {
        match &self.exception {
            Some(exception) => {
                let short = exception.rsplit('.').next().unwrap_or(exception);
                format!("{}: {}", excerpt(short), excerpt(&self.text))
            }
            None => excerpt(&self.text),
        }
    }
}

/// Both shapes of the service's errors, the telling one first.
///
/// Source: bodies measured by others; the reference's section 3.5.
fn said(body: &[u8]) -> Option<Said> {
    let json: Json = serde_json::from_slice(body).ok()?;
    let error = json.get("error")?;
    let text = |value: &Json| {
        value
            .as_str()
            .map(str::to_owned)
            .filter(|text| !text.is_empty())
    };
    let inner = error.get("innererror").and_then(Json::as_object);
    let internal = inner.and_then(|inner| {
        inner
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("internalexception"))
            .map(|(_, value)| value)
    });
    if let Some(internal) = internal
        && let Some(message) = internal.get("message").and_then(text)
    {
        return Some(Said {
            exception: internal.get("type").and_then(text),
            text: message,
        });
    }
    if let Some(detail) = error.pointer("/details/0/message").and_then(text) {
        let mut parts = detail.splitn(3, '|');
        return Some(match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(exception), Some(text)) => Said {
                exception: Some(exception.to_owned()),
                text: text.to_owned(),
            },
            _ => Said {
                exception: None,
                text: detail.clone(),
            },
        });
    }
    error.get("message").and_then(text).map(|text| Said {
        exception: None,
        text,
    })
}

/// What can be done about an exception, by the end of its type's name.
const ADVICE: [(&str, &str); 5] = [
    (
        "ManagementObjectNotFoundException",
        "the connector is gone: make a new plan from what is there",
    ),
    (
        "ADObjectAlreadyExistsException",
        "the name is taken: look which connector has it",
    ),
    (
        "AmbiguousParameterSetException",
        "the service does not know a parameter: it may have changed; report it",
    ),
    (
        "ParameterTransformationException",
        "the service does not take the value: its text lists what it takes",
    ),
    (
        "OrganizationInboundConnectorProhibitedException",
        "Microsoft does not let this organization create or enable OnPremises connectors: contact its support; it took effect for new and low-reputation tenants in 2023",
    ),
];

fn help_for(said: &Said) -> Option<&'static str> {
    let exception = said.exception.as_deref()?;
    ADVICE
        .iter()
        .find(|(name, _)| exception.ends_with(name))
        .map(|(_, help)| *help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue};

    fn reply(status: u16, body: &str) -> Reply {
        let json = HeaderValue::from_static("application/json");
        Reply {
            status,
            headers: HeaderMap::from_iter([(reqwest::header::CONTENT_TYPE, json)]),
            body: body.as_bytes().to_vec(),
            request: "id".to_owned(),
        }
    }

    fn fault(status: u16, body: &str) -> String {
        match worth("Get-InboundConnector", true, reply(status, body)) {
            Worth::Good(page) => format!("{page:?}"),
            Worth::Again(fault) => format!("again: {fault}"),
            Worth::Never(fault) => format!("never: {fault}"),
        }
    }

    #[test]
    fn both_shapes_of_errors_are_read() {
        let inner = r#"{"error":{"code":"BadRequest","message":"Error executing cmdlet","innererror":{"internalException":{"message":"It is gone.","type":"Microsoft.ManagementObjectNotFoundException"}}}}"#;
        assert!(fault(400, inner).contains("ManagementObjectNotFoundException: It is gone."));
        let details = r#"{"error":{"message":"Invalid Operation","details":[{"message":"Ex6F9304|Microsoft.X.ADObjectAlreadyExistsException|It | is taken."}]}}"#;
        assert!(fault(400, details).contains("ADObjectAlreadyExistsException: It | is taken."));
        assert!(fault(400, r#"{"error":{"message":"plain"}}"#).contains("plain"));
        assert!(fault(400, "\0\0\0").contains("no reason"));
        assert!(fault(403, "\0\0\0").contains("may not run"));
    }

    #[test]
    fn an_answer_without_a_list_is_none() {
        for body in [
            "{}",
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[{"Name":"a"}"#,
            "[]",
            "",
            r#"{"value":[],"value":[]}"#,
        ] {
            assert!(fault(200, body).starts_with("again: "), "{body}");
        }
        for body in [
            r#"{"value":[{"Name":"a"},null]}"#,
            r#"{"value":[{"Name":"a"}],"error":{"message":"broke"}}"#,
        ] {
            assert!(fault(200, body).starts_with("again: "), "{body}");
        }
        for link in ["@nextLink", "@odata.nextlink", "odata.nextLink"] {
            let body = format!(r#"{{"value":[{{"Name":"a"}}],"{link}":"x"}}"#);
            assert!(fault(200, &body).contains("has more pages"), "{body}");
        }
        assert!(fault(200, r#"{"value":[null]}"#).contains("rows: []"));
        assert!(fault(200, r#"{"value":[],"@adminapi.warnings":["more"]}"#).contains("warned"));
    }
}
