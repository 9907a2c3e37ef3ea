//! Microsoft's clouds, and the hosts of each.
//!
//! Source: the tables of national clouds in Microsoft's documentation of
//! app-only sign-in, of the Exchange admin API and of Microsoft Graph. Where
//! they disagree (China), both hosts are known and the configuration chooses.

use reqwest::Url;
use std::net::IpAddr;

/// One of Microsoft's clouds.
#[derive(Debug, PartialEq, Eq)]
pub struct Cloud {
    /// The word in `connguard.yaml`.
    pub name: &'static str,
    /// Where identities sign in.
    pub login: &'static str,
    /// Hosts of Exchange Online, the usual one first; each is the token's resource, too.
    pub exchange: &'static [&'static str],
    /// Host of the Security & Compliance cmdlets.
    pub compliance: &'static str,
    /// Host of Microsoft Graph; a token's resource, too.
    pub graph: &'static str,
    /// The audience of a federated token.
    pub federated_audience: &'static str,
}

/// Every cloud.
pub const CLOUDS: [Cloud; 4] = [
    Cloud {
        name: "worldwide",
        login: "login.microsoftonline.com",
        exchange: &["outlook.office365.com"],
        compliance: "ps.compliance.protection.outlook.com",
        graph: "graph.microsoft.com",
        federated_audience: "api://AzureADTokenExchange",
    },
    Cloud {
        name: "gcc-high",
        login: "login.microsoftonline.us",
        exchange: &["outlook.office365.us"],
        compliance: "ps.compliance.protection.office365.us",
        graph: "graph.microsoft.us",
        federated_audience: "api://AzureADTokenExchangeUSGov",
    },
    Cloud {
        name: "dod",
        login: "login.microsoftonline.us",
        exchange: &["outlook-dod.office365.us", "webmail.apps.mil"],
        compliance: "l5.ps.compliance.protection.office365.us",
        graph: "dod-graph.microsoft.us",
        federated_audience: "api://AzureADTokenExchangeUSGov",
    },
    Cloud {
        name: "china",
        login: "login.chinacloudapi.cn",
        exchange: &["outlook.office365.cn", "partner.outlook.cn"],
        compliance: "ps.compliance.protection.partner.outlook.cn",
        graph: "microsoftgraph.chinacloudapi.cn",
        federated_audience: "api://AzureADTokenExchangeChina",
    },
];

impl Cloud {
    /// The cloud of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CLOUDS.iter().find(|cloud| cloud.name == name)
    }

    /// The one nearly everybody is in.
    pub fn worldwide() -> &'static Self {
        let [worldwide, ..] = &CLOUDS;
        worldwide
    }
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Where identities sign in.
    pub login: Url,
    /// Exchange Online, as the token's resource names it.
    pub exchange: Url,
    /// The Security & Compliance cmdlets.
    pub compliance: Url,
    /// Microsoft Graph.
    pub graph: Url,
    /// The audience of a federated token.
    pub federated_audience: &'static str,
    /// Whether they are a rehearsal's on this machine.
    pub rehearsal: bool,
}

impl Endpoints {
    /// The endpoints of a cloud; `host` chooses among the names of its Exchange Online.
    ///
    /// # Errors
    ///
    /// A host that is none of the cloud's: a token must not go anywhere else.
    pub fn of(cloud: &'static Cloud, host: Option<&str>) -> Result<Self, String> {
        let host = match host {
            None => cloud.exchange.first().copied(),
            Some(host) => cloud.exchange.iter().copied().find(|own| *own == host),
        };
        let host = host.ok_or_else(|| {
            format!(
                "the cloud {} has no such host; it has {}",
                cloud.name,
                cloud.exchange.join(", ")
            )
        })?;
        let url =
            |host: &str| Url::parse(&format!("https://{host}/")).map_err(|error| error.to_string());
        Ok(Self {
            login: url(cloud.login)?,
            exchange: url(host)?,
            compliance: url(cloud.compliance)?,
            graph: url(cloud.graph)?,
            federated_audience: cloud.federated_audience,
            rehearsal: false,
        })
    }

    /// The same for the Security & Compliance cmdlets, which have a host and a resource of their own.
    #[must_use]
    pub fn for_compliance(self) -> Self {
        Self {
            exchange: self.compliance.clone(),
            ..self
        }
    }

    /// The same for Microsoft Graph, which has a host and a resource of its own.
    #[must_use]
    pub fn for_graph(self) -> Self {
        Self {
            exchange: self.graph.clone(),
            ..self
        }
    }

    /// The same with a rehearsal's addresses, which must be on this machine. One without an address for Graph has no Graph:
    /// nothing of a rehearsal goes to the real one.
    pub fn rehearsed(self, login: Url, exchange: Url, graph: Option<Url>) -> Self {
        Self {
            compliance: exchange.clone(),
            graph: graph.unwrap_or_else(|| exchange.clone()),
            login,
            exchange,
            rehearsal: true,
            ..self
        }
    }
}

/// Reads an address of a rehearsal.
///
/// # Errors
///
/// Anything but a literal loopback address: a name could lead anywhere.
pub fn loopback(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is no address: {error}"))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    if is_loopback(&url) && plain {
        Ok(url)
    } else {
        Err("only literal loopback addresses may stand here".to_owned())
    }
}

/// Whether an address literally names this machine.
pub fn is_loopback(url: &Url) -> bool {
    url.host_str()
        .and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok())
        .is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_endpoints() {
        for cloud in &CLOUDS {
            let endpoints = Endpoints::of(cloud, None).map(|endpoints| endpoints.exchange);
            let host = cloud.exchange.first().copied().unwrap_or_default();
            assert_eq!(
                endpoints.map(|url| url.to_string()),
                Ok(format!("https://{host}/"))
            );
        }
        assert!(Endpoints::of(Cloud::worldwide(), Some("outlook.example")).is_err());
    }

    #[test]
    fn a_rehearsal_stays_on_this_machine() {
        for good in [
            "http://127.0.0.1:8440",
            "https://127.9.9.9:1",
            "http://[::1]:8441/",
        ] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for bad in [
            "http://localhost:8440",
            "http://127.0.0.1.example:80",
            "http://192.0.2.1",
            "http://2130706433.example",
            "ftp://127.0.0.1",
            "http://user@127.0.0.1",
            "http://127.0.0.1/path",
            "http://[::ffff:127.0.0.1]/",
            "127.0.0.1:8440",
        ] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }
}
