//! What happened: folds of events, and the sentences that show a plan and a run. Pure.
