//! One integration binary: one module a subject.

mod process;
mod sandbox;
mod tidy;
