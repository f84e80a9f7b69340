//! `nodetool` of Cassandra 5.0.5: its commands, errors and exit statuses, as captured from real
//! nodes in every state (text on standard output or standard error exactly as there).

mod cluster_view;
mod gossip;
mod node;
mod ring;
mod status;
mod table;

use super::cluster::Machine;
use super::dispatch::Invocation;
use super::fault::Fate;
use super::life::{Life, Stage};
use super::pace;
use super::tools::{complain, say};
use super::world::World;
use anyhow::Result;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

pub const RELEASE: &str = "5.0.5";

/// What a command prints, and its exit status.
#[derive(Debug, Default)]
struct Answer {
    out: String,
    err: String,
    exit: u8,
}

impl Answer {
    fn text(out: impl Into<String>) -> Answer {
        Answer { out: out.into(), ..Answer::default() }
    }

    /// The JVM cannot be reached.
    fn refused(host: &str) -> Answer {
        let err = format!("nodetool: Failed to connect to '{host}:7199' - ConnectException: 'Connection refused'.\n");
        Answer { err, exit: 1, ..Answer::default() }
    }

    fn uninitialized() -> Answer {
        let err = "Exception in thread \"main\" java.lang.IllegalArgumentException: Server is not initialized yet, \
                   cannot run nodetool.\n\tat org.apache.cassandra.tools.NodeTool.err(NodeTool.java:324)\n\tat \
                   org.apache.cassandra.tools.NodeTool.execute(NodeTool.java:287)\n\tat \
                   org.apache.cassandra.tools.NodeTool.main(NodeTool.java:83)\n";
        Answer { err: err.to_owned(), exit: 1, ..Answer::default() }
    }

    /// `error: …` and a stack trace, exit status 2.
    fn thrown(out: String, exception: &str, message: &str) -> Answer {
        let err = format!(
            "error: {message}\n-- StackTrace --\n{exception}: {message}\n\tat \
             org.apache.cassandra.service.StorageService.describeRingJMX(StorageService.java:2583)\n"
        );
        Answer { out, err, exit: 2 }
    }
}

/// One command to one node.
struct Question<'a> {
    world: &'a World,
    machine: &'a Machine,
    life: Life,
    /// `-pp`: addresses with ports.
    ports: bool,
    args: &'a [String],
}

impl Question<'_> {
    fn stage(&self) -> Stage {
        self.life.stage(self.world.now)
    }

    fn show(&self, address: IpAddr) -> String {
        self.show_port(address, 7000)
    }

    fn show_port(&self, address: IpAddr, port: u16) -> String {
        if self.ports { format!("{address}:{port}") } else { address.to_string() }
    }

    /// The first word after the command that is no option.
    fn keyspace(&self) -> Option<&str> {
        self.args.iter().map(String::as_str).find(|arg| !arg.starts_with('-'))
    }
}

/// Global options, which stand before the command.
#[derive(Default)]
struct Globals {
    host: Option<String>,
    ports: bool,
}

fn globals(args: &[String]) -> (Globals, &[String]) {
    let mut globals = Globals::default();
    let mut at = 0;
    while let Some(word) = args.get(at) {
        match word.as_str() {
            "-h" | "--host" => globals.host = args.get(at + 1).cloned(),
            "-pp" | "--print-port" => {
                globals.ports = true;
                at += 1;
                continue;
            }
            "-p" | "--port" | "-u" | "--username" | "-pw" | "--password" | "-pwf" | "--password-file" => {}
            _ => break,
        }
        at += 2;
    }
    (globals, args.get(at..).unwrap_or_default())
}

