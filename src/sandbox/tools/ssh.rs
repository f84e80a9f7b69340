//! `ssh [options] HOST [words]`: the words, joined by single blanks, are run by a far shell, as
//! sshd does it. A host that is down refuses; one that goes down takes the session with it.

use super::complain;
use crate::sandbox::cluster::Machine;
use crate::sandbox::dispatch::{HOST, Invocation, SANDBOX};
use crate::sandbox::fault::Fate;
use crate::sandbox::host;
use crate::sandbox::pace;
use crate::sandbox::world::World;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// ssh's own failures.
const FAILED: u8 = 255;

const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";
const WITHOUT: &str = "46AaCfGgKkMNnqsTtvXxYy";

/// What was asked of ssh.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    host: String,
    user: Option<String>,
    /// Lower-case names of `-o`, and their values.
    settings: Vec<(String, String)>,
    no_input: bool,
    words: Vec<String>,
}

impl Asked {
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn batch(&self) -> bool {
        self.setting("batchmode") == Some("yes")
    }
}

/// Reads ssh's command line as ssh does: options may stand on both sides of the host.
fn asked(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            if asked.host.is_empty() {
                continue;
            }
            break;
        }
        if !word.starts_with('-') || word == "-" {
            if asked.host.is_empty() {
                destination(&mut asked, word);
                continue;
            }
            asked.words.push(word.clone());
            break;
        }
        let letters = word[1..].char_indices();
        for (at, letter) in letters {
            if WITHOUT.contains(letter) {
                asked.no_input |= letter == 'n' || letter == 'f';
            } else if WITH_VALUE.contains(letter) {
                let attached = &word[1 + at + 1..];
                let value = if attached.is_empty() { words.next().cloned() } else { Some(attached.to_owned()) };
                let value = value.ok_or_else(|| format!("option requires an argument -- {letter}"))?;
                option(&mut asked, letter, &value)?;
                break;
            } else {
                return Err(format!("unknown option -- {letter}"));
            }
        }
    }
    asked.words.extend(words.cloned());
    Ok(asked)
}

fn option(asked: &mut Asked, letter: char, value: &str) -> Result<(), String> {
    match letter {
        'l' => asked.user = Some(value.to_owned()),
        'o' => {
            let split = value.split_once(['=', ' ']).ok_or_else(|| format!("no argument after keyword \"{value}\""))?;
            let name = split.0.trim().to_lowercase();
            if name == "user" {
                asked.user = Some(split.1.trim().to_owned());
            }
            asked.settings.push((name, split.1.trim().to_owned()));
        }
        _ => {}
    }
    Ok(())
}

fn destination(asked: &mut Asked, word: &str) {
    let word = match word.strip_prefix("ssh://") {
        Some(rest) => rest.split(':').next().unwrap_or(rest),
        None => word,
    };
    match word.rsplit_once('@') {
        Some((user, host)) => (asked.user, asked.host) = (Some(user.to_owned()), host.to_owned()),
        None => asked.host = word.to_owned(),
    }
}

pub fn run(call: &Invocation) -> Result<u8> {
    let asked = match asked(&call.args) {
        Ok(asked) if !asked.host.is_empty() => asked,
        Ok(_) => {
            return Ok(fail(call, "-", "usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] destination [command [argument ...]]"));
        }
        Err(words) => return Ok(fail(call, "-", &words)),
    };
    let world = call.world()?;
    let Some(machine) = world.cluster.find(&asked.host).cloned() else {
        let words = format!("ssh: Could not resolve hostname {}: Name or service not known", asked.host);
        return Ok(fail(call, "-", &words));
    };
    if let Some(words) = refusal(call, &world, &machine, &asked)? {
        return Ok(fail(call, &machine.name, &words));
    }
    // Counted before the far shell starts: its reboot may be done before this process runs again.
    let boots = world.history(&machine)?.boots.len();
    let child = far_shell(&world, &machine, &asked)?;
    let exit = session(&world, &machine, &asked.host, boots, child)?;
    call.log(&machine.name, &exit.to_string());
    Ok(exit)
}

fn fail(call: &Invocation, host: &str, words: &str) -> u8 {
    complain(&format!("{words}\r\n"));
    call.log(host, "255");
    FAILED
}

