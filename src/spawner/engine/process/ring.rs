//! The last lines that a server wrote, in bounded memory.

use std::collections::VecDeque;

use crate::line::{LINE_MAX, harmless};

/// Most bytes kept of one server.
const BYTES_MAX: usize = 32 * 1024;

/// Lines, oldest first, and the line that is not finished yet.
#[derive(Debug, Default)]
pub struct Ring {
    lines: VecDeque<String>,
    bytes: usize,
    open: Vec<u8>,
}

impl Ring {
    /// Takes what was read from the server.
    pub fn take(&mut self, mut chunk: &[u8]) {
        while let Some(at) = chunk.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = chunk.split_at(at);
            self.grow(line);
            self.finish();
            chunk = rest.get(1..).unwrap_or_default();
        }
        self.grow(chunk);
    }

    /// Adds a line of the daemon's own.
    pub fn say(&mut self, text: &str) {
        if !self.open.is_empty() {
            self.finish();
        }
        self.push(harmless(text, LINE_MAX));
    }

    /// Takes out all lines that are finished.
    pub fn finished(&mut self) -> impl Iterator<Item = String> {
        self.bytes = 0;
        std::mem::take(&mut self.lines).into_iter()
    }

    /// The last `count` lines.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<String> {
        let open = (!self.open.is_empty()).then(|| self.open_text());
        let all = self.lines.len() + usize::from(open.is_some());
        self.lines.iter().cloned().chain(open).skip(all.saturating_sub(count)).collect()
    }

    /// The rest of a line that is longer than what is shown is not kept.
    fn grow(&mut self, part: &[u8]) {
        let room = LINE_MAX.saturating_sub(self.open.len());
        self.open.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
    }

    fn open_text(&self) -> String {
        harmless(String::from_utf8_lossy(&self.open).trim_end_matches('\r'), LINE_MAX)
    }

    fn finish(&mut self) {
        let line = self.open_text();
        self.open.clear();
        self.push(line);
    }

    fn push(&mut self, line: String) {
        // An empty line takes room too.
        self.bytes += line.len() + size_of::<String>();
        self.lines.push_back(line);
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + size_of::<String>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_they_were_written_however_they_were_cut() {
        let mut ring = Ring::default();
        for chunk in ["on", "e\ntw", "o\r\n", "\nfour"] {
            ring.take(chunk.as_bytes());
        }
        assert_eq!(ring.last(10), ["one", "two", "", "four"]);
        assert_eq!(ring.last(2), ["", "four"]);
        ring.say("end");
        assert_eq!(ring.last(2), ["four", "end"]);
        ring.take(b"five\nsi");
        assert_eq!(ring.finished().last().as_deref(), Some("five"));
        ring.take(b"x\n");
        assert_eq!(ring.finished().collect::<Vec<_>>(), ["six"]);
    }

    #[test]
    fn memory_is_bounded_whatever_a_server_writes() {
        let mut ring = Ring::default();
        for _ in 0..1000 {
            ring.take(&[b'x'; 100_000]);
        }
        assert_eq!(ring.last(9)[0].len(), LINE_MAX);
        for _ in 0..100_000 {
            ring.take(b"\n\xff\n");
        }
        assert!(ring.bytes <= BYTES_MAX && ring.lines.len() < 2000);
        assert_eq!(ring.last(1), ["\u{fffd}"]);
    }
}
