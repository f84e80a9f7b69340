//! Whole runs against the sandbox: real child processes, real time, and the hosts themselves as judge.

use crate::sandbox::{Lab, PROGRAM};
use rollbook::ask::Asker;
use rollbook::discover::{AccessWords, discover};
use rollbook::display::{About, Display, Lines, Volume, summary};
use rollbook::execute::engine::{self, EngineError, RunContext};
use rollbook::execute::process::Launcher;
use rollbook::job::event::{End, Event, HostEvent, Ms, Outcome, Resolution, RunEvent, StepEvent, What};
use rollbook::job::model::{Job, Standing};
use rollbook::job::rules::Rules;
use rollbook::job::view::{Input, Told};
use rollbook::job::waiting::Waiting;
use rollbook::plan::model::*;
use rollbook::plan::{self, protection::Protection};
use rollbook::playbook::model::{Check, DatacenterOrder, Keyspaces, OnFailure, StepKind, Strategy, TakesDown};
use rollbook::sandbox::{Shape, judge};
use rollbook::store::{NewRun, RunState, Store, StoreError};
use rollbook::topology::model::Topology;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn step(kind: StepKind, takes_down: TakesDown, seconds: u64) -> Step {
    let name = serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned();
    Step {
        kind,
        name,
        timeout_ms: seconds * 1000,
        poll_ms: 1000,
        stable: 2,
        ok_exit: if kind == StepKind::Reboot { vec![0, 255] } else { vec![0] },
        on_failure: OnFailure::Stop,
        on_timeout: OnFailure::Stop,
        idempotent: false,
        takes_down,
        guessed: None,
        pause_ms: None,
        script: None,
        register: None,
        when: None,
        retries: None,
        scope: None,
        message: None,
    }
}

/// drain, stop, reboot, wait-up on every host of the topology, as the compiler would write it.
fn rolling_reboot(topology: &Topology) -> Plan {
    let nodes: Vec<Node> = topology
        .hosts
        .iter()
        .map(|host| Node {
            id: host.id.clone(),
            address: host.address,
            datacenter: host.datacenter.clone(),
            rack: host.rack.clone(),
            release: host.release.clone(),
            tokens_digest: host.tokens_digest.clone(),
            seed: topology.seeds.contains(&host.address),
            ssh: words(&format!("ssh {}", host.address)),
            nodetool: words(&format!("ssh {} nodetool ‹args›", host.address)),
        })
        .collect();
    let protect = Keyspaces::Data;
    let protection = Protection::of(topology, &protect);
    let chain = ["nodetool drain", "sudo systemctl stop cassandra", "sudo systemctl reboot"];
    let target = |node: usize| {
        let far = |far: &&str| words(&format!("ssh {} {far}", nodes[node].address));
        let mut words: Vec<Rendered> =
            chain.iter().map(|text| Rendered { command: far(text), ..Rendered::default() }).collect();
        words.push(Rendered::default());
        Target { node, vars: Default::default(), words }
    };
    let keyspace = |(name, keyspace): (&String, &rollbook::topology::model::Keyspace)| {
        let protects = !plan::protection::LEFT_OUT.contains(&name.as_str());
        (name.clone(), PlannedKeyspace { replication: keyspace.replication.clone(), protects })
    };
    let racks: std::collections::BTreeSet<String> = nodes.iter().map(|node| node.rack.clone()).collect();
    Plan {
        version: VERSION,
        name: "rolling-reboot".into(),
        description: None,
        playbook: None,
        params: BTreeMap::new(),
        reason_required: false,
        accept_outage: None,
        hint_window_ms: None,
        cluster: topology.cluster.clone(),
        service: "cassandra".into(),
        partitioner: topology.partitioner.clone(),
        keyspaces: topology.keyspaces.iter().map(keyspace).collect(),
        hosts: (0..nodes.len()).map(target).collect(),
        nodes,
        protect,
        shared: protection.shared,
        groups: vec![],
        everybody_conflicts: protection.everybody,
        phases: vec![Phase {
            availability: None,
            needs: vec![],
            name: None,
            from: 0,
            to: 4,
            hosts: (0..topology.hosts.len()).collect(),
            strategy: Strategy::Topology,
            datacenters: vec![Datacenter {
                name: "dc1".into(),
                rack_by_rack: true,
                racks: racks.into_iter().collect(),
                order: HostOrder::ByRack,
            }],
            datacenter_order: DatacenterOrder::Serial,
            max_hosts: Some(10),
            first: None,
            grace_ms: 0,
            checks_start: vec![Check::AllUp],
            checks_each_host: vec![],
            demands_start: vec![],
            demands_each_host: vec![],
            left_out: vec![],
        }],
        max_failures: 0,
        stop_after: None,
        blocked_timeout_ms: 60_000,
        poll_ms: 1000,
        gates: vec![],
        known_down: Default::default(),
        known_down_reason: None,
        waived: vec![],
        ignore_down: false,
        setup: vec![],
        steps: vec![
            step(StepKind::Drain, TakesDown::Restart, 60),
            step(StepKind::Stop, TakesDown::Restart, 60),
            step(StepKind::Reboot, TakesDown::Reboot, 30),
            step(StepKind::WaitUp, TakesDown::Nothing, 90),
        ],
        warnings: vec![],
    }
}

