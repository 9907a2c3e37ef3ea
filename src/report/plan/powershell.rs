//! A plan as a script for a person without connguard.
//!
//! It is read before it is run: straight down, one block a step, and nothing
//! in it that is not the plan's. Pure ASCII; connectors by their ids; texts of
//! the tenant as [`literal`]s only, never in a comment and never in double
//! quotes.

use crate::connector::property::{Kind, Property};
use crate::connector::value::Value;
use crate::finding::Direction;
use crate::hostile_text::visible;
use crate::plan::{Action, Assignment, Plan, Purpose, Step};
use crate::powershell::literal;
use crate::report::pipeline;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// The functions that every script has, and its parameters.
const PREAMBLE: &str = include_str!("preamble.ps1");

/// Renders the script.
pub fn render(plan: &Plan) -> String {
    let mut script = Script {
        text: String::new(),
        made: Vec::new(),
    };
    script.head(plan);
    script.text.push_str(PREAMBLE);
    script.checks(plan);
    for (index, step) in plan.steps.iter().enumerate() {
        script.step(index + 1, step, plan);
    }
    script.end(plan);
    script.text
}

struct Script {
    text: String,
    /// Names of connectors that the script makes: each one's id is in the variable of its number.
    made: Vec<String>,
}

impl Script {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn head(&mut self, plan: &Plan) {
        let _ = write!(
            self.text,
            "# A plan of connguard for the inbound connectors of one Exchange Online organization.\n\
             #\n\
             # Read it before you run it. It checks everything first and stops at the first surprise.\n\
             # Sign in with Connect-ExchangeOnline; the role Exchange Administrator is needed to write.\n\
             #\n\
             #   ./plan.ps1           changes nothing, and says what each step would do\n\
             #   ./plan.ps1 -Apply    makes the changes, and asks before what cannot be undone\n\
             #\n\
             {}\
             # tenant     {}\n\
             # purpose    {}\n\
             # plan       {}\n\
             # snapshot   {}\n\
             # baseline   {}\n\
             # good until {}\n",
            if plan.purpose == Purpose::Inverse {
                "# THIS UNDOES A PLAN: it opens again what the plan closed.\n#\n"
            } else {
                ""
            },
            plan.tenant,
            plan.purpose.name(),
            plan.digest(),
            plan.snapshot,
            plan.baseline.digest,
            plan.expires
        );
    }

    /// The organization and everything that the plan found, before anything is written.
    fn checks(&mut self, plan: &Plan) {
        let expires = literal::text(&plan.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let tenant = literal::text(plan.organization.tenant_id.as_deref().unwrap_or_default());
        let _ = write!(
            self.text,
            "Start-Transcript -Path $Transcript | Out-Null\n\
             $unseen = $false\n\
             $written = @()\n\
             $left = @()\n\
             $done = @()\n\
             try {{\n\n\
             # The plan is good for a time only.\n\
             $expires = [DateTime]::ParseExact({expires}, 'yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture, 'AssumeUniversal, AdjustToUniversal')\n\
             if ([DateTime]::UtcNow -ge $expires) {{ throw 'The plan has expired: make a new one.' }}\n\n\
             # The right organization, and no other session beside it.\n\
             $sessions = @(Get-ConnectionInformation -ErrorAction Stop | Where-Object {{ $_.State -eq 'Connected' }})\n\
             if ($sessions.Count -eq 0) {{ throw 'Sign in first: Connect-ExchangeOnline' }}\n\
             foreach ($session in $sessions) {{\n    \
                 if ([string] $session.TenantID -ne {tenant}) {{ throw 'This session is signed in to another organization than the plan is for.' }}\n\
             }}\n\n\
             # Everything is as it was when the plan was made.\n\
             Read-Connectors\n"
        );
        if !plan.ids.is_empty() {
            let ids = Json::from(plan.ids.clone());
            self.line(&format!("Assert-Connectors {}", literal::value(&ids)));
        }
        for own in &plan.observed {
            let id = literal::text(own.connector.id.as_deref().unwrap_or_default());
            if plan.purpose != Purpose::Inverse {
                let name = literal::text(&own.connector.name);
                self.line(&format!("Assert-Setting {id} 'Name' 'text' {name}"));
            }
            for (property, value) in &own.settings {
                let check = check("Assert-Setting", &id, *property, value);
                self.line(&check);
            }
        }
        for step in plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Create)
        {
            let name = step.connector.as_ref().map(|own| own.name.as_str());
            let name = literal::text(name.unwrap_or_default());
            let renamed = plan
                .steps
                .iter()
                .any(|other| other.action == Action::Rename);
            // A name that another step frees is taken until then.
            if !renamed {
                self.line(&format!(
                    "if (@($connectors | Where-Object {{ [string] $_.Name -eq {name} }}).Count -ne 0) {{ throw 'A connector that the plan is to make is there already: make a new plan.' }}"
                ));
            }
        }
        self.line("Write-Host 'Everything is as the plan found it.'");
    }

