//! As much of HTTP and websocket as a proxy must understand to lose a message whole.

use std::io::{self, Read};

/// A longer head is no websocket handshake, bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// A longer frame is nothing that Asterisk or Carillon would send, bytes.
const FRAME_BYTES_MAX: u64 = 64 << 20;
const TEXT: u8 = 1;

/// One frame, as it travels and as it reads.
pub(super) struct Frame {
    /// With its header and mask, to be passed on as it is.
    pub(super) raw: Vec<u8>,
    /// The text of an unfragmented text frame, unmasked; empty for every other frame.
    pub(super) text: Vec<u8>,
}

/// Reads a request's or an answer's head, with the empty line; or the one line that Asterisk's manager interface greets with.
pub(super) fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    let greets = |head: &[u8]| head.starts_with(super::manager::GREETING) && head.ends_with(b"\r\n");
    while !head.ends_with(b"\r\n\r\n") && !greets(&head) {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(head)
}

/// Reads one frame.
pub(super) fn read_frame(stream: &mut impl Read) -> io::Result<Frame> {
    let mut raw = vec![0; 2];
    stream.read_exact(&mut raw)?;
    let (is_whole_text, is_masked) = (raw[0] == 0x80 | TEXT, raw[1] & 0x80 != 0);
    let length_bytes = match raw[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut length = u64::from(raw[1] & 0x7f);
    if length_bytes > 0 {
        let at = raw.len();
        raw.resize(at + length_bytes, 0);
        stream.read_exact(&mut raw[at..])?;
        length = raw[at..].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    }
    if length > FRAME_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut mask = [0; 4];
    if is_masked {
        stream.read_exact(&mut mask)?;
        raw.extend_from_slice(&mask);
    }
    let at = raw.len();
    raw.resize(at + length as usize, 0);
    stream.read_exact(&mut raw[at..])?;
    let mut text = Vec::new();
    if is_whole_text {
        text.extend(raw[at..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    Ok(Frame { raw, text })
}

/// A text frame as a server sends it.
pub(super) fn server_text(text: &str) -> Vec<u8> {
    let mut raw = vec![0x80 | TEXT];
    match text.len() {
        length @ 0..126 => raw.push(length as u8),
        length @ 126..65_536 => {
            raw.push(126);
            raw.extend((length as u16).to_be_bytes());
        }
        length => {
            raw.push(127);
            raw.extend((length as u64).to_be_bytes());
        }
    }
    raw.extend_from_slice(text.as_bytes());
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_reads_as_it_was_said_at_every_length() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 70_000] {
            let raw = server_text(&"x".repeat(length));
            let frame = read_frame(&mut &raw[..]).unwrap();
            assert_eq!((frame.raw, frame.text.len()), (raw, length));
        }
    }

    #[test]
    fn a_masked_text_is_unmasked_and_other_frames_have_none() {
        let masked = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
        assert_eq!(read_frame(&mut &masked[..]).unwrap().text, b"hi");
        for other in [[0x89, 0x01, b'p'], [0x01, 0x01, b'a']] {
            assert!(read_frame(&mut &other[..]).unwrap().text.is_empty(), "a ping, and a part of a text");
        }
        assert!(read_frame(&mut &[0x81, 0x05, b'a'][..]).is_err(), "cut");
    }
}
