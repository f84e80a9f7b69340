//! The run's loop: one input → what became true → durably journalled, or stop → what to do now → durably
//! journalled → done. Everything that decides is in `job`; everything here is order and patience.

use super::process::{Control, Launcher};
use super::{adoption, orders, output, remarks};
use crate::ask::Asker;
use crate::clock;
use crate::display::Display;
use crate::job::apply::{IllegalTransition, apply};
use crate::job::decide::decide;
use crate::job::event::{End, Event, HostEvent, Ms, Outcome, Resolution, RunEvent, What};
use crate::job::heard::View;
use crate::job::model::{Job, Stage};
use crate::job::observe::{facts, observe};
use crate::job::rules::{Frame, Rules};
use crate::job::view::{Action, Input, Task, Told};
use crate::job::waiting;
use crate::plan::model::{NodeIx, PlanFile, TargetIx};
use crate::playbook::secret::Secret;
use crate::store::{LeaseRequest, Request, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

/// How often the store is asked for `rollbook stop`, and the display told what is waited for.
const TICK_MS: Ms = 1000;
/// How many of those that wait for their turn are shown.
const WAITS_SHOWN: usize = 3;
/// Decisions that are made within so long a time are one write to the disk, and are done after it.
const TOGETHER: Duration = Duration::from_millis(20);
/// Decisions in a row without any input. The machine settles after a few; more is a mistake in it.
const DECISIONS: usize = 10_000;
/// Inputs that are taken in before the next decision.
const AT_A_STROKE: usize = 256;

/// What a run needs beside its plan.
pub struct RunContext {
    pub store: Arc<Store>,
    /// Id of a run of the store.
    pub run: String,
    pub reason: Option<String>,
    /// Who runs it, for people.
    pub by: String,
    /// Set over this process's environment for every command (the sandbox's `PATH`).
    pub env: BTreeMap<String, String>,
    /// By the names of their parameters.
    pub secrets: BTreeMap<String, Secret>,
    pub asker: Arc<Asker>,
    pub launcher: Launcher,
    /// Between TERM and KILL.
    pub grace: Duration,
    pub rules: Rules,
    /// A person sits at the terminal, and can be asked.
    pub attended: bool,
    pub displays: Vec<Box<dyn Display>>,
    /// Hosts that the operator settles before it goes on (`--retry-failed`, `--skip`, `resolve`).
    pub settle: Vec<(TargetIx, Resolution)>,
    /// Inputs from outside: signals are sent here.
    pub tx: UnboundedSender<Input>,
    pub rx: UnboundedReceiver<Input>,
}

/// Why a run could not begin, or had to be left. Commands that still ran were waited for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the journal of this run cannot be continued: {0}")]
    Journal(#[from] IllegalTransition),
    #[error("rollbook is at a loss: {0}; nothing further was started")]
    AtALoss(String),
}

/// Carries out the plan, or goes on with it: what the store already has of the run is taken up first.
/// Returns the outcome and the job as it then stands. Signals are the caller's (`signals::listen`).
///
/// # Errors
/// Before anything is started: the run or a host is held by another process, or the journal does not
/// fit. Later: the store cannot be written; then nothing new was started, and commands were waited for.
pub async fn run(file: Arc<PlanFile>, ctx: RunContext) -> Result<(Outcome, Job), EngineError> {
    let (store, run) = (ctx.store.clone(), ctx.run.clone());
    let plan = file.clone();
    let frame = Frame::new(&plan.plan, ctx.rules);
    let mut engine = Engine::new(&file, &frame, ctx).await?;
    let done = engine.go().await;
    if let Err(error) = &done {
        engine.leave(error).await;
    }
    // The hosts are free for others, also when the last events could not be written.
    let freed = blocking(&store, move |store| store.release_leases(&run).and_then(|()| store.let_go(&run))).await;
    let outcome = done?;
    freed?;
    Ok((outcome, engine.job))
}

struct Engine<'a> {
    file: &'a PlanFile,
    frame: &'a Frame<'a>,
    ctx: RunContext,
    job: Job,
    view: View,
    tasks: BTreeMap<Task, Control>,
    asks: JoinSet<()>,
    /// What other processes asked for, and was not taken up yet.
    requests: VecDeque<Told>,
    /// When the store and the display were last thought of: a cluster that answers all the time must not keep
    /// `rollbook stop` from being heard, nor a wait from being shown.
    ticked: Ms,
}

