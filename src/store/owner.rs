//! Who holds something: a process, named so that a later process with the same id is not taken for it.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read};

/// A process of one boot of one machine. Process ids come again; with the start time they do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// `/etc/machine-id`, else the host name.
    pub machine: String,
    /// Random for every boot of the machine.
    pub boot: String,
    pub pid: u32,
    /// Clock ticks from boot to the process's start (`/proc/PID/stat`, field 22).
    pub start: u64,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn this_process() -> io::Result<Owner> {
        Owner::of(std::process::id())
    }

    /// A process of this machine that runs now.
    ///
    /// # Errors
    /// When there is no such process or `/proc` cannot be read.
    pub fn of(pid: u32) -> io::Result<Owner> {
        let stat = Stat::of(pid)?;
        Ok(Owner { machine: machine(), boot: boot()?, pid, start: stat.start })
    }

    /// Is it certain that it no longer runs? A process of another machine is never certain.
    pub fn dead(&self) -> bool {
        if self.machine != machine() {
            return false;
        }
        match boot() {
            Ok(boot) if boot != self.boot => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
        match Stat::of(self.pid) {
            // A zombie does nothing any more.
            Ok(stat) => stat.start != self.start || stat.state == 'Z',
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

/// What is needed of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub pid: u32,
    /// `R`, `S`, `T` (stopped), `Z` (ended, not yet collected), …
    pub state: char,
    pub parent: u32,
    pub session: u32,
    pub start: u64,
}

impl Stat {
    /// # Errors
    /// `NotFound` when there is no such process.
    pub fn of(pid: u32) -> io::Result<Stat> {
        // The kernel gives the line, which is shorter than this, at one stroke: a thousand watchers look at every process
        // of the machine, and a file that is read without knowing its size is read in seven pieces.
        let mut line = [0; 2048];
        let mut read = || fs::File::open(format!("/proc/{pid}/stat"))?.read(&mut line);
        let length = read().map_err(|error| match error.raw_os_error() {
            // The process ended between open and read (ESRCH).
            Some(3) => io::Error::from(io::ErrorKind::NotFound),
            _ => error,
        })?;
        // The name of a process need not be UTF-8; nothing of it is kept.
        let text = String::from_utf8_lossy(&line[..length]);
        Stat::parse(pid, &text).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat reads `{}`", text.trim_end())))
    }

    fn parse(pid: u32, text: &str) -> Option<Stat> {
        // `pid (name) state parent group session …`; the name may hold blanks and brackets.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Stat {
            pid,
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Every process of this machine that can be read now.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn all() -> io::Result<Vec<Stat>> {
        let mut all = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that ended meanwhile is no longer there, which is what the list says.
            if let Ok(stat) = Stat::of(pid) {
                all.push(stat);
            }
        }
        Ok(all)
    }
}

fn machine() -> String {
    let first_line =
        |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    first_line("/etc/machine-id")
        .or_else(|| first_line("/proc/sys/kernel/hostname"))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The name of this machine, for people.
pub fn machine_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "this machine".to_owned())
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let text = "7 (a) b (c) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991 1000 2 3";
        let stat = Stat::parse(7, text).unwrap();
        assert_eq!((stat.state, stat.parent, stat.session, stat.start), ('S', 3, 5, 991));
    }

    #[test]
    fn this_process_lives_and_its_like_with_another_start_does_not() {
        let me = Owner::this_process().unwrap();
        assert!(!me.dead());
        assert!(Owner { start: me.start + 1, ..me.clone() }.dead());
        assert!(Owner { boot: "another".into(), ..me.clone() }.dead());
        assert!(!Owner { machine: "another".into(), boot: "another".into(), ..me }.dead());
    }
}
