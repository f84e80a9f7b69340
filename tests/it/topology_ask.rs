//! Calls as real processes: bounded in time, in bytes and in number, and nothing is left of them.

use rollbook::ask::{Asker, NodeWords, Reason};
use rollbook::job::event::Question;
use rollbook::job::view::Answer;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A node whose nodetool is a shell text; `$1` is the first word of the question.
fn node(script: &str) -> NodeWords {
    let list = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
    NodeWords {
        name: "10.0.0.1".into(),
        ssh: list(&["sh", "-c", script, "ssh"]),
        nodetool: list(&["sh", "-c", script, "nodetool", "‹args›"]),
    }
}

fn asker(script: &str) -> Asker {
    Asker::new(vec![node(script)], BTreeMap::new())
}

async fn reason(script: &str) -> Reason {
    asker(script).nodetool(0, &["status"]).await.unwrap_err().reason
}

fn memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

#[tokio::test]
async fn words_environment_and_standard_input() {
    let asker = Asker::new(
        vec![node("echo \"$1 $2|$LC_ALL|$SSH_ASKPASS_REQUIRE|$MINE\"; cat; echo warned >&2")],
        BTreeMap::from([("MINE".into(), "mine".into())]),
    );
    let output = asker.nodetool(0, &["describering", "a b; $HOME"]).await.unwrap();
    assert_eq!(output.text, "describering a b; $HOME|C.UTF-8|never|mine\n", "no shell reads the words again");
}

#[tokio::test]
async fn the_path_given_is_the_one_that_is_searched() {
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/echo", home.path().join("only-here")).unwrap();
    let words = NodeWords { name: "h".into(), ssh: vec![], nodetool: vec!["only-here".into(), "‹args›".into()] };
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    let env = BTreeMap::from([("PATH".to_string(), path)]);
    let output = Asker::new(vec![words.clone()], env).nodetool(0, &["x"]).await.unwrap();
    assert_eq!(output.text, "x\n");
    let failure = Asker::new(vec![words], BTreeMap::new()).nodetool(0, &["x"]).await.unwrap_err();
    assert_eq!(failure.to_string(), "`nodetool x` on h: there is no program `only-here` in the PATH of this machine");
}

#[tokio::test]
async fn an_exit_status_other_than_0_is_no_answer_whatever_was_printed() {
    let good = "cat \"$0\"; exit 3";
    assert_eq!(reason(good).await, Reason::Exit(3));
    assert_eq!(reason("kill -9 $$").await, Reason::Signal(9));
    let Answer::Unreadable(sentence) = asker("echo Mode: NORMAL; exit 1").ask(0, Question::Mode).await.answer else {
        panic!("an answer")
    };
    assert_eq!(sentence, "`nodetool netstats` on 10.0.0.1: exit status 1: `Mode: NORMAL`");
}

#[tokio::test]
async fn silence_with_exit_status_0_is_no_answer() {
    for question in [Question::Status, Question::Gossip, Question::Describe, Question::Info, Question::Mode] {
        let Answer::Unreadable(sentence) = asker("true").ask(0, question).await.answer else { panic!("{question:?}") };
        assert!(sentence.contains("it printed nothing"), "{sentence}");
    }
    let Answer::Unreadable(sentence) = asker("true").ask(0, Question::BootId).await.answer else { panic!("a boot id") };
    assert_eq!(sentence, "10.0.0.1 gave `` where a boot id was expected");
}

#[tokio::test]
async fn output_that_is_no_text_is_shown_as_bytes() {
    let reason = reason("printf 'one\\ntwo \\377\\200 x\\n'").await;
    assert_eq!(reason, Reason::NotUtf8 { line: 2, text: "two \\xff\\x80 x".into() });
}

#[tokio::test]
async fn endless_output_is_ended_and_takes_no_memory() {
    let before = memory_mib();
    let started = Instant::now();
    assert_eq!(reason("exec yes").await, Reason::TooMuch(64 << 20));
    assert!(started.elapsed() < Duration::from_secs(25), "ended by its size, not by the deadline");
    let errors = "yes >&2 & yes_pid=$!; sleep 1; kill $yes_pid; echo out";
    assert_eq!(asker(errors).nodetool(0, &["x"]).await.unwrap().text, "out\n", "standard error is read and dropped");
    let grown = memory_mib().saturating_sub(before);
    assert!(grown < 250, "{grown} MiB more");
}

#[tokio::test]
async fn a_deadline_ends_the_whole_group() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pid");
    let script = format!("sleep 300 & echo $! > {}; echo half; wait", file.display());
    let asker = asker(&script).deadline(Duration::from_millis(500));
    let failure = asker.nodetool(0, &["status"]).await.unwrap_err();
    assert_eq!(failure.reason, Reason::TimedOut(Duration::from_millis(500)));
    assert_eq!(failure.stdout, "half\n");
    gone(&file).await;
}

#[tokio::test]
async fn a_question_given_up_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pid");
    let script = format!("sleep 300 & echo $! > {}; wait", file.display());
    let asker = asker(&script);
    let started = Instant::now();
    while !file.exists() || std::fs::read_to_string(&file).unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20));
        let _ = tokio::time::timeout(Duration::from_millis(300), asker.nodetool(0, &["status"])).await;
    }
    gone(&file).await;
}

#[tokio::test]
async fn what_holds_the_pipe_after_the_end_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pid");
    let started = Instant::now();
    let output = asker(&format!("sleep 300 & echo $! > {}; echo said", file.display())).nodetool(0, &["x"]).await;
    assert_eq!(output.unwrap().text, "said\n");
    assert!(started.elapsed() < Duration::from_secs(10));
    gone(&file).await;
}

/// Waits until the process named in the file exists no more.
async fn gone(file: &Path) {
    let pid = std::fs::read_to_string(file).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let started = Instant::now();
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(started.elapsed() < Duration::from_secs(10), "{pid} lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_call_at_a_node_and_sixteen_in_all() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().display();
    // Each call makes a file of its node while it runs, and says how many there are in all.
    let words = (0..24).map(|n| {
        let script = format!("mkdir {dir}/{n} || exit 7; ls {dir} | wc -l; sleep 0.2; rmdir {dir}/{n}");
        node(&script)
    });
    let asker = Arc::new(Asker::new(words.collect(), BTreeMap::new()));
    let mut calls = tokio::task::JoinSet::new();
    for turn in 0..72 {
        let asker = asker.clone();
        calls.spawn(async move { asker.nodetool(turn % 24, &["x"]).await });
    }
    let mut most = 0;
    while let Some(call) = calls.join_next().await {
        let output = call.unwrap().unwrap_or_else(|failure| panic!("two calls at one node: {failure}"));
        most = most.max(output.text.trim().parse().unwrap());
    }
    assert!(most <= 16, "{most} at a time");
    assert!(most > 4, "they do run side by side: {most}");
}

#[tokio::test]
async fn the_age_counts_from_the_start_of_the_process_not_of_the_queue() {
    let asker = Arc::new(asker("sleep 0.4; echo Mode: NORMAL"));
    let (a, b) = tokio::join!(asker.ask(0, Question::Mode), asker.ask(0, Question::Mode));
    let (first, second) = if a.asked <= b.asked { (a, b) } else { (b, a) };
    assert!(second.asked >= first.at, "{} {}", second.asked, first.at);
    assert!(second.at >= second.asked + 300);
}
