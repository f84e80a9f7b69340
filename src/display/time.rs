//! Times and durations for the eye.

use crate::job::event::Ms;

/// `2026-11-23T21:54:03Z`
pub fn stamp(at: Ms) -> String {
    i64::try_from(at)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .map_or_else(|| format!("{at} ms"), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `0.4s`, `12s`, `3m 05s`, `2h 10m`
pub fn duration(ms: Ms) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) if s < 10 => format!("{s}.{}s", ms % 1000 / 100),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_exact_where_it_matters() {
        assert_eq!(stamp(1_000), "1970-01-01T00:00:01Z");
        let shown = [450, 12_345, 185_000, 7_800_000].map(duration);
        assert_eq!(shown, ["0.4s", "12s", "3m 05s", "2h 10m"]);
    }
}
