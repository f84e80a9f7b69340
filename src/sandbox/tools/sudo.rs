//! `sudo [-n] [-u USER] WORDS`: runs the words, or says what sudo says when it wants a password.

use super::{complain, outside};
use crate::sandbox::dispatch::Invocation;
use crate::sandbox::fault::Fate;
use anyhow::Result;

const NO_TERMINAL: &str = "sudo: a terminal is required to read the password; either use the -S option to read from \
                           standard input or configure an askpass helper\n";

pub fn run(call: &Invocation) -> Result<u8> {
    let world = call.world()?;
    let Some(machine) = call.machine(&world) else {
        complain("sudo: the sandbox has no `sudo` on this machine, only on its hosts: run it by `ssh HOST`\n");
        return Ok(1);
    };
    let mut never_ask = false;
    let mut words = call.args.iter();
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--" => break,
            "-u" | "-g" | "-h" | "-p" | "-C" | "-D" | "-R" | "-T" | "-U" => drop(words.next()),
            option if option.starts_with('-') && rest.is_empty() => {
                never_ask |= option == "--non-interactive" || (!option.starts_with("--") && option.contains('n'));
            }
            // `sudo NAME=VALUE command`
            setting if setting.contains('=') && rest.is_empty() => rest.extend(["env".to_owned(), setting.to_owned()]),
            _ => {
                rest.push(word.clone());
                break;
            }
        }
    }
    rest.extend(words.cloned());
    if world.has(&machine, &Fate::SudoAsksPassword) {
        complain(if never_ask { "" } else { NO_TERMINAL });
        complain("sudo: a password is required\n");
        call.log(&machine.name, "1");
        return Ok(1);
    }
    if rest.is_empty() {
        complain("usage: sudo -h | -K | -k | -V\n");
        return Ok(1);
    }
    call.log(&machine.name, "exec");
    let error = outside::replace(&rest);
    complain(&format!("sudo: {}: {}\n", rest[0], what(&error)));
    Ok(1)
}

fn what(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "command not found".to_owned(),
        _ => error.to_string(),
    }
}
