//! `rollbook __sandbox DIR WORDS`: the sandbox by hand, for whoever looks into it.

use super::create::{Sandbox, create, open};
use super::fault::Fault;
use super::judge::{absences, judge};
use super::shape::Shape;
use super::tools::say;
use anyhow::{Context, Result, bail};
use std::path::Path;

const USAGE: &str = "rollbook __sandbox DIR …
  create [HOSTS [DATACENTERS]]
  env                        print the environment to live in it: eval \"$(rollbook __sandbox DIR env)\"
  fault HOST FATE [VALUE]    as in: h3 killed · h3 cut-from h4 · h3 nodetool-slow 30
  heal HOST FATE [VALUE]
  on HOST                    press the button of a machine that is off
  judge                      who was away, and whether two replicas of a range were at once
";

pub fn run(args: &[String]) -> Result<u8> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some((dir, words)) = words.split_first() else { bail!("{USAGE}") };
    let dir = Path::new(dir);
    match words {
        ["create", numbers @ ..] => {
            let number = |at: usize, default| numbers.get(at).map_or(Ok(default), |word| word.parse::<usize>());
            let sandbox = create(dir, &Shape::of(number(0, 12)?).with_datacenters(number(1, 1)?))?;
            say(&exports(&sandbox));
        }
        ["env"] => say(&exports(&open(dir)?)),
        ["fault", rest @ ..] => open(dir)?.inject(fault(rest)?)?,
        ["heal", rest @ ..] => open(dir)?.heal(&fault(rest)?)?,
        ["on", host] => open(dir)?.press_button(host)?,
        ["judge"] => {
            for absence in absences(dir)? {
                say(&format!("{absence:?}\n"));
            }
            let violations = judge(dir)?;
            for violation in &violations {
                say(&format!("{violation:?}\n"));
            }
            return Ok(u8::from(!violations.is_empty()));
        }
        _ => bail!("{USAGE}"),
    }
    Ok(0)
}

fn exports(sandbox: &Sandbox) -> String {
    let quoted = |value: &str| value.replace('\'', "'\\''");
    sandbox.env().iter().map(|(name, value)| format!("export {name}='{}'\n", quoted(value))).collect()
}

/// `h3 killed`, `h3 cut-from h4`, `h3 nodetool-slow 30`, or a fault as JSON.
fn fault(words: &[&str]) -> Result<Fault> {
    let json = match words {
        [json] => serde_json::from_str(json)?,
        [host, fate] => serde_json::json!({ "host": [host, fate] }),
        [host, fate, value] => match value.parse::<f64>() {
            Ok(number) => serde_json::json!({ "host": [host, { *fate: number }] }),
            Err(_) => serde_json::json!({ "host": [host, { *fate: value }] }),
        },
        _ => bail!("{USAGE}"),
    };
    serde_json::from_value(json).context("no such fault; `src/sandbox/fault.rs` lists them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Fate;

    #[test]
    fn faults_by_hand() {
        assert_eq!(fault(&["h3", "killed"]).unwrap(), Fault::on("h3", Fate::Killed));
        assert_eq!(fault(&["h3", "cut-from", "h4"]).unwrap(), Fault::on("h3", Fate::CutFrom("h4".to_owned())));
        assert_eq!(fault(&["h3", "nodetool-slow", "30"]).unwrap(), Fault::on("h3", Fate::NodetoolSlow(30.0)));
        assert!(fault(&["h3", "kiled"]).is_err());
    }
}