/// Keeps what was shown, and lets the test act on an event the moment it is durable.
struct Watch {
    heard: Arc<Mutex<Vec<String>>>,
    on_event: Box<dyn FnMut(&Event) + Send>,
}

impl Display for Watch {
    fn event(&mut self, plan: &Plan, event: &Event) {
        (self.on_event)(event);
        self.heard.lock().unwrap().push(rollbook::display::sentence(plan, event));
    }

    fn waiting(&mut self, _: &Plan, waits: &[Waiting], _: Ms) {
        let mut heard = self.heard.lock().unwrap();
        heard.extend(waits.iter().map(|wait| format!("waits: {}", wait.what)));
    }

    fn trouble(&mut self, sentence: &str, _: Ms) {
        self.heard.lock().unwrap().push(format!("trouble: {sentence}"));
    }
}

/// A sandbox, a plan for it, and a store.
struct Ground {
    lab: Lab,
    file: Arc<PlanFile>,
    store: Arc<Store>,
    home: tempfile::TempDir,
}

impl Ground {
    async fn new(change: impl FnOnce(&mut Plan)) -> Ground {
        let lab = Lab::new(&Shape { speed: 2.0, ..Shape::of(3) });
        let access = AccessWords::new(|address| {
            let (ssh, nodetool) = (format!("ssh {address}"), format!("ssh {address} nodetool ‹args›"));
            let name = address.to_owned();
            Ok(rollbook::ask::NodeWords { name, ssh: words(&ssh), nodetool: words(&nodetool) })
        });
        let found = discover(&access, &[lab.sandbox.seed()], lab.sandbox.env()).await.unwrap();
        let mut plan = rolling_reboot(&found.topology);
        change(&mut plan);
        let home = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(home.path()).unwrap());
        Ground { lab, file: Arc::new(plan::file::seal(plan, Estimate::default())), store, home }
    }

    fn new_run(&self) -> String {
        let new = NewRun { id: None, plan: &self.file, reason: Some("kernel"), by: "anna", at: 1 };
        self.store.create_run(&new).unwrap()
    }

    fn context(&self, run: &str) -> RunContext {
        let (tx, rx) = unbounded_channel();
        let env = self.lab.sandbox.env();
        RunContext {
            store: self.store.clone(),
            run: run.to_owned(),
            reason: Some("kernel".into()),
            by: "anna".into(),
            asker: Arc::new(Asker::of_plan(&self.file.plan, env.clone())),
            env,
            secrets: Default::default(),
            launcher: Launcher::at(PROGRAM),
            grace: Duration::from_secs(2),
            rules: Rules::default(),
            attended: false,
            displays: vec![Box::new(Lines::new(std::io::stderr(), Volume::Verbose).heartbeat(5000))],
            settle: vec![],
            tx,
            rx,
        }
    }

    /// Runs, and calls `on_event` with every event once it is durable, and the way to tell the run something.
    async fn run(
        &self,
        run: &str,
        on_event: impl FnMut(&Event, &UnboundedSender<Input>) + Send + 'static,
    ) -> (Outcome, Job) {
        self.run_settled(run, vec![], on_event).await
    }

    async fn run_settled(
        &self,
        run: &str,
        settle: Vec<(TargetIx, Resolution)>,
        mut on_event: impl FnMut(&Event, &UnboundedSender<Input>) + Send + 'static,
    ) -> (Outcome, Job) {
        let mut context = self.context(run);
        context.settle = settle;
        let (tx, heard) = (context.tx.clone(), Arc::default());
        context.displays.push(Box::new(Watch { heard, on_event: Box::new(move |event| on_event(event, &tx)) }));
        engine::run(self.file.clone(), context).await.unwrap()
    }

    fn events(&self, run: &str) -> Vec<Event> {
        self.store.load(run).unwrap().1
    }

    fn boot_ids(&self) -> Vec<String> {
        self.file.plan.nodes.iter().map(|node| self.lab.boot_id(&node.address.to_string())).collect()
    }

    fn no_violation(&self) {
        assert_eq!(judge(self.lab.sandbox.dir()).unwrap(), vec![]);
    }
}

