//! How long a node's word on whom it cannot reach may be relied on (semantics.md §4, "Reachability").

/// Slowest answer that is reckoned with, in milliseconds: `describecluster` waits up to 10 s for a dead node (lab).
pub const SLOWEST_MS: u64 = 10_000;

/// The least such time: a cut is harmful from its first second (lab: 15 s after one, 90 of 4 000 requests timed out),
/// and hosts that are taken out together share the answers anyway.
const FLOOR_MS: u64 = 15_000;

/// The most to which slow answers may stretch that time.
pub const SLOW_MS: u64 = 60_000;

/// Milliseconds, counted from the answer: max(15 s, 1.5 × co-replicas / 16 × slowest answer), for at most
/// 16 questions are under way at a time.
pub fn age_ms(co_replicas: usize, slowest_ms: u64) -> u64 {
    (co_replicas as u64 * slowest_ms * 3 / 32).max(FLOOR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_seconds_at_least_and_more_for_many_neighbours() {
        assert_eq!(age_ms(4, SLOWEST_MS), 15_000);
        assert_eq!(age_ms(640, SLOWEST_MS), 600_000);
    }
}
