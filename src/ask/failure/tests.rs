use super::*;
use std::path::Path;

fn captured(name: &str) -> Failure {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool/ssh-and-jmx-faults");
    let read = |ending: &str| std::fs::read_to_string(folder.join(format!("{name}.{ending}"))).unwrap_or_default();
    let status = read("rc").split(' ').next().unwrap().parse().unwrap();
    Failure {
        what: "nodetool status".into(),
        node: "10.0.0.3".into(),
        words: vec![],
        reason: Reason::Exit(status),
        stderr: read("err"),
        stdout: read("out"),
    }
}

#[test]
fn every_captured_fault_is_explained() {
    for (name, meaning) in [
        ("permission-denied", "without asking"),
        ("unknown-host", "the name of the host is not known"),
        ("host-key-changed", "its key is not the one that is known"),
        ("host-key-unknown", "does not know the host's key"),
        ("sshd-stopped", "nobody answers at the ssh port"),
        ("booting-sshd-not-up-yet", "nobody answers at the ssh port"),
        ("cut-off", "the host does not answer ssh"),
        ("frozen", "the host does not answer ssh"),
        ("session-cut", "the host does not answer ssh any more"),
        ("reboot-under", "closed the ssh session"),
        ("killed-by-signal", "or the command was killed there"),
        ("nodetool-not-in-path", "nodetool, or the java it needs, is not in the PATH"),
        ("nodetool-no-java", "nodetool, or the java it needs, is not in the PATH"),
        ("nodetool-not-executable", "may not be executed"),
        ("command-not-found", "the command is not in the PATH"),
        ("sudo-refused", "sudo asks for a password there"),
        ("jmx-no-password", "JMX wants a user and a password"),
        ("jmx-wrong-password", "JMX wants a user and a password"),
        ("jmx-readonly-drain", "may only read"),
    ] {
        let failure = captured(name);
        let text = failure.to_string();
        assert!(text.contains(meaning), "{name}: {text}");
        assert!(text.starts_with("`nodetool status` on 10.0.0.3: "), "{text}");
        assert!(!text.contains('\n') && !text.contains("\tat "), "one sentence: {text}");
    }
}

#[test]
fn the_line_before_a_stack_trace_is_shown() {
    let text = captured("jmx-wrong-password").to_string();
    assert!(text.ends_with("exit status 2: `error: Invalid username or password`"), "{text}");
}

#[test]
fn a_starting_node_is_told_from_a_closed_jmx_port() {
    let failure = |stderr: &str| Failure {
        what: "nodetool info".into(),
        node: "h".into(),
        words: vec![],
        reason: Reason::Exit(1),
        stderr: stderr.into(),
        stdout: String::new(),
    };
    let starting = failure(
        "Exception in thread \"main\" java.lang.IllegalArgumentException: Server is not initialized yet, cannot run nodetool.\n\tat x\n",
    );
    assert!(starting.starting() && starting.to_string().contains("still starting there"), "{starting}");
    let closed = failure("nodetool: Failed to connect to '127.0.0.1:7199' - ConnectException: 'Connection refused'.\n");
    assert!(!closed.starting() && closed.to_string().contains("does not run there"), "{closed}");
}

#[test]
fn nothing_on_standard_error_is_said_so() {
    let text = captured("killed-by-signal").to_string();
    assert!(text.ends_with("exit status 255, and nothing on standard error"), "{text}");
    let mut usage = captured("killed-by-signal");
    usage.reason = Reason::Exit(1);
    usage.stdout = "nodetool: Found unexpected command: cfstats\nSee 'nodetool help'\n".into();
    assert!(usage.to_string().ends_with("exit status 1: `nodetool: Found unexpected command: cfstats`"), "{usage}");
}
