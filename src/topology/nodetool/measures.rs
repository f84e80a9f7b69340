//! One number each of `compactionstats`, `tpstats`, `listpendinghints`, `proxyhistograms`, of `df -P` and of the load.

use super::parse_error::{ParseError, end, whole_lines};

const COMPACTIONS: &str = "compactionstats";
const POOLS: &str = "tpstats";
const HINTS: &str = "listpendinghints";
const DISK: &str = "df -P";
const LATENCIES: &str = "proxyhistograms";
const LOAD: &str = "cat /proc/loadavg && nproc";
const NO_HINTS: &str = "This node does not have any pending hints";

/// Compactions that wait: `pending tasks: 3` (up to 4.1), `pending tasks      3` in a table (5.0).
pub fn parse_pending_compactions(text: &str) -> Result<u64, ParseError> {
    let lines = whole_lines(COMPACTIONS, text)?;
    let line = lines.iter().find(|line| line.text.starts_with("pending tasks"));
    let line = line.ok_or_else(|| end(COMPACTIONS, &lines).error("`pending tasks` is missing"))?;
    let value = line.text["pending tasks".len()..].trim_start_matches(':').trim();
    value.parse().map_err(|_| line.error(format!("`{value}` is no number of tasks")))
}

/// Tasks of repairs, active and pending: of the pools that validate (`ValidationExecutor`), coordinate
/// (`AntiEntropyStage`) and start them (`Repair-Task`). A pool `Repair#…` is there as long as the repair that this node
/// coordinates runs, and shows no task while that waits for other nodes (lab: 27 s of nothing but zeros): it counts as one.
pub fn parse_repair_tasks(text: &str) -> Result<u64, ParseError> {
    let lines = whole_lines(POOLS, text)?;
    let header = lines.first().filter(|line| line.text.starts_with("Pool Name"));
    if header.is_none() {
        return Err(lines[0].error("expected `Pool Name`"));
    }
    let mut tasks = 0;
    for line in lines.iter().skip(1).take_while(|line| !line.blank()) {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let [name, active, pending, ..] = words[..] else {
            return Err(line.error("expected a pool with its numbers"));
        };
        let repairs = name == "AntiEntropyStage" || name == "ValidationExecutor" || name.starts_with("Repair");
        let mut here = 0;
        for number in [active, pending].into_iter().filter(|_| repairs) {
            here += number.parse::<u64>().map_err(|_| line.error(format!("`{number}` is no number of tasks")))?;
        }
        tasks += here.max(u64::from(name.starts_with("Repair#")));
    }
    Ok(tasks)
}

/// Nodes for which there are hints in closed files. None is necessary, not sufficient, for all having been delivered.
pub fn parse_pending_hints(text: &str) -> Result<u64, ParseError> {
    let lines = whole_lines(HINTS, text)?;
    if lines[0].text.trim_end() == NO_HINTS {
        return Ok(0);
    }
    if !lines[0].text.starts_with("Host ID") {
        return Err(lines[0].error("expected a table of hosts, or the sentence that there are no hints"));
    }
    Ok(lines.iter().skip(1).filter(|line| !line.blank()).count() as u64)
}

/// Percent that are free: what the column `Capacity` leaves of a hundred.
pub fn parse_disk_free(text: &str) -> Result<u64, ParseError> {
    let lines = whole_lines(DISK, text)?;
    let last = end(DISK, &lines);
    let row = lines.iter().skip(1).find(|line| !line.blank()).ok_or_else(|| last.error("there is no file system"))?;
    let used = row.text.split_whitespace().nth(4).and_then(|word| word.strip_suffix('%')?.parse::<u64>().ok());
    let used = used.filter(|used| *used <= 100).ok_or_else(|| row.error("expected its use in percent"))?;
    Ok(100 - used)
}

/// 99th percentiles of late, as this node sees them as a coordinator, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latencies {
    pub read: f64,
    pub write: f64,
}

/// The row `99%` of a table in microseconds whose first two columns are reads and writes. A node that coordinated
/// nothing of late prints 0.00.
pub fn parse_latencies(text: &str) -> Result<Latencies, ParseError> {
    let lines = whole_lines(LATENCIES, text)?;
    let header = lines.iter().find(|line| line.text.starts_with("Percentile"));
    let header = header.ok_or_else(|| end(LATENCIES, &lines).error("`Percentile` is missing"))?;
    let columns: Vec<&str> = header.text.split_whitespace().skip(1).collect();
    if columns.get(..4) != Some(&["Read", "Latency", "Write", "Latency"]) {
        return Err(header.error("expected the columns `Read Latency` and `Write Latency`"));
    }
    let units = lines.iter().find(|line| line.number == header.number + 1);
    if units.is_none_or(|line| line.text.split_whitespace().take(2).any(|unit| unit != "(micros)")) {
        return Err(units.unwrap_or(header).error("expected microseconds"));
    }
    let row = lines.iter().find(|line| line.text.starts_with("99%"));
    let row = row.ok_or_else(|| end(LATENCIES, &lines).error("`99%` is missing"))?;
    let mut numbers = row.text.split_whitespace().skip(1).map(|word| {
        let number: Option<f64> = word.parse().ok();
        // a histogram that overflowed knows no percentile
        let known = number.filter(|number| number.is_finite() && *number >= 0.0);
        known.map(|micros| micros / 1000.0).ok_or_else(|| row.error(format!("`{word}` is no number of microseconds")))
    });
    let mut next = || numbers.next().unwrap_or_else(|| Err(row.error("a latency is missing")));
    Ok(Latencies { read: next()?, write: next()? })
}

