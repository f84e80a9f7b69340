//! Writing from a thread of its own: a terminal that stands still (Ctrl-S), or a pipe that nobody empties,
//! must not hold up a run that has hosts out of service.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// So long the end of a program waits for what is not yet written.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Takes everything at once; what cannot be written is lost, never an error.
pub struct Detached {
    lines: Option<Sender<Vec<u8>>>,
    done: Receiver<()>,
}

impl Detached {
    /// # Errors
    /// When no thread can be made.
    pub fn new(mut out: impl Write + Send + 'static) -> io::Result<Detached> {
        let (lines, queue) = channel::<Vec<u8>>();
        let (finished, done) = channel();
        thread::Builder::new().name("display".into()).spawn(move || {
            for line in queue {
                // A reader that went away stays away.
                let _ = out.write_all(&line).and_then(|()| out.flush());
            }
            let _ = finished.send(());
        })?;
        Ok(Detached { lines: Some(lines), done })
    }
}

impl Write for Detached {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(lines) = &self.lines {
            let _ = lines.send(bytes.to_vec());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        // No more lines: the thread ends once the last is written.
        self.lines = None;
        let _ = self.done.recv_timeout(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    struct Kept(Arc<Mutex<Vec<u8>>>, Duration);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            thread::sleep(self.1);
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_is_written_before_the_end_in_order() {
        let kept = Arc::default();
        let mut out = Detached::new(Kept(Arc::clone(&kept), Duration::from_millis(5))).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            out.write_all(line.as_bytes()).unwrap();
        }
        drop(out);
        assert_eq!(kept.lock().unwrap().as_slice(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn who_never_reads_holds_up_neither_the_run_nor_its_end() {
        let mut out = Detached::new(Kept(Arc::default(), Duration::from_secs(600))).unwrap();
        let begun = Instant::now();
        for _ in 0..1000 {
            out.write_all(b"line\n").unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(1));
        drop(out);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
