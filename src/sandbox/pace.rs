//! The clock, and how fast the simulated world goes: a reboot that takes a real node half a minute
//! takes four seconds here, and everything else shrinks with it (facts: times of a real 5.0.5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub type Moment = u64;

pub fn now() -> Moment {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as Moment)
}

/// Waits until a moment has come.
pub fn sleep_until(moment: Moment) {
    let now = now();
    if moment > now {
        std::thread::sleep(Duration::from_millis(moment - now));
    }
}

/// All durations of the simulated world, in milliseconds at speed 1; `Pace::of` divides by the speed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    speed: f64,
}

impl Pace {
    pub fn new(speed: f64) -> Self {
        Pace { speed }
    }

    /// Milliseconds at this speed.
    pub fn of(self, milliseconds: u64) -> Moment {
        (milliseconds as f64 / self.speed).round() as Moment
    }
}

/// `reboot` → Cassandra has said goodbye, and ssh is gone.
pub const GOODBYE: u64 = 40;
pub const GOES_DOWN: u64 = 100;
/// `reboot` → sshd answers again, and systemd starts Cassandra.
pub const BOOTED: u64 = 1500;
/// Start of the JVM → JMX answers "not initialized".
pub const JMX: u64 = 200;
/// → `gossipinfo` answers, with nothing.
pub const LISTENS: u64 = 600;
/// → `Mode: STARTING`; it sees every peer down.
pub const READY: u64 = 1000;
/// → it sees its peers, and they see it.
pub const SEEN: u64 = 1500;
/// → `Mode: NORMAL`.
pub const NORMAL: u64 = 1600;
/// → the CQL port is open.
pub const CQL: u64 = 2300;
/// `systemctl stop` → goodbye, and the JVM is gone.
pub const STOP_ANNOUNCED: u64 = 50;
pub const STOPPED: u64 = 300;
/// `nodetool drain` → goodbye, `Mode: DRAINED`, and the command returns.
pub const DRAIN_ANNOUNCED: u64 = 100;
pub const DRAINED: u64 = 400;
pub const DRAIN_RETURNS: u64 = 500;
/// A node that died or froze without a word → its peers say `DN`.
pub const CONVICTION: u64 = 6000;
/// How long `describecluster` waits for a node that does not answer, and ssh for one without power.
pub const NO_ANSWER: u64 = 1000;
/// A unit whose process cannot live → the process ends.
pub const STILLBORN: u64 = 500;
