use super::*;
use crate::job::rules::Rules;
use crate::plan::samples::six_hosts;
use crate::topology::nodetool::ClusterView;
use std::sync::Arc;

const NOW: Ms = 1_000_000;

/// Every node but the first was asked whom it cannot reach; the one at `by` named `named` while `out` were out.
fn told(frame: &Frame, by: NodeIx, named: NodeIx, out: &[NodeIx], asked: Ms) -> View {
    let mut view = View::default();
    for node in 1..6 {
        let unreachable = if node == by { [frame.address(named)].into() } else { Default::default() };
        let answer = Answer::Describe(Arc::new(ClusterView { unreachable, ..ClusterView::default() }));
        let out = if node == by { out.iter().copied().collect() } else { BTreeSet::new() };
        view.answered((node, Question::Describe), answer, asked, asked + 500, out);
    }
    view
}

fn describes(takeout: Takeout) -> Vec<NodeIx> {
    let (Takeout::Open(needs) | Takeout::Blocked { needs, .. }) = takeout else { panic!("{takeout:?}") };
    needs.iter().filter(|need| need.asked.1 == Question::Describe).map(|need| need.asked.0).collect()
}

#[test]
fn who_named_a_node_while_it_was_out_is_asked_anew_once_it_is_back() {
    let plan = six_hosts();
    let frame = Frame::new(&plan, Rules::default());
    let job = Job::new(&plan);
    // node 2 was out when 4 said that it cannot reach it: that says nothing of whether 4 reaches it now
    let view = told(&frame, 4, 2, &[2], NOW - 5_000);
    assert_eq!(describes(judge(&frame, &job, &view, 0, NOW)), [4]);
    // said of a node that was not out it is a cut, and nobody is taken out upon it
    let view = told(&frame, 4, 2, &[], NOW - 5_000);
    let Takeout::Blocked { why, .. } = judge(&frame, &job, &view, 0, NOW) else { panic!("a cut was overlooked") };
    assert!(why.contains("cannot reach 10.77.0.12"), "{why}");
    // a node that shares nothing with it may be cut off from whomever it likes
    let view = told(&frame, 4, 1, &[1], NOW - 5_000);
    assert_eq!(describes(judge(&frame, &job, &view, 0, NOW)), Vec::<NodeIx>::new());
}

#[test]
fn answers_that_must_be_fresh_together_are_asked_together() {
    let plan = six_hosts();
    let frame = Frame::new(&plan, Rules::default());
    let view = told(&frame, 4, 4, &[4], NOW - 5_000);
    let mut view = view;
    // one observer answered seven seconds ago, which still counts: beside the others' new answers it would not for long
    let status = Answer::Unreadable("nothing".into());
    view.answered((2, Question::Status), status, NOW - 7_000, NOW - 6_900, BTreeSet::new());
    let mut evidence = Evidence::new(&frame, &view, NOW, plan.poll_ms);
    assert!(evidence.read(2, Question::Status, 0).is_some() && evidence.read(3, Question::Status, 0).is_none());
    evidence.together([(2, Question::Status), (3, Question::Status)]);
    let asked: Vec<_> = evidence.needs.iter().map(|need| need.asked).collect();
    assert_eq!(asked, [(3, Question::Status), (2, Question::Status)]);
}