impl<'a> Engine<'a> {
    async fn new(file: &'a PlanFile, frame: &'a Frame<'a>, ctx: RunContext) -> Result<Engine<'a>, EngineError> {
        let (run, plan) = (ctx.run.clone(), &file.plan);
        // (a lease that was lost with its page would let two runs at one host)
        blocking(&ctx.store, move |store| store.sound().and_then(|()| store.take_up(&run))).await?;
        let (run, cluster, by, reason) = (ctx.run.clone(), plan.cluster.clone(), ctx.by.clone(), ctx.reason.clone());
        let ids = held(frame);
        let leased = blocking(&ctx.store, move |store| {
            let host_ids = ids.iter().map(String::as_str).collect();
            let (reason, at) = (reason.as_deref(), clock::now());
            store.acquire_leases(&LeaseRequest { run: &run, cluster: &cluster, host_ids, by: &by, reason, at })
        });
        let run = ctx.run.clone();
        if let Err(error) = leased.await {
            blocking(&ctx.store, move |store| store.let_go(&run)).await?;
            return Err(error.into());
        }
        let journal = blocking(&ctx.store, move |store| store.events_after(&run, 0)).await?;
        let mut job = Job::new(plan);
        if let Some((_, last)) = journal.last() {
            clock::not_before(last.at);
        }
        for (_, event) in &journal {
            apply(plan, &mut job, event)?;
        }
        let (view, tasks, asks, requests) = (View::default(), BTreeMap::new(), JoinSet::new(), VecDeque::new());
        Ok(Engine { file, frame, ctx, job, view, tasks, asks, requests, ticked: clock::now() })
    }

    async fn go(&mut self) -> Result<Outcome, EngineError> {
        self.begin().await?;
        self.take_what_was_heard_before().await?;
        loop {
            let wake_at = self.settle().await?;
            if let Some(outcome) = self.job.ended {
                return Ok(outcome);
            }
            let first = self.next_input(wake_at).await?;
            let inputs = self.and_what_else_came(first);
            self.take(inputs).await?;
        }
    }

    /// What was heard before the run need not be asked, and must not be taken for the answer to what is. It does not count
    /// where another run was at work meanwhile: hosts may be out of which it says that they are up.
    async fn take_what_was_heard_before(&mut self) -> Result<(), EngineError> {
        let mut inputs = Vec::new();
        while let Ok(input) = self.ctx.rx.try_recv() {
            inputs.push(input);
        }
        let asked = |input: &Input| if let Input::Answered { asked, .. } = input { Some(*asked) } else { None };
        if let Some(oldest) = inputs.iter().filter_map(asked).min() {
            let (run, cluster) = (self.ctx.run.clone(), self.frame.plan.cluster.clone());
            let wrote = blocking(&self.ctx.store, move |store| store.others_wrote_at(&run, &cluster)).await?;
            if wrote.is_some_and(|at| at >= oldest) {
                inputs.retain(|input| asked(input).is_none());
            }
        }
        self.take(inputs).await
    }

    /// Takes the run up: what an earlier process left running is waited for, or adopted.
    async fn begin(&mut self) -> Result<(), EngineError> {
        let folder = self.ctx.store.run_folder(&self.ctx.run);
        adoption::finish_setup(self.frame.plan, &self.job, &folder, self.ctx.grace).await;
        let started = RunEvent::Started {
            session: self.job.session + 1,
            plan: self.file.hash.clone(),
            reason: self.ctx.reason.clone(),
            by: self.ctx.by.clone(),
            attended: self.ctx.attended,
        };
        let in_flight = adoption::in_flight(self.frame, &self.job);
        let mut events = vec![What::Run(started)];
        for (host, how) in std::mem::take(&mut self.ctx.settle) {
            events.push(What::Host { host, event: HostEvent::Resolved { how, by: self.ctx.by.clone() } });
        }
        let at = clock::now();
        let (events, mut job): (Vec<Event>, _) =
            (events.into_iter().map(|what| Event { at, what }).collect(), self.job.clone());
        self.fold(&mut job, &events)?;
        self.journal(Some(job), events).await?;
        for task in in_flight {
            let dir = folder.join(crate::store::attempt::folder(self.frame.plan, task, self.job.session));
            let control = super::process::adopt(task, dir, self.ctx.grace, self.ctx.tx.clone());
            self.tasks.insert(task, control);
        }
        Ok(())
    }

    /// Decides and acts until there is nothing more to do now. Returns when to look again.
    async fn settle(&mut self) -> Result<Option<Ms>, EngineError> {
        let mut decisions = 0;
        loop {
            let began = Instant::now();
            let (mut job, mut events, mut actions) = (None, Vec::new(), Vec::new());
            let judged = clock::now();
            let wake_at = loop {
                let decision = decide(self.frame, job.as_ref().unwrap_or(&self.job), &self.view, clock::now());
                if decision.is_empty() {
                    break Some(decision.wake_at);
                }
                if !decision.events.is_empty() {
                    self.fold(job.get_or_insert_with(|| self.job.clone()), &decision.events)?;
                    events.extend(decision.events);
                }
                let now_job = job.as_ref().unwrap_or(&self.job);
                for action in &decision.actions {
                    announce(self.frame, now_job, &mut self.view, action);
                }
                actions.extend(decision.actions);
                decisions += 1;
                if decisions > DECISIONS || began.elapsed() >= TOGETHER {
                    break None;
                }
            };
            self.journal(job, events).await?;
            let late = clock::now().saturating_sub(judged) > orders::LATE_MS;
            actions.into_iter().for_each(|action| self.perform(action, late));
            if let Some(wake_at) = wake_at {
                return Ok(wake_at);
            }
            if decisions > DECISIONS {
                return Err(EngineError::AtALoss(format!("{DECISIONS} decisions in a row")));
            }
        }
    }

    /// Takes inputs in, in the order in which they came; what became true by them is one write.
    async fn take(&mut self, inputs: Vec<Input>) -> Result<(), EngineError> {
        let now = clock::now();
        let (mut job, mut events, mut remarks) = (None, Vec::new(), Vec::new());
        for input in inputs {
            if let Input::Ended { task, .. } = &input {
                self.tasks.remove(task);
            }
            let input = self.as_expected(input);
            let before = job.as_ref().unwrap_or(&self.job);
            let facts = facts(self.frame.plan, before, &input, now);
            let silent = remarks::silent_observer(self.frame.plan, before, &self.view, &input, now);
            observe(self.frame, before, &mut self.view, &input, now);
            remarks.extend(match &input {
                Input::Told(told) => remarks::answer(self.frame.plan, before, told, !facts.is_empty(), &self.ctx.run),
                Input::Ended { task, end, .. } if !facts.is_empty() => {
                    let folder = self.ctx.store.run_folder(&self.ctx.run);
                    remarks::last_words_of(self.frame.plan, &folder, *task, before.session, end)
                }
                _ => silent,
            });
            if !facts.is_empty() {
                self.fold(job.get_or_insert_with(|| self.job.clone()), &facts)?;
                events.extend(facts);
            }
        }
        self.journal(job, events).await?;
        for remark in remarks {
            self.ctx.displays.iter_mut().for_each(|display| display.trouble(&remark, now));
        }
        Ok(())
    }

    /// What a command printed is looked at before its end counts.
    fn as_expected(&self, input: Input) -> Input {
        let Input::Ended { task, end, .. } = input else { return input };
        let folder = self.ctx.store.run_folder(&self.ctx.run);
        let (end, registered) = output::judge(self.frame.plan, &folder, task, self.job.session, end);
        Input::Ended { task, end, registered }
    }

    /// What does not fit must not reach the disk: a journal that cannot be folded cannot be resumed.
    fn fold(&self, job: &mut Job, events: &[Event]) -> Result<(), EngineError> {
        Ok(events.iter().try_for_each(|event| apply(self.frame.plan, job, event))?)
    }

    /// First on the disk, then in force (`job`: what they make of it), then shown.
    async fn journal(&mut self, job: Option<Job>, events: Vec<Event>) -> Result<(), EngineError> {
        let Some(job) = job else { return Ok(()) };
        let run = self.ctx.run.clone();
        let events =
            blocking(&self.ctx.store, move |store| store.append_as_holder(&run, &events).map(|()| events)).await?;
        self.job = job;
        for event in &events {
            for display in &mut self.ctx.displays {
                display.event(self.frame.plan, event);
            }
        }
        Ok(())
    }

    /// `late`: what it was decided by is old; a step does not begin by that, and is judged anew.
    fn perform(&mut self, action: Action, late: bool) {
        match action {
            Action::Spawn(task @ Task::Step { .. }) if late => self.ended(task, End::NeverBegan),
            Action::Ask((node, question)) => {
                self.asks.spawn(orders::ask(self.ctx.asker.clone(), node, question, self.ctx.tx.clone()));
            }
            Action::Spawn(task) => match orders::spec(self.frame.plan, task, &self.ctx, &self.job) {
                Ok(spec) => {
                    let control = super::process::spawn(&self.ctx.launcher, task, spec, self.ctx.tx.clone());
                    self.tasks.insert(task, control);
                }
                Err(because) => self.ended(task, End::NotSpawned { because }),
            },
            Action::End { task, timed_out } => {
                self.name_stopped(task, clock::now());
                if let Some(control) = self.tasks.get(&task) {
                    control.end(timed_out);
                }
            }
        }
    }

    fn ended(&self, task: Task, end: End) {
        let _ = self.ctx.tx.send(Input::Ended { task, end, registered: None }); // (our own receiver lives as long as we do)
    }

    /// A command that is stopped would never have ended by itself; whoever reads of the deadline should know.
    fn name_stopped(&mut self, task: Task, now: Ms) {
        let Task::Step { host, .. } = task else { return };
        let stage = self.job.hosts[host].working().map(|work| &work.stage);
        let Some(Stage::Running { pid: Some(pid) }) = stage else { return };
        let Some(stopped) = super::process::stopped(*pid) else { return };
        let address = self.frame.plan.nodes[self.frame.plan.hosts[host].node].address;
        for display in &mut self.ctx.displays {
            display.trouble(&format!("{address}: {stopped}"), now);
        }
    }

    /// Waits for the next thing that happens: an input, a request of another process, a time that came.
    async fn next_input(&mut self, wake_at: Option<Ms>) -> Result<Input, EngineError> {
        loop {
            while self.asks.try_join_next().is_some() {}
            if let Some(told) = self.requests.pop_front() {
                return Ok(Input::Told(told));
            }
            let now = clock::now();
            if now - self.ticked >= TICK_MS {
                self.ticked = now;
                self.requested().await?;
                let waits = waiting::waiting(self.frame, &self.job, &self.view, now, WAITS_SHOWN);
                for display in &mut self.ctx.displays {
                    display.waiting(self.frame.plan, &waits, now);
                }
            }
            let now = clock::now();
            if wake_at.is_some_and(|at| at <= now) {
                return Ok(Input::Woke);
            }
            let next = wake_at.unwrap_or(Ms::MAX).min(self.ticked + TICK_MS);
            tokio::select! {
                biased;
                input = self.ctx.rx.recv() => return input.ok_or_else(|| EngineError::AtALoss("nobody can say anything any more".into())),
                () = tokio::time::sleep(Duration::from_millis(next.saturating_sub(now))) => {}
            }
        }
    }

    /// A thousand commands may end within a second: each alone would cost a write to the disk and a decision.
    fn and_what_else_came(&mut self, first: Input) -> Vec<Input> {
        let mut inputs = vec![first];
        while inputs.len() < AT_A_STROKE
            && let Ok(input) = self.ctx.rx.try_recv()
        {
            inputs.push(input);
        }
        inputs
    }

    async fn requested(&mut self) -> Result<(), EngineError> {
        let run = self.ctx.run.clone();
        let requests = blocking(&self.ctx.store, move |store| store.take_requests(&run)).await?;
        let told = |request| match request {
            Request::Stop { by } => Told::Stop { by },
            Request::Approve { by, host } => Told::Approve { by, host },
            Request::Resolve { by, host, how } => Told::Resolve { by, host: Some(host), how },
        };
        self.requests.extend(requests.into_iter().map(told));
        Ok(())
    }

    /// The store is gone, or the machine is at a loss: nothing starts any more, what runs is waited for.
    /// Its status files keep the ends, which a later `resume` reads.
    async fn leave(&mut self, error: &EngineError) {
        let running = self.tasks.len();
        let sentence = format!("{error}; nothing further is started, {running} commands that run are waited for");
        for display in &mut self.ctx.displays {
            display.trouble(&sentence, clock::now());
        }
        while !self.tasks.is_empty() {
            match self.ctx.rx.recv().await {
                Some(Input::Ended { task, .. }) => drop(self.tasks.remove(&task)),
                Some(Input::Told(Told::Kill { .. })) => self.tasks.values().for_each(|control| control.end(false)),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// The nodes that a run holds against others: those it works on and, where it takes any away, those that must stay
/// up meanwhile. Two runs that look at the same moment would each find the other's next host still up.
pub fn held(frame: &Frame) -> Vec<String> {
    let mut nodes: BTreeSet<NodeIx> = frame.plan.hosts.iter().map(|target| target.node).collect();
    if frame.disruptive {
        let kept: Vec<NodeIx> = nodes.iter().flat_map(|target| frame.kept_for(*target)).collect();
        nodes.extend(kept);
    }
    nodes.into_iter().map(|node| frame.plan.nodes[node].id.clone()).collect()
}

/// What is asked and what is ended is known before the next decision, which would order it again; it is done when the
/// events that go with it are on the disk.
fn announce(frame: &Frame, job: &Job, view: &mut View, action: &Action) {
    let input = match action {
        Action::Ask((node, question)) => Input::Asking { node: *node, question: *question },
        Action::End { task, .. } => Input::Ending { task: *task },
        Action::Spawn(_) => return,
    };
    observe(frame, job, view, &input, clock::now());
}

/// A call to the store, which waits for the disk, off the threads that everything else runs on.
async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    call: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = store.clone();
    match tokio::task::spawn_blocking(move || call(&store)).await {
        Ok(done) => done,
        // A panic in the store is a mistake of ours: it goes on as one.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