pub fn run(call: &Invocation) -> Result<u8> {
    let mut world = call.world()?;
    let (globals, words) = globals(&call.args);
    let far = globals.host.clone().filter(|host| host != "127.0.0.1" && host != "localhost");
    let machine = match &far {
        Some(host) => world.cluster.find(host).cloned(),
        None => call.machine(&world),
    };
    let Some(machine) = machine else {
        let answer = Answer::refused(globals.host.as_deref().unwrap_or("127.0.0.1"));
        return Ok(deliver(call, "-", &answer));
    };
    if world.has(&machine, &Fate::NodetoolMissing) {
        complain("sh: 1: nodetool: not found\n");
        call.log(&machine.name, "127");
        return Ok(127);
    }
    let slow = world.wrong(&machine).filter_map(|fate| if let Fate::NodetoolSlow(s) = fate { Some(*s) } else { None });
    let slow = slow.fold(0.0, f64::max);
    if slow > 0.0 {
        std::thread::sleep(Duration::from_secs_f64(slow));
        world.tick();
    }
    let Some((command, args)) = words.split_first() else {
        return Ok(deliver(call, &machine.name, &Answer::text("usage: nodetool [<options>] <command> [<args>]\n")));
    };
    let life = world.history(&machine)?.life(world.now).clone();
    let question = Question { world: &world, machine: &machine, life, ports: globals.ports, args };
    let answer = if far.is_some() && !world.history(&machine)?.is_up(world.now) {
        Answer::refused(far.as_deref().unwrap_or_default())
    } else if command == "drain" {
        drain(call, &question)?
    } else {
        answer(&question, command)?
    };
    Ok(deliver(call, &machine.name, &garble(&world, &machine, answer)))
}

fn deliver(call: &Invocation, host: &str, answer: &Answer) -> u8 {
    say(&answer.out);
    complain(&answer.err);
    call.log(host, &answer.exit.to_string());
    answer.exit
}

/// What the node's faults make of an answer.
fn garble(world: &World, machine: &Machine, mut answer: Answer) -> Answer {
    if world.has(machine, &Fate::NodetoolFails) {
        let message = "Connection reset";
        return Answer::thrown(String::new(), "java.rmi.UnmarshalException", message);
    }
    if world.has(machine, &Fate::NodetoolHalf) {
        let mut half = answer.out.len() / 2;
        while !answer.out.is_char_boundary(half) {
            half -= 1;
        }
        answer.out.truncate(half);
    }
    if world.has(machine, &Fate::NodetoolJunk) {
        let junk: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let _ = std::io::stdout().lock().write_all(&junk);
        return Answer::default();
    }
    answer
}

/// `drain` says nothing and exits 0, whether it worked or not.
fn drain(call: &Invocation, question: &Question) -> Result<Answer> {
    match question.stage() {
        Stage::Silent => return Ok(Answer::refused("127.0.0.1")),
        Stage::Uninitialized | Stage::Listening => return Ok(Answer::uninitialized()),
        _ => {}
    }
    match question.world.drain(question.machine)? {
        Some(returns) => pace::sleep_until(returns),
        None => call.hang(&question.machine.name),
    }
    Ok(Answer::default())
}

fn answer(question: &Question, command: &str) -> Result<Answer> {
    if !is_known(command) {
        let words = format!("nodetool: Found unexpected parameters: [{command}]\n");
        let out = words + "See 'nodetool help' or 'nodetool help <command>'.\n";
        return Ok(Answer { out, exit: 1, ..Answer::default() });
    }
    match question.stage() {
        Stage::Silent => return Ok(Answer::refused("127.0.0.1")),
        Stage::Listening if command == "gossipinfo" => return Ok(Answer::text("\n")),
        Stage::Listening if command == "failuredetector" => return Ok(Answer::text("  Endpoint,             Phi\n")),
        Stage::Uninitialized | Stage::Listening => {
            let mut answer = Answer::uninitialized();
            if command == "describecluster" {
                answer.out = "Cluster Information:\n".to_owned();
            }
            return Ok(answer);
        }
        _ => {}
    }
    match command {
        "status" => status::status(question),
        "ring" => ring::ring(question),
        "describering" => ring::describering(question),
        "describecluster" => cluster_view::describecluster(question),
        "gossipinfo" => gossip::gossipinfo(question),
        "failuredetector" => gossip::failuredetector(question),
        _ => node::answer(question, command),
    }
}

fn is_known(command: &str) -> bool {
    const WHOLE_CLUSTER: [&str; 6] =
        ["status", "ring", "describering", "describecluster", "gossipinfo", "failuredetector"];
    WHOLE_CLUSTER.contains(&command) || node::COMMANDS.contains(&command)
}