    fn step(&mut self, number: usize, step: &Step, plan: &Plan) {
        let _ = write!(self.text, "\n# {number}. {}\n", step.action.name());
        let words = shown(&format!("{number}. {}: {}", step.action.name(), step.words));
        self.line(&format!("Start-Step {words}"));
        match step.action {
            Action::Manual => return self.manual(step),
            Action::Create => self.create(step),
            Action::Remove => self.remove(step),
            Action::Disable | Action::Set | Action::Rename => self.set(step, plan),
        }
        self.line(&format!("$done += {number}"));
    }

    /// The expression that is the id of a step's connector, where it is known before or was made.
    fn id(&self, step: &Step) -> Option<String> {
        let connector = step.connector.as_ref()?;
        if let Some(id) = &connector.id {
            return Some(literal::text(id));
        }
        let made = self.made.iter().position(|name| *name == connector.name)?;
        Some(format!("$made{}", made + 1))
    }

    fn manual(&mut self, step: &Step) {
        self.line("Write-Host 'This is to be done by hand. Nothing is sent.'");
        if let Some(connector) = &step.connector {
            let name = shown(&connector.name);
            self.line(&format!("Write-Host ('connector: ' + {name})"));
        }
        for assignment in &step.settings {
            let property = assignment.property.name();
            let after = shown(&assignment.after.elements().join(", "));
            self.line(&format!("Write-Host ('{property}: ' + {after})"));
        }
    }

    fn set(&mut self, step: &Step, plan: &Plan) {
        let is_new = step.connector.as_ref().is_some_and(|own| own.id.is_none());
        let id = self.id(step).unwrap_or_else(|| self.named(step));
        if is_new {
            // In a rehearsal a connector that is made here is not there to be looked at.
            self.line("if (-not $dry) {");
            self.as_made(&id, step, plan);
        }
        self.checked(&id, step);
        let call = format!(
            "Set-InboundConnector -Identity {id}{} -WhatIf:$dry -Confirm:$false -ErrorAction Stop",
            parameters(&step.settings)
        );
        if step.direction == Direction::Widens {
            self.confirmed(&id, "This lets mail in that is held out now.", &call);
        } else {
            self.line(&call);
        }
        self.line(&format!("$written += {id}"));
        if is_new {
            self.line("}");
        }
    }

    /// Everything that a connector was made with, read back before it is switched on.
    fn as_made(&mut self, id: &str, step: &Step, plan: &Plan) {
        let made = plan
            .steps
            .iter()
            .find(|own| own.action == Action::Create && own.connector == step.connector);
        for assignment in made.into_iter().flat_map(|made| &made.settings) {
            let check = check("Assert-Now", id, assignment.property, &assignment.after);
            self.line(&check);
        }
    }

    /// A connector that another plan made, of which only the name is known.
    fn named(&mut self, step: &Step) -> String {
        let name = literal::text(step.connector.as_ref().map_or("", |own| own.name.as_str()));
        self.line(&format!("$named = [string] (Find-Named {name}).Guid"));
        "$named".to_owned()
    }

    /// A call that is made only for who types the connector's id.
    fn confirmed(&mut self, id: &str, why: &str, call: &str) {
        self.line(&format!("if (Confirm-Step {id} '{why}') {{"));
        self.line(&format!("    {call}"));
        self.line("} else {");
        self.line(&format!("    $left += {id}"));
        self.line("    Write-Host 'left as it is'");
        self.line("}");
    }

    /// Looks once more at what a step is about to change.
    fn checked(&mut self, id: &str, step: &Step) {
        for assignment in &step.settings {
            if let Some(before) = &assignment.before {
                let check = check("Assert-Now", id, assignment.property, before);
                self.line(&check);
            }
        }
    }

