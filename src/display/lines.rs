//! Plain lines for a terminal, a CI log or a file: each dated, none ever taken back.

use super::{Display, sentence, stamp, waits};
use crate::diagnostic::line;
use crate::job::event::{Event, HostEvent, Ms, StepEvent, What};
use crate::job::waiting::Waiting;
use crate::plan::model::Plan;
use std::io::Write;

/// Without events for so long, a heartbeat says what is waited for.
const HEARTBEAT_MS: Ms = 30_000;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Only the beginning, the end, and what went wrong.
    Quiet,
    Normal,
    /// Also process ids and what a host was before it was taken out.
    Verbose,
}

pub struct Lines<W> {
    out: W,
    volume: Volume,
    heartbeat_ms: Ms,
    said_at: Ms,
    /// What a person was last asked: said at once, and once.
    asked: Vec<String>,
    first: Option<String>,
}

impl<W: Write + Send> Lines<W> {
    pub fn new(out: W, volume: Volume) -> Lines<W> {
        Lines { out, volume, heartbeat_ms: HEARTBEAT_MS, said_at: 0, asked: vec![], first: None }
    }

    /// Another time between two heartbeats.
    pub fn heartbeat(mut self, every_ms: Ms) -> Self {
        self.heartbeat_ms = every_ms;
        self
    }

    /// Said before the first event, unless quiet: by then the run is a run.
    pub fn first(mut self, line: String) -> Self {
        self.first = (self.volume > Volume::Quiet).then_some(line);
        self
    }

    fn say(&mut self, at: Ms, sentence: &str) {
        // A reader that went away (a closed pipe, a closed terminal) must not stop the run.
        let _ = writeln!(self.out, "{} {}", stamp(at), line(sentence)).and_then(|()| self.out.flush());
    }
}

impl<W: Write + Send> Display for Lines<W> {
    fn event(&mut self, plan: &Plan, event: &Event) {
        if let Some(line) = self.first.take() {
            let _ = writeln!(self.out, "{line}");
        }
        if loudness(plan, event) <= self.volume {
            self.say(event.at, &sentence(plan, event));
            self.said_at = event.at;
        }
    }

    fn waiting(&mut self, plan: &Plan, all: &[Waiting], now: Ms) {
        let asked: Vec<String> =
            all.iter().filter(|wait| wait.person).map(|wait| format!("{:?} {}", wait.host, wait.what)).collect();
        let before = std::mem::replace(&mut self.asked, asked);
        for (index, wait) in all.iter().filter(|wait| wait.person).enumerate() {
            if !before.contains(&self.asked[index]) {
                self.say(now, &waits::line(plan, wait, now));
            }
        }
        if self.volume == Volume::Quiet || all.is_empty() || now < self.said_at.saturating_add(self.heartbeat_ms) {
            return;
        }
        for wait in all {
            self.say(now, &format!("… {}", waits::line(plan, wait, now)));
        }
        self.said_at = now;
    }

    fn trouble(&mut self, sentence: &str, now: Ms) {
        self.say(now, sentence);
    }
}

/// The least volume at which the event is said.
fn loudness(plan: &Plan, event: &Event) -> Volume {
    match &event.what {
        What::Run(_) => Volume::Quiet,
        What::Host { event: HostEvent::Baseline(_), .. } => Volume::Verbose,
        What::Host { event: HostEvent::Opened | HostEvent::Settling | HostEvent::Done, .. }
        | What::Host { event: HostEvent::AlreadyDone { .. } | HostEvent::PutBack { .. }, .. } => Volume::Normal,
        What::Host { .. } => Volume::Quiet,
        // what only looks is looked at again and again: the first time is enough
        What::Step { step, event: StepEvent::Started { attempt }, .. }
            if *attempt > 1 && plan.steps.get(*step).is_some_and(|step| step.kind.looks()) =>
        {
            Volume::Verbose
        }
        What::Step { event: StepEvent::Asked { .. }, .. } => Volume::Quiet,
        What::Step { event: StepEvent::UndoEnded { end, .. }, .. } if !end.ok() => Volume::Quiet,
        What::Step { event: StepEvent::Spawned { .. } | StepEvent::Ended { .. }, .. } => Volume::Verbose,
        What::Step { .. } | What::Setup { .. } => Volume::Normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::event::RunEvent;
    use crate::plan::samples::six_hosts;

    fn wait(since: Ms) -> Waiting {
        let what = "the end of `drain`".to_owned();
        Waiting { host: Some(1), step: Some(0), what, asked: vec![2], since, deadline: Some(605_000), person: false }
    }

    #[test]
    fn every_line_is_dated_and_a_heartbeat_comes_only_after_silence() {
        let (plan, mut out) = (six_hosts(), Vec::new());
        let mut lines = Lines::new(&mut out, Volume::Normal);
        lines.event(&plan, &Event { at: 5_000, what: What::Host { host: 1, event: HostEvent::Opened } });
        let spawned = StepEvent::Spawned { attempt: 1, pid: 7 };
        lines.event(&plan, &Event { at: 6_000, what: What::Step { host: 1, step: 0, event: spawned } });
        lines.waiting(&plan, &[wait(5_000)], 34_999);
        lines.waiting(&plan, &[wait(5_000)], 35_000);
        lines.waiting(&plan, &[wait(5_000)], 36_000);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "1970-01-01T00:00:05Z 10.77.0.14 opened\n\
             1970-01-01T00:00:35Z … 10.77.0.14 drain waits for the end of `drain` (asked: 10.77.0.12), for 30s, at most 9m 30s more\n"
        );
    }

    #[test]
    fn quiet_says_the_beginning_the_end_and_what_went_wrong() {
        let (plan, mut out) = (six_hosts(), Vec::new());
        let mut lines = Lines::new(&mut out, Volume::Quiet);
        let failed = HostEvent::Failed { step: 1, because: "exit status 3".into() };
        for what in [
            What::Run(RunEvent::Checked),
            What::Host { host: 0, event: HostEvent::Opened },
            What::Host { host: 0, event: failed },
        ] {
            lines.event(&plan, &Event { at: 0, what });
        }
        lines.waiting(&plan, &[wait(0)], 600_000);
        let said = String::from_utf8(out).unwrap();
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.ends_with("10.77.0.11 failed at stop: exit status 3\n"), "{said}");
    }
}
