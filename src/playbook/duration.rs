//! Times as playbooks and options write them: whole numbers with a unit, `1h 30m`, `500ms`.

use jiff::SignedDuration;
use std::sync::LazyLock;
use std::time::Duration;

/// What a duration looks like, for the schema.
pub const PATTERN: &str = r"^[0-9]+(ms|s|m|h)( ?[0-9]+(ms|s|m|h))*$";
/// A longer one is a slip of the finger.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a duration. Errors say what to write instead: a unit, a positive number.
pub fn parse(text: &str) -> Result<Duration, (String, String)> {
    static FORM: LazyLock<Option<regex::Regex>> = LazyLock::new(|| regex::Regex::new(PATTERN).ok());
    if !FORM.as_ref().is_some_and(|form| form.is_match(text)) {
        return Err(explain(text));
    }
    let read: Result<SignedDuration, _> = text.parse();
    let duration = read.ok().and_then(|signed| Duration::try_from(signed).ok());
    match duration {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err((format!("`{text}` is longer than a year"), "write a shorter time".to_owned())),
        None => {
            Err((format!("`{text}` is not a time"), "write each unit once, the largest first: `1h 30m`".to_owned()))
        }
    }
}

fn explain(text: &str) -> (String, String) {
    let number = text.trim();
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if plain(number) {
        return (format!("`{number}` has no unit"), format!("write `{number}s` for seconds, `{number}m` for minutes"));
    }
    if number.starts_with('-') {
        return (format!("`{number}` is negative"), "write a time of zero or more, such as `30s`".to_owned());
    }
    if let Some((whole, _)) = number.split_once('.')
        && plain(whole)
    {
        return (
            format!("`{number}` is not a whole number"),
            "use a smaller unit: `90s` for a minute and a half".to_owned(),
        );
    }
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let unit = match number[digits..].trim().to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "d" | "day" | "days" => {
            let hours = number[..digits].parse::<u64>().ok().and_then(|days| days.checked_mul(24)).unwrap_or(24);
            return (format!("`{number}` counts in days"), format!("write hours: `{hours}h`"));
        }
        _ => {
            return (
                format!("`{number}` is not a time"),
                "write a number and a unit: `500ms`, `30s`, `10m`, `1h 30m`".to_owned(),
            );
        }
    };
    (format!("`{number}` has an unknown unit"), format!("write `{}{unit}`", &number[..digits]))
}

/// The shortest text that reads back to the same duration.
pub fn print(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"), (u64::from(millis), "ms")];
    let written: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if written.is_empty() { "0s".to_owned() } else { written.join(" ") }
}

/// A second since the Unix epoch, as it is written in a playbook.
pub fn moment(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_printed() {
        for (text, millis) in [("30s", 30_000), ("10m", 600_000), ("1h 30m", 5_400_000), ("500ms", 500), ("0s", 0)] {
            let duration = parse(text).unwrap();
            assert_eq!(duration.as_millis(), millis);
            assert_eq!(print(duration), text);
        }
        assert_eq!(parse("1h30m"), parse("90m"));
    }

    #[test]
    fn a_wrong_duration_says_what_to_write() {
        let help = |text: &str| parse(text).unwrap_err();
        assert_eq!(help("30").1, "write `30s` for seconds, `30m` for minutes");
        assert_eq!(help("-5s").0, "`-5s` is negative");
        assert_eq!(help("10min").1, "write `10m`");
        assert_eq!(help("2 hours").1, "write `2h`");
        assert_eq!(help("1d").1, "write hours: `24h`");
        assert!(help("1.5h").0.contains("whole number"));
        assert!(help("30m 1h").1.contains("largest first"));
        assert!(help("99999999h").0.contains("longer than a year"));
        assert!(help("soon").0.contains("not a time"));
        assert!(help("").0.contains("not a time"));
    }
}
