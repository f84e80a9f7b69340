//! cstarpar's command line, first stage: argv with `--seed-host A B "command"` → argv without guesses
//! (`--seed-host=A --seed-host=B -- "command"`), which clap then reads.

/// Options that take hosts up to the next option, as cstarpar's do.
const GREEDY: [&str; 2] = ["--seed-host", "--host"];

/// What is wrong with a command line, and what to type instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Misuse {
    pub message: String,
    pub help: String,
}

fn misuse<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Misuse> {
    Err(Misuse { message: message.into(), help: help.into() })
}

/// Rewrites the words that follow `exec`. `takes_value` knows which options are followed by a value.
///
/// The command is what follows `--`; or the one word that is no option and no option's value; or, where
/// the hosts go on to the end of the line, their last word (cstarpar's parser refuses that one).
pub fn rewrite(words: &[String], takes_value: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Misuse> {
    let mut options = Vec::new();
    let mut command: Option<Vec<String>> = None;
    let mut helps = false;
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        if word == "--" {
            let after: Vec<String> = rest.by_ref().cloned().collect();
            if let Some(first) = &command {
                return two_commands(&first[0], &after.join(" "));
            }
            command = Some(after);
        } else if GREEDY.contains(&word.as_str()) {
            let mut hosts = Vec::new();
            while let Some(host) = rest.next_if(|w| !is_option(w)) {
                hosts.push(host.clone());
            }
            if rest.peek().is_none() && command.is_none() && hosts.len() > 1 {
                command = hosts.pop().map(|last| vec![last]);
            }
            for host in hosts {
                options.push(format!("{word}={}", checked_host(word, host)?));
            }
        } else if is_option(word) {
            helps |= ["--help", "-h", "--version", "-V"].contains(&word.as_str());
            options.push(word.clone());
            if takes_value(word) {
                options.extend(rest.next().cloned());
            }
        } else if let Some(first) = &command {
            return two_commands(&first[0], word);
        } else {
            command = Some(vec![word.clone()]);
        }
    }
    match command {
        Some(command) if !command.is_empty() => {
            options.push("--".to_owned());
            options.extend(command);
        }
        _ if helps => {}
        _ => {
            return misuse(
                "`rollbook exec` was not told what to run on each host",
                "put the command last, after `--`: `rollbook exec --seed-host 10.0.0.1 -- \"ssh {} hostname\"`",
            );
        }
    }
    Ok(options)
}

/// `-` alone is a word, as everywhere.
fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

fn two_commands<T>(first: &str, second: &str) -> Result<T, Misuse> {
    misuse(
        format!("both `{first}` and `{second}` stand where one command is expected"),
        "quote the command as one word, or put it last, after `--`: `-- \"ssh {} hostname\"`",
    )
}

/// A host that holds a blank or `{}` is a command that lost its `--`.
fn checked_host(option: &str, host: String) -> Result<String, Misuse> {
    let fine = |c: char| c.is_alphanumeric() || ".:-_[]%,".contains(c);
    if host.chars().all(fine) && !host.is_empty() {
        return Ok(host);
    }
    misuse(
        format!("`{host}`, a value of `{option}`, is no host"),
        format!(
            "`{option}` takes values up to the next option; put `--` before the command: `{option} H -- \"{host}\"`"
        ),
    )
}

#[cfg(test)]
mod tests;
