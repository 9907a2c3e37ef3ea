//! The generator keeps its own promises: the same bytes for the same seed, and files that parse.

use super::{Scenario, Verdict, write};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

type Outcome = Result<(), Box<dyn Error>>;

/// A new folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Folder(env::temp_dir().join(format!("incident-{}-{name}", process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it; the next run uses another name.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder.join("evidence"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, fs::read(entry.path())?);
    }
    files.insert(
        "expected.json".into(),
        fs::read(folder.join("expected.json"))?,
    );
    Ok(files)
}

fn text(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8]| {
        let units = bytes
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or('?'))
            .collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest),
        [_, 0, ..] => wide(bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The number of fields in each row of a table.
fn widths(table: &str) -> Vec<usize> {
    let (mut widths, mut width, mut quoted) = (Vec::new(), 1, false);
    for character in table.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => width += 1,
            '\n' if !quoted => {
                widths.push(width);
                width = 1;
            }
            _ => {}
        }
    }
    widths
}

fn assert_parses(name: &str, text: &str) -> Outcome {
    if name.ends_with(".csv") {
        let table = text.strip_prefix("#TYPE System.Management.Automation.PSCustomObject\r\n");
        let widths = widths(table.unwrap_or(text));
        assert!(
            widths.len() > 1 && widths.iter().all(|width| *width == widths[0]),
            "{name}"
        );
    } else if name.ends_with(".jsonl") {
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line)?;
        }
    } else if name.ends_with(".json") {
        serde_json::from_str::<serde_json::Value>(text)?;
    } else {
        assert!(
            text.starts_with("<Objs ") && text.trim_end().ends_with("</Objs>"),
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bytes() -> Outcome {
    for scenario in Scenario::ALL {
        let folders = [
            Folder::new("first"),
            Folder::new("second"),
            Folder::new("other"),
        ];
        for (folder, seed) in folders.iter().zip([7, 7, 8]) {
            write(scenario, seed, &folder.0)?;
        }
        let [first, second, other] = &folders;
        assert_eq!(contents(&first.0)?, contents(&second.0)?);
        assert_ne!(contents(&first.0)?, contents(&other.0)?);
    }
    Ok(())
}

#[test]
fn every_scenario_writes_files_that_parse() -> Outcome {
    for scenario in Scenario::ALL {
        for seed in 0..4 {
            let folder = Folder::new(&format!("{}-{seed}", scenario.name()));
            let expected = write(scenario, seed, &folder.0)?;
            for (name, bytes) in contents(&folder.0)? {
                assert_parses(&name, &text(&bytes))?;
            }
            let calm = matches!(
                scenario,
                Scenario::Quiet | Scenario::HybridWizard | Scenario::Newsletter
            );
            let signs = expected
                .connectors
                .values()
                .filter(|verdict| **verdict != Verdict::NoSign);
            assert_eq!(signs.count(), usize::from(!calm));
        }
    }
    Ok(())
}
