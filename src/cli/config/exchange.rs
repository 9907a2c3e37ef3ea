//! How a tenant's live service is reached: which identity, which cloud. Secrets are named, never held.

use crate::connector::{Guid, parse_guid};
use crate::document::{Node, Reader};
use crate::exchange::cloud::{CLOUDS, loopback};
use crate::exchange::{Cloud, Credential, Endpoints, Identity};
use reqwest::Url;

/// How the names of variables with secrets begin.
pub const SECRETS: &str = "CONNGUARD_";

/// How a tenant's live service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Who reads.
    pub identity: Identity,
    /// Who may write, and only `apply` and `unblock` sign in so.
    pub apply: Option<Identity>,
    /// Which cloud it is in.
    pub cloud: &'static Cloud,
    /// Which of the cloud's hosts, where it is not the usual one.
    pub host: Option<String>,
    /// A rehearsal's addresses, on this machine.
    pub overridden: Option<Addresses>,
}

/// Addresses of this machine that stand for the service in a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where identities sign in.
    pub login: Url,
    /// Exchange Online.
    pub exchange: Url,
    /// Microsoft Graph.
    pub graph: Option<Url>,
}

impl Exchange {
    /// Where requests go; `rehearsal` is the operator's word that addresses of this machine may be used.
    ///
    /// # Errors
    ///
    /// Addresses of this machine without that word.
    pub fn endpoints(&self, rehearsal: bool) -> Result<Endpoints, String> {
        let endpoints = Endpoints::of(self.cloud, self.host.as_deref())?;
        match &self.overridden {
            None => Ok(endpoints),
            Some(own) if rehearsal => {
                Ok(endpoints.rehearsed(own.login.clone(), own.exchange.clone(), own.graph.clone()))
            }
            Some(own) => Err(format!(
                "connguard.yaml leads to {} instead of the service: that is for rehearsals, with --rehearsal",
                own.login
            )),
        }
    }
}

impl Exchange {
    /// Whether who may write is who reads, though no person: the judge must hold no power.
    pub fn writes_as_reader(&self) -> bool {
        let same = |apply: &Identity| {
            *apply == self.identity
                || apply.client_id.is_some() && apply.client_id == self.identity.client_id
        };
        !self.identity.credential.is_person() && self.apply.as_ref().is_some_and(same)
    }
}

impl std::fmt::Display for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the live service ({}) as {}",
            self.cloud.name, self.identity
        )?;
        match &self.overridden {
            Some(own) => write!(f, " at {}", own.exchange),
            None => Ok(()),
        }
    }
}

/// Reads `exchange: { … }`.
pub(super) fn read(reader: &Reader<'_>, node: &Node) -> Option<Exchange> {
    let mut fields = reader.fields(node, "the live service")?;
    let client = fields.optional("client_id");
    let reading = fields
        .required("credential")
        .and_then(|node| identity(reader, node, client, "client_id"));
    let apply_client = fields.optional("apply_client_id");
    let apply = fields
        .optional("apply_credential")
        .map(|node| identity(reader, node, apply_client, "apply_client_id"));
    let cloud = match fields.optional("cloud") {
        None => Some(Cloud::worldwide()),
        Some(node) => cloud(reader, node),
    };
    let host = fields.optional("host");
    let endpoints = fields
        .optional("endpoints")
        .map(|node| addresses(reader, node));
    fields.finish();
    if let (Some(node), None) = (apply_client, &apply) {
        reader.wrong(
            node.span.clone(),
            "apply_client_id stands alone",
            "add apply_credential: how that application proves that it is itself",
        );
        return None;
    }
    let cloud = cloud?;
    let host = match host {
        None => None,
        Some(node) => {
            let text = reader.text(node)?;
            if let Err(why) = Endpoints::of(cloud, Some(&text)) {
                reader.wrong(node.span.clone(), why, "leave `host` out for the usual one");
                return None;
            }
            Some(text)
        }
    };
    Some(Exchange {
        identity: reading?,
        apply: match apply {
            None => None,
            Some(apply) => Some(apply?),
        },
        cloud,
        host,
        overridden: match endpoints {
            None => None,
            Some(endpoints) => Some(endpoints?),
        },
    })
}

