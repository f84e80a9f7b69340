//! Text of others made fit to be shown: on a terminal it cannot steer, in Markdown it cannot mark up.

pub use crate::diagnostic::terminal;

/// Text of XML, also within an attribute, that shows exactly this text.
pub fn xml(text: &str) -> String {
    let escaped = |c: char| match c {
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '&' => "&amp;".into(),
        '"' => "&quot;".into(),
        '\'' => "&#39;".into(),
        other => other.to_string(),
    };
    terminal(text).chars().map(escaped).collect()
}

/// One paragraph or table cell of Markdown that shows exactly this text.
pub fn markdown(text: &str) -> String {
    let escaped = |c: char| match c {
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '#' | '~' | '!' => format!("\\{c}"),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '&' => "&amp;".into(),
        '@' => "&#64;".into(), // no mention of anybody
        other => other.to_string(),
    };
    terminal(&text.replace('\n', " ")).chars().map(escaped).collect()
}

/// A code span of Markdown, also inside a table.
pub fn code(text: &str) -> String {
    let text = terminal(text).replace('|', "\\|");
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// The words of a command as one line that reads like a shell's: quoted where a blank or a quote stands.
pub fn command(words: &[String]) -> String {
    let quoted = |word: &String| {
        let special = |c: char| c.is_whitespace() || "'\"\\$`*?;<>(){}[]|".contains(c);
        let bare = !word.is_empty() && !word.contains(special) && (!word.contains('&') || word == "&");
        if bare { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    terminal(&words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_command_steers_a_terminal() {
        assert_eq!(command(&["a".into(), "b\nc".into()]), "a 'b\\u{a}c'");
    }

    #[test]
    fn nothing_marks_up() {
        assert_eq!(markdown("<b>|x|*`@all"), "&lt;b&gt;\\|x\\|\\*\\`&#64;all");
        assert_eq!(code("a | b"), "`a \\| b`");
        assert_eq!(code("a `b`"), "`` a `b` ``");
        assert_eq!(code(""), "`  `");
    }

    #[test]
    fn commands_read_like_a_shell_line() {
        let words = ["ssh", "h", "echo it's", "‹run.reason|quote›", "", "&"].map(String::from);
        assert_eq!(command(&words), "ssh h 'echo it'\\''s' '‹run.reason|quote›' '' &");
    }
}
