//! One poll: each part of the gate, read from what was heard, and what is still to be asked.

use super::UNCHANGED_MS;
use crate::job::event::{Asked, Baseline, Ms, Question};
use crate::job::evidence::{Evidence, agree, gossip, names, observers, serving_mode, unexpected_unreachable};
use crate::job::heard::{Heard, Seen, View};
use crate::job::model::{Expect, Job};
use crate::job::rules::{Frame, unreadable};
use crate::job::view::Answer;
use crate::plan::model::{NodeIx, TargetIx};
use crate::plan::reach;
use crate::playbook::model::{Check, Waivable};
use crate::topology::nodetool::{GossipView, InfoView};
use std::collections::BTreeSet;

pub(super) struct Poll<'a> {
    pub frame: &'a Frame<'a>,
    pub job: &'a Job,
    pub view: &'a View,
    pub node: NodeIx,
    pub target: TargetIx,
    pub expect: Expect,
    /// Good polls so far.
    pub held: u32,
    /// With this one there are enough in a row.
    pub last: bool,
    /// Answers count when asked at or after this.
    pub since: Ms,
    /// The same for what the observers see.
    pub seen_since: Ms,
    /// The same for what one poll of the row must show.
    pub row: Ms,
}

/// What one poll of a row must show, and the others need not: it does not change while the polls hold.
pub(super) struct Lasting<'v> {
    gossips: Vec<(NodeIx, &'v GossipView)>,
    /// With the time at which it was asked. None: the machine shows all that is needed.
    info: Option<(&'v InfoView, Ms)>,
}

/// `Ok(None)`: something is still to be asked.
pub(super) type Part<T> = Result<Option<T>, String>;

impl<'a> Poll<'a> {
    pub fn run(&self, evidence: &mut Evidence<'a>) -> Part<String> {
        let boot = self.boot(evidence)?;
        if boot.is_none() && self.held == 0 {
            return Ok(None); // the machine first: a node that still starts is left alone
        }
        let Some(()) = self.serves(evidence)? else { return Ok(None) };
        let observers = self.observers(evidence)?;
        let views = self.views(evidence, &observers)?;
        // (a waiver spares it the comparison, not the answer: a process that is stuck still has its port open)
        let own = if self.last {
            self.all_since(evidence, &[self.node], Question::Status, self.since, Heard::seen)?
        } else {
            Some(vec![])
        };
        let lasting = if self.last { self.lasting(evidence, false)? } else { None };
        let (Some(boot), Some(views), Some(own)) = (boot, views, own) else { return Ok(None) };
        let seen = self.seen_up(&views)?;
        let whole = !self.frame.plan.waives(Waivable::OwnViewComplete);
        for (_, own) in own.iter().filter(|_| whole) {
            self.own_view(*own, &views)?;
        }
        let open = if self.wants_transport() { "CQL open" } else { "CQL closed, as before" };
        let seen = match own.is_empty() || !whole {
            true => format!("UN {seen}, {open}"),
            false => format!("UN {seen}, its own view complete, {open}"),
        };
        if !self.last {
            return Ok(Some(seen));
        }
        let Some(lasting) = lasting else { return Ok(None) };
        self.schema(&lasting.gossips, &views)?;
        let proof = self.restart(&boot, &lasting, evidence.now)?;
        Ok(Some(format!("{seen}, {proof}")))
    }

    /// What the observers see: all of them in the last poll of a row, one in turn in those before. A process that ends
    /// again shows that on its machine at once, and to its peers only after 18 to 40 s (lab), which no row is long
    /// enough for. Whatever else was just heard, or is on its way, counts as well: nobody looks for one that says yes.
    fn views(&self, evidence: &mut Evidence<'a>, observers: &[NodeIx]) -> Part<Vec<(NodeIx, Seen<'a>)>> {
        let mut asked = observers.to_vec();
        if !self.last && !observers.is_empty() {
            let on_its_way =
                |by: NodeIx| self.view.asked_at((by, Question::Status)).is_some_and(|asked| asked >= self.seen_since);
            asked.retain(|by| on_its_way(*by) || self.knows(evidence, *by));
            if asked.is_empty() {
                asked.push(observers[self.held as usize % observers.len()]);
            }
        }
        self.all_since(evidence, &asked, Question::Status, self.seen_since, Heard::seen)
    }

    /// Everybody whose word on who is up the last poll of a row rests on, where they take long to give it: then the answers
    /// of those that were asked first are too old when the others come, and one after the other they would never all be
    /// fresh (lab: 3 to 4 s each on a busy machine, with a poll of 2 s).
    pub fn slow_witnesses(&self, evidence: &Evidence) -> Option<Vec<Asked>> {
        if !self.last {
            return None;
        }
        let slow = |asked: &Asked| {
            let heard = self.view.heard(asked.0, asked.1);
            heard.is_some_and(|heard| 2 * heard.at.saturating_sub(heard.asked) > evidence.poll)
        };
        let observers = observers(self.frame, self.job, self.view, self.node, evidence.now).into_iter();
        let all: Vec<Asked> = observers.chain([self.node]).map(|node| (node, Question::Status)).collect();
        all.iter().any(slow).then_some(all)
    }

    /// Is there an answer of this observer that counts? One from before the look at the machine only if it shows the
    /// host up: that it was down a moment ago is no news.
    fn knows(&self, evidence: &Evidence, by: NodeIx) -> bool {
        let shows_it_up = || {
            let view = self.view.heard(by, Question::Status).and_then(Heard::seen);
            view.is_some_and(|view| view.up(self.node))
        };
        evidence.knows(by, Question::Status, self.since)
            || (evidence.knows(by, Question::Status, self.seen_since) && shows_it_up())
    }

    fn observers(&self, evidence: &Evidence) -> Result<Vec<NodeIx>, String> {
        let observers = observers(self.frame, self.job, self.view, self.node, evidence.now);
        if observers.is_empty() && self.frame.plan.nodes.len() > 1 {
            return Err("no observer is left to ask".into());
        }
        Ok(observers)
    }

    /// Where the machine cannot show that CQL is open (another port), the node says so before others are asked.
    fn serves(&self, evidence: &mut Evidence<'a>) -> Part<()> {
        if self.wants_port() || !self.wants_transport() {
            return Ok(Some(()));
        }
        Ok(self.info(evidence, self.since, 2 * evidence.poll)?.map(|_| ()))
    }

    /// `early`: only what may well be asked long before the last poll.
    pub fn lasting(&self, evidence: &mut Evidence<'a>, early: bool) -> Part<Lasting<'a>> {
        let observers = self.observers(evidence)?;
        let gossips = self.all_since(evidence, &observers, Question::Gossip, self.row, gossip)?;
        // who restarted and opened CQL in this row of polls, in which the machine shows the port each time; of a reboot
        // that the machine shows too it need say nothing
        let shown = self.expect.reboot && self.wants_port() && !observers.is_empty();
        let info = if shown { Some(None) } else { self.info(evidence, self.row, Ms::MAX)?.map(Some) };
        if early {
            return Ok(None);
        }
        let reach = self.reach(evidence)?;
        let streams = self.streams(evidence)?;
        let (Some(()), Some(gossips), Some(()), Some(info)) = (streams, gossips, reach, info) else {
            return Ok(None);
        };
        Ok(Some(Lasting { gossips, info }))
    }

    /// A host nobody can ssh to has not passed, whatever gossip says.
    fn boot(&self, evidence: &mut Evidence) -> Part<String> {
        let oldest = 2 * evidence.poll;
        let Some(heard) = evidence.read_within(self.node, Question::BootId, self.since, oldest) else {
            return Ok(None);
        };
        let Answer::BootId { id: boot, cql_port } = &heard.answer else { return Err(unreadable(&heard.answer)) };
        if self.expect.reboot && self.frame.rules.prove_the_restart && self.before().boot_id.as_ref() == Some(boot) {
            return Err("its boot id is the one from before: it has not rebooted".into());
        }
        if !cql_port && self.wants_port() {
            // the machine itself says so: no nodetool need be started there while Cassandra still is
            return self.unit(evidence, "its CQL port is not open yet".into()).map(|_| None);
        }
        Ok(Some(boot.clone()))
    }

    /// (Of several nodes on one machine nobody can tell from there whose port it is.)
    fn wants_port(&self) -> bool {
        let before = self.before();
        let alone = self.frame.plan.group(self.node).is_none();
        alone && before.cql_port == Some(true) && before.transport == Some(true) && !self.waives_transport()
    }

    /// Was it the machine that said no, before anything was asked of Cassandra?
    pub fn early(&self) -> bool {
        let heard = self.view.heard(self.node, Question::BootId).filter(|heard| heard.asked >= self.since);
        self.held == 0
            && heard.is_some_and(|heard| match &heard.answer {
                Answer::BootId { id, cql_port } => {
                    (!cql_port && self.wants_port())
                        || (self.expect.reboot && self.before().boot_id.as_ref() == Some(id))
                }
                _ => false,
            })
    }

    fn wants_transport(&self) -> bool {
        let wanted = self.before().transport.unwrap_or(true)
            || self.frame.phase(self.job).checks_each_host.contains(&Check::NativeTransport);
        wanted && !self.waives_transport()
    }

    fn waives_transport(&self) -> bool {
        self.frame.plan.waives(Waivable::NativeTransport)
    }

    /// Its mode need not be asked: who is `UN` at the observers is neither joining, leaving nor moving, and a drained
    /// node has neither gossip nor CQL (`info`). Streams are only in `netstats`.
    fn streams(&self, evidence: &mut Evidence<'a>) -> Part<()> {
        if !self.frame.phase(self.job).checks_each_host.contains(&Check::NoStreaming) {
            return Ok(Some(()));
        }
        let Some(heard) = evidence.read(self.node, Question::Mode, self.row) else { return Ok(None) };
        match &heard.answer {
            Answer::Mode(view) if !serving_mode(&view.mode) => Err(format!("it says `Mode: {}`", view.mode)),
            Answer::Mode(view) if view.streams => Err("no-streaming: it sends or receives streams".into()),
            Answer::Mode(_) => Ok(Some(())),
            other => Err(unreadable(other)),
        }
    }

    /// Nobody answers there: has the service perhaps failed for good? Then nobody need wait for the deadline.
    fn unit(&self, evidence: &mut Evidence, why: String) -> Part<()> {
        // (asked once a poll; the looks at the machine between two polls do without)
        let due = self.view.heard(self.node, Question::Unit).map_or(0, |heard| heard.at + evidence.poll);
        if evidence.now >= due && evidence.read(self.node, Question::Unit, self.since).is_none() {
            return Ok(None);
        }
        let service = &self.frame.plan.service;
        Err(match self.unit_failed() {
            true => format!("the unit {service} has failed; on the host, `systemctl status {service}` tells why"),
            false => why,
        })
    }

    pub fn unit_failed(&self) -> bool {
        let heard = self.view.heard(self.node, Question::Unit).filter(|heard| heard.asked >= self.since);
        heard.is_some_and(|heard| matches!(&heard.answer, Answer::Unit(state) if state == "failed"))
    }

    /// Whom can the returned host not reach? Only nodes that are out or down may be named.
    fn reach(&self, evidence: &mut Evidence) -> Part<()> {
        let slowest = 10_000;
        // it has just been asked, and is asked again before any neighbour of it is taken out
        let oldest = reach::age_ms(self.frame.conflicts.neighbours(self.node).len(), slowest).max(120_000);
        let Some(heard) = evidence.read_within(self.node, Question::Describe, self.row, oldest) else {
            return Ok(None);
        };
        let Some(named) = unexpected_unreachable(heard) else {
            return self.ask_again(evidence, heard, unreadable(&heard.answer));
        };
        let down = self.down_at_observers(evidence.now);
        let cut: Vec<NodeIx> = named.filter(|node| *node != self.node && !down.contains(node)).collect();
        if cut.is_empty() || !self.frame.rules.count_cuts {
            return Ok(Some(()));
        }
        self.ask_again(evidence, heard, format!("it cannot reach {}", names(self.frame, cut)))
    }

    /// A bad answer from an earlier poll is asked again, one from this poll fails it.
    fn ask_again(&self, evidence: &mut Evidence, heard: &Heard, why: String) -> Part<()> {
        if heard.asked >= self.since {
            return Err(why);
        }
        evidence.again(self.node, Question::Describe);
        Ok(None)
    }

    fn down_at_observers(&self, now: Ms) -> BTreeSet<NodeIx> {
        let chosen = observers(self.frame, self.job, self.view, self.node, now);
        let heard = chosen.iter().filter_map(|node| self.view.heard(*node, Question::Status));
        let views: Vec<Seen> = heard.filter_map(Heard::seen).collect();
        let nodes = 0..self.frame.plan.nodes.len();
        nodes.filter(|node| views.iter().any(|view| !view.up(*node))).collect()
    }

    fn info(&self, evidence: &mut Evidence<'a>, since: Ms, oldest: Ms) -> Part<(&'a InfoView, Ms)> {
        let Some(heard) = evidence.read_within(self.node, Question::Info, since, oldest) else { return Ok(None) };
        let Answer::Info(info) = &heard.answer else {
            return self.unit(evidence, unreadable(&heard.answer)).map(|_| None);
        };
        if self.wants_transport() && !info.native_transport {
            return Err("its native transport (CQL) is not open yet".into());
        }
        if !info.gossip {
            return Err("its gossip is off".into());
        }
        Ok(Some((info, heard.asked)))
    }

    /// The same question of several nodes; all must be readable.
    fn all_since<'v, T>(
        &self,
        evidence: &mut Evidence<'v>,
        nodes: &[NodeIx],
        question: Question,
        since: Ms,
        open: impl Fn(&'v Heard) -> Option<T>,
    ) -> Part<Vec<(NodeIx, T)>> {
        let mut answers = Vec::new();
        for node in nodes {
            let Some(heard) = evidence.read(*node, question, since) else { continue };
            match open(heard) {
                Some(answer) => answers.push((*node, answer)),
                None => return Err(format!("{}: {}", self.frame.address(*node), unreadable(&heard.answer))),
            }
        }
        Ok((answers.len() == nodes.len()).then_some(answers))
    }

    fn seen_up(&self, views: &[(NodeIx, Seen)]) -> Result<String, String> {
        let address = self.frame.address(self.node);
        for (observer, view) in views {
            match view.view.rows.get(&address) {
                Some(row) if row.up_normal() => {}
                Some(row) => {
                    let state = format!("{:?}, {:?}", row.liveness, row.movement).to_lowercase();
                    return Err(format!("{} shows it {state}", self.frame.address(*observer)));
                }
                None => return Err(format!("{} does not show it", self.frame.address(*observer))),
            }
        }
        if self.frame.phase(self.job).checks_each_host.contains(&Check::AllUp) {
            self.all_up(views)?;
        }
        Ok(match views.len() {
            0 => "by itself, the only node".into(),
            _ => format!("at {}", names(self.frame, views.iter().map(|(by, _)| *by))),
        })
    }

    fn all_up(&self, views: &[(NodeIx, Seen)]) -> Result<(), String> {
        let out = self.frame.out(self.job);
        for node in (0..self.frame.plan.nodes.len()).filter(|node| !out.contains(node)) {
            if let Some((by, _)) = views.iter().find(|(_, view)| !view.up(node)) {
                let (node, by) = (self.frame.address(node), self.frame.address(*by));
                return Err(format!("all-up: {node} is not UN at {by}"));
            }
        }
        Ok(())
    }

    /// A real outage came from a node that was seen up but saw nobody (Wikimedia, 2023).
    fn own_view(&self, own: Seen, views: &[(NodeIx, Seen)]) -> Result<(), String> {
        let out = self.frame.out(self.job);
        let missing: Vec<NodeIx> = (0..self.frame.plan.nodes.len())
            .filter(|node| *node == self.node || !out.contains(node))
            .filter(|node| views.iter().any(|(_, view)| view.up(*node)))
            .filter(|node| !own.up(*node))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("it does not see {} up", names(self.frame, missing))) }
    }

    fn schema(&self, gossips: &[(NodeIx, &GossipView)], views: &[(NodeIx, Seen)]) -> Result<(), String> {
        let out = self.frame.out(self.job);
        for ((by, gossip), (_, view)) in gossips.iter().zip(views) {
            let nodes = 0..self.frame.plan.nodes.len();
            let live = nodes.filter(|node| *node == self.node || !out.contains(node));
            agree(self.frame, self.job, self.view, (*by, gossip), || live.filter(|node| view.up(*node)).collect())?;
        }
        Ok(())
    }

    fn before(&self) -> Baseline {
        self.job.hosts[self.target].baseline.clone().unwrap_or_default()
    }

    /// Proof of restart: another boot id and a higher generation; or a higher generation and a short uptime
    /// (a generation alone also rises with `enablegossip`).
    fn restart(&self, boot: &str, Lasting { gossips, info }: &Lasting, now: Ms) -> Result<String, String> {
        let before = self.before();
        if !self.frame.rules.prove_the_restart || self.job.hosts[self.target].baseline.is_none() {
            return Ok("no restart to prove".into());
        }
        let address = self.frame.address(self.node);
        let generation = before.generation.unwrap_or(u64::MAX);
        let seen = gossips.iter().map(|(_, view)| view.nodes.get(&address).map_or(0, |state| state.generation));
        let newer = seen.min().or(info.map(|(info, _)| info.generation)).is_some_and(|seen| seen > generation);
        let rebooted = before.boot_id.as_deref() != Some(boot);
        let required = self.frame.phase(self.job).checks_each_host.contains(&Check::Restarted);
        if self.expect.reboot || rebooted {
            return match newer {
                true => Ok("another boot id, generation newer".into()),
                false => Err("it rebooted, and its gossip generation is still the old one at the observers".into()),
            };
        }
        let Some((info, asked)) = info else { return Err("nothing is known of its process".into()) };
        // counted to the asking: a process from before the step is at least so old
        let age = asked.saturating_sub(self.expect.since.unwrap_or(*asked)) / 1000;
        // or than before it was taken out: a process never grows younger
        let young = info.uptime_s < age || before.uptime_s.is_some_and(|before| info.uptime_s < before);
        if self.expect.restart || newer || required {
            return match (newer, young) {
                (true, true) => Ok(format!("generation newer, up for {} s", info.uptime_s)),
                (false, _) => Err("its gossip generation is the one from before: it has not restarted".into()),
                (_, false) => Err(format!(
                    "its process is {} s old, and the step began {age} s ago: it has not restarted",
                    info.uptime_s
                )),
            };
        }
        let quiet = now.saturating_sub(self.expect.unknown_until.unwrap_or(now));
        match self.expect.unknown_until.is_none() || quiet >= UNCHANGED_MS {
            true => Ok("boot id and generation unchanged".into()),
            false => Err(format!(
                "boot id and generation unchanged for {} s of {} s; what the command takes down is unknown",
                quiet / 1000,
                UNCHANGED_MS / 1000
            )),
        }
    }
}
