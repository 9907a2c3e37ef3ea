//! Signing in to Entra ID: an identity and an organization → a token, kept in memory only.

mod certificate;
mod federated;
mod managed_identity;
mod person;

use super::claims::Claims;
use super::http::{Body, Call, Http, Reply, Worth};
use super::refusal;
use super::{Budget, Credential, Endpoints, Fault, Identity, Kind};
use crate::connector::Guid;
use crate::finding::excerpt;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What faults call this step.
const SIGN_IN: &str = "sign-in";

/// A token this near its end is not used any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// An assertion by which an application proves that it is itself.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token for one organization.
pub struct Token {
    secret: SecretString,
    /// What it says of its bearer.
    pub claims: Claims,
    /// Until when it is good.
    expires: Timestamp,
    /// By how much the clock that issued it is ahead of this machine's, where the answer said its time.
    pub skew: Option<SignedDuration>,
}

impl Token {
    /// The secret itself, for a header that is marked as one.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Whether it is good for another request.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires.duration_since(now) > MARGIN
    }
}

/// Says to a person what to do in a browser.
pub type Tell = dyn Fn(&str) + Send + Sync;

/// How identities sign in during a run.
pub struct SignIn {
    /// Sends the requests.
    pub http: Http,
    /// Relative files of credentials are named from here.
    folder: PathBuf,
    tell: Box<Tell>,
    /// Whether tokens and hosts are kept for the run, so that a person signs in once.
    pub keeps: bool,
    kept: Mutex<Vec<(Guid, Identity, Arc<Token>)>>,
    hosts: Mutex<Vec<(Guid, Url, Url)>>,
    /// The job's own token, which is the same for every organization.
    job: Mutex<Option<(String, SecretString, Timestamp)>>,
}

impl SignIn {
    /// Signs in over `http`; files of credentials are named from `folder`, and `tell` says to a person what to do.
    pub fn new(http: Http, folder: &Path, tell: Box<Tell>) -> Self {
        Self {
            http,
            folder: folder.to_owned(),
            tell,
            keeps: false,
            kept: Mutex::default(),
            hosts: Mutex::default(),
            job: Mutex::default(),
        }
    }

    /// A token of an identity for Exchange Online of an organization.
    ///
    /// # Errors
    ///
    /// A fault that names the step, and what an administrator can do about it.
    pub fn token(
        &self,
        identity: &Identity,
        (endpoints, tenant_id): (&Endpoints, &Guid),
        resource: &Url,
        budget: &Budget,
    ) -> Result<Arc<Token>, Fault> {
        if let Some(token) = self.kept(identity, tenant_id) {
            return Ok(token);
        }
        let seeker = Seeker {
            sign_in: self,
            identity,
            endpoints,
            tenant_id,
            resource: resource.as_str().trim_end_matches('/').to_owned(),
            budget,
        };
        let token = seeker.token()?;
        match token.claims.tenant_id() {
            Some(own) if own != *tenant_id => Err(Fault::new(
                Kind::Foreign,
                SIGN_IN,
                format!("the token is for the organization {own}, expected {tenant_id}"),
                "sign in to the right organization, or correct tenant_id in connguard.yaml",
            )),
            Some(_) => Ok(self.keep(identity, tenant_id, token)),
            None => Err(Fault::new(
                Kind::Foreign,
                SIGN_IN,
                "the token does not say which organization it is for",
                "find out what answers in the place of the sign-in service",
            )),
        }
    }

