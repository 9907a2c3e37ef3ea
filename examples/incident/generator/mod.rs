//! Folders of exported evidence as an incident responder receives them, each with what a careful investigator should
//! find in it. Same scenario and seed, same bytes.

mod address;
mod alert;
mod attack;
mod audit;
mod audit_file;
mod burst;
mod campaign;
mod clixml;
mod clock;
mod connector;
mod email_events;
mod entra;
mod evidence;
mod expected;
mod export;
mod historical_search;
mod incident;
mod json;
mod loosening;
mod message;
mod message_trace;
mod microsoft_block;
mod names;
mod newsletter;
mod noise;
mod office;
mod organization;
mod overnight;
mod rhythm;
mod rng;
mod rule;
mod site;
mod slipped_address;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod traffic;
mod wizard;

pub use expected::{Expected, Verdict};

use incident::Incident;
use std::fs;
use std::io;
use std::path::Path;

/// What happened to the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing.
    Quiet,
    /// An application with Exchange.ManageAsApp made a connector and sent spam through it.
    Campaign2022,
    /// An address was slipped into the relay's list, and spam came from it.
    SlippedAddress,
    /// A partner's connector stopped demanding something.
    SilentLoosening,
    /// A connector lived for one night.
    Overnight,
    /// The Hybrid Configuration wizard ran again.
    HybridWizard,
    /// A newsletter went out.
    Newsletter,
    /// Microsoft blocked the relay because an own server sent spam.
    MicrosoftBlock,
}

impl Scenario {
    /// All scenarios.
    pub const ALL: [Scenario; 8] = [
        Scenario::Quiet,
        Scenario::Campaign2022,
        Scenario::SlippedAddress,
        Scenario::SilentLoosening,
        Scenario::Overnight,
        Scenario::HybridWizard,
        Scenario::Newsletter,
        Scenario::MicrosoftBlock,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Quiet => "quiet",
            Scenario::Campaign2022 => "campaign-2022",
            Scenario::SlippedAddress => "slipped-address",
            Scenario::SilentLoosening => "silent-loosening",
            Scenario::Overnight => "overnight",
            Scenario::HybridWizard => "hybrid-wizard",
            Scenario::Newsletter => "newsletter",
            Scenario::MicrosoftBlock => "microsoft-block",
        }
    }

    fn play(self, incident: &mut Incident, seed: u64) {
        match self {
            Scenario::Quiet => {}
            Scenario::Campaign2022 => campaign::play(incident, seed),
            Scenario::SlippedAddress => slipped_address::play(incident, seed),
            Scenario::SilentLoosening => loosening::play(incident, seed),
            Scenario::Overnight => overnight::play(incident, seed),
            Scenario::HybridWizard => wizard::play(incident, seed),
            Scenario::Newsletter => newsletter::play(incident, seed),
            Scenario::MicrosoftBlock => microsoft_block::play(incident, seed),
        }
    }
}

/// Writes `evidence/…` and `expected.json` into the folder, which should be new: files of an earlier run stay.
pub fn write(scenario: Scenario, seed: u64, folder: &Path) -> io::Result<Expected> {
    // Scenarios with the same seed are different organizations.
    let world = rng::Rng::new(seed, scenario.name()).draw();
    let mut incident = Incident::quiet(scenario.name(), seed, world);
    incident.fill(world);
    scenario.play(&mut incident, world);
    incident.settle();
    let evidence = folder.join("evidence");
    fs::create_dir_all(&evidence)?;
    for (name, bytes) in evidence::files(&incident, world) {
        fs::write(evidence.join(name), bytes)?;
    }
    fs::write(folder.join("expected.json"), incident.expected.json())?;
    Ok(incident.expected)
}
