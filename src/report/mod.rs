//! What is shown: the sentences that show a plan, and what happened as folds of events. Pure.
//!
//! Must never let a control character of somebody else's text through (`plain`), and never decide anything.

pub mod gantt;
pub mod plain;
pub mod plan;

pub use gantt::gantt_svg;
pub use plan::{accepted, limit, placement, plan_html, plan_json, plan_markdown, plan_svg, plan_text};
