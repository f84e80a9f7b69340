//! Gates: exactly one question each, with bounds that can be compared.

use super::Reading;
use crate::diagnostic::Diagnostic;
use crate::playbook::model::{Gate, GateMeasure, GateQuestion};
use crate::playbook::template::Scope;
use crate::playbook::{defaults, written};

/// What the forms have in common.
struct Terms {
    poll: Option<written::Duration>,
    stable: Option<u32>,
    timeout: Option<written::Duration>,
}

impl Reading<'_> {
    pub(super) fn gates(&mut self, written: Vec<written::Gate>) -> Vec<Gate> {
        let mut gates: Vec<Gate> = Vec::new();
        for (number, gate) in written.into_iter().enumerate() {
            let path = format!("gates[{number}]");
            let Some(gate) = self.gate(&path, gate) else { continue };
            if gates.iter().any(|before| before.name == gate.name) {
                let error = Diagnostic::error(format!("two gates are called `{}`", gate.name));
                let place = format!("{path}.name");
                let place = if self.spans.contains_key(&place) { place } else { path };
                self.find(&place, error.help("give each its own name"));
            }
            gates.push(gate);
        }
        gates
    }

    fn gate(&mut self, path: &str, written: written::Gate) -> Option<Gate> {
        let questions = [
            written.run.is_some(),
            written.read_latency.is_some(),
            written.write_latency.is_some(),
            written.load.is_some(),
        ];
        if questions.iter().filter(|given| **given).count() != 1 {
            let error = Diagnostic::error("a gate asks exactly one thing");
            let help = "write one of `run`, `read-latency`, `write-latency`, `load`; each gate is an entry of its own";
            self.find(path, error.help(help));
            return None;
        }
        if let Some(run) = written.run {
            let Some(name) = written.name else {
                let error = Diagnostic::error("a gate with a command needs a `name`");
                self.find(path, error.help("say in a few words what it asks: `name: latency of the shop`"));
                return None;
            };
            let asks = GateQuestion::Command(self.command(&format!("{path}.run"), Scope::Gate, &run.0));
            let terms = Terms { poll: written.poll, stable: written.stable, timeout: written.timeout };
            if let (Some(min), Some(max)) = (written.min, written.max)
                && min > max
            {
                let error = Diagnostic::error(format!("no number is at least {min} and at most {max}"));
                self.find(&format!("{path}.min"), error.help("`min` is the smaller of the two"));
            }
            return Some(self.terms(path, name.0, asks, (written.min, written.max), terms));
        }
        // what belongs to a measure stands with its bound
        let outside = [
            ("max", written.max.is_some()),
            ("min", written.min.is_some()),
            ("poll", written.poll.is_some()),
            ("stable", written.stable.is_some()),
            ("timeout", written.timeout.is_some()),
        ];
        for (key, _) in outside.into_iter().filter(|(_, given)| *given) {
            let error = Diagnostic::error(format!("`{key}` here belongs to `run`, and this gate has none"));
            self.find(&format!("{path}.{key}"), error.help("write it beside `max`: `load: { max: 2, poll: 30s }`"));
        }
        let latencies =
            [(GateMeasure::ReadLatency, written.read_latency), (GateMeasure::WriteLatency, written.write_latency)];
        let name =
            |measure: GateMeasure| written.name.as_ref().map_or(measure.word().to_owned(), |name| name.0.clone());
        for (measure, latency) in latencies {
            let Some(latency) = latency else { continue };
            let inner = format!("{path}.{}", measure.word());
            let max = self.positive(&format!("{inner}.max"), &latency.max).as_secs_f64() * 1000.0;
            let terms = Terms { poll: latency.poll, stable: latency.stable, timeout: latency.timeout };
            return Some(self.terms(&inner, name(measure), GateQuestion::Measure(measure), (None, Some(max)), terms));
        }
        let load = written.load?;
        let inner = format!("{path}.load");
        if load.max <= 0.0 {
            let error = Diagnostic::error(format!("a load is never below {}", load.max));
            self.find(&format!("{inner}.max"), error.help("1 means that every CPU is just busy"));
        }
        let terms = Terms { poll: load.poll, stable: load.stable, timeout: load.timeout };
        let measure = GateMeasure::Load;
        Some(self.terms(&inner, name(measure), GateQuestion::Measure(measure), (None, Some(load.max)), terms))
    }

    fn terms(
        &mut self,
        path: &str,
        name: String,
        asks: GateQuestion,
        (min, max): (Option<f64>, Option<f64>),
        terms: Terms,
    ) -> Gate {
        let time = |reading: &mut Self, key: &str, text: Option<written::Duration>, default| {
            text.map_or(default, |text| reading.positive(&format!("{path}.{key}"), &text))
        };
        Gate {
            name,
            asks,
            max,
            min,
            poll: time(self, "poll", terms.poll, defaults::GATE_POLL),
            stable: terms.stable.unwrap_or(defaults::GATE_STABLE),
            timeout: time(self, "timeout", terms.timeout, defaults::GATE_TIMEOUT),
        }
    }
}
