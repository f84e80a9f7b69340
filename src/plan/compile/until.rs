//! `until` as the first step of every host: is it already as it shall be?

use crate::playbook::defaults;
use crate::playbook::model::{Access, Command, Goal, OnFailure, Step, StepKind, Word};
use crate::playbook::{duration, template};
use std::collections::BTreeMap;

pub fn step(goal: &Goal, access: &Access) -> Step {
    let (command, expect, message) = match goal {
        Goal::Command(command) => (command.clone(), None, "its command says that it is done".to_owned()),
        Goal::Release(word) => {
            let word = template::literally(word);
            let pattern = Word { template: format!("^ReleaseVersion: {}\\s*$", word.template), ..word };
            (defaults::with_args(&access.nodetool, "version"), Some(pattern), "it runs the release already".to_owned())
        }
        Goal::BootedAfter(second) => {
            // a far POSIX shell reads the machine's boot time; the words are all our own
            let btime = "$(sed -n 's/^btime //p' /proc/stat)";
            let words = ["{{ cluster.ssh }}", "{{ host }}", "test", btime, "-gt", &second.to_string()];
            (Command::of(&words), None, format!("it booted after {}", duration::moment(*second)))
        }
    };
    Step {
        kind: StepKind::Until,
        name: "until".to_owned(),
        when: None,
        timeout: defaults::timeout(StepKind::Until),
        span: command.span,
        command: Some(command),
        script: None,
        env: BTreeMap::new(),
        ok_exit: vec![0],
        expect,
        register: None,
        retries: None,
        scope: None,
        message: Some(message),
        poll: defaults::POLL,
        stable: 1,
        probe: None,
        undo: None,
        idempotent: false,
        takes_down: defaults::takes_down(StepKind::Until),
        on_failure: OnFailure::Stop,
        on_timeout: OnFailure::Stop,
        pause: None,
    }
}
