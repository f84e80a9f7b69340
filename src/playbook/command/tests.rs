use super::*;

fn words(text: &str) -> Vec<String> {
    split(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).words.into_iter().map(|word| word.template).collect()
}

fn refusal(text: &str) -> String {
    split(text).expect_err(text).message
}

#[test]
fn words_are_split_as_a_posix_shell_does() {
    assert_eq!(words("rsync -e ssh  -t a.yaml"), ["rsync", "-e", "ssh", "-t", "a.yaml"]);
    assert_eq!(words(r#"a 'b c' "d e"f g\ h '' "x\"y\\z\n""#), ["a", "b c", "d ef", "g h", "", "x\"y\\z\\n"]);
    assert_eq!(words("a \\\n  b\n"), ["a", "b"]);
}

#[test]
fn a_template_is_never_split_and_its_places_are_kept() {
    let command = split("ssh {{ host }} --rack='{{ host.rack }}/x y' \"{{ \"a }} b\" }}\"").unwrap();
    let templates: Vec<_> = command.words.iter().map(|word| word.template.as_str()).collect();
    assert_eq!(templates, ["ssh", "{{ host }}", "--rack={{ host.rack }}/x y", "{{ \"a }} b\" }}"]);
    assert_eq!(command.words[1].span, Span::new(4, 14));
    assert_eq!(command.words[1].holes, [Span::new(6, 12)]);
    assert_eq!(command.words[2].holes.len(), 1);
}

#[test]
fn what_only_a_shell_understands_is_refused() {
    for (text, found) in [
        ("cat x | grep y", "|"),
        ("a && b", "&"),
        ("a; b", ";"),
        ("a > b", ">"),
        ("a < b", "<"),
        ("echo `id`", "`"),
        ("echo $(id)", "$("),
        ("echo \"$(id)\"", "$("),
        ("echo $HOME", "$"),
        ("echo \"${HOME}\"", "$"),
        ("& reboot", "&"),
    ] {
        assert!(refusal(text).starts_with(&format!("`{found}` is for a shell")), "{text}: {}", refusal(text));
    }
    assert_eq!(words("echo 'a | b' \"c;d\" \\& '$x' 5$"), ["echo", "a | b", "c;d", "&", "$x", "5$"]);
}

#[test]
fn a_far_shell_may_have_its_characters() {
    assert_eq!(words("ssh h cat /etc/x | wc -l; id"), ["ssh", "h", "cat", "/etc/x", "|", "wc", "-l;", "id"]);
    assert_eq!(words("{{ cluster.ssh }} {{host}} a>b $(id)"), ["{{ cluster.ssh }}", "{{host}}", "a>b", "$(id)"]);
    assert_eq!(words("/usr/bin/ssh h a|b"), ["/usr/bin/ssh", "h", "a|b"]);
}

#[test]
fn a_last_word_ampersand_is_the_background() {
    let command = split("ssh {{ host }} sudo reboot &").unwrap();
    assert!(command.background);
    assert_eq!(command.words.len(), 4);
    assert!(split("reboot-it &").unwrap().background);
    assert!(!split("echo '&'").unwrap().background);
    assert_eq!(refusal("&"), "a command without a word: there is nothing to run");
}

#[test]
fn broken_commands_are_refused() {
    assert_eq!(refusal("  "), "a command without a word: there is nothing to run");
    assert_eq!(refusal("echo 'x"), "a quote that is never closed");
    assert_eq!(refusal("echo \"x"), "a quote that is never closed");
    assert_eq!(refusal("echo {{ host"), "`{{` without `}}`");
    assert_eq!(refusal("a\nb"), "a command is one line");
    assert_eq!(refusal("a \\"), "a `\\` with nothing after it");
    assert!(refusal("a {% if x %}").starts_with("`{%` has no meaning"));
    assert!(refusal("a '{'{# x").starts_with("`{{` has no meaning"));
    assert!(refusal("a '{''%'").starts_with("`{%` has no meaning"));
    assert_eq!(refusal("a '{'{{ host }}"), "a `{` right before a `{{`");
    assert!(refusal("echo ‹run.id›").contains("`‹` may not stand"));
    assert!(refusal("echo {{ \"‹run.id›\" | word }}").contains("may not stand"));
    assert_eq!(refusal("echo \u{1b}[0m"), "a control character in a command");
}

#[test]
fn joining_gives_the_text_that_splits_into_the_same_words() {
    for text in ["a 'b c' d", "ssh h a | b", "x '' {{ host }}'q q'", "a \"it's\"", "ssh {{ host }} reboot &", "b\\\nc"]
    {
        let first = split(text).unwrap();
        let again = split(&join(&first)).unwrap();
        let bare = |command: &Command| command.words.iter().map(|w| w.template.clone()).collect::<Vec<_>>();
        assert_eq!((bare(&first), first.background), (bare(&again), again.background), "{text} → {}", join(&first));
    }
}

#[test]
fn exec_puts_the_address_for_empty_braces_and_leaves_other_braces_alone() {
    let words = |text: &str| from_exec(text).unwrap().words.into_iter().map(|w| w.template).collect::<Vec<_>>();
    assert_eq!(words("ssh ubuntu@{} hostname"), ["ssh", "ubuntu@{{ host.address }}", "hostname"]);
    assert_eq!(words("hostname"), ["hostname"]);
    assert_eq!(words("f '{{.Names}}'"), ["f", "{{ \"{\" | word }}{.Names}}"]);
    assert_eq!(words("f {{}}"), ["f", "{{ \"{\" | word }}{{ host.address }}}"]);
    assert!(from_exec("ssh {} sudo reboot &").unwrap().background);
}
