//! One token of the ring.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A token, written as nodetool writes it.
///
/// Numbers (Murmur3, Random) are in the order of their values, and before all others, which are in the order of their
/// bytes (ByteOrdered prints hexadecimal digits). Rings of thousands of nodes have hundreds of thousands of tokens: a
/// number takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(Form);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Number(i128),
    Text(Box<str>),
}

impl Token {
    /// None: the partitioner's tokens are no numbers.
    pub fn number(&self) -> Option<i128> {
        match self.0 {
            Form::Number(number) => Some(number),
            Form::Text(_) => None,
        }
    }
}

impl From<&str> for Token {
    /// What would not be written again as it stands (`007`, `+7`) is no number here: no two texts are one token.
    fn from(text: &str) -> Self {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let plain = match digits {
            [b'0'] => digits.len() == text.len(),
            [first, ..] => (b'1'..=b'9').contains(first),
            [] => false,
        };
        let short = |text: &str| text.parse::<i64>().ok().map(i128::from);
        let number = if plain { short(text).or_else(|| text.parse().ok()) } else { None };
        Token(number.map_or_else(|| Form::Text(text.into()), Form::Number))
    }
}

impl From<i128> for Token {
    fn from(number: i128) -> Self {
        Token(Form::Number(number))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match &self.0 {
            Form::Number(number) => match i64::try_from(*number) {
                Ok(short) => short.fmt(out),
                Err(_) => number.fmt(out),
            },
            Form::Text(text) => text.fmt(out),
        }
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Token::from(Cow::<str>::deserialize(from)?.as_ref()))
    }
}

impl JsonSchema for Token {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Token".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn every_text_comes_back_as_it_was() {
        let longest = format!("{}", i128::MIN);
        let huge = "9".repeat(40);
        for text in [
            "0",
            "7",
            "-7",
            "-9223372036854775808",
            "9223372036854775808",
            "170141183460469231731687303715884105727",
            &longest,
            &huge,
            "",
            "-",
            "-0",
            "007",
            "+7",
            " 7",
            "7 ",
            "ab",
            "0a",
            "1e5",
            "é",
        ] {
            assert_eq!(Token::from(text).to_string(), text);
            let json = serde_json::to_string(&Token::from(text)).unwrap();
            assert_eq!(serde_json::from_str::<Token>(&json).unwrap(), Token::from(text));
        }
        for text in ["", "-", "-0", "007", "+7", "7 ", "ab", &huge] {
            assert_eq!(Token::from(text).number(), None, "{text:?}");
        }
        assert_eq!(Token::from("-9223372036854775809").number(), Some(i128::from(i64::MIN) - 1));
        assert_eq!(Token::from("12"), Token::from(12));
    }

    #[test]
    fn numbers_by_value_and_others_by_their_bytes() {
        let mut tokens = ["b", "10", "-3", "9", "a", "-20", "9223372036854775808"].map(Token::from);
        tokens.sort();
        assert_eq!(tokens.map(|token| token.to_string()), ["-20", "-3", "9", "10", "9223372036854775808", "a", "b"]);
    }
}
