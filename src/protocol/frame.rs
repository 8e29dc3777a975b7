//! Frames: a big-endian `u32` length, then that many bytes of JSON, 1 to 16 KiB.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest body of a frame in bytes.
pub const FRAME_MAX: usize = 16 * 1024;
/// Bytes of the length in front of the body.
pub const HEADER_LEN: usize = 4;

/// Why a frame cannot be read or written. After any of these the connection is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Announced length is 0 or above [`FRAME_MAX`].
    #[error("a frame of {0} bytes is outside 1..=16384")]
    Length(usize),
    /// The body is not UTF-8 JSON with an object at the top.
    #[error("the frame is not a JSON object")]
    NotJson,
    /// The body is a JSON object that is not one of ours. The connection can go on after an error reply.
    #[error("the frame is not a known message: {0}")]
    NotMessage(String),
    /// The stream failed or ended inside a frame.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
}

/// Checks an announced length.
///
/// # Errors
/// [`FrameError::Length`] outside 1..=[`FRAME_MAX`].
pub fn body_len(header: [u8; HEADER_LEN]) -> Result<usize, FrameError> {
    let len = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if (1..=FRAME_MAX).contains(&len) { Ok(len) } else { Err(FrameError::Length(len)) }
}

/// Turns a body into a message.
///
/// # Errors
/// [`FrameError::NotJson`] for anything that is not a JSON object, [`FrameError::NotMessage`] for an object that is no `T`.
/// The text of the latter names the field, never its value.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    if body.first() != Some(&b'{') || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
        return Err(FrameError::NotJson);
    }
    serde_json::from_slice(body).map_err(|error| FrameError::NotMessage(without_values(&error)))
}

/// serde_json's text, less the parts that repeat the input (in backquotes or quotes).
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = text.rfind(" at line ").and_then(|at| text.get(at..)).unwrap_or_default();
    let kind = text.split(['`', '"', ':']).next().unwrap_or_default().trim();
    format!("{kind}{place}")
}

/// Turns a message into header and body.
///
/// # Errors
/// [`FrameError::Length`] when the message does not fit.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let body = serde_json::to_vec(message).map_err(|_| FrameError::NotJson)?;
    let len = u32::try_from(body.len()).map_err(|_| FrameError::Length(body.len()))?;
    if body.len() > FRAME_MAX {
        return Err(FrameError::Length(body.len()));
    }
    let mut frame = Vec::with_capacity(HEADER_LEN + body.len());
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// Reads one body from a blocking stream; `None` at a clean end. Deadlines are the caller's (socket timeouts).
///
/// # Errors
/// See [`FrameError`].
pub fn read_body(stream: &mut impl Read) -> Result<Option<Vec<u8>>, FrameError> {
    let mut header = [0; HEADER_LEN];
    if let Err(error) = stream.read_exact(&mut header) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error.into()) };
    }
    let mut body = vec![0; body_len(header)?];
    stream.read_exact(&mut body)?;
    Ok(Some(body))
}

/// Writes one message to a blocking stream.
///
/// # Errors
/// See [`FrameError`].
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?)?;
    stream.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, Response};

    #[test]
    fn a_frame_reads_back_as_written() {
        let frame = encode(&Request::List {}).unwrap();
        let body = read_body(&mut frame.as_slice()).unwrap().unwrap();
        assert_eq!(decode::<Request>(&body).unwrap(), Request::List {});
    }

    #[test]
    fn lengths_outside_the_bounds_are_refused_before_a_byte_is_allocated() {
        for header in [[0; 4], [0x7f, 0xff, 0xff, 0xff], [0xff; 4], 16385_u32.to_be_bytes()] {
            assert!(matches!(body_len(header), Err(FrameError::Length(_))));
        }
        assert_eq!(body_len(16384_u32.to_be_bytes()).unwrap(), 16384);
    }

    #[test]
    fn what_is_not_an_object_is_no_json_and_a_strange_object_is_no_message() {
        for body in [&b"[]"[..], b"\xff\xff", b"{", b"7", b"{\"op\":\"list\"} x", "[".repeat(9000).as_bytes()]
        {
            assert!(matches!(decode::<Request>(body), Err(FrameError::NotJson)), "{body:?}");
        }
        let deep = format!("{{\"op\":{}", "[".repeat(9000));
        assert!(matches!(decode::<Request>(deep.as_bytes()), Err(FrameError::NotJson)));
        assert!(matches!(decode::<Request>(br#"{"op":"nosuch"}"#), Err(FrameError::NotMessage(_))));
    }

    #[test]
    fn an_error_never_repeats_a_value() {
        let error = decode::<Request>(br#"{"op":"start","user":"S3cret pass"}"#).unwrap_err().to_string();
        assert!(!error.contains("S3cret"), "{error}");
        let error = decode::<Request>(br#"{"op":"S3cret"}"#).unwrap_err().to_string();
        assert!(!error.contains("S3cret"), "{error}");
    }

    #[test]
    fn a_message_that_does_not_fit_is_refused() {
        let lines = vec!["x".repeat(FRAME_MAX)];
        assert!(matches!(encode(&Response::Journal { lines }), Err(FrameError::Length(_))));
    }
}
