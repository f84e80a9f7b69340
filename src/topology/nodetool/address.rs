//! Addresses as nodetool prints them: `10.0.0.1`, `/10.0.0.1`, `host/10.0.0.1`, with a port
//! (`10.0.0.1:7000`, `[2001:db8:0:0:0:0:0:1]:7000`), IPv6 uncompressed and with a scope (`%eth0`).

use super::parse_error::{Line, ParseError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address in one word; None: it is none (a resolved name, half an address).
pub(super) fn address(word: &str) -> Option<IpAddr> {
    let word = word.rsplit_once('/').map_or(word, |(_, after)| after);
    if let Some(inner) = word.strip_prefix('[') {
        let (inner, after) = inner.split_once(']')?;
        return (after.is_empty() || port(after.strip_prefix(':')?)).then(|| ipv6(inner))?;
    }
    if let Ok(plain) = word.parse::<Ipv4Addr>() {
        return Some(plain.into());
    }
    if let Some((before, after)) = word.rsplit_once(':')
        && let Ok(plain) = before.parse::<Ipv4Addr>()
    {
        return port(after).then_some(plain.into());
    }
    ipv6(word)
}

fn port(word: &str) -> bool {
    word.parse::<u16>().is_ok()
}

/// The scope is left out: it names an interface of the node asked.
fn ipv6(word: &str) -> Option<IpAddr> {
    let word = word.split_once('%').map_or(word, |(before, _)| before);
    word.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// What words that come again and again mean: in a large ring each of a thousand addresses stands in thousands of lines.
pub(super) struct Lexicon<'a, T> {
    /// Each word has one place; the newest of those that share it stands there.
    places: Vec<Option<(&'a str, T)>>,
}

impl<'a, T: Copy> Lexicon<'a, T> {
    const PLACES: usize = 1 << 13;

    pub fn new() -> Self {
        Lexicon { places: vec![None; Self::PLACES] }
    }

    /// What the word means; `read` is asked where that is not known.
    pub fn meaning(&mut self, word: &'a str, read: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let place = &mut self.places[hash(word.as_bytes()) as usize % Self::PLACES];
        if let Some((known, meaning)) = place
            && *known == word
        {
            return Some(*meaning);
        }
        let meaning = read(word)?;
        *place = Some((word, meaning));
        Some(meaning)
    }
}

/// Eight bytes at a time: addresses are short, and there are millions of them.
fn hash(word: &[u8]) -> u64 {
    let mix = |hash: u64, eight: u64| {
        let product = u128::from(hash ^ eight) * 0x9e37_79b9_7f4a_7c15;
        product as u64 ^ (product >> 64) as u64
    };
    let (eights, rest) = word.as_chunks::<8>();
    let hash = eights.iter().fold(word.len() as u64, |hash, eight| mix(hash, u64::from_le_bytes(*eight)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

/// `a, b, c`, the inside of a list; an empty text is an empty list.
pub(super) fn address_list(line: &Line, inside: &str) -> Result<Vec<IpAddr>, ParseError> {
    if inside.is_empty() {
        return Ok(Vec::new());
    }
    inside
        .split(", ")
        .map(|word| address(word).ok_or_else(|| line.error(format!("`{word}` is not an address"))))
        .collect()
}

/// `[a, b, c]`, a whole list.
pub(super) fn bracketed(line: &Line, text: &str) -> Result<Vec<IpAddr>, ParseError> {
    let inside = text
        .trim_end()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(|| line.error("expected a list of addresses in brackets"))?;
    address_list(line, inside)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn every_form_that_nodetool_prints() {
        for (word, want) in [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1:7000", "10.0.0.1"),
            ("/10.0.0.1", "10.0.0.1"),
            ("db-1.example/10.0.0.1:7000", "10.0.0.1"),
            ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
            ("/2001:db8:0:0:0:0:0:1", "2001:db8::1"),
            ("[2001:db8:0:0:0:0:0:1]:7000", "2001:db8::1"),
            ("[2001:db8:0:0:0:0:0:1]", "2001:db8::1"),
            ("fe80:0:0:0:0:0:0:1%eth0", "fe80::1"),
            ("[fe80:0:0:0:0:0:0:1%eth0]:7000", "fe80::1"),
        ] {
            assert_eq!(address(word), want.parse().ok(), "{word}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for word in ["", "db-1", "10.0.0", "10.0.0.1:", "10.0.0.1:x", "[2001:db8::1", "[2001:db8::1]7000", "?", "::g"] {
            assert_eq!(address(word), None, "{word}");
        }
    }
}
