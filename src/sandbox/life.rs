//! One life of a Cassandra process as a line of moments: when it will answer JMX, be seen by its
//! peers, open its CQL port; and when and how it ended. Everything a command prints follows from it.

use super::pace::{self, Moment, Pace};
use serde::{Deserialize, Serialize};

/// From a moment to another, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub from: Moment,
    pub to: Option<Moment>,
}

impl Span {
    pub fn covers(&self, at: Moment) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The peers know.
    pub announced: Moment,
    /// `Mode: DRAINED`; none: it never gets there.
    pub done: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub at: Moment,
    /// The peers were told; none: it was killed.
    pub announced: Option<Moment>,
}

/// What the process calls itself (`netstats`, `Mode:`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No process, or one that has not opened JMX: connection refused.
    Silent,
    /// JMX answers that the server is not initialized; `gossipinfo` too.
    Uninitialized,
    /// The same, but `gossipinfo` exits 0 with nothing.
    Listening,
    Starting,
    Normal,
    Draining,
    Drained,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Life {
    pub start: Moment,
    pub jmx: Moment,
    pub listens: Moment,
    pub ready: Moment,
    pub seen: Moment,
    pub normal: Moment,
    pub cql: Moment,
    /// Second at which gossip last started; raised by `enablegossip`.
    pub generation: u64,
    pub drain: Option<Drain>,
    pub gossip_off: Vec<Span>,
    pub binary_off: Vec<Span>,
    pub end: Option<End>,
}

impl Life {
    /// A process that starts at a moment and takes `slow` milliseconds longer than usual.
    pub fn new(start: Moment, slow: u64, before: u64, pace: Pace) -> Life {
        let at = |milliseconds| start + pace.of(milliseconds);
        let late = |milliseconds| start + pace.of(milliseconds) + slow;
        let ready = late(pace::READY);
        Life {
            start,
            jmx: at(pace::JMX),
            listens: at(pace::LISTENS),
            ready,
            seen: late(pace::SEEN),
            normal: late(pace::NORMAL),
            cql: late(pace::CQL),
            generation: (ready / 1000).max(before + 1),
            drain: None,
            gossip_off: Vec::new(),
            binary_off: Vec::new(),
            end: None,
        }
    }

    pub fn runs(&self, at: Moment) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end.at)
    }

    pub fn stage(&self, at: Moment) -> Stage {
        if !self.runs(at) || at < self.jmx {
            return Stage::Silent;
        }
        match self.drain {
            Some(drain) if drain.done.is_some_and(|done| done <= at) => return Stage::Drained,
            Some(drain) if drain.announced <= at => return Stage::Draining,
            _ => {}
        }
        if at < self.listens {
            Stage::Uninitialized
        } else if at < self.ready {
            Stage::Listening
        } else if at < self.normal {
            Stage::Starting
        } else {
            Stage::Normal
        }
    }

    pub fn gossips(&self, at: Moment) -> bool {
        self.runs(at) && self.gossip_starts() <= at && !self.said_goodbye(at)
    }

    /// Gossip starts half-way between `Mode: STARTING` and being seen.
    pub fn gossip_starts(&self) -> Moment {
        self.ready.midpoint(self.seen)
    }

    /// It has told its peers that it goes (drain, stop, `disablegossip`) and has not come again.
    pub fn said_goodbye(&self, at: Moment) -> bool {
        self.goodbye(at).is_some()
    }

    /// When it said so: from then on it hears nothing, and its view of the others stands still.
    pub fn goodbye(&self, at: Moment) -> Option<Moment> {
        let drained = self.drain.map(|drain| drain.announced);
        let ended = self.end.and_then(|end| end.announced);
        let off = self.gossip_off.iter().filter(|span| span.covers(at)).map(|span| span.from);
        drained.into_iter().chain(ended).chain(off).filter(|&moment| moment <= at).min()
    }

    pub fn serves_cql(&self, at: Moment) -> bool {
        self.runs(at)
            && at >= self.cql
            && self.drain.is_none_or(|drain| at < drain.announced)
            && !self.binary_off.iter().any(|span| span.covers(at))
    }

    /// It answers other nodes' messages.
    pub fn answers_peers(&self, at: Moment) -> bool {
        let leaving = self.drain.map(|d| d.announced).into_iter().chain(self.end.and_then(|e| e.announced));
        self.runs(at) && at >= self.seen && leaving.into_iter().all(|moment| at < moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::host::{Boot, History};

    const T: Moment = 1_000_000_000;

    fn life() -> Life {
        Life::new(T, 0, 0, Pace::new(1.0))
    }

    fn history(lives: Vec<Life>) -> History {
        History { boots: vec![Boot { from: Some(0), to: None }], lives, enabled: true }
    }

    #[test]
    fn a_start_goes_from_silence_to_an_open_port() {
        let life = life();
        let stages = [
            (0, Stage::Silent),
            (199, Stage::Silent),
            (200, Stage::Uninitialized),
            (600, Stage::Listening),
            (1000, Stage::Starting),
            (1600, Stage::Normal),
        ];
        for (after, stage) in stages {
            assert_eq!(life.stage(T + after), stage, "{after} ms after the start");
        }
        assert_eq!(life.stage(T - 1), Stage::Silent);
        assert!(!life.serves_cql(T + 2299) && life.serves_cql(T + 2300), "0.8 s after its peers see it");
    }

    #[test]
    fn twice_the_speed_takes_half_the_time_and_a_slow_start_longer() {
        assert_eq!(Life::new(T, 0, 0, Pace::new(2.0)).cql, T + 1150);
        let slow = Life::new(T, 5000, 0, Pace::new(1.0));
        assert_eq!((slow.jmx, slow.ready, slow.cql), (T + 200, T + 6000, T + 7300));
    }

    #[test]
    fn generations_only_rise() {
        let second = T / 1000;
        assert_eq!(Life::new(T, 0, 0, Pace::new(1.0)).generation, second + 1);
        assert_eq!(Life::new(T, 0, second + 70, Pace::new(1.0)).generation, second + 71, "two starts in one second");
    }

    #[test]
    fn peers_convict_the_silent_late_and_those_who_say_goodbye_at_once() {
        let pace = Pace::new(1.0);
        let up = |life: &Life, at| history(vec![life.clone()]).held_up(at, &[], pace);
        let mut killed = life();
        killed.end = Some(End { at: T + 10_000, announced: None });
        assert!(up(&killed, T + 15_999) && !up(&killed, T + 16_000));
        let mut stopped = life();
        stopped.end = Some(End { at: T + 10_300, announced: Some(T + 10_050) });
        assert!(up(&stopped, T + 10_049) && !up(&stopped, T + 10_050));
        let mut drained = life();
        drained.drain = Some(Drain { announced: T + 10_100, done: None });
        assert!(!up(&drained, T + 10_100));
        assert_eq!(drained.stage(T + 10_100), Stage::Draining);
        let frozen = [Span { from: T + 10_000, to: Some(T + 30_000) }];
        let frozen_up = |at| history(vec![life()]).held_up(at, &frozen, pace);
        assert!(frozen_up(T + 15_999) && !frozen_up(T + 16_000) && frozen_up(T + 30_000));
    }

    #[test]
    fn a_new_life_is_seen_only_when_it_gossips() {
        let mut first = life();
        first.end = Some(End { at: T + 10_300, announced: Some(T + 10_050) });
        let second = Life::new(T + 20_000, 0, first.generation, Pace::new(1.0));
        let both = history(vec![first, second]);
        let up = |at| both.held_up(at, &[], Pace::new(1.0));
        assert!(!up(T + 21_499) && up(T + 21_500));
    }
}
