//! What a command takes away, guessed from its words and from the text of a script it names.
//!
//! Wrong guesses must err to the unsafe side: whatever is not on the short harmless list is unknown,
//! and the unknown is treated as disruptive (semantics.md §1).

use super::model::TakesDown;

const REBOOT: [&str; 9] =
    ["reboot", "shutdown", "poweroff", "halt", "kexec", "telinit", "systemd-soft-reboot", "soft-reboot", "init6"];
const RESTART: [&str; 15] = [
    "stop",
    "restart",
    "try-restart",
    "reload-or-restart",
    "start",
    "drain",
    "stopdaemon",
    "kill",
    "pkill",
    "killall",
    "decommission",
    "assassinate",
    "removenode",
    "disablegossip",
    "disablebinary",
];
/// Programs that only look, whatever their arguments.
const HARMLESS: [&str; 26] = [
    "true",
    "false",
    ":",
    "uptime",
    "whoami",
    "id",
    "uname",
    "echo",
    "printf",
    "pwd",
    "ls",
    "cat",
    "df",
    "du",
    "free",
    "ps",
    "who",
    "last",
    "head",
    "tail",
    "grep",
    "wc",
    "stat",
    "nproc",
    "sha256sum",
    "sleep",
];
/// Sub-commands of nodetool that only read.
const READING: [&str; 38] = [
    "status",
    "info",
    "ring",
    "netstats",
    "describecluster",
    "describering",
    "gossipinfo",
    "tpstats",
    "tablestats",
    "cfstats",
    "compactionstats",
    "compactionhistory",
    "gcstats",
    "getcompactionthreshold",
    "getcompactionthroughput",
    "getendpoints",
    "getlogginglevels",
    "getseeds",
    "getsstables",
    "getstreamthroughput",
    "gettimeout",
    "gettraceprobability",
    "help",
    "listsnapshots",
    "listpendinghints",
    "proxyhistograms",
    "tablehistograms",
    "rangekeysample",
    "statusautocompaction",
    "statusbackup",
    "statusbinary",
    "statusgossip",
    "statushandoff",
    "toppartitions",
    "version",
    "viewbuildstatus",
    "failuredetector",
    "getconcurrency",
];
/// Sub-commands of systemctl that only read.
const LOOKING: [&str; 8] =
    ["status", "is-active", "is-enabled", "is-failed", "show", "cat", "list-units", "list-unit-files"];
/// Options of ssh that take a value in the next word.
const SSH_VALUES: &str = "bcDEeFIiJLlmOopQRSWwB";

/// What the command takes away, and why it is thought so. `script_text`: of a local script its words name.
pub fn takes_down(words: &[String], script_text: Option<&str>) -> (TakesDown, String) {
    let texts: Vec<&str> = words.iter().map(String::as_str).chain(script_text).collect();
    let tokens: Vec<&str> = texts.iter().flat_map(|text| tokens(text)).collect();
    let level = |pair: &&[&str]| program(pair[0]) == "init" && matches!(pair[1], "0" | "6");
    if let Some(pair) = tokens.windows(2).find(level) {
        return (TakesDown::Reboot, format!("the words `{}`", pair.join(" ")));
    }
    for (list, takes) in [(&REBOOT[..], TakesDown::Reboot), (&RESTART[..], TakesDown::Restart)] {
        if let Some(found) = tokens.iter().find(|token| list.contains(&program(token))) {
            return (takes, format!("the word `{found}`"));
        }
    }
    if let Some(text) = script_text {
        return match harmless_text(text) {
            Ok(()) => (TakesDown::Nothing, "the script only looks".to_owned()),
            Err(what) => (TakesDown::Unknown, format!("`{what}` in the script is not known to be harmless")),
        };
    }
    match harmless_words(words) {
        Ok(what) => (TakesDown::Nothing, format!("`{what}` only looks")),
        Err(what) => (TakesDown::Unknown, format!("`{what}` is not known to be harmless")),
    }
}

/// Words of a text as a shell or a person would see them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || ";|&()<>`\"'{}$=,".contains(c)).filter(|token| !token.is_empty())
}

/// The last part of a path.
fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn harmless_words(words: &[String]) -> Result<String, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.first().is_some_and(|first| program(first) == "ssh") {
        // The far shell reads all words after the host as one text.
        return harmless_text(&far_words(&words)?.join(" ")).map(|()| "the far command".to_owned());
    }
    harmless(&words).map(str::to_owned)
}

/// What ssh would run: the words after its options and the host.
fn far_words<'a>(words: &[&'a str]) -> Result<Vec<&'a str>, String> {
    let mut rest = &words[1..];
    while let Some(option) = rest.first().and_then(|word| word.strip_prefix('-')) {
        let takes_value = option.len() == 1 && SSH_VALUES.contains(option);
        rest = rest.get(if takes_value { 2 } else { 1 }..).unwrap_or_default();
    }
    match rest {
        [_, far @ ..] if !far.is_empty() => Ok(far.to_vec()),
        _ => Err("ssh without a command".to_owned()),
    }
}