    fn kept(&self, identity: &Identity, tenant_id: &Guid) -> Option<Arc<Token>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(tenant, own, token)| {
            tenant == tenant_id && own == identity && token.is_fresh(Timestamp::now())
        });
        found.map(|(_, _, token)| Arc::clone(token))
    }

    fn keep(&self, identity: &Identity, tenant_id: &Guid, token: Token) -> Arc<Token> {
        let token = Arc::new(token);
        if self.keeps {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.retain(|(tenant, own, _)| tenant != tenant_id || own != identity);
            kept.push((tenant_id.clone(), identity.clone(), Arc::clone(&token)));
        }
        token
    }

    /// The host that was found for an organization behind a usual one, where that is kept.
    pub fn host(&self, tenant_id: &Guid, usual: &Url) -> Option<Url> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = hosts
            .iter()
            .find(|(id, behind, _)| id == tenant_id && behind == usual);
        found.map(|(_, _, host)| host.clone())
    }

    /// Keeps the host of an organization.
    pub fn keep_host(&self, tenant_id: &Guid, usual: &Url, host: &Url) {
        if self.keeps {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.push((tenant_id.clone(), usual.clone(), host.clone()));
        }
    }

    /// Forgets a token that the service does not accept.
    pub fn forget(&self, refused: &Arc<Token>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, _, token)| !Arc::ptr_eq(token, refused));
    }
}

/// One attempt to get a token.
struct Seeker<'s> {
    sign_in: &'s SignIn,
    identity: &'s Identity,
    endpoints: &'s Endpoints,
    tenant_id: &'s Guid,
    /// Whom the token is for.
    resource: String,
    budget: &'s Budget,
}

impl Seeker<'_> {
    fn token(&self) -> Result<Token, Fault> {
        match &self.identity.credential {
            Credential::SecretEnv(variable) => self.by_secret(&variable_secret(variable)?),
            Credential::SecretFile(file) => self.by_secret(&self.file_secret(file)?),
            Credential::Certificate { file, password_env } => {
                let assertion = self.certificate_assertion(file, password_env.as_deref())?;
                self.by_assertion(&assertion)
            }
            Credential::GithubOidc
            | Credential::AzureDevops
            | Credential::WorkloadIdentity
            | Credential::TokenFile(_) => self.by_assertion(&self.job_token()?),
            Credential::ManagedIdentity => self.managed_identity(),
            Credential::DeviceCode => self.device_code(),
            Credential::AzureCli => self.azure_cli(),
        }
    }

    fn client_id(&self) -> Result<&str, Fault> {
        self.identity.client_id.as_deref().ok_or_else(|| {
            local(
                "connguard.yaml names no client_id for this credential",
                "add client_id: the application (client) id that App registrations shows",
            )
        })
    }

    fn scope(&self) -> String {
        format!("{}/.default", self.resource)
    }

    fn by_secret(&self, secret: &SecretString) -> Result<Token, Fault> {
        let (client_id, scope) = (self.client_id()?, self.scope());
        self.asked(&[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", &scope),
            ("client_secret", secret.expose_secret()),
        ])
    }

    fn by_assertion(&self, assertion: &SecretString) -> Result<Token, Fault> {
        let (client_id, scope) = (self.client_id()?, self.scope());
        self.asked(&[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", &scope),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.expose_secret()),
        ])
    }

    /// The token endpoint of the organization.
    fn token_url(&self) -> Result<Url, Fault> {
        self.login_url("oauth2/v2.0/token")
    }

    fn login_url(&self, path: &str) -> Result<Url, Fault> {
        let url = self
            .endpoints
            .login
            .join(&format!("{}/{path}", self.tenant_id));
        url.map_err(|error| local(error.to_string(), "check tenant_id in connguard.yaml"))
    }

    fn asked(&self, form: &[(&str, &str)]) -> Result<Token, Fault> {
        let url = self.token_url()?;
        let call = self.form(&url, form);
        self.sign_in.http.read(&call, self.budget, |reply| {
            if reply.status == 200 {
                match token_of(&reply) {
                    Ok(token) => Worth::Good(token),
                    Err(fault) => Worth::Again(fault),
                }
            } else {
                Worth::Never(refused(&reply))
            }
        })
    }

    fn form<'a>(&self, url: &'a Url, form: &'a [(&'a str, &'a str)]) -> Call<'a> {
        Call {
            what: SIGN_IN,
            method: Method::POST,
            url,
            headers: Vec::new(),
            body: Body::Form(form),
            near: self.endpoints.rehearsal,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.sign_in.folder.join(file)
    }

    fn file_secret(&self, file: &str) -> Result<SecretString, Fault> {
        let text = read_small(&self.path(file), file)?;
        let text = String::from_utf8(text)
            .map_err(|_| local(format!("{file} is no text"), "put the secret alone into it"))?;
        one_word(text.trim(), file)
    }
}

