//! `rollbook exec`: one command for each node, with cstarpar's own words.

pub mod flags;
pub mod meaning;
pub mod words;
