use super::*;

fn refusals(source: &str) -> Vec<String> {
    read(source).expect_err(source).into_iter().map(|finding| finding.message).collect()
}

#[test]
fn keys_and_values_know_their_bytes() {
    let source = "ä: x\nlist:\n  - one\n  - {k: 'v w'}\n";
    let root = read(source).unwrap();
    let at = |span: Span| &source[span.start..span.end];
    assert_eq!(at(root.entry("list").unwrap().key_span), "list");
    let items = root.get("list").unwrap().items();
    assert_eq!(at(items[0].span), "one");
    assert_eq!(at(items[1].span), "{k: 'v w'}");
    assert_eq!(at(items[1].get("k").unwrap().span), "'v w'");
    assert_eq!(items[1].get("k").unwrap().text(), Some("v w"));
}

#[test]
fn a_part_of_a_scalar_is_found_in_every_style() {
    let scalars = [
        "a {{ hots }} b",
        "'it''s {{ hots }} b'",
        "\"a \\\"q\\\" \\u00e9 {{ hots }} b\"",
        "\"a\\tb \\\\ {{ hots }}\"",
        "|\n  first\n    {{ hots }} b\n",
        ">-\n  first ä\n  {{ hots }} b\n",
        "|2-\n    é {{ hots }}\n",
        "a\n  b {{ hots }}",
        "\"a\n\n  b {{ hots }}\"",
        "|\n  a\n\n  {{ hots }}\n\n",
    ];
    for scalar in scalars {
        for newline in ["\n", "\r\n"] {
            let source = format!("ü: 1\nkey: {scalar}\nother: 1\n").replace('\n', newline);
            let root = read(&source).unwrap();
            let node = root.get("key").unwrap();
            let value = node.text().unwrap();
            let start = value.find("hots").unwrap_or_else(|| panic!("{value:?}"));
            let span = Places::of(&source, node).span(start..start + 4);
            assert_eq!(&source[span.start..span.end], "hots", "{source:?}");
        }
    }
}

#[test]
fn a_value_that_cannot_be_followed_has_the_place_of_the_whole() {
    let source = "key: \"a\\_{{ hots }}\"\n";
    let root = read(source).unwrap();
    let span = Places::of(source, root.get("key").unwrap()).span(3..5);
    assert_eq!(&source[span.start..span.end], "\"a\\_{{ hots }}\"");
}

#[test]
fn anchors_and_merge_keys_are_resolved_and_the_own_key_wins() {
    let source = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\nd:\n  <<: [{y: 5}, *a]\n";
    let root = read(source).unwrap();
    let get = |map: &str, key: &str| root.get(map).unwrap().get(key).unwrap().text().unwrap().to_owned();
    assert_eq!((get("b", "x"), get("b", "y"), get("c", "y")), ("1".into(), "3".into(), "2".into()));
    assert_eq!((get("d", "x"), get("d", "y")), ("1".into(), "5".into()));
    assert_eq!(refusals("a: &a [1]\nb:\n  <<: *a\n"), ["`<<` merges a map, or a list of maps"]);
}

#[test]
fn a_bomb_is_stopped() {
    let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        source.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(refusals(&source)[0].starts_with("the aliases of this file grow"));
    assert!(refusals(&"[".repeat(5000))[0].contains("nested deeper than 64"), "{:?}", refusals(&"[".repeat(5000)));
    assert!(!refusals("a: &a [*a]\n").is_empty());
}

#[test]
fn what_is_not_one_plain_document_is_refused() {
    assert_eq!(refusals("a: 1\na: 2\nb: 1\nb: 1\n"), ["duplicate key `a`", "duplicate key `b`"]);
    assert_eq!(refusals("a: 1\n---\nb: 2\n"), ["a second document: a playbook is one"]);
    assert_eq!(refusals("a: !x 1\n"), ["the tag `!x` has no meaning in a playbook"]);
    assert_eq!(refusals("# only words\n"), ["the file has no content"]);
    assert_eq!(refusals("---\n"), ["the file has no content"]);
    assert_eq!(refusals("? [a]\n: 1\n"), ["a key must be a word"]);
    assert!(refusals("a:\n\tb: 1\n")[0].starts_with("a tab indents"));
    assert!(refusals("a: {{ host }} x\n")[0].contains("must be quoted"), "{:?}", refusals("a: {{ host }} x\n"));
    assert!(refusals("a: {{ host }}\n")[0].contains("must be quoted"), "{:?}", refusals("a: {{ host }}\n"));
    assert!(refusals("a: 'x\nb: 1\n")[0].starts_with("this is not YAML"));
}

#[test]
fn plain_scalars_that_some_yaml_takes_for_something_else() {
    for (text, reads) in [
        ("10", Reads::Int),
        ("-3", Reads::Int),
        ("01", Reads::Number),
        ("1e3", Reads::Number),
        ("0x1f", Reads::Number),
        ("0o17", Reads::Number),
        ("1_000", Reads::Number),
        ("1.5", Reads::Number),
        (".5", Reads::Number),
        ("1:30", Reads::Number),
        ("no", Reads::OldBool),
        ("On", Reads::OldBool),
        ("true", Reads::Bool),
        ("~", Reads::Null),
        ("10.0.0.9", Reads::Text),
        ("5.0.5", Reads::Text),
        ("dc1", Reads::Text),
        ("2001:db8::1", Reads::Text),
        ("30s", Reads::Text),
        ("e3", Reads::Text),
        ("+1", Reads::Number),
    ] {
        assert_eq!(reads_as(text), reads, "{text}");
    }
}
