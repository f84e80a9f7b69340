//! Ask the cluster, or read a snapshot file → Topology. Preflight.
