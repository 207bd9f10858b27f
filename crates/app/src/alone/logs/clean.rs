//! Lines without anything that could make them look like other lines, whatever users called their things.
//!
//! Every line passes here, so that nobody who logs has to think of it: control characters, among them line breaks and the
//! beginnings of a terminal's commands, and the invisible marks of Unicode that turn the direction of a text round or hide
//! in it. They are written as escapes that JSON knows too.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// A writer whose lines are cleaned.
pub(super) struct Clean<W> {
    pub(super) to: W,
    /// Somebody reads it on a terminal, in colours: changes of colour, and no other command of a terminal, are kept, for
    /// most of them are the subscriber's own.
    pub(super) colours: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Clean<W> {
    type Writer = Clean<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Clean { to: self.to.make_writer(), colours: self.colours }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Clean { to: self.to.make_writer_for(meta), colours: self.colours }
    }
}

impl<W: Write> Write for Clean<W> {
    /// The subscriber hands over a line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.to.write_all(cleaned(&text, self.colours).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn cleaned(line: &str, colours: bool) -> Cow<'_, str> {
    let whole = line;
    let (line, end) = match line.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (line, ""),
    };
    if !line.contains(is_unfit) {
        return Cow::Borrowed(whole);
    }
    let mut out = String::with_capacity(line.len() + 16);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let colour = if colours { colour(rest) } else { 0 };
        if colour > 0 {
            out.push_str(&rest[..colour]);
            rest = &rest[colour..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unfit(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push_str(end);
    Cow::Owned(out)
}

/// Bytes of the change of colour that the text begins with; 0: with none.
fn colour(text: &str) -> usize {
    let Some(codes) = text.strip_prefix("\u{1b}[") else { return 0 };
    match codes.find(|c: char| !c.is_ascii_digit() && c != ';') {
        Some(length) if codes[length..].starts_with('m') => 2 + length + 1,
        _ => 0,
    }
}

/// Control characters, and what is not seen: marks of direction, joiners, separators of lines, fillers and tags.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a log of hostile words looks like.
    fn logged(json: bool, colours: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let builder = fmt().with_writer(Clean { to: move || writer.clone(), colours }).with_ansi(colours);
        let log = || {
            let why = "drill\u{202e}gnillaid\u{2066}\nWARN faked\u{7}\u{1b}[31m \u{e0041}";
            tracing::warn!(webhook.name = why, why = %why, quoted = ?why, "dialling is held: {why}");
        };
        match json {
            true => tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), log),
            false => tracing::subscriber::with_default(builder.finish(), log),
        }
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_mark_of_a_user_reaches_the_log() {
        for (json, colours) in [(false, false), (true, false), (false, true)] {
            let text = logged(json, colours);
            let line = text.strip_suffix('\n').unwrap();
            let seen = if colours { without_colours(line) } else { line.to_owned() };
            assert!(!seen.contains(is_unfit), "{seen:?}");
            assert!(seen.contains("202e") && seen.contains("gnillaid"), "{seen}");
            assert_eq!(line.lines().count(), 1, "{text}");
            if json {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(value["message"].as_str().unwrap().contains('\u{202e}'), "{value}");
            }
        }
    }

    fn without_colours(line: &str) -> String {
        let (mut out, mut rest) = (String::new(), line);
        while let Some(c) = rest.chars().next() {
            let colour = colour(rest);
            out.extend((colour == 0).then_some(c));
            rest = &rest[colour.max(if colour == 0 { c.len_utf8() } else { 0 })..];
        }
        out
    }

    #[test]
    fn what_is_fit_stays_as_it_is() {
        for line in ["plain\n", "Zoë 電話 \u{1b}[2mdim\u{1b}[0m\n", "no end"] {
            assert_eq!(cleaned(line, true), line);
        }
        for colours in [true, false] {
            assert_eq!(cleaned("a\u{1b}[2Jb\tc\n", colours), "a\\u001b[2Jb\\tc\n");
        }
        assert_eq!(cleaned("\u{1b}[31mred\n", false), "\\u001b[31mred\n");
    }
}
