//! What is waited for, as lines.

use super::incident::{address, step_name};
use super::time::duration;
use crate::job::event::Ms;
use crate::job::waiting::Waiting;
use crate::plan::model::Plan;

/// `10.77.0.11 wait-up waits for …, asked 10.77.0.12, for 12s, at most 29m 48s more`
pub fn line(plan: &Plan, wait: &Waiting, now: Ms) -> String {
    let mut line = match (wait.host, wait.step) {
        (Some(host), Some(step)) => {
            format!("{} {} waits for {}", address(plan, host), step_name(plan, step), wait.what)
        }
        (Some(host), None) => format!("{} waits for {}", address(plan, host), wait.what),
        (None, _) => format!("waiting for {}", wait.what),
    };
    if !wait.asked.is_empty() {
        let asked: Vec<String> = wait.asked.iter().map(|node| plan.nodes[*node].address.to_string()).collect();
        line += &format!(" (asked: {})", asked.join(", "));
    }
    line += &format!(", for {}", duration(now.saturating_sub(wait.since)));
    match wait.deadline {
        Some(deadline) if deadline > now => line + &format!(", at most {} more", duration(deadline - now)),
        Some(_) => line + ", its time is over",
        None => line,
    }
}
