//! What happened when, as a picture: a row for each host, a bar for each step of it. Pure; SVG.

use super::plain::xml;
use crate::job::event::{Event, HostEvent, Ms, StepEvent, What};
use crate::plan::model::{Plan, TargetIx};
use crate::playbook::duration;
use crate::playbook::model::StepKind;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const WIDTH: f64 = 1200.0;
/// For the hosts' names.
const LEFT: f64 = 190.0;
const TOP: f64 = 64.0;
/// With more hosts than this their names would not fit.
const NAMED: usize = 150;

/// One step of one host.
struct Bar {
    step: usize,
    from: Ms,
    /// None: it had not ended.
    to: Option<Ms>,
}

#[derive(Default)]
struct Row {
    opened: Ms,
    bars: Vec<Bar>,
    /// When it ended otherwise than well, and how.
    ended: Option<(Ms, String)>,
}

/// Every host that was opened, in that order. `title` is the first line.
pub fn gantt_svg(plan: &Plan, events: &[Event], title: &str) -> String {
    let rows = rows(events);
    let mut order: Vec<(&TargetIx, &Row)> = rows.iter().collect();
    order.sort_by_key(|(host, row)| (row.opened, **host));
    let begin = events.first().map_or(0, |event| event.at);
    let end = events.last().map_or(begin, |event| event.at).max(begin + 1);
    let high = if order.len() <= NAMED { 16.0 } else { (2400.0 / order.len() as f64).max(1.0) };
    let height = TOP + high * order.len() as f64 + 12.0;
    let x = |at: Ms| LEFT + (WIDTH - LEFT - 12.0) * (at - begin) as f64 / (end - begin) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"100%\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"18\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n",
        title = xml(title)
    );
    legend(&mut svg, plan);
    axis(&mut svg, end - begin, &x, begin, height);
    for (place, (host, row)) in order.iter().enumerate() {
        let y = TOP + high * place as f64;
        let address = plan.nodes[plan.hosts[**host].node].address;
        if order.len() <= NAMED {
            let _ = writeln!(svg, "<text x=\"8\" y=\"{:.1}\">{address}</text>", y + high - 4.0);
        }
        for bar in &row.bars {
            let step = &plan.steps[bar.step];
            let (from, to) = (x(bar.from), x(bar.to.unwrap_or(end)));
            let seconds = bar.to.unwrap_or(end).saturating_sub(bar.from) / 1000;
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"><title>{address} {}, {seconds} s</title></rect>",
                y + high * 0.1,
                (to - from).max(0.5),
                high * 0.8,
                colour(step.kind),
                xml(&step.name),
            );
        }
        if let Some((at, how)) = &row.ended {
            let _ = writeln!(
                svg,
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"4\" height=\"{high:.1}\" fill=\"#c00000\"><title>{address}: {}</title></rect>",
                x(*at) - 2.0,
                xml(how)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn rows(events: &[Event]) -> BTreeMap<TargetIx, Row> {
    let mut rows: BTreeMap<TargetIx, Row> = BTreeMap::new();
    for Event { at, what } in events {
        match what {
            What::Host { host, event: HostEvent::Opened } => {
                rows.entry(*host).or_insert_with(|| Row { opened: *at, ..Row::default() });
            }
            What::Step { host, step, event: StepEvent::Started { .. } } => {
                rows.entry(*host).or_default().bars.push(Bar { step: *step, from: *at, to: None });
            }
            What::Step { host, step, event: StepEvent::Passed { .. } | StepEvent::Tolerated { .. } } => {
                close(rows.entry(*host).or_default(), *at, |bar| bar.step == *step);
            }
            What::Host { host, event } => {
                let how = match event {
                    HostEvent::Failed { because, .. } => format!("failed: {because}"),
                    HostEvent::Lost { because, .. } => format!("in doubt: {because}"),
                    HostEvent::Skipped { because } => format!("skipped: {because}"),
                    _ => continue,
                };
                let row = rows.entry(*host).or_insert_with(|| Row { opened: *at, ..Row::default() });
                close(row, *at, |_| true);
                row.ended = Some((*at, how));
            }
            _ => {}
        }
    }
    rows
}

fn close(row: &mut Row, at: Ms, which: impl Fn(&Bar) -> bool) {
    let open = row.bars.iter_mut().filter(|bar| bar.to.is_none() && which(bar));
    open.for_each(|bar| bar.to = Some(at));
}

fn colour(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Drain => "#f2c14e",
        StepKind::Stop | StepKind::WaitDown => "#e07a5f",
        StepKind::Start | StepKind::Restart | StepKind::Reboot => "#8d5a97",
        StepKind::WaitUp => "#3d8b6e",
        StepKind::Run => "#457b9d",
        StepKind::Verify | StepKind::Until => "#a8c5da",
        StepKind::Pause | StepKind::Approve => "#b0b0b0",
    }
}

fn legend(svg: &mut String, plan: &Plan) {
    let mut x = 8.0;
    let mut seen: Vec<&str> = Vec::new();
    for step in &plan.steps {
        if seen.contains(&step.name.as_str()) || seen.len() == 12 {
            continue;
        }
        seen.push(&step.name);
        let name: String = step.name.chars().take(24).collect();
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.0}\" y=\"28\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{:.0}\" y=\"37\">{}</text>",
            colour(step.kind),
            x + 14.0,
            xml(&name)
        );
        x += 30.0 + 7.0 * name.chars().count() as f64;
    }
}