/// A secret or a token is one word: whatever else a file holds, such as a key, is not sent anywhere.
fn one_word(text: &str, file: &str) -> Result<SecretString, Fault> {
    let plain = !text.is_empty()
        && text.len() <= 16_384
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.starts_with("-----");
    if plain {
        Ok(SecretString::from(text.to_owned()))
    } else {
        Err(local(
            format!(
                "{} holds no secret and no token: that is one word",
                excerpt(file)
            ),
            "put the secret alone into it",
        ))
    }
}

/// What the token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds it is good; some endpoints write a number, others text.
    #[serde(default)]
    expires_in: serde_json::Value,
    /// When it ends, in seconds since 1970: an app service says only that.
    #[serde(default)]
    expires_on: serde_json::Value,
}

/// What it answers where it refuses.
#[derive(Default, Deserialize)]
struct Denied {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

fn token_of(reply: &Reply) -> Result<Token, Fault> {
    let granted: Granted = serde_json::from_slice(&reply.body).map_err(|_| {
        Fault::new(
            Kind::Malformed,
            SIGN_IN,
            "the answer holds no token",
            "find out what answers in the place of the sign-in service",
        )
    })?;
    let number = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => number.as_i64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let until =
        number(&granted.expires_on).map(|end| end.saturating_sub(Timestamp::now().as_second()));
    let seconds = number(&granted.expires_in).or(until);
    let skew = reply
        .date()
        .map(|theirs| theirs.duration_since(Timestamp::now()));
    Ok(new_token(granted.access_token, seconds.unwrap_or(0), skew))
}

fn new_token(text: String, seconds: i64, skew: Option<SignedDuration>) -> Token {
    Token {
        claims: Claims::of(&text).unwrap_or_default(),
        secret: SecretString::from(text),
        expires: Timestamp::now() + SignedDuration::from_secs(seconds.clamp(0, 86_400)),
        skew,
    }
}

/// Why the sign-in was refused, in the words of an administrator.
fn refused(reply: &Reply) -> Fault {
    let denied: Denied = serde_json::from_slice(&reply.body).unwrap_or_default();
    let (code, refusal) = refusal::known(&denied.error_description);
    let name = match code {
        Some(code) => format!("AADSTS{code}"),
        None if denied.error.is_empty() => format!("status {}", reply.status),
        None => excerpt(&denied.error),
    };
    let (means, help) = match refusal {
        Some(refusal) => (refusal.means.to_owned(), refusal.help.to_owned()),
        None => (
            "it was refused".to_owned(),
            "Entra admin center, Sign-in logs (Service principal sign-ins) shows why".to_owned(),
        ),
    };
    Fault::new(Kind::SignIn, SIGN_IN, format!("{means} ({name})"), help)
}

fn local(message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault::new(Kind::Local, SIGN_IN, message, help)
}

/// A secret from a variable; what is wrong with it is said without it.
fn variable_secret(variable: &str) -> Result<SecretString, Fault> {
    match std::env::var(variable) {
        Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text.trim().to_owned())),
        Ok(_) => Err(local(
            format!("the variable {variable} is empty"),
            "put the secret into it",
        )),
        Err(_) => Err(local(
            format!("the variable {variable} is not set"),
            "put the secret into it; in CI, from the store of secrets",
        )),
    }
}

/// The largest file of a credential, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

fn read_small(path: &Path, shown: &str) -> Result<Vec<u8>, Fault> {
    let failed = |why: String| {
        local(
            format!("{} cannot be read: {why}", excerpt(shown)),
            "name the file in connguard.yaml; relative names begin at its folder",
        )
    };
    let length = std::fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if length > LARGEST_FILE {
        return Err(failed("it is too large for a credential".to_owned()));
    }
    std::fs::read(path).map_err(|error| failed(error.to_string()))
}
