//! Microsoft Graph, as much of it as tells of audits and of mail: who may call, and what is called.

use super::{
    answer::{Answer, Body},
    fault::Kind,
    filter::Filter,
    hunting,
    identities::{AUDIT, AUDIT_EXCHANGE, HUNTING},
    jwt::Parts,
    listing::{Listing, NEXT},
    problem::{self, Problem},
    rate,
    record::Record,
    shared::Shared,
    tenant::Tenant,
    wire::Request,
};
use serde_json::{Value, json};

/// What is called.
enum Route {
    Create,
    Status(String),
    Records(String),
    Hunt,
}

/// What is called, and in which version.
struct Address {
    version: &'static str,
    route: Route,
}

impl Address {
    fn of(request: &Request) -> Option<Self> {
        let segments = request.segments();
        let parts: Vec<_> = segments.iter().map(|part| part.to_lowercase()).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let (version, path) = match parts.as_slice() {
            ["v1.0", "security", path @ ..] => ("v1.0", path),
            ["beta", "security", path @ ..] => ("beta", path),
            _ => return None,
        };
        let route = match path {
            ["auditlog", "queries"] => Route::Create,
            ["auditlog", "queries", id] => Route::Status((*id).to_owned()),
            ["auditlog", "queries", id, "records"] => Route::Records((*id).to_owned()),
            ["runhuntingquery"] => Route::Hunt,
            _ => return None,
        };
        Some(Self { version, route })
    }

    fn method(&self) -> &'static str {
        match self.route {
            Route::Create | Route::Hunt => "POST",
            Route::Status(_) | Route::Records(_) => "GET",
        }
    }

    /// App roles of which one is needed.
    fn roles(&self) -> &'static [&'static str] {
        match self.route {
            Route::Hunt => &[HUNTING],
            _ => &[AUDIT_EXCHANGE, AUDIT],
        }
    }
}

/// What the journal and faults call a request, as they call those of the admin API by their cmdlet.
pub fn operation(request: &Request) -> Option<&'static str> {
    Address::of(request).map(|address| match address.route {
        Route::Create => "audit-query",
        Route::Status(_) => "audit-status",
        Route::Records(_) => "audit-records",
        Route::Hunt => "hunting",
    })
}

/// Answers a request.
pub fn answer(
    shared: &Shared,
    request: &Request,
    body: &Value,
    fault: Option<Kind>,
) -> Result<Answer, Problem> {
    if fault == Some(Kind::ExpireToken) {
        shared.expire_tokens();
    }
    let token = request.bearer();
    let token = token.ok_or_else(|| Problem::token("Access token is empty."))?;
    let claims = shared.key.verified(token);
    let claims = claims.ok_or_else(|| {
        Problem::token("IDX14100: JWT is not well formed, or its signature is invalid.")
    })?;
    let tenant = caller(shared, &claims)?;
    let address = Address::of(request).ok_or_else(Problem::not_found)?;
    let audits = !matches!(address.route, Route::Hunt);
    if audits && shared.options.audit_v1_missing && address.version == "v1.0" {
        return Err(Problem::not_found());
    }
    if request.method != address.method() {
        return Err(Problem::not_allowed());
    }
    let roles = granted(&claims, address.roles())?;
    let call = Call {
        shared,
        request,
        body,
        tenant,
        version: address.version,
    };
    match address.route {
        Route::Create => call.create(&roles),
        Route::Status(id) => call.status(&id),
        Route::Records(id) => call.records(&id),
        Route::Hunt => call.hunt(),
    }
}

/// The tenant of a token that lasts and is for Graph.
fn caller<'a>(shared: &'a Shared, claims: &Parts) -> Result<&'a Tenant, Problem> {
    if !shared.is_graph(claims.text("aud").unwrap_or_default()) {
        let text = "Access token validation failure. Invalid audience.";
        return Err(Problem::token(text));
    }
    if shared.is_expired(claims) {
        let text = "Lifetime validation failed, the token is expired.";
        return Err(Problem::token(text));
    }
    let tenant = claims.text("tid").and_then(|id| shared.tenant(id));
    tenant.ok_or_else(|| Problem::token("Access token validation failure. Unknown tenant."))
}

