//! Where snapshots come from, one file each. The only modules besides `cli` and
//! the loaders of signed files that read the world.

pub mod exchange;
pub mod export;
pub mod script;
pub mod text;
