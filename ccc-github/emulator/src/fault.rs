//! Failures on demand, by route and count.

use std::time::Duration;

/// A failure in place of an answer, for some requests.
///
/// ```
/// use std::time::Duration;
/// use github_emulator::Fault;
///
/// // The second and third pull request are opened, and the answers get lost.
/// let lost = Fault::on("POST", "/repos/octo/hello/pulls").cut().after_the_effect();
/// let lost = lost.skip(1).times(2);
/// // One answer comes late, any number of them come as HTML.
/// let late = Fault::on("GET", "/repos/*/*").delay(Duration::from_secs(3));
/// let html = Fault::on("*", "/app").body(200, "text/html", "<html>").times(usize::MAX);
/// # let _ = (lost, late, html);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault {
    method: String,
    path: String,
    skip: usize,
    left: usize,
    /// Whether the request is carried out first.
    pub(crate) after: bool,
    pub(crate) effect: FaultEffect,
}

/// The effect of a [`Fault`].
#[derive(Clone, Debug)]
pub(crate) enum FaultEffect {
    Status {
        status: u16,
        headers: Vec<(String, String)>,
    },
    Body {
        status: u16,
        content_type: String,
        body: String,
    },
    Delay(Duration),
    /// No answer at all.
    Cut,
    /// The answer's head, and half of its body.
    CutInTheMiddle,
}

impl Fault {
    /// Creates a fault that answers 500, once, without the effect, to requests with this method
    /// (`*` for any) whose path starts with these segments; `*` stands for any segment.
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            skip: 0,
            left: 1,
            after: false,
            effect: FaultEffect::Status { status: 500, headers: Vec::new() },
        }
    }

    /// Applies the fault to other requests.
    pub fn at(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    /// Answers with this status and an error as GitHub words it.
    pub fn status(mut self, status: u16) -> Self {
        self.effect = FaultEffect::Status { status, headers: Vec::new() };
        self
    }

    /// Adds a header to the answer of [`status`](Self::status), such as `retry-after`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let FaultEffect::Status { headers, .. } = &mut self.effect {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Answers with this body, whatever it holds.
    pub fn body(mut self, status: u16, content_type: &str, body: &str) -> Self {
        let (content_type, body) = (content_type.to_owned(), body.to_owned());
        self.effect = FaultEffect::Body { status, content_type, body };
        self
    }

    /// Answers as usual, this much later.
    pub fn delay(mut self, by: Duration) -> Self {
        self.effect = FaultEffect::Delay(by);
        self
    }

    /// Closes the connection without an answer.
    pub fn cut(mut self) -> Self {
        self.effect = FaultEffect::Cut;
        self
    }

    /// Closes the connection in the middle of the answer.
    pub fn cut_in_the_middle(mut self) -> Self {
        self.effect = FaultEffect::CutInTheMiddle;
        self.after = true;
        self
    }

    /// Carries the request out first: it has its effect, and only the answer gets lost.
    pub fn after_the_effect(mut self) -> Self {
        self.after = true;
        self
    }

    /// Leaves that many matching requests alone first.
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Fails that many requests.
    pub fn times(mut self, requests: usize) -> Self {
        self.left = requests;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        if self.method != "*" && !self.method.eq_ignore_ascii_case(method) {
            return false;
        }
        let mut actual = path.split('/');
        let mut wanted = self.path.trim_end_matches('/').split('/');
        wanted.all(|part| actual.next().is_some_and(|here| part == "*" || part == here))
    }
}

/// Returns the fault that is due for this request.
pub(crate) fn due(faults: &mut [Fault], method: &str, path: &str) -> Option<Fault> {
    for fault in faults.iter_mut().filter(|fault| fault.left > 0) {
        if !fault.matches(method, path) {
            continue;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        fault.left -= 1;
        return Some(fault.clone());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_due_on_its_route_after_its_skip_and_for_its_times() {
        let mut faults = [Fault::on("POST", "/repos/*/hello/issues").skip(1).times(2)];
        let mut ask = |method: &str, path: &str| due(&mut faults, method, path).is_some();
        for (method, path, expected) in [
            ("GET", "/repos/octo/hello/issues", false),
            ("POST", "/repos/octo/other/issues", false),
            ("POST", "/repos/octo/hello", false),
            ("POST", "/repos/octo/hello/issuesque", false),
            ("POST", "/repos/octo/hello/issues", false),
            ("POST", "/repos/octo/hello/issues/1/comments", true),
            ("post", "/repos/x/hello/issues", true),
            ("POST", "/repos/octo/hello/issues", false),
        ] {
            assert_eq!(ask(method, path), expected, "{method} {path}");
        }
    }
}
