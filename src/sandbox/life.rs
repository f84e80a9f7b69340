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
