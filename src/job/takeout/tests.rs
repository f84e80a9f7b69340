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
        view.answered(frame, (node, Question::Describe), answer, (asked, asked + 500), out);
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
    assert_eq!(describes(judge(&frame, &job, &view, (0, NOW), &frame.out(&job))), [4]);
    // said of a node that was not out it is a cut, and nobody is taken out upon it
    let view = told(&frame, 4, 2, &[], NOW - 5_000);
    let Takeout::Blocked { why, .. } = judge(&frame, &job, &view, (0, NOW), &frame.out(&job)) else {
        panic!("a cut was overlooked")
    };
    assert!(why.contains("cannot reach 10.77.0.12"), "{why}");
    // a node that shares nothing with it may be cut off from whomever it likes
    let view = told(&frame, 4, 1, &[1], NOW - 5_000);
    assert_eq!(describes(judge(&frame, &job, &view, (0, NOW), &frame.out(&job))), Vec::<NodeIx>::new());
}

#[test]
fn answers_that_must_be_fresh_together_are_asked_together() {
    let plan = six_hosts();
    let frame = Frame::new(&plan, Rules::default());
    let view = told(&frame, 4, 4, &[4], NOW - 5_000);
    let mut view = view;
    // one observer answered seven seconds ago, which still counts: beside the others' new answers it would not for long
    let status = Answer::Unreadable("nothing".into());
    view.answered(&frame, (2, Question::Status), status, (NOW - 7_000, NOW - 6_900), BTreeSet::new());
    let mut evidence = Evidence::new(&frame, &view, NOW, plan.poll_ms);
    assert!(evidence.read(2, Question::Status, 0).is_some() && evidence.read(3, Question::Status, 0).is_none());
    evidence.together([(2, Question::Status), (3, Question::Status)]);
    let asked: Vec<_> = evidence.needs.iter().map(|need| need.asked).collect();
    assert_eq!(asked, [(3, Question::Status), (2, Question::Status)]);
}

/// Lab: two answered at once, two were still asked about the cut between them; their old words must not count meanwhile.
#[test]
fn an_answer_that_has_not_come_yet_makes_no_old_one_count() {
    let plan = six_hosts();
    let frame = Frame::new(&plan, Rules::default());
    let job = Job::new(&plan);
    // every word is 44 s old, and took half a second
    let mut view = told(&frame, 1, 1, &[1], NOW - 44_000);
    let neighbours: Vec<NodeIx> = frame.conflicts.neighbours(0).iter().copied().collect();
    let (answered, awaited) = neighbours.split_at(neighbours.len() / 2);
    for node in answered {
        let answer = Answer::Describe(Arc::new(ClusterView::default()));
        view.answered(&frame, (*node, Question::Describe), answer, (NOW - 3_000, NOW - 1_000), BTreeSet::new());
    }
    let needs = describes(judge(&frame, &job, &view, (0, NOW), &frame.out(&job)));
    assert!(!awaited.is_empty() && awaited.iter().all(|node| needs.contains(node)), "{awaited:?} of {needs:?}");
    // where an answer takes long, so long the others' count
    let mut view = told(&frame, 1, 1, &[1], NOW - 44_000);
    for node in &neighbours {
        let answer = Answer::Describe(Arc::new(ClusterView::default()));
        let (asked, at) =
            if *node == neighbours[0] { (NOW - 26_000, NOW - 1_000) } else { (NOW - 26_000, NOW - 24_000) };
        view.answered(&frame, (*node, Question::Describe), answer, (asked, at), BTreeSet::new());
    }
    assert!(
        !describes(judge(&frame, &job, &view, (0, NOW), &frame.out(&job))).iter().any(|node| neighbours.contains(node))
    );
}

/// Every question that lasts has been answered for a take-out of node 0, so long ago.
fn all_that_lasts(frame: &Frame, job: &Job, ago: Ms) -> View {
    let mut view = told(frame, 1, 1, &[1], NOW - ago - 500);
    for node in observers_to_stay(frame, job, &view, (0, NOW), &frame.out(job)) {
        let gossip = Answer::Gossip(Arc::new(GossipView::default()));
        view.answered(frame, (node, Question::Gossip), gossip, (NOW - ago - 500, NOW - ago), BTreeSet::new());
    }
    let boot = Answer::BootId { id: "a".into(), cql_port: true };
    view.answered(frame, (0, Question::BootId), boot, (NOW - ago - 500, NOW - ago), BTreeSet::new());
    view
}

fn asked(takeout: Takeout) -> BTreeSet<Question> {
    let (Takeout::Open(needs) | Takeout::Blocked { needs, .. }) = takeout else { panic!("{takeout:?}") };
    needs.iter().map(|need| need.asked.1).collect()
}

/// Lab: with `poll: 2s` on a slow machine a host found no moment at which all answers were fresh, for 42 s.
#[test]
fn who_is_up_is_asked_when_all_that_lasts_longer_has_been_answered() {
    let plan = six_hosts();
    let frame = Frame::new(&plan, Rules::default());
    let job = Job::new(&plan);
    let judged = |view: &View| asked(judge(&frame, &job, view, (0, NOW), &frame.out(&job)));
    let nothing = judged(&View::default());
    assert!(nothing.contains(&Question::Describe) && !nothing.contains(&Question::Status), "{nothing:?}");
    let view = all_that_lasts(&frame, &job, 3_000);
    assert_eq!(judged(&view), [Question::Status].into());
    // an answer that counts for a moment more: who is up would come too late for it
    let mut view = all_that_lasts(&frame, &job, 14_500);
    assert_eq!(judged(&view), [Question::Describe, Question::BootId].into());
    // while they are on their way, nothing else
    for node in frame.conflicts.neighbours(0).iter().copied().chain(1..6) {
        view.asking((node, Question::Describe), NOW, BTreeSet::new());
    }
    view.asking((0, Question::BootId), NOW, BTreeSet::new());
    assert_eq!(judged(&view), [Question::Describe, Question::BootId].into());
    // those that are up were being asked already: that goes on
    for by in observers_to_stay(&frame, &job, &view, (0, NOW), &frame.out(&job)) {
        view.asking((by, Question::Status), NOW, BTreeSet::new());
    }
    assert_eq!(judged(&view), [Question::Status].into());
}
