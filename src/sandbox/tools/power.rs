//! `reboot`, `shutdown`, `poweroff`, `halt`, `init 6`: the simulated machine goes down.
//!
//! Whether the ssh session that gave the command still sees it end is a race on real machines;
//! here it is drawn from the host and the count of its boots, so that both occur.

use super::{complain, say};
use crate::sandbox::act::Power;
use crate::sandbox::cluster::Machine;
use crate::sandbox::dispatch::Invocation;
use crate::sandbox::draw;
use crate::sandbox::pace;
use crate::sandbox::world::World;
use anyhow::Result;

pub fn run(call: &Invocation) -> Result<u8> {
    let world = call.world()?;
    let Some(machine) = call.machine(&world) else {
        complain(&format!("{}: the sandbox reboots only its own hosts: run it by `ssh HOST`\n", call.tool));
        return Ok(1);
    };
    let (power, delay) = match asked(&call.tool, &call.args) {
        Ok(asked) => asked,
        Err(words) => {
            complain(&words);
            return Ok(1);
        }
    };
    if delay > 0 {
        say(&format!(
            "{} scheduled, use 'shutdown -c' to cancel.\n",
            if power == Power::Off { "Shutdown" } else { "Reboot" }
        ));
    }
    go(call, &world, &machine, power, delay)
}

/// Takes a machine down in `delay` milliseconds; returns, or stays until the session is cut.
pub fn go(call: &Invocation, world: &World, machine: &Machine, power: Power, delay: u64) -> Result<u8> {
    let boots = world.history(machine)?.boots.len() as u64;
    let happens = world.power(machine, power, pace::now() + delay)?;
    call.log(&machine.name, "0");
    let session_is_cut = draw::number(world.cluster.seed, &machine.name, boots).is_multiple_of(2);
    if happens && delay == 0 && session_is_cut {
        pace::sleep_until(pace::now() + world.cluster.pace.of(pace::GOES_DOWN) + 5000);
    }
    Ok(0)
}

/// What the words ask for, and in how many milliseconds.
fn asked(tool: &str, args: &[String]) -> Result<(Power, u64), String> {
    let mut power = if matches!(tool, "reboot" | "init") { Power::Reboot } else { Power::Off };
    let mut delay = if tool == "shutdown" { 60_000 } else { 0 };
    for word in args {
        match word.as_str() {
            "-r" | "--reboot" | "6" => power = Power::Reboot,
            "-h" | "-P" | "-H" | "-p" | "--poweroff" | "--halt" | "0" => power = Power::Off,
            "-f" | "--force" | "-ff" | "-i" | "--no-wall" => {}
            "now" | "+0" => delay = 0,
            "-c" => return Err("shutdown: the sandbox does not cancel what is scheduled\n".to_owned()),
            minutes if minutes.starts_with('+') => {
                let parsed = minutes[1..].parse::<u64>();
                delay = 60_000 * parsed.map_err(|_| format!("Failed to parse time specification: {minutes}\n"))?;
            }
            option if option.starts_with('-') => return Err(format!("{tool}: invalid option -- '{option}'\n")),
            _ if tool == "shutdown" => {} // the message to everybody
            other => return Err(format!("{tool}: unexpected argument `{other}`\n")),
        }
    }
    Ok((power, delay))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<(Power, u64), String> {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        asked(&words[0], &words[1..])
    }

    #[test]
    fn the_usual_ways_to_say_reboot() {
        for text in ["reboot", "shutdown -r now", "shutdown -r +0", "init 6", "reboot -f"] {
            assert_eq!(words(text), Ok((Power::Reboot, 0)), "{text}");
        }
        assert_eq!(words("poweroff"), Ok((Power::Off, 0)));
        assert_eq!(words("shutdown now"), Ok((Power::Off, 0)));
        assert_eq!(words("shutdown -r +1"), Ok((Power::Reboot, 60_000)));
        assert_eq!(words("shutdown -r"), Ok((Power::Reboot, 60_000)));
        assert!(words("shutdown -r +x").is_err());
        assert!(words("reboot tomorrow").is_err());
    }
}
