//! Faults as a terminal shows them: the place, the line, a caret, the hint.

use std::{fmt, ops::Range};

use super::{Fault, Faults};

/// How much of a long line is shown.
const LINE_CHARS_MAX: usize = 160;

/// Bytes of a text as people count them.
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) width: usize,
    pub(super) source: String,
}

/// Finds the line and column of bytes. A span over several lines is cut to the first.
pub(super) fn place(text: &str, span: &Range<usize>) -> Place {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.floor_char_boundary(span.end.min(text.len())).max(start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |newline| start + newline);
    Place {
        line: text[..start].matches('\n').count() + 1,
        column: text[line_start..start].chars().count() + 1,
        width: text[start..end.min(line_end)]
            .trim_end_matches('\r')
            .chars()
            .count()
            .max(1),
        source: text[line_start..line_end].trim_end_matches('\r').to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        let gutter = self.line.to_string().len();
        writeln!(f, "{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column)?;
        if !self.source.is_empty() {
            let (line, before, width) = self.window();
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{} | {line}", self.line)?;
            writeln!(f, "{:gutter$} | {before}{}", "", "^".repeat(width))?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "{:gutter$} hint: {hint}", ""),
            None => Ok(()),
        }
    }
}

impl Fault {
    /// The part of the line that is shown, what stands under it before the caret, and the caret's width.
    /// Tabs stay tabs, so that the caret is under its character whatever their width.
    fn window(&self) -> (String, String, usize) {
        let skipped = match self.column {
            column if column > LINE_CHARS_MAX / 2 && self.source.chars().count() > LINE_CHARS_MAX => {
                column - LINE_CHARS_MAX / 2
            }
            _ => 0,
        };
        let line: String = self.source.chars().skip(skipped).take(LINE_CHARS_MAX).collect();
        let before: Vec<char> = line
            .chars()
            .take(self.column - 1 - skipped)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let width = self
            .width
            .min(LINE_CHARS_MAX - before.len().min(LINE_CHARS_MAX - 1));
        (line, before.into_iter().collect(), width)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        let mut files: Vec<&str> = self.0.iter().map(|fault| fault.file.as_str()).collect();
        files.dedup();
        let count = match self.0.len() {
            1 => "1 fault".to_owned(),
            many => format!("{many} faults"),
        };
        write!(f, "{count} in {}", files.join(", "))
    }
}
