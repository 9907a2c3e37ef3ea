//! What an application presents in place of a secret: its own signature, or another party's token.

use super::{
    der,
    identities::Identity,
    jwt::{self, Parts},
    login::Denial,
    shared::Shared,
    waiting::lock,
    wire::Request,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest,
    signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::Value;
use std::{collections::HashSet, sync::Mutex};

/// The only type of assertion.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The audience of a federated token.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";
/// The issuer of GitHub's tokens.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Ids of assertions that were used.
#[derive(Default)]
pub struct Used(Mutex<HashSet<String>>);

/// Checks an assertion: one that names a certificate is the application's own, any other is federated.
pub fn check(
    shared: &Shared,
    request: &Request,
    who: &Identity,
    token: &str,
) -> Result<(), Denial> {
    let parts = jwt::parts(token).ok_or_else(|| {
        Denial::bad(
            "invalid_request",
            50027,
            "JWT token is invalid or malformed.",
        )
    })?;
    match parts.header.get("x5t#S256").and_then(Value::as_str) {
        Some(thumbprint) => own(shared, request, who, &parts, thumbprint),
        None => federated(shared, token, &parts),
    }
}

fn own(
    shared: &Shared,
    request: &Request,
    who: &Identity,
    parts: &Parts,
    thumbprint: &str,
) -> Result<(), Denial> {
    let refuse = |why: &str| {
        Err(Denial::client(
            700027,
            format!("Client assertion contains an invalid signature or claim. [Reason - {why}]"),
        ))
    };
    if parts.header.get("alg").and_then(Value::as_str) != Some("PS256") {
        return refuse("The algorithm is not PS256.");
    }
    let named = |certificate: &&Vec<u8>| {
        let digest = digest::digest(&digest::SHA256, certificate);
        URL_SAFE_NO_PAD.encode(digest) == thumbprint
    };
    let Some(certificate) = shared.options.certificates.iter().find(named) else {
        return refuse("The key was not found.");
    };
    let key = der::public_key(certificate).unwrap_or_default();
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key);
    if key
        .verify(parts.signed.as_bytes(), &parts.signature)
        .is_err()
    {
        return refuse("The key was found, but use of the key to verify the signature failed.");
    }
    if !is_audience(shared, request, parts) {
        return refuse("The audience is not this token endpoint.");
    }
    if parts.text("iss") != Some(who.id) || parts.text("sub") != Some(who.id) {
        return refuse("Issuer and subject are not the application.");
    }
    let now = shared.clock.now().as_second();
    let (Some(start), Some(end)) = (parts.seconds("nbf"), parts.seconds("exp")) else {
        return refuse("It has no time.");
    };
    if now < start || now >= end || end.saturating_sub(start) > 600 {
        return refuse(
            "It is not within its valid time range, or that is longer than ten minutes.",
        );
    }
    match parts.text("jti") {
        Some(id) if lock(&shared.used.0).insert(id.to_owned()) => Ok(()),
        Some(_) => refuse("It was used before."),
        None => refuse("It has no jti."),
    }
}

/// Whether the assertion is for the URL that was called, as the caller wrote its host.
fn is_audience(shared: &Shared, request: &Request, parts: &Parts) -> bool {
    let scheme = if shared.options.tls { "https" } else { "http" };
    let host = request.header("host").unwrap_or_default();
    let called = format!("{scheme}://{host}{}", request.path());
    parts.text("aud") == Some(&called)
}

/// A federated token may be used again, as those of a cluster's pods are until they end.
fn federated(shared: &Shared, token: &str, parts: &Parts) -> Result<(), Denial> {
    let given = shared
        .options
        .federated_tokens
        .iter()
        .any(|other| other == token);
    let github = parts.text("iss") == Some(GITHUB) && shared.key.verified(token).is_some();
    let ended = parts
        .seconds("exp")
        .is_some_and(|end| end <= shared.clock.now().as_second());
    if ended && (given || github) {
        let text = "Client assertion is not within its valid time range.";
        return Err(Denial::client(700024, text));
    }
    if !(given || github) || parts.text("aud") != Some(AUDIENCE) {
        let subject = parts.text("sub").unwrap_or_default();
        let text = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'."
        );
        return Err(Denial::client(700213, text));
    }
    Ok(())
}
