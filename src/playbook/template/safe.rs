//! Which values may stand in a command: those that no shell on the way reads as anything but text.

use crate::playbook::command::HOLE_MARKS;

/// Why a value is not safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsafe {
    Empty,
    LeadingDash,
    Character(char),
}

impl std::fmt::Display for Unsafe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unsafe::Empty => f.write_str("it is empty"),
            Unsafe::LeadingDash => f.write_str("it begins with `-`, which a program reads as an option"),
            Unsafe::Character(' ') => f.write_str("a space is not safe in a command that a far shell reads again"),
            Unsafe::Character(c) => {
                write!(f, "`{}` is not safe in a command that a far shell reads again", c.escape_debug())
            }
        }
    }
}

/// The rule of language.md, "Safe words": ASCII letters, digits and `_ @ % + = : , . / -`, no `-` in front.
pub fn check(value: &str) -> Result<(), Unsafe> {
    if value.is_empty() {
        return Err(Unsafe::Empty);
    }
    if value.starts_with('-') {
        return Err(Unsafe::LeadingDash);
    }
    let bad = value.chars().find(|c| !c.is_ascii_alphanumeric() && !"_@%+=:,./-".contains(*c));
    bad.map_or(Ok(()), |character| Err(Unsafe::Character(character)))
}

/// What no value may contain, filtered or not: NUL ends a word for the system, the marks pose as a hole.
pub fn never(value: &str) -> Option<char> {
    value.chars().find(|c| *c == '\0' || HOLE_MARKS.contains(c))
}
