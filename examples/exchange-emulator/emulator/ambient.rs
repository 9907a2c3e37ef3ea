//! Identities that a machine has by where it runs: a GitHub job, an Azure VM, an App Service.

use super::{
    answer::Answer,
    assertion::GITHUB,
    chance,
    identities::{self, GITHUB_TOKEN, IDENTITY_HEADER, READER},
    shared::Shared,
    wire::Request,
};
use serde_json::{Value, json};

/// `GET /github-oidc?audience=…`: a job's token.
pub fn github(shared: &Shared, request: &Request) -> Answer {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    if bearer != Some(GITHUB_TOKEN) {
        return Answer::json(401, &json!({"message": "Bad credentials"}));
    }
    let now = shared.clock.now().as_second();
    let audience = request.query("audience");
    let token = shared.key.issue(&json!({
        "iss": GITHUB, "aud": audience.as_deref().unwrap_or("https://github.com/example"),
        "sub": "repo:example/connectors:ref:refs/heads/main", "repository": "example/connectors",
        "ref": "refs/heads/main", "jti": chance::guid(), "iat": now, "nbf": now - 600, "exp": now + 300,
    }));
    Answer::json(200, &json!({"value": token, "count": token.len()}))
}

/// `GET /metadata/identity/oauth2/token`: a virtual machine's identity.
pub fn metadata(shared: &Shared, request: &Request) -> Answer {
    let marked = request
        .header("metadata")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !marked {
        return refuse(400, "Required metadata header not specified");
    }
    managed(shared, request, "2018-02-01", |answer, lifetime| {
        answer.insert("expires_in".to_owned(), lifetime.to_string().into());
        answer.insert("ext_expires_in".to_owned(), lifetime.to_string().into());
    })
}

/// `GET /msi/token`: an App Service's identity.
pub fn app_service(shared: &Shared, request: &Request) -> Answer {
    if request.header("x-identity-header") != Some(IDENTITY_HEADER) {
        return refuse(401, "The header X-IDENTITY-HEADER is missing or wrong");
    }
    managed(shared, request, "2019-08-01", |_, _| {})
}

fn managed(
    shared: &Shared,
    request: &Request,
    version: &str,
    more: fn(&mut serde_json::Map<String, Value>, i64),
) -> Answer {
    if request.query("api-version").as_deref() != Some(version) {
        return refuse(400, "The api-version is missing or not supported");
    }
    let Some(resource) = request.query("resource") else {
        return refuse(400, "The parameter resource is missing");
    };
    let who = match request.query("client_id") {
        Some(id) => identities::find(&id),
        None => Some(&READER),
    };
    let (Some(who), Some(tenant)) = (who, shared.managed_tenant()) else {
        return refuse(400, "Identity not found");
    };
    let lifetime = shared.lifetime();
    let end = shared.clock.now().as_second().saturating_add(lifetime);
    let mut answer = json!({
        "access_token": shared.token(tenant, who, resource.trim_end_matches('/'), false),
        "expires_on": end.to_string(), "resource": resource, "token_type": "Bearer",
        "client_id": who.id,
    });
    if let Some(answer) = answer.as_object_mut() {
        more(answer, lifetime);
    }
    Answer::json(200, &answer)
}

fn refuse(status: u16, text: &str) -> Answer {
    let body = json!({"error": "invalid_request", "error_description": text});
    Answer::json(status, &body)
}
