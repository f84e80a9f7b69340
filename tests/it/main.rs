//! One integration binary: one module a subject.

mod process;
mod tidy;
