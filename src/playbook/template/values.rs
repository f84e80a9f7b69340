//! What an expression can meet and give: the host, a text that a filter declared ready, and the filters.

use minijinja::value::{Object, ObjectRepr, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use std::fmt;
use std::sync::Arc;

/// Steps one expression may take: far above any real one, and it ends a loop in a blink.
const FUEL: u64 = 10_000;

/// The host of a command: prints as what ssh needs, its attributes are read with a dot.
#[derive(Debug)]
pub(super) struct HostValue(pub super::HostContext);

impl Object for HostValue {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let host = &self.0;
        if key.as_str()? == "vars" {
            let vars = host.vars.iter().map(|(name, var)| (name.clone(), Value::from(var.value.as_str())));
            return Some(Value::from(vars.collect::<std::collections::BTreeMap<_, _>>()));
        }
        let text = match key.as_str()? {
            "address" => &host.address,
            "ssh" => &host.ssh,
            "name" => &host.name,
            "id" => &host.id,
            "datacenter" => &host.datacenter,
            "rack" => &host.rack,
            _ => return None,
        };
        Some(Value::from(text.as_str()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.ssh)
    }
}

/// A text for which the author took responsibility by a filter: it goes into a word as it is.
#[derive(Debug)]
pub(super) struct Ready(pub String);

impl Object for Ready {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An environment that knows nothing but the three filters: what is not documented is not there.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("word", |value: &Value| each(value, &|text| Ok(text.to_owned())));
    environment.add_filter("quote", |value: &Value| each(value, &quoted));
    environment.add_filter("tojson", |value: &Value| -> Result<Value, Error> { Ok(ready(json(value)?)) });
    environment
}

/// Quoted once for a POSIX shell.
pub(super) fn quote(text: &str) -> Option<String> {
    shlex::try_quote(text).ok().map(|quoted| quoted.into_owned())
}

/// A value's text; none for what has no sensible one.
pub(super) fn text(value: &Value) -> Option<String> {
    if value.downcast_object_ref::<HostValue>().is_some() || value.downcast_object_ref::<Ready>().is_some() {
        return Some(value.to_string());
    }
    match value.kind() {
        ValueKind::String => value.as_str().map(str::to_owned),
        ValueKind::Bool => Some(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => Some(value.to_string()),
        _ => None,
    }
}

fn ready(text: String) -> Value {
    Value::from_object(Ready(text))
}

fn quoted(text: &str) -> Result<String, Error> {
    quote(text).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "a value with a NUL cannot be quoted"))
}

/// A filter over a value, or over each item of a list.
fn each(value: &Value, filter: &dyn Fn(&str) -> Result<String, Error>) -> Result<Value, Error> {
    if value.kind() == ValueKind::Seq {
        let items: Result<Vec<_>, _> = value.try_iter()?.map(|item| each(&item, filter)).collect();
        return Ok(Value::from(items?));
    }
    let Some(text) = text(value) else {
        return Err(Error::new(ErrorKind::InvalidOperation, "a filter needs a text, a number, a boolean or a list"));
    };
    Ok(ready(filter(&text)?))
}

fn json(value: &Value) -> Result<String, Error> {
    // The host and a filtered text are objects to minijinja; in JSON they are their texts.
    let object = value.kind() == ValueKind::Map || value.kind() == ValueKind::Plain;
    let plain = text(value).filter(|_| object).map_or_else(|| value.clone(), Value::from);
    serde_json::to_string(&plain).map_err(|_| Error::new(ErrorKind::InvalidOperation, "this value has no JSON form"))
}
