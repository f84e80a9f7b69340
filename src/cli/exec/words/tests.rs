use super::*;

fn takes_value(word: &str) -> bool {
    ["--ssh-identity-file", "--ssh-username", "-j", "--strategy", "--home"].contains(&word)
}

fn rewritten(line: &[&str]) -> Result<Vec<String>, Misuse> {
    let words: Vec<String> = line.iter().map(|w| (*w).to_owned()).collect();
    rewrite(&words, &takes_value)
}

#[track_caller]
fn becomes(line: &[&str], expected: &[&str]) {
    assert_eq!(rewritten(line).unwrap(), expected);
}

#[test]
fn every_command_line_of_cstarpars_documentation() {
    becomes(&["--seed-host", "H", "hostname"], &["--seed-host=H", "--", "hostname"]);
    becomes(&["--seed-host", "H", "ssh {} hostname"], &["--seed-host=H", "--", "ssh {} hostname"]);
    becomes(&["--seed-host", "H", "--", "ssh {} sudo reboot &"], &["--seed-host=H", "--", "ssh {} sudo reboot &"]);
    becomes(
        &["--seed-host", "H", "--", "bash /absolute/path/to/script {}"],
        &["--seed-host=H", "--", "bash /absolute/path/to/script {}"],
    );
    becomes(
        &["--seed-host", "H", "--ssh-identity-file=KEY", "--ssh-username", "ubuntu", "ssh -o A=no ubuntu@{} hostname"],
        &[
            "--seed-host=H",
            "--ssh-identity-file=KEY",
            "--ssh-username",
            "ubuntu",
            "--",
            "ssh -o A=no ubuntu@{} hostname",
        ],
    );
}

#[test]
fn several_hosts_go_on_to_the_next_option() {
    becomes(
        &["--seed-host", "a", "b", "-j", "2", "hostname"],
        &["--seed-host=a", "--seed-host=b", "-j", "2", "--", "hostname"],
    );
    becomes(&["--seed-host", "a", "b", "hostname"], &["--seed-host=a", "--seed-host=b", "--", "hostname"]);
    becomes(&["hostname", "--seed-host", "a", "b"], &["--seed-host=a", "--seed-host=b", "--", "hostname"]);
    becomes(
        &["--seed-host", "a", "--host", "b", "c", "--", "hostname"],
        &["--seed-host=a", "--host=b", "--host=c", "--", "hostname"],
    );
    becomes(&["--seed-host=a", "hostname"], &["--seed-host=a", "--", "hostname"]);
    becomes(&["--strategy", "one", "--seed-host", "::1", "-"], &["--strategy", "one", "--seed-host=::1", "--", "-"]);
}

#[test]
fn words_after_two_dashes_are_the_command_as_they_are() {
    becomes(
        &["--seed-host", "H", "--", "ssh", "-o", "A=b", "{}", "--", "x"],
        &["--seed-host=H", "--", "ssh", "-o", "A=b", "{}", "--", "x"],
    );
}

#[test]
fn a_line_without_a_command_teaches() {
    assert!(rewritten(&["--seed-host", "H"]).unwrap_err().help.contains("after `--`"));
    assert!(rewritten(&["--seed-host", "H", "--"]).unwrap_err().message.contains("not told what to run"));
    // The command was swallowed as a host, because an option follows it.
    let swallowed = rewritten(&["--seed-host", "H", "ssh {} hostname", "--verbose"]).unwrap_err();
    assert!(swallowed.message.contains("is no host"), "{}", swallowed.message);
    assert!(rewritten(&["--seed-host", "H", "-j", "2", "ssh", "{}"]).unwrap_err().message.contains("both `ssh` and"));
    assert!(rewritten(&["true", "--seed-host", "H", "--", "false"]).is_err());
}

#[test]
fn help_needs_no_command() {
    becomes(&["--help"], &["--help"]);
}
