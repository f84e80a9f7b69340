//! Checks that compare a number of a node with a bound: compactions, repairs, hints, room on the disk.

use super::event::{Measure, Ms, Question};
use super::evidence::Evidence;
use super::rules::{Frame, unreadable};
use super::view::Answer;
use crate::plan::model::NodeIx;
use crate::playbook::check_word;
use crate::playbook::model::{Check, Demand, Severity};
use std::collections::BTreeSet;

/// Such a number changes slowly; an answer counts so long.
const AGE_MS: Ms = 60_000;

/// What is not as demanded, with severity `warn`. `Ok(None)`: something is still to be asked.
pub(super) type Judged = Result<Option<Vec<String>>, String>;

/// Judges demands. `host`: about this node, and for hints and repairs those that share ranges with it; None: about every node.
///
/// # Errors
/// The first demand of severity `stop` that does not hold, or cannot be read.
pub(super) fn judge(
    frame: &Frame,
    evidence: &mut Evidence,
    demands: &[Demand],
    host: Option<NodeIx>,
    nodes: &BTreeSet<NodeIx>,
) -> Judged {
    let (mut complete, mut warnings, mut wrong) = (true, Vec::new(), None);
    for demand in demands {
        let measure = measure(demand.check);
        let asked: Vec<NodeIx> = match host {
            // a repair shows at the node that coordinates it, which is one of the range's replicas
            Some(host) if !matches!(measure, Measure::Hints | Measure::Repairs) => vec![host],
            _ => nodes.iter().copied().collect(),
        };
        for node in asked {
            let question = Question::Measure(measure);
            let Some(heard) = evidence.read_within(node, question, 0, AGE_MS) else {
                complete = false;
                continue;
            };
            let Some(why) = why_not(demand, &heard.answer, frame.address(node).to_string()) else { continue };
            if demand.severity == Severity::Warn {
                warnings.push(why);
                continue;
            }
            evidence.again(node, question);
            wrong = wrong.or(Some(why));
        }
    }
    match wrong {
        Some(why) => Err(why),
        None => Ok(complete.then_some(warnings)),
    }
}

fn measure(check: Check) -> Measure {
    match check {
        Check::NoRepair => Measure::Repairs,
        Check::HintsDrained => Measure::Hints,
        Check::DiskHeadroom => Measure::DiskFree,
        _ => Measure::PendingCompactions,
    }
}

fn why_not(demand: &Demand, answer: &Answer, address: String) -> Option<String> {
    let (check, bound) = (check_word(demand.check), demand.bound);
    let Answer::Number(number) = answer else {
        return Some(format!("{check}: {}", unreadable(answer)));
    };
    match demand.check {
        Check::DiskHeadroom if *number < bound => {
            Some(format!("{check}: {number} % of the disk of {address} are free, {bound} % are demanded"))
        }
        Check::DiskHeadroom => None,
        _ if *number <= bound => None,
        Check::NoRepair => Some(format!("{check}: {address} works on a repair ({number} tasks)")),
        Check::HintsDrained => Some(format!("{check}: {address} holds hints for {number} nodes")),
        _ => Some(format!("{check}: {number} compactions wait on {address}, {bound} are allowed")),
    }
}
