//! What becomes of a text that wants to be more than a text: a table of attacks, each with its place and its end.
//!
//! `Refused`: nothing is planned, and the message says which text it was. `Shown`: it is there, as a text, and neither a
//! terminal, a far shell, Markdown nor HTML takes it for anything else.

use crate::desk::{Desk, expect};
use crate::sandbox::Said;
use rollbook::sandbox::Shape;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Refused,
    Shown,
}
use End::{Refused, Shown};

/// A text, and what becomes of it as a name that comes from the cluster.
const NAMES: &[(&str, &str, End)] = &[
    ("a terminal's escape", "orders\u{1b}[2J", Refused),
    ("the same in one character", "orders\u{9b}31m", Refused),
    ("a line of its own", "orders\nwave 1 is safe", Refused),
    ("text turned round", "orders\u{202e}sredro", Shown),
    ("an invisible character", "or\u{200b}ders", Shown),
    ("a tag", "<script>alert(1)</script>", Shown),
    ("an attribute's end", "x\" onload=\"alert(1)", Shown),
    ("a table's next cell", "a | 0 waves | b", Shown),
    ("a link", "[a](javascript:alert(1))", Shown),
    ("an image from elsewhere", "![a](http://192.0.2.1/x)", Shown),
    ("a fence's end", "a``` b", Shown),
    ("somebody's name", "@everybody", Shown),
    ("a command in a command", "$(touch pwned)", Shown),
    ("a quote's end", "';touch pwned;'", Shown),
    ("an option", "-oProxyCommand=touch_pwned", Shown),
    ("a hole of the plan", "‹run.id›", Shown),
    ("a template", "{{ params.x }}", Shown),
];

fn snapshot(desk: &Desk) -> String {
    let path = desk.path("snapshot.json").display().to_string();
    expect(desk.rollbook(&["topology", "--sandbox=6", "--out", &path]), 0, &[]);
    std::fs::read_to_string(&path).unwrap()
}

/// No character that a terminal would follow.
fn calm(what: &str, text: &str) {
    let steers = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    let found: Vec<char> = text.chars().filter(steers).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
}

fn both(said: &Said) -> String {
    format!("{}{}", said.out, said.err)
}

/// Tags and attributes of a page or a picture, as a reader of XML sees them.
fn tags(text: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for part in text.split('<').skip(1) {
        let (mut quoted, mut tag) = (false, String::new());
        for c in part.chars() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => break,
                _ => {}
            }
            tag.push(c);
        }
        tags.push(tag.split_whitespace().next().unwrap_or_default().to_owned());
    }
    tags.sort();
    tags.dedup();
    tags
}

#[test]
fn a_name_from_the_cluster_is_a_text_or_refused() {
    let desk = Desk::new();
    let snapshot = snapshot(&desk);
    let playbook = desk.file("p.yaml", "rollbook: 1\nname: p\nsteps: [drain, restart, wait-up]\n");
    let plan = |text: &str, format: &str| {
        let path = desk.file("changed.json", text);
        desk.rollbook(&["plan", &playbook, "--topology", &path, "--format", format])
    };
    let formats = ["text", "markdown", "html", "svg", "json"];
    let honest = formats.map(|format| (format, tags(&plan(&snapshot, format).out)));
    // (a cluster has these once: whoever sorts the hosts by them finds them in their order)
    for (place, name) in [("cluster", "sandbox"), ("keyspace", "orders"), ("data centre", "dc1"), ("release", "5.0.5")]
    {
        for (what, attack, end) in NAMES {
            let about = format!("{what} as a {place}");
            let text = snapshot.replace(&format!("\"{name}\""), &Value::from(*attack).to_string());
            assert_ne!(text, snapshot, "{about}");
            for (format, honest) in &honest {
                let said = plan(&text, format);
                // JSON holds the text itself: its reader knows where it ends
                if *format == "json" && *end == Shown {
                    assert!(serde_json::from_str::<Value>(&said.out).is_ok(), "{about}: {said:?}");
                } else {
                    calm(&about, &both(&said));
                }
                match end {
                    Refused => assert!(said.exit == Some(65) && said.out.is_empty(), "{about}, {format}: {said:?}"),
                    Shown => {
                        assert_eq!(said.exit, Some(0), "{about}, {format}: {said:?}");
                        if matches!(*format, "html" | "svg") {
                            assert_eq!(tags(&said.out), *honest, "{about}, {format}");
                        }
                        if *format == "markdown" {
                            let bare = said.out.replace("\\[", "").replace("\\]", "").replace("\\!", "");
                            assert!(!bare.contains("](") && !bare.contains("<script"), "{about}: {}", said.out);
                            assert!(!said.out.contains("@everybody") || place == "release", "{about}: {}", said.out);
                        }
                    }
                }
            }
            if *end == Shown {
                let path = desk.file("changed.json", &text);
                calm(&about, &both(&desk.rollbook(&["topology", "--topology", &path])));
            }
        }
    }
}

