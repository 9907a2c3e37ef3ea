//! Exported files: the one that the operator named, and the one that the configuration names.

use crate::document::{Problem, Problems};
use crate::source::export::{self, Export};
use jiff::Timestamp;
use std::io::Read as _;
use std::path::Path;

/// Reads an export that the operator named. `taken_at` is for exports that carry no time of their own.
pub(super) fn read(path: &Path, taken_at: Option<Timestamp>) -> Result<Export, Problems> {
    let shown = shown(path);
    let mut export = export::read(&shown, &bytes(path, &shown)?)?;
    // Who names the file vouches for what it says of itself.
    export.snapshot.source = export.read_from;
    match (export.snapshot.taken_at, taken_at) {
        (Some(own), Some(given)) if own != given => {
            return Err(Problem::of_file(
                shown,
                format!("the export says that it was taken at {own}, and --taken-at says {given}"),
            )
            .help("leave --taken-at out: it is for exports that carry no time")
            .into());
        }
        (own, given) => export.snapshot.taken_at = own.or(given),
    }
    Ok(export)
}

/// Reads an export that the configuration names, below the audit repository and never through a link.
pub(super) fn read_configured(folder: &Path, path: &str) -> Result<Export, Problems> {
    let mut place = folder.to_owned();
    for part in Path::new(path).components() {
        place.push(part);
        if std::fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(Problem::of_file(
                path,
                "the file lies behind a link, which may lead out of the audit repository",
            )
            .help("put the file itself there, or name it with --from")
            .into());
        }
    }
    export::read(path, &bytes(&place, path)?)
}

fn bytes(path: &Path, shown: &str) -> Result<Vec<u8>, Problems> {
    let problem = |message: String| {
        Problems::from(
            Problem::of_file(shown, message).help("name an exported file that can be read"),
        )
    };
    let metadata = std::fs::metadata(path)
        .map_err(|error| problem(format!("cannot read the export: {error}")))?;
    if !metadata.is_file() {
        return Err(problem("this is not a file".to_owned()));
    }
    if metadata.len() > export::LARGEST_EXPORT {
        return Err(problem(format!(
            "the export is larger than {} MiB",
            export::LARGEST_EXPORT >> 20
        )));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    let file = std::fs::File::open(path)
        .map_err(|error| problem(format!("cannot read the export: {error}")))?;
    file.take(export::LARGEST_EXPORT)
        .read_to_end(&mut bytes)
        .map_err(|error| problem(format!("cannot read the export: {error}")))?;
    Ok(bytes)
}

/// The path as the user gave it, with `/`.
fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
