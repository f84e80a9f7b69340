//! Outputs where cstarpar's users look for them: `DIR/HOST/{out,err,status}`, and on the screen with `-v`.

use crate::job::event::End;
use crate::job::view::Task;
use crate::plan::model::Plan;
use crate::store::attempt;
use anyhow::Context as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Puts the files of each host's command below `into` too. Links where the file system can (outputs may be
/// large), else copies.
pub fn keep(plan: &Plan, run_folder: &Path, into: &Path) -> anyhow::Result<()> {
    for (address, from) in commands(plan, run_folder) {
        let to = into.join(&address);
        fs::create_dir_all(&to).with_context(|| format!("cannot write `{}`", to.display()))?;
        for name in ["out", "err"] {
            let (from, to) = (from.join(name), to.join(name));
            if !from.exists() {
                continue;
            }
            let _ = fs::remove_file(&to);
            if fs::hard_link(&from, &to).is_err() {
                fs::copy(&from, &to).with_context(|| format!("cannot write `{}`", to.display()))?;
            }
        }
        if let Some(end) = attempt::status(&from).with_context(|| format!("in `{}`", from.display()))? {
            // A bare number, as cstarpar writes it; where there is none, what happened.
            let text = match end {
                End::Exit { status } => status.to_string(),
                other => other.words(),
            };
            fs::write(to.join("status"), text)?;
        }
    }
    Ok(())
}

/// Address and folder of the last attempt at each host's command that has one.
fn commands(plan: &Plan, run_folder: &Path) -> Vec<(String, PathBuf)> {
    let attempt = |host, attempt| {
        let folder = run_folder.join(attempt::folder(plan, Task::Step { host, step: 0, attempt }, 1));
        folder.is_dir().then_some(folder)
    };
    let last = |host| (1..).map_while(|number| attempt(host, number)).last();
    let address = |host: usize| plan.nodes[plan.hosts[host].node].address.to_string();
    (0..plan.hosts.len()).filter_map(|host| Some((address(host), last(host)?))).collect()
}

/// The beginning of what each host's command printed.
pub fn show(plan: &Plan, run_folder: &Path) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    for (address, from) in commands(plan, run_folder) {
        for name in ["out", "err"] {
            let Some(text) = beginning(&from.join(name)) else { continue };
            for line in text.lines() {
                writeln!(stdout, "{address} {name}: {line}")?;
            }
        }
    }
    Ok(())
}

/// At most so many bytes a file are shown: one host may have printed 300 MB.
const SHOWN: u64 = 64 << 10;

fn beginning(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(SHOWN).read_to_end(&mut bytes).ok()?;
    if bytes.is_empty() {
        return None;
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if bytes.len() as u64 == SHOWN {
        text += &format!("\n… more in {}", path.display());
    }
    Some(text)
}