/// A name in a command: bare it must be safe, quoted a far shell gives it back, unread.
#[test]
fn a_name_in_a_command_is_one_word_or_refused() {
    let desk = Desk::new();
    let snapshot = snapshot(&desk);
    for (what, attack, _) in NAMES.iter().filter(|(_, _, end)| *end == Shown) {
        let text = snapshot.replace("\"dc1\"", &Value::from(*attack).to_string());
        let path = desk.file("changed.json", &text);
        for place in ["{{ host.datacenter }}", "{{ host.datacenter | quote }}"] {
            // bare, only a safe word; quoted, all but what would be read as a hole of the plan
            let fits = if place.contains("quote") { !attack.contains('‹') } else { *attack == "@everybody" };
            let exit = if fits { 0 } else { 65 };
            let steps =
                format!("steps: [{{ run: '{{{{ cluster.ssh }}}} {{{{ host }}}} echo {place}', takes-down: nothing }}]");
            let playbook = desk.file("p.yaml", &format!("rollbook: 1\nname: p\n{steps}\n"));
            let said = desk.rollbook(&["plan", &playbook, "--topology", &path, "--format", "json"]);
            assert_eq!(said.exit, Some(exit), "{what}, {place}: {said:?}");
            if exit == 0 {
                let plan: Value = serde_json::from_str(&said.out).unwrap();
                let words = plan["plan"]["hosts"][0]["words"][0]["command"].as_array().unwrap();
                let far: Vec<&str> =
                    words.iter().map(|word| word.as_str().unwrap()).skip_while(|w| *w != "echo").collect();
                let told =
                    std::process::Command::new("sh").args(["-c", &far.join(" ")]).current_dir(desk.path("")).output();
                assert_eq!(String::from_utf8(told.unwrap().stdout).unwrap(), format!("{attack}\n"), "{what}");
            }
        }
    }
    assert!(!desk.path("pwned").exists());
}

/// Parameters and registered outputs through the far shell of a host, as the playbook quotes them.
#[test]
fn a_parameter_and_an_output_reach_a_far_shell_as_one_word() {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let playbook = desk.file(
        "p.yaml",
        "rollbook: 1\nname: p\nparams: { x: { type: text } }\nsteps:\n  \
         - run: \"{{ cluster.ssh }} {{ host }} printf %s {{ params.x | quote }}\"\n    name: far\n    takes-down: nothing\n    register: said\n  \
         - run: \"{{ cluster.ssh }} {{ host }} printf %s {{ host.vars.said | quote }}\"\n    name: again\n    takes-down: nothing\n",
    );
    for attack in ["$(touch pwned)", "';touch pwned;'", "`touch pwned`", "a\\b \"c\" 'd' | e & f", "-x", "*"] {
        let param = format!("x={attack}");
        let said = desk.on_cluster(&["run", &playbook, "--yes", "--param", &param]);
        assert_eq!(said.exit, Some(0), "{attack}: {said:?}");
        let folder = desk.home().join("runs").join(desk.newest_run()).join("hosts");
        let outputs = crate::desk::find(&folder, "out");
        assert_eq!(outputs.len(), 6, "{attack}");
        for out in outputs {
            assert_eq!(std::fs::read_to_string(&out).unwrap(), attack, "{}", out.display());
        }
    }
    for place in [desk.path(""), desk.lab().sandbox.dir().to_owned(), env!("CARGO_MANIFEST_DIR").into()] {
        assert!(crate::desk::find(&place, "pwned").is_empty(), "{}", place.display());
    }
}

/// What people type and what files are called: shown to others, whose terminals it must not steer.
#[test]
fn what_people_type_and_commands_print_steers_no_terminal() {
    let desk = Desk::beside(&Shape { speed: 8.0, ..Shape::of(3) });
    let esc = "a\u{1b}[2Jb\u{202e}c";
    let broken = desk.file(&format!("{esc}.yaml"), "rollbook: 1 # \u{202e}\nname: p\nsteps: [drian] # \u{9b}31m\n");
    let playbook = desk.file(
        "p.yaml",
        "rollbook: 1\nname: p\nsteps:\n  - run: sh -c 'printf \"bad\\033[2J\\nlast \\033]0;title\\007 line\\n\" >&2; exit 3'\n    takes-down: nothing\n",
    );
    let hosts = desk.file(
        "h.yaml",
        &format!(
            "rollbook: 1\nname: p\ncluster: {{ hosts: {} }}\nsteps: [drain, restart, wait-up]\n",
            Value::from(esc)
        ),
    );
    let seed = desk.lab().sandbox.seed();
    let home = desk.home().display().to_string();
    for words in [
        &["check", &broken][..],
        &["check", &hosts],
        &["plan", &format!("{esc}-not-there.yaml"), "--sandbox"],
        &["why", esc],
        &["runs", "show", esc],
        &["plan", &playbook, "--seed-host", &seed, "--only", esc],
        &["plan", &playbook, "--seed-host", &seed, "--param", &format!("{esc}=1")],
        &["run", &playbook, "--seed-host", &seed, "--yes", "-v", "--reason", esc],
        &["runs"],
        &["runs", "show", "last"],
        &["runs", "watch", "last"],
        &["why", "last"],
        &["why", "last", "10.10.0.11"],
        &["lock", "show"],
        &["lock", "break", "last", "--reason", esc],
        &["resolve", "last", esc, "--as", "done"],
        &["approve", "last"],
    ] {
        let mut command = desk.command(words);
        let said: Said = command.env("USER", esc).env("ROLLBOOK_HOME", &home).output().unwrap().into();
        calm(&format!("{words:?}"), &both(&said));
    }
    // it was there to be shown
    let shown = desk.rollbook(&["runs", "show", "last"]);
    expect(shown, 0, &["because: a\\u{1b}[2Jb\\u{202e}c"]);
}