/// Why there is no session, in ssh's words; waits as long as ssh would.
fn refusal(call: &Invocation, world: &World, machine: &Machine, asked: &Asked) -> Result<Option<String>> {
    let port = format!("ssh: connect to host {} port 22", asked.host);
    let wait = || pace::sleep_until(world.now + world.cluster.pace.of(pace::NO_ANSWER));
    let history = world.history(machine)?;
    if history.is_dark(world.now) {
        wait();
        return Ok(Some(format!("{port}: Connection timed out")));
    }
    if !history.is_up(world.now) || world.has(machine, &Fate::SshRefused) {
        return Ok(Some(format!("{port}: Connection refused")));
    }
    if world.is_frozen(machine) {
        wait();
        let at = machine.address;
        let words = "Connection timed out during banner exchange\r\nConnection to";
        return Ok(Some(format!("{words} {at} port 22 timed out")));
    }
    let trusting = matches!(asked.setting("stricthostkeychecking"), Some("no" | "off" | "accept-new"));
    if world.has(machine, &Fate::HostKeyUnknown) && !trusting {
        return Ok(Some("Host key verification failed.".to_owned()));
    }
    if world.has(machine, &Fate::SshAsksPassword) {
        let user = asked.user.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "root".to_owned());
        let login = format!("{user}@{}", asked.host);
        if !asked.batch() {
            ask_on_terminal(&format!("{login}'s password: "));
        }
        return Ok(Some(format!("{login}: Permission denied (publickey,password).")));
    }
    if world.has(machine, &Fate::SshHangs) {
        call.hang(&machine.name);
    }
    Ok(None)
}

/// As the real ssh: a process in the background that asks on the terminal is stopped by the kernel.
fn ask_on_terminal(prompt: &str) {
    use std::io::{BufRead as _, BufReader, Write as _};
    if let Ok(mut terminal) = fs::OpenOptions::new().read(true).write(true).open("/dev/tty") {
        let _ = terminal.write_all(prompt.as_bytes());
        let _ = BufReader::new(terminal).read_line(&mut String::new());
    }
}

/// The far shell: nothing of this side's environment reaches it but the way to the tools.
fn far_shell(world: &World, machine: &Machine, asked: &Asked) -> Result<Child> {
    let dir = &world.cluster.dir;
    let home = dir.join("home").join(&machine.name);
    fs::create_dir_all(&home)?;
    let outside = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
    let bin = dir.join("bin").display().to_string();
    let path = if outside.starts_with(&bin) { outside } else { format!("{bin}:{outside}") };
    let mut shell = Command::new("/bin/sh");
    if asked.words.is_empty() {
        shell.arg("-s");
    } else {
        shell.arg("-c").arg(asked.words.join(" "));
    }
    shell.env_clear().envs([("PATH", path), ("SHELL", "/bin/sh".to_owned())]);
    shell.env("USER", asked.user.as_deref().unwrap_or("root"));
    shell.env("HOME", &home).env(SANDBOX, dir).env(HOST, &machine.name).current_dir(&home);
    if asked.no_input {
        shell.stdin(Stdio::null());
    }
    shell.spawn().context("the far shell did not start")
}

/// Waits for the far command, or for the host to go down under it.
fn session(world: &World, machine: &Machine, called: &str, boots: usize, mut child: Child) -> Result<u8> {
    let mut pause = 1;
    loop {
        // The machine first, then the command: one that ended in time counts as heard.
        let history = host::load(&world.cluster, machine)?;
        let now = pace::now();
        let gone = history.boots.len() > boots && (!history.is_up(now) || history.boot(now) >= boots);
        if let Some(status) = child.try_wait()? {
            // A far command killed by a signal: sshd reports no exit status.
            return Ok(status.code().filter(|_| status.signal().is_none()).map_or(FAILED, |code| code as u8));
        }
        if gone {
            end_with_children(child.id());
            let _ = child.wait();
            complain(&format!("Connection to {called} closed by remote host.\r\n"));
            return Ok(FAILED);
        }
        std::thread::sleep(Duration::from_millis(pause));
        pause = (pause + 1).min(20);
    }
}

/// Ends a process and all that it started: their machine has gone down. Each is stopped before its
/// children are read, or a shell whose command ends would go on to the next one.
fn end_with_children(id: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(pid) = Pid::from_raw(id as i32) else { return };
    let _ = kill_process(pid, Signal::STOP);
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let _ = kill_process(pid, Signal::KILL);
    for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
        end_with_children(child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Asked {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        asked(&words).unwrap()
    }

    #[test]
    fn the_forms_of_a_command_line_that_ssh_takes() {
        let forms = [
            "-o BatchMode=yes -o ConnectTimeout=10 -i key -p 22 ops@h3 sudo reboot",
            "-oBatchMode=yes -ikey -l ops -qTn h3 sudo reboot",
            "-tt ssh://ops@h3:22 -- sudo reboot",
            "h3 -l ops -- sudo reboot",
        ];
        for form in &forms[..2] {
            assert!(read(form).batch(), "{form}");
        }
        for form in [forms[0], forms[1], forms[3]] {
            let asked = read(form);
            assert_eq!((asked.host.as_str(), asked.user.as_deref()), ("h3", Some("ops")), "{form}");
            assert_eq!(asked.words, ["sudo", "reboot"], "{form}");
        }
        assert_eq!(read("h3 ls -l -a").words, ["ls", "-l", "-a"]);
        assert!(read("-n h3 x").no_input);
        assert!(asked(&["-Z".to_owned(), "h3".to_owned()]).is_err());
        assert!(asked(&["-o".to_owned()]).is_err());
    }
}
