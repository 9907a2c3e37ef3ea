//! One organization's cmdlets: what is asked, as whom, and what came back.

use super::answer::{Answer, Page, worth};
use super::front_door::discover;
use super::http::{Body, Call, LARGEST};
use super::{Budget, Endpoints, Fault, Identity, Kind, SignIn, Token};
use crate::connector::Guid;
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The mailbox by which requests reach the organization's own servers.
const ANCHOR: &str = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}";

/// No answer has more pages.
const MOST_PAGES: usize = 1000;

/// One organization's admin API, for one identity.
pub struct Service<'s> {
    sign_in: &'s SignIn,
    endpoints: &'s Endpoints,
    tenant_id: &'s Guid,
    identity: &'s Identity,
    budget: OnceLock<Budget>,
    token: Mutex<Option<Arc<Token>>>,
    host: OnceLock<Url>,
}

/// A cmdlet and its parameters.
pub struct Cmdlet<'c> {
    /// Exchange's name.
    pub name: &'c str,
    /// By Exchange's names; an object.
    pub parameters: Json,
}

impl<'c> Cmdlet<'c> {
    /// A cmdlet that lists everything there is.
    pub fn all(name: &'c str) -> Self {
        Self {
            name,
            parameters: json!({ "ResultSize": "Unlimited" }),
        }
    }

    /// A cmdlet without parameters.
    pub fn plain(name: &'c str) -> Self {
        Self {
            name,
            parameters: json!({}),
        }
    }

    pub(super) fn body(&self) -> String {
        json!({ "CmdletInput": { "CmdletName": self.name, "Parameters": self.parameters } })
            .to_string()
    }
}

impl<'s> Service<'s> {
    /// The admin API of an organization. Nothing is sent yet; the time for the tenant begins now.
    pub fn new(
        sign_in: &'s SignIn,
        endpoints: &'s Endpoints,
        tenant_id: &'s Guid,
        identity: &'s Identity,
    ) -> Self {
        Self {
            sign_in,
            endpoints,
            tenant_id,
            identity,
            budget: OnceLock::new(),
            token: Mutex::default(),
            host: OnceLock::new(),
        }
    }

    /// Whether addresses of this machine stand for the service.
    pub const fn is_rehearsal(&self) -> bool {
        self.endpoints.rehearsal
    }

