//! Many objects at once, as packs.

use super::Object;
use git2::{Buf, Repository};
use std::io::Write as _;

/// So many objects make one pack: what a pack holds is in memory while it is written.
const OBJECTS: usize = 50_000;

/// Writes objects as packs.
///
/// The handle must be used for nothing else: what it is told to write before it is packed stays in its memory.
pub fn write(repository: &Repository, objects: &[Object]) -> Result<(), git2::Error> {
    let odb = repository.odb()?;
    // Above all other stores, so that everything is written to memory first.
    let memory = odb.add_new_mempack_backend(1000)?;
    for some in objects.chunks(OBJECTS) {
        let mut builder = repository.packbuilder()?;
        builder.set_threads(0);
        for object in some {
            odb.write(object.kind, &object.bytes)?;
            builder.insert_object(object.id, None)?;
        }
        let mut pack = Buf::new();
        builder.write_buf(&mut pack)?;
        let mut writer = odb.packwriter()?;
        writer
            .write_all(&pack)
            .map_err(|error| git2::Error::from_str(&error.to_string()))?;
        writer.commit()?;
        memory.reset()?;
    }
    Ok(())
}
