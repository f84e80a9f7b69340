//! The shell of the machine: processes, answers, signals, timers.
