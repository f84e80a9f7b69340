use super::*;
use crate::playbook::command::split;
use crate::playbook::secret::Secret;
use serde_json::json;

fn host() -> HostContext {
    HostContext {
        address: "10.0.0.1".into(),
        ssh: "ubuntu@10.0.0.1".into(),
        name: "db1".into(),
        id: "aa-bb".into(),
        datacenter: "dc1".into(),
        rack: "r1".into(),
        vars: BTreeMap::new(),
    }
}

fn cluster() -> ClusterContext {
    ClusterContext {
        name: "Test Cluster".into(),
        ssh: vec!["ssh".into(), "-o".into(), "A B".into()],
        service: "cassandra".into(),
    }
}

fn params() -> Params {
    let entries = [
        ("version", json!("5.0.5")),
        ("note", json!("it's; rm -rf /")),
        ("flags", json!(["a", "b=c"])),
        ("none", json!([])),
        ("empty", json!("")),
        ("fast", json!(true)),
        ("n", json!(3)),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

static NO_VARS: BTreeMap<String, String> = BTreeMap::new();
static NO_SECRETS: BTreeMap<String, Secret> = BTreeMap::new();

fn run<'a>(run_id: &'a str, reason: Option<&'a str>) -> RunValues<'a> {
    RunValues { run_id, reason, vars: &NO_VARS, secrets: &NO_SECRETS }
}

fn rendered(text: &str) -> Result<Vec<String>, String> {
    let command = split(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    render_command(&command, &host(), &cluster(), &params()).map_err(|error| error.message)
}

#[test]
fn values_become_one_word_or_a_part_of_one_and_lists_one_word_an_item() {
    let expected = ["ssh", "-o", "A B", "ubuntu@10.0.0.1", "x", "--rack=r1/dc1", "a", "b=c", "true", "3"];
    let text = "{{ cluster.ssh }} {{ host }} x --rack={{ host.rack }}/{{ host.datacenter }} {{ params.flags }} \
                {{ params.none }} {{ params.fast }} {{ params.n }}";
    assert_eq!(rendered(text).unwrap(), expected);
    assert_eq!(
        rendered("a {{ host.address }} {{ host.name }} {{ host.id }}").unwrap()[1..],
        ["10.0.0.1", "db1", "aa-bb"]
    );
    assert_eq!(rendered("a {{ params.version if params.fast else 'x' }}").unwrap(), ["a", "5.0.5"]);
    assert_eq!(rendered("a {{ host ~ ':7000' }}").unwrap(), ["a", "ubuntu@10.0.0.1:7000"]);
}

#[test]
fn a_value_that_a_shell_would_read_again_is_refused_with_its_character() {
    let refusal = rendered("ssh h echo {{ params.note }}").unwrap_err();
    assert_eq!(
        refusal,
        "`params.note` is `it\\'s; rm -rf /`: `\\'` is not safe in a command that a far shell reads again"
    );
    assert!(rendered("a {{ cluster.name }}").unwrap_err().contains("a space is not safe"));
    assert!(rendered("a x{{ params.empty }}").unwrap_err().ends_with("it is empty"));
    assert!(rendered("a {{ '-rf' }}").unwrap_err().contains("begins with `-`"));
    assert!(rendered("a {{ params.note ~ 'x' }}").unwrap_err().contains("not safe"));
    assert!(rendered("a {{ (params.note | quote) ~ 'x' }}").unwrap_err().contains("not safe"));
    assert!(rendered("a x{{ params.flags }}").unwrap_err().contains("must stand alone in its word"));
    assert!(rendered("a {{ cluster }}").unwrap_err().contains("is no text but a map"));
    assert!(rendered("a {{ none }}").unwrap_err().contains("is no text but a none"));
}

#[test]
fn filters_say_who_takes_care() {
    assert_eq!(rendered("a {{ params.note | word }}").unwrap(), ["a", "it's; rm -rf /"]);
    assert_eq!(rendered("a {{ params.note | quote }}").unwrap(), ["a", "\"it's; rm -rf /\""]);
    assert_eq!(rendered("a {{ params.note | tojson }}").unwrap(), ["a", "\"it's; rm -rf /\""]);
    assert_eq!(
        rendered("a {{ params.flags | tojson }} {{ host | tojson }}").unwrap(),
        ["a", "[\"a\",\"b=c\"]", "\"ubuntu@10.0.0.1\""]
    );
    assert_eq!(rendered("a {{ params.flags | tojson | quote }}").unwrap(), ["a", "'[\"a\",\"b=c\"]'"]);
    assert_eq!(rendered("a {{ ['x y', 'z'] | quote }}").unwrap(), ["a", "'x y'", "z"]);
    assert_eq!(rendered("a {{ params.empty | word }}").unwrap(), ["a", ""]);
    assert!(rendered("a {{ params.note | upper }}").unwrap_err().contains("filter upper is unknown"));
}

#[test]
fn an_empty_command_is_refused() {
    assert!(rendered("{{ params.none }}").unwrap_err().starts_with("the command renders to nothing"));
    assert!(rendered("{{ params.empty | word }} x").unwrap_err().starts_with("the command renders to nothing"));
}

#[test]
fn a_value_can_never_pose_as_a_hole() {
    let command = split("a {{ params.x | word }}").unwrap();
    let params = Params::from([("x".to_owned(), json!("‹run.id›"))]);
    let error = render_command(&command, &host(), &cluster(), &params).unwrap_err();
    assert_eq!(error.message, "`params.x | word` contains `‹`");
}

#[test]
fn an_endless_expression_ends() {
    assert!(
        rendered("a {{ 'x' * 200000000 }}").is_err() || rendered("a {{ 'x' * 200000000 }}").unwrap()[1].len() < 1 << 20
    );
}

#[test]
fn what_only_a_run_knows_stays_a_hole_and_is_filled_later() {
    let words =
        rendered("a --run={{ run.id }} {{ run.reason | quote }} {{run.reason|tojson|quote}} {{ args }}").unwrap();
    assert_eq!(words, ["a", "--run=‹run.id›", "‹run.reason|quote›", "‹run.reason|tojson|quote›", "‹args›"]);
    let words = &words[..4];
    let filled = fill(words, &run("0190", Some("kernel upgrade ‹run.id›"))).unwrap();
    assert_eq!(filled, ["a", "--run=0190", "'kernel upgrade ‹run.id›'", "'\"kernel upgrade ‹run.id›\"'"]);
    assert!(fill(words, &run("0190", None)).unwrap_err().message.contains("needs the reason"));
    assert!(fill(words, &run("0190", Some("  "))).unwrap_err().message.contains("needs the reason"));
}

#[test]
fn a_bare_reason_must_be_a_safe_word() {
    let words = ["a".to_owned(), "‹run.reason›".to_owned()];
    assert_eq!(fill(&words, &run("1", Some("CHG-42"))).unwrap(), ["a", "CHG-42"]);
    assert!(fill(&words, &run("1", Some("x; reboot"))).unwrap_err().message.contains("`;` is not safe"));
    let env = BTreeMap::from([("R".to_owned(), "‹run.reason›".to_owned())]);
    assert_eq!(fill_env(&env, &run("1", Some("x; reboot"))).unwrap()["R"], "x; reboot");
}

#[test]
fn a_hole_that_nobody_knows_is_refused() {
    assert!(
        fill(&["‹host.Vars›".to_owned()], &run("1", None)).unwrap_err().message.contains("nothing that a run knows")
    );
    assert!(fill(&["‹args›".to_owned()], &run("1", None)).is_err());
    assert!(fill(&["‹run.id".to_owned()], &run("1", None)).is_err());
    assert!(fill(&["‹run.id|upper›".to_owned()], &run("1", None)).is_err());
}

#[test]
fn a_question_takes_the_place_of_args() {
    let words = ["ssh".to_owned(), "‹args›".to_owned()];
    assert_eq!(fill_args(&words, &["-pp", "status"]), ["ssh", "-pp", "status"]);
}

#[test]
fn env_takes_any_text_and_scripts_get_names() {
    let env = BTreeMap::from([("NOTE".to_owned(), Word::new("<{{ params.note }}> {{ run.reason }}"))]);
    let rendered = render_env(&env, &host(), &cluster(), &params()).unwrap();
    assert_eq!(rendered["NOTE"], "<it's; rm -rf /> ‹run.reason›");
    let env = script_env(&host(), &cluster(), &params(), &BTreeSet::new());
    let get = |name: &str| env.get(name).map(String::as_str);
    assert_eq!(get("ROLLBOOK_HOST"), Some("ubuntu@10.0.0.1"));
    assert_eq!(get("ROLLBOOK_ADDRESS"), Some("10.0.0.1"));
    assert_eq!((get("ROLLBOOK_DC"), get("ROLLBOOK_RACK")), (Some("dc1"), Some("r1")));
    assert_eq!((get("ROLLBOOK_CLUSTER"), get("ROLLBOOK_RUN")), (Some("Test Cluster"), Some("‹run.id›")));
    assert_eq!((get("ROLLBOOK_PARAM_FLAGS"), get("ROLLBOOK_PARAM_FAST")), (Some("a b=c"), Some("true")));
}

#[test]
fn a_secret_is_a_hole_that_only_an_environment_fills() {
    let source = crate::playbook::secret::Source::Env("FROM".to_owned());
    let params = Params::from([("token".to_owned(), source.stand_in())]);
    let env = BTreeMap::from([("T".to_owned(), Word::new("<{{ params.token }}>"))]);
    let env = render_env(&env, &host(), &cluster(), &params).unwrap();
    assert_eq!(env["T"], "<‹secret.token›>");
    assert_eq!(script_env(&host(), &cluster(), &params, &BTreeSet::new())["ROLLBOOK_PARAM_TOKEN"], "‹secret.token›");
    let secrets = BTreeMap::from([("token".to_owned(), Secret::new("a ‹run.id› b".to_owned()))]);
    let values = RunValues { secrets: &secrets, ..run("1", None) };
    assert_eq!(fill_env(&env, &values).unwrap()["T"], "<a ‹run.id› b>", "filled once");
    // a plan edited by hand, and a check that was passed by
    assert!(fill(&["x".into(), "‹secret.token›".into()], &values).unwrap_err().message.contains("stands in a command"));
    assert!(fill_env(&env, &run("1", None)).unwrap_err().message.contains("was not read"));
    let command = split("echo {{ params.token }}").unwrap();
    let error = render_command(&command, &host(), &cluster(), &params).unwrap_err();
    assert!(error.message.contains("is no text but a map"), "{error:?}");
    assert_eq!(format!("{values:?}").matches("run.id").count(), 0, "a secret is not shown: {values:?}");
}

#[test]
fn names_are_judged_where_they_stand() {
    let params = Declared { names: BTreeSet::from(["version", "token"]), secrets: BTreeSet::from(["token"]) };
    let messages = |text: &str, scope| -> Vec<String> {
        let command = split(text).unwrap();
        command.words.iter().flat_map(|word| check(word, scope, &params)).map(|found| found.message).collect()
    };
    assert!(messages("{{ cluster.ssh }} {{ host }} {{ params.version }} {{ run.id | word }}", Scope::Step).is_empty());
    assert!(messages("{{ cluster.ssh }} {{ host }} {{ args }}", Scope::Nodetool).is_empty());
    assert_eq!(messages("gate-{{ host.rack }} {{ args }}", Scope::Nodetool), ["`host.rack` is not known here"]);
    assert_eq!(messages("a {{ hots.rack }}", Scope::Step), ["unknown name `hots.rack`"]);
    assert_eq!(messages("a {{ params.versoin }}", Scope::Step), ["unknown parameter `versoin`"]);
    assert_eq!(messages("a {{ host }}", Scope::Setup), ["`host` is not known here"]);
    assert_eq!(messages("a {{ args }}", Scope::Step), ["`args` is not known here"]);
    assert!(messages("a {{ host.vars.x | quote }}", Scope::Step).is_empty());
    assert!(
        messages("a {{ host.vars.x ~ 'y' }}", Scope::Step)[0].contains("known only when the run comes to the step")
    );
    assert_eq!(messages("a {{ host.vars.X }}", Scope::Step), ["`host.vars.X` is no variable of a host"]);
    assert_eq!(messages("a {{ host.vars.x }}", Scope::Setup), ["`host.vars.x` is not known here"]);
    assert_eq!(messages("a {{ version }}", Scope::Step), ["unknown name `version`"]);
    assert!(messages("{{ params.token }}", Scope::Env).is_empty());
    for (text, scope) in [("a {{ params.token }}", Scope::Step), ("a {{ params.token | quote }}", Scope::Setup)] {
        assert_eq!(messages(text, scope), ["`params.token` is a secret, and would be seen here"]);
    }
    for text in ["{{ params.token | quote }}", "{{ params.token ~ 'x' }}"] {
        assert_eq!(messages(text, Scope::Env), ["`params.token` is a secret, and no expression can use it"]);
    }
    assert_eq!(messages("a {{ params }}", Scope::Step), ["`params` is no value by itself"]);
    assert_eq!(messages("a {{ range(3) }}", Scope::Step), ["unknown name `range`"]);
    assert!(messages("a {{ run.id ~ 'x' }}", Scope::Step)[0].contains("known only when the run starts"));
    assert_eq!(messages("a {{ host | qoute }}", Scope::Step), ["unknown filter `qoute`"]);
    assert!(messages("a {{ '|x' | word }}", Scope::Step).is_empty());
    assert!(messages("a {{ }}", Scope::Step)[0].contains("it is empty"));
    assert!(messages("a {{ host | }}", Scope::Step)[0].contains("cannot be read"));
    assert!(messages("a {{- host }}", Scope::Step)[0].contains("a sign at the braces"));
}

#[test]
fn a_finding_points_at_the_name() {
    let command = split("a {{ params.x ~ hots }}").unwrap();
    let found =
        check(&command.words[1], Scope::Step, &Declared { names: BTreeSet::from(["x"]), ..Declared::default() });
    assert_eq!(found[0].span, Some(Span::new(16, 20)));
}

#[test]
fn what_a_step_registers_is_a_hole_that_takes_one_safe_word() {
    let words = rendered("a {{ host.vars.port }} -p{{host.vars.port}} {{ host.vars.note | quote }}").unwrap();
    assert_eq!(words, ["a", "‹host.vars.port›", "-p‹host.vars.port›", "‹host.vars.note|quote›"]);
    let with = |port: &str| BTreeMap::from([("port".into(), port.into()), ("note".into(), "it's".into())]);
    let filled = |port: &str| fill(&words, &RunValues { vars: &with(port), ..run("1", None) });
    assert_eq!(filled("9042").unwrap(), ["a", "9042", "-p9042", "\"it's\""]);
    let refused = filled("9; reboot").unwrap_err();
    assert!(refused.message.contains("`host.vars.port` is `9; reboot`") && refused.message.contains("`;` is not safe"));
    assert!(refused.help.unwrap().contains("host.vars.port | quote"));
    assert!(check_vars(&words, &with("9042")).is_ok() && check_vars(&words, &with("")).is_err());
    let missing = check_vars(&words, &NO_VARS).unwrap_err();
    assert!(missing.message.contains("`host.vars.port` has no value on this host"), "{}", missing.message);
}

#[test]
fn a_script_is_told_what_was_registered_and_nothing_of_what_was_not() {
    let env = script_env(&host(), &cluster(), &params(), &BTreeSet::from(["port".to_owned(), "other".to_owned()]));
    let vars = BTreeMap::from([("port".to_owned(), "9; 42".to_owned())]);
    let filled = fill_env(&env, &RunValues { vars: &vars, ..run("1", None) }).unwrap();
    assert_eq!(filled["ROLLBOOK_VAR_PORT"], "9; 42");
    assert!(!filled.contains_key("ROLLBOOK_VAR_OTHER"));
}

#[test]
fn a_file_s_value_is_rendered_at_once_and_refused_with_its_place() {
    let var = |value: &str| HostVar { value: value.into(), place: "names.yaml:3:24".into() };
    let host = |value: &str| HostContext { vars: BTreeMap::from([("port".into(), var(value))]), ..host() };
    let command = split("a {{ host.vars.port }} {{ host.vars.other }}").unwrap();
    let rendered = |value: &str| render_command(&command, &host(value), &cluster(), &params());
    assert_eq!(rendered("9043").unwrap(), ["a", "9043", "‹host.vars.other›"]);
    assert!(rendered("9 43").unwrap_err().message.contains("is `9 43` (names.yaml:3:24): a space is not safe"));
}
