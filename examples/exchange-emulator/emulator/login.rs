//! Microsoft Entra ID: tokens for applications and for people with a device code.

use super::{
    answer::Answer,
    assertion, chance,
    clock::Clock,
    device,
    identities::{self, EXPIRED_SECRET, Identity, SECRET},
    shared::Shared,
    tenant::Tenant,
    wire::Request,
};
use serde_json::{Value, json};

/// An error of Entra.
#[derive(Debug)]
pub struct Denial {
    /// The status.
    pub status: u16,
    /// What OAuth calls it.
    pub error: &'static str,
    /// The number after AADSTS.
    pub code: u32,
    /// The text after the number.
    pub text: String,
}

impl Denial {
    /// An error whose status is 400.
    pub fn bad(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            status: 400,
            error,
            code,
            text,
        }
    }

    /// The client is not who it says, status 401.
    pub fn client(code: u32, text: impl Into<String>) -> Self {
        Self {
            status: 401,
            ..Self::bad("invalid_client", code, text)
        }
    }

    /// A field of the form that is not there.
    pub fn missing(field: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{field}'.");
        Self::bad("invalid_request", 900144, text)
    }

    /// The answer.
    pub fn answer(&self, clock: Clock) -> Answer {
        let (trace, correlation) = (chance::guid(), chance::guid());
        let time = clock.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let Self {
            status,
            error,
            code,
            text,
        } = self;
        let description = format!(
            "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
        );
        Answer::json(
            *status,
            &json!({
                "error": error, "error_description": description, "error_codes": [code],
                "timestamp": time, "trace_id": trace, "correlation_id": correlation,
                "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
            }),
        )
    }
}

/// A form that was sent.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The form in a request.
    pub fn of(request: &Request) -> Self {
        Self(request.form())
    }

    /// A field.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A field that has to be there.
    pub fn need(&self, name: &str) -> Result<&str, Denial> {
        self.get(name).ok_or_else(|| Denial::missing(name))
    }

    /// What of it may be told: no secrets, assertions or codes.
    pub fn public(&self) -> Value {
        let told = ["grant_type", "client_id", "scope"];
        let fields = told.iter().filter_map(|name| {
            let value = self.get(name)?;
            Some(((*name).to_owned(), value.into()))
        });
        Value::Object(fields.collect())
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`
pub fn token(shared: &Shared, request: &Request, tenant: &str) -> Result<Answer, Denial> {
    let tenant = find_tenant(shared, tenant)?;
    let form = Form::of(request);
    match form.need("grant_type")? {
        "client_credentials" => credentials(shared, request, tenant, &form),
        device::GRANT => device::poll(shared, tenant, &form),
        other => Err(Denial::bad(
            "unsupported_grant_type",
            70003,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

/// The tenant of a path.
pub fn find_tenant<'a>(shared: &'a Shared, name: &str) -> Result<&'a Tenant, Denial> {
    shared.tenant(name).ok_or_else(|| {
        let text = format!("Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.");
        Denial::bad("invalid_request", 90002, text)
    })
}

/// The application of a client id.
pub fn find_client(id: &str, tenant: &Tenant) -> Result<&'static Identity, Denial> {
    identities::find(id).ok_or_else(|| unknown_client(id, tenant))
}

/// There is no application of this client id.
pub fn unknown_client(id: &str, tenant: &Tenant) -> Denial {
    let domain = &tenant.place.domain;
    let text =
        format!("Application with identifier '{id}' was not found in the directory '{domain}'.");
    Denial::bad("unauthorized_client", 700016, text)
}

fn credentials(
    shared: &Shared,
    request: &Request,
    tenant: &Tenant,
    form: &Form,
) -> Result<Answer, Denial> {
    let who = find_client(form.need("client_id")?, tenant)?;
    let scope = form.need("scope")?;
    let audience = scope.strip_suffix("/.default").ok_or_else(|| {
        let text = format!("The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).");
        Denial::bad("invalid_scope", 1002012, text)
    })?;
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), None) => check_secret(secret, who)?,
        (None, Some(token)) => {
            if form.need("client_assertion_type")? != assertion::TYPE {
                return Err(Denial::bad(
                    "invalid_request",
                    50027,
                    "The client_assertion_type is not supported.",
                ));
            }
            assertion::check(shared, request, who, token)?;
        }
        _ => {
            return Err(Denial::client(
                7000216,
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
            ));
        }
    }
    Ok(issued(shared, &shared.token(tenant, who, audience, false)))
}

fn check_secret(secret: &str, who: &Identity) -> Result<(), Denial> {
    let id = who.id;
    match secret {
        SECRET => Ok(()),
        EXPIRED_SECRET => Err(Denial::client(
            7000222,
            format!(
                "The provided client secret keys for app '{id}' are expired. Visit the Azure portal to create new keys for your app."
            ),
        )),
        _ => Err(Denial::client(
            7000215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."
            ),
        )),
    }
}

/// The answer with a token.
pub fn issued(shared: &Shared, token: &str) -> Answer {
    let lifetime = shared.lifetime();
    let body = json!({
        "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token,
    });
    Answer::json(200, &body)
        .with("Cache-Control", "no-store, no-cache")
        .with("Pragma", "no-cache")
}
