//! A plan for the eye: as text, as Markdown for a pull request, as a picture, and as the file itself.
//!
//! What is said stands in `facts`; `text` and `markdown` only lay it out.

mod facts;
mod markdown;
mod picture;
mod text;
mod units;

use crate::plan::file;
use crate::plan::model::PlanFile;

pub use facts::{accepted, limit, placement};
pub use markdown::plan_markdown;
pub use picture::{plan_html, plan_svg};
pub use text::plan_text;

/// The plan file: everything, for machines.
pub fn plan_json(file: &PlanFile) -> String {
    file::write(file)
}

#[cfg(test)]
mod tests;
