//! What Entra ID's error codes mean, and what to do about each.

/// A code, what it means, and how to go on.
pub struct Refusal {
    /// The number after `AADSTS`.
    pub code: u32,
    /// What it means.
    pub means: &'static str,
    /// How to go on.
    pub help: &'static str,
}

/// The codes that administrators meet.
///
/// Source: Microsoft's list of Entra authentication error codes.
pub const REFUSALS: &[Refusal] = &[
    of(
        16000,
        "no account is chosen",
        "sign in again: az login --tenant, or use device-code",
    ),
    of(
        50001,
        "Exchange Online is not known to this organization",
        "the tenant needs an Exchange Online licence; check tenant_id and cloud in connguard.yaml",
    ),
    of(
        50005,
        "a Conditional Access policy does not allow this device",
        "sign in from a managed device, or use an application with a certificate",
    ),
    of(
        50020,
        "this account is not of that organization",
        "sign in with an account of the organization: az login --tenant TENANT_ID",
    ),
    of(
        50034,
        "the account does not exist in that organization",
        "check the account and the tenant_id in connguard.yaml",
    ),
    of(
        50055,
        "the password has expired",
        "change it, then sign in again",
    ),
    of(
        50057,
        "the account is disabled",
        "have it enabled in the Entra admin center, or use another one",
    ),
    of(
        50058,
        "nobody is signed in",
        "sign in: az login --tenant TENANT_ID",
    ),
    of(
        50076,
        "a second factor is needed",
        "sign in interactively: az login --tenant TENANT_ID, or use device-code",
    ),
    of(
        50079,
        "the account has to register a second factor first",
        "sign in once in a browser and register it",
    ),
    of(
        50105,
        "the account is not assigned to the application",
        "Entra admin center, Enterprise applications, the application, Users and groups: assign it",
    ),
    of(50126, "the user name or password is wrong", "sign in again"),
    of(
        50158,
        "another sign-in step is needed",
        "sign in interactively: az login --tenant TENANT_ID",
    ),
    of(
        50173,
        "the sign-in was revoked",
        "sign in again; if nobody here revoked it, find out who did",
    ),
    of(
        53000,
        "the device is not compliant",
        "sign in from a compliant device, or use an application with a certificate",
    ),
    of(
        53003,
        "a Conditional Access policy blocks this sign-in",
        "Entra admin center, Sign-in logs: the policy is named there. Device code is often blocked: use github-oidc, a certificate or azure-cli",
    ),
    of(
        65001,
        "nobody consented to the application",
        "Entra admin center, App registrations, the application, API permissions: Grant admin consent",
    ),
    of(
        70011,
        "the scope is not valid",
        "check `cloud` and `host` in connguard.yaml",
    ),
    of(
        70016,
        "the sign-in in the browser is not finished",
        "finish it",
    ),
    of(
        70020,
        "the code has expired",
        "run it again and enter the code within 15 minutes",
    ),
    of(
        70043,
        "the sign-in is too old for the organization's policy",
        "sign in again: az login --tenant TENANT_ID",
    ),
    of(
        90002,
        "there is no such organization in this cloud",
        "check tenant_id and cloud in connguard.yaml",
    ),
    of(
        90014,
        "the request lacks a field",
        "update connguard; if it persists, report it with the correlation id",
    ),
    of(
        90072,
        "this account is not of that organization",
        "sign in with an account of the organization",
    ),
    of(
        90099,
        "the application is not authorized in that organization",
        "have an administrator of that organization consent to it",
    ),
    of(
        500011,
        "Exchange Online is not known to this organization",
        "the tenant needs an Exchange Online licence; check tenant_id and cloud in connguard.yaml",
    ),
    of(
        500133,
        "the federated token is not valid any more",
        "run the job again: such tokens live for minutes",
    ),
    of(
        530003,
        "the device has to be registered",
        "sign in from a registered device, or use an application with a certificate",
    ),
    of(
        700003,
        "the device is not known",
        "sign in from a registered device",
    ),
    of(
        700016,
        "there is no such application in that organization",
        "check client_id and tenant_id in connguard.yaml: App registrations, Overview shows both",
    ),
    of(
        700024,
        "the assertion is not valid at this time",
        "this machine's clock may be wrong: connguard doctor shows by how much",
    ),
    of(
        700027,
        "the signature of the assertion is not that of a certificate that the application has",
        "App registrations, the application, Certificates & secrets: upload the certificate (its public part) that connguard.yaml names",
    ),
    of(
        700030,
        "the certificate is not valid",
        "check its dates: openssl x509 -noout -dates; upload a new one",
    ),
    of(
        700082,
        "the sign-in has expired: it was not used for long",
        "sign in again: az login --tenant TENANT_ID",
    ),
    of(
        700211,
        "no federated credential of the application names this issuer",
        "App registrations, the application, Certificates & secrets, Federated credentials: the issuer must be exactly that of the token",
    ),
    of(
        700212,
        "no federated credential of the application names this audience",
        "the audience of the federated credential must be that of the cloud, api://AzureADTokenExchange for the worldwide one",
    ),
    of(
        700213,
        "no federated credential of the application names this subject",
        "App registrations, the application, Certificates & secrets, Federated credentials: the subject must be exactly that of the job, such as repo:ORG/REPO:ref:refs/heads/main or repo:ORG/REPO:environment:NAME",
    ),
    of(
        700222,
        "a certificate or secret of the application has expired",
        "App registrations, the application, Certificates & secrets: make a new one",
    ),
    of(
        700223,
        "the application has no federated credential",
        "App registrations, the application, Certificates & secrets, Federated credentials: add one",
    ),
    of(
        700229,
        "only a managed identity or another application may use this credential",
        "check which federated credential the application has",
    ),
    of(
        1000502,
        "the certificate is not valid at this time",
        "check its dates and this machine's clock",
    ),
    of(
        7000112,
        "the application is disabled",
        "Entra admin center, Enterprise applications, the application, Properties: enable it; find out first who disabled it",
    ),
    of(
        7000215,
        "the client secret is wrong",
        "use the secret's Value, not its Secret ID; better, use a federated credential or a certificate",
    ),
    of(
        7000216,
        "the application has to prove that it is itself",
        "check `credential` in connguard.yaml",
    ),
    of(
        7000218,
        "the application has to prove that it is itself",
        "for device-code: App registrations, the application, Authentication: allow public client flows",
    ),
    of(
        7000222,
        "the client secret has expired",
        "App registrations, the application, Certificates & secrets: make a new one; better, use a federated credential or a certificate",
    ),
    of(
        9002313,
        "the request is malformed",
        "update connguard; if it persists, report it with the correlation id",
    ),
];

const fn of(code: u32, means: &'static str, help: &'static str) -> Refusal {
    Refusal { code, means, help }
}

/// The code in an error description, and what is known of it.
pub fn known(description: &str) -> (Option<u32>, Option<&'static Refusal>) {
    let code = description
        .split_once("AADSTS")
        .map(|(_, rest)| {
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        })
        .and_then(|digits| digits.parse().ok());
    let refusal = code.and_then(|code| REFUSALS.iter().find(|refusal| refusal.code == code));
    (code, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_and_each_stands_once() {
        let (code, refusal) = known("AADSTS7000215: Invalid client secret provided.");
        assert_eq!(code, Some(7_000_215));
        assert!(refusal.is_some_and(|refusal| refusal.help.contains("Secret ID")));
        assert_eq!(known("nothing").0, None);
        let mut codes: Vec<u32> = REFUSALS.iter().map(|refusal| refusal.code).collect();
        let sorted = codes.clone();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes, sorted, "ordered, and each once");
    }
}