    /// The token, a new one where the old one is about to end.
    ///
    /// # Errors
    ///
    /// The fault of signing in.
    pub fn token(&self) -> Result<Arc<Token>, Fault> {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = token
            .as_ref()
            .filter(|token| token.is_fresh(Timestamp::now()))
        {
            return Ok(Arc::clone(token));
        }
        let budget = if self.identity.credential.is_person() {
            Budget::new(&self.sign_in.http.patience)
        } else {
            *self.budget()
        };
        let new = self.sign_in.token(
            self.identity,
            (self.endpoints, self.tenant_id),
            &self.endpoints.exchange,
            &budget,
        )?;
        *token = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Forgets a token that the service does not accept.
    fn forget(&self, refused: &Arc<Token>) {
        self.sign_in.forget(refused);
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref().is_some_and(|own| Arc::ptr_eq(own, refused)) {
            *token = None;
        }
    }

    /// What a cmdlet that lists objects returns, over all pages.
    ///
    /// # Errors
    ///
    /// The fault where there is no answer. One that may not be all has its doubts with it.
    pub fn list(&self, cmdlet: &Cmdlet<'_>) -> Result<Answer, Fault> {
        let body = cmdlet.body();
        let mut answer = Answer::default();
        let first = self.url(self.host()?)?;
        let mut seen = BTreeSet::new();
        let mut url = first.clone();
        let mut bytes = 0;
        loop {
            let page = match self.page(cmdlet.name, &url, &body) {
                Ok(page) => page,
                Err(fault) if answer.requests.is_empty() => return Err(fault),
                Err(fault) => {
                    answer
                        .doubts
                        .push(format!("a further page could not be read: {fault}"));
                    return Ok(answer);
                }
            };
            answer.requests.push(page.request);
            bytes += page.rows.iter().map(String::len).sum::<usize>();
            if bytes > LARGEST {
                answer
                    .doubts
                    .push(format!("its pages are larger than {} MiB", LARGEST >> 20));
                return Ok(answer);
            }
            answer.rows.extend(page.rows);
            answer.doubts.extend(page.doubts);
            let Some(next) = page.next else {
                return Ok(answer);
            };
            match first.join(&next) {
                Ok(next) if next.origin() != first.origin() => {
                    answer.doubts.push(
                        "the next page lies on another host, and the token is not sent there"
                            .to_owned(),
                    );
                    return Ok(answer);
                }
                Ok(next) if seen.len() < MOST_PAGES && seen.insert(next.clone()) => url = next,
                _ => {
                    answer
                        .doubts
                        .push("the pages of the answer have no end".to_owned());
                    return Ok(answer);
                }
            }
        }
    }

    fn page(&self, what: &str, url: &Url, body: &str) -> Result<Page, Fault> {
        let ask = |token: &Token| {
            let call = self.call(what, url, body, token)?;
            self.sign_in
                .http
                .read(&call, self.budget(), |reply| worth(what, true, reply))
        };
        let token = self.token()?;
        match ask(&token) {
            // A token can end, or be revoked, in the middle of a run; a new one settles which it is.
            Err(fault) if fault.kind == Kind::Unauthorized => {
                self.forget(&token);
                let second = ask(&*self.token()?);
                second.map_err(|second| {
                    let mut requests = fault.requests.clone();
                    requests.extend(second.requests.iter().cloned());
                    second.after(&requests)
                })
            }
            other => other,
        }
    }

    pub(super) fn attempt(
        &self,
        what: &str,
        url: &Url,
        body: &str,
    ) -> Result<Result<super::http::Reply, super::http::Lost>, Fault> {
        let token = self.token()?;
        let call = self.call(what, url, body, &token)?;
        let reply = self.sign_in.http.once(&call, self.budget());
        if let Ok(reply) = &reply
            && reply.status == 401
        {
            self.forget(&token);
        }
        Ok(reply)
    }

    /// What is left of the time for the tenant, which begins with the first request that is not a person's own.
    pub(super) fn budget(&self) -> &Budget {
        self.budget
            .get_or_init(|| Budget::new(&self.sign_in.http.patience))
    }

    /// The cmdlets that the identity may run.
    ///
    /// # Errors
    ///
    /// The fault where the service does not say.
    pub fn cmdlets(&self) -> Result<BTreeSet<String>, Fault> {
        const WHAT: &str = "the list of cmdlets";
        let path = format!(
            "AdminApi/v1.0/{}/EXOModuleFile?Version=3.9.0",
            self.tenant_id
        );
        let url = self.join(&self.host()?, &path)?;
        let token = self.token()?;
        let mut headers = self.headers(&token)?;
        headers.push(("commandname", HeaderValue::from_static("*")));
        let call = Call {
            what: WHAT,
            method: Method::GET,
            url: &url,
            headers,
            body: Body::None,
            near: self.endpoints.rehearsal,
        };
        let page = self
            .sign_in
            .http
            .read(&call, self.budget(), |reply| worth(WHAT, true, reply))?;
        let mut names = BTreeSet::new();
        for row in &page.rows {
            let row: Json = serde_json::from_str(row).unwrap_or_default();
            let list = row
                .get("exportedCmdlets")
                .and_then(Json::as_str)
                .unwrap_or_default();
            names.extend(
                list.split(',')
                    .map(|name| name.trim().to_owned())
                    .filter(|name| !name.is_empty()),
            );
        }
        if names.is_empty() {
            return Err(Fault::new(
                Kind::Malformed,
                WHAT,
                "the service named no cmdlet",
                "look at the grants of the application",
            )
            .after(&[page.request]));
        }
        Ok(names)
    }

    /// The host that answers for the organization, asked for once.
    pub(super) fn host(&self) -> Result<Url, Fault> {
        let usual = &self.endpoints.exchange;
        let kept = self.host.get().cloned();
        if let Some(host) = kept.or_else(|| self.sign_in.host(self.tenant_id, usual)) {
            return Ok(host);
        }
        let headers = self.headers(&*self.token()?)?;
        let host = discover(
            &self.sign_in.http,
            self.endpoints,
            self.tenant_id,
            &headers,
            self.budget(),
        );
        self.sign_in.keep_host(self.tenant_id, usual, &host);
        Ok(self.host.get_or_init(|| host).clone())
    }

    pub(super) fn url(&self, host: Url) -> Result<Url, Fault> {
        self.join(
            &host,
            &format!("adminapi/beta/{}/InvokeCommand", self.tenant_id),
        )
    }

    /// The host by which the token's resource is named.
    pub(super) const fn resource(&self) -> &Url {
        &self.endpoints.exchange
    }

    pub(super) const fn http(&self) -> &super::Http {
        &self.sign_in.http
    }

    pub(super) fn join(&self, host: &Url, path: &str) -> Result<Url, Fault> {
        host.join(path).map_err(|error| {
            Fault::new(
                Kind::Local,
                "address",
                error.to_string(),
                "check tenant_id in connguard.yaml",
            )
        })
    }

    fn call<'a>(
        &self,
        what: &'a str,
        url: &'a Url,
        body: &'a str,
        token: &Token,
    ) -> Result<Call<'a>, Fault> {
        let mut headers = self.headers(token)?;
        headers.push(("accept", HeaderValue::from_static("application/json")));
        headers.push(("prefer", HeaderValue::from_static("odata.maxpagesize=1000")));
        headers.push(("x-responseformat", HeaderValue::from_static("json")));
        Ok(Call {
            what,
            method: Method::POST,
            url,
            headers,
            body: Body::Json(body),
            near: self.endpoints.rehearsal,
        })
    }

    pub(super) fn headers(&self, token: &Token) -> Result<Vec<(&'static str, HeaderValue)>, Fault> {
        let header = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| {
                Fault::new(
                    Kind::Malformed,
                    "sign-in",
                    "the token holds what no header can",
                    "sign in again",
                )
            })
        };
        let mut bearer = header(&format!("Bearer {}", token.expose()))?;
        bearer.set_sensitive(true);
        let anchor = match &token.claims.upn {
            Some(upn) => format!("UPN:{upn}"),
            None => format!("APP:{ANCHOR}@{}", self.tenant_id),
        };
        Ok(vec![
            ("authorization", bearer),
            ("x-anchormailbox", header(&anchor)?),
        ])
    }
}
