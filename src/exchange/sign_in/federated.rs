//! The token of a job, by which an application signs in without a secret of its own.

use super::{Seeker, local, read_small, variable_secret};
use crate::exchange::cloud::is_loopback;
use crate::exchange::http::{Body, Call, Reply, Worth};
use crate::exchange::{Credential, Fault, Kind};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;
use std::sync::PoisonError;

/// A job's token is good for minutes; it is asked for anew after this.
const KEPT: SignedDuration = SignedDuration::from_secs(180);

impl Seeker<'_> {
    /// The job's token, which serves for every organization of a run.
    pub(super) fn job_token(&self) -> Result<SecretString, Fault> {
        let now = Timestamp::now();
        let key = format!(
            "{:?} {}",
            self.identity.credential, self.endpoints.federated_audience
        );
        let mut job = self
            .sign_in
            .job
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((own, secret, since)) = &*job
            && *own == key
            && now.duration_since(*since) < KEPT
        {
            return Ok(secret.clone());
        }
        let secret = match &self.identity.credential {
            Credential::GithubOidc => self.github()?,
            Credential::AzureDevops => self.azure_devops()?,
            Credential::TokenFile(file) => self.file_secret(file)?,
            _ => token_file()?,
        };
        *job = Some((key, secret.clone(), now));
        Ok(secret)
    }

    /// GitHub gives a job with `id-token: write` an address and a token for asking.
    fn github(&self) -> Result<SecretString, Fault> {
        let mut url = self.job_url("ACTIONS_ID_TOKEN_REQUEST_URL", GITHUB_HELP)?;
        url.query_pairs_mut()
            .append_pair("audience", self.endpoints.federated_audience);
        let bearer = variable_secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN").map_err(|fault| Fault {
            help: GITHUB_HELP.to_owned(),
            ..fault
        })?;
        self.ask_for_job_token(Method::GET, &url, &bearer, "/value")
    }

    /// Azure DevOps gives a job an address, its own token, and the id of the service connection.
    fn azure_devops(&self) -> Result<SecretString, Fault> {
        let mut url = self.job_url("SYSTEM_OIDCREQUESTURI", DEVOPS_HELP)?;
        let connection =
            std::env::var("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID").map_err(|_| {
                local(
                    "the variable AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is not set",
                    DEVOPS_HELP,
                )
            })?;
        url.query_pairs_mut()
            .append_pair("api-version", "7.1")
            .append_pair("serviceConnectionId", &connection);
        let bearer = variable_secret("SYSTEM_ACCESSTOKEN").map_err(|fault| Fault {
            help: DEVOPS_HELP.to_owned(),
            ..fault
        })?;
        self.ask_for_job_token(Method::POST, &url, &bearer, "/oidcToken")
    }

    /// The address that the runner gives in a variable: the bearer token goes there.
    fn job_url(&self, variable: &str, help: &str) -> Result<Url, Fault> {
        let text = std::env::var(variable)
            .map_err(|_| local(format!("the variable {variable} is not set"), help))?;
        let url = Url::parse(&text)
            .map_err(|_| local(format!("the variable {variable} holds no address"), help))?;
        let rehearsed = self.endpoints.rehearsal && is_loopback(&url);
        if url.scheme() == "https" || rehearsed {
            Ok(url)
        } else {
            Err(local(
                format!("the variable {variable} holds no https address"),
                help,
            ))
        }
    }

    fn ask_for_job_token(
        &self,
        method: Method,
        url: &Url,
        bearer: &SecretString,
        pointer: &str,
    ) -> Result<SecretString, Fault> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()))
            .map_err(|_| {
                local(
                    "the job's token for asking holds what no header can",
                    "run the job again",
                )
            })?;
        value.set_sensitive(true);
        let call = Call {
            what: "the job's token",
            method,
            url,
            headers: vec![
                ("authorization", value),
                ("accept", HeaderValue::from_static("application/json")),
            ],
            body: Body::None,
            near: self.endpoints.rehearsal && is_loopback(url),
        };
        self.sign_in.http.read(&call, self.budget, |reply| {
            if reply.status != 200 {
                return Worth::Never(Fault::new(
                    Kind::SignIn,
                    "the job's token",
                    format!("the runner's service refused it (status {})", reply.status),
                    "GitHub: the job needs permissions: id-token: write; Azure DevOps: the job needs the service connection",
                ));
            }
            match token_in(&reply, pointer) {
                Some(secret) => Worth::Good(secret),
                None => Worth::Again(Fault::new(
                    Kind::Malformed,
                    "the job's token",
                    "the runner's service answered without a token",
                    "run the job again",
                )),
            }
        })
    }
}

const GITHUB_HELP: &str = "it is there in a job of GitHub Actions with permissions: id-token: write (not in pull requests from forks); elsewhere use another credential";
const DEVOPS_HELP: &str = "run it in a task that uses the service connection, such as AzureCLI@2, and give it env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)";

fn token_in(reply: &Reply, pointer: &str) -> Option<SecretString> {
    let json: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    let token = json.pointer(pointer)?.as_str()?;
    Some(SecretString::from(token.to_owned()))
}

/// Kubernetes and others leave the token in a file that a variable names.
fn token_file() -> Result<SecretString, Fault> {
    const VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";
    let path = std::env::var(VARIABLE).map_err(|_| {
        local(
            format!("the variable {VARIABLE} is not set"),
            "it is there where workload identity is set up (azure.workload.identity/use: \"true\"); elsewhere use { token_file: FILE }",
        )
    })?;
    let bytes = read_small(Path::new(&path), &path)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        local(
            format!("the file that {VARIABLE} names is no text"),
            "look at what writes it",
        )
    })?;
    super::one_word(text.trim(), &path)
}
