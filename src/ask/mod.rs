//! One question to one node, as text: the plan's words, a deadline, one call at a time a node.
