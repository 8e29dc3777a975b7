//! Lines of a user's server: made harmless, and cut so that they fit an answer.

use hubgate_protocol::frame::{FRAME_MAX, encode};
use hubgate_protocol::{Response, ServerStatus};

/// Longest line handed on, in bytes.
pub const LINE_MAX: usize = 1024;
/// Longest status text handed on, in bytes (the protocol's bound).
pub const STATUS_MAX: usize = 512;

/// Replaces what could move a terminal's cursor or break a line, and cuts at `max` bytes between two characters.
#[must_use]
pub fn harmless(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let shown = match c {
            '\t' => ' ',
            c if c.is_control() || is_format(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        if out.len() + shown.len_utf8() > max {
            break;
        }
        out.push(shown);
    }
    out
}

/// Line separators and the marks that turn the direction of text: invisible, and able to hide what a line says.
fn is_format(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The last lines of `raw` as a journal answer: harmless, at most `count`, and few enough to fit a frame.
#[must_use]
pub fn journal(raw: &[String], count: usize) -> Response {
    let skip = raw.len().saturating_sub(count);
    let mut lines: Vec<String> = raw.iter().skip(skip).map(|line| harmless(line, LINE_MAX)).collect();
    let mut room = FRAME_MAX;
    // The JSON form of a line is at most what `encode` says for the whole; the newest lines are worth most.
    let kept = lines.iter().rev().take_while(|line| fits(line, &mut room)).count();
    let lines = lines.split_off(lines.len() - kept);
    Response::Journal { lines }
}

fn fits(line: &str, room: &mut usize) -> bool {
    let json = serde_json::to_string(line).map_or(FRAME_MAX, |json| json.len()) + 1;
    let frame = "{\"reply\":\"journal\",\"lines\":[]}".len();
    if json + frame > *room {
        return false;
    }
    *room -= json;
    true
}

/// A list as answers that fit their frames, the last with `more: false`.
#[must_use]
pub fn pages(servers: Vec<ServerStatus>) -> Vec<Response> {
    let mut pages = Vec::new();
    let mut page = Vec::new();
    let mut used = 0;
    let envelope = 64;
    for server in servers {
        let len = encode(&server).map_or(0, |frame| frame.len());
        if used + len + envelope > FRAME_MAX && !page.is_empty() {
            pages.push(Response::Servers { servers: std::mem::take(&mut page), more: true });
            used = 0;
        }
        used += len;
        page.push(server);
    }
    pages.push(Response::Servers { servers: page, more: false });
    pages
}

#[cfg(test)]
mod tests {
    use hubgate_protocol::ServerId;

    use super::*;

    #[test]
    fn control_characters_and_direction_marks_are_replaced() {
        assert_eq!(
            harmless("a\x1b[31mb\r\nc\0\u{202e}d\te\u{9b}", 99),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}c\u{fffd}\u{fffd}d e\u{fffd}"
        );
    }

    #[test]
    fn a_cut_falls_between_two_characters() {
        assert_eq!(harmless("ééé", 5), "éé");
        assert_eq!(harmless("", 5), "");
    }

    #[test]
    fn a_journal_always_fits_its_frame_and_keeps_the_newest_lines() {
        for filler in ["x", "\"", "\\", "\u{1}", "é", "\u{fffd}"] {
            let raw: Vec<String> = (0..300).map(|n| format!("{}{n}", filler.repeat(900))).collect();
            let answer = journal(&raw, 200);
            assert!(encode(&answer).is_ok());
            let Response::Journal { lines } = answer else { panic!("{answer:?}") };
            assert!(lines.len() >= 5, "{}", lines.len());
            assert!(
                filler == "é"
                    || lines.last().unwrap().ends_with("299")
                    || lines.last().unwrap().len() >= 1000
            );
        }
    }

    #[test]
    fn no_more_lines_than_asked_for_are_given() {
        let raw: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        assert_eq!(journal(&raw, 2), Response::Journal { lines: vec!["7".to_owned(), "8".to_owned()] });
        assert_eq!(journal(&[], 2), Response::Journal { lines: vec![] });
    }

    #[test]
    fn a_long_list_is_cut_into_frames_and_none_is_lost() {
        let servers: Vec<ServerStatus> = (0..500)
            .map(|n| ServerId::default_of(format!("user{n}").parse().unwrap()))
            .map(|id| ServerStatus { status_text: "\u{1}".repeat(STATUS_MAX), ..ServerStatus::stopped(&id) })
            .collect();
        let pages = pages(servers.clone());
        let mut seen = Vec::new();
        for (n, page) in pages.iter().enumerate() {
            assert!(encode(page).is_ok());
            let Response::Servers { servers, more } = page else { panic!("{page:?}") };
            assert_eq!(*more, n + 1 < pages.len());
            seen.extend(servers.clone());
        }
        assert_eq!(seen, servers);
        assert_eq!(super::pages(vec![]), vec![Response::Servers { servers: vec![], more: false }]);
    }
}