    fn create(&mut self, step: &Step) {
        let Some(connector) = &step.connector else {
            return;
        };
        self.made.push(connector.name.clone());
        let variable = format!("$made{}", self.made.len());
        let name = literal::text(&connector.name);
        self.line(&format!("{variable} = $null"));
        self.line(&format!(
            "$new = New-InboundConnector -Name {name}{} -WhatIf:$dry -Confirm:$false -ErrorAction Stop",
            parameters(&step.settings)
        ));
        self.line("if (-not $dry) {");
        self.line(&format!("    {variable} = [string] $new.Guid"));
        self.line(&format!("    $written += {variable}"));
        self.line(&format!("    Write-Host ('made ' + {variable} + ': its baseline needs a new version that names this id')"));
        self.line("}");
    }

    fn remove(&mut self, step: &Step) {
        let id = self.id(step).unwrap_or_else(|| self.named(step));
        // The rest was looked at before anything was written: what counts here is that it is off.
        let off = step
            .settings
            .iter()
            .filter(|assignment| assignment.property == Property::Enabled);
        for assignment in off {
            let check = check("Assert-Now", &id, assignment.property, &assignment.after);
            self.line(&check);
        }
        let call = format!(
            "Remove-InboundConnector -Identity {id} -WhatIf:$dry -Confirm:$false -ErrorAction Stop"
        );
        self.confirmed(&id, "This cannot be undone.", &call);
    }

    /// Reads everything back, and compares.
    fn end(&mut self, plan: &Plan) {
        self.line("\n# Everything is as it should be now.");
        self.line("if ($dry) {");
        self.line("    Write-Host ''");
        self.line(
            "    Write-Host 'Nothing was changed. Run it again with -Apply to make the changes.'",
        );
        self.line("} else {");
        self.line("    Read-Connectors");
        let mut last: Vec<(String, &Assignment)> = Vec::new();
        for step in &plan.steps {
            let settable = matches!(
                step.action,
                Action::Disable | Action::Set | Action::Rename | Action::Create
            );
            let Some(id) = self.id(step).filter(|_| settable) else {
                continue;
            };
            for assignment in &step.settings {
                last.retain(|(other, earlier)| {
                    *other != id || earlier.property != assignment.property
                });
                last.push((id.clone(), assignment));
            }
        }
        for step in plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Remove)
        {
            if let Some(id) = self.id(step) {
                last.retain(|(other, _)| *other != id);
                self.line(&format!("    Wait-Gone {id}"));
            }
        }
        for (id, assignment) in last {
            let check = check("Wait-Setting", &id, assignment.property, &assignment.after);
            self.line(&format!("    {check}"));
        }
        self.line(
            "    if ($left.Count -gt 0) { Write-Host ('Left as they are: ' + ($left -join ', ')) }",
        );
        let by_hand = plan.count(Action::Manual);
        if by_hand > 0 {
            self.line(&format!(
                "    Write-Host 'To be done by hand: {by_hand} of the steps above.'"
            ));
        }
        self.line("    if ($unseen) { Write-Host 'Written, and not all of it visible yet.' } elseif ($left.Count -eq 0) { Write-Host 'What the plan writes is as it should be.' }");
        self.line("}");
        self.line("\n} finally {");
        self.line("    if (-not $dry) { Write-Host ('Steps done: ' + ($done -join ', ')) }");
        self.line("    Stop-Transcript | Out-Null\n}");
    }
}

/// A text that is only shown: it must not do anything to the terminal or the pipeline that shows it either.
fn shown(text: &str) -> String {
    literal::text(&pipeline::defuse_text(&visible(text)))
}

/// ` -Name value` for each setting.
fn parameters(settings: &[Assignment]) -> String {
    settings.iter().fold(String::new(), |mut text, assignment| {
        let _ = write!(
            text,
            " -{} {}",
            assignment.property.name(),
            sent(assignment.property, &assignment.after)
        );
        text
    })
}

/// A value as a cmdlet takes it.
fn sent(property: Property, value: &Value) -> String {
    match value.as_sent(property) {
        Json::Null => "$null".to_owned(),
        json => literal::value(&json),
    }
}

/// A call that compares a setting with a value.
fn check(function: &str, id: &str, property: Property, value: &Value) -> String {
    let kind = match property.kind() {
        Kind::Boolean => "boolean",
        Kind::Enumeration => "word",
        Kind::Certificate => "certificate",
        Kind::Text | Kind::Opaque => "text",
        Kind::Addresses => "addresses",
        Kind::Domains => "domains",
        Kind::Names => "names",
        Kind::References => "references",
    };
    format!(
        "{function} {id} '{}' '{kind}' {}",
        property.name(),
        literal::value(&value.to_json())
    )
}