fn started(event: &Event, wanted: usize) -> bool {
    matches!(event.what, What::Step { step, event: StepEvent::Started { .. }, .. } if step == wanted)
}

fn opened(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.what, What::Host { event: HostEvent::Opened, .. })).count()
}

#[tokio::test]
async fn every_host_reboots_once_and_no_two_replicas_are_ever_down() {
    let ground = Ground::new(|_| {}).await;
    let (run, before) = (ground.new_run(), ground.boot_ids());
    let (outcome, job) = ground.run(&run, |_, _| {}).await;
    assert_eq!(outcome, Outcome::Succeeded);
    ground.no_violation();
    assert!(before.iter().zip(ground.boot_ids()).all(|(before, after)| *before != after));
    let events = ground.events(&run);
    let mut replayed = Job::new(&ground.file.plan);
    for event in &events {
        rollbook::job::apply::apply(&ground.file.plan, &mut replayed, event).unwrap();
    }
    assert_eq!(replayed, job, "the journal alone gives the same job");
    let row = ground.store.resolve(&run).unwrap();
    assert_eq!((row.state, row.alive()), (RunState::Ended(Outcome::Succeeded), false));
    let address = ground.file.plan.nodes[ground.file.plan.hosts[0].node].address;
    let files = ground.store.run_folder(&run).join("hosts").join(address.to_string());
    assert!(files.join("01-drain/out").exists() && files.join("03-reboot/status").exists());
    let shown = summary(&ground.file.plan, &job, &events, &About { run: &run, ..About::default() });
    eprintln!("{shown}");
    assert!(shown.contains("3 hosts: 3 done") && shown.contains(&format!("rollbook runs show {run}")), "{shown}");
}

#[tokio::test]
async fn told_to_stop_it_finishes_the_host_in_work_and_goes_on_later() {
    let ground = Ground::new(|_| {}).await;
    let run = ground.new_run();
    let stop = |event: &Event, tx: &UnboundedSender<Input>| {
        if started(event, 0) {
            tx.send(Input::Told(Told::Stop { by: "SIGINT".into() })).unwrap();
        }
    };
    let (outcome, job) = ground.run(&run, stop).await;
    assert_eq!((outcome, opened(&ground.events(&run))), (Outcome::Stopped, 1));
    assert_eq!(job.hosts.iter().filter(|host| host.standing == Standing::Done).count(), 1);
    let shown = summary(&ground.file.plan, &job, &ground.events(&run), &About { run: &run, ..About::default() });
    assert!(shown.contains(&format!("rollbook resume {run}")) && shown.contains("not begun"), "{shown}");
    let (outcome, _) = ground.run(&run, |_, _| {}).await;
    assert_eq!((outcome, opened(&ground.events(&run))), (Outcome::Succeeded, 3));
    ground.no_violation();
}

#[tokio::test]
async fn another_process_stops_it_through_the_store() {
    let ground = Ground::new(|_| {}).await;
    let run = ground.new_run();
    let (store, id) = (Store::open(ground.home.path()).unwrap(), run.clone());
    let ask = move |event: &Event, _: &UnboundedSender<Input>| {
        if started(event, 0) {
            store.request_stop(&id, "bert", 1).unwrap();
        }
    };
    let (outcome, job) = ground.run(&run, ask).await;
    assert_eq!((outcome, opened(&ground.events(&run))), (Outcome::Stopped, 1));
    let shown = summary(&ground.file.plan, &job, &ground.events(&run), &About { run: &run, ..About::default() });
    assert!(shown.contains("asked by bert"), "{shown}");
}

