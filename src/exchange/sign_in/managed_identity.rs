//! The identity that a machine or an app service has by itself.

use super::{Seeker, Token, token_of, variable_secret};
use crate::exchange::cloud::is_loopback;
use crate::exchange::http::{Body, Call, Worth};
use crate::exchange::sign_in::local;
use crate::exchange::{Fault, Kind};
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use std::net::Ipv4Addr;

/// The metadata service of a virtual machine, which only the machine itself reaches.
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// The variable by which a rehearsal has another one, on this machine.
const REHEARSED: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

impl Seeker<'_> {
    pub(super) fn managed_identity(&self) -> Result<Token, Fault> {
        let (url, header) = match std::env::var("IDENTITY_ENDPOINT") {
            Ok(endpoint) => {
                let secret = variable_secret("IDENTITY_HEADER")?;
                let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
                    local(
                        "IDENTITY_HEADER holds what no header can",
                        "look at the app service",
                    )
                })?;
                value.set_sensitive(true);
                let url = near(&endpoint, "IDENTITY_ENDPOINT")?;
                (with(url, "2019-08-01"), ("x-identity-header", value))
            }
            Err(_) => {
                let url = match std::env::var(REHEARSED) {
                    Ok(host) if self.endpoints.rehearsal => {
                        let path = "metadata/identity/oauth2/token";
                        near(&format!("{}/{path}", host.trim_end_matches('/')), REHEARSED)?
                    }
                    _ => Url::parse(MACHINE)
                        .map_err(|error| local(error.to_string(), "update connguard"))?,
                };
                let header = ("metadata", HeaderValue::from_static("true"));
                (with(url, "2018-02-01"), header)
            }
        };
        let mut url = url;
        url.query_pairs_mut()
            .append_pair("resource", &self.resource);
        if let Some(client_id) = &self.identity.client_id {
            url.query_pairs_mut().append_pair("client_id", client_id);
        }
        let call = Call {
            what: "managed identity",
            method: Method::GET,
            url: &url,
            headers: vec![header],
            body: Body::None,
            near: true,
        };
        self.sign_in.http.read(&call, self.budget, |reply| {
            if reply.status == 200 {
                return match token_of(&reply) {
                    Ok(token) => Worth::Good(token),
                    Err(fault) => Worth::Again(fault),
                };
            }
            Worth::Never(Fault::new(
                Kind::SignIn,
                "managed identity",
                format!("this machine has no such identity (status {})", reply.status),
                "Azure portal, the machine or app, Identity: switch it on; for a user-assigned one name its client_id in connguard.yaml",
            ))
        })
    }
}

fn with(mut url: Url, version: &str) -> Url {
    url.query_pairs_mut().append_pair("api-version", version);
    url
}

/// An app service serves its identity on its own machine.
fn near(text: &str, variable: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|_| {
        local(
            format!("the variable {variable} holds no address"),
            "look at the app service",
        )
    })?;
    let mut url = url;
    if url.host_str() == Some("localhost") {
        // Container apps name their own machine so; a name is never looked up for a secret.
        let _ = url.set_host(Some("127.0.0.1"));
    }
    let link_local = url
        .host_str()
        .and_then(|host| host.parse::<Ipv4Addr>().ok())
        .is_some_and(|address| address.is_link_local());
    if is_loopback(&url) || link_local {
        Ok(url)
    } else {
        Err(local(
            format!("the variable {variable} leads away from this machine"),
            "an app service serves its identity on its own machine: find out who set the variable",
        ))
    }
}
