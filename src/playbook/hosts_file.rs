//! `cluster.hosts`: a file that says by which name ssh knows an address.

use super::template::safe;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Reads `ADDRESS: NAME` lines (YAML).
///
/// # Errors
/// A sentence: no map, an address that is none, a name that could not stand in a command, one name for two addresses.
pub fn read_hosts(text: &str) -> Result<BTreeMap<String, String>, String> {
    let no_list = |error: serde_yaml::Error| format!("it is no list of `ADDRESS: NAME` lines: {error}");
    // a mapping refuses what stands twice; a map would keep the last
    let mapping: serde_yaml::Mapping = serde_yaml::from_str(text).map_err(no_list)?;
    let written: BTreeMap<String, String> = serde_yaml::from_value(mapping.into()).map_err(no_list)?;
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    for (address, name) in written {
        let parsed: IpAddr = address.parse().map_err(|_| format!("`{}` is no address", address.escape_debug()))?;
        safe::check(&name).map_err(|why| format!("`{}` goes into commands: {why}", name.escape_debug()))?;
        if let Some((other, _)) = hosts.iter().find(|(_, known)| **known == name) {
            return Err(format!("`{name}` stands for both {other} and {parsed}"));
        }
        if hosts.insert(parsed.to_string(), name).is_some() {
            return Err(format!("{parsed} has two names"));
        }
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_what_could_reach_the_wrong_host_is_refused() {
        let hosts = read_hosts("10.0.0.1: node1.example\n\"2001:DB8::0:1\": node2\n").unwrap();
        assert_eq!(hosts["10.0.0.1"], "node1.example");
        assert_eq!(hosts["2001:db8::1"], "node2");
        let cases = [
            ("- 10.0.0.1", "no list"),
            ("node1: 10.0.0.1", "is no address"),
            ("10.0.0.1: -oProxyCommand=x", "goes into commands"),
            ("10.0.0.1: a;b", "goes into commands"),
            ("10.0.0.1: a\n10.0.0.2: a", "stands for both"),
            ("10.0.0.1: a\n10.0.0.1: b", "duplicate"),
        ];
        for (text, why) in cases {
            let said = read_hosts(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
