//! A case as one file: a tar archive, the same bytes each time.

use super::Files;
use std::io;

/// The archive of a case, below a folder of its name.
///
/// # Errors
///
/// Those of writing into memory, and a path that an archive cannot hold.
pub fn write(folder: &str, files: &Files) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{folder}/{path}"), bytes.as_slice())?;
    }
    archive.into_inner()
}
