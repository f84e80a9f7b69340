//! What a plain scalar is to some version of YAML.

/// How a plain scalar reads. Where versions of YAML differ, whatever is not text to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    Text,
    Null,
    Bool,
    /// A decimal integer as a playbook may write one.
    Int,
    /// Any other number, also octal, sexagesimal or an infinity.
    Number,
    /// `yes`, `no`, `on`, `off`: a boolean to YAML 1.1, text to 1.2.
    OldBool,
}

impl Reads {
    /// For a sentence: "`no` reads as …".
    pub fn name(self) -> &'static str {
        match self {
            Reads::Text => "text",
            Reads::Null => "nothing",
            Reads::Bool | Reads::OldBool => "true or false",
            Reads::Int | Reads::Number => "a number",
        }
    }
}

/// How a plain scalar reads to YAML 1.1 or 1.2.
pub fn reads_as(text: &str) -> Reads {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "" | "~" | "null" => return Reads::Null,
        "true" | "false" => return Reads::Bool,
        "yes" | "no" | "on" | "off" | "y" | "n" => return Reads::OldBool,
        ".inf" | "+.inf" | "-.inf" | ".nan" => return Reads::Number,
        _ => {}
    }
    let unsigned = lower.strip_prefix(['-', '+']).unwrap_or(&lower);
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if digits(unsigned) && !lower.starts_with('+') && (unsigned == "0" || !unsigned.starts_with('0')) {
        return Reads::Int;
    }
    if is_number(unsigned) { Reads::Number } else { Reads::Text }
}

fn is_number(text: &str) -> bool {
    let all = |text: &str, allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(|c| c == '_' || allowed(c));
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, |c| c.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o").or_else(|| text.strip_prefix("0b")) {
        return all(digits, |c| c.is_ascii_digit());
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !text.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    // 1:30 and 190:20:30.15 are numbers of base 60 in YAML 1.1; an IPv6 address has letters or `::`.
    let sexagesimal = text.split(':').all(|part| all(part, |c| c.is_ascii_digit() || c == '.'));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let one_point = mantissa.matches('.').count() <= 1;
    let float = one_point && all(mantissa, |c| c.is_ascii_digit() || c == '.') && all(exponent, |c| c.is_ascii_digit());
    float || (text.contains(':') && sexagesimal)
}
