//! A plan as a picture: who goes out in which wave, and who may never be out together. SVG, and a page that holds it.

use super::facts::bound;
use super::text::plan_text;
use crate::plan::conflict::Conflicts;
use crate::plan::level::Room;
use crate::plan::model::{NodeIx, Plan, PlanFile};
use crate::playbook::model::Strategy;
use crate::report::plain::xml;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// No row is wider; a picture is as wide as what is in it.
const WIDTH: usize = 960;
/// Sentences are broken, so that a picture of few hosts fits a narrow window.
const SENTENCE: usize = 58;
const LEFT: usize = 90;
/// So many hosts have boxes with their addresses in them; of more each is a small square.
const NAMED: usize = 240;
/// Of more hosts the racks are shown against each other.
const MATRIX: usize = 48;
/// One a rack, in turn; readable with black text on them.
const COLOURS: [&str; 12] = [
    "#a6cee3", "#b2df8a", "#fdbf6f", "#cab2d6", "#fb9a99", "#ffff99", "#8dd3c7", "#d9d9d9", "#80b1d3", "#bebada",
    "#fccde5", "#ccebc5",
];
const CONFLICT: &str = "#4a4a4a";
/// They share a range that can spare both.
const SPARED: &str = "#a9a9a9";

/// A data centre and a rack of it.
type Place<'a> = (&'a str, &'a str);

pub fn plan_svg(file: &PlanFile) -> String {
    let plan = &file.plan;
    let nodes: Vec<NodeIx> =
        file.estimate.waves.iter().flat_map(|wave| &wave.hosts).map(|host| plan.hosts[host.target].node).collect();
    let places: BTreeSet<Place> = nodes.iter().map(|node| place(plan, *node)).collect();
    let colours: BTreeMap<Place, &str> =
        places.iter().enumerate().map(|(at, place)| (*place, COLOURS[at % COLOURS.len()])).collect();
    let mut drawn = Drawing::default();
    let mut y = 26;
    y = drawn.sentence(y, "bold", &format!("{} on cluster {}: who goes out together", plan.name, plan.cluster));
    y = legend(&mut drawn, &colours, y + 4);
    y = waves(&mut drawn, file, &colours, y + 12);
    y = drawn.sentence(y + 18, "normal", &bound(file)) + 18;
    let spares = plan.phases.iter().all(|phase| phase.strategy == Strategy::Availability);
    let grey = if spares { "; grey where it can spare both" } else { "" };
    y = if nodes.len() <= MATRIX {
        let what = format!("who may never be out together: dark where two share a range that protects{grey}");
        y = drawn.sentence(y, "bold", &what);
        matrix(&mut drawn, plan, &nodes, &colours, y - 4)
    } else {
        let what = "who may never be out together: the darker, the more pairs of hosts share a range that protects";
        y = drawn.sentence(y, "bold", what);
        racks(&mut drawn, plan, &nodes, &colours, y - 4)
    };
    let (wide, high) = (drawn.wide + 8, y + 16);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
        xml(&plan.name),
        drawn.body
    )
}

/// The picture above the text.
pub fn plan_html(file: &PlanFile) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
         <style>body {{ margin: 1rem auto; max-width: 70rem; padding: 0 1rem; font-family: sans-serif }} \
         pre, div {{ overflow-x: auto }}</style>\n</head>\n<body>\n<div>\n{}</div>\n<pre>{}</pre>\n</body>\n</html>\n",
        plan_svg(file),
        xml_lines(&plan_text(file, None)),
        name = xml(&file.plan.name)
    )
}

fn xml_lines(text: &str) -> String {
    text.lines().map(|line| xml(line) + "\n").collect()
}

fn place(plan: &Plan, node: NodeIx) -> Place<'_> {
    (&plan.nodes[node].datacenter, &plan.nodes[node].rack)
}

/// What was drawn so far, and how far to the right.
#[derive(Default)]
struct Drawing {
    body: String,
    wide: usize,
}

impl Drawing {
    fn line(&mut self, x: usize, y: usize, weight: &str, text: &str) {
        let _ = writeln!(self.body, "<text x=\"{x}\" y=\"{y}\" font-weight=\"{weight}\">{}</text>", xml(text));
        self.wide = self.wide.max(x + 7 * text.chars().count());
    }

    /// Over as many lines as it takes; the `y` of the next.
    fn sentence(&mut self, mut y: usize, weight: &str, text: &str) -> usize {
        let mut row = String::new();
        for word in text.split(' ') {
            if !row.is_empty() && row.chars().count() + word.chars().count() >= SENTENCE {
                self.line(8, y, weight, &row);
                (row, y) = (String::new(), y + 16);
            }
            row.extend([if row.is_empty() { "" } else { " " }, word]);
        }
        self.line(8, y, weight, &row);
        y + 16
    }

    fn square(&mut self, (x, y): (usize, usize), (width, height): (usize, usize), fill: &str, title: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"><title>{}</title></rect>",
            xml(title)
        );
        self.wide = self.wide.max(x + width);
    }
}

