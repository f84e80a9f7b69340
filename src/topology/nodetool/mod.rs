//! Text that nodetool printed → facts. Fails closed: a line that does not parse is an error that
//! shows it; nothing is skipped, nothing is guessed (semantics.md §2, 1 and 2).
//!
//! One parser knows one text only: that a table was cut at the end of a line cannot always be seen
//! in it. Whoever needs the whole cluster compares several answers (`discover`).

mod address;
mod describecluster;
mod describering;
mod gossipinfo;
mod hint_window;
mod info;
mod measures;
mod parse_error;
mod replication;
mod ring;
mod seeds;
mod status;
mod views;

pub use describecluster::parse_describecluster;
pub use describering::parse_describering;
pub use gossipinfo::parse_gossipinfo;
pub use hint_window::parse_hint_window;
pub use info::{parse_info, parse_netstats};
pub use measures::{
    Latencies, parse_disk_free, parse_latencies, parse_load, parse_pending_compactions, parse_pending_hints,
    parse_repair_tasks,
};
pub use parse_error::{ParseError, shown};
pub use replication::parse_replication;
pub use ring::parse_ring;
pub use seeds::parse_getseeds;
pub use status::parse_status;
pub use views::*;