/// The load average of one minute for each CPU, from `/proc/loadavg` and, a line below, the number of CPUs.
pub fn parse_load(text: &str) -> Result<f64, ParseError> {
    let lines = whole_lines(LOAD, text)?;
    let load = lines[0].text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let load = load.filter(|load| load.is_finite() && *load >= 0.0).ok_or_else(|| lines[0].error("expected a load"))?;
    let second = lines.get(1).ok_or_else(|| end(LOAD, &lines).error("the number of CPUs is missing"))?;
    let cpus: u32 = second.text.trim().parse().map_err(|_| second.error("expected a number of CPUs"))?;
    if cpus == 0 {
        return Err(second.error("expected a number of CPUs"));
    }
    Ok(load / f64::from(cpus))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn captured(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nodetool");
        std::fs::read_to_string(root.join(path)).unwrap()
    }

    #[test]
    fn what_real_nodes_printed_is_read() {
        for release in ["4.1.10", "5.0.5"] {
            let of = |command: &str| captured(&format!("{release}/all-up/h2/{command}.out"));
            assert_eq!(parse_pending_compactions(&of("compactionstats")), Ok(0), "{release}");
            assert_eq!(parse_repair_tasks(&of("tpstats")), Ok(0), "{release}");
            assert_eq!(parse_pending_hints(&of("listpendinghints")), Ok(0), "{release}");
        }
        assert_eq!(parse_pending_hints(&captured("5.0.5/hints-after-return/h1/listpendinghints.out")), Ok(1));
        assert_eq!(parse_pending_compactions(&captured("5.0.5/compacting/h2/compactionstats.out")), Ok(1));
        // a repair that waits for a slow node: its pool is there, and has neither active nor pending tasks
        assert_eq!(parse_repair_tasks(&captured("5.0.5/repairing/h5/tpstats.out")), Ok(1));
    }

    #[test]
    fn latencies_are_read_in_milliseconds_and_a_load_for_each_cpu() {
        let idle = captured("5.0.5/all-up/h1/proxyhistograms.out");
        assert_eq!(parse_latencies(&idle), Ok(Latencies { read: 0.0, write: 0.0 }));
        let busy = idle.replace(
            "99%                      0.00               0.00",
            "99%                  61214.00            8409.01",
        );
        assert_eq!(parse_latencies(&busy), Ok(Latencies { read: 61.214, write: 8.40901 }));
        for (from, to) in [
            ("99%  ", "97%  "),
            ("(micros)", "(millis)"),
            ("Read Latency", "Latency of reads"),
            ("99%                      0.00", "99%                       NaN"),
        ] {
            assert!(parse_latencies(&idle.replacen(from, to, 1)).is_err(), "{to}");
        }
        assert_eq!(parse_load("1.50 1.23 0.80 5/424 1123\n2\n"), Ok(0.75));
        for text in ["1.50 1.23\n", "1.50\n0\n", "x\n2\n", "-1 2\n2\n", "NaN 2\n2\n"] {
            assert!(parse_load(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_and_anything_else_is_not_taken_for_none() {
        assert_eq!(parse_pending_compactions("pending tasks: 12\n- orders.load: 12\n\n"), Ok(12));
        assert!(parse_pending_compactions("nothing of that\n").is_err());
        assert!(parse_pending_compactions("pending tasks: many\n").is_err());
        let pools = "Pool Name   Active Pending Completed Blocked All time blocked\n";
        let busy = "ValidationExecutor 1 2 0 0 0\nRepair#1 1 0 0 0 0\nReadStage 9 9 9 0 0\n";
        assert_eq!(parse_repair_tasks(&format!("{pools}{busy}\nLatencies\n")), Ok(4));
        assert!(parse_repair_tasks(&format!("{pools}ValidationExecutor x 0 0 0 0\n")).is_err());
        assert!(parse_repair_tasks("error\n").is_err());
        assert!(parse_pending_hints("nodetool: Found unexpected parameters: [listpendinghints]\n").is_err());
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
        assert_eq!(parse_disk_free(&format!("{df}/dev/sda1 100 70 30 70% /var/lib\n")), Ok(30));
        assert!(parse_disk_free(df).is_err());
        assert!(parse_disk_free(&format!("{df}/dev/sda1 100 70 30 - /\n")).is_err());
    }
}
