//! Device codes: a person signs in elsewhere, and the program asks until that is done.

use super::{
    answer::Answer,
    chance,
    identities::{self, PUBLIC_CLIENT, READER},
    login::{Denial, Form, find_tenant, issued, unknown_client},
    shared::Shared,
    tenant::Tenant,
    waiting::lock,
    wire::Request,
};
use serde_json::json;
use std::{collections::HashMap, sync::Mutex};

/// The grant of a device code.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How the sign-in elsewhere ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceEnd {
    /// The person signs in.
    #[default]
    Token,
    /// The person comes too late.
    Expired,
    /// The person declines.
    Denied,
}

/// The codes given out that are not used yet.
#[derive(Default)]
pub struct Devices(Mutex<HashMap<String, Code>>);

struct Code {
    tenant: String,
    client: String,
    audience: String,
    polls: u32,
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`
pub fn begin(shared: &Shared, request: &Request, tenant: &str) -> Result<Answer, Denial> {
    let tenant = find_tenant(shared, tenant)?;
    let form = Form::of(request);
    let client = form.need("client_id")?;
    if client != PUBLIC_CLIENT && identities::find(client).is_none() {
        return Err(unknown_client(client, tenant));
    }
    let scope = form.need("scope")?;
    let mut scopes = scope.split_whitespace();
    let audience = scopes.find_map(|scope| scope.strip_suffix("/.default"));
    let code = Code {
        tenant: tenant.id.clone(),
        client: client.to_owned(),
        audience: audience.unwrap_or(scope).to_owned(),
        polls: 0,
    };
    let device = chance::guid();
    let user: String = chance::guid()
        .to_uppercase()
        .replace('-', "")
        .chars()
        .take(9)
        .collect();
    lock(&shared.devices.0).insert(device.clone(), code);
    let page = format!("{}/device", shared.login);
    Ok(Answer::json(
        200,
        &json!({
            "user_code": user, "device_code": device, "verification_uri": page, "expires_in": 900,
            "interval": 1,
            "message": format!("To sign in, use a web browser to open the page {page} and enter the code {user} to authenticate."),
        }),
    ))
}

/// Asks whether the person has signed in.
pub fn poll(shared: &Shared, tenant: &Tenant, form: &Form) -> Result<Answer, Denial> {
    let client = form.need("client_id")?;
    let device = form.need("device_code")?;
    let mut codes = lock(&shared.devices.0);
    let known = codes
        .get_mut(device)
        .filter(|code| code.tenant == tenant.id && code.client == client);
    let Some(code) = known else {
        let text = "The device_code is invalid or was used already.";
        return Err(Denial::bad("invalid_grant", 70000, text));
    };
    code.polls += 1;
    if code.polls <= shared.options.device_polls {
        let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        return Err(Denial::bad("authorization_pending", 70016, text));
    }
    let audience = code.audience.clone();
    codes.remove(device);
    match shared.options.device_end {
        DeviceEnd::Token => Ok(issued(
            shared,
            &shared.token(tenant, &READER, &audience, true),
        )),
        DeviceEnd::Expired => Err(Denial::bad(
            "expired_token",
            70020,
            "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        )),
        DeviceEnd::Denied => Err(Denial::bad(
            "access_denied",
            65004,
            "User declined to consent to access the app.",
        )),
    }
}
