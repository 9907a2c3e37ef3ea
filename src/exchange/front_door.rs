//! Which host answers for an organization.
//!
//! The usual host may name a tenant's own by a redirect. It is asked without
//! following, and what it names is taken only below the host that was asked:
//! the token goes nowhere else.

use super::http::{Body, Call, Http};
use super::{Budget, Endpoints};
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};

/// The host for an organization's cmdlets: the usual one unless a host below it was named.
///
/// Source: CISA ScubaGear's and other public clients; nothing is documented, so whatever
/// this request meets, the usual host remains.
pub fn discover(
    http: &Http,
    endpoints: &Endpoints,
    tenant_id: &str,
    headers: &[(&'static str, HeaderValue)],
    budget: &Budget,
) -> Url {
    let usual = endpoints.exchange.clone();
    let Ok(url) = usual.join(&format!("AdminApi/v1.0/{tenant_id}/EXOModuleFile")) else {
        return usual;
    };
    let call = Call {
        what: "front-door discovery",
        method: Method::GET,
        url: &url,
        headers: headers.to_vec(),
        body: Body::None,
        near: endpoints.rehearsal,
    };
    let Ok(reply) = http.once(&call, budget) else {
        return usual;
    };
    if !(300..400).contains(&reply.status) {
        return usual;
    }
    reply
        .header("location")
        .and_then(|location| usual.join(location).ok())
        .and_then(|location| below(&usual, &location))
        .unwrap_or(usual)
}

/// The root of an address, if it is that of a host below the usual one, by the same scheme and port.
fn below(usual: &Url, named: &Url) -> Option<Url> {
    let (host, own) = (named.host_str()?, usual.host_str()?);
    let prefix = host.strip_suffix(own)?.strip_suffix('.')?;
    let plain = prefix
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    let same = named.scheme() == usual.scheme()
        && named.port_or_known_default() == usual.port_or_known_default();
    if !plain || prefix.is_empty() || !same || super::cloud::is_loopback(usual) {
        return None;
    }
    Url::parse(&format!("{}://{host}/", named.scheme())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(named: &str) -> Option<String> {
        let usual = Url::parse("https://outlook.office365.com/").ok()?;
        below(&usual, &usual.join(named).ok()?).map(|url| url.to_string())
    }

    #[test]
    fn only_hosts_below_the_usual_one_are_taken() {
        assert_eq!(
            of("https://nam12.outlook.office365.com/x?y").as_deref(),
            Some("https://nam12.outlook.office365.com/")
        );
        for foreign in [
            "https://outlook.office365.com.example/",
            "https://evil-outlook.office365.com/",
            "https://evil.example/outlook.office365.com",
            "http://nam12.outlook.office365.com/",
            "https://nam12.outlook.office365.com:8443/",
            "https://user@evil.example/",
            "//evil.example/",
            "/AdminApi/v1.0/elsewhere",
        ] {
            assert_eq!(of(foreign), None, "{foreign}");
        }
    }
}