/// The roles of a token among those that would do, an application's or a user's.
fn granted(claims: &Parts, needed: &'static [&'static str]) -> Result<Vec<&'static str>, Problem> {
    let roles = claims.texts("roles");
    let scopes = claims.text("scp").unwrap_or_default();
    let has = |role: &str| roles.contains(&role) || scopes.split(' ').any(|scope| scope == role);
    let granted: Vec<_> = needed.iter().copied().filter(|role| has(role)).collect();
    match granted.is_empty() {
        true => Err(Problem::roles(needed)),
        false => Ok(granted),
    }
}

/// A call of somebody who may.
struct Call<'a> {
    shared: &'a Shared,
    request: &'a Request,
    body: &'a Value,
    tenant: &'a Tenant,
    version: &'static str,
}

impl Call<'_> {
    /// `POST /security/auditLog/queries`
    fn create(&self, roles: &[&str]) -> Result<Answer, Problem> {
        if let Some(rate) = self.shared.options.audit_job_rate {
            let passed = self.tenant.jobs.pass(rate);
            passed.map_err(|wait| Problem::throttled(Some(rate::seconds(wait))))?;
        }
        let filter = Filter::parse(self.body)?;
        let jobs = &self.shared.jobs;
        Ok(self.query(201, jobs.start(self.tenant, self.body, filter, roles)))
    }

    /// `GET /security/auditLog/queries/{id}`
    fn status(&self, id: &str) -> Result<Answer, Problem> {
        let query = self.shared.jobs.poll(self.shared, self.tenant, id);
        Ok(self.query(200, query.ok_or_else(Problem::not_found)?))
    }

    fn query(&self, status: u16, mut query: Record) -> Answer {
        self.explain(&mut query, "security/auditLog/queries/$entity");
        let body = Value::Object(query).to_string().into_bytes();
        Answer {
            body: Body::Bytes(problem::JSON, body),
            ..Answer::empty(status)
        }
    }

    /// `GET /security/auditLog/queries/{id}/records`
    fn records(&self, id: &str) -> Result<Answer, Problem> {
        let records = self.shared.jobs.records(self.tenant, id);
        let records = records.ok_or_else(Problem::not_found)?;
        let options = &self.shared.options;
        let limit = options.audit_page_size.max(1);
        let size = match self.request.query("$top") {
            None => limit,
            Some(top) => {
                let top: Option<usize> = top.parse().ok().filter(|top| *top > 0);
                top.ok_or_else(|| Problem::bad("Invalid value for $top."))?
                    .min(limit)
            }
        };
        let start: usize = match self.request.query("$skiptoken") {
            None => 0,
            Some(token) => {
                let start = token.strip_prefix("RID-").and_then(|it| it.parse().ok());
                let start = start.filter(|_| !options.broken_paging);
                start.ok_or_else(|| Problem::bad("The skip token is invalid or has expired."))?
            }
        };
        let end = start.saturating_add(size).min(records.len());
        let place = format!(
            "{}/{}/security/auditLog/queries/{id}/records",
            self.shared.graph, self.version
        );
        let mut head = Record::default();
        self.explain(
            &mut head,
            &format!("security/auditLog/queries('{id}')/records"),
        );
        if end < records.len() {
            let link = format!("{place}?%24top={size}&%24skiptoken=RID-{end}");
            head.insert(NEXT.to_owned(), link.into());
        }
        Ok(Answer::listing(Listing {
            head,
            member: "value",
            rows: records.iter().take(end).skip(start).cloned().collect(),
            place,
        }))
    }

    /// `POST /security/runHuntingQuery`
    fn hunt(&self) -> Result<Answer, Problem> {
        let options = &self.shared.options;
        if options.no_hunting {
            let text = "The tenant has no license for advanced hunting.";
            return Err(Problem::forbidden(text));
        }
        let mut head = hunting::answer(self.tenant, self.body)?;
        let mut rows = match head.remove("results") {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        rows.truncate(options.hunting_rows);
        self.explain(&mut head, "microsoft.graph.security.huntingQueryResults");
        Ok(Answer::listing(Listing {
            head,
            member: "results",
            rows,
            place: format!("{}/{}/security", self.shared.graph, self.version),
        }))
    }

    /// Says what a body is.
    fn explain(&self, body: &mut Record, what: &str) {
        let base = format!("{}/{}", self.shared.graph, self.version);
        let context = json!(format!("{base}/$metadata#{what}"));
        body.insert("@odata.context".to_owned(), context);
    }
}
