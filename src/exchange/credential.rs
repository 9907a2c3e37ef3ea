//! How an identity proves to Entra ID that it is itself.

use crate::connector::Guid;

/// The public client of Microsoft's own Exchange Online module, for people who sign in themselves.
pub const EXCHANGE_MODULE: &str = "fb78d390-0c51-40cd-8e17-fdbfab77341b";

/// How an identity proves that it is itself. Names where a secret is, never holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The token that GitHub Actions gives a job with `id-token: write`.
    GithubOidc,
    /// The token that Azure DevOps gives a job with a service connection.
    AzureDevops,
    /// The file that the variable `AZURE_FEDERATED_TOKEN_FILE` names.
    WorkloadIdentity,
    /// A file with a federated token.
    TokenFile(String),
    /// The identity of the machine or app service.
    ManagedIdentity,
    /// A certificate with its key, PEM or PFX, and the variable with its password.
    Certificate {
        /// The file.
        file: String,
        /// The variable that holds the password of a PFX file.
        password_env: Option<String>,
    },
    /// A client secret in a variable.
    SecretEnv(String),
    /// A client secret in a file.
    SecretFile(String),
    /// A person, in a browser on another device.
    DeviceCode,
    /// A person, signed in with `az login`.
    AzureCli,
}

impl Credential {
    /// Those that are one word in `connguard.yaml`.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("github-oidc", Self::GithubOidc),
        ("azure-devops", Self::AzureDevops),
        ("workload-identity", Self::WorkloadIdentity),
        ("managed-identity", Self::ManagedIdentity),
        ("device-code", Self::DeviceCode),
        ("azure-cli", Self::AzureCli),
    ];

    /// Whether it is known only together with the id of an application.
    pub const fn needs_client(&self) -> bool {
        !matches!(
            self,
            Self::ManagedIdentity | Self::DeviceCode | Self::AzureCli
        )
    }

    /// Whether a person signs in.
    pub const fn is_person(&self) -> bool {
        matches!(self, Self::DeviceCode | Self::AzureCli)
    }
}

/// Who signs in, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The application (client) id.
    pub client_id: Option<Guid>,
    /// How it proves that it is itself.
    pub credential: Credential,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.client_id {
            Some(id) => write!(f, "application {id}"),
            None if self.credential.is_person() => f.write_str("the person signed in"),
            None => f.write_str("the machine's own identity"),
        }
    }
}