#[tokio::test]
async fn a_host_that_fails_stops_new_starts_and_is_named_with_the_way_back() {
    let ground = Ground::new(|plan| plan.hosts[0].words[1].command = words("sh -c false")).await;
    let run = ground.new_run();
    let (outcome, job) = ground.run(&run, |_, _| {}).await;
    assert_eq!((outcome, opened(&ground.events(&run))), (Outcome::Failed, 1));
    let about = About { run: &run, ..About::default() };
    let shown = summary(&ground.file.plan, &job, &ground.events(&run), &about);
    let address = ground.file.plan.nodes[ground.file.plan.hosts[0].node].address;
    assert!(shown.contains(&format!("this brings it back: ssh {address} sudo systemctl restart cassandra")), "{shown}");
    assert!(shown.contains("--retry-failed"), "{shown}");
}

#[tokio::test]
async fn a_command_over_its_time_is_ended_and_nothing_of_it_is_left() {
    let ground = Ground::new(|plan| {
        plan.hosts[0].words[0].command = words("sh -c echo\\ $$;sleep\\ 600");
        plan.hosts[0].words[0].command[2] = "echo $$; sleep 600".into();
        plan.hosts[0].words[0].command.truncate(3);
        plan.steps[0].timeout_ms = 2000;
    })
    .await;
    let run = ground.new_run();
    let kill = {
        let begun = Instant::now();
        move |event: &Event, tx: &UnboundedSender<Input>| {
            // Where it is in doubt the machine seeks proof; the test need not wait for that.
            if matches!(event.what, What::Step { event: StepEvent::Ended { end: End::TimedOut, .. }, .. }) {
                assert!(begun.elapsed() < Duration::from_secs(60));
                tx.send(Input::Told(Told::Kill { by: "SIGINT".into() })).unwrap();
            }
        }
    };
    let (outcome, _) = ground.run(&run, kill).await;
    assert_ne!(outcome, Outcome::Succeeded);
    let address = ground.file.plan.nodes[ground.file.plan.hosts[0].node].address.to_string();
    let out = ground.store.run_folder(&run).join("hosts").join(address).join("01-drain/out");
    let pid: u32 = std::fs::read_to_string(out).unwrap().trim().parse().unwrap();
    assert!(!rollbook::store::owner::Stat::of(pid).is_ok_and(|stat| stat.state != 'Z'));
    assert!(ground.events(&run).iter().any(|event| matches!(event.what, What::Run(RunEvent::Ended { .. }))));
}

/// The loop is dropped in the middle of a command, as a crash would: the command goes on, and so does a later run.
#[tokio::test]
async fn after_a_crash_the_command_in_flight_is_adopted_and_never_started_twice() {
    let counter = tempfile::NamedTempFile::new().unwrap();
    let path = counter.path().display().to_string();
    let ground = Ground::new(|plan| {
        let words = &mut plan.hosts[0].words[0].command;
        let far = format!("echo once >>{path}; sleep 3; ssh {} nodetool drain", words[1]);
        *words = vec!["sh".into(), "-c".into(), far];
    })
    .await;
    let run = ground.new_run();
    let mut context = ground.context(&run);
    let (heard, crash) = (Arc::default(), Arc::new(tokio::sync::Notify::new()));
    let at = crash.clone();
    let on_event = move |event: &Event| {
        if matches!(event.what, What::Step { event: StepEvent::Spawned { .. }, .. }) {
            at.notify_one();
        }
    };
    context.displays.push(Box::new(Watch { heard, on_event: Box::new(on_event) }));
    tokio::select! {
        ended = engine::run(ground.file.clone(), context) => panic!("{:?}", ended.map(|(outcome, _)| outcome)),
        () = crash.notified() => {}
    }
    // (its process exists; the command begins a moment later)
    while std::fs::read_to_string(counter.path()).unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = ground.events(&run).len();
    let (outcome, _) = ground.run(&run, |_, _| {}).await;
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(std::fs::read_to_string(counter.path()).unwrap(), "once\n");
    let after = &ground.events(&run)[before..];
    let ended = |event: &&Event| matches!(event.what, What::Step { host: 0, step: 0, event: StepEvent::Ended { .. } });
    let ended = after.iter().find(ended).unwrap();
    let end = End::Exit { status: 0 };
    assert_eq!(
        ended.what,
        What::Step { host: 0, step: 0, event: StepEvent::Ended { attempt: 1, end, registered: None } }
    );
    ground.no_violation();
}

