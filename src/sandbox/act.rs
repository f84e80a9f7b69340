//! What the tools do to a host: each changes its history, at once and for the time to come.

use super::cluster::Machine;
use super::fault::Fate;
use super::host::{Boot, History};
use super::life::{Drain, End, Life, Span};
use super::pace::{self, Moment};
use super::world::World;
use anyhow::Result;
use std::fs::OpenOptions;
use std::io::Write as _;

/// What a power command leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Reboot,
    Off,
}

impl World {
    /// A line in `truth.log`: what was done to a host, when, and until when it takes effect.
    fn tell(&self, machine: &Machine, what: &str) -> Result<()> {
        let line = format!("{}\t{}\t{}\t{what}\n", pace::now(), machine.name, machine.address);
        let path = self.cluster.dir.join("truth.log");
        OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())?;
        Ok(())
    }

    /// A new life of Cassandra, as the host's faults have it.
    fn give_life(&self, machine: &Machine, history: &mut History, start: Moment) {
        let before = history.newest().generation;
        let slow = self.wrong(machine).map(|fate| if let Fate::SlowStart(s) = fate { *s } else { 0.0 });
        let slow = (slow.fold(0.0, f64::max) * 1000.0) as u64;
        let mut life = Life::new(start, slow, before, self.cluster.pace);
        if self.has(machine, &Fate::StartFails) {
            life.end = Some(End { at: start + self.cluster.pace.of(pace::STILLBORN), announced: None });
        }
        history.lives.push(life);
    }

    /// Ends the newest life with a goodbye; no effect on one that has ended.
    fn end_life(&self, history: &mut History, announced: Moment, at: Moment) {
        let life = history.newest();
        if life.end.is_none_or(|end| end.at > at) {
            life.end = Some(End { at, announced: Some(announced) });
        }
    }

    /// The machine goes down (and up again). False: nothing happens, although the command says 0.
    pub fn power(&self, machine: &Machine, power: Power, at: Moment) -> Result<bool> {
        if self.has(machine, &Fate::RebootDoesNothing) {
            self.tell(machine, "reboot, in vain")?;
            return Ok(false);
        }
        // Told first: once the host goes down its ssh sessions end, this command with them.
        self.tell(machine, if power == Power::Off { "power off" } else { "reboot" })?;
        for node in self.cluster.on_machine_of(machine) {
            self.goes_down(node, power, at)?;
        }
        Ok(true)
    }

    fn goes_down(&self, machine: &Machine, power: Power, at: Moment) -> Result<()> {
        let pace = self.cluster.pace;
        self.change(machine, |history| {
            let last = history.boots.len() - 1;
            if history.boots[last].to.is_some() {
                return;
            }
            self.end_life(history, at + pace.of(pace::GOODBYE), at + pace.of(pace::GOES_DOWN));
            history.boots[last].to = Some(at + pace.of(pace::GOES_DOWN));
            let dark = power == Power::Off || self.has(machine, &Fate::NeverComesBack);
            let slow = self.wrong(machine).map(|fate| if let Fate::SlowBoot(s) = fate { *s } else { 0.0 });
            let slow = (slow.fold(0.0, f64::max) * 1000.0) as u64;
            let from = (!dark).then_some(at + pace.of(pace::BOOTED) + slow);
            history.boots.push(Boot { from, to: None });
            if let Some(from) = from.filter(|_| history.enabled && !self.has(machine, &Fate::NotEnabled)) {
                self.give_life(machine, history, from);
            }
        })
    }

    /// Somebody presses the button of a machine that is off.
    pub fn press_button(&self, machine: &Machine) -> Result<()> {
        let at = pace::now();
        self.change(machine, |history| {
            let last = history.boots.len() - 1;
            if history.boots[last].from.is_none() {
                history.boots[last].from = Some(at + self.cluster.pace.of(pace::BOOTED));
                if history.enabled {
                    self.give_life(machine, history, at + self.cluster.pace.of(pace::BOOTED));
                }
            }
        })?;
        self.tell(machine, "power on")
    }

    /// `systemctl stop`: the moment at which the process is gone.
    pub fn stop(&self, machine: &Machine) -> Result<Moment> {
        let at = pace::now();
        let gone = self.change(machine, |history| {
            if !history.life(at).runs(at) {
                return at;
            }
            let gone = at + self.cluster.pace.of(pace::STOPPED);
            self.end_life(history, at + self.cluster.pace.of(pace::STOP_ANNOUNCED), gone);
            gone
        })?;
        self.tell(machine, "stop")?;
        Ok(gone)
    }

    /// `systemctl start`; false: it runs already.
    pub fn start(&self, machine: &Machine, at: Moment) -> Result<bool> {
        let started = self.change(machine, |history| {
            let newest = history.newest();
            let needed = newest.start <= at && !newest.runs(at);
            if needed {
                self.give_life(machine, history, at);
            }
            needed
        })?;
        self.tell(machine, "start")?;
        Ok(started)
    }

    pub fn kill(&self, machine: &Machine) -> Result<()> {
        let at = pace::now();
        self.change(machine, |history| history.kill(at))?;
        self.tell(machine, "kill")
    }

    /// `nodetool drain`; the moment at which the command returns, none: never.
    pub fn drain(&self, machine: &Machine) -> Result<Option<Moment>> {
        let at = pace::now();
        let pace = self.cluster.pace;
        let hangs = self.has(machine, &Fate::DrainHangs);
        let reaches = !hangs && !self.has(machine, &Fate::DrainFails);
        self.change(machine, |history| {
            let life = history.newest();
            if life.drain.is_none() {
                let done = reaches.then_some(at + pace.of(pace::DRAINED));
                life.drain = Some(Drain { announced: at + pace.of(pace::DRAIN_ANNOUNCED), done });
            }
        })?;
        self.tell(machine, "drain")?;
        Ok((!hangs).then_some(at + pace.of(pace::DRAIN_RETURNS)))
    }

    pub fn gossip(&self, machine: &Machine, on: bool) -> Result<()> {
        let at = pace::now();
        self.change(machine, |history| {
            let life = history.newest();
            let off = life.gossip_off.iter().position(|span| span.covers(at));
            match (on, off) {
                (true, Some(ix)) => {
                    life.gossip_off[ix].to = Some(at);
                    life.generation = (at / 1000).max(life.generation + 1);
                }
                (false, None) => life.gossip_off.push(Span { from: at, to: None }),
                _ => {}
            }
        })?;
        self.tell(machine, if on { "enablegossip" } else { "disablegossip" })
    }

    pub fn binary(&self, machine: &Machine, on: bool) -> Result<()> {
        let at = pace::now();
        self.change(machine, |history| {
            let life = history.newest();
            let off = life.binary_off.iter().position(|span| span.covers(at));
            match (on, off) {
                (true, Some(ix)) => life.binary_off[ix].to = Some(at),
                (false, None) => life.binary_off.push(Span { from: at, to: None }),
                _ => {}
            }
        })?;
        self.tell(machine, if on { "enablebinary" } else { "disablebinary" })
    }

    pub fn enable(&self, machine: &Machine, on: bool) -> Result<()> {
        self.change(machine, |history| history.enabled = on)?;
        self.tell(machine, if on { "enable" } else { "disable" })
    }
}
