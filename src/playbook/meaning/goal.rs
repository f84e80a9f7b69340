//! What a step is expected to say, how often it is tried, when a host is done already, and who goes first.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{First, Goal, Retries, Step, TakesDown, Then, Word};
use crate::playbook::template::{Scope, render_pattern};
use crate::playbook::{defaults, guess, written};

impl Reading<'_> {
    /// A regular expression with values in it, compiled once with sample values.
    pub(super) fn expect(&mut self, path: &str, written: &str) -> Word {
        let before = self.findings.len();
        let word = self.word(path, Scope::Step, written);
        if self.findings.len() > before {
            return word;
        }
        let samples = &self.samples;
        match render_pattern(&word, &samples.host, &samples.cluster, &samples.params) {
            Err(finding) => self.findings.push(finding),
            Ok(pattern) => {
                if let Err(error) = crate::playbook::pattern(&pattern) {
                    let why =
                        error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    let finding = Diagnostic::error(format!("`expect` is no regular expression: {why}"));
                    self.find(
                        path,
                        finding.help("a character with a meaning of its own is written with `\\` before it"),
                    );
                }
            }
        }
        word
    }

    pub(super) fn retries(&mut self, path: &str, written: &written::Retries) -> Retries {
        let delay = match &written.delay {
            Some(text) => self.duration(&format!("{path}.delay"), text),
            None => defaults::RETRY_DELAY,
        };
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Retries { times: written.times, delay_ms, backoff: written.backoff.unwrap_or(1) }
    }

    /// A `verify` is asked again and again: what takes a host away has no place in it.
    pub(super) fn only_looks(&mut self, step: &Step) {
        let words = step.command.as_ref().and_then(|command| self.samples.words(command).ok()).unwrap_or_default();
        let (takes, why) = guess::takes_down(&words, step.script.as_deref());
        if matches!(takes, TakesDown::Restart | TakesDown::Reboot) {
            let error = Diagnostic::error(format!("`verify` only looks, and this takes the host away: {why}"));
            self.findings.push(error.at(step.span).help("write it as a `run` with `takes-down`, then `wait-up`"));
        }
    }

    pub(super) fn goal(&mut self, written: Option<written::Goal>) -> Option<Goal> {
        let written = written?;
        let given = [written.command.is_some(), written.release.is_some(), written.booted_after.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            let error = Diagnostic::error("`until` names exactly one goal");
            self.find("until", error.help("write one of `command`, `release`, `booted-after` under it"));
            return None;
        }
        if let Some(command) = written.command {
            return Some(Goal::Command(self.command("until.command", Scope::Step, &command.0)));
        }
        if let Some(release) = written.release {
            return Some(Goal::Release(self.word("until.release", Scope::Step, &release.0)));
        }
        let text = written.booted_after.map(|text| text.0).unwrap_or_default();
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Some(Goal::BootedAfter(time.as_second())),
            Err(_) => {
                let error = Diagnostic::error(format!("`{text}` is no time with its zone"));
                self.find("until.booted-after", error.help("write it as `2026-11-24T00:00:00Z`"));
                None
            }
        }
    }

    pub(super) fn first(&mut self, hosts: Option<u32>, then: Option<Then>) -> Option<First> {
        match (hosts, then) {
            (Some(hosts), then) => Some(First { hosts, then: then.unwrap_or(Then::Ask) }),
            (None, Some(_)) => {
                let error = Diagnostic::error("`then` says what follows the canary, and there is none");
                self.find("then", error.help("say how many hosts go first: `first: 1`"));
                None
            }
            (None, None) => None,
        }
    }
}
