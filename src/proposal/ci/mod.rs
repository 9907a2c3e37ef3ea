//! Pipelines of a new audit repository: the scheduled check and the gate.
//!
//! Templates, so that what is written can be read here as it will stand there.

use crate::digest::Digest;

/// Whose pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// GitHub Actions
    Github,
    /// Azure Pipelines
    Azure,
    /// GitLab CI
    Gitlab,
}

/// Where pipelines get connguard from: a git repository and a commit of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The repository's address.
    pub address: String,
    /// The commit, whole.
    pub commit: String,
}

/// Actions by the commits of their releases.
const CHECKOUT: &str = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2";
const RESTORE: &str = "actions/cache/restore@cdf6c1fa76f9f475f3d7449005a359c84ca0f306 # v5.0.3";
const CACHE: &str = "actions/cache@cdf6c1fa76f9f475f3d7449005a359c84ca0f306 # v5.0.3";
const UPLOAD: &str = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2";
const DOWNLOAD: &str =
    "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093 # v4.3.0";
const SARIF: &str =
    "github/codeql-action/upload-sarif@9e907b5e64f6b83e7804b09294d44122997950d6 # v4.32.3";

/// The files of a system's pipelines, by path. `name` spreads the runs of many repositories over the hour.
pub fn pipelines(system: System, origin: Option<&Origin>, name: &str) -> Vec<(String, String)> {
    let files: &[(&str, &str)] = match system {
        System::Github => &[
            (
                ".github/workflows/connguard-check.yml",
                include_str!("github-check.yml"),
            ),
            (
                ".github/workflows/connguard-gate.yml",
                include_str!("github-gate.yml"),
            ),
        ],
        System::Azure => &[
            ("azure-pipelines.yml", include_str!("azure-pipelines.yml")),
            ("azure-pipelines-gate.yml", include_str!("azure-gate.yml")),
        ],
        System::Gitlab => &[(".gitlab-ci.yml", include_str!("gitlab-ci.yml"))],
    };
    let minute = Digest::of(name.as_bytes()).spread(60).to_string();
    let filled = |template: &str| {
        template
            .replace("@CHECKOUT@", &checkout())
            .replace("@CHECKOUT_PLAIN@", &plain_checkout())
            .replace("@INSTALL@", &install())
            .replace("@RESTORE@", &restore())
            .replace("@STEPS@", include_str!("azure-steps.yml").trim_end())
            .replace(
                "@GATE_STEPS@",
                &outdented(include_str!("azure-steps.yml").trim_end()),
            )
            .replace("@UPLOAD@", UPLOAD)
            .replace("@DOWNLOAD@", DOWNLOAD)
            .replace("@SARIF@", SARIF)
            .replace("@MINUTE@", &minute)
    };
    let filled = |template: &str| with_origin(&filled(template), system, origin);
    files
        .iter()
        .map(|(path, template)| ((*path).to_owned(), filled(template)))
        .collect()
}

/// Steps of a pipeline without stages, which stand four columns further left.
fn outdented(steps: &str) -> String {
    let lines = steps.lines();
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    lines.join("\n")
}

/// Where connguard comes from: as it was given, else from variables that the owner of the repository sets.
fn with_origin(text: &str, system: System, origin: Option<&Origin>) -> String {
    let note = if origin.is_some() {
        ""
    } else {
        "#   CONNGUARD_SOURCE, CONNGUARD_REV  the git repository of connguard, and the commit that is built\n"
    };
    let text = text.replace("@NOTE@", note);
    let (source, rev) = match (origin, system) {
        (Some(origin), _) => (
            format!("\"{}\"", origin.address),
            format!("\"{}\"", origin.commit),
        ),
        (None, System::Github) => (
            "\"${{ vars.CONNGUARD_SOURCE }}\"".to_owned(),
            "\"${{ vars.CONNGUARD_REV }}\"".to_owned(),
        ),
        // There the variables of a project are variables of every job.
        (None, System::Azure | System::Gitlab) => (String::new(), String::new()),
    };
    let keeps =
        |line: &&str| !source.is_empty() || !(line.contains("@SOURCE@") || line.contains("@REV@"));
    text.split_inclusive('\n')
        .filter(keeps)
        .map(|line| line.replace("@SOURCE@", &source).replace("@REV@", &rev))
        .collect()
}

/// The repository with all its branches, and the history as a branch of its own.
fn checkout() -> String {
    format!(
        "      - uses: {CHECKOUT}
        with: {{ fetch-depth: 0, persist-credentials: false }}
      - run: |
          if git rev-parse --verify --quiet refs/remotes/origin/connguard/history >/dev/null; then
            git update-ref refs/heads/connguard/history refs/remotes/origin/connguard/history
          fi"
    )
}

fn plain_checkout() -> String {
    format!("      - uses: {CHECKOUT}\n        with: {{ persist-credentials: false }}")
}

/// What another job built: never built where there is something to steal.
fn restore() -> String {
    format!(
        "      - uses: {RESTORE}
        with: {{ path: ~/.cargo/bin/connguard, key: \"connguard-${{{{ runner.os }}}}-${{{{ env.CONNGUARD_REV }}}}\", fail-on-cache-miss: true }}"
    )
}

/// Built once for each commit of connguard: what is cached on the default branch no pull request can replace.
fn install() -> String {
    format!(
        "      - id: connguard
        uses: {CACHE}
        with: {{ path: ~/.cargo/bin/connguard, key: \"connguard-${{{{ runner.os }}}}-${{{{ env.CONNGUARD_REV }}}}\" }}
      - if: steps.connguard.outputs.cache-hit != 'true'
        run: cargo install --locked --git \"$CONNGUARD_SOURCE\" --rev \"$CONNGUARD_REV\" connguard"
    )
}

/// `CODEOWNERS`: who must look at what decides a verdict, and at what runs the check.
pub fn code_owners(owners: &[String]) -> String {
    let owners = owners.join(" ");
    format!(
        "# Who must review what decides a verdict, and what runs the check. Signatures decide; this decides who is asked.\n\
         /trust/ {owners}\n/policies/ {owners}\n/baselines/ {owners}\n/exports/ {owners}\n/connguard.yaml {owners}\n/.github/ {owners}\n/.gitlab-ci.yml {owners}\n/azure-pipelines.yml {owners}\n/azure-pipelines-gate.yml {owners}\n/.gitattributes {owners}\n/CODEOWNERS {owners}\n"
    )
}