fn cloud(reader: &Reader<'_>, node: &Node) -> Option<&'static Cloud> {
    let text = reader.text(node)?;
    Cloud::named(&text).or_else(|| {
        let names: Vec<&str> = CLOUDS.iter().map(|cloud| cloud.name).collect();
        reader.expected(node, "a cloud", &format!("one of {}", names.join(", ")))
    })
}

fn addresses(reader: &Reader<'_>, node: &Node) -> Option<Addresses> {
    let mut fields = reader.fields(node, "addresses of a rehearsal")?;
    let address = |node: &Node| {
        let text = reader.text(node)?;
        loopback(&text)
            .map_err(|why| {
                let help = "write an address such as http://127.0.0.1:8440; the hosts of real clouds follow from `cloud`";
                reader.wrong(node.span.clone(), why, help);
            })
            .ok()
    };
    let login = fields.required("login").and_then(address);
    let exchange = fields.required("exchange").and_then(address);
    let graph = fields.optional("graph").map(address);
    fields.finish();
    Some(Addresses {
        login: login?,
        exchange: exchange?,
        graph: match graph {
            None => None,
            Some(graph) => Some(graph?),
        },
    })
}

fn identity(
    reader: &Reader<'_>,
    node: &Node,
    client: Option<&Node>,
    key: &str,
) -> Option<Identity> {
    let client_id = match client {
        None => None,
        Some(node) => Some(guid(reader, node)?),
    };
    let credential = credential(reader, node)?;
    if credential.needs_client() && client_id.is_none() {
        reader.wrong(
            node.span.clone(),
            format!("this credential is an application's, and {key} is missing"),
            "add the application (client) id that App registrations shows",
        );
        return None;
    }
    Some(Identity {
        client_id,
        credential,
    })
}

fn guid(reader: &Reader<'_>, node: &Node) -> Option<Guid> {
    let text = reader.text(node)?;
    parse_guid(&text).or_else(|| {
        let help = "write it like 0f3c8a1e-0000-4000-8000-000000000001";
        reader.expected(node, "the id of an application", help)
    })
}

const CREDENTIALS: &str = "one of github-oidc, azure-devops, workload-identity, managed-identity, device-code, azure-cli, { certificate: FILE }, { secret_env: CONNGUARD_… }, { secret_file: FILE }, { token_file: FILE }";

fn credential(reader: &Reader<'_>, node: &Node) -> Option<Credential> {
    if let crate::document::Content::Text(word) = &node.content {
        let known = Credential::WORDS.into_iter().find(|(own, _)| own == word);
        return match known {
            Some((_, credential)) => Some(credential),
            None => reader.expected(node, "a credential", CREDENTIALS),
        };
    }
    let mut fields = reader.fields(node, "a credential")?;
    let certificate = fields.optional("certificate");
    let password = fields.optional("password_env");
    let secret_env = fields.optional("secret_env");
    let secret_file = fields.optional("secret_file");
    let token_file = fields.optional("token_file");
    fields.finish();
    let password_env = match password {
        None => None,
        Some(node) => Some(variable(reader, node)?),
    };
    match (certificate, secret_env, secret_file, token_file) {
        (Some(node), None, None, None) => Some(Credential::Certificate {
            file: reader.text(node)?,
            password_env,
        }),
        (None, Some(node), None, None) => variable(reader, node).map(Credential::SecretEnv),
        (None, None, Some(node), None) => reader.text(node).map(Credential::SecretFile),
        (None, None, None, Some(node)) => reader.text(node).map(Credential::TokenFile),
        _ => reader.expected(node, "one credential", CREDENTIALS),
    }
}

/// Variables that mean something else: the key of the history above all is sent nowhere.
const OWN: [&str; 6] = [
    "CONNGUARD_HISTORY_KEY",
    "CONNGUARD_HISTORY_PIN",
    "CONNGUARD_REV",
    "CONNGUARD_ROOT",
    "CONNGUARD_SOURCE",
    "CONNGUARD_STATE",
];

/// A hostile configuration must not send any other variable anywhere.
fn variable(reader: &Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?;
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if text.starts_with(SECRETS) && plain && !OWN.contains(&text.as_str()) {
        return Some(text);
    }
    reader.expected(
        node,
        "the name of a variable",
        "variables for secrets begin with CONNGUARD_, such as CONNGUARD_SECRET, and are none of connguard's own",
    )
}
