//! `nodetool getmaxhintwindow` (4.0 and newer): how long hints are kept for a node that is away.

use super::parse_error::{ParseError, whole_lines};

const COMMAND: &str = "getmaxhintwindow";

/// Milliseconds.
pub fn parse_hint_window(text: &str) -> Result<u64, ParseError> {
    let lines = whole_lines(COMMAND, text)?;
    let first = lines[0];
    let value = first.text.strip_prefix("Current max hint window:").and_then(|rest| rest.trim().strip_suffix(" ms"));
    value.and_then(|value| value.parse().ok()).ok_or_else(|| first.error("expected `Current max hint window: … ms`"))
}

#[cfg(test)]
mod tests {
    use super::parse_hint_window;

    #[test]
    fn milliseconds_and_nothing_else() {
        assert_eq!(parse_hint_window("Current max hint window: 10800000 ms\n"), Ok(10_800_000));
        for text in ["", "Current max hint window: 3 h\n", "10800000\n", "Current max hint window: -1 ms\n"] {
            assert!(parse_hint_window(text).is_err(), "{text:?}");
        }
    }
}