#[tokio::test]
async fn setup_runs_first_and_its_undo_last_whatever_happened() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().display().to_string();
    let write = move |what: &str| vec!["sh".into(), "-c".into(), format!("echo {what} ‹run.id› >>{path}")];
    let ground = Ground::new(|plan| {
        let setup = |n: u32| Setup {
            run: write(&format!("do{n}")),
            undo: Some(write(&format!("undo{n}"))),
            timeout_ms: 9000,
            lock: false,
        };
        plan.setup = vec![setup(1), setup(2)];
        plan.hosts[0].words[0].command = words("sh -c false");
    })
    .await;
    let run = ground.new_run();
    let (outcome, _) = ground.run(&run, |_, _| {}).await;
    assert_eq!(outcome, Outcome::Failed);
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log, format!("do1 {run}\ndo2 {run}\nundo2 {run}\nundo1 {run}\n"));
    assert!(ground.store.run_folder(&run).join("setup/02-undo/status").exists());
}

#[tokio::test]
async fn the_first_signal_says_stop_and_the_second_kill() {
    let (tx, mut rx) = unbounded_channel();
    rollbook::execute::signals::listen(tx).unwrap();
    let me = std::process::id().to_string();
    for signal in ["HUP", "TERM", "INT"] {
        std::process::Command::new("kill").args([&format!("-{signal}"), &me]).status().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(rx.recv().await, Some(Input::Told(Told::Stop { by: "SIGTERM".into() })));
    assert_eq!(rx.recv().await, Some(Input::Told(Told::Kill { by: "SIGINT".into() })));
}

#[tokio::test]
async fn a_second_run_on_the_same_hosts_is_refused_and_told_who() {
    let ground = Ground::new(|_| {}).await;
    let (one, two) = (ground.new_run(), ground.new_run());
    ground.store.take_up(&one).unwrap();
    let id = ground.file.plan.nodes[0].id.clone();
    // Process 1 lives as long as the machine.
    let owner = serde_json::to_string(&rollbook::store::owner::Owner::of(1).unwrap()).unwrap();
    let db = rusqlite::Connection::open(ground.home.path().join("rollbook.db")).unwrap();
    let insert = "INSERT INTO leases (host_id, run, cluster, since, by_whom, host, owner) VALUES (?1, ?2, 'c', 1, 'bert', 'm', ?3)";
    db.execute(insert, [&id, &one, &owner]).unwrap();
    let error = engine::run(ground.file.clone(), ground.context(&two)).await.unwrap_err();
    let EngineError::Store(StoreError::Held(held)) = error else { panic!("{error}") };
    assert_eq!((held.run, held.by.as_str()), (one, "bert"));
    assert_eq!(ground.events(&two), []);
    assert!(!ground.store.resolve(&two).unwrap().alive(), "it may be tried again");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_stops_the_run_and_what_runs_is_waited_for() {
    let ground = Ground::new(|plan| plan.hosts[0].words[0].command = words("sleep 3")).await;
    let run = ground.new_run();
    let mut context = ground.context(&run);
    let (home, heard) = (ground.home.path().to_owned(), Arc::<Mutex<Vec<String>>>::default());
    let break_store = move |event: &Event| {
        if matches!(event.what, What::Step { event: StepEvent::Spawned { .. }, .. }) {
            let db = rusqlite::Connection::open(home.join("rollbook.db")).unwrap();
            // Whatever is written from now on is refused, for root too.
            let trigger = "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'broken disk'); END";
            db.execute_batch(trigger).unwrap();
        }
    };
    context.displays.push(Box::new(Watch { heard: heard.clone(), on_event: Box::new(break_store) }));
    let error = engine::run(ground.file.clone(), context).await.unwrap_err();
    assert!(error.to_string().contains("broken disk"), "{error}");
    assert_eq!(opened(&ground.events(&run)), 1);
    let address = ground.file.plan.nodes[ground.file.plan.hosts[0].node].address.to_string();
    let status = ground.store.run_folder(&run).join("hosts").join(address).join("01-drain/status");
    assert!(status.exists(), "the command that ran was waited for");
    assert!(heard.lock().unwrap().iter().any(|line| line.starts_with("trouble: ")));
}