/// A text of shell commands, one a line or with separators between.
fn harmless_text(text: &str) -> Result<(), String> {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(bad) = line.find(['>', '`', '$', '(', '{', '\\']) {
            return Err(line[bad..].chars().take(20).collect());
        }
        for part in line.split([';', '|', '&']).map(str::trim).filter(|part| !part.is_empty()) {
            let words: Vec<&str> = part.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
            if words[0] != "set" {
                harmless(&words)?;
            }
        }
    }
    Ok(())
}

/// One command: its program is on the list, past what only wraps it.
fn harmless<'a>(words: &[&'a str]) -> Result<&'a str, String> {
    let Some((first, rest)) = words.split_first() else { return Err("nothing".to_owned()) };
    let no_change = |allowed: &[&str]| rest.iter().all(|word| allowed.contains(word));
    let sub = rest.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    let fine = match program(first) {
        "sudo" | "env" | "nice" | "nohup" | "time" => {
            let options = rest.iter().take_while(|word| word.starts_with('-') || word.contains('=')).count();
            let safe = rest[..options].iter().all(|word| ["-n", "--"].contains(word) || word.starts_with("LC_ALL="));
            return if safe { harmless(&rest[options..]) } else { Err(rest[..options].join(" ")) };
        }
        "hostname" => no_change(&["-f", "-s", "-i", "-I", "-A", "-d"]),
        "date" => rest.iter().all(|word| word.starts_with('+') || *word == "-u"),
        "systemctl" => LOOKING.contains(&sub),
        "nodetool" => READING.contains(&nodetool_command(rest)),
        name => HARMLESS.contains(&name),
    };
    if fine { Ok(first) } else { Err(words.iter().take(3).copied().collect::<Vec<_>>().join(" ")) }
}

/// The sub-command of nodetool, past the options that take a value.
fn nodetool_command<'a>(words: &[&'a str]) -> &'a str {
    const VALUES: [&str; 10] =
        ["-h", "--host", "-p", "--port", "-u", "--username", "-pw", "--password", "-pwf", "--password-file"];
    let mut rest = words;
    while let [first, after @ ..] = rest {
        match first.starts_with('-') {
            true => rest = if VALUES.contains(first) { after.get(1..).unwrap_or_default() } else { after },
            false => return first,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(text: &str) -> TakesDown {
        let words = crate::playbook::command::split(text).unwrap().words;
        takes_down(&words.into_iter().map(|word| word.template).collect::<Vec<_>>(), None).0
    }

    #[test]
    fn words_that_reboot_or_restart() {
        for text in [
            "ssh h sudo reboot",
            "ssh h 'sudo /sbin/shutdown -r now'",
            "ssh h 'true && poweroff'",
            "ssh h systemctl reboot",
            "ssh h 'systemctl stop x; /sbin/init 6'",
        ] {
            assert_eq!(guess(text), TakesDown::Reboot, "{text}");
        }
        for text in [
            "ssh h systemctl restart cassandra",
            "ssh h 'nodetool drain; true'",
            "nodetool -h h stopdaemon",
            "ssh h kill -9 1",
        ] {
            assert_eq!(guess(text), TakesDown::Restart, "{text}");
        }
    }

    #[test]
    fn what_only_looks() {
        for text in [
            "hostname",
            "ssh -o BatchMode=yes -p 22 h hostname -f",
            "ssh h 'uptime; df -h | grep data'",
            "ssh h sudo -n env LC_ALL=C.UTF-8 nodetool -h ::1 -pp status",
            "ssh h systemctl is-active cassandra",
            "date +%s",
            "/bin/true",
        ] {
            assert_eq!(guess(text), TakesDown::Nothing, "{text}");
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for text in [
            "ssh h",
            "ssh h puppet agent -t",
            "ssh h 'hostname > /etc/x'",
            "ssh h hostname db1",
            "ssh h 'echo $(upgrade)'",
            "ssh h nodetool flush",
            "ssh h 'true; upgrade'",
            "date -s 12:00",
            "rsync a b",
            "ssh h sudo -u cassandra ls",
            "bash /opt/x.sh",
            "env X=1 hostname",
        ] {
            assert_eq!(guess(text), TakesDown::Unknown, "{text}");
        }
    }

    #[test]
    fn the_text_of_a_script_counts() {
        let words = ["bash".to_owned(), "/opt/x.sh".to_owned()];
        let of = |text: &str| takes_down(&words, Some(text));
        assert_eq!(of("#!/bin/bash\nssh $1 sudo reboot\n").0, TakesDown::Reboot);
        assert_eq!(of("# nothing\nset -e\nhostname\nuptime\n").0, TakesDown::Nothing);
        let (takes, why) = of("upgrade-everything now please\n");
        assert_eq!(
            (takes, why.as_str()),
            (TakesDown::Unknown, "`upgrade-everything now please` in the script is not known to be harmless")
        );
    }
}
