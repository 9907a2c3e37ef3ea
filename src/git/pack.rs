//! Many objects at once, as packs.

use super::Object;
use crate::parallel::in_parallel;
use git2::{Buf, Repository};
use std::io::Write as _;
use std::path::Path;

/// So many objects make one pack: what a pack holds is in memory while it is written.
const OBJECTS: usize = 25_000;

/// Writes objects as packs, on every processor.
pub fn write(repository: &Path, objects: &[Object]) -> Result<(), git2::Error> {
    let chunks: Vec<&[Object]> = objects.chunks(OBJECTS).collect();
    in_parallel(&chunks, |chunk| write_one(repository, chunk))
        .into_iter()
        .collect()
}

fn write_one(repository: &Path, objects: &[Object]) -> Result<(), git2::Error> {
    // A handle of its own: what it is told to write stays in its memory.
    let repository = Repository::open(repository)?;
    let odb = repository.odb()?;
    // Above all other stores, so that everything is written to memory first.
    let memory = odb.add_new_mempack_backend(1000)?;
    let mut builder = repository.packbuilder()?;
    for object in objects {
        odb.write(object.kind, &object.bytes)?;
        builder.insert_object(object.id, None)?;
    }
    let mut pack = Buf::new();
    builder.write_buf(&mut pack)?;
    memory.reset()?;
    let mut writer = odb.packwriter()?;
    writer
        .write_all(&pack)
        .map_err(|error| git2::Error::from_str(&error.to_string()))?;
    writer.commit().map(|_| ())
}
