use super::*;
use crate::diagnostic::Span;
use serde_json::json;

fn param(kind: ParamType) -> Param {
    Param { description: None, kind, pattern: None, default: None, secret: None, span: Span::new(1, 2) }
}

fn with(params: &[(&str, Param)]) -> Playbook {
    let mut playbook = crate::playbook::defaults::playbook("x");
    playbook.params = params.iter().map(|(name, param)| ((*name).to_owned(), param.clone())).collect();
    playbook
}

fn bind(params: &[(&str, Param)], given: &[(&str, &str)]) -> Result<Params, Vec<String>> {
    let given: Vec<_> = given.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    bind_params(&with(params), &given).map_err(|findings| findings.into_iter().map(|f| f.message).collect())
}

#[test]
fn values_are_read_by_type_and_defaults_fill_up() {
    let default = Param { default: Some(json!(true)), ..param(ParamType::Bool) };
    let params = [
        ("s", param(ParamType::String)),
        ("t", param(ParamType::Text)),
        ("b", default),
        ("i", param(ParamType::Int)),
        ("l", param(ParamType::List)),
    ];
    let values = bind(&params, &[("s", "a-1"), ("t", "x; y"), ("i", "-3"), ("l", "a,b"), ("l", "c")]).unwrap();
    assert_eq!(serde_json::to_string(&values).unwrap(), r#"{"b":true,"i":-3,"l":["a","b","c"],"s":"a-1","t":"x; y"}"#);
    assert_eq!(bind(&params[4..], &[("l", "")]).unwrap()["l"], json!([]));
}

#[test]
fn every_wrong_value_is_found_at_once() {
    let patterned = Param { pattern: Some("[0-9]+".to_owned()), ..param(ParamType::String) };
    let params = [("kernel", patterned), ("fast", param(ParamType::Bool)), ("n", param(ParamType::Int))];
    let findings = bind(&params, &[("kernel", "5x"), ("fast", "yes"), ("fsat", "true")]).unwrap_err();
    assert_eq!(
        findings,
        [
            "unknown parameter `fsat`",
            "parameter `fast` is `true` or `false`, not `yes`",
            "parameter `kernel` is `5x`, which its pattern `[0-9]+` does not match",
            "parameter `n` has no value",
        ]
    );
    assert_eq!(bind(&params[2..], &[("n", "1.5")]).unwrap_err(), ["parameter `n` is a whole number, not `1.5`"]);
    assert_eq!(bind(&params[2..], &[("n", "1"), ("n", "2")]).unwrap_err(), ["parameter `n` is given 2 times"]);
}

#[test]
fn a_string_must_be_safe_in_a_command_and_a_text_need_not() {
    let params = [("s", param(ParamType::String)), ("l", param(ParamType::List))];
    let findings = bind(&params, &[("s", "a;reboot"), ("l", "ok,$(id)")]).unwrap_err();
    assert!(findings[0].contains("`$` is not safe"), "{findings:?}");
    assert!(findings[1].contains("`;` is not safe"), "{findings:?}");
    assert!(bind(&params[..1], &[("s", "-x")]).unwrap_err()[0].contains("begins with `-`"));
    assert!(bind(&params[..1], &[("s", "")]).unwrap_err()[0].contains("it is empty"));
    assert!(bind(&[("t", param(ParamType::Text))], &[("t", "‹run.id›")]).unwrap_err()[0].contains("contains `‹`"));
}

#[test]
fn when_is_decided_over_the_values() {
    let values = Params::from([("fast".to_owned(), json!(true)), ("mode".to_owned(), json!("a"))]);
    let vars = BTreeMap::from([("kind".to_owned(), "ssd".to_owned())]);
    let eval = |text: &str| {
        eval_when(&When { expression: text.to_owned(), span: Span::new(3, 9) }, &values, &vars).map_err(|e| e.message)
    };
    assert_eq!(eval("params.fast"), Ok(true));
    assert_eq!(eval("not params.fast"), Ok(false));
    assert_eq!(eval("params.mode == 'a' and params.fast"), Ok(true));
    assert_eq!(eval("params.mode in ['b', 'c']"), Ok(false));
    assert!(eval("params.mode").unwrap_err().contains("is a string"));
    assert!(eval("params.gone").is_err());
    assert_eq!(eval("host.vars.kind == 'ssd' and params.fast"), Ok(true));
    assert!(eval("host.vars.kind").unwrap_err().contains("is a string"));
    // (minijinja would find a value that is not there unequal to everything)
    assert!(eval("host.vars.gone == 'x'").unwrap_err().contains("`host.vars.gone` has no value on this host"));
}
