//! A buffer that groups an agent's output into complete lines, because observers show lines, and
//! because a whole line is searched for secrets at once.

use crate::agent::AgentEvent;

/// Maximum length of a line, in bytes. A longer line is shown in parts.
const MAX_LINE: usize = 64 << 10;

/// A buffer that contains the incomplete last line of each output stream.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    held: [String; 2],
}

impl LineBuffer {
    /// Adds the output in `event` to the buffer, and returns the complete lines as one event, or
    /// `None` if no line is complete. An event other than [`AgentEvent::Printed`] is returned
    /// unchanged.
    pub(super) fn next(&mut self, event: AgentEvent) -> Option<AgentEvent> {
        let AgentEvent::Printed { error_stream, text } = event else { return Some(event) };
        let held = &mut self.held[usize::from(error_stream)];
        held.push_str(&text);
        let whole = match held.rfind('\n') {
            Some(end) => held.drain(..=end).collect(),
            None if held.len() > MAX_LINE => std::mem::take(held),
            None => return None,
        };
        Some(AgentEvent::Printed { error_stream, text: whole })
    }

    /// Returns the incomplete last line of each stream. The caller calls this method after the
    /// agent has ended.
    pub(super) fn rest(self) -> impl Iterator<Item = AgentEvent> {
        let [out, err] = self.held;
        [(false, out), (true, err)]
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(error_stream, text)| AgentEvent::Printed { error_stream, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_when_it_is_complete() {
        // spec: S6b
        let printed =
            |error_stream, text: &str| AgentEvent::Printed { error_stream, text: text.to_owned() };
        let mut lines = LineBuffer::default();
        assert_eq!(lines.next(printed(false, "a\nsec")), Some(printed(false, "a\n")));
        assert_eq!(lines.next(printed(true, "x")), None);
        assert_eq!(lines.next(printed(false, "ret\nb")), Some(printed(false, "secret\n")));
        let rest: Vec<_> = lines.rest().collect();
        assert_eq!(rest, [printed(false, "b"), printed(true, "x")]);
    }
}
