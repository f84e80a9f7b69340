//! `cat`, `hostname`, `uptime`: what a machine says of itself. Everything the sandbox does not
//! simulate is read by the real `cat`.

use super::say;
use crate::sandbox::cluster::Machine;
use crate::sandbox::dispatch::Invocation;
use crate::sandbox::draw;
use crate::sandbox::fault::Fate;
use crate::sandbox::world::World;
use anyhow::Result;

pub fn run(call: &Invocation) -> Result<u8> {
    let world = call.world()?;
    let Some(machine) = call.machine(&world) else { return call.real() };
    let answer = match call.tool.as_str() {
        "cat" => cat(&world, &machine, &call.args)?,
        "df" => df(&world, &machine, &call.args),
        "hostname" => hostname(&machine, &call.args),
        "nproc" => Some("2\n".to_owned()),
        _ => Some(uptime(&world, &machine, &call.args)?),
    };
    let Some(answer) = answer else { return call.real() };
    say(&answer);
    call.log(&machine.name, "0");
    Ok(0)
}

/// The boot id a machine has now: another one after each boot.
pub fn boot_id(world: &World, machine: &Machine) -> Result<String> {
    let boot = world.history(machine)?.boot(world.now) as u64;
    let first = world.cluster.on_machine_of(machine).next().unwrap_or(machine);
    Ok(draw::uuid(world.cluster.seed, &first.name, boot))
}

/// Milliseconds since the machine booted.
fn age(world: &World, machine: &Machine) -> Result<u64> {
    let history = world.history(machine)?;
    let from = history.boots[history.boot(world.now)].from.unwrap_or(world.now);
    Ok(world.now.saturating_sub(from))
}

/// None: at least one of the files is not simulated.
fn cat(world: &World, machine: &Machine, files: &[String]) -> Result<Option<String>> {
    let mut text = String::new();
    for file in files {
        match file.as_str() {
            "/proc/sys/kernel/random/boot_id" => text += &(boot_id(world, machine)? + "\n"),
            "/proc/net/tcp" => text += &sockets(world, machine)?,
            "/etc/machine-id" => text += &format!("{}\n", machine.machine_id),
            "/proc/loadavg" => {
                let load =
                    world.wrong(machine).find_map(|fate| if let Fate::Load(load) = fate { Some(*load) } else { None });
                text += &format!("{:.2} 0.20 0.10 1/200 4711\n", load.unwrap_or(30) as f64 / 100.0);
            }
            "/etc/hostname" => text += &format!("{}\n", machine.name),
            "/proc/uptime" => {
                let seconds = age(world, machine)? as f64 / 1000.0;
                text += &format!("{seconds:.2} {:.2}\n", seconds * 1.7);
            }
            _ => return Ok(None),
        }
    }
    Ok((!files.is_empty()).then_some(text))
}

/// Who listens: Cassandra's CQL port, if it does.
fn sockets(world: &World, machine: &Machine) -> Result<String> {
    let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let history = world.history(machine)?;
    let life = history.life(world.now);
    let open = life.serves_cql(world.now) && !world.has(machine, &Fate::TransportStaysClosed);
    let socket = "   0: 0B0A0A0A:2352 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1\n";
    Ok(format!("{header}{}", if open { socket } else { "" }))
}

/// `df -P DIR`; anything else is the real one's.
fn df(world: &World, machine: &Machine, args: &[String]) -> Option<String> {
    let [option, dir] = args else { return None };
    let used = world.wrong(machine).find_map(|fate| if let Fate::DiskUsed(used) = fate { Some(*used) } else { None });
    let used = used.unwrap_or(37);
    let row = format!("/dev/vdb           1000000 {} {} {used}% {dir}\n", used * 10_000, (100 - used) * 10_000);
    (option == "-P").then(|| format!("Filesystem     1024-blocks    Used Available Capacity Mounted on\n{row}"))
}

fn hostname(machine: &Machine, args: &[String]) -> Option<String> {
    match args.first().map(String::as_str) {
        None | Some("-f" | "-s" | "--fqdn" | "--short") => Some(format!("{}\n", machine.name)),
        Some("-i" | "-I") => Some(format!("{} \n", machine.address)),
        Some(_) => None,
    }
}

fn uptime(world: &World, machine: &Machine, args: &[String]) -> Result<String> {
    let minutes = age(world, machine)? / 60_000;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    if args.first().is_some_and(|arg| arg == "-p") {
        return Ok(format!("up {hours} hours, {minutes} minutes\n"));
    }
    let day_time = world.now / 1000 % 86_400;
    let clock = format!("{:02}:{:02}:{:02}", day_time / 3600, day_time / 60 % 60, day_time % 60);
    let up = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours:2}:{minutes:02}"),
        _ => format!("{days} day{}, {hours:2}:{minutes:02}", if days == 1 { "" } else { "s" }),
    };
    Ok(format!(" {clock} up {up},  0 users,  load average: 0.08, 0.03, 0.01\n"))
}