/// A line every so many seconds, with its time; at most a dozen.
fn axis(svg: &mut String, took: Ms, x: &impl Fn(Ms) -> f64, begin: Ms, height: f64) {
    let steps = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400, 604_800].map(|seconds| seconds * 1000);
    let every = steps.into_iter().find(|every| took / every <= 12).unwrap_or(took.max(1));
    for at in (0..=took).step_by(usize::try_from(every).unwrap_or(usize::MAX)) {
        let (x, label) = (x(begin + at), duration::print(Duration::from_millis(at)));
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{:.0}\" x2=\"{x:.1}\" y2=\"{height:.0}\" stroke=\"#dddddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\" fill=\"#555555\">{label}</text>",
            TOP - 4.0,
            TOP - 8.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples;

    fn event(at: Ms, what: What) -> Event {
        Event { at, what }
    }

    #[test]
    fn a_row_for_each_host_a_bar_for_each_step_and_a_mark_where_it_failed() {
        let mut plan = samples::six_hosts();
        plan.steps[0].name = "<drain>".into();
        let started = |at, host, step| event(at, What::Step { host, step, event: StepEvent::Started { attempt: 1 } });
        let events = [
            event(0, What::Host { host: 1, event: HostEvent::Opened }),
            started(0, 1, 0),
            event(
                60_000,
                What::Step { host: 1, step: 0, event: StepEvent::Passed { attempt: 1, proof: String::new() } },
            ),
            event(70_000, What::Host { host: 0, event: HostEvent::Opened }),
            started(70_000, 0, 0),
            event(90_000, What::Host { host: 0, event: HostEvent::Failed { step: 0, because: "a & b".into() } }),
            event(120_000, What::Host { host: 1, event: HostEvent::Done }),
        ];
        let svg = gantt_svg(&plan, &events, "a \"title\"");
        assert!(
            svg.contains("<text x=\"8\" y=\"18\" font-size=\"14\" font-weight=\"bold\">a &quot;title&quot;</text>")
        );
        let second = plan.nodes[plan.hosts[1].node].address.to_string();
        let first = plan.nodes[plan.hosts[0].node].address.to_string();
        assert!(svg.contains(&format!("<title>{second} &lt;drain&gt;, 60 s</title>")), "{svg}");
        assert!(svg.contains(&format!("<title>{first} &lt;drain&gt;, 20 s</title>")), "{svg}");
        assert!(svg.contains(&format!("<title>{first}: failed: a &amp; b</title>")), "{svg}");
        assert!(
            svg.find(&format!("\">{second}</text>")) < svg.find(&format!("\">{first}</text>")),
            "in order of opening"
        );
        assert!(!svg.contains("<drain>"));
    }
}
