//! A plan file is read back exactly, and anything else is refused with a sentence.

use super::*;
use crate::plan::samples;

fn text() -> String {
    write(&seal(samples::six_hosts(), Estimate::default()))
}

fn refusal(text: &str) -> String {
    let error = read(text.as_bytes()).expect_err("must be refused");
    assert!(error.help.is_some(), "every refusal says what to type next");
    error.message
}

#[test]
fn written_and_read_is_the_same() {
    let file = seal(samples::six_hosts(), Estimate::default());
    assert_eq!(read(write(&file).as_bytes()).unwrap(), file);
    assert_eq!(write(&read(text().as_bytes()).unwrap()), text());
}

#[test]
fn the_hash_is_over_the_plan_alone() {
    let mut file = seal(samples::six_hosts(), Estimate::default());
    assert!(file.hash.starts_with("sha256:") && file.hash.len() == 7 + 64);
    file.estimate.lower_bound = 9;
    assert!(read(write(&file).as_bytes()).is_ok(), "an estimate is for the eye");
    assert_ne!(hash(&Plan { max_failures: 3, ..samples::six_hosts() }), file.hash);
}

#[test]
fn the_hash_does_not_depend_on_how_objects_are_ordered() {
    let mut plan = samples::six_hosts();
    plan.params.insert("map".into(), serde_json::json!({"b": 1, "a": 2}));
    let one = hash(&plan);
    plan.params.insert("map".into(), serde_json::json!({"a": 2, "b": 1}));
    assert_eq!(hash(&plan), one);
}

#[test]
fn an_edit_by_hand_is_seen() {
    let edited = text().replacen("\"max-hosts\": 10", "\"max-hosts\": 60", 1);
    assert_ne!(edited, text());
    assert!(refusal(&edited).contains("was changed after it was made"), "{}", refusal(&edited));
    let forged = text().replacen("\"hash\": \"sha256:", "\"hash\": \"sha256:00", 1);
    assert!(refusal(&forged).contains("was changed after it was made"));
}

#[test]
fn a_forged_hash_does_not_get_past_the_lint() {
    let mut plan = samples::six_hosts();
    plan.steps[3].stable = 0;
    assert!(refusal(&write(&seal(plan, Estimate::default()))).contains("would hold without being asked"));
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let text = text();
    for end in [1, text.len() / 3, text.len() - 3] {
        assert!(refusal(&text[..end]).contains("cut off"), "{}", refusal(&text[..end]));
    }
    assert!(refusal("").contains("empty"));
    assert!(refusal("\n  ").contains("empty"));
}

#[test]
fn a_newer_version_names_both() {
    let newer = text().replacen("\"version\": 2", "\"version\": 3", 1).replacen("\"name\"", "\"nom\"", 1);
    assert_eq!(refusal(&newer), "the plan has version 3, this rollbook reads version 2");
}

#[test]
fn what_is_no_plan() {
    assert!(refusal("{}").contains("`plan.version` is missing"));
    assert!(refusal("[1, 2]").contains("`plan.version` is missing"));
    assert!(refusal("rollbook: 1").contains("not JSON"));
    assert!(read(b"{\"a\": \"\xff\"}").unwrap_err().message.contains("not UTF-8 (byte 7)"));
    let unknown = text().replacen("\"max-hosts\"", "\"max-host\"", 1);
    assert!(refusal(&unknown).contains("unknown field `max-host`"), "{}", refusal(&unknown));
    let missing = text().replacen("\"max-hosts\": 10,", "", 1);
    assert!(refusal(&missing).contains("max-hosts") || refusal(&missing).contains("changed"), "{}", refusal(&missing));
}
