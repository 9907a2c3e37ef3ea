//! An investigation in every format: one view of it, and a renderer for each.

mod human;
mod markdown;
pub mod view;

pub use view::{Options, SCHEMA, View};

use crate::canonical;
use crate::report::pipeline;
use serde_json::Value as Json;

/// What an investigation can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people at a terminal
    Human,
    /// For programs; `connguard schema investigation` prints its schema
    Json,
    /// Markdown, for tickets and job summaries
    Markdown,
    /// One self-contained page, to be read in a browser or printed
    Html,
}

impl Format {
    /// What a file of it is called.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Human => "txt",
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Html => "html",
        }
    }
}

/// Renders an investigation.
pub fn render(view: &View, format: Format) -> String {
    match format {
        Format::Human => pipeline::defuse_text(&human::render(view)),
        Format::Json => {
            let json: Json = serde_json::to_value(view).unwrap_or_default();
            pipeline::defuse_json(&canonical::to_string(&json))
        }
        Format::Markdown => pipeline::defuse_text(&markdown::render(view)),
        Format::Html => pipeline::defuse_text(&crate::report::html::investigation::render(view)),
    }
}