fn legend(out: &mut Drawing, colours: &BTreeMap<Place, &str>, mut y: usize) -> usize {
    let mut x = 8;
    for ((datacenter, rack), colour) in colours.iter().take(36) {
        let name = format!("{datacenter} {rack}");
        let wide = 30 + 7 * name.chars().count();
        if x + wide > WIDTH {
            (x, y) = (8, y + 18);
        }
        out.square((x, y - 10), (12, 12), colour, &name);
        out.line(x + 16, y, "normal", &name);
        x += wide;
    }
    if colours.len() > 36 {
        out.line(x, y, "normal", &format!("and {} racks more", colours.len() - 36));
    }
    y + 8
}

/// A row a wave; each host is a box of its rack's colour, and says why it does not come sooner.
fn waves(out: &mut Drawing, file: &PlanFile, colours: &BTreeMap<Place, &str>, mut y: usize) -> usize {
    let plan = &file.plan;
    let all: usize = file.estimate.waves.iter().map(|wave| wave.hosts.len()).sum();
    let named = all <= NAMED;
    let (wide, high) = if named { (104, 18) } else { (9, 12) };
    let mut phase = usize::MAX;
    for (number, wave) in file.estimate.waves.iter().enumerate() {
        if plan.phases.len() > 1 && wave.phase != phase {
            phase = wave.phase;
            out.line(8, y + 13, "bold", &format!("phase {}", plan.phases[phase].name.as_deref().unwrap_or("")));
            y += 20;
        }
        out.line(8, y + high / 2 + 4, "normal", &format!("wave {}", number + 1));
        let mut x = LEFT;
        for host in &wave.hosts {
            if x + wide > WIDTH {
                (x, y) = (LEFT, y + high + 2);
            }
            let node = plan.hosts[host.target].node;
            let (datacenter, rack) = place(plan, node);
            let why = host.because.as_ref().map_or(String::new(), |why| format!("; not sooner, because {why}"));
            let title = format!("{} {datacenter} {rack}{why}", host.address);
            out.square((x, y), (wide - 2, high), colours[&(datacenter, rack)], &title);
            if named {
                out.line(x + 4, y + 13, "normal", &host.address.to_string());
            }
            x += wide;
        }
        y += high + 4;
    }
    y
}

/// Host against host, in the order of the waves.
fn matrix(out: &mut Drawing, plan: &Plan, nodes: &[NodeIx], colours: &BTreeMap<Place, &str>, y: usize) -> usize {
    let conflicts = Conflicts::of(plan);
    let rooms: Vec<Room> = plan.phases.iter().map(|phase| Room::of(plan, phase)).collect();
    let side = 12;
    let left = LEFT + 50;
    for (row, a) in nodes.iter().enumerate() {
        let (at, address) = (y + row * side, plan.nodes[*a].address);
        out.line(8, at + 10, "normal", &address.to_string());
        out.square((left - 10, at), (6, side - 1), colours[&place(plan, *a)], &address.to_string());
        for (column, b) in nodes.iter().enumerate() {
            let shared = conflicts.share(*a, *b);
            let never = plan.phases.iter().zip(&rooms).any(|(phase, room)| {
                let by_pairs = phase.strategy != Strategy::Availability && shared;
                by_pairs || room.broken_by_two(conflicts.unit(*a), conflicts.unit(*b)).is_some()
            });
            let (fill, why) = match (shared, never) {
                (_, true) => (CONFLICT, conflicts.why(Strategy::Topology, *a, *b)),
                (true, false) => (SPARED, conflicts.why(Strategy::Topology, *a, *b) + ", which can spare both"),
                _ => ("#eeeeee", format!("{address} and {} may be out together", plan.nodes[*b].address)),
            };
            let title = if a == b { address.to_string() } else { why };
            out.square((left + column * side, at), (side - 1, side - 1), fill, &title);
        }
    }
    y + nodes.len() * side
}

/// Rack against rack: the darker, the more pairs of hosts share a range.
fn racks(out: &mut Drawing, plan: &Plan, nodes: &[NodeIx], colours: &BTreeMap<Place, &str>, y: usize) -> usize {
    let conflicts = Conflicts::of(plan);
    let mut of: BTreeMap<Place, Vec<NodeIx>> = BTreeMap::new();
    nodes.iter().for_each(|node| of.entry(place(plan, *node)).or_default().push(*node));
    let side = (700 / of.len()).clamp(4, 24);
    let longest = of.keys().map(|(datacenter, rack)| datacenter.chars().count() + rack.chars().count() + 1).max();
    let left = 24 + 7 * longest.unwrap_or(0).min(24);
    for (row, (a, mine)) in of.iter().enumerate() {
        let at = y + row * side;
        let name = format!("{} {}", a.0, a.1);
        if side >= 10 {
            out.line(8, at + 10, "normal", &name);
        }
        out.square((left - 10, at), (6, side - 1), colours[a], &name);
        for (column, (b, others)) in of.iter().enumerate() {
            let pairs = mine.len() * others.len() - if a == b { mine.len() } else { 0 };
            let shared: usize =
                mine.iter().map(|node| others.iter().filter(|other| conflicts.share(*node, **other)).count()).sum();
            let grey = 238 - (164 * shared).checked_div(pairs).unwrap_or(0);
            let title = format!("{name} and {} {}: {shared} of {pairs} pairs share a range", b.0, b.1);
            let fill = format!("#{grey:02x}{grey:02x}{grey:02x}");
            out.square((left + column * side, at), (side - 1, side - 1), &fill, &title);
        }
    }
    y + of.len() * side
}
