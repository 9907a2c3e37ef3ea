//! People: with a code in a browser, or by the Azure CLI.

use super::{Denied, Seeker, Token, local, new_token, refused, token_of};
use crate::exchange::claims::Claims;
use crate::exchange::cloud::is_loopback;
use crate::exchange::credential::EXCHANGE_MODULE;
use crate::exchange::http::Worth;
use crate::exchange::{Budget, Fault, Kind};
use crate::finding::excerpt;
use reqwest::Url;
use serde::Deserialize;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What begins a sign-in in a browser.
#[derive(Deserialize)]
struct DeviceCode {
    device_code: String,
    user_code: String,
    verification_uri: String,
    #[serde(default = "five")]
    interval: u64,
    /// How long a person has, in seconds.
    #[serde(default = "quarter_hour")]
    expires_in: u64,
}

const fn quarter_hour() -> u64 {
    900
}

const fn five() -> u64 {
    5
}

impl Seeker<'_> {
    pub(super) fn device_code(&self) -> Result<Token, Fault> {
        let client = self
            .identity
            .client_id
            .as_deref()
            .unwrap_or(EXCHANGE_MODULE);
        let scope = self.scope();
        let url = self.login_url("oauth2/v2.0/devicecode")?;
        let form = [("client_id", client), ("scope", scope.as_str())];
        let call = self.form(&url, &form);
        let code = self.sign_in.http.read(&call, self.budget, |reply| {
            if reply.status != 200 {
                return Worth::Never(refused(&reply));
            }
            match serde_json::from_slice::<DeviceCode>(&reply.body) {
                Ok(code) => Worth::Good(code),
                Err(_) => Worth::Again(malformed("the answer holds no code")),
            }
        })?;
        let place = self.page(&code.verification_uri)?;
        (self.sign_in.tell)(&format!(
            "to sign in to {}, open {place} and enter the code {}",
            self.tenant_id,
            excerpt(&code.user_code)
        ));
        self.poll(client, &code)
    }

    /// Where a person is sent must be a page of Microsoft's, whatever answered.
    fn page(&self, address: &str) -> Result<String, Fault> {
        const OWN: [&str; 4] = [
            "microsoft.com",
            "microsoftonline.com",
            "microsoftonline.us",
            "chinacloudapi.cn",
        ];
        let url = Url::parse(address).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let below = |own: &str| host == own || host.ends_with(&format!(".{own}"));
        let is_own = url.as_ref().is_some_and(|url| url.scheme() == "https")
            && OWN.iter().any(|own| below(own));
        let rehearsed = self.endpoints.rehearsal && url.as_ref().is_some_and(is_loopback);
        if is_own || rehearsed {
            Ok(excerpt(address))
        } else {
            Err(Fault::new(
                Kind::Foreign,
                super::SIGN_IN,
                format!(
                    "the answer sends people to {:?}, which is no page of Microsoft's",
                    excerpt(address)
                ),
                "find out what answers in the place of the sign-in service; enter no code",
            ))
        }
    }

    /// What a program writes, as long as there is time for it, and not more than a token has reason to be.
    fn output(&self, mut command: Command, help: &str) -> Result<(bool, Vec<u8>, Vec<u8>), Fault> {
        let failed =
            |error: std::io::Error| local(format!("the Azure CLI cannot be run: {error}"), help);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let end = Instant::now() + self.budget.left();
        let read = |stream: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(stream) = stream {
                    // What cannot be read is no token.
                    let _ = stream.take(1 << 20).read_to_end(&mut bytes);
                }
                bytes
            })
        };
        let boxed = |stream| -> Box<dyn Read + Send> { stream };
        let stdout = read(child.stdout.take().map(|own| boxed(Box::new(own))));
        let stderr = read(child.stderr.take().map(|own| boxed(Box::new(own))));
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            if Instant::now() >= end {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Fault::new(
                    Kind::Budget,
                    "the Azure CLI",
                    "it gave no token within the time for this tenant",
                    help,
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let joined = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
        Ok((status.success(), joined(stdout), joined(stderr)))
    }

    fn poll(&self, client: &str, code: &DeviceCode) -> Result<Token, Fault> {
        let mut interval = Duration::from_secs(code.interval.clamp(1, 60));
        // A person takes their own time; the tenant's begins with the first request after it.
        let patience = Duration::from_secs(code.expires_in.min(1800));
        let budget = &Budget::of(patience);
        let url = self.token_url()?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client),
            ("device_code", code.device_code.as_str()),
        ];
        loop {
            budget.wait(interval, super::SIGN_IN, "nobody entered the code")?;
            let call = self.form(&url, &form);
            let answer = self.sign_in.http.read(&call, budget, |reply| {
                if reply.status == 200 {
                    return match token_of(&reply) {
                        Ok(token) => Worth::Good(Ok(token)),
                        Err(fault) => Worth::Never(fault),
                    };
                }
                let denied: Denied = serde_json::from_slice(&reply.body).unwrap_or_default();
                match denied.error.as_str() {
                    "authorization_pending" => Worth::Good(Err(Duration::ZERO)),
                    "slow_down" => Worth::Good(Err(Duration::from_secs(5))),
                    "expired_token" | "code_expired" => Worth::Never(Fault::new(
                        Kind::SignIn,
                        super::SIGN_IN,
                        "the code has expired",
                        "run it again and enter the code within 15 minutes",
                    )),
                    "access_denied" | "authorization_declined" => Worth::Never(Fault::new(
                        Kind::SignIn,
                        super::SIGN_IN,
                        "the sign-in was declined in the browser",
                        "run it again, if that was a mistake",
                    )),
                    _ => Worth::Never(refused(&reply)),
                }
            })?;
            match answer {
                Ok(token) => return Ok(token),
                Err(more) => interval += more,
            }
        }
    }

    /// Whoever is signed in with `az login`.
    pub(super) fn azure_cli(&self) -> Result<Token, Fault> {
        const HELP: &str = "install the Azure CLI and sign in: az login --allow-no-subscriptions --tenant TENANT_ID";
        let mut command = Command::new(if cfg!(windows) { "az.cmd" } else { "az" });
        command
            .args(["account", "get-access-token", "--output", "json"])
            .args(["--resource", &self.resource])
            .args(["--tenant", self.tenant_id])
            .stdin(Stdio::null());
        // It needs none of our secrets.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONNGUARD_") {
                command.env_remove(name);
            }
        }
        let (success, stdout, stderr) = self.output(command, HELP)?;
        if !success {
            // What it says may hold what it was given; only a known code of it is shown.
            let said = String::from_utf8_lossy(&stderr);
            let (code, refusal) = crate::exchange::refusal::known(&said);
            let means = refusal.map_or("it gave no token", |refusal| refusal.means);
            let code = code.map_or_else(String::new, |code| format!(" (AADSTS{code})"));
            return Err(Fault::new(
                Kind::SignIn,
                "the Azure CLI",
                format!("{means}{code}"),
                refusal.map_or(HELP, |refusal| refusal.help),
            ));
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Given {
            access_token: String,
        }
        let given: Given = serde_json::from_slice(&stdout)
            .map_err(|_| malformed("the Azure CLI answered without a token"))?;
        let left =
            Claims::of(&given.access_token).and_then(|claims| claims.left(jiff::Timestamp::now()));
        Ok(new_token(given.access_token, left.unwrap_or(300), None))
    }
}

fn malformed(message: &str) -> Fault {
    Fault::new(
        Kind::Malformed,
        super::SIGN_IN,
        message,
        "find out what answers in the place of the sign-in service",
    )
}
