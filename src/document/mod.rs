//! Files that people and other programs write: read with the place of every
//! value, so that each mistake can be shown where it is, and all of them at once.

pub mod edit;
pub mod json;
pub mod problem;
pub mod reader;
pub mod time;
pub mod yaml;

pub use problem::{Problem, Problems, Source};
pub use reader::{Fields, Reader, nearest};
pub use yaml::{Content, Node};
