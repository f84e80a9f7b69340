//! `systemctl VERB [UNIT]`, `service UNIT VERB`, `pkill`: Cassandra's process on a simulated host.

use super::{complain, power, say};
use crate::sandbox::act::Power;
use crate::sandbox::cluster::Machine;
use crate::sandbox::dispatch::Invocation;
use crate::sandbox::fault::Fate;
use crate::sandbox::pace;
use crate::sandbox::world::World;
use anyhow::Result;

const VERBS_OF_A_UNIT: [&str; 12] = [
    "stop",
    "start",
    "restart",
    "try-restart",
    "kill",
    "status",
    "is-active",
    "is-failed",
    "show",
    "is-enabled",
    "enable",
    "disable",
];

pub fn run(call: &Invocation) -> Result<u8> {
    let world = call.world()?;
    let Some(machine) = call.machine(&world) else {
        complain(&format!("{}: the sandbox has units only on its hosts: run it by `ssh HOST`\n", call.tool));
        return Ok(1);
    };
    let words: Vec<&str> = call.args.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let (verb, unit) = match (call.tool.as_str(), &words[..]) {
        ("service", [unit, verb]) => (*verb, Some(*unit)),
        ("systemctl", [verb]) => (*verb, None),
        ("systemctl", [verb, .., unit]) => (*verb, Some(*unit)),
        _ => ("", None),
    };
    match verb {
        "reboot" => return power::go(call, &world, &machine, Power::Reboot, 0),
        "poweroff" | "halt" => return power::go(call, &world, &machine, Power::Off, 0),
        _ => {}
    }
    let exit = match unit {
        _ if verb == "daemon-reload" => 0,
        _ if !VERBS_OF_A_UNIT.contains(&verb) => {
            complain(&format!("Unknown command verb {verb}.\n"));
            1
        }
        None => {
            complain("Too few arguments.\n");
            1
        }
        Some("cassandra" | "cassandra.service") => on_cassandra(call, &world, &machine, verb)?,
        Some(other) => on_unknown(verb, other),
    };
    call.log(&machine.name, &exit.to_string());
    Ok(exit)
}

fn on_cassandra(call: &Invocation, world: &World, machine: &Machine, verb: &str) -> Result<u8> {
    let quiet = call.args.iter().any(|arg| arg == "-q" || arg == "--quiet");
    match verb {
        "stop" => stop(call, world, machine)?,
        "start" => drop(world.start(machine, pace::now())?),
        "restart" | "try-restart" => {
            stop(call, world, machine)?;
            world.start(machine, pace::now())?;
        }
        "kill" => world.kill(machine)?,
        "enable" | "disable" => world.enable(machine, verb == "enable")?,
        "is-enabled" => {
            let enabled = world.history(machine)?.enabled && !world.has(machine, &Fate::NotEnabled);
            say(if quiet {
                ""
            } else if enabled {
                "enabled\n"
            } else {
                "disabled\n"
            });
            return Ok(u8::from(!enabled));
        }
        _ => {
            let history = world.history(machine)?;
            let life = history.life(world.now);
            let died = life.end.is_some_and(|end| end.announced.is_none());
            let state = if life.runs(world.now) {
                "active"
            } else if died {
                "failed"
            } else {
                "inactive"
            };
            let wanted = if verb == "is-failed" { "failed" } else { "active" };
            match verb {
                "show" => {
                    say(&format!("ActiveState={state}\n"));
                    return Ok(0);
                }
                "status" => say(&format!("cassandra.service - Apache Cassandra\n     Active: {state}\n")),
                _ if quiet => {}
                _ => say(&format!("{state}\n")),
            }
            return Ok(if state == wanted {
                0
            } else if verb == "is-failed" {
                1
            } else {
                3
            });
        }
    }
    Ok(0)
}

fn stop(call: &Invocation, world: &World, machine: &Machine) -> Result<()> {
    if world.has(machine, &Fate::StopHangs) {
        call.hang(&machine.name);
    }
    pace::sleep_until(world.stop(machine)?);
    Ok(())
}

fn on_unknown(verb: &str, unit: &str) -> u8 {
    let unit = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    match verb {
        "is-active" | "is-failed" => {
            say("inactive\n");
            if verb == "is-active" { 4 } else { 1 }
        }
        "is-enabled" | "enable" | "disable" => {
            complain(&format!("Failed to get unit file state for {unit}: No such file or directory\n"));
            1
        }
        "status" => {
            complain(&format!("Unit {unit} could not be found.\n"));
            4
        }
        "start" | "restart" | "try-restart" => {
            complain(&format!("Failed to {verb} {unit}: Unit {unit} not found.\n"));
            5
        }
        _ => {
            complain(&format!("Failed to {verb} {unit}: Unit {unit} not loaded.\n"));
            5
        }
    }
}

/// `pkill`, `killall`: the simulated Cassandra if the words name it, and never a process of this machine.
pub fn kill(call: &Invocation) -> Result<u8> {
    let world = call.world()?;
    let Some(machine) = call.machine(&world) else {
        complain(&format!("{}: the sandbox kills only on its hosts: run it by `ssh HOST`\n", call.tool));
        return Ok(1);
    };
    let named = call.args.iter().any(|arg| arg.contains("java") || arg.to_lowercase().contains("cassandra"));
    let hit = named && world.history(&machine)?.life(world.now).runs(world.now);
    if hit {
        world.kill(&machine)?;
    }
    call.log(&machine.name, if hit { "0" } else { "1" });
    Ok(u8::from(!hit))
}
